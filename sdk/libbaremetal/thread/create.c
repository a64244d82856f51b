/* SPDX-License-Identifier: MIT */
/*
 * Threads' beginning and end: their memory, pthread_create(), pthread_join() and kin.
 *
 * Memory of a thread, from below: [unmapped page] stack, Newlib's state, TLS block, control block
 * [unmapped page]. It is never given back, but kept by size for the next thread; so a control block
 * may be looked at for ever, and a stale pthread_t is told by its generation.
 */
#include "thread.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>

#define PAGE        4096ul
#define SMALL_PAGES 64 /* up to there, memory of each size has its own list; then powers of two */
#define STACK_LIMIT (1ul << 45) /* more than any machine has; so 2^34 pages are the last class */
#define CLASSES     (SMALL_PAGES + 34 + 1)
#define OWN_STACK   0 /* the class of control blocks for stacks that the program brings */

/*
 * The default stack: an even share for 4,096 threads, within bounds: programs that were written
 * elsewhere have arrays of 64 KiB on them, so 128 KiB, or for 192 threads where that is less. With
 * 64 KiB for what lies above it, the largest is not rounded up to 2 MiB.
 */
#define STACK_SHARE       4096
#define STACK_LEAST       0x20000ul
#define STACK_MOST        0xf0000ul
#define STACK_SMALL_SHARE 192
#define STACK_SMALL_LEAST 0xc000ul

/* A pthread_t: the control block's address in units of 64 bytes, and its generation. */
#define HANDLE_SHIFT     6
#define GENERATION_SHIFT 41

/*
 * What the rest of the library refers to weakly, as it need not be there without threads, and what
 * no other file of the threads' refers to: it must not be left out of a program that has threads.
 */
__attribute__((used)) static void (*const waits_for_locks)(unsigned long *) = thread_lock_owner;

static struct spin lock; /* for `unused` and `threads_all` */
static struct thread *unused[CLASSES];
struct thread *threads_all;

/* ---- Memory ---- */

static uint32_t class_of(size_t *size)
{
	size_t pages = (*size + PAGE - 1) / PAGE;
	uint32_t log = 64 - __builtin_clzl((pages - 1) | 1);

	if (pages > SMALL_PAGES)
		pages = 1ul << log;
	*size = pages * PAGE;
	return pages <= SMALL_PAGES ? (uint32_t)pages : SMALL_PAGES + log;
}

static void publish(struct thread *thread)
{
	spin_lock(&lock);
	thread->all = threads_all;
	__atomic_store_n(&threads_all, thread, __ATOMIC_RELEASE);
	spin_unlock(&lock);
}

static struct thread *take_unused(uint32_t class)
{
	struct thread *thread;

	if (!__atomic_load_n(&unused[class], __ATOMIC_RELAXED))
		return NULL;
	spin_lock(&lock);
	thread = unused[class];
	if (thread)
		__atomic_store_n(&unused[class], thread->next, __ATOMIC_RELAXED);
	spin_unlock(&lock);
	return thread;
}

static unsigned long handle_of(const struct thread *thread, uint64_t generation)
{
	return (uintptr_t)thread >> HANDLE_SHIFT | generation << GENERATION_SHIFT;
}

static void set_handle(struct thread *thread)
{
	__atomic_store_n(&thread->handle, handle_of(thread, thread->generation), __ATOMIC_RELEASE);
}

/* What may be left of the thread before. Field by field, for clearing a block of this size counts.
 */
static void start_anew(struct thread *thread)
{
	thread->lane = NULL;
	thread->wait_address = NULL;
	thread->waiter = NULL;
	thread->joined_by = thread->joins = NULL;
	thread->cleanup = NULL;
	thread->values = NULL;
	thread->reent = NULL;
	thread->cancel_pending = thread->cancel_disabled = 0;
	thread->detached = thread->exiting = thread->serves = 0;
	thread->reads = thread->reads_untold = 0;
	for (int i = 0; i < READS_TOLD; i++)
		thread->reading[i].count = 0;
	thread->signal_mask = port_self()->signal_mask;
	thread->name[0] = 0;
}

/* A control block with a stack of at least so many bytes, or with the program's own. */
static struct thread *make(size_t size, char *own)
{
	size_t all = control_size() + (own ? 0 : size);

	if (!own && size >= STACK_LIMIT)
		return NULL;
	uint32_t class = own ? OWN_STACK : class_of(&all);
	struct thread *thread = take_unused(class);
	char *memory = NULL;

