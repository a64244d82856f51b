/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the NVM Express driver share.
 *
 *   nvme.c             namespaces as block devices: data path, interrupts, reset, probe
 *   nvme_controller.c  the controller: registers, admin commands, queues made and deleted
 *
 * Sections: NVM Express Base Specification, revision 1.4.
 */
#ifndef DRIVERS_NVME_H
#define DRIVERS_NVME_H

#include "nvme_regs.h"
#include "cpu/cpu.h"
#include "device/block.h"
#include "device/mmio.h"
#include "device/pci.h"

#define NVME_DEPTH      64 /* commands of a queue under way: ids of 6 bits */
#define NVME_PAGE       4096ul
#define NVME_NAMESPACES 32 /* of a controller */
#define NVME_VECTORS    64

/*
 * A completion's last two words in one, and what of them is compared: the queue's id, the phase,
 * the status, and the bits of the command's id that are 0 below NVME_DEPTH.
 */
#define NVME_EXPECTED(queue, phase) ((uint64_t)(phase) << 32 | (uint32_t)(queue) << 16)
#define NVME_EXPECTED_MASK                                                                         \
	((uint64_t)(NVME_STATUS_MASK << 17 | NVME_DW3_PHASE | (0x10000 - NVME_DEPTH)) << 32 |      \
	 0xffff0000u)

/* What requests need comes first. */
struct queue {
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	volatile void *sq_doorbell, *cq_doorbell; /* of a queue that is gone: controller.nowhere */
	uint8_t *lists;                           /* list_bytes a tag */
	uint64_t expected;  /* the next completion, if it is new and good: NVME_EXPECTED */
	uint64_t namespace; /* its id, as it stands beside a command's first word */
	uint32_t list_bytes;
	uint32_t sq_tail, sq_entries;
	uint32_t cq_head, cq_entries;
	uint32_t unreported; /* completions taken since the last word to the device … */
	uint32_t report;     /* … which it gets when there are so many */
	uint16_t id, vector;
	uint8_t unmasked;           /* its interrupts are on, and … */
	uint8_t busy_polls;         /* … nobody has asked for that since so many polls */
	uint8_t in_use[NVME_DEPTH]; /* tags that the device has */
	uint64_t looked;            /* time-stamp counter */
};

struct nvme_namespace {
	struct controller *controller;
	struct bm_block_device *block;
	uint32_t id;
	uint32_t generation; /* of the controller's when the queues were made */
	uint32_t queue_count;
	bool dataset; /* discards are dataset management, else write zeroes */
	struct queue *queues[];
};

struct vector {
	struct controller *controller;
	uint32_t index;
};

struct controller {
	struct bm_device *device;
	volatile uint8_t *registers, *doorbells;
	volatile uint32_t *msix; /* its table; NULL: other interrupts or none */
	uint32_t generation;     /* counts resets of the whole */
	uint32_t nowhere;        /* takes what is written to doorbells of queues that are gone */
	bool failed;
	bool busy; /* the lock of the admin queue */
	bool own_vectors;
	uint32_t vector_count;
	uint32_t stride;
	uint32_t sq_entries, cq_entries, depth;
	uint32_t report; /* completions after which the device is told */
	uint32_t list_bytes, max_bytes;
	uint64_t ready_ns; /* bound of a reset's halves */
	uint64_t look_ticks;
	uint32_t queues_total, version;
	/* The admin queue, and a buffer for its commands. */
	struct nvme_command *admin_sq;
	volatile struct nvme_completion *admin_cq;
	uint8_t *buffer;
	uint32_t admin_tail, admin_head, admin_phase;
	uint16_t admin_id;
	/* What it says of itself. */
	char serial[NVME_CTRL_SERIAL_BYTES + 1];
	char model[NVME_CTRL_MODEL_BYTES + 1];
	char firmware[NVME_CTRL_FIRMWARE_BYTES + 1];
	uint16_t commands; /* optional ones: NVME_CTRL_ONCS */
	bool write_cache;
	struct vector vectors[NVME_VECTORS];
	uint32_t namespace_count;
	struct nvme_namespace *namespaces[NVME_NAMESPACES];
	struct nvme_namespace *unfinished; /* its queues could not all be made, or deleted */
};

/* Numbers in identify data, where they may lie anywhere. */
static inline uint32_t get16(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8;
}

static inline uint32_t get32(const uint8_t *at)
{
	return get16(at) | get16(at + 2) << 16;
}

static inline uint64_t get64(const uint8_t *at)
{
	return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* ---- Register access ---- */

static inline uint32_t reg_read(const struct controller *c, uint32_t reg)
{
	return mmio_read32(c->registers + reg);
}

static inline void reg_write(const struct controller *c, uint32_t reg, uint32_t value)
{
	mmio_write32(c->registers + reg, value);
}

/* 3.1.6. A fatal state ends only by a reset; all ones come from a device that has gone. */
static inline bool is_dead(uint32_t status)
{
	return status == NVME_CSTS_GONE || status & NVME_CSTS_CFS;
}

/* False: the controller has been reset since these queues were made. */
static inline bool are_queues_alive(const struct nvme_namespace *ns)
{
	return ns->generation == __atomic_load_n(&ns->controller->generation, __ATOMIC_RELAXED);
}

/* ---- nvme_controller.c ---- */

/*
 * Find the registers, reset the controller, and have it tell what it is. *most: the number of its
 * last namespace. 0; -BM_EIO, -BM_ETIMEDOUT (it is logged why); -BM_ENOMEM.
 */
int nvme_open(struct controller *c, uint32_t *most);

/* Stop it: 0 if it touches no memory any more, else -BM_EIO or -BM_ETIMEDOUT. */
int nvme_disable(const struct controller *c);

/* Stop and start it anew: all queues, of all namespaces, are gone after that. Errors as above. */
int nvme_restart(struct controller *c);

/* All queues are about to be gone: nobody rings their doorbells from here on. */
void nvme_forget_queues(struct controller *c);

/* Give back the memory of its admin queue. */
void nvme_close(struct controller *c);

/* The lock of the admin queue; all that follow need it once there are namespaces in use. */
static inline void nvme_lock(struct controller *c)
{
	while (__atomic_test_and_set(&c->busy, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static inline void nvme_unlock(struct controller *c)
{
	__atomic_clear(&c->busy, __ATOMIC_RELEASE);
}

/*
 * Those that send admin commands return 0; above 0: the status with which the controller refuses
 * it; -BM_EIO or -BM_ETIMEDOUT: no answer, and only a reset makes sure that none comes later.
 */

/* 5.15: fill c->buffer. */
int nvme_identify(struct controller *c, uint32_t what, uint32_t nsid);

/* Have queue pairs for so many namespaces, *each of them so many; c->queues_total of them in all,
 * which may be less. Once. */
int nvme_share_queues(struct controller *c, uint32_t namespaces, uint32_t *each);

/* Make a namespace's queues, empty. */
int nvme_create_queues(struct nvme_namespace *ns);

/* Delete them: their commands touch no memory any more. */
int nvme_delete_queues(struct nvme_namespace *ns);

void nvme_warn(const struct controller *c, const char *text);

#endif
