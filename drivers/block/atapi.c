/* SPDX-License-Identifier: MIT */
/*
 * Packets for optical drives. Contract: atapi.h.
 */
#include "atapi.h"
#include <baremetal/error.h>
#include <string.h>
#include "console/log.h"
#include "cpu/time.h"
#include "cpu/timer.h"

/* SPC-4 6.47, 6.39; MMC-6 6.25, 6.19. */
#define TEST_UNIT_READY 0x00
#define REQUEST_SENSE   0x03
#define READ_CAPACITY   0x25
#define READ_10         0x28

#define CAPACITY_BYTES 8
#define SENSE_BYTES    18
_Static_assert(SENSE_BYTES <= ATAPI_ANSWER_BYTES, "see atapi.h");

/* SPC-4 4.5.3, fixed format. */
#define SENSE_CODE       0
#define  SENSE_CODE_MASK   0x7f
#define  SENSE_CODE_FIXED  0x70 /* and 0x71: of an earlier command */
#define SENSE_KEY        2
#define SENSE_ASC        12
#define  ASC_NO_MEDIUM     0x3a
#define  ASC_INCOMPATIBLE  0x30 /* and so an unformatted or foreign medium */

#define SECTOR_CD  2048
#define RETRY_NS   100000000
#define ATTENTIONS 8 /* that may follow each other at once */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

void atapi_make_read(uint32_t sector, uint16_t sectors, uint8_t packet[ATAPI_PACKET_BYTES])
{
	memset(packet, 0, ATAPI_PACKET_BYTES);
	packet[0] = READ_10;
	packet[2] = sector >> 24;
	packet[3] = sector >> 16;
	packet[4] = sector >> 8;
	packet[5] = sector;
	packet[7] = sectors >> 8;
	packet[8] = sectors;
}

/* Why was a packet refused? The additional code, 0 if unknown. */
static uint8_t request_sense(const struct atapi_drive *drive)
{
	uint8_t packet[ATAPI_PACKET_BYTES] = {REQUEST_SENSE}, sense[SENSE_BYTES] = {0};
	uint32_t got = 0;
	packet[4] = SENSE_BYTES;
	if (drive->carry(drive->state, packet, sense, SENSE_BYTES, &got) || got <= SENSE_ASC ||
	    (sense[SENSE_CODE] & SENSE_CODE_MASK & ~1) != SENSE_CODE_FIXED)
		return 0;
	return sense[SENSE_ASC];
}

static int read_capacity(const struct atapi_drive *drive, uint64_t *sectors, uint32_t *sector_size)
{
	uint8_t packet[ATAPI_PACKET_BYTES] = {READ_CAPACITY}, answer[CAPACITY_BYTES] = {0};
	uint32_t got = 0;
	int result = drive->carry(drive->state, packet, answer, CAPACITY_BYTES, &got);
	if (result)
		return result;
	if (got < CAPACITY_BYTES)
		return -BM_EIO;
	uint32_t last = get32(answer), size = get32(answer + 4);
	/* Other sizes are of audio, and of what no drive should have. */
	if (size != SECTOR_CD || last == UINT32_MAX) {
		log_warning("%s: a medium with sectors of %u bytes cannot be read: it needs 2,048",
			    drive->name, size);
		return 0;
	}
	*sectors = (uint64_t)last + 1;
	*sector_size = size;
	return 0;
}

int atapi_find_medium(const struct atapi_drive *drive, uint64_t *sectors, uint32_t *sector_size)
{
	uint64_t end = time_monotonic() + ATAPI_READY_NS;
	const uint8_t test[ATAPI_PACKET_BYTES] = {TEST_UNIT_READY};
	int result = 0;

	*sectors = 0;
	*sector_size = SECTOR_CD;
	for (uint32_t tries = 0; time_monotonic() < end; tries++) {
		uint32_t got;
		uint8_t code = 0;
		result = drive->carry(drive->state, test, NULL, 0, &got);
		if (!result)
			result = read_capacity(drive, sectors, sector_size);
		if (result <= 0)
			return result;
		code = request_sense(drive);
		if (code == ASC_NO_MEDIUM || code == ASC_INCOMPATIBLE) {
			log_info("%s: no medium%s", drive->name,
				 code == ASC_NO_MEDIUM ? "" : " that can be read");
			return 0;
		}
		/* An attention (it was reset, the medium is new) is told once; else it gets ready. */
		if (result != ATAPI_SENSE_ATTENTION || tries >= ATTENTIONS)
			timer_wait(RETRY_NS);
	}
	log_warning("%s: does not become ready (sense key %d)", drive->name, result);
	return 0;
}
