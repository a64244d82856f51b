/* SPDX-License-Identifier: MIT */
/*
 * What the threads were doing, in a crash report; and noticing that none of them can
 * ever go on.
 */
#include "thread.h"

#include <string.h>

#define REPORTED_MAX 4096        /* threads in one report; the others are counted */
#define RUNNERS_MAX  64          /* on one core in one report */
#define CHECK_NS     100000000ul /* from the last wait to a closer look */
#define TASK_LOOKS   256         /* rounds of a task that waits, to each closer look */

/* ---- Reports: without locks, perhaps in the middle of anything ---- */

static void say(const char *text)
{
	bm_console_write(text, strlen(text));
}

static void say_number(unsigned long number)
{
	char text[20], *p = text + sizeof(text);

	do
		*--p = '0' + number % 10;
	while (number /= 10);
	bm_console_write(p, text + sizeof(text) - p);
}

static bool is_ready(const struct thread *thread)
{
	for (uint32_t i = 0; i < lane_count; i++)
		for (const struct thread *t = lanes[i].first; t; t = t->next)
			if (t == thread)
				return true;
	return false;
}

/* Frame pointer and return address, as port_switch() leaves them: its places 6 and 7 above x87's.
 */
static void say_saved(const struct thread *thread)
{
	const uintptr_t *saved = thread->stack_pointer;

	/* Where a core's stack lies is the kernel's. */
	if (thread->stack && ((char *)saved < thread->stack ||
			      (char *)(saved + 8) > thread->stack + thread->stack_size))
		return;
	bm_crash_backtrace((void *)saved[7], (void *)saved[6]);
}

/* ---- What lies below: a runner has left that stack for a thread, which may be on any other ----
 */

/* Call visit(who left a stack, whose lane, argument) until it says true. */
static bool find_left(bool (*visit)(const struct thread *, const struct lane *, const void *),
		      const void *argument)
{
	for (const struct lane *lane = lanes; lane < lanes + lane_count; lane++) {
		const struct thread *left = lane->left;
		const struct runner *below = lane->below;

		for (unsigned i = 0; i < RUNNERS_MAX; i++) {
			if (left && visit(left, lane, argument))
				return true;
			if (!below)
				break;
			left = below->left;
			below = below->below;
		}
	}
	return false;
}

static bool is_same(const struct thread *left, const struct lane *lane, const void *thread)
{
	(void)lane;
	return left == thread;
}

static void say_below(const struct lane *lane, const struct thread *left)
{
	say("core ");
	say_number(lane->index);
	say(", below what runs there:\n");
	say_saved(left);
}

/* One that is no thread has no other line. */
static bool say_tasks(const struct thread *left, const struct lane *lane, const void *unused)
{
	(void)unused;
	if (left->state == THREAD_OF_CORE)
		say_below(lane, left);
	return false;
}

/* ---- Each thread ---- */

static void say_on_core(const struct thread *thread)
{
	say(", on ");
	if (find_left(is_same, thread)) {
		say_below(thread->lane, thread);
		return;
	}
	say("core ");
	say_number(thread->lane ? thread->lane->index : 0);
	say("\n");
}

void thread_report(void)
{
	unsigned number = 0, shown = 0, left = 0;

	for (const struct thread *t = threads_all; t; t = t->all) {
		if (t->state != THREAD_LIVE || ++number == 0)
			continue;
		bool waits = t->wait_address, ready = !waits && is_ready(t);

		if (shown == REPORTED_MAX) {
			left++;
			continue;
		}
		shown++;
		say("thread ");
		say(t->name[0] ? t->name : "without a name");
		if (waits || ready) {
			say(waits ? ", waiting:\n" : ", ready to run:\n");
			say_saved(t);
		} else {
			say_on_core(t);
		}
	}
	if (left) {
		say_number(left);
		say(" more threads\n");
	}
	find_left(say_tasks, NULL);
}

__attribute__((constructor(104))) static void register_report(void)
{
	bm_on_crash(thread_report);
}

/* ---- Deadlock ---- */

/* Tasks that have ended, on all cores. */
static uint64_t count_ended(void)
{
	struct bm_core_info info;
	uint64_t tasks = 0;

	for (uint32_t i = 0; i < lane_count; i++)
		if (!bm_core_info(i, &info))
			tasks += info.tasks;
	return tasks;
}

/* An alarm, or a device that somebody has armed: tasks of tomorrow. */
static bool tasks_may_come(void)
{
	struct bm_core_info info;

	for (uint32_t i = 0; i < lane_count; i++)
		if (!bm_core_info(i, &info) && info.queued)
			return true;
	return false;
}

/*
 * In a task, while others begin, end and move from core to core. Those that have ended are counted
 * first, those that were submitted last. If this task is all the difference, it was alone from the
 * one to the other, and no thread nor interrupt submitted any: so what was seen in between held all
 * at once, and holds for good. Only what runs can change it: a runner is a task as well, and a
 * thread on core 0 that no task carries is counted in threads_running.
 */
void thread_look_for_deadlock(void)
{
	uint64_t ended = count_ended();

	if (__atomic_load_n(&threads_running, __ATOMIC_SEQ_CST))
		return;
	if (tasks_may_come() || bm_task_submitted() - ended != 1)
		thread_check_deadlock();
	else
		bm_crash("deadlock: every thread waits, and nothing is left that could wake one");
}

/*
 * On one core: below a task that waits, all that its stack holds waits with it, so what is left to
 * wake it is in the lists. On several cores nothing tells whether another one is at work.
 */
void thread_look_in_task(bool stuck)
{
	static uint32_t looks;
	static uint64_t since; /* nothing has run; 0: something has */
	struct bm_core_info info;

	if (lane_count > 1)
		return;
	if (!stuck) {
		since = 0;
		return;
	}
	if (++looks % TASK_LOOKS)
		return;
	if (__atomic_load_n(&threads_expecting, __ATOMIC_SEQ_CST) || lanes[0].first ||
	    bm_core_info(0, &info) || info.queued)
		since = 0;
	else if (!since)
		since = bm_time_monotonic();
	else if (bm_time_monotonic() - since > CHECK_NS)
		bm_crash("deadlock: a task waits, and nothing is left that could wake it");
}

void thread_check_deadlock(void)
{
	sleep_check_at(bm_time_monotonic() + CHECK_NS);
}
