/* SPDX-License-Identifier: MIT */
/*
 * Read-write locks: neither readers nor writers keep the others out, and whoever reads already
 * may read once more. Mutexes: who waits gets in, though another thread hardly ever leaves. Runs in
 * the guest, and on the host under ThreadSanitizer (tests/unit/thread).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <baremetal/system.h>
#include <baremetal/time.h>

#include "../check.h"

#define MANY 4

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static _Atomic bool stop;
static long rounds;

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* So that at any time one of them holds it: each lets the others run while it does. */
static void *keep_reading(void *argument)
{
	while (!stop) {
		CHECK(!pthread_rwlock_rdlock(&lock));
		sched_yield();
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
		CHECK(!pthread_rwlock_unlock(&lock));
	}
	return argument;
}

static void *keep_writing(void *argument)
{
	while (!stop) {
		CHECK(!pthread_rwlock_wrlock(&lock));
		sched_yield();
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
		CHECK(!pthread_rwlock_unlock(&lock));
	}
	return argument;
}

static void start(pthread_t *threads, void *(*function)(void *))
{
	stop = false;
	rounds = 0;
	for (int i = 0; i < MANY; i++)
		CHECK(!pthread_create(&threads[i], NULL, function, NULL));
	while (__atomic_load_n(&rounds, __ATOMIC_RELAXED) < 100)
		sched_yield();
}

static void end(pthread_t *threads)
{
	stop = true;
	for (int i = 0; i < MANY; i++)
		CHECK(!pthread_join(threads[i], NULL));
}

static void test_writer_among_readers(void)
{
	pthread_t threads[MANY];

	start(threads, keep_reading);
	for (int i = 0; i < 20; i++) {
		CHECK(!pthread_rwlock_wrlock(&lock));
		long seen = rounds;
		sched_yield();
		CHECK(rounds == seen); /* nobody reads now */
		CHECK(!pthread_rwlock_unlock(&lock));
	}
	end(threads);
}

static void test_reader_among_writers(void)
{
	pthread_t threads[MANY];

	start(threads, keep_writing);
	for (int i = 0; i < 20; i++) {
		CHECK(!pthread_rwlock_rdlock(&lock));
		long seen = rounds;
		sched_yield();
		CHECK(rounds == seen);
		CHECK(!pthread_rwlock_unlock(&lock));
	}
	end(threads);
}

static void *write_once(void *argument)
{
	CHECK(!pthread_rwlock_wrlock(&lock));
	*(volatile bool *)argument = true;
	CHECK(!pthread_rwlock_unlock(&lock));
	return NULL;
}

static void *try_to_read(void *argument)
{
	(void)argument;
	return (void *)(intptr_t)pthread_rwlock_tryrdlock(&lock);
}

static void *read_once(void *argument)
{
	CHECK(!pthread_rwlock_rdlock(&lock));
	CHECK(!pthread_rwlock_unlock(&lock));
	return argument;
}

static struct timespec after(long ms)
{
	struct timespec t;
	int64_t now;

	bm_time_wall(&now);
	now += ms * 1000000;
	t.tv_sec = now / 1000000000;
	t.tv_nsec = now % 1000000000;
	return t;
}

static void *write_timed(void *argument)
{
	struct timespec t = after(30);

	CHECK(pthread_rwlock_timedwrlock(&lock, &t) == ETIMEDOUT);
	return argument;
}

/* Reading twice while a writer waits; a stranger has to wait for the writer. */
static void test_again(void)
{
	pthread_t writer, reader;
	volatile bool written = false;
	void *result;

	CHECK(!pthread_rwlock_rdlock(&lock));
	CHECK(!pthread_create(&writer, NULL, write_once, (void *)&written));
	sleep_ms(5);
	CHECK(!pthread_rwlock_rdlock(&lock) && !written);
	CHECK(!pthread_rwlock_tryrdlock(&lock) && !written);
	CHECK(!pthread_create(&reader, NULL, try_to_read, NULL) && !pthread_join(reader, &result));
	CHECK((intptr_t)result == EBUSY);
	CHECK(pthread_rwlock_destroy(&lock) == EBUSY);
	for (int i = 0; i < 3; i++) {
		CHECK(!written);
		CHECK(!pthread_rwlock_unlock(&lock));
	}
	CHECK(!pthread_join(writer, NULL) && written);
	CHECK(pthread_rwlock_unlock(&lock) == EPERM);
}

/* A writer that gives up lets those read that waited for it; readers that give up, the writer. */
static void test_giving_up(void)
{
	pthread_t writer, reader;
	volatile bool written = false;
	struct timespec t;

	CHECK(!pthread_rwlock_rdlock(&lock));
	CHECK(!pthread_create(&writer, NULL, write_timed, NULL));
	sleep_ms(2);
	CHECK(!pthread_create(&reader, NULL, read_once, NULL));
	CHECK(!pthread_join(reader, NULL) && !pthread_join(writer, NULL));
	CHECK(!pthread_rwlock_unlock(&lock));

	CHECK(!pthread_rwlock_wrlock(&lock));
	CHECK(!pthread_create(&writer, NULL, write_once, (void *)&written));
	CHECK(!pthread_create(&reader, NULL, write_timed, NULL) && !pthread_join(reader, NULL));
	CHECK(!pthread_rwlock_unlock(&lock) && !pthread_join(writer, NULL) && written);
	t = after(5);
	CHECK(!pthread_rwlock_timedrdlock(&lock, &t) && !pthread_rwlock_unlock(&lock));
	CHECK(!pthread_rwlock_destroy(&lock));
}

/* ---- Mutexes ---- */

#define TURNS 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/*
 * Lets the others run while it holds the mutex, never while it does not: on one core it has taken
 * it again whenever a waiter looks. A waiter comes too late once; the next time it is given the
 * mutex. So there are two rounds to a turn, and one more to begin with.
 */
static void *keep_locking(void *argument)
{
	bool alone = bm_system_info()->cores == 1;

	while (!stop) {
		CHECK(!pthread_mutex_lock(&mutex));
		sched_yield();
		rounds++;
		CHECK(!alone || rounds <= 2 * TURNS + 1);
		CHECK(!pthread_mutex_unlock(&mutex));
	}
	return argument;
}

static void test_mutex(void)
{
	pthread_t thread;

	stop = false;
	rounds = 0;
	CHECK(!pthread_create(&thread, NULL, keep_locking, NULL));
	sched_yield();
	for (int i = 0; i < TURNS; i++) {
		CHECK(!pthread_mutex_lock(&mutex));
		stop = i == TURNS - 1;
		CHECK(!pthread_mutex_unlock(&mutex));
	}
	CHECK(!pthread_join(thread, NULL));
	CHECK(rounds);
}

int main(void)
{
	test_writer_among_readers();
	test_reader_among_writers();
	test_again();
	test_giving_up();
	test_mutex();
	printf("done\n");
	return 0;
}
