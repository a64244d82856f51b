/* SPDX-License-Identifier: MIT */
/*
 * Block devices: disks, and whatever else is read and written in sectors.
 *
 *     static char data[4096] __attribute__((aligned(4096)));
 *     if (bm_block_count() > 0 && bm_block_read(0, 0, data, sizeof data, BM_FOREVER) == 0)
 *             …
 *
 * Requests are asynchronous: submit a batch, do other work, poll. The blocking forms stand on that.
 * No data are copied: the device reads and writes the caller's memory.
 *
 * The first call of any function here discovers devices and starts their drivers (see
 * <baremetal/pci.h>). They need a little memory for their queues: make that call before a program
 * takes all there is with bm_memory_grow().
 *
 * A request is answered exactly once, and in bounded time: if the device does not answer, it is
 * reset and what was under way is begun again; what gets no answer BM_BLOCK_ATTEMPTS times is
 * answered with -BM_ETIMEDOUT. When a request has been answered, the device no longer touches its
 * memory. Requests under way at the same time may be carried out in any order.
 */
#ifndef BAREMETAL_BLOCK_H
#define BAREMETAL_BLOCK_H

#include <baremetal/api.h>
#include <baremetal/error.h>
#include <baremetal/time.h>
#include <string.h>

/** What a request is for. */
enum bm_block_operation {
	BM_BLOCK_READ = 0,
	BM_BLOCK_WRITE = 1,
	/* All writes that were answered before this was submitted survive losing power. */
	BM_BLOCK_FLUSH = 2,
	/* The content of these sectors is of no more use; what reading gives then is not defined.
	 */
	BM_BLOCK_DISCARD = 3,
};

/** bm_block_request.flags: the write itself survives losing power once it is answered. */
#define BM_BLOCK_FUA 1

/** bm_block_request.status until it is answered. */
#define BM_BLOCK_PENDING 1

/** Times that a command is begun, with resets in between, before it is answered with -BM_ETIMEDOUT.
 */
#define BM_BLOCK_ATTEMPTS 3

/** Nanoseconds for one attempt, unless bm_block_set_timeout() says otherwise. */
#define BM_BLOCK_TIMEOUT (30 * BM_SECOND)

/** As a queue: all of a device's. */
#define BM_BLOCK_ALL_QUEUES UINT32_MAX

/** Addresses of a request's memory are multiples of this. */
#define BM_BLOCK_ALIGN 4

/** A piece of memory that a request reads into or writes from. */
struct bm_block_segment {
	void *address; /* any memory of the app's, a multiple of BM_BLOCK_ALIGN */
	size_t bytes;  /* a multiple of the sector size, more than 0 */
};

/**
 * A request. The caller's memory, zeroed but for what the caller sets. From bm_block_submit() on it
 * is the kernel's, with its list of segments and their memory: with `done`, until that is called;
 * else until `status` is no longer BM_BLOCK_PENDING. Then it may be used again.
 */
struct bm_block_request {
	/* The caller sets these; the kernel does not change them. */
	uint8_t operation;      /* enum bm_block_operation */
	uint8_t flags;          /* BM_BLOCK_FUA, for writes */
	uint16_t segment_count; /* of reads and writes, at least 1; else 0 */
	uint32_t reserved;      /* 0 */
	uint64_t sector;        /* the first one; in the device's sectors */
	uint64_t sectors;       /* of a discard: how many. Else 0: the segments tell */
	const struct bm_block_segment *segments; /* of reads and writes */
	/**
	 * NULL, or called once when the request has been answered: in a task, on the core that
	 * polled, never in an interrupt. It may submit; it should not wait.
	 */
	void (*done)(struct bm_block_request *request);
	void *user; /* the caller's own */
	/**
	 * 0 or BM_FOREVER, or a time on bm_time_monotonic()'s scale: if there is no answer by then,
	 * the request is answered with -BM_ETIMEDOUT, at the price of a reset of the device if it
	 * has begun it. In the past: it is answered so, and not begun.
	 */
	uint64_t deadline_ns;

	/**
	 * The answer, stored after all else (release order): 0, or
	 * -BM_EIO        the device reports an error
	 * -BM_ETIMEDOUT  no answer in time
	 * -BM_ENODEV     the device failed for good, or is gone
	 * -BM_ENOSPC     the device is full (thin provisioning)
	 * -BM_EINVAL     not as said above, or beyond the device's end
	 * -BM_EFAULT     memory that is not mapped, or for a read, not writable
	 * -BM_EROFS      a write to a read-only device
	 * -BM_ENOSYS     a discard, and the device has none
	 */
	int32_t status;

