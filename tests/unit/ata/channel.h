/* SPDX-License-Identifier: MIT */
/*
 * A simulated IDE adapter: two channels, two drives each, with bus masters. Commands take as many
 * looks at the status as the test says. What a driver must never do (a command to a drive that is
 * busy, data that nobody asked for, a table across a border) is a failed check.
 */
#ifndef TESTS_UNIT_ATA_CHANNEL_H
#define TESTS_UNIT_ATA_CHANNEL_H

#include "disk.h"

enum packet_mood { PACKET_GOOD, PACKET_ODD, PACKET_NOTHING, PACKET_TOO_MUCH, PACKET_SHORT };

struct sim_drive {
	struct sim_disk disk;
	uint8_t registers[8], high[8]; /* as written; the second writes move the first up */
	uint8_t status, error;
	uint8_t *data; /* under way by PIO */
	uint32_t bytes, at, block;
	bool to_host, dma, wants_packet;
	uint8_t command;
	uint64_t lba;
	uint32_t count;
	uint8_t answer[256 << 10];
	/* How it behaves. */
	uint32_t busy_for; /* looks at the status that a command takes */
	uint32_t busy_left;
	bool deaf;         /* is busy for ever, once it has a command */
	bool never_ready;  /* and after a reset */
	bool keeps_asking; /* DRQ stays when all is done */
	uint32_t again_after,
	    again_left; /* looks after a command's end until it interrupts once more */
	bool short_dma, dma_error;
	enum packet_mood mood;
	uint32_t commands;
};

struct sim_channel {
	bool floating; /* nothing there at all: all ones */
	struct sim_drive drives[2];
	uint32_t selected;
	bool reset, line;
	uint8_t master_command, master_status;
	uint32_t table;
	uint32_t resets;
};

extern struct sim_channel channels[2];

/* Compatibility ports, no drive. */
void channel_begin(void);
void channel_plug(uint32_t channel, uint32_t drive, enum disk_kind kind);

#endif