	if (!thread) {
		memory = own ? memalign(64, all) : port_stack(all);
		if (!memory)
			return NULL;
		thread = control_place(memory + all);
		memset(thread, 0, sizeof(*thread));
		thread->stack = memory;
	}
	start_anew(thread);
	control_start(thread);
	thread->generation++;
	thread->stack_class = class;
	if (own) {
		thread->stack = own; /* its control block is found again by its class */
		thread->stack_size = size;
	} else {
		thread->stack_size = control_low(thread) - thread->stack;
	}
	if (memory)
		publish(thread);
	set_handle(thread);
	thread->stack_pointer = port_prepare(thread, thread->stack, thread->stack_size);
	return thread;
}

static void release(struct thread *thread)
{
	__atomic_store_n(&thread->state, THREAD_FREE, __ATOMIC_RELAXED);
	__atomic_store_n(&thread->handle, 0, __ATOMIC_RELEASE);
	spin_lock(&lock);
	thread->next = unused[thread->stack_class];
	__atomic_store_n(&unused[thread->stack_class], thread, __ATOMIC_RELAXED);
	spin_unlock(&lock);
}

struct thread *thread_of(unsigned long handle)
{
	struct thread *thread =
	    (void *)((handle & ((1ul << GENERATION_SHIFT) - 1)) << HANDLE_SHIFT);

	return thread && __atomic_load_n(&thread->handle, __ATOMIC_ACQUIRE) == handle ? thread
										      : NULL;
}

/* main()'s control block comes from the start-up code, without a handle. */
__attribute__((constructor(103))) static void adopt_main(void)
{
	struct thread *self = port_self();

	self->generation = 1;
	strcpy(self->name, "main");
	set_handle(self);
	publish(self);
}

static size_t share_of_memory(size_t share, size_t least, size_t most)
{
	struct bm_memory_info memory;

	bm_memory_info(&memory);
	size_t size = memory.heap_limit / share & -PAGE;
	return size < least ? least : size > most ? most : size;
}

size_t thread_default_stack(void)
{
	static size_t size;

	if (!size)
		size = share_of_memory(
		    STACK_SHARE, share_of_memory(STACK_SMALL_SHARE, STACK_SMALL_LEAST, STACK_LEAST),
		    STACK_MOST);
	return size;
}

/* As large as the kernel tells. Memory of its own, for what make() takes is rounded up by class. */
static struct thread *make_core_thread(void)
{
	static char *stack; /* kept for the next time, if there is memory for no more */
	struct bm_core_info info;

	bm_core_info(0, &info);
	if (!stack)
		stack = port_stack(info.stack_size);
	return stack ? make(info.stack_size, stack) : NULL;
}

bool thread_prepare_core(void)
{
	struct lane *lane = &lanes[0];

	if (!lane->core_thread) {
		struct thread *thread = make_core_thread();

		if (!thread)
			return false;
		thread->state = THREAD_OF_CORE;
		thread->handle = 0;
		thread->lane = lane;
		lane->core_thread = thread;
	}
	return true;
}

/* ---- Beginning ---- */

_Noreturn void thread_main(void)
{
	struct thread *self = port_self();

	if (self->state == THREAD_OF_CORE)
		thread_run_core(self);
	thread_exit(self->function(self->argument));
}

int pthread_create(pthread_t *handle, const pthread_attr_t *attributes, void *(*function)(void *),
		   void *argument)
{
	size_t size = attributes && attributes->__stack_size ? attributes->__stack_size
							     : thread_default_stack();
	struct thread *thread;
	struct woken woken;

	if (!thread_prepare_core())
		return EAGAIN;
	thread = make(size, attributes ? attributes->__stack : NULL);
	if (!thread)
		return EAGAIN;
	thread->function = function;
	thread->argument = argument;
	if (attributes && attributes->__detach_state == PTHREAD_CREATE_DETACHED) {
		thread->detached = 1;
		thread->joined_by = thread;
	}
	__atomic_store_n(&thread->state, THREAD_LIVE, __ATOMIC_RELAXED);
	__atomic_fetch_add(&threads_alive, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&threads_running, 1, __ATOMIC_RELAXED);
	*handle = thread->handle;
	woken_init(&woken);
	woken_add(&woken, thread);
	thread_ready(&woken);
	return 0;
}

/* ---- The library's own ---- */

void thread_serve(void)
{
	port_self()->serves = 1;
}

/* The program may end without it. Its creator says so, who is alive: so it is not the last one. */
void thread_is_served(void)
{
	__atomic_fetch_add(&threads_serving, 1, __ATOMIC_RELAXED);
}

/* ---- The end ---- */

