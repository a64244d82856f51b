/* SPDX-License-Identifier: MIT */
/*
 * The work queue with threads for cores: every task runs exactly once, waits
 * end, pinned tasks stay on their core, a full queue says so, and nobody sleeps
 * while there is work. Run under ThreadSanitizer.
 *
 *     test_scheduler [CORES] [ROUNDS] [SEED]
 */
#include <baremetal/error.h>
#include <baremetal/task.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "host_port.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

__thread struct worker *port_worker;
static struct worker *workers;
static bool stop;

static void *core(void *worker)
{
	port_worker = worker;
	scheduler_run(&stop);
	return NULL;
}

static uint64_t expected; /* tasks that were queued */

static void submit(struct bm_task_group *group, void (*function)(void *), void *argument)
{
	__atomic_fetch_add(&expected, 1, __ATOMIC_RELAXED);
	while (task_submit(group, function, argument) == -BM_EAGAIN)
		task_run_one();
}

/* ---- Each task counts itself ---- */

static void count_up(void *counter)
{
	__atomic_fetch_add((uint32_t *)counter, 1, __ATOMIC_ACQ_REL);
}

static void test_flat(int tasks)
{
	uint32_t *counters = calloc(tasks, sizeof *counters);
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (int i = 0; i < tasks; i++)
		submit(&group, count_up, &counters[i]);
	task_wait(&group);
	CHECK(group.state == 0);
	for (int i = 0; i < tasks; i++)
		CHECK(counters[i] == 1);
	free(counters);
}

/* ---- A tree of tasks, each waiting for its children ---- */

struct node {
	int depth;
	uint32_t leaves;
};

static void grow(void *argument)
{
	struct node *node = argument;
	if (node->depth == 0) {
		node->leaves = 1;
		return;
	}
	struct node children[3];
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (int i = 0; i < 3; i++) {
		children[i] = (struct node){node->depth - 1, 0};
		submit(&group, grow, &children[i]);
	}
	task_wait(&group);
	node->leaves = children[0].leaves + children[1].leaves + children[2].leaves;
}

static void test_tree(int depth)
{
	struct node root = {depth, 0};
	uint32_t leaves = 1;
	for (int i = 0; i < depth; i++)
		leaves *= 3;
	grow(&root);
	CHECK(root.leaves == leaves);
}

/* ---- Pinned ---- */

struct pinned {
	uint32_t core;
	uint32_t runs;
};

static void on_core(void *argument)
{
	struct pinned *pinned = argument;
	CHECK(port_self()->index == pinned->core);
	count_up(&pinned->runs);
}

static void test_pinned(uint32_t cores, int rounds)
{
	struct pinned *pinned = calloc(cores, sizeof *pinned);
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (uint32_t c = 0; c < cores; c++)
		pinned[c].core = c;
	expected += (uint64_t)rounds * cores;
	for (int i = 0; i < rounds; i++)
		for (uint32_t c = 0; c < cores; c++)
			while (task_submit_to(c, &group, on_core, &pinned[c]) == -BM_EAGAIN)
				task_run_one();
	task_wait(&group);
	for (uint32_t c = 0; c < cores; c++)
		CHECK(pinned[c].runs == (uint32_t)rounds);
	CHECK(task_submit_to(cores, NULL, on_core, pinned) == -BM_EINVAL);
	free(pinned);
}

/* ---- Alone: the order, and a full queue ---- */

static void test_full(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	uint32_t counter = 0, submitted = 0;
	while (task_submit(&group, count_up, &counter) == 0)
		CHECK(++submitted <= DEQUE_SIZE);
	CHECK(submitted == DEQUE_SIZE && group.state == submitted);
	CHECK(task_run_one() == 1 && counter == 1);
	CHECK(task_submit(&group, count_up, &counter) == 0);
	while (task_run_one())
		;
	CHECK(counter == submitted + 1 && group.state == 0);
	expected += counter;
}

/* ---- A submit wakes a sleeper, even when the submitter then stays busy ---- */

static void test_wakes(uint32_t cores)
{
	for (int round = 0; round < 200; round++) {
		uint32_t done = 0;
		if (round % 8 == 0)
			usleep(2000); /* all asleep */
		CHECK(task_submit(NULL, count_up, &done) == 0);
		expected++;
		uint64_t start = port_clock();
		while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
			CHECK(cores > 1 && port_clock() - start < 20000000000ul);
			sched_yield();
		}
	}
}

/* ---- A wake for a task is not spent on a core that dozes ---- */

