/* SPDX-License-Identifier: MIT */
/*
 * A machine for the device layer on the host: a clock that moves when it is read, memory for
 * devices at the place where the kernel has it, tasks that run when the test says so.
 */
#ifndef TESTS_DEVICE_MACHINE_H
#define TESTS_DEVICE_MACHINE_H

#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "console/log.h"
#include "device/block_queue.h"
#include <baremetal/task.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "unit.h"

#define MACHINE_DMA 0x200000ul /* physical */
#ifndef MACHINE_DMA_SIZE
#define MACHINE_DMA_SIZE (16ul << 20)
#endif

static uint64_t machine_tsc = 1000;   /* a tick is a nanosecond */
static uint64_t machine_step = 50;    /* from one look at the clock to the next */
static void (*machine_on_look)(void); /* at each look at the clock: devices do something */
static unsigned machine_warnings;
static uint64_t machine_dma_used, machine_dma_limit = MACHINE_DMA_SIZE;
static size_t machine_dma_out; /* bytes taken and not given back */
struct core simulated_core;
const void *simulated_unmapped, *simulated_read_only;

static void machine_look(void)
{
	machine_tsc += machine_step;
	if (machine_on_look)
		machine_on_look();
}

uint64_t tsc_read(void)
{
	machine_look();
	return machine_tsc;
}

void cpu_relax(void)
{
	machine_look();
}

uint64_t time_monotonic(void)
{
	return tsc_read();
}

uint64_t time_to_ticks(uint64_t ns)
{
	return ns;
}

uint64_t time_of_ticks(uint64_t ticks)
{
	return ticks;
}

void log_line(int level, const char *format, ...)
{
	(void)format;
	machine_warnings += level <= BM_LOG_WARNING;
}

const char *device_error(int status)
{
	(void)status;
	return "";
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsnprintf(buffer, size, format, list);
	va_end(list);
	return length;
}

void devices_start(void)
{
}

/* Zeroed, page by page for what is large; given back: no more than counted. */
void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	static char *base;
	if (!base) {
		base = mmap((void *)(LAYOUT_DEVICES + MACHINE_DMA), MACHINE_DMA_SIZE,
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (base != (char *)LAYOUT_DEVICES + MACHINE_DMA)
			abort();
	}
	align = align < 64 ? 64 : align;
	machine_dma_used = (machine_dma_used + align - 1) & -align;
	if (machine_dma_used + bytes > machine_dma_limit)
		return NULL;
	char *memory = base + machine_dma_used;
	machine_dma_used += bytes;
	machine_dma_out += bytes;
	memset(memory, 0, bytes);
	if (phys)
		*phys = dma_phys(memory);
	return memory;
}

void dma_give(void *memory, size_t bytes)
{
	if (memory)
		machine_dma_out -= bytes;
}

/* What a device sees at a physical address. */
static inline void *machine_memory(uint64_t phys)
{
	return phys < MACHINE_DMA + MACHINE_DMA_SIZE ? (void *)(LAYOUT_DEVICES + phys)
						     : (void *)(phys ^ 4096);
}

/* ---- Tasks ---- */

static struct {
	void (*function)(void *);
	void *argument;
} machine_tasks[64];
static unsigned machine_task_count;
static void (*machine_idle)(void); /* while somebody waits */

int task_submit_shared(void (*function)(void *), void *argument)
{
	if (machine_task_count == 64)
		return -BM_EAGAIN;
	machine_tasks[machine_task_count].function = function;
	machine_tasks[machine_task_count++].argument = argument;
	return 0;
}

int task_run_one(void)
{
	if (!machine_task_count)
		return 0;
	machine_task_count--;
	machine_tasks[machine_task_count].function(machine_tasks[machine_task_count].argument);
	return 1;
}

static bool machine_dozes;

/* Whoever sleeps for it, in whichever way, looks for himself. */
void task_group_done(struct bm_task_group *group)
{
	group->state--;
	machine_dozes = false;
}

int timer_set_alarm(unsigned which, uint64_t deadline_ns, void (*function)(void *))
{
	if (!simulated_core.alarms[which].function ||
	    deadline_ns < simulated_core.alarms[which].deadline_ns) {
		simulated_core.alarms[which].deadline_ns = deadline_ns;
		simulated_core.alarms[which].function = function;
	}
	return 0;
}

bool timer_has_alarm(unsigned which)
{
	return simulated_core.alarms[which].function != NULL;
}

/* Sleep that runs no tasks: to the end of the bound, unless something rouses. */
static uint32_t machine_dozer; /* core */
static uint64_t machine_bound;
static unsigned machine_dozed; /* times that it was not roused */

void worker_about_to_doze(void)
{
	machine_dozes = true;
	machine_dozer = simulated_core.index;
	machine_bound = 0;
}

void worker_rouse(uint32_t core)
{
	if (core == machine_dozer)
		machine_dozes = false;
}

int timer_bound(uint64_t ns)
{
	machine_bound = ns;
	return 0;
}

void worker_doze(void)
{
	if (machine_dozes && machine_idle)
		machine_idle();
	if (machine_dozes && !machine_bound) {
		fprintf(stderr, "asleep without a bound\n");
		abort();
	}
	if (machine_dozes) {
		machine_tsc += machine_bound;
		machine_dozed++;
	}
	machine_dozes = false;
}

void worker_wait_for(struct bm_task_group *group)
{
	group->state += (uint64_t)(simulated_core.index + 1) << 32;
}

/* Sleep until the alarm, if nothing else is to be done. */
void task_wait(struct bm_task_group *group)
{
	while (group->state) {
		if (machine_idle)
			machine_idle();
		if (task_run_one())
			continue;
		unsigned first = ALARMS;
		for (unsigned i = 0; i < ALARMS; i++)
			if (simulated_core.alarms[i].function &&
			    (first == ALARMS || simulated_core.alarms[i].deadline_ns <
						    simulated_core.alarms[first].deadline_ns))
				first = i;
		if (first == ALARMS) {
			fprintf(stderr, "asleep for ever\n");
			abort();
		}
		void (*function)(void *) = simulated_core.alarms[first].function;
		if (machine_tsc < simulated_core.alarms[first].deadline_ns)
			machine_tsc = simulated_core.alarms[first].deadline_ns;
		simulated_core.alarms[first].function = NULL;
		function(NULL);
	}
}

#endif
