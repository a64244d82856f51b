/* SPDX-License-Identifier: MIT */
/*
 * The cores: each one's own data, starting them, and waking them.
 *
 * A core's data lies in an area of its own (layout.h: LAYOUT_CORES), with its
 * stacks between unmapped pages; %gs points to it. Core 0 is the one that booted.
 */
#ifndef KERNEL_CPU_CORE_H
#define KERNEL_CPU_CORE_H

#include <stdint.h>
#include "console/panic.h"
#include "cpu/interrupts.h"
#include "cpu/timer.h"
#include "task/scheduler.h"

#define TASK_STACK_MAX 0x100000ul /* bytes of what a core's tasks are told to have */

struct core {
	struct core *self; /* first: %gs:0 */
	struct worker *worker;
	uint32_t index, apic_id;
	uint32_t state; /* enum core_state */
	uint64_t stack_top, stack_size;        /* of the tasks that run here */
	struct {
		uint64_t deadline_ns;
		void (*function)(void *); /* NULL: none is set */
	} alarms[ALARMS]; /* cpu/timer.h */
	uint64_t shot_tsc, shot_ticks; /* of its timer: when it was set, and how long it runs */
	const struct exception_frame *stopped; /* where it was when another core crashed */
	struct core_tables tables;
	struct worker worker_data;
};

enum core_state {
	CORE_ABSENT,    /* not heard of yet */
	CORE_UP,        /* waits for its number */
	CORE_RELEASED,  /* has it, and waits for the app */
	CORE_ABANDONED, /* came too late: it halts */
};

/* The calling core. */
static inline struct core *core_self(void)
{
	struct core *core;
	__asm__("mov %%gs:0, %0" : "=r"(core));
	return core;
}

/* Prepare core 0: %gs, its worker. Before anything asks for core_self(). */
void core_init(void);

/* Start all others that ACPI lists, at most `max` in all (0: no limit). Logs those that stay away.
 */
void core_start_all(uint32_t max);

/* The core of an index, NULL if there is none. */
struct core *core_of(uint32_t index);

/*
 * The API's core_release: the app is ready. Each other core calls hook(index)
 * once, on its task stack, before its first task. Only the first call counts.
 */
void core_release(void (*hook)(uint32_t core));

/* Sleep while *asleep is not 0: may return earlier. And end a core's sleep, after *asleep became 0.
 */
void core_sleep(const uint32_t *asleep);
void core_wake(uint32_t index);

/* A core crashes: stop the others where they are. core->stopped tells where, if it stopped in time.
 */
void core_stop_others(void);
bool core_is_stopping(void);

#endif
