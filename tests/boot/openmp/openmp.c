/* SPDX-License-Identifier: MIT */
/*
 * OpenMP in the guest: each construct on teams smaller and larger than the number of cores. The
 * argument is the number of threads that a team must have by default.
 *
 * What cannot be told from a result is told from a witness: that threads run at the same time
 * by a meeting that needs all of them, that a critical section excludes by a count that would
 * be lost.
 */
#include <omp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/system.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("%s:%d: %s (team of %d)\n", __FILE__, __LINE__, #condition, team);  \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

#define N 2000

static int team; /* threads in the teams under test */

/* ---- Teams ---- */

static int of_each;
#pragma omp threadprivate(of_each)

static void test_team(void)
{
	int members = 0, masters = 0, singles = 0, given = 0;
	bool seen[64] = {0};

	CHECK(!omp_in_parallel() && omp_get_level() == 0);
	of_each = 42;
#pragma omp parallel copyin(of_each)
	{
		CHECK(omp_in_parallel() == (team > 1) && omp_get_level() == 1);
		CHECK(omp_get_num_threads() == team && of_each == 42);
		seen[omp_get_thread_num()] = true;
		of_each = omp_get_thread_num();
#pragma omp atomic
		members++;
#pragma omp master
		masters++;
#pragma omp barrier
		CHECK(__atomic_load_n(&members, __ATOMIC_RELAXED) == team);
		int copy = 0;
#pragma omp single copyprivate(copy)
		{
			singles++;
			copy = 17;
		}
#pragma omp atomic
		given += copy;
	}
	CHECK(masters == 1 && singles == 1 && given == 17 * team);
	for (int i = 0; i < team; i++)
		CHECK(seen[i]);
	bool own = true;
#pragma omp parallel reduction(&& : own)
	own = of_each == omp_get_thread_num();
	CHECK(own);
#pragma omp parallel if (team < 0)
	CHECK(omp_get_num_threads() == 1);

	int sections[5] = {0};
#pragma omp parallel sections
	{
#pragma omp section
		sections[0]++;
#pragma omp section
		sections[1]++;
#pragma omp section
		sections[2]++;
#pragma omp section
		sections[3]++;
#pragma omp section
		sections[4]++;
	}
	for (int i = 0; i < 5; i++)
		CHECK(sections[i] == 1);
}

static void test_nested(void)
{
	int inner = 0, levels = omp_get_max_active_levels();

	omp_set_max_active_levels(2);
#pragma omp parallel num_threads(3)
#pragma omp parallel num_threads(2)
	{
		CHECK(omp_get_level() == 2 && omp_get_active_level() == 2);
		CHECK(omp_get_team_size(1) == 3 && omp_get_team_size(2) == 2);
		CHECK(omp_get_ancestor_thread_num(1) < 3);
#pragma omp atomic
		inner++;
#pragma omp barrier
#pragma omp parallel num_threads(2)
		CHECK(omp_get_num_threads() == 1);
	}
	CHECK(inner == 6);
	omp_set_max_active_levels(1);
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(2)
	CHECK(omp_get_num_threads() == 1 && omp_get_level() == 2);
	omp_set_max_active_levels(levels);

	int leagues = 0;
#pragma omp teams num_teams(3)
#pragma omp parallel num_threads(2)
#pragma omp atomic
	leagues++;
	CHECK(leagues == 6 || leagues == 2); /* at most three teams */
}

/* ---- Loops ---- */

static void check_once(const int *count, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(count[i] == 1);
}

