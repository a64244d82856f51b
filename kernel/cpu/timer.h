/* SPDX-License-Identifier: MIT */
/*
 * Waiting without burning the host's processor: the local APIC's one-shot timer.
 */
#ifndef KERNEL_CPU_TIMER_H
#define KERNEL_CPU_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct core;

/*
 * Wait for about ns nanoseconds, never much longer; may return earlier, so call
 * it in a loop that looks at the clock. Halts the core where the wait is worth
 * it and there is a timer to end it, else pauses for a moment.
 */
void timer_wait(uint64_t ns);

/*
 * Have this core's timer fire within about ns nanoseconds, once, and rouse it (worker_doze()).
 * -BM_ENODEV if there is no timer. The first call may take some milliseconds.
 */
int timer_bound(uint64_t ns);

/*
 * One a core and user, the earliest asked for: at its time an interrupt queues the task.
 * ALARM_APP and ALARM_THREADS are the API's task_alarm and thread_alarm: <baremetal/task.h>.
 */
enum {
	ALARM_APP,
	ALARM_DEVICES,
	ALARM_NET,
	ALARMS_COUNTED,
	ALARM_THREADS = ALARMS_COUNTED,
	ALARM_NET_QUIET, /* as ALARM_NET, for who arms with BM_NET_QUIET */
	ALARMS
};
int timer_set_alarm(unsigned which, uint64_t deadline_ns, void (*function)(void *));
int timer_alarm(uint64_t deadline_ns, void (*function)(void *));
int timer_thread_alarm(uint64_t deadline_ns, void (*function)(void *));

/*
 * How many of a core's are set, of those that count: the program's, and the watch over devices
 * that somebody has armed. Any core may ask. One goes off this count after its task is queued.
 */
uint32_t timer_alarms_of(const struct core *core);

/* Has this core one, which has not struck? Then it will, after the caller's stores. */
bool timer_has_alarm(unsigned which);

#endif
