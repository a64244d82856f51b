/* SPDX-License-Identifier: MIT */
/*
 * The program's own alarm beside the threads' time-outs, on one core at the same time: each comes
 * when it should, whichever is earlier.
 */
#include <baremetal/task.h>
#include <baremetal/time.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>
#include "../check.h"

#define MS UINT64_C(1000000)

static uint32_t rang, slept;
static bool ticks_end;
static sem_t ended;

static uint32_t read_now(const uint32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void tick(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&rang, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ticks_end, __ATOMIC_SEQ_CST))
		sem_post(&ended);
	else
		CHECK(bm_task_alarm(bm_time_monotonic() + 10 * MS, tick) == 0);
}

/* Always an alarm that is earlier than the wait. */
static void test_ticks(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	struct timespec end;
	uint64_t start = bm_time_monotonic();
	int error = 0;

	CHECK(bm_task_alarm(start + 10 * MS, tick) == 0);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 1;
	pthread_mutex_lock(&mutex);
	while (!error)
		error = pthread_cond_timedwait(&never, &mutex, &end);
	pthread_mutex_unlock(&mutex);
	CHECK(error == ETIMEDOUT && bm_time_monotonic() - start >= 990 * MS);
	CHECK(read_now(&rang) > 0);
	__atomic_store_n(&ticks_end, true, __ATOMIC_SEQ_CST);
	sem_wait(&ended);
}

static void *sleeper(void *ms)
{
	uint64_t start = bm_time_monotonic();

	usleep(1000 * (uintptr_t)ms);
	CHECK(bm_time_monotonic() - start >= (uintptr_t)ms * MS);
	__atomic_fetch_add(&slept, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void ring(void *unused)
{
	(void)unused;
	__atomic_fetch_add(&rang, 1, __ATOMIC_SEQ_CST);
	sem_post(&ended);
}

/* An alarm and a thread that sleeps, each alone in waiting for its time. */
static void test_pair(uintptr_t sleep_ms, uint64_t alarm_ms)
{
	uint32_t rang_before = read_now(&rang), slept_before = read_now(&slept);
	uint64_t start = bm_time_monotonic();
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, sleeper, (void *)sleep_ms) == 0);
	usleep(20000);
	CHECK(bm_task_alarm(start + alarm_ms * MS, ring) == 0);
	sem_wait(&ended);
	CHECK(bm_time_monotonic() - start >= alarm_ms * MS);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(read_now(&rang) == rang_before + 1 && read_now(&slept) == slept_before + 1);
}

int main(void)
{
	CHECK(sem_init(&ended, 0, 0) == 0);
	test_ticks();
	test_pair(300, 100);
	test_pair(100, 300);
	printf("done\n");
	return 0;
}