	uint32_t queue; /* set by bm_block_submit(), for bm_block_poll() and bm_block_arm() */

	/** @cond */
	/* The kernel's. */
	uint32_t parts; /* with the device now */
	uint32_t stage;
	int32_t result;   /* the worst of its parts */
	uint32_t segment; /* the next part begins there */
	uint64_t offset;
	uint64_t next_sector, end_sector; /* of the next part, and of all */
	int64_t deadline_ticks;
	struct bm_block_request *next;
	void *waiter;
	/** @endcond */
};

/** bm_block_info.flags */
enum bm_block_flags {
	BM_BLOCK_READ_ONLY = 1,
	BM_BLOCK_REMOVABLE = 2,   /* the medium may be changed */
	BM_BLOCK_OPTICAL = 4,     /* a CD, DVD or Blu-ray drive */
	BM_BLOCK_WRITE_CACHE = 8, /* volatile: only a flush or FUA makes writes durable */
	BM_BLOCK_HAS_FUA = 16,    /* the device itself; else a flush follows such a write */
	BM_BLOCK_HAS_DISCARD = 32,
	BM_BLOCK_FAILED = 64, /* given up: every request is answered with -BM_ENODEV */
};

/** What bm_block_info() tells. */
struct bm_block_info {
	char name[16];        /* driver and number, "nvme0": the same as long as the hardware is */
	char address[24];     /* of the controller: "pci 00:04.0", "mmio 0xfeb00e00"; "app" */
	char model[48];       /* as the device tells, trimmed; "" if it does not */
	char serial[24];      /* likewise */
	char firmware[12];    /* likewise: its revision */
	uint64_t sectors;     /* how many it has */
	uint32_t sector_size; /* bytes: 512 to 4,096, a power of two */
	uint32_t physical_sector_size; /* writes of less are slower */
	uint32_t flags;                /* enum bm_block_flags */
	uint32_t max_transfer;         /* bytes of one command; a larger request becomes several */
	uint32_t queues;               /* core c submits to queue c % queues */
	uint32_t depth;                /* commands under way in a queue at most */
	/* Counters since discovery; not of one moment while requests run. */
	uint64_t reads;         /* requests answered, also with errors */
	uint64_t writes;        /* likewise */
	uint64_t flushes;       /* likewise */
	uint64_t discards;      /* likewise */
	uint64_t bytes_read;    /* by requests without an error */
	uint64_t bytes_written; /* likewise */
	uint64_t errors;        /* requests answered with a negative status */
	uint64_t retries;       /* commands begun once more after a reset */
	uint64_t resets;        /* of the device, because it did not answer */
	uint64_t strays;        /* answers of the device to nothing that it was asked: ignored */
	uint64_t interrupts;    /* that made a core poll */
};

/**
 * Count the block devices.
 * @return how many; they are numbered from 0 and never go away. Any core. The first call discovers
 *         devices, which may take seconds; later ones never block.
 */
static inline int bm_block_count(void)
{
	return bm_api->block_count();
}

/**
 * Describe a device.
 * @return 0; -BM_EINVAL if there is none of this number. As bm_block_count().
 */
static inline int bm_block_info(uint32_t device, struct bm_block_info *info)
{
	return bm_api->block_info(device, info);
}

/**
 * Hand requests to a device. Any core, never blocks; lasts as long as it takes to make and announce
 * the commands.
 *
 * @param device    its number.
 * @param requests  `count` pointers. A request may be larger than a command can be: it becomes
 *                  several, and is answered once. One that cannot be done (see status) is taken and
 *                  answered at once: its `done` may be called within this call.
 * @param count     how many.
 * @return how many were taken, from the first one on: less than count if the device's queue of this
 *         core is full; poll, then submit the rest. -BM_EINVAL if there is no such device.
 */
static inline int bm_block_submit(uint32_t device, struct bm_block_request *const *requests,
				  uint32_t count)
{
	return bm_api->block_submit(device, requests, count);
}

/**
 * See what a device has done, answer those requests, and give up those whose time has passed. Any
 * core; `done` functions run within this call. May reset the device, which takes up to seconds;
 * else never blocks.
 *
 * @param device  its number.
 * @param queue   bm_block_request.queue, or BM_BLOCK_ALL_QUEUES.
 * @return how many requests were answered; -BM_EINVAL if there is no such device or queue.
 */
static inline int bm_block_poll(uint32_t device, uint32_t queue)
{
	return bm_api->block_poll(device, queue);
}

