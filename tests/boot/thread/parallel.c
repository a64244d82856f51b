/* SPDX-License-Identifier: MIT */
/*
 * Parallel loops, sums, futures and teams: each iteration exactly once, at any number of
 * cores, from main(), from a part of another loop, and from a thread.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <baremetal/parallel.h>
#include <baremetal/system.h>

#include "../check.h"

#define MOST   10000
#define ROUNDS 20 /* spinning is slow where many cores share few of the host's */

static unsigned char seen[MOST];

static void mark(void *argument, long from, long to)
{
	CHECK(from < to && to - from <= *(long *)argument);
	for (long i = from; i < to; i++)
		seen[i]++;
}

static void check_seen(long from, long to)
{
	for (long i = 0; i < MOST; i++) {
		CHECK(seen[i] == (i >= from && i < to));
		seen[i] = 0;
	}
}

static void test_for(void)
{
	static const long counts[] = {0, 1, 2, 3, 7, 100, 9999};
	long chunk, all = MOST;

	for (int i = 0; i < 7; i++) {
		for (chunk = 1; chunk < 300; chunk = chunk * 3 + 1) {
			bm_parallel_for(1, 1 + counts[i], chunk, mark, &chunk);
			check_seen(1, 1 + counts[i]);
		}
		bm_parallel_for(1, 1 + counts[i], 0, mark, &all);
		check_seen(1, 1 + counts[i]);
		bm_parallel_for_static(1, 1 + counts[i], mark, &all);
		check_seen(1, 1 + counts[i]);
	}
	bm_parallel_for(5, -5, 1, mark, &all);
	bm_parallel_for_static(5, -5, mark, &all);
	check_seen(0, 0);
}

static uint64_t iterations;

static void add_size(void *argument, long from, long to)
{
	(void)argument;
	__atomic_fetch_add(&iterations, (uint64_t)to - (uint64_t)from, __ATOMIC_RELAXED);
}

static void test_span(void)
{
	bm_parallel_for(LONG_MIN, LONG_MAX, LONG_MAX / 1000, add_size, NULL);
	CHECK(iterations == UINT64_MAX);
}

static void inner(void *argument, long from, long to)
{
	for (long i = from; i < to; i++)
		bm_parallel_for(0, 100, 7, add_size, argument);
}

static void test_nested(void)
{
	iterations = 0;
	bm_parallel_for(0, 50, 1, inner, NULL);
	CHECK(iterations == 5000);
}

struct sums {
	long sum, most;
};

static void sum(void *argument, long from, long to, void *partial)
{
	struct sums *s = partial;

	(void)argument;
	for (long i = from; i < to; i++) {
		s->sum += i;
		s->most = i > s->most ? i : s->most;
	}
}

static void combine(void *argument, void *result, const void *partial)
{
	struct sums *r = result;
	const struct sums *p = partial;

	(void)argument;
	r->sum += p->sum;
	r->most = p->most > r->most ? p->most : r->most;
}

static void test_reduce(void)
{
	for (long chunk = 0; chunk < 2000; chunk += 311) {
		struct sums s = {0, LONG_MIN};

		CHECK(!bm_parallel_reduce(0, 100001, chunk, sum, combine, NULL, &s, sizeof s));
		CHECK(s.sum == 5000050000 && s.most == 100000);
	}
	struct sums none = {17, 4};
	CHECK(!bm_parallel_reduce(3, 3, 0, sum, combine, NULL, &none, sizeof none) &&
	      none.sum == 17);
	CHECK(bm_parallel_reduce(0, 1, 0, sum, combine, NULL, &none, BM_REDUCE_MAX + 1) ==
	      -BM_EINVAL);
}

static void *fibonacci(void *argument)
{
	long n = (long)argument;
	struct bm_future left;

	if (n < 2)
		return argument;
	bm_future_start(&left, fibonacci, (void *)(n - 1));
	long right = (long)fibonacci((void *)(n - 2));
	return (void *)((long)bm_future_get(&left) + right);
}

static void test_future(void)
{
	struct bm_future f;

	bm_future_start(&f, fibonacci, (void *)15);
	CHECK(bm_future_get(&f) == (void *)610 && bm_future_ready(&f));
	CHECK(bm_future_get(&f) == (void *)610);
}

static uint32_t present;

static void member(const struct bm_team *team)
{
	CHECK(team->members == bm_system_info()->cores && team->index == bm_core());
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		__atomic_fetch_add(&present, 1, __ATOMIC_RELAXED);
		bm_team_wait(team);
		CHECK(__atomic_load_n(&present, __ATOMIC_RELAXED) == round * team->members);
		bm_team_wait(team);
	}
}

static void test_team(void)
{
	present = 0;
	bm_team_run(member, NULL);
	CHECK(present == ROUNDS * bm_system_info()->cores);
}

static void *in_thread(void *argument)
{
	for (int i = 0; i < 20; i++) {
		struct sums s = {0, LONG_MIN};

		CHECK(!bm_parallel_reduce(0, 10001, 0, sum, combine, NULL, &s, sizeof s));
		CHECK(s.sum == 50005000);
	}
	return argument;
}

int main(void)
{
	pthread_t threads[4];

	test_for();
	test_span();
	test_nested();
	test_reduce();
	test_future();
	test_team();
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, in_thread, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	test_team();
	printf("done\n");
	return 0;
}
