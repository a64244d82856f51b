/* SPDX-License-Identifier: MIT */
/*
 * Simulated ATA devices. Contract: disk.h.
 */
#include "disk.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel.h"

static void text(uint16_t *words, unsigned count, const char *value)
{
	char buffer[64];
	snprintf(buffer, sizeof buffer, "%-*s", (int)count * 2, value);
	for (unsigned i = 0; i < count; i++)
		words[i] = (uint8_t)buffer[2 * i] << 8 | (uint8_t)buffer[2 * i + 1];
}

void disk_make(struct sim_disk *disk, enum disk_kind kind)
{
	uint16_t *w = disk->identity;
	uint8_t *data = disk->data ? disk->data : malloc(DISK_BYTES);

	memset(disk, 0, sizeof *disk);
	disk->data = data;
	for (uint32_t i = 0; i < DISK_BYTES; i++)
		data[i] = fake_random();
	disk->present = true;
	disk->packet = kind == DISK_OPTICAL;
	disk->sector_size = kind == DISK_4096 ? 4096 : kind == DISK_OPTICAL ? 2048 : 512;
	disk->sectors = DISK_BYTES / disk->sector_size;
	text(w + 10, 10, "serial 7");
	text(w + 23, 4, "1.0");
	text(w + 27, 20, disk->packet ? "a drive" : "a disk");
	w[49] = 0x0300;
	w[63] = 0x0007;
	w[88] = 0x203f;
	if (disk->packet) {
		w[0] = 0x8580;
		return;
	}
	w[0] = 0x0040;
	w[60] = disk->sectors;
	w[61] = disk->sectors >> 16;
	w[82] = 0x0020;
	w[83] = 0x7000 & ~0x3000;
	w[84] = w[87] = 0x4000;
	w[85] = 0x0020;
	if (kind == DISK_LBA28)
		return;
	w[83] = 0x4000 | 0x3400;
	for (int i = 0; i < 4; i++)
		w[100 + i] = disk->sectors >> 16 * i;
	w[169] = 1;
	if (kind == DISK_LBA48)
		return;
	w[75] = 31;
	w[76] = 0x0100;
	w[84] = w[87] = 0x4060;
	if (kind == DISK_4096) {
		w[106] = 0x5000;
		w[117] = 2048;
	}
}

bool disk_fails(struct sim_disk *disk, uint64_t sector, uint64_t count)
{
	if (!disk->bad_count || !disk->bad_times || sector + count <= disk->bad_first ||
	    sector >= disk->bad_first + disk->bad_count)
		return false;
	disk->bad_times -= disk->bad_times != UINT32_MAX;
	return true;
}

static uint8_t refuse(struct sim_disk *disk, uint8_t key, uint8_t code)
{
	disk->sense_key = key;
	disk->sense_code = code;
	return key;
}

static void put32(uint8_t *to, uint32_t value)
{
	to[0] = value >> 24;
	to[1] = value >> 16;
	to[2] = value >> 8;
	to[3] = value;
}

uint8_t disk_packet(struct sim_disk *disk, const uint8_t *p, uint8_t *answer, uint32_t *bytes)
{
	*bytes = 0;
	if (p[0] == 0x03) { /* REQUEST SENSE */
		memset(answer, 0, 18);
		answer[0] = 0x70;
		answer[2] = disk->sense_key;
		answer[7] = 10;
		answer[12] = disk->sense_code;
		*bytes = p[4] < 18 ? p[4] : 18;
		return 0;
	}
	if (disk->attentions) {
		disk->attentions--;
		return refuse(disk, 6, 0x29);
	}
	if (disk->no_medium)
		return refuse(disk, 2, 0x3a);
	if (disk->not_ready) {
		disk->not_ready -= disk->not_ready != UINT32_MAX;
		return refuse(disk, 2, 0x04);
	}
	if (p[0] == 0x00)
		return 0;
	if (p[0] == 0x25) {
		put32(answer, disk->sectors - 1);
		put32(answer + 4, disk->sector_size);
		*bytes = 8;
		return 0;
	}
	CHECK(p[0] == 0x28);
	uint64_t sector = (uint32_t)p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
	uint32_t count = p[7] << 8 | p[8];
	CHECK(count && sector + count <= disk->sectors);
	if (disk_fails(disk, sector, count))
		return refuse(disk, 3, 0x11);
	*bytes = count * disk->sector_size;
	memcpy(answer, disk->data + sector * disk->sector_size, *bytes);
	return 0;
}

void disk_trim(struct sim_disk *disk, const uint8_t *block)
{
	for (int i = 0; i < 64; i++) {
		uint64_t range;
		memcpy(&range, block + 8 * i, 8);
		uint64_t sector = range & 0xffffffffffff, count = range >> 48;
		CHECK(!count || sector + count <= disk->sectors);
		disk->trimmed += count;
	}
}
