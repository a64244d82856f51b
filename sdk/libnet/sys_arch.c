/* SPDX-License-Identifier: MIT */
/*
 * lwIP's system interface over the thread library: sys_arch.h in lwIP's documentation.
 *
 * Its own thread (tcpip.c) waits in sys_arch_mbox_fetch() for messages and for timers; a timer that
 * is earlier than what it waits for wakes it (timers_kick()).
 */
#include "net.h"
#include "../libbaremetal/thread/thread.h"

#include <pthread.h>
#include <stdlib.h>

#include <baremetal/baremetal.h>

#include "lwip/sys.h"
#include "lwip/timeouts.h"

struct net_mailbox {
	struct spin lock;
	uint32_t changes;
	uint32_t size, first, count;
	void *messages[];
};

/* The network thread's, whose waits timers_kick() ends. */
static struct net_mailbox *clock_box;
static uint32_t kicked;

void sys_init(void)
{
}

u32_t sys_now(void)
{
	return (u32_t)(bm_time_monotonic() / 1000000);
}

static uint64_t deadline_of(u32_t timeout_ms)
{
	return timeout_ms ? bm_time_monotonic() + timeout_ms * UINT64_C(1000000) : BM_FOREVER;
}

/* ---- Protection: for some instructions, and again by its holder ---- */

static struct {
	struct thread *owner;
} protection;

sys_prot_t sys_arch_protect(void)
{
	struct thread *self = port_self(), *expected = NULL;

	if (__atomic_load_n(&protection.owner, __ATOMIC_RELAXED) == self)
		return 1;
	while (!__atomic_compare_exchange_n(&protection.owner, &expected, self, false,
					    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		expected = NULL;
		port_relax();
	}
	return 0;
}

void sys_arch_unprotect(sys_prot_t again)
{
	if (!again)
		__atomic_store_n(&protection.owner, NULL, __ATOMIC_RELEASE);
}

/* ---- Semaphores ---- */

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
	*sem = (sys_sem_t){count, 1};
	return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem)
{
	(void)sem;
}

void sys_sem_signal(sys_sem_t *sem)
{
	__atomic_fetch_add(&sem->count, 1, __ATOMIC_SEQ_CST);
	thread_wake(&sem->count, 1);
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);

	for (;;) {
		uint32_t count = __atomic_load_n(&sem->count, __ATOMIC_SEQ_CST);

		if (count) {
			if (__atomic_compare_exchange_n(&sem->count, &count, count - 1, false,
							__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
				return 0;
		} else if (thread_wait(&sem->count, 0, sizeof(sem->count), deadline, false) ==
			   WAIT_TIMED_OUT) {
			return SYS_ARCH_TIMEOUT;
		}
	}
}

/* ---- Mutexes ---- */

err_t sys_mutex_new(sys_mutex_t *mutex)
{
	*mutex = (sys_mutex_t){0, 1};
	return ERR_OK;
}

void sys_mutex_free(sys_mutex_t *mutex)
{
	(void)mutex;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
	uint32_t expected = 0;

	if (__atomic_compare_exchange_n(&mutex->held, &expected, 1, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&mutex->held, 2, __ATOMIC_ACQUIRE))
		thread_wait(&mutex->held, 2, sizeof(mutex->held), BM_FOREVER, false);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
	if (__atomic_exchange_n(&mutex->held, 0, __ATOMIC_SEQ_CST) == 2)
		thread_wake(&mutex->held, 1);
}

/* ---- Mailboxes ---- */

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
	struct net_mailbox *box;

	if (size <= 0)
		size = 64;
	box = calloc(1, sizeof(*box) + (size_t)size * sizeof(box->messages[0]));
	if (!box)
		return ERR_MEM;
	box->size = (uint32_t)size;
	*mbox = box;
	if (net_is_starting())
		clock_box = box;
	else
		net_program_calls_lwip();
	return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
	free(*mbox);
}

static void changed(struct net_mailbox *box)
{
	__atomic_fetch_add(&box->changes, 1, __ATOMIC_SEQ_CST);
	thread_wake(&box->changes, WAKE_ALL);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *message)
{
	struct net_mailbox *box = *mbox;
	bool room;

	net_program_calls_lwip();
	spin_lock(&box->lock);
	room = box->count < box->size;
	if (room)
		box->messages[(box->first + box->count++) % box->size] = message;
	spin_unlock(&box->lock);
	if (room)
		changed(box);
	return room ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *message)
{
	return sys_mbox_trypost(mbox, message);
}

void sys_mbox_post(sys_mbox_t *mbox, void *message)
{
	for (;;) {
		uint32_t seen = __atomic_load_n(&(*mbox)->changes, __ATOMIC_SEQ_CST);

		if (sys_mbox_trypost(mbox, message) == ERR_OK)
			return;
		thread_wait(&(*mbox)->changes, seen, sizeof(seen), BM_FOREVER, false);
	}
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **message)
{
	struct net_mailbox *box = *mbox;
	bool full;
	void *taken = NULL;
	bool any;

	spin_lock(&box->lock);
	any = box->count;
	full = box->count == box->size;
	if (any) {
		taken = box->messages[box->first];
		box->first = (box->first + 1) % box->size;
		box->count--;
	}
	spin_unlock(&box->lock);
	if (!any)
		return SYS_MBOX_EMPTY;
	if (full)
		changed(box);
	if (message)
		*message = taken;
	return 0;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **message, u32_t timeout_ms)
{
	struct net_mailbox *box = *mbox;
	uint64_t deadline = deadline_of(timeout_ms);

	for (;;) {
		uint32_t seen = __atomic_load_n(&box->changes, __ATOMIC_SEQ_CST);

		if (!sys_arch_mbox_tryfetch(mbox, message))
			return 0;
		if (box == clock_box && __atomic_exchange_n(&kicked, 0, __ATOMIC_SEQ_CST))
			return SYS_ARCH_TIMEOUT;
		if (thread_wait(&box->changes, seen, sizeof(seen), deadline, false) ==
		    WAIT_TIMED_OUT)
			return SYS_ARCH_TIMEOUT;
	}
}

void timers_kick(void)
{
	if (!clock_box)
		return;
	__atomic_store_n(&kicked, 1, __ATOMIC_SEQ_CST);
	net_wake(&clock_box->changes);
}

/* ---- Threads ---- */

struct beginning {
	lwip_thread_fn function;
	void *argument;
	bool serves; /* lwIP's own, none of the program's */
};

static void *begin(void *argument)
{
	struct beginning beginning = *(struct beginning *)argument;

	free(argument);
	if (beginning.serves)
		thread_serve();
	beginning.function(beginning.argument);
	return NULL;
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn function, void *argument,
			    int stack_size, int priority)
{
	struct beginning *beginning = malloc(sizeof(*beginning));
	bool serves = net_is_starting();
	pthread_attr_t attributes;
	pthread_t thread;

	(void)priority;
	if (!beginning)
		net_broken("no memory for a thread", __FILE__, __LINE__);
	*beginning = (struct beginning){function, argument, serves};
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (stack_size >= PTHREAD_STACK_MIN)
		pthread_attr_setstacksize(&attributes, (size_t)stack_size);
	if (pthread_create(&thread, &attributes, begin, beginning))
		net_broken("no memory for a thread", __FILE__, __LINE__);
	if (serves)
		thread_is_served();
	pthread_attr_destroy(&attributes);
	pthread_setname_np(thread, name);
	return thread;
}
