/* SPDX-License-Identifier: MIT */
/*
 * Parallel loops, sums, futures and teams. Contract: <baremetal/parallel.h>.
 */
#include <baremetal/parallel.h>
#include <baremetal/system.h>
#include <string.h>

#define PARTS_A_CORE 16 /* of a dynamic loop without a chunk of its own */

/* ---- Loops ---- */

struct loop {
	long next, to; /* `next` in two's complement: a loop may span all longs */
	unsigned long chunk;
	bm_range_fn *function;
	void *argument;
};

/* The next part, if there is one. */
static int take(struct loop *loop, long *from, long *to)
{
	long at = __atomic_load_n(&loop->next, __ATOMIC_RELAXED), end;

	do {
		if (at >= loop->to)
			return 0;
		end = (unsigned long)loop->to - (unsigned long)at > loop->chunk
			  ? (long)((unsigned long)at + loop->chunk)
			  : loop->to;
	} while (!__atomic_compare_exchange_n(&loop->next, &at, end, 1, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	*from = at;
	*to = end;
	return 1;
}

static void work(void *shared)
{
	struct loop *loop = shared;
	long from, to;

	while (take(loop, &from, &to))
		loop->function(loop->argument, from, to);
}

/* Submit a function as often as there are cores and parts for it, less once, and run it here. */
static void run_on_all(bm_task_fn *function, void *shared, unsigned long parts)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	uint32_t cores = bm_system_info()->cores;

	/* A full queue: everybody has enough to do. */
	for (uint32_t i = 1; i < cores && i < parts; i++)
		if (bm_task_submit(&group, function, shared))
			break;
	function(shared);
	bm_task_wait(&group);
}

static unsigned long chunk_of(unsigned long count, long chunk)
{
	return chunk > 0 ? (unsigned long)chunk
			 : count / bm_system_info()->cores / PARTS_A_CORE + 1;
}

void bm_parallel_for(long from, long to, long chunk, bm_range_fn *function, void *argument)
{
	unsigned long count = (unsigned long)to - (unsigned long)from;
	struct loop loop = {from, to, chunk_of(count, chunk), function, argument};

	if (from < to)
		run_on_all(work, &loop, (count - 1) / loop.chunk + 1);
}

struct share {
	long from, to;
	bm_range_fn *function;
	void *argument;
};

static void run_share(void *argument)
{
	const struct share *share = argument;

	share->function(share->argument, share->from, share->to);
}

void bm_parallel_for_static(long from, long to, bm_range_fn *function, void *argument)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	uint32_t cores = bm_system_info()->cores;
	unsigned long count = from < to ? (unsigned long)to - (unsigned long)from : 0;
	struct share shares[cores];
	uint32_t used = 0;

	/* The first ones get one more each. */
	for (uint32_t i = 0; i < cores && i < count; i++, used++) {
		unsigned long size = count / cores + (i < count % cores);

		shares[i] =
		    (struct share){from, (long)((unsigned long)from + size), function, argument};
		from = shares[i].to;
	}
	for (uint32_t i = 1; i < used; i++)
		bm_task_submit_wait(&group, run_share, &shares[i]);
	if (used)
		run_share(&shares[0]);
	bm_task_wait(&group);
}

/* ---- Reductions ---- */

struct reduction {
	struct loop loop;
	bm_reduce_fn *function;
	bm_combine_fn *combine;
	const void *start;
	void *result;
	size_t size;
	uint32_t busy; /* somebody combines */
};

static void reduce(void *shared)
{
	struct reduction *r = shared;
	char partial[BM_REDUCE_MAX] __attribute__((aligned(64)));
	long from, to;

	if (!take(&r->loop, &from, &to))
		return;
	memcpy(partial, r->start, r->size);
	do
		r->function(r->loop.argument, from, to, partial);
	while (take(&r->loop, &from, &to));
	while (__atomic_exchange_n(&r->busy, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
	r->combine(r->loop.argument, r->result, partial);
	__atomic_store_n(&r->busy, 0, __ATOMIC_RELEASE);
}

int bm_parallel_reduce(long from, long to, long chunk, bm_reduce_fn *function,
		       bm_combine_fn *combine, void *argument, void *result, size_t size)
{
	char start[BM_REDUCE_MAX] __attribute__((aligned(64)));
	unsigned long count = (unsigned long)to - (unsigned long)from;
	struct reduction r = {
	    .loop = {.next = from, .to = to, .chunk = chunk_of(count, chunk), .argument = argument},
	    .function = function,
	    .combine = combine,
	    .start = start,
	    .result = result,
	    .size = size,
	};

	if (size > BM_REDUCE_MAX)
		return -BM_EINVAL;
	memcpy(start, result, size);
	if (from < to)
		run_on_all(reduce, &r, (count - 1) / r.loop.chunk + 1);
	return 0;
}

/* ---- Futures ---- */

static void compute(void *argument)
{
	struct bm_future *future = argument;

	future->value = future->function(future->argument);
}

void bm_future_start(struct bm_future *future, void *(*function)(void *argument), void *argument)
{
	*future = (struct bm_future){BM_TASK_GROUP_INIT, function, argument, NULL};
	bm_task_submit_wait(&future->group, compute, future);
}

void *bm_future_get(struct bm_future *future)
{
	bm_task_wait(&future->group);
	return future->value;
}

/* ---- Teams ---- */

struct member {
	struct bm_team team;
	void (*function)(const struct bm_team *team);
};

static void join_in(void *argument)
{
	const struct member *member = argument;

	member->function(&member->team);
}

void bm_team_run(void (*function)(const struct bm_team *team), void *argument)
{
	static uint32_t busy; /* two teams at once would wait for each other's cores */
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	uint32_t cores = bm_system_info()->cores, self;
	struct bm_team_barrier barrier = {.members = cores};
	struct member members[cores];

	while (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE))
		if (!bm_task_run_one())
			__builtin_ia32_pause();
	self = bm_core();
	for (uint32_t i = 0; i < cores; i++) {
		members[i] = (struct member){{argument, &barrier, cores, i}, function};
		while (i != self &&
		       bm_task_submit_to(i, &group, join_in, &members[i]) == -BM_EAGAIN)
			__builtin_ia32_pause();
	}
	join_in(&members[self]);
	bm_task_wait(&group);
	__atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}
