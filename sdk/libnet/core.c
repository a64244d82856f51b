/* SPDX-License-Identifier: MIT */
/*
 * The core lock, waking and waiting, and the start of the stack.
 *
 * The lock is a word: 0 free, 1 taken, 2 taken and somebody waits. Who opens it looks at what has
 * become due meanwhile: a device's task that found it taken only leaves a note (`due`).
 */
#include "net.h"
#include "../libbaremetal/thread/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>

#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#define WAKE_MOST 64

static uint32_t lock;
static bool ready; /* netif_list may be looked at */
static struct thread *holder;
static uint32_t *first_words[WAKE_MOST];
static uint32_t **words = first_words; /* to be woken when the lock opens */
static unsigned word_count, word_room = WAKE_MOST;

bool net_try_lock(void)
{
	uint32_t expected = 0;

	if (!__atomic_compare_exchange_n(&lock, &expected, 1, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	holder = port_self();
	return true;
}

void net_lock(void)
{
	if (__builtin_expect(net_try_lock(), 1))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE))
		thread_wait(&lock, 2, sizeof(lock), BM_FOREVER, false);
	holder = port_self();
}

/*
 * Callbacks of the program's own may do anything for any of its threads. Who calls lwIP itself is
 * told by the lock, and by messages and mailboxes (sys_arch.c), which sockets do without.
 */
void net_program_calls_lwip(void)
{
	static uint32_t told;

	if (!__atomic_load_n(&told, __ATOMIC_RELAXED) &&
	    !__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
		thread_expect_always();
}

void net_lock_for_lwip(void)
{
	if (!port_self()->serves)
		net_program_calls_lwip();
	net_lock();
}

bool net_lock_is_mine(void)
{
	return __atomic_load_n(&lock, __ATOMIC_RELAXED) && holder == port_self();
}

static void open_lock(void)
{
	holder = NULL;
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_SEQ_CST) == 2)
		thread_wake(&lock, 1);
}

/* What was sent to this machine itself lies in lists of the interfaces. It has no checksums where a
 * device would make them. */
static void take_looped(void)
{
	struct netif *netif;

	if (ready)
		NETIF_FOREACH(netif)
	if (__builtin_expect(netif->loop_first != NULL, 0)) {
		u16_t flags = netif->chksum_flags;

		netif->chksum_flags &=
		    (u16_t) ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
		netif_poll(netif);
		netif->chksum_flags = flags;
	}
}

/* When the lock is open: a device's task that found it taken only left a note. */
static bool due_and_locked(void)
{
	return __builtin_expect(__atomic_load_n(&interfaces_due, __ATOMIC_SEQ_CST), 0) &&
	       net_try_lock();
}

/* What has become due, and who is to be woken; after take_looped(). */
static __attribute__((noinline)) void unlock_slowly(void)
{
	uint32_t *few[WAKE_MOST], **list;
	unsigned count;

	for (;;) {
		if (interfaces_sending || __atomic_load_n(&interfaces_due, __ATOMIC_RELAXED))
			interfaces_work();
		count = word_count;
		list = words;
		if (words == first_words) {
			for (unsigned i = 0; i < count; i++)
				few[i] = first_words[i];
			list = few;
		}
		words = first_words;
		word_room = WAKE_MOST;
		word_count = 0;
		open_lock();
		for (unsigned i = 0; i < count; i++)
			thread_wake(list[i], WAKE_ALL);
		if (list != few)
			free(list);
		if (!due_and_locked())
			return;
		take_looped();
	}
}

void net_unlock(void)
{
	take_looped();
	if (__builtin_expect(interfaces_sending || word_count, 0)) {
		unlock_slowly();
		return;
	}
	open_lock();
	if (due_and_locked()) {
		take_looped();
		unlock_slowly();
	}
}

/* Room for one word more. */
static bool grow(void)
{
	uint32_t **more = malloc(2 * word_room * sizeof(*more));

	if (!more)
		return false;
	memcpy(more, words, word_count * sizeof(*words));
	if (words != first_words)
		free(words);
	words = more;
	word_room *= 2;
	return true;
}

void net_wake(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	if (word_count && words[word_count - 1] == word)
		return;
	if (word_count == word_room && !grow())
		thread_wake(word, WAKE_ALL); /* at once, then */
	else
		words[word_count++] = word;
}

static int wait_for(uint32_t *word, uint64_t deadline, bool cancelable)
{
	uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	enum wait_result result;

	/* Frames that are there already need no interrupt and no switch. */
	take_looped();
	interfaces_poll();
	take_looped();
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != seen)
		return 0;
	if (!deadline) /* one that has passed ends the wait at once */
		return -EAGAIN;
	net_unlock();
	result = thread_wait_outside(word, seen, sizeof(*word), deadline, cancelable);
	net_lock();
	return result == WAIT_CANCELED ? -ECANCELED : result == WAIT_TIMED_OUT ? -EAGAIN : 0;
}

int net_wait(uint32_t *word, uint64_t deadline)
{
	return wait_for(word, deadline, true);
}

void net_wait_always(uint32_t *word)
{
	wait_for(word, BM_FOREVER, false);
}

/* ---- Start ---- */

void net_say(const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	bm_log(BM_LOG_WARNING, text);
}

_Noreturn void net_broken(const char *what, const char *file, int line)
{
	char text[256];

	snprintf(text, sizeof(text), "network: %s (%s:%d)", what, file, line);
	bm_crash(text);
}

static struct thread *starter;

bool net_is_starting(void)
{
	return __atomic_load_n(&starter, __ATOMIC_RELAXED) == port_self();
}

int net_start(void)
{
	enum { NOT, STARTING, STARTED };
	static uint32_t state;
	uint32_t expected = NOT;

	if (__builtin_expect(__atomic_load_n(&state, __ATOMIC_ACQUIRE) == STARTED, 1))
		return 0;
	if (!__atomic_compare_exchange_n(&state, &expected, STARTING, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_ACQUIRE)) {
		while ((expected = __atomic_load_n(&state, __ATOMIC_ACQUIRE)) == STARTING)
			thread_wait(&state, STARTING, sizeof(state), BM_FOREVER, false);
		return 0;
	}
	__atomic_store_n(&starter, port_self(), __ATOMIC_RELAXED);
	tcpip_init(NULL, NULL); /* its thread, and all of lwIP's own */
	__atomic_store_n(&starter, NULL, __ATOMIC_RELAXED);
	net_lock();
	ready = true;
	interfaces_start();
	config_start();
	net_unlock();
	__atomic_store_n(&state, STARTED, __ATOMIC_RELEASE);
	thread_wake(&state, WAKE_ALL);
	return 0;
}
