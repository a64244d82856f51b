/* SPDX-License-Identifier: MIT */
/*
 * What the files of the block front end share.
 *
 *   block.c         submitting, polling, answering
 *   block_runs.c    from a request's memory to physical runs
 *   block_reset.c   time, reset, beginning anew
 *   block_wait.c    arming, sleeping, the watch
 *   block_device.c  adding devices, describing them
 */
#ifndef KERNEL_DEVICE_BLOCK_QUEUE_H
#define KERNEL_DEVICE_BLOCK_QUEUE_H

#include "device/block.h"
#include "cpu/cpu.h"
#include "memory/span.h"
#include "task/scheduler.h"

#define BLOCK_DEVICES_MAX 64
#define BLOCK_RUNS_MAX    256
#define NO_TAG            0xffff
#define NO_DEADLINE       INT64_MAX

/* bm_block_request.stage */
enum {
	STAGE_DATA = 0,   /* parts of the transfer itself */
	STAGE_FLUSH = 1,  /* a write with FUA, on a device that knows none: then a flush */
	STAGE_FUA = 4,    /* … which is to come */
	STAGE_FAILED = 8, /* it has a result, and maybe parts under way */
	STAGE_WAITING = 2 /* in the queue's list of those that have parts left to begin */
};

/* A command that the device has. */
struct block_tag {
	struct bm_block_command command;  /* as the driver gets it; its tag and runs never change */
	struct bm_block_request *request; /* NULL: the tag is free */
	int64_t deadline;                 /* of the time-stamp counter */
	uint16_t next_free;               /* tag */
	uint8_t attempts;
	bool again; /* the device wants a reset */
};

struct block_queue {
	bool busy; /* the lock of all here */
	bool armed;
	bool notified; /* a task that polls is queued */
	bool wants_reset;
	uint8_t spin_misses, spin_trials; /* block_wait.c */
	uint32_t index;
	struct bm_block_device *device;
	uint32_t under_way; /* tags that the device has */
	uint16_t free;      /* the first free tag */
	int64_t earliest;   /* deadline, or earlier */
	struct bm_block_request *waiting, **waiting_end;
	struct bm_block_request *answered, **answered_end; /* to be told when the lock is open */
	struct bm_block_run *runs;                         /* max_runs, for one command */
	struct span_cache spans;
	uint64_t requests[BM_BLOCK_DISCARD + 1]; /* answered, by operation */
	uint64_t sectors[BM_BLOCK_DISCARD + 1];  /* of those without an error */
	uint64_t errors, retries, strays, interrupts;
	uint32_t dozers; /* cores that sleep for it and poll it themselves: how many, */
	uint64_t dozing[CORES_MAX / 64]; /* and which */
	struct block_tag tags[];
};

struct bm_block_device {
	struct bm_block_driver driver;
	char name[16], model[48], serial[24], firmware[12];
	uint32_t shift; /* of the sector size */
	uint32_t sector_mask;
	uint32_t number;
	bool failed;
	/* The largest read and write that is one command without looking further; 0: none. */
	uint32_t simple_bytes[2];
	bool resetting;
	uint64_t resets;
	int64_t timeout_ticks; /* of one attempt */
	uint64_t poll_ticks;   /* before a waiter sleeps */
	struct block_queue *queues[];
};

extern struct bm_block_device *block_devices[BLOCK_DEVICES_MAX];
extern uint32_t block_device_count;

/* A device of a number; the first call of all finds devices. NULL: there is none. */
struct bm_block_device *block_device(uint32_t number);

static inline void block_lock(struct block_queue *q)
{
	while (__builtin_expect(__atomic_test_and_set(&q->busy, __ATOMIC_ACQUIRE), 0))
		cpu_relax();
}

static inline void block_unlock(struct block_queue *q)
{
	__atomic_clear(&q->busy, __ATOMIC_RELEASE);
}

/* May be out of date at once. */
static inline bool block_is_idle(const struct block_queue *q)
{
	return !__atomic_load_n(&q->under_way, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&q->waiting, __ATOMIC_RELAXED);
}

/*
 * Make the runs of a command, from its memory on: at most *sectors of them. Returns how many runs;
 * 0 if the driver has to move the data itself; or -BM_EFAULT. *sectors becomes what they hold.
 */
int block_make_runs(struct block_queue *q, uint8_t operation,
		    const struct bm_block_segment *segment, uint64_t offset, uint64_t *sectors);

/* ---- With the queue's lock held ---- */

/* Start what stands in a tag. A refusal is the command's answer. */
void block_start(struct block_queue *q, uint16_t tag);
/* Answer a tag's command. */
void block_answer_tag(struct block_queue *q, uint16_t tag, int status);
/* Begin what waits, as far as there are tags. */
void block_pump(struct block_queue *q);
void block_kick(struct block_queue *q);
/* Take what was answered, to tell it when the lock is open. */
struct bm_block_request *block_take_answered(struct block_queue *q);
/* Answer those in the waiting list whose time has passed, or all with an error. */
void block_expire_waiting(struct block_queue *q, int64_t now, int error);

/* ---- Without it ---- */

/* Tell the callers. Returns how many. */
uint32_t block_tell(struct bm_block_request *answered);
uint32_t block_poll_queue(struct block_queue *q);
/* Some time has passed, or the device wants it: reset if so, and begin anew. */
uint32_t block_check_time(struct bm_block_device *d);

#endif
