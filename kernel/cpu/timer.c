/* SPDX-License-Identifier: MIT */
/*
 * Waiting in HLT until the local APIC's one-shot timer fires (Intel SDM volume
 * 3, chapter 11). Its rate is learnt by using it: measured on the way, so that the
 * latency of waking makes it look slower than it is, never faster, and a wait
 * ends early rather than late. The first shots are trials that do not halt, until an
 * interrupt has come: a long wait watches for it; of short ones (who waits for a key looks every
 * millisecond) some thousand looks make a trial, whose interrupt comes in the midst of whatever.
 *
 * On any core: the rate holds for all.
 *
 * QEMU: every machine; xAPIC with -cpu max, x2APIC where firmware turned it on.
 */
#include "cpu/timer.h"

#include <stdbool.h>
#include <stddef.h>

#include "console/log.h"
#include "cpu/apic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/interrupts.h"
#include "cpu/time.h"
#include "task/scheduler.h"

#define SPIN_NS     20000   /* below this, halting is not worth it */
#define TRIAL_NS    2000000 /* a wait must be longer than this for the trial to fit */
#define TRIAL_TICKS (1 << 14)
#define TRIALS_MAX  16
#define SHORT_LOOKS (1 << 16) /* in shorter waits, to each trial: more than one of them takes */
#define RETRY_NS    1000000   /* when no task could be queued */
#define RATE_SHIFT  24        /* ticks a nanosecond, fixed point */

static bool found, usable; /* usable: an interrupt has come */
static unsigned trials;
static uint64_t rate;

/* Until the core's next alarm, at most `most`; a moment if the clock cannot tell just now. */
static uint64_t remaining_ns(const struct core *core, uint64_t most)
{
	uint64_t now, next = UINT64_MAX, ns;
	for (unsigned i = 0; i < ALARMS; i++)
		if (core->alarms[i].function && core->alarms[i].deadline_ns < next)
			next = core->alarms[i].deadline_ns;
	if (next == UINT64_MAX)
		return most;
	ns = !time_peek(&now) ? SPIN_NS : next > now ? next - now : 0;
	return ns < most ? ns : most;
}

/* These ticks have passed, in that time or less. */
static void learn(uint64_t ticks, uint64_t elapsed_ns)
{
	if (elapsed_ns && (ticks << RATE_SHIFT) / elapsed_ns > rate)
		rate = (ticks << RATE_SHIFT) / elapsed_ns;
}

/* Fire once. With interrupts off. */
static void program_ticks(uint64_t ticks)
{
	struct core *core = core_self();
	core->shot_ticks = ticks < UINT32_MAX ? ticks : UINT32_MAX;
	core->shot_tsc = tsc_read();
	apic_write(APIC_LVT_TIMER, INTERRUPT_TIMER);
	apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_1);
	apic_write(APIC_TIMER_INITIAL, core->shot_ticks);
}

/* After this time or a little less. */
static void program(uint64_t ns)
{
	program_ticks(((unsigned __int128)ns * rate >> RATE_SHIFT) + 1);
}

/* Fire for the next alarm, or after this time if that is earlier; UINT64_MAX: no such time. */
static void program_next(const struct core *core, uint64_t most)
{
	uint64_t ns = remaining_ns(core, UINT64_MAX);
	/* An alarm that could not be queued is overdue. */
	if (most != UINT64_MAX)
		ns = most;
	if (ns != UINT64_MAX)
		program(ns);
}

/* Looks at the clock, but does not wait for it: this may have interrupted who changes it. */
static void timer_interrupt(unsigned vector)
{
	struct core *core = core_self();
	(void)vector;
	apic_write(APIC_EOI, 0);
	uint64_t now, next = UINT64_MAX;
	__atomic_store_n(&usable, true, __ATOMIC_RELAXED);
	/* Before the time of any alarm: the rate may be too low. This may be the interrupt of an
	 * earlier shot, so see that the last one has ended. */
	if (remaining_ns(core, UINT64_MAX) && apic_read(APIC_TIMER_CURRENT) == 0)
		learn(core->shot_ticks, time_of_ticks(tsc_read() - core->shot_tsc));
	bool known = time_peek(&now);
	for (unsigned i = 0; i < ALARMS && known; i++)
		if (core->alarms[i].function && core->alarms[i].deadline_ns <= now) {
			if (task_submit_shared(core->alarms[i].function, NULL) == 0)
				core->alarms[i].function = NULL;
			else
				next = RETRY_NS;
		}
	program_next(core, next);
	worker_rouse(core->index);
}

