/* SPDX-License-Identifier: MIT */
/*
 * Packets for optical drives: MMC-6 and SPC-4. Each driver brings a function that carries one
 * packet; what the answers mean is found out here. Only what reading takes: test, sense, capacity,
 * read.
 */
#ifndef DRIVERS_BLOCK_ATAPI_H
#define DRIVERS_BLOCK_ATAPI_H

#include <stdbool.h>
#include <stdint.h>

#define ATAPI_PACKET_BYTES 16 /* the drive takes the first 12, or all */
#define ATAPI_ANSWER_BYTES 18 /* the longest of those below */

/* Sense keys: SPC-4, table 48. */
#define ATAPI_SENSE_NOT_READY 2
#define ATAPI_SENSE_ATTENTION 6

/* READ(10): at most 65,535 sectors, from a 32-bit address. */
void atapi_make_read(uint32_t sector, uint16_t sectors, uint8_t packet[ATAPI_PACKET_BYTES]);

/*
 * Carry a packet, and wait. `answer` receives at most `bytes`, of which there are *got. Returns 0;
 * the sense key (1 to 15) if the drive refuses; or a negative BM_E…: the device does not work.
 */
typedef int atapi_carry(void *state, const uint8_t packet[ATAPI_PACKET_BYTES], uint8_t *answer,
			uint32_t bytes, uint32_t *got);

/* A drive, as its driver reaches it. */
struct atapi_drive {
	atapi_carry *carry;
	void *state;
	const char *name; /* for the log */
};

/*
 * See what medium is in a drive. Waits while it gets ready, at most ATAPI_READY_NS. 0: *sectors and
 * *sector_size are set; *sectors is 0 where there is no medium, which is said in the log. Or a
 * negative BM_E…
 */
#define ATAPI_READY_NS 10000000000ul
int atapi_find_medium(const struct atapi_drive *drive, uint64_t *sectors, uint32_t *sector_size);

#endif
