/* SPDX-License-Identifier: MIT */
/*
 * A thread's control block: what fs points at (System V ABI, TLS variant II). The
 * start-up code makes one for main() and one for each core, whose tasks run on it;
 * threads have their own. The TLS block ends right below it.
 */
#ifndef THREAD_CONTROL_H
#define THREAD_CONTROL_H

#include <stddef.h>
#include <stdint.h>

struct _reent;
struct lane;
struct waiter;
struct _pthread_cleanup;

enum thread_state {
	THREAD_FREE, /* its memory waits for the next pthread_create() */
	THREAD_LIVE,
	THREAD_ENDED,  /* waits to be joined */
	THREAD_OF_CORE /* not a thread: tasks that run directly on a core */
};

struct key_value;

#define READS_TOLD 4

struct thread {
	struct thread *self; /* fs:0, by the ABI */
	struct lane *lane;   /* of the core that it runs on; NULL in a task before the first wait */
	void *stack_pointer; /* while it does not run */
	struct thread *next; /* in a lane, or among the unused */
	uintptr_t unused;
	uintptr_t canary; /* fs:0x28, by the compiler */

	const void *wait_address; /* that it has left its core for; for reports */
	struct waiter *waiter;    /* of a wait that can be cancelled; under waiter_lock */
	struct thread *joined_by; /* who will release it; itself if it is detached */
	struct thread *joins;
	void *result;
	void *(*function)(void *);
	void *argument;
	struct _pthread_cleanup *cleanup;
	struct key_value *values; /* of keys; NULL until one is set */
	struct _reent *reent;     /* NULL until used first; it lies at `memory_reent` */
	uint32_t cancel_pending, cancel_disabled, detached, exiting;
	uint32_t serves;       /* the library's own: nobody waits for what it does by itself */
	uint32_t reads;        /* read-write locks that it holds for reading, in all */
	uint32_t reads_untold; /* of these, those that are not in the table */
	struct {
		const void *lock;
		uint32_t count;    /* 0: free */
	} reading[READS_TOLD];     /* read-write locks, each with how often; rwlock.c */
	unsigned long signal_mask; /* its creator's at first */
	char name[16];

	/* What outlives the thread, for the next one in this memory. */
	uint32_t state; /* enum thread_state */
	uint32_t waiter_lock;
	uint32_t generation;
	uint32_t stack_class; /* create.c */
	unsigned long handle; /* pthread_t */
	struct _reent *memory_reent;
	char *stack; /* lowest byte */
	size_t stack_size;
	void *fiber;        /* the host's tests: ThreadSanitizer's name for this stack */
	struct thread *all; /* the list of all control blocks, which only grows */
};

#define THREAD_CONTROL_SIZE 512 /* the linker script's */

_Static_assert(offsetof(struct thread, canary) == 0x28, "the compiler's canary");
_Static_assert(sizeof(struct thread) <= THREAD_CONTROL_SIZE, "sdk/cross/app.ld reserves this");

/* Where fs points. */
static inline struct thread *control_self(void)
{
	struct thread *self;

	__asm__ volatile("movq %%fs:0, %0" : "=r"(self));
	return self;
}

/*
 * Memory for a control block with its TLS block and Newlib's state, in bytes; the
 * upper end of it may have any alignment. control_place() finds the block's place at
 * that end. control_start() fills in what is below it and what the ABI asks for; the
 * rest is the caller's. The lowest byte in use is what control_low() tells.
 */
size_t control_size(void);
struct thread *control_place(void *end);
void control_start(struct thread *thread);
static inline char *control_low(const struct thread *thread)
{
	return (char *)thread->memory_reent;
}

#endif
