/* SPDX-License-Identifier: MIT */
/*
 * The work queue from the outside, on any number of cores: <baremetal/task.h>,
 * sentence by sentence. tasks [CORES]: so many must be there.
 */
#include "cores.h"

#include <stdlib.h>

#define FLAT        20000
#define STACK_BELOW 8192

static uint64_t queued; /* tasks that were queued in all */
static uint32_t cells[FLAT];

static void count(void *cell)
{
	add_one(cell);
}

static void submit_wait(struct bm_task_group *group, bm_task_fn *function, void *argument)
{
	__atomic_fetch_add(&queued, 1, __ATOMIC_RELAXED);
	bm_task_submit_wait(group, function, argument);
}

/* Each task exactly once, many more of them than a queue holds. */
static void test_flat(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (int i = 0; i < FLAT; i++)
		submit_wait(&group, count, &cells[i]);
	bm_task_wait(&group);
	CHECK(group.state == 0);
	for (int i = 0; i < FLAT; i++)
		CHECK(cells[i] == 1);
}

/* Tasks that submit tasks and wait for them. */
struct node {
	uint32_t depth, leaves;
};

static void grow(void *argument)
{
	struct node *node = argument, children[4];
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	if (node->depth == 0) {
		node->leaves = 1;
		return;
	}
	for (int i = 0; i < 4; i++) {
		children[i] = (struct node){node->depth - 1, 0};
		submit_wait(&group, grow, &children[i]);
	}
	bm_task_wait(&group);
	for (int i = 0; i < 4; i++)
		node->leaves += children[i].leaves;
}

static void test_tree(void)
{
	struct node root = {6, 0};
	grow(&root);
	CHECK(root.leaves == 4096);
}

/* On one core and no other. */
struct pinned {
	uint32_t core, runs;
};

static void on_core(void *argument)
{
	struct pinned *pinned = argument;
	CHECK(bm_core() == pinned->core);
	CHECK(bm_task_depth() >= 1);
	add_one(&pinned->runs);
}

static void test_pinned(void)
{
	static struct pinned pinned[1024];
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (uint32_t c = 0; c < core_count(); c++)
		pinned[c].core = c;
	for (int i = 0; i < 50; i++)
		for (uint32_t c = 0; c < core_count(); c++) {
			while (bm_task_submit_to(c, &group, on_core, &pinned[c]) == -BM_EAGAIN)
				bm_task_run_one();
			queued++;
		}
	bm_task_wait(&group);
	for (uint32_t c = 0; c < core_count(); c++)
		CHECK(pinned[c].runs == 50);
}

/* The stack is as large as is said, but for what lies below: the scheduler's calls, main()'s. */
static void use_stack(void *unused)
{
	size_t size = core_info(bm_core()).stack_size - STACK_BELOW;
	volatile char array[size];
	(void)unused;
	for (size_t i = 0; i < size; i += 1024)
		array[size - 1 - i] = 1;
	CHECK(array[size - 1] == 1);
}

static void test_stacks(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (uint32_t c = 0; c < core_count(); c++)
		CHECK(bm_task_submit_to(c, &group, use_stack, NULL) == 0);
	bm_task_wait(&group);
	queued += core_count();
}

/* A task for each core, none of which ends before all have begun: so each core must be woken. */
static uint32_t met, met_cores[1024];

static void meet(void *unused)
{
	(void)unused;
	add_one(&met_cores[bm_core()]);
	add_one(&met);
	spin_until(&met, core_count());
}

static void test_all_at_once(void)
{
	for (int round = 0; round < 5; round++) {
		struct bm_task_group group = BM_TASK_GROUP_INIT;
		met = 0;
		memset(met_cores, 0, sizeof met_cores);
		if (round % 2)
			bm_sleep_until(bm_time_monotonic() + 10000000); /* all asleep */
		for (uint32_t c = 0; c < core_count(); c++)
			submit_wait(&group, meet, NULL);
		bm_task_wait(&group);
		for (uint32_t c = 0; c < core_count(); c++)
			CHECK(met_cores[c] == 1);
	}
}

/* Full queues say so, take one more for each that was run, and lose nothing. */
static uint32_t blocked, open_now;

static void block(void *unused)
{
	(void)unused;
	add_one(&blocked);
	spin_until(&open_now, 1);
}

