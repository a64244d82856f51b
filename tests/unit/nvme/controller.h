/* SPDX-License-Identifier: MIT */
/*
 * A simulated NVM Express controller with its disks, and the kernel around the driver: memory for
 * devices, time, PCI, the block front end as far as a driver sees it.
 *
 * Commands of I/O queues are held until the test says what becomes of them. What the driver must
 * never do (a doorbell beyond its mapping, a full completion queue, a queue id twice, a command
 * that uses memory outside of what it was given) is a failed check at once, or a fault that ASan
 * reports.
 */
#ifndef TESTS_UNIT_NVME_CONTROLLER_H
#define TESTS_UNIT_NVME_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>
#include "drivers/block/nvme_regs.h"
#include "device/block.h"

#define SIM_QUEUES     80
#define SIM_HELD       1024
#define SIM_NAMESPACES 1100
#define SIM_DISK       (2u << 20) /* bytes of a namespace */
#define SIM_NEVER      UINT32_MAX

struct sim_queue {
	bool sq_live, cq_live;
	uint64_t sq, cq;
	uint32_t sq_entries, cq_entries, head, tail;
	uint32_t cq_tail, cq_head, phase;
	uint32_t vector, completion; /* its completion queue */
	bool interrupts;
};

struct sim_command {
	uint32_t queue;
	struct nvme_command command;
};

/* What becomes of an admin command. */
enum sim_answer {
	SIM_GOOD,
	SIM_REFUSE,
	SIM_SILENT,
	SIM_WRONG_ID,
	SIM_WRONG_QUEUE,
	SIM_TWICE,
	SIM_FATAL
};

extern struct sim {
	/* Registers. */
	uint64_t cap, asq, acq;
	uint32_t version, config, status, aqa, mask;
	/* How it behaves. */
	uint32_t ready_after, stop_after; /* reads of the status; SIM_NEVER */
	bool fatal_at_start, gone;
	uint32_t give_queues;         /* of each kind */
	uint32_t give_raw;            /* this answer instead, if not 0 */
	enum sim_answer answers[256]; /* by opcode */
	uint32_t answers_left;        /* so many good ones before `answers` counts */
	/* Identify data. */
	uint8_t controller[4096], active[4096], namespaces[4][4096], descriptors[4][4096];
	/* State. */
	uint32_t reads_left, write_cache;
	struct sim_queue queues[SIM_QUEUES];
	uint32_t created, enables;
	struct sim_command held[SIM_HELD];
	uint32_t held_count;
	uint8_t *disks[4];
	/* PCI. */
	uint64_t bar_size;
	uint32_t msix_entries; /* 0: none */
	bool line, master;
	uint32_t msix_control[64]; /* words of the table */
	/* The kernel. */
	uint32_t cores;
	uint64_t now, look_ticks;
	uint32_t takes_left; /* of dma_take() until one fails */
	uint32_t live;       /* blocks taken and not given */
	uint32_t vectors;    /* that interrupts_take() gave */
	void (*function)(void *);
	void *arguments[64];
	uint32_t enabled_lines;
	/* The front end. */
	struct sim_device {
		struct bm_block_driver driver;
		char model[48], serial[24], firmware[12];
		bool in_use[256][64]; /* tags of queues */
		int status[256][64];
		uint32_t finished, strays, again;
		uint32_t notified[256];
	} devices[40];
	int device_count, add_error;
	uint32_t warnings;
} sim;

/* A good controller with two namespaces, of 512 and of 4,096 bytes a block; one core. */
void sim_begin(void);
/* Give the disks a content. */
void sim_fill(void);
/* Frees what the driver holds. */
void sim_end(void);

/* Carry out a held command, and complete it; or complete it with this status, without doing it. */
void sim_do(uint32_t held);
void sim_fail(uint32_t held, uint32_t status);
/* Take it out of those that are held. */
void sim_drop(uint32_t held);
/* Write an entry into a completion queue. */
void sim_complete(uint32_t queue, uint32_t sq, uint32_t id, uint32_t status);
/* Does the queue's completion queue have room, as far as the driver has told? */
bool sim_has_room(uint32_t queue);

/* Memory as the device sees it. */
static inline void *sim_memory(uint64_t phys)
{
	return (void *)(phys + LAYOUT_DEVICES);
}
static inline uint64_t sim_phys(const void *memory)
{
	return (uint64_t)memory - LAYOUT_DEVICES;
}

#endif
