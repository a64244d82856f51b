/* SPDX-License-Identifier: MIT */
/*
 * How many tasks a second the work queue takes, by who submits and how much work a task has:
 *
 *   one     core 0 submits all
 *   all     each core submits its share
 *   tree    each task submits two more and waits for them, as divide and conquer does
 *
 * In the guest it calls the kernel's work queue. On the host (HOST_CORES) it is linked with
 * kernel/task/scheduler.c itself, with threads for cores, and takes their number as argument.
 * Prints NAME_WORK=NUMBER lines; WORK is a task's additions, three instructions each.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <baremetal/task.h>

#ifdef HOST_CORES
#include <pthread.h>
#include "host_port.h"

__thread struct worker *port_worker;
static struct worker *workers;
static unsigned cores;

#define submit    task_submit
#define submit_to task_submit_to
#define run_one   task_run_one
#define wait_for  task_wait
#define now       port_clock

static void *core(void *worker)
{
	port_worker = worker;
	scheduler_run(NULL);
	return NULL;
}

static void begin(int argc, char **argv)
{
	pthread_t thread;

	cores = argc > 1 ? atoi(argv[1]) : 1;
	if (cores < 1 || cores > CORES_MAX ||
	    !(workers = aligned_alloc(64, cores * sizeof *workers)))
		exit(2);
	for (unsigned i = 0; i < cores; i++) {
		worker_init(&workers[i], i);
		worker_publish(&workers[i]);
	}
	port_worker = &workers[0];
	for (unsigned i = 1; i < cores; i++)
		if (pthread_create(&thread, NULL, core, &workers[i]))
			exit(2);
}
#else
#include <baremetal/system.h>
#include <baremetal/time.h>

static unsigned cores;

#define submit    bm_task_submit
#define submit_to bm_task_submit_to
#define run_one   bm_task_run_one
#define wait_for  bm_task_wait
#define now       bm_time_monotonic

static void begin(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	cores = bm_system_info()->cores;
}
#endif

#define MEASURED UINT64_C(50000000) /* nanoseconds of a run */
#define RUNS     5                  /* of which the best counts */
#define TREE     1000UL             /* tasks of a tree: who waits first in first out nests deep */

static unsigned work_of_task;

static void work(void *argument)
{
	volatile unsigned sum = 0;

	(void)argument;
	for (unsigned i = 0; i < work_of_task; i++)
		sum += i;
}

static void put(struct bm_task_group *group, void (*function)(void *), void *argument)
{
	while (submit(group, function, argument) == -BM_EAGAIN)
		run_one();
}

static void submit_some(void *count)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	for (unsigned long i = (uintptr_t)count; i; i--)
		put(&group, work, NULL);
	wait_for(&group);
}

static void one(unsigned long n)
{
	submit_some((void *)n);
}

static void all(unsigned long n)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	for (unsigned i = 0; i < cores; i++)
		submit_to(i, &group, submit_some, (void *)(n / cores));
	wait_for(&group);
}

/* The argument is how many tasks this is the root of, itself included. */
static void branch(void *count)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	unsigned long below = (uintptr_t)count - 1, left = below / 2;

	work(NULL);
	if (left)
		put(&group, branch, (void *)left);
	if (below - left)
		put(&group, branch, (void *)(below - left));
	if (below)
		wait_for(&group);
}

static void tree(unsigned long n)
{
	for (; n > TREE; n -= TREE)
		branch((void *)TREE);
	branch((void *)n);
}

static void show(const char *name, void (*measure)(unsigned long n))
{
	uint64_t best = 0;
	unsigned long n = 64;

	/* Until even the best of some runs takes long enough: what else the host does only adds. */
	while (best < MEASURED) {
		n *= 2;
		best = UINT64_MAX;
		for (int run = 0; run < RUNS && best >= MEASURED; run++) {
			uint64_t start = now();

			measure(n);
			uint64_t took = now() - start;
			best = took < best ? took : best;
		}
	}
	printf("%s_%u=%lu\n", name, work_of_task, (unsigned long)(n * 1000000 / (best / 1000)));
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {0, 100, 1000};

	begin(argc, argv);
	printf("\ncores=%u\n", cores);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		work_of_task = sizes[i];
		show("one", one);
		show("all", all);
		show("tree", tree);
	}
	return 0;
}