static void test_full(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT, blockers = BM_TASK_GROUP_INIT;
	uint32_t ran = 0, ran_pinned = 0, taken = 0, last = core_count() - 1;
	open_now = blocked = 0;
	for (uint32_t c = 1; c <= last; c++)
		CHECK(bm_task_submit_to(c, &blockers, block, NULL) == 0);
	spin_until(&blocked, last);
	while (bm_task_submit(&group, count, &ran) == 0)
		CHECK(++taken <= 1024);
	CHECK(taken == 1024 && ran == 0);
	CHECK(bm_task_submit(&group, count, &ran) == -BM_EAGAIN);
	CHECK(core_info(0).queued >= 1024);
	CHECK(bm_task_run_one() == 1 && ran == 1);
	CHECK(bm_task_submit(&group, count, &ran) == 0);
	taken = 0;
	while (bm_task_submit_to(last, &group, count, &ran_pinned) == 0)
		CHECK(++taken <= 256);
	CHECK(taken == 256 && ran_pinned == 0);
	count(&open_now);
	bm_task_wait(&group);
	bm_task_wait(&blockers);
	CHECK(ran == 1025 && ran_pinned == 256);
	CHECK(bm_task_run_one() == 0);
	queued += last + 1025 + 256;
}

/* Nonsense is answered. */
static void test_misuse(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	struct bm_core_info info;
	const uint32_t wrong[] = {core_count(), core_count() + 1, 1023,      1024,
				  4096,         0x80000000u,      UINT32_MAX};
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		if (wrong[i] < core_count())
			continue;
		CHECK(bm_task_submit_to(wrong[i], &group, count, &cells[0]) == -BM_EINVAL);
		CHECK(bm_core_info(wrong[i], &info) == -BM_EINVAL);
	}
	CHECK(group.state == 0);
	bm_task_wait(&group); /* of nothing: returns */
	release_cores();      /* again: does nothing */
}

/* One group again and again, with none, few and many tasks. */
static void test_reuse(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (uint32_t round = 0; round < 2000; round++) {
		uint32_t ran = 0, tasks = round % 7 * round % 11;
		for (uint32_t i = 0; i < tasks; i++)
			submit_wait(&group, count, &ran);
		bm_task_wait(&group);
		CHECK(ran == tasks && group.state == 0);
	}
}

/* A submit wakes a sleeper, though the submitter goes on with something else, and no
 * more than one. */
static void test_wakes(void)
{
	if (core_count() == 1)
		return;
	uint64_t before = 0, after = 0;
	for (uint32_t c = 1; c < core_count(); c++)
		before += core_info(c).wake_ups;
	for (int round = 0; round < 20; round++) {
		uint32_t done = 0;
		bm_sleep_until(bm_time_monotonic() + 5000000);
		submit_wait(NULL, count, &done);
		spin_until(&done, 1);
		done = 0;
		uint32_t core = 1 + round % (core_count() - 1);
		CHECK(bm_task_submit_to(core, NULL, count, &done) == 0);
		queued++;
		spin_until(&done, 1);
	}
	for (uint32_t c = 1; c < core_count(); c++)
		after += core_info(c).wake_ups;
	CHECK(after >= before + 20 && after <= before + 40); /* 40 tasks */
}

/* The counters: together with each other, and with what was queued. */
static void test_info(uint64_t run_before)
{
	uint64_t end = bm_time_monotonic() + 20 * BM_SECOND;
	/* Tasks of no group may still be ending. */
	while (tasks_run() - run_before < queued && bm_time_monotonic() < end)
		relax();
	CHECK(tasks_run() - run_before == queued);
	uint64_t stolen = 0;
	for (uint32_t c = 0; c < core_count(); c++) {
		struct bm_core_info info = core_info(c);
		uint64_t now = bm_time_monotonic();
		CHECK(info.index == c && info.stolen <= info.tasks && info.tasks > 0);
		/* The counter's rate is refined meanwhile, and sums keep the old one. */
		CHECK(info.sleep_ns <= info.idle_ns && info.idle_ns <= now + now / 10);
		CHECK(info.stack_size >= 32768 && info.stack_size <= 1 << 20);
		CHECK(info.depth == 0 && info.queued == 0);
		for (uint32_t other = 0; other < c; other++)
			CHECK(core_info(other).apic_id != info.apic_id);
		stolen += info.stolen;
	}
	CHECK(core_count() == 1 ? stolen == 0 : stolen > 0);
}

int main(int argc, char **argv)
{
	release_cores();
	printf("cores: %u\n", core_count());
	if (argc > 1)
		CHECK(core_count() == strtoul(argv[1], NULL, 10));
	CHECK(bm_core() == 0 && bm_task_depth() == 0);
	uint64_t run_before = tasks_run();
	test_wakes(); /* first: later a core may still be about to count a wake-up */
	test_full();
	test_flat();
	test_tree();
	test_pinned();
	test_stacks();
	test_all_at_once();
	test_misuse();
	test_reuse();
	test_info(run_before);
	printf("%lu tasks\n", queued);
	return 0;
}