static void await_idle(const struct worker *worker)
{
	uint64_t start = port_clock();
	while (__atomic_load_n(&worker->asleep, __ATOMIC_SEQ_CST) != WORKER_IDLE) {
		CHECK(port_clock() - start < 20000000000ul);
		usleep(100);
	}
}

/*
 * Who wakes looks at a list, and by then a core on it may have gone on to doze. So it looks here as
 * if core 1, which is on it, did.
 */
static void test_dozers(uint32_t cores)
{
	for (int round = 0; round < 20; round++) {
		struct bm_task_group group = {1};
		uint32_t done = 0;
		for (uint32_t c = 1; c < cores; c++)
			await_idle(&workers[c]);
		usleep(1000);
		__atomic_store_n(&workers[1].asleep, WORKER_DOZES, __ATOMIC_SEQ_CST);
		CHECK(task_submit_to(1, NULL, count_up, &done) == 0);
		CHECK(task_submit(NULL, count_up, &done) == 0);
		expected += 2;
		uint64_t start = port_clock();
		while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
			CHECK(port_clock() - start < 20000000000ul);
			sched_yield();
		}
		CHECK(workers[1].asleep == WORKER_DOZES && done == 1);
		/* These two are meant for it. */
		group.state += 2 * (1ul << 32);
		if (round % 2)
			task_group_done(&group);
		else
			worker_rouse(1);
		while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < 2) {
			CHECK(port_clock() - start < 20000000000ul);
			sched_yield();
		}
		worker_rouse(1); /* not to a core that does not doze */
	}
}

/* ---- From an interrupt: no core's own thread ---- */

#define SHARED 1000

static uint32_t shared_runs;

static void count_shared(void *unused)
{
	CHECK(!unused);
	count_up(&shared_runs);
}

static void *interrupts(void *unused)
{
	(void)unused;
	for (int i = 0; i < SHARED; i++) {
		if (i % 100 == 0)
			usleep(1000); /* all asleep */
		while (task_submit_shared(count_shared, NULL) == -BM_EAGAIN)
			sched_yield();
	}
	return NULL;
}

static void test_shared(uint32_t cores)
{
	pthread_t thread;
	uint64_t start = port_clock();
	shared_runs = 0;
	CHECK(!pthread_create(&thread, NULL, interrupts, NULL));
	while (__atomic_load_n(&shared_runs, __ATOMIC_ACQUIRE) < SHARED) {
		CHECK(port_clock() - start < 60000000000ul);
		if (cores == 1)
			task_run_one();
		else
			sched_yield();
	}
	pthread_join(thread, NULL);
	expected += SHARED;
}

int main(int argc, char **argv)
{
	uint32_t cores = argc > 1 ? atoi(argv[1]) : 4;
	int rounds = argc > 2 ? atoi(argv[2]) : 20;
	unsigned seed = argc > 3 ? atoi(argv[3]) : 1;

	workers = aligned_alloc(64, cores * sizeof *workers);
	pthread_t *threads = calloc(cores, sizeof *threads);
	for (uint32_t c = 0; c < cores; c++) {
		worker_init(&workers[c], c);
		worker_publish(&workers[c]);
	}
	port_worker = &workers[0];
	test_full(); /* nobody steals yet */
	for (uint32_t c = 1; c < cores; c++)
		CHECK(!pthread_create(&threads[c], NULL, core, &workers[c]));

	for (int i = 0; i < rounds; i++) {
		test_flat(rand_r(&seed) % 6000);
		test_tree(rand_r(&seed) % 7);
		test_pinned(cores, rand_r(&seed) % 700);
		if (cores > 1)
			test_wakes(cores);
		if (i % 4 == 0)
			test_shared(cores);
		if (i % 4 == 0 && cores > 2)
			test_dozers(cores);
	}

	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	uint64_t tasks = 0, stolen = 0, wake_ups = 0;
	for (uint32_t c = 0; c < cores; c++) {
		/* Sleepers look at `stop` when they wake. */
		bool ended = c == 0;
		for (int i = 0; !ended && i < 10000; i++) {
			__atomic_store_n(&workers[c].asleep, 0, __ATOMIC_SEQ_CST);
			port_wake(c);
			ended = !pthread_tryjoin_np(threads[c], NULL);
			usleep(1000);
		}
		CHECK(ended);
		tasks += workers[c].tasks;
		stolen += workers[c].stolen;
		wake_ups += workers[c].wake_ups;
	}
	CHECK(tasks == expected);
	printf("%u cores: %lu tasks, %lu stolen, %lu wake-ups\n", cores, tasks, stolen, wake_ups);
	free(threads);
	free(workers);
	return 0;
}