static void test_schedules(void)
{
	static int count[N], who[N];
	static const omp_sched_t kinds[] = {omp_sched_static, omp_sched_dynamic, omp_sched_guided,
					    omp_sched_auto};
	int last = 0;

#define LOOP(clauses)                                                                              \
	memset(count, 0, sizeof count);                                                            \
	_Pragma(clauses) for (int i = 0; i < N; i++)                                               \
	{                                                                                          \
		count[i]++;                                                                        \
		who[i] = omp_get_thread_num();                                                     \
		last = i;                                                                          \
	}                                                                                          \
	check_once(count, N);                                                                      \
	CHECK(last == N - 1)

	LOOP("omp parallel for schedule(static) lastprivate(last)");
	for (int i = 1; i < N; i++)
		CHECK(who[i] == who[i - 1] || who[i] == who[i - 1] + 1);
	LOOP("omp parallel for schedule(static, 7) lastprivate(last)");
	for (int i = 0; i < N; i++)
		CHECK(who[i] == i / 7 % team);
	LOOP("omp parallel for schedule(dynamic) lastprivate(last)");
	LOOP("omp parallel for schedule(dynamic, 13) lastprivate(last)");
	for (int i = 0; i < N; i++)
		CHECK(who[i] == who[i / 13 * 13]);
	LOOP("omp parallel for schedule(monotonic : dynamic, 3) lastprivate(last)");
	LOOP("omp parallel for schedule(guided) lastprivate(last)");
	LOOP("omp parallel for schedule(auto) lastprivate(last)");
	for (unsigned k = 0; k < 4; k++)
		for (int chunk = 1; chunk < 40; chunk += 19) {
			omp_sched_t kind;
			int size;

			omp_set_schedule(kinds[k], chunk);
			omp_get_schedule(&kind, &size);
			CHECK(kind == kinds[k] && (kind == omp_sched_auto || size == chunk));
			LOOP("omp parallel for schedule(runtime) lastprivate(last)");
		}

	static int square[30][40];
	memset(square, 0, sizeof square);
#pragma omp parallel for collapse(2) schedule(dynamic, 5)
	for (int i = 0; i < 30; i++)
		for (int j = 0; j < 40; j++)
			square[i][j]++;
	check_once(&square[0][0], 30 * 40);

	/* Long counters, steps other than one, downwards, and nothing to do. */
	long sum = 0;
#pragma omp parallel for schedule(dynamic, 2) reduction(+ : sum)
	for (unsigned long long i = ~0ULL - 100; i < ~0ULL - 50; i += 5)
		sum++;
	CHECK(sum == 10);
#pragma omp parallel for schedule(guided) reduction(+ : sum)
	for (long i = 100; i > 0; i -= 3)
		sum += i;
	CHECK(sum == 10 + 34 * (100 + 1) / 2);
#pragma omp parallel for
	for (int i = 5; i < 5; i++)
		sum = -1;
	CHECK(sum > 0);
	double total = 0;
#pragma omp parallel for simd reduction(+ : total)
	for (int i = 0; i < N; i++)
		total += i;
	CHECK(total == N * (N - 1.0) / 2);
}

struct pair {
	int value, index;
};
#pragma omp declare reduction(greatest                                                             \
			      : struct pair                                                        \
			      : omp_out = omp_in.value > omp_out.value ? omp_in : omp_out)         \
    initializer(omp_priv = {-1, -1})

static void test_reductions(void)
{
	int sum = 5, product = 1, least = 1000, most = -1000, all = -1, any = 0, flip = 0;
	bool both = true, either = false;
	long histogram[10] = {0};
	struct pair best = {-1, -1};

#pragma omp parallel for reduction(+ : sum, histogram[ : 10]) reduction(* : product)               \
    reduction(min : least) reduction(max : most) reduction(& : all) reduction(| : any)             \
    reduction(^ : flip) reduction(&& : both) reduction(|| : either) reduction(greatest : best)
	for (int i = 0; i < 1000; i++) {
		struct pair p = {i * 37 % 1009, i};

		sum += i;
		histogram[i % 10] += i;
		product *= i % 100 == 99 ? 2 : 1;
		least = p.value < least ? p.value : least;
		most = p.value > most ? p.value : most;
		all &= i | 0x3f0;
		any |= i & 0x3c;
		flip ^= i;
		both = both && i < 1000;
		either = either || i == 777;
		best = p.value > best.value ? p : best;
	}
	CHECK(sum == 5 + 499500 && product == 1024 && any == 0x3c && flip == 0);
	CHECK(all == 0x3f0 && both && either);
	int serial_least = 1000, serial_most = -1000, at = -1;
	for (int i = 0; i < 1000; i++) {
		int v = i * 37 % 1009;

		serial_least = v < serial_least ? v : serial_least;
		if (v > serial_most)
			serial_most = v, at = i;
	}
	CHECK(least == serial_least && most == serial_most && best.value == most &&
	      best.index == at);
	for (int d = 0; d < 10; d++)
		CHECK(histogram[d] == 49500 + 100 * d);
}

