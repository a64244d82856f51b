/* SPDX-License-Identifier: MIT */
/*
 * What simulated ATA devices hold and say: identify data, sectors, and which of them are bad.
 */
#ifndef TESTS_UNIT_ATA_DISK_H
#define TESTS_UNIT_ATA_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_BYTES (2u << 20)

struct sim_disk {
	bool present, packet;
	uint16_t identity[256];
	uint32_t sector_size;
	uint64_t sectors;
	uint8_t *data;
	/* Sectors that cannot be read or written; every time, or so many times. */
	uint64_t bad_first, bad_count;
	uint32_t bad_times;
	uint64_t trimmed; /* sectors */
	uint32_t flushes;
	bool no_medium;
	uint32_t attentions; /* to be told yet */
	uint32_t not_ready;  /* times */
	uint8_t sense_key, sense_code;
};

enum disk_kind { DISK_NCQ, DISK_LBA48, DISK_LBA28, DISK_4096, DISK_OPTICAL };

/* A good one. Frees what it was before. */
void disk_make(struct sim_disk *disk, enum disk_kind kind);
/* Does a command with these sectors fail? Counts down. */
bool disk_fails(struct sim_disk *disk, uint64_t sector, uint64_t count);
/* A packet: fills answer, sets *bytes. Returns the sense key, 0: good. */
uint8_t disk_packet(struct sim_disk *disk, const uint8_t *packet, uint8_t *answer, uint32_t *bytes);
/* The ranges of a TRIM. */
void disk_trim(struct sim_disk *disk, const uint8_t *block);

#endif
