/* SPDX-License-Identifier: MIT */
/*
 * The kernel around a network driver, for its tests: time that passes by being asked for, memory
 * for devices with poisoned borders, a pool of buffers that knows which of them are out, and the
 * network front end as a driver sees it.
 */
#ifndef TESTS_UNIT_E1000_KERNEL_H
#define TESTS_UNIT_E1000_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "device/net.h"

extern unsigned checks, failures;
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 30)                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
	} while (0)

#define BUFFERS 900

extern struct fake {
	uint64_t now;          /* ns, and ticks */
	uint32_t takes_left;   /* of dma_take() until it fails */
	uint32_t buffers_most; /* of the pool */
	uint32_t buffers_out;  /* taken, and not given back */
	bool narrow;           /* none crosses a multiple of 64 KiB */
	bool master;
	bool interrupts; /* can reach this machine */
	void (*function)(void *);
	void *argument;
	uint32_t lines_enabled, notified, errors, warnings;
	const char *fault; /* the first reason since fake_begin() or fake_reset() */
	struct bm_net_driver driver;
	bool added;
	struct bm_net_setup setup;
	struct bm_net_queue queue;
	struct bm_device device;
	uint32_t link_control; /* of PCI Express */
} fake;

/* All as at power-on. */
void fake_begin(uint16_t id);
int fake_probe(void);
/* As the front end does. */
int fake_start(void);
void fake_stop(void);
int fake_reset(void);

/* The memory behind a physical address; a failed check, and NULL, if the device must not touch it.
 */
void *fake_memory(uint64_t phys, uint64_t bytes);

/* Random numbers that are the same each time. */
uint32_t fake_random(void);

#endif