static void test_ordered(void)
{
	static int order[200];
	static long grid[30][30];
	int next = 0;

#pragma omp parallel for ordered schedule(dynamic)
	for (int i = 0; i < 200; i++) {
#pragma omp ordered
		order[next++] = i;
	}
	for (int i = 0; i < 200; i++)
		CHECK(order[i] == i);
	next = 0;
#pragma omp parallel for ordered schedule(static, 3)
	for (int i = 0; i < 200; i++) {
#pragma omp ordered
		order[next++] = i;
	}
	for (int i = 0; i < 200; i++)
		CHECK(order[i] == i);

	/* Across iterations: each needs those above and to the left. */
	memset(grid, 0, sizeof grid);
	for (int i = 0; i < 30; i++)
		grid[i][0] = grid[0][i] = 1;
#pragma omp parallel for ordered(2) schedule(dynamic)
	for (int i = 1; i < 30; i++)
		for (int j = 1; j < 30; j++) {
#pragma omp ordered depend(sink : i - 1, j) depend(sink : i, j - 1)
			grid[i][j] = (grid[i - 1][j] + grid[i][j - 1]) % 1000003;
#pragma omp ordered depend(source)
		}
	for (int i = 1; i < 30; i++)
		for (int j = 1; j < 30; j++)
			CHECK(grid[i][j] == (grid[i - 1][j] + grid[i][j - 1]) % 1000003);
}

/* ---- Exclusion ---- */

/* A count that two threads at once would get wrong: the thread gives way in the middle. */
static void count_slowly(volatile int *count, int i)
{
	int before = *count;

	if (i % 8 == 0)
		sched_yield();
	*count = before + 1;
}

static void test_exclusion(void)
{
	volatile int unnamed = 0, named = 0, locked = 0, nested = 0;
	int added = 0, captured = 0, swapped = 0;
	double real = 0;
	bool seen[1000] = {0};
	omp_lock_t lock;
	omp_nest_lock_t nest;

	omp_init_lock(&lock);
	omp_init_nest_lock(&nest);
#pragma omp parallel for schedule(dynamic)
	for (int i = 0; i < 1000; i++) {
		int mine;

#pragma omp critical
		count_slowly(&unnamed, i);
#pragma omp critical(name)
		count_slowly(&named, i);
		omp_set_lock(&lock);
		count_slowly(&locked, i);
		omp_unset_lock(&lock);
		omp_set_nest_lock(&nest);
		CHECK(omp_test_nest_lock(&nest) == 2);
		count_slowly(&nested, i);
		omp_unset_nest_lock(&nest);
		omp_unset_nest_lock(&nest);
#pragma omp atomic
		added += 3;
#pragma omp atomic
		real += 0.5;
#pragma omp atomic capture
		mine = captured++;
		seen[mine] = true;
#pragma omp atomic compare
		swapped = swapped < i ? i : swapped;
#pragma omp atomic read
		mine = added;
		CHECK(mine >= 3 && mine <= 3000);
	}
	CHECK(unnamed == 1000 && named == 1000 && locked == 1000 && nested == 1000);
	CHECK(added == 3000 && real == 500 && captured == 1000 && swapped == 999);
	for (int i = 0; i < 1000; i++)
		CHECK(seen[i]);
	CHECK(omp_test_lock(&lock) && !omp_test_lock(&lock));
	omp_unset_lock(&lock);
	omp_destroy_lock(&lock);
	omp_destroy_nest_lock(&nest);
}

/* ---- Tasks ---- */

static int fibonacci(int n)
{
	int a, b;

	if (n < 2)
		return n;
#pragma omp task shared(a) if (n > 8)
	a = fibonacci(n - 1);
#pragma omp task shared(b) final(n < 5)
	b = fibonacci(n - 2);
#pragma omp taskwait
	return a + b;
}