/**
 * Have the kernel poll by itself: until the queue has no requests, a task polls it whenever the
 * device interrupts (where it cannot: a hundred times a second and more), and when time runs out.
 * For who waits for `done`. Polling besides is allowed.
 *
 * @return 0; 1 if the queue had nothing under way, or if something was there already: then it has
 *         been queued; -BM_EINVAL as bm_block_poll(); -BM_ENODEV if this machine has neither timer
 *         nor interrupts: poll. Any core, never blocks.
 */
static inline int bm_block_arm(uint32_t device, uint32_t queue)
{
	return bm_api->block_arm(device, queue);
}

/**
 * Wait until a submitted request without `done` is answered. Polls for a moment, then this core
 * runs queued tasks (as bm_task_wait() does) and sleeps when there are none. One waiter a request.
 * In a thread it keeps the core from other threads: there, use `done`.
 * @return its status.
 */
static inline int bm_block_wait(uint32_t device, struct bm_block_request *request)
{
	return bm_api->block_wait(device, request);
}

/**
 * The same, but this core runs no task meanwhile: for who holds a lock that a task may want. `done`
 * functions of other requests may run within this call. Several may wait on one core each.
 * @return its status.
 */
static inline int bm_block_wait_alone(uint32_t device, struct bm_block_request *request)
{
	return bm_api->block_wait_alone(device, request);
}

/**
 * Say how long one attempt of a request may take before the device is reset. For requests that are
 * submitted from now on.
 * @param device      its number.
 * @param timeout_ns  at least 1 ms (BM_SECOND / 1000), at most an hour; BM_BLOCK_TIMEOUT at first.
 * @return 0 or -BM_EINVAL. Any core, never blocks.
 */
static inline int bm_block_set_timeout(uint32_t device, uint64_t timeout_ns)
{
	return bm_api->block_set_timeout(device, timeout_ns);
}

/** The blocking forms' common part: submit, and wait for the answer. @return its status. */
static inline int bm_block_run(uint32_t device, struct bm_block_request *request)
{
	int taken;

	while ((taken = bm_block_submit(device, &request, 1)) == 0)
		bm_block_poll(device, BM_BLOCK_ALL_QUEUES);
	return taken < 0 ? taken : bm_block_wait(device, request);
}

/**
 * Read sectors, and wait for them.
 *
 * @param device       its number.
 * @param sector       the first one, in the device's sectors.
 * @param buffer       a multiple of BM_BLOCK_ALIGN.
 * @param bytes        a multiple of the sector size, more than 0.
 * @param deadline_ns  on bm_time_monotonic()'s scale; BM_FOREVER: the device's own bounds alone.
 * @return 0, or as bm_block_request.status. Waits as bm_block_wait() does.
 */
static inline int bm_block_read(uint32_t device, uint64_t sector, void *buffer, size_t bytes,
				uint64_t deadline_ns)
{
	struct bm_block_segment segment = {buffer, bytes};
	struct bm_block_request request;

	memset(&request, 0, sizeof request);
	request.operation = BM_BLOCK_READ;
	request.segment_count = 1;
	request.sector = sector;
	request.segments = &segment;
	request.deadline_ns = deadline_ns;
	return bm_block_run(device, &request);
}

/**
 * Write sectors, and wait until the device has them (for durability: BM_BLOCK_FUA, or
 * bm_block_flush()). As bm_block_read().
 * @param device       its number.
 * @param sector       the first one.
 * @param buffer       is not changed.
 * @param bytes        a multiple of the sector size.
 * @param flags        0 or BM_BLOCK_FUA.
 * @param deadline_ns  as with bm_block_read().
 * @return 0, or as bm_block_request.status.
 */
static inline int bm_block_write(uint32_t device, uint64_t sector, const void *buffer, size_t bytes,
				 uint32_t flags, uint64_t deadline_ns)
{
	struct bm_block_segment segment = {(void *)(uintptr_t)buffer, bytes};
	struct bm_block_request request;

	memset(&request, 0, sizeof request);
	request.operation = BM_BLOCK_WRITE;
	request.flags = (uint8_t)flags;
	request.segment_count = 1;
	request.sector = sector;
	request.segments = &segment;
	request.deadline_ns = deadline_ns;
	return bm_block_run(device, &request);
}

/**
 * Make all writes that were answered before survive losing power, and wait for that. A device
 * without a volatile cache has nothing to do.
 * @return 0, or as bm_block_request.status.
 */
static inline int bm_block_flush(uint32_t device, uint64_t deadline_ns)
{
	struct bm_block_request request;

	memset(&request, 0, sizeof request);
	request.operation = BM_BLOCK_FLUSH;
	request.deadline_ns = deadline_ns;
	return bm_block_run(device, &request);
}

#endif
