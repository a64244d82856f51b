/* SPDX-License-Identifier: MIT */
/*
 * Barriers and tasks on all cores: how long, how many a second.
 *
 * The same POSIX threads code is compiled for BareMetal SDK and for a Linux guest (platform.h): a
 * barrier of one thread a core, and a pool of one thread a core that takes small jobs from a queue
 * (a mutex, two condition variables), as many programs have it. Beside it on BareMetal SDK: the
 * barrier of a team
 * (<baremetal/parallel.h>) and tasks (<baremetal/task.h>).
 *
 * Prints NAME=NUMBER lines: *_ns a barrier, *_empty and *_work jobs a second, where an empty job
 * does nothing and one with work adds up WORK numbers.
 */
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include "platform.h"
#ifdef __baremetal__
#include <baremetal/parallel.h>
#endif

#define MEASURED UINT64_C(100000000) /* nanoseconds */
#define RUNS     4                   /* of which the best counts: a busy host only slows */
#define WORK     1000                /* additions: 6,000 instructions */
#define RING     1024                /* jobs that the pool's queue holds, as a core's queue does */

static unsigned cores;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t time_of(void (*measure)(unsigned long n), unsigned long n)
{
	uint64_t start = now();

	measure(n);
	return now() - start;
}

/*
 * Find an n with which even the best of some runs of measure(n) takes long enough, for what else
 * the host does only adds. Nanoseconds of that run, and n.
 */
static uint64_t best_run(void (*measure)(unsigned long n), unsigned long *n)
{
	uint64_t best = 0;

	for (*n = 2; best < MEASURED;) {
		*n *= 2;
		best = UINT64_MAX;
		for (int run = 0; run < RUNS && best >= MEASURED; run++) {
			uint64_t took = time_of(measure, *n);

			best = took < best ? took : best;
		}
	}
	return best;
}

static void show_barrier(const char *name, void (*measure)(unsigned long n))
{
	unsigned long n;
	uint64_t took = best_run(measure, &n);

	printf("%s_ns=%lu\n", name, (unsigned long)(took / n));
}

static void show_rate(const char *name, void (*measure)(unsigned long n))
{
	unsigned long n;
	uint64_t took = best_run(measure, &n);

	printf("%s=%lu\n", name, (unsigned long)(n * UINT64_C(1000000) / (took / 1000)));
}

/* ---- What a job is ---- */

static void nothing(void *argument)
{
	(void)argument;
}

static void work(void *argument)
{
	volatile unsigned sum = 0;

	(void)argument;
	for (unsigned i = 0; i < WORK; i++)
		sum += i;
}

/* ---- POSIX threads ---- */

static pthread_barrier_t barrier;
static unsigned long rounds;

static void start_threads(pthread_t *threads, void *(*function)(void *))
{
	for (uintptr_t i = 0; i < cores; i++)
		if (pthread_create(&threads[i], NULL, function, (void *)i)) {
			puts("a thread cannot be created");
			platform_end(1);
		}
}

static void *meet(void *core)
{
	platform_pin((uintptr_t)core);
	for (unsigned long i = 0; i < rounds; i++)
		pthread_barrier_wait(&barrier);
	return NULL;
}

static void barrier_threads(unsigned long n)
{
	pthread_t threads[CORES_MOST];

	rounds = n;
	pthread_barrier_init(&barrier, NULL, cores);
	start_threads(threads, meet);
	for (unsigned i = 0; i < cores; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
}

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t not_empty, not_full, done;
	struct {
		void (*function)(void *);
		void *argument;
	} jobs[RING];
	unsigned long head, tail, ended, wanted;
	bool stop;
} pool = {.mutex = PTHREAD_MUTEX_INITIALIZER,
	  .not_empty = PTHREAD_COND_INITIALIZER,
	  .not_full = PTHREAD_COND_INITIALIZER,
	  .done = PTHREAD_COND_INITIALIZER};

static void *serve(void *core)
{
	platform_pin((uintptr_t)core);
	pthread_mutex_lock(&pool.mutex);
	for (;;) {
		while (pool.head == pool.tail && !pool.stop)
			pthread_cond_wait(&pool.not_empty, &pool.mutex);
		if (pool.head == pool.tail)
			break;
		__typeof__(pool.jobs[0]) job = pool.jobs[pool.head++ % RING];
		pthread_cond_signal(&pool.not_full);
		pthread_mutex_unlock(&pool.mutex);
		job.function(job.argument);
		pthread_mutex_lock(&pool.mutex);
		if (++pool.ended == pool.wanted)
			pthread_cond_signal(&pool.done);
	}
	pthread_mutex_unlock(&pool.mutex);
	return NULL;
}

static void pool_submit(void (*function)(void *), void *argument)
{
	pthread_mutex_lock(&pool.mutex);
	while (pool.tail - pool.head == RING)
		pthread_cond_wait(&pool.not_full, &pool.mutex);
	pool.jobs[pool.tail % RING].function = function;
	pool.jobs[pool.tail % RING].argument = argument;
	pool.tail++;
	pthread_cond_signal(&pool.not_empty);
	pthread_mutex_unlock(&pool.mutex);
}

static void pool_run(void (*function)(void *), unsigned long n)
{
	pool.wanted = n;
	pool.ended = 0;
	for (unsigned long i = 0; i < n; i++)
		pool_submit(function, NULL);
	pthread_mutex_lock(&pool.mutex);
	while (pool.ended < n)
		pthread_cond_wait(&pool.done, &pool.mutex);
	pthread_mutex_unlock(&pool.mutex);
}

static void pool_empty(unsigned long n)
{
	pool_run(nothing, n);
}

static void pool_work(unsigned long n)
{
	pool_run(work, n);
}

static void pool_all(void)
{
	pthread_t threads[CORES_MOST];

	start_threads(threads, serve);
	show_rate("pool_empty", pool_empty);
	show_rate("pool_work", pool_work);
	pthread_mutex_lock(&pool.mutex);
	pool.stop = true;
	pthread_cond_broadcast(&pool.not_empty);
	pthread_mutex_unlock(&pool.mutex);
	for (unsigned i = 0; i < cores; i++)
		pthread_join(threads[i], NULL);
}

/* ---- Tasks ---- */

#ifdef __baremetal__
static void team_meet(const struct bm_team *team)
{
	for (unsigned long i = 0; i < rounds; i++)
		bm_team_wait(team);
}

static void barrier_team(unsigned long n)
{
	rounds = n;
	bm_team_run(team_meet, NULL);
}

static void tasks(void (*function)(void *), unsigned long n)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	for (unsigned long i = 0; i < n; i++)
		bm_task_submit_wait(&group, function, NULL);
	bm_task_wait(&group);
}

static void tasks_empty(unsigned long n)
{
	tasks(nothing, n);
}

static void tasks_work(unsigned long n)
{
	tasks(work, n);
}
#endif

int main(void)
{
	cores = platform_cores();
	if (cores > CORES_MOST) {
		printf("at most %d cores\n", CORES_MOST);
		platform_end(2);
	}
	printf("\ncores=%u\n", cores);
#ifdef __baremetal__
	show_barrier("team", barrier_team);
	show_rate("tasks_empty", tasks_empty);
	show_rate("tasks_work", tasks_work);
#endif
	show_barrier("threads", barrier_threads);
	pool_all();
	platform_end(0);
}
