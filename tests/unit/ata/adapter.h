/* SPDX-License-Identifier: MIT */
/*
 * A simulated AHCI adapter with its ports and devices. Commands are carried out at once, or held
 * until the test says what becomes of them. What a driver must never do (mix queued commands and
 * others, issue to an engine that is not running, a tag twice, a table that is not aligned) is a
 * failed check.
 */
#ifndef TESTS_UNIT_ATA_ADAPTER_H
#define TESTS_UNIT_ATA_ADAPTER_H

#include "disk.h"

#define PORTS 6

enum log_kind { LOG_GOOD, LOG_BAD_SUM, LOG_OTHER_TAG, LOG_NOT_QUEUED, LOG_FAILS, LOG_NEVER };

struct sim_port {
	struct sim_disk disk;
	uint32_t clb, clbu, fb, fbu, is, ie, cmd, tfd, sctl, serr, sact, ci;
	bool link;
	bool hold; /* commands wait for the test */
	bool deaf; /* commands are not even looked at */
	bool never_stops, never_ready, never_links;
	uint32_t ready_after; /* reads of PxTFD until the device is ready */
	uint32_t short_by;    /* bytes that packets move too few */
	enum log_kind log;
	uint32_t queue_error; /* bit N: the tag that has failed, until it is read or reset */
	uint32_t held;        /* tags */
	uint32_t resets;      /* COMRESETs */
	uint32_t logs_read;
	uint32_t commands;
	uint64_t mem_from, mem_to; /* where commands may have their data; 0, 0: anywhere */
};

extern struct adapter {
	uint32_t cap, ghc, is, pi, cap2, bohc;
	uint32_t reset_after;    /* reads until a reset is done */
	uint32_t firmware_after; /* reads until firmware lets go */
	bool gone_ones, gone_zeros;
	uint32_t resets;
	struct sim_port ports[PORTS];
} adapter;

/* Six ports, nothing plugged in; an adapter with all it can have. */
void adapter_begin(void);
void adapter_plug(uint32_t port, enum disk_kind kind);
void adapter_unplug(uint32_t port);

/* Carry out a held command. False: it has failed. */
bool adapter_do(uint32_t port, uint32_t tag);
/* Tell of an error of the interface, while commands are held. */
void adapter_interface_error(uint32_t port);
/* Tell once more that queued commands are done, though nothing is. */
void adapter_tell_again(uint32_t port);

#endif