static void test_tasks(void)
{
	static int count[500];
	int result = 0, chain = 0, x = 0, y = 0, sum = 0, kept = 0;

#pragma omp parallel
#pragma omp single
	result = fibonacci(16);
	CHECK(result == 987);

#pragma omp parallel
#pragma omp single
	{
		/* In the order of their dependences alone. */
#pragma omp task depend(out : x) shared(x)
		x = 3;
#pragma omp task depend(in : x) depend(out : y) shared(x, y)
		y = x * 7;
#pragma omp task depend(in : x, y) shared(chain)
		chain = x + y;
#pragma omp taskwait
		CHECK(chain == 24);
#pragma omp taskgroup
		{
			for (int i = 0; i < 100; i++)
#pragma omp task firstprivate(i) shared(sum)
			{
#pragma omp task shared(sum)
#pragma omp atomic
				sum += i;
#pragma omp taskyield
			}
		}
		CHECK(sum == 4950); /* grandchildren as well */
		memset(count, 0, sizeof count);
#pragma omp taskloop grainsize(7)
		for (int i = 0; i < 500; i++)
			count[i]++;
		check_once(count, 500);
		sum = 0;
#pragma omp taskloop num_tasks(20) reduction(+ : sum)
		for (int i = 0; i < 500; i++)
			sum += i;
		CHECK(sum == 124750);
#pragma omp task untied shared(kept) priority(3)
		kept = 1;
	} /* the team's barrier waits for tasks */
	CHECK(kept == 1);
	int own = 0;
#pragma omp parallel reduction(task, + : own)
#pragma omp single
	for (int i = 0; i < 50; i++)
#pragma omp task in_reduction(+ : own)
		own++;
	CHECK(own == 50);
}

/* ---- The rest ---- */

static void test_cancellation(void)
{
	int done = 0;

	if (!omp_get_cancellation())
		return;
#pragma omp parallel
#pragma omp for schedule(dynamic) reduction(+ : done)
	for (int i = 0; i < 100000; i++) {
#pragma omp cancel for if (i == 50)
		done++;
#pragma omp cancellation point for
	}
	CHECK(done < 100000);
	printf("cancelled\n");
}

static void test_time(void)
{
	double start = omp_get_wtime();
	struct timespec pause = {0, 20000000};

	CHECK(omp_get_wtick() > 0 && omp_get_wtick() <= 1e-3);
	nanosleep(&pause, NULL);
	double took = omp_get_wtime() - start;
	CHECK(took >= 0.02 && took < 20);
#pragma omp parallel
	CHECK(omp_get_wtime() >= start);
}

static void test_memory(void)
{
	long *block = omp_aligned_alloc(4096, 1 << 20, omp_default_mem_alloc);

	CHECK(block && (uintptr_t)block % 4096 == 0);
#pragma omp parallel for
	for (int i = 0; i < (1 << 20) / 8; i++)
		block[i] = i;
	CHECK(block[12345] == 12345);
	omp_free(block, omp_default_mem_alloc);

	/* A device that is not there: the host does the work. */
	int here = 0;
	CHECK(omp_get_num_devices() == 0);
#pragma omp target map(tofrom : here)
	here = omp_is_initial_device();
	CHECK(here == 1);
}

/* Each POSIX thread is the master of teams of its own. */
static void *own_teams(void *argument)
{
	long *sum = argument;

	for (int round = 0; round < 10; round++) {
		long part = 0;

#pragma omp parallel for reduction(+ : part) num_threads(3)
		for (int i = 0; i < 100; i++)
			part += i;
		*sum += part;
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[5];
	long sums[5] = {0};

	for (int i = 0; i < 5; i++)
		CHECK(pthread_create(&threads[i], NULL, own_teams, &sums[i]) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK(pthread_join(threads[i], NULL) == 0);
		CHECK(sums[i] == 49500);
	}
}

int main(int argc, char **argv)
{
	int cores = (int)bm_system_info()->cores, expected = argc > 1 ? atoi(argv[1]) : cores;

	if (argc > 2) { /* all of a team at the same time, on as many cores */
		int there = 0;

#pragma omp parallel num_threads(cores)
		{
			__atomic_add_fetch(&there, 1, __ATOMIC_SEQ_CST);
			while (__atomic_load_n(&there, __ATOMIC_SEQ_CST) < cores) {
			}
		}
		printf("met\n");
		return 0;
	}
	team = omp_get_max_threads();
	CHECK(omp_get_num_procs() == cores && team == expected);
	const int teams[] = {team, 1, 2, cores, 3 * cores + 1};
	for (unsigned i = 0; i < sizeof teams / sizeof *teams; i++) {
		team = teams[i];
		omp_set_num_threads(team);
		test_team();
		test_schedules();
		test_reductions();
		test_ordered();
		test_exclusion();
		test_tasks();
		test_cancellation();
		test_nested();
	}
	test_time();
	test_memory();
	test_threads();
	CHECK(omp_pause_resource_all(omp_pause_hard) == 0);
	test_team();
	printf("done: version %d\n", _OPENMP);
	return 0;
}
