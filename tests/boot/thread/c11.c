/* SPDX-License-Identifier: MIT */
/*
 * C11's <threads.h>.
 */
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <unistd.h>

#include "../check.h"

static mtx_t mutex;
static cnd_t cond;
static int ready, onces, destroyed;
static once_flag once = ONCE_FLAG_INIT;
static tss_t key;
static thread_local int own = 5;

static void run_once(void)
{
	onces++;
}

static void destroy(void *value)
{
	destroyed += *(int *)value;
}

static int work(void *argument)
{
	static int three = 3;

	call_once(&once, run_once);
	CHECK(own++ == 5);
	CHECK(tss_get(key) == NULL && tss_set(key, &three) == thrd_success);
	mtx_lock(&mutex);
	while (!ready)
		CHECK(cnd_wait(&cond, &mutex) == thrd_success);
	mtx_unlock(&mutex);
	if (argument)
		thrd_exit(-7);
	return 42;
}

int main(void)
{
	thrd_t a, b;
	int result;
	struct timespec time = {0, 2000000}, now;

	CHECK(mtx_init(&mutex, mtx_timed) == thrd_success && cnd_init(&cond) == thrd_success);
	CHECK(tss_create(&key, destroy) == thrd_success);
	CHECK(thrd_create(&a, work, NULL) == thrd_success);
	CHECK(thrd_create(&b, work, &a) == thrd_success);
	CHECK(!thrd_equal(a, b) && thrd_equal(thrd_current(), thrd_current()));
	CHECK(thrd_sleep(&time, NULL) == 0);
	mtx_lock(&mutex);
	CHECK(mtx_trylock(&mutex) == thrd_busy);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(cnd_timedwait(&cond, &mutex, &now) == thrd_timedout);
	CHECK(mtx_timedlock(&mutex, &now) == thrd_timedout);
	ready = 1;
	cnd_broadcast(&cond);
	mtx_unlock(&mutex);
	CHECK(thrd_join(a, &result) == thrd_success && result == 42);
	CHECK(thrd_join(b, &result) == thrd_success && result == -7);
	CHECK(onces == 1 && destroyed == 6 && own == 5);
	CHECK(sysconf(_SC_THREADS) > 0);
	tss_delete(key);
	cnd_destroy(&cond);
	mtx_destroy(&mutex);
	printf("done\n");
	return 0;
}