static bool find_apic(void)
{
	interrupt_set_handler(INTERRUPT_TIMER, timer_interrupt);
	return apic_enable();
}

static void halt_for(uint64_t ns)
{
	uint64_t flags = interrupts_off();
	program(ns);
	__asm__ volatile("sti; hlt" : : : "memory");
	interrupts_restore(flags);
}

/* The rate is not known yet, and its interrupt makes the timer usable. Watched for: at most so
 * long. */
static void begin_trial(uint64_t watch_ns)
{
	uint64_t flags, start = time_monotonic();

	flags = interrupts_off();
	program_ticks(TRIAL_TICKS);
	if (watch_ns)
		__asm__ volatile("sti" : : : "memory");
	while (!__atomic_load_n(&usable, __ATOMIC_RELAXED) && time_monotonic() - start < watch_ns)
		cpu_relax();
	interrupts_restore(flags);
}

/* More than one, since a busy host may be late with an interrupt. */
static void try_once(uint64_t watch_ns)
{
	static bool trying; /* one core at a time */
	if (__atomic_test_and_set(&trying, __ATOMIC_ACQUIRE)) {
		cpu_relax();
		return;
	}
	if (usable || trials == TRIALS_MAX)
		goto done;
	found = found || find_apic();
	if (found)
		begin_trial(watch_ns);
	if (!usable && ++trials == TRIALS_MAX)
		log_warning("time: no local APIC timer: sleeping keeps the processor busy");
done:
	__atomic_clear(&trying, __ATOMIC_RELEASE);
}

void timer_wait(uint64_t ns)
{
	static unsigned looks;
	struct core *core = core_self();
	if (usable && ns > SPIN_NS) {
		halt_for(remaining_ns(core, ns));
		uint64_t flags = interrupts_off();
		program_next(core, UINT64_MAX);
		interrupts_restore(flags);
	} else if (!usable && ns > TRIAL_NS) {
		try_once(TRIAL_NS);
		cpu_relax();
	} else if (!usable && ns > SPIN_NS &&
		   __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED) % SHORT_LOOKS == 0) {
		try_once(0);
	} else {
		cpu_relax();
	}
}

static bool is_usable(void)
{
	while (!usable && trials < TRIALS_MAX)
		try_once(TRIAL_NS);
	return usable;
}

int timer_bound(uint64_t ns)
{
	if (!is_usable())
		return -BM_ENODEV;
	uint64_t flags = interrupts_off();
	program(remaining_ns(core_self(), ns));
	interrupts_restore(flags);
	return 0;
}

int timer_set_alarm(unsigned which, uint64_t deadline_ns, void (*function)(void *))
{
	if (!is_usable())
		return deadline_ns ? -BM_ENODEV : task_submit_shared(function, NULL);
	struct core *core = core_self();
	uint64_t flags = interrupts_off();
	if (!core->alarms[which].function || deadline_ns < core->alarms[which].deadline_ns) {
		core->alarms[which].deadline_ns = deadline_ns;
		core->alarms[which].function = function;
		program_next(core, UINT64_MAX);
	}
	interrupts_restore(flags);
	return 0;
}

bool timer_has_alarm(unsigned which)
{
	return __atomic_load_n(&core_self()->alarms[which].function, __ATOMIC_SEQ_CST) != NULL;
}

int timer_alarm(uint64_t deadline_ns, void (*function)(void *))
{
	return timer_set_alarm(ALARM_APP, deadline_ns, function);
}

int timer_thread_alarm(uint64_t deadline_ns, void (*function)(void *))
{
	return timer_set_alarm(ALARM_THREADS, deadline_ns, function);
}

uint32_t timer_alarms_of(const struct core *core)
{
	uint32_t set = 0;
	for (unsigned i = 0; i < ALARMS_COUNTED; i++)
		set += __atomic_load_n(&core->alarms[i].function, __ATOMIC_ACQUIRE) != NULL;
	return set;
}
