/* SPDX-License-Identifier: MIT */
/*
 * Random submits, pins and waits from a seed, until the time is up, each task counted:
 * stress [SECONDS] [SEED]. Without a seed, one is drawn, and printed.
 */
#include "cores.h"

#include <stdlib.h>

#define TASKS_MAX 8000 /* of a round */
#define FAN_MAX   12
#define DEPTH_MAX 24 /* of tasks on one stack: each waiting one runs others on top */

static uint64_t seed;
static uint32_t next_task;
static uint8_t runs[TASKS_MAX];

/* splitmix64: https://prng.di.unimi.it/splitmix64.c has the constants. */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

static uint32_t choose(uint64_t *state, uint32_t below)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return (mix(*state) >> 32) % below;
}

struct job {
	uint32_t number, core; /* core: pinned to it; or any */
};
#define ANY UINT32_MAX

static void run_job(void *argument);

/* Queue one more task, if there is a number left for it. */
static void spawn(struct bm_task_group *group, struct job *job, uint64_t *random)
{
	job->number = __atomic_fetch_add(&next_task, 1, __ATOMIC_RELAXED);
	if (job->number >= TASKS_MAX)
		return;
	job->core = choose(random, 4) ? ANY : choose(random, core_count());
	while (job->core == ANY ? bm_task_submit(group, run_job, job)
				: bm_task_submit_to(job->core, group, run_job, job))
		bm_task_run_one();
}

static void run_job(void *argument)
{
	const struct job *job = argument;
	uint64_t random = seed ^ mix(job->number);
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	struct job children[FAN_MAX];

	CHECK(job->core == ANY || job->core == bm_core());
	CHECK(__atomic_fetch_add(&runs[job->number], 1, __ATOMIC_RELAXED) == 0);
	for (uint32_t spins = choose(&random, 32) ? 0 : choose(&random, 300); spins; spins--)
		relax();
	if (bm_task_depth() > DEPTH_MAX || choose(&random, 3) == 0)
		return;
	uint32_t fan = choose(&random, FAN_MAX + 1);
	for (uint32_t i = 0; i < fan; i++) {
		spawn(&group, &children[i], &random);
		if (choose(&random, 16) == 0)
			bm_task_run_one();
		if (choose(&random, 16) == 0)
			bm_task_wait(&group);
	}
	bm_task_wait(&group);
}

int main(int argc, char **argv)
{
	static struct job roots[200];
	uint64_t seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 5, total = 0, rounds = 0;
	release_cores();
	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	if (!seed && bm_random(&seed, sizeof seed))
		seed = bm_time_monotonic() | 1;
	printf("seed 0x%lx on %u cores for %lu s\n", seed, core_count(), seconds);
	fflush(stdout);

	uint64_t end = bm_time_monotonic() + seconds * BM_SECOND, random = seed;
	uint64_t before = tasks_run();
	do {
		struct bm_task_group group = BM_TASK_GROUP_INIT;
		uint32_t fan = 1 + choose(&random, 200);
		next_task = 0;
		memset(runs, 0, sizeof runs);
		if (choose(&random, 4) == 0)
			bm_sleep_until(bm_time_monotonic() + choose(&random, 3000000));
		for (uint32_t i = 0; i < fan; i++)
			spawn(&group, &roots[i], &random);
		bm_task_wait(&group);
		uint32_t count = next_task < TASKS_MAX ? next_task : TASKS_MAX;
		for (uint32_t i = 0; i < TASKS_MAX; i++)
			CHECK(runs[i] == (i < count));
		CHECK(group.state == 0);
		total += count;
		rounds++;
		seed = mix(seed);
	} while (bm_time_monotonic() < end);
	CHECK(tasks_run() - before == total);
	printf("%lu tasks in %lu rounds, each once\n", total, rounds);
	return 0;
}