_Noreturn void thread_exit(void *result)
{
	struct thread *self = port_self();

	if (!thread_can_leave(self))
		bm_crash("pthread_exit() or cancellation in a task: a task must return");
	self->exiting = 1;
	while (self->cleanup) {
		struct _pthread_cleanup *entry = self->cleanup;

		self->cleanup = entry->_previous;
		entry->_routine(entry->_argument);
	}
	keys_destroy(self);
	self->result = result;
	if (__atomic_sub_fetch(&threads_alive, 1, __ATOMIC_ACQ_REL) ==
	    __atomic_load_n(&threads_serving, __ATOMIC_RELAXED))
		exit(0); /* it was the last one */
	if (self->reent && self->reent == self->memory_reent)
		_reclaim_reent(self->reent);
	thread_end(self);
}

/* Called behind the switch away from it. Detaching and ending meet at `detached`. */
void thread_bury(struct thread *thread)
{
	if (__atomic_exchange_n(&thread->detached, 1, __ATOMIC_ACQ_REL)) {
		release(thread);
	} else {
		__atomic_store_n(&thread->state, THREAD_ENDED, __ATOMIC_RELEASE);
		thread_wake(&thread->state, WAKE_ALL);
	}
	if (!__atomic_sub_fetch(&threads_running, 1, __ATOMIC_SEQ_CST))
		thread_check_deadlock();
}

void pthread_exit(void *result)
{
	thread_exit(result);
}

/*
 * `joined_by` says who will release its memory: the thread that joins it, or itself if it is
 * detached. `detached` is set by detaching and by the end, whichever comes first.
 */
static bool claim(struct thread *thread, struct thread *self)
{
	struct thread *none = NULL;

	return __atomic_compare_exchange_n(&thread->joined_by, &none, self, 0, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static bool has_ended(const struct thread *thread)
{
	return __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE) == THREAD_ENDED;
}

int pthread_detach(pthread_t handle)
{
	struct thread *thread = thread_of(handle);

	if (!thread)
		return ESRCH;
	if (!claim(thread, thread))
		return EINVAL;
	if (__atomic_exchange_n(&thread->detached, 1, __ATOMIC_ACQ_REL)) {
		/* It is at its end, and then ours. */
		while (!has_ended(thread))
			port_relax();
		release(thread);
	}
	return 0;
}

static bool is_circle(const struct thread *thread, const struct thread *self)
{
	for (int i = 0; thread && i < 10000;
	     i++, thread = __atomic_load_n(&thread->joins, __ATOMIC_SEQ_CST))
		if (thread == self)
			return true;
	return false;
}

static void set_joins(struct thread *self, struct thread *thread)
{
	__atomic_store_n(&self->joins, thread, __ATOMIC_SEQ_CST);
}

static int join(pthread_t handle, void **result, uint64_t deadline)
{
	struct thread *self = port_self(), *thread = thread_of(handle);
	enum wait_result how = WAIT_CHANGED;

	if (!thread)
		return ESRCH;
	thread_cancel_point(self);
	/* Told first, looked at afterwards: of two that join each other, one at least sees it. */
	set_joins(self, thread);
	if (is_circle(thread, self)) {
		set_joins(self, NULL);
		return EDEADLK;
	}
	if (!claim(thread, self)) {
		set_joins(self, NULL);
		return EINVAL;
	}
	while (!has_ended(thread) && how != WAIT_TIMED_OUT && how != WAIT_CANCELED)
		how =
		    thread_wait(&thread->state, THREAD_LIVE, sizeof(thread->state), deadline, true);
	set_joins(self, NULL);
	if (!has_ended(thread)) {
		__atomic_store_n(&thread->joined_by, NULL, __ATOMIC_RELEASE);
		if (how == WAIT_CANCELED)
			thread_cancel_point(self);
		return ETIMEDOUT;
	}
	if (result)
		*result = thread->result;
	release(thread);
	return 0;
}

int pthread_join(pthread_t handle, void **result)
{
	return join(handle, result, BM_FOREVER);
}

int pthread_tryjoin_np(pthread_t handle, void **result)
{
	struct thread *thread = thread_of(handle);

	return thread && !has_ended(thread) ? EBUSY : join(handle, result, BM_FOREVER);
}

int pthread_timedjoin_np(pthread_t handle, void **result, const struct timespec *time)
{
	uint64_t deadline;

	if (!thread_deadline(CLOCK_REALTIME, time, &deadline))
		return EINVAL;
	return join(handle, result, deadline);
}

/*
 * Tasks that run directly on a core are none of the threads, and cannot be joined nor cancelled:
 * they have their core's name, which no thread_of() finds, since generations begin with 1.
 */
pthread_t pthread_self(void)
{
	struct thread *self = port_self();

	return self->handle ? self->handle : handle_of(self, 0);
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}
