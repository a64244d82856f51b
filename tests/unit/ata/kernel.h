/* SPDX-License-Identifier: MIT */
/*
 * The kernel around a disk driver, for its tests: time that passes by being asked for, memory for
 * devices with poisoned borders, PCI as far as it is needed, and the block front end as a driver
 * sees it: it knows which tags the driver has, so that an answer too much is a failed check.
 */
#ifndef TESTS_UNIT_ATA_KERNEL_H
#define TESTS_UNIT_ATA_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include "device/block.h"

#define DEVICES 8
#define TAGS    64
#define PENDING 1 /* result of a tag that has no answer */
#define AGAIN   2 /* the driver wants a reset */

extern unsigned checks, failures;
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition) && failures++ < 30)                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
	} while (0)

struct fake_device {
	struct bm_block_driver driver;
	char model[48], serial[24], firmware[12];
	bool in_use[TAGS];
	int results[TAGS];
	uint8_t *memory[TAGS];
	uint32_t answers; /* in all */
	uint32_t notified;
};

extern struct fake {
	uint64_t now;        /* ns, and ticks */
	uint32_t takes_left; /* of dma_take() until it fails */
	uint32_t taken;      /* blocks that are out */
	bool master;
	bool interrupts; /* can reach this machine */
	void (*function)(void *);
	void *argument;
	uint32_t lines_enabled;
	struct fake_device devices[DEVICES];
	uint32_t count;
	int probed; /* what probe() gave */
	struct bm_pci_bar bars[6];
	struct bm_device device;
	uint32_t warnings;
} fake;

/* All as at power-on. */
void fake_begin(void);
/* What the one driver in the program says of the device. */
int fake_probe(void);

/* The memory behind a physical address. */
void *fake_memory(uint64_t phys);
/* Memory that a request may use, of so many bytes, in fake_memory()'s range. */
uint8_t *fake_buffer(uint32_t bytes);

/*
 * Hand the driver a command. Reads and writes: buffer in `pieces` runs of about equal size, each of
 * whole sectors; 0: the driver shall move the data by itself. Returns what start() did.
 */
int fake_start(uint32_t device, uint32_t tag, uint8_t operation, uint8_t flags, uint64_t sector,
	       uint32_t sectors, uint8_t *buffer, uint32_t pieces);
void fake_kick(uint32_t device);
void fake_poll(uint32_t device);
/* Poll until the tag has an answer, or so many nanoseconds have passed. Returns its result. */
int fake_wait(uint32_t device, uint32_t tag, uint64_t ns);
/* As the front end does: reset, and forget what was under way. Returns what ops->reset() did. */
int fake_reset(uint32_t device);

/* Random numbers that are the same each time. */
uint32_t fake_random(void);

#endif
