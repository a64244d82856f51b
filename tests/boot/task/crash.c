/* SPDX-License-Identifier: MIT */
/*
 * Crashes while the other cores do something: what does the report say of them?
 * crash others|overflow|task|masked|both. Wants four cores.
 */
#include "cores.h"

static uint32_t begun, go;
static volatile uint64_t zero;

__attribute__((noinline)) static void busy_one(void *unused)
{
	(void)unused;
	add_one(&begun);
	while (!read_now(&go))
		relax();
}

/* With interrupts off: only an NMI gets through. */
__attribute__((noinline)) static void busy_masked(void *unused)
{
	(void)unused;
	__asm__ volatile("cli");
	add_one(&begun);
	while (!read_now(&go))
		relax();
}

/* Waits for a task that is never done, and sleeps. */
__attribute__((noinline)) static void waiting(void *unused)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	(void)unused;
	group.state = 1;
	add_one(&begun);
	bm_task_wait(&group);
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline)) static uint64_t recurse(volatile uint64_t *above)
{
	volatile uint64_t frame[50];
	frame[0] = above[0] + 1;
	return recurse(frame) + frame[0];
}

__attribute__((noinline)) static void overflow(void *unused)
{
	volatile uint64_t first = 0;
	(void)unused;
	first = recurse(&first);
}

__attribute__((noinline)) static void null_read(void *unused)
{
	(void)unused;
	(void)*(volatile uint64_t *)zero;
	__asm__ volatile("" : : : "memory");
}

static void both(void *unused)
{
	add_one(&begun);
	spin_until(&begun, 3);
	null_read(unused);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	release_cores();
	CHECK(core_count() == 4);
	printf("crashing: %s\n", how);
	fflush(stdout);
	if (!strcmp(how, "both")) {
		for (uint32_t c = 1; c < 4; c++)
			CHECK(bm_task_submit_to(c, NULL, both, NULL) == 0);
		for (;;)
			relax();
	}
	CHECK(bm_task_submit_to(1, NULL, strcmp(how, "masked") ? busy_one : busy_masked, NULL) ==
	      0);
	CHECK(bm_task_submit_to(2, NULL, waiting, NULL) == 0);
	spin_until(&begun, 2);
	bm_sleep_until(bm_time_monotonic() + 50000000); /* cores 2 and 3 fall asleep */
	if (!strcmp(how, "overflow") || !strcmp(how, "task")) {
		CHECK(bm_task_submit_to(3, NULL, how[0] == 'o' ? overflow : null_read, NULL) == 0);
		for (;;)
			relax();
	}
	null_read(NULL);
	return 0;
}
