/* SPDX-License-Identifier: MIT */
/*
 * A guest without work: after bringing all cores into play, it says "idle" and is, all
 * cores in the work queue, until an alarm ends it: idle MILLISECONDS.
 */
#include "cores.h"

#include <stdlib.h>

static uint64_t start, idle_ns;
static uint32_t warm;

static void warm_up(void *unused)
{
	(void)unused;
	add_one(&warm);
	spin_until(&warm, core_count());
}

static void end(void *unused)
{
	uint64_t wake_ups = 0, slept = core_info(bm_core()).sleep_ns;
	(void)unused;
	for (uint32_t c = 0; c < core_count(); c++)
		wake_ups += core_info(c).wake_ups;
	printf("%lu wake-ups, slept %lu ms of %lu\n", wake_ups, slept / 1000000,
	       (bm_time_monotonic() - start) / 1000000);
	CHECK(bm_time_monotonic() - start >= idle_ns);
	/* Each core is woken once to run, and now and then for nothing. */
	CHECK(wake_ups <= 20 * core_count());
	/* This core was asleep until now. */
	CHECK(slept >= idle_ns / 10 * 9);
	exit(0);
}

int main(int argc, char **argv)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	idle_ns = (argc > 1 ? strtoul(argv[1], NULL, 10) : 7000) * 1000000;
	release_cores();
	for (uint32_t c = 0; c < core_count(); c++)
		CHECK(bm_task_submit(&group, warm_up, NULL) == 0);
	bm_task_wait(&group);
	printf("idle\n");
	fflush(stdout);
	start = bm_time_monotonic();
	CHECK(bm_task_alarm(start + idle_ns, end) == 0);
	bm_core_run();
}
