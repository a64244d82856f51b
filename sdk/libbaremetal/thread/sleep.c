/* SPDX-License-Identifier: MIT */
/*
 * Deadlines: a pairing heap of waiters, earliest first, and an alarm for its root.
 *
 * After Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap" (1986): no
 * memory but the waiters' own, and any of them can be taken out.
 */
#include "thread.h"

static struct spin lock;
static struct waiter *root;
static uint64_t armed = BM_FOREVER; /* an alarm will come then, or before */
static uint32_t is_queued;          /* without a timer: ring() is on its way as a task */
static uint64_t check = BM_FOREVER; /* when to look for a deadlock; set without the lock */

/* Join two heaps. */
static struct waiter *merge(struct waiter *a, struct waiter *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->deadline < a->deadline) {
		struct waiter *t = a;

		a = b;
		b = t;
	}
	b->sibling = a->child;
	if (a->child)
		a->child->before = b;
	b->before = a; /* a first child's is its parent */
	a->child = b;
	return a;
}

/* Make one heap of a list of siblings: in pairs from the left, then all from the right. */
static struct waiter *merge_list(struct waiter *list)
{
	struct waiter *pairs = NULL, *heap = NULL;

	while (list) {
		struct waiter *a = list, *b = a->sibling;

		list = b ? b->sibling : NULL;
		a->sibling = NULL;
		if (b)
			b->sibling = NULL;
		a = merge(a, b);
		a->sibling = pairs;
		pairs = a;
	}
	while (pairs) {
		struct waiter *next = pairs->sibling;

		pairs->sibling = NULL;
		heap = merge(heap, pairs);
		pairs = next;
	}
	if (heap)
		heap->before = NULL;
	return heap;
}

static void take_out(struct waiter *waiter)
{
	if (waiter == root) {
		root = merge_list(waiter->child);
	} else {
		if (waiter->before->child == waiter)
			waiter->before->child = waiter->sibling;
		else
			waiter->before->sibling = waiter->sibling;
		if (waiter->sibling)
			waiter->sibling->before = waiter->before;
		root = merge(root, merge_list(waiter->child));
	}
	waiter->child = waiter->sibling = waiter->before = NULL;
	waiter->sleeping = false;
}

static void ring(void *unused);

/*
 * Of two on one core the earlier stays. Without a timer that interrupts, ring() comes as a task at
 * once, and looks again and again: one of them is enough. False: the queue is full.
 */
static bool set_alarm(uint64_t deadline)
{
	static uint32_t no_timer;

	if (!__atomic_load_n(&no_timer, __ATOMIC_RELAXED)) {
		if (!bm_thread_alarm(deadline, ring))
			return true;
		__atomic_store_n(&no_timer, 1, __ATOMIC_RELAXED);
	}
	if (__atomic_exchange_n(&is_queued, 1, __ATOMIC_SEQ_CST) || !bm_thread_alarm(0, ring))
		return true;
	__atomic_store_n(&is_queued, 0, __ATOMIC_SEQ_CST);
	return false;
}

/* A core has one alarm for threads: it serves all deadlines. See to one for the earliest. */
static void arm(void)
{
	uint64_t next = __atomic_load_n(&check, __ATOMIC_SEQ_CST);

	if (root && root->deadline < next)
		next = root->deadline;
	if (next >= armed)
		return;
	armed = next;
	if (!set_alarm(armed))
		armed = BM_FOREVER; /* the next sleeper tries once more */
}

static void ring(void *unused)
{
	uint64_t now = bm_time_monotonic();
	struct woken woken;

	(void)unused;
	__atomic_store_n(&is_queued, 0, __ATOMIC_SEQ_CST);
	woken_init(&woken);
	spin_lock(&lock);
	armed = BM_FOREVER;
	while (root && root->deadline <= now) {
		struct waiter *waiter = root;

		take_out(waiter);
		thread_time_out(waiter, &woken);
	}
	bool look = __atomic_load_n(&check, __ATOMIC_SEQ_CST) <= now;

	if (look)
		__atomic_store_n(&check, BM_FOREVER, __ATOMIC_SEQ_CST);
	arm();
	spin_unlock(&lock);
	thread_ready(&woken);
	if (look)
		thread_look_for_deadlock();
	thread_run_uninvited();
}

/* Earlier than this core's alarm, if it has one; ring() sees to that again. */
bool sleep_ring_now(void)
{
	return set_alarm(0);
}

/*
 * Without the lock, since who waits calls this with a bucket locked. This core's alarm comes then
 * or before, and ring() looks at `check` whatever it comes for.
 */
void sleep_check_at(uint64_t deadline)
{
	uint64_t none = BM_FOREVER;

	if (!__atomic_compare_exchange_n(&check, &none, deadline, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	if (!set_alarm(deadline))
		__atomic_store_n(&check, BM_FOREVER, __ATOMIC_SEQ_CST);
}

void sleep_add(struct waiter *waiter)
{
	waiter->child = waiter->sibling = waiter->before = NULL;
	spin_lock(&lock);
	waiter->sleeping = true;
	root = merge(root, waiter);
	arm();
	spin_unlock(&lock);
}

/* Whoever let it time out has the lock: after this, nobody knows the waiter any more. */
void sleep_remove(struct waiter *waiter)
{
	spin_lock(&lock);
	if (waiter->sleeping)
		take_out(waiter);
	spin_unlock(&lock);
}
