/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads in the guest: each call in its ordinary use and in misuse. The checks
 * hold on any number of cores.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

#include "../check.h"

static struct timespec after(clockid_t clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* ---- Threads ---- */

static __thread int own = 7;
static __thread char zero[100];

static void *give_back(void *argument)
{
	CHECK(own == 7 && zero[99] == 0);
	own = 8;
	memset(zero, 1, sizeof zero);
	errno = (int)(intptr_t)argument;
	sched_yield();
	CHECK(own == 8 && errno == (int)(intptr_t)argument);
	return argument;
}

static void test_threads(void)
{
	pthread_t threads[50];
	void *result;

	errno = 99;
	for (int round = 0; round < 3; round++) {
		for (intptr_t i = 0; i < 50; i++)
			CHECK(!pthread_create(&threads[i], NULL, give_back, (void *)i));
		for (intptr_t i = 0; i < 50; i++) {
			CHECK(!pthread_join(threads[i], &result));
			CHECK((intptr_t)result == i);
			CHECK(pthread_join(threads[i], NULL) == ESRCH);
			CHECK(pthread_detach(threads[i]) == ESRCH);
		}
	}
	CHECK(errno == 99 && own == 7);
	CHECK(pthread_join(pthread_self(), NULL) == EDEADLK);
}

#define CORES_TOLD 64

static pthread_t tasks[CORES_TOLD];

/* A core's tasks are no thread, but hold locks as one, and have a name that nobody else has. */
static void own_in_task(void *argument)
{
	pthread_mutex_t checked = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
	pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
	pthread_t self = pthread_self();

	*(pthread_t *)argument = self;
	CHECK(self && pthread_equal(self, pthread_self()));
	CHECK(pthread_detach(self) == ESRCH && pthread_cancel(self) == ESRCH);
	CHECK(pthread_join(self, NULL) == ESRCH);
	CHECK(!pthread_mutex_lock(&checked) && pthread_mutex_lock(&checked) == EDEADLK);
	CHECK(!pthread_mutex_unlock(&checked) && pthread_mutex_unlock(&checked) == EPERM);
	CHECK(!pthread_mutex_lock(&recursive) && !pthread_mutex_lock(&recursive));
	CHECK(!pthread_mutex_unlock(&recursive) && !pthread_mutex_unlock(&recursive));
	CHECK(pthread_mutex_unlock(&recursive) == EPERM);
}

static void test_selves_of_tasks(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	uint32_t cores = bm_system_info()->cores;

	usleep(1000); /* from here on main() is a thread as others */
	cores = cores < CORES_TOLD ? cores : CORES_TOLD;
	for (uint32_t i = 0; i < cores; i++)
		CHECK(!bm_task_submit_to(i, &group, own_in_task, &tasks[i]));
	sched_yield();
	bm_task_wait(&group);
	for (uint32_t i = 0; i < cores; i++)
		for (uint32_t j = i + 1; j < cores; j++)
			CHECK(!pthread_equal(tasks[i], tasks[j]));
}

static sem_t go;

static void *wait_go(void *argument)
{
	sem_wait(&go);
	return argument;
}

static pthread_t first;

static void *join_first(void *argument)
{
	(void)argument;
	return (void *)(intptr_t)pthread_join(first, NULL);
}

static void test_join(void)
{
	pthread_t second;
	pthread_attr_t a;
	void *result;

	sem_init(&go, 0, 0);
	CHECK(!pthread_create(&first, NULL, wait_go, NULL));
	CHECK(pthread_tryjoin_np(first, NULL) == EBUSY);
	struct timespec t = after(CLOCK_REALTIME, 5);
	CHECK(pthread_timedjoin_np(first, NULL, &t) == ETIMEDOUT);
	CHECK(!pthread_create(&second, NULL, join_first, NULL));
	usleep(2000);
	CHECK(pthread_join(first, NULL) == EINVAL); /* the second does */
	CHECK(sem_destroy(&go) == -1 && errno == EBUSY);
	sem_post(&go);
	CHECK(!pthread_join(second, &result) && !result);

	pthread_attr_init(&a);
	CHECK(!pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED));
	CHECK(!pthread_create(&first, &a, wait_go, NULL));
	CHECK(pthread_join(first, NULL) == EINVAL && pthread_detach(first) == EINVAL);
	sem_post(&go);
	for (int i = 0; pthread_join(first, NULL) != ESRCH; i++) {
		CHECK(i < 1000);
		usleep(1000);
	}
	CHECK(!pthread_create(&first, NULL, wait_go, NULL));
	CHECK(!pthread_detach(first));
	CHECK(pthread_detach(first) == EINVAL);
	sem_post(&go);
	CHECK(!pthread_create(&first, NULL, wait_go, NULL));
	sem_post(&go);
	usleep(5000);
	CHECK(!pthread_detach(first)); /* at its end already */
	CHECK(pthread_detach(first) == ESRCH);
}

static char stack[65536] __attribute__((aligned(64)));

static void *where(void *argument)
{
	char here;
	pthread_attr_t a;
	void *low;
	size_t size;

	CHECK(!pthread_getattr_np(pthread_self(), &a) && !pthread_attr_getstack(&a, &low, &size));
	CHECK(&here > (char *)low && &here < (char *)low + size && size >= *(size_t *)argument);
	if (*(size_t *)argument == sizeof stack)
		CHECK(low == stack);
	return NULL;
}

static void test_attributes(void)
{
	pthread_attr_t a;
	pthread_t t;
	size_t sizes[] = {PTHREAD_STACK_MIN, 100000, 1 << 20, sizeof stack};
	char name[16];

	pthread_attr_init(&a);
	CHECK(pthread_attr_setstacksize(&a, 100) == EINVAL);
	for (int i = 0; i < 4; i++) {
		CHECK(!pthread_attr_setstacksize(&a, sizes[i]));
		if (i == 3)
			CHECK(!pthread_attr_setstack(&a, stack, sizeof stack));
		CHECK(!pthread_create(&t, &a, where, &sizes[i]) && !pthread_join(t, NULL));
	}
	pthread_attr_init(&a);
	for (size_t size = (size_t)1 << 40; size <= SIZE_MAX / 4; size *= 2) {
		CHECK(!pthread_attr_setstacksize(&a, size - 1));
		CHECK(pthread_create(&t, &a, where, NULL) == EAGAIN);
		CHECK(!pthread_attr_setstacksize(&a, size));
		CHECK(pthread_create(&t, &a, where, NULL) == EAGAIN);
	}
	CHECK(!pthread_setname_np(pthread_self(), "fifteen letters"));
	CHECK(pthread_setname_np(pthread_self(), "sixteen letters!") == ERANGE);
	CHECK(!pthread_getname_np(pthread_self(), name, 16) && !strcmp(name, "fifteen letters"));
	CHECK(!pthread_setname_np(pthread_self(), "main"));
}

/* ---- Mutexes ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *count(void *argument)
{
	for (long i = 0; i < (intptr_t)argument; i++) {
		CHECK(!pthread_mutex_lock(&mutex));
		long seen = counter;

		if (i % 7 == 0)
			sched_yield();
		counter = seen + 1;
		CHECK(!pthread_mutex_unlock(&mutex));
	}
	return NULL;
}

static void *unlock_it(void *lock)
{
	return (void *)(intptr_t)pthread_mutex_unlock(lock);
}

static void *try_it(void *lock)
{
	return (void *)(intptr_t)pthread_mutex_trylock(lock);
}

static intptr_t in_thread(void *(*function)(void *), void *argument)
{
	pthread_t t;
	void *result;

	CHECK(!pthread_create(&t, NULL, function, argument) && !pthread_join(t, &result));
	return (intptr_t)result;
}

static void *lock_timed(void *lock)
{
	struct timespec t = after(CLOCK_REALTIME, 10);

	return (void *)(intptr_t)pthread_mutex_timedlock(lock, &t);
}

static void test_mutex(void)
{
	pthread_t threads[8];
	pthread_mutexattr_t a;
	pthread_mutex_t m;

	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, count, (void *)2000));
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(counter == 16000);
	CHECK(mutex.__owner == 0);

	pthread_mutexattr_init(&a);
	for (int type = PTHREAD_MUTEX_NORMAL; type <= PTHREAD_MUTEX_ERRORCHECK; type++) {
		bool recursive = type == PTHREAD_MUTEX_RECURSIVE;

		CHECK(!pthread_mutexattr_settype(&a, type) && !pthread_mutex_init(&m, &a));
		CHECK(pthread_mutex_unlock(&m) == EPERM);
		CHECK(!pthread_mutex_lock(&m));
		CHECK(pthread_mutex_trylock(&m) == (recursive ? 0 : EBUSY));
		if (type != PTHREAD_MUTEX_NORMAL)
			CHECK(pthread_mutex_lock(&m) == (recursive ? 0 : EDEADLK));
		CHECK(in_thread(unlock_it, &m) == EPERM);
		CHECK(in_thread(try_it, &m) == EBUSY);
		CHECK(in_thread(lock_timed, &m) == ETIMEDOUT);
		CHECK(pthread_mutex_destroy(&m) == EBUSY);
		for (int i = 0; i < (recursive ? 3 : 1); i++)
			CHECK(!pthread_mutex_unlock(&m));
		CHECK(pthread_mutex_unlock(&m) == EPERM);
		CHECK(!pthread_mutex_destroy(&m));
	}
	CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == ENOTSUP);
	struct timespec past = {1, 0};
	CHECK(!pthread_mutex_init(&m, NULL) && !pthread_mutex_lock(&m));
	CHECK(pthread_mutex_timedlock(&m, &past) == ETIMEDOUT); /* of oneself: waits */
}

/* ---- Condition variables ---- */

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;

static void *ping(void *argument)
{
	int mine = (int)(intptr_t)argument;

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 1000; i++) {
		while (turn != mine)
			pthread_cond_wait(&cond, &mutex);
		turn = (mine + 1) % 3;
		pthread_cond_broadcast(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void test_cond(void)
{
	pthread_t threads[3];
	pthread_condattr_t a;
	pthread_cond_t c;
	struct timespec t;

	for (intptr_t i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, ping, (void *)i));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_join(threads[i], NULL));

	pthread_condattr_init(&a);
	for (int i = 0; i < 2; i++) {
		clockid_t clock = i ? CLOCK_MONOTONIC : CLOCK_REALTIME;

		CHECK(!pthread_condattr_setclock(&a, clock) && !pthread_cond_init(&c, &a));
		CHECK(pthread_cond_wait(&c, &mutex) == EPERM);
		pthread_mutex_lock(&mutex);
		t = after(clock, 20);
		int error = pthread_cond_timedwait(&c, &mutex, &t);
		struct timespec now = after(clock, 0);
		CHECK(error == ETIMEDOUT);
		CHECK(now.tv_sec > t.tv_sec ||
		      (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
		t.tv_nsec = 1000000000;
		CHECK(pthread_cond_timedwait(&c, &mutex, &t) == EINVAL);
		pthread_mutex_unlock(&mutex);
		CHECK(!pthread_cond_destroy(&c));
	}
}

/* ---- Read-write locks ---- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int values[2];

static void *read_and_write(void *argument)
{
	for (int i = 0; i < 500; i++) {
		if (((intptr_t)argument + i) % 5 == 0) {
			CHECK(!pthread_rwlock_wrlock(&rwlock));
			values[0]++;
			sched_yield();
			values[1]++;
		} else {
			CHECK(!pthread_rwlock_rdlock(&rwlock));
			CHECK(values[0] == values[1]);
			if (i % 3 == 0)
				sched_yield();
			CHECK(values[0] == values[1]);
		}
		CHECK(!pthread_rwlock_unlock(&rwlock));
	}
	return NULL;
}

/* Who holds nothing for reading can open nothing. */
static void *unlock_anothers(void *argument)
{
	static pthread_rwlock_t own = PTHREAD_RWLOCK_INITIALIZER;

	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	CHECK(!pthread_rwlock_rdlock(&own) && !pthread_rwlock_unlock(&own));
	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	/* Nor who holds another lock, as often as it likes. */
	CHECK(!pthread_rwlock_rdlock(&own) && !pthread_rwlock_rdlock(&own));
	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	CHECK(!pthread_rwlock_rdlock(&rwlock) && !pthread_rwlock_unlock(&rwlock));
	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	CHECK(!pthread_rwlock_unlock(&own) && !pthread_rwlock_unlock(&own));
	CHECK(pthread_rwlock_unlock(&own) == EPERM && pthread_rwlock_unlock(&rwlock) == EPERM);
	return argument;
}

/* More locks than a thread tells apart, in any order, each twice. */
static void test_many_read_locks(void)
{
	static pthread_rwlock_t locks[9];

	for (int i = 0; i < 18; i++)
		CHECK(!pthread_rwlock_rdlock(&locks[i * 2 % 9]));
	for (int i = 0; i < 18; i++)
		CHECK(!pthread_rwlock_unlock(&locks[i * 5 % 9]));
	for (int i = 0; i < 9; i++) {
		CHECK(pthread_rwlock_unlock(&locks[i]) == EPERM);
		CHECK(!pthread_rwlock_wrlock(&locks[i]) && !pthread_rwlock_unlock(&locks[i]));
	}
}

static void lock_in_task(void *argument)
{
	pthread_rwlock_t *lock = argument;

	CHECK(pthread_rwlock_unlock(lock) == EPERM);
	CHECK(!pthread_rwlock_wrlock(lock));
	CHECK(pthread_rwlock_tryrdlock(lock) == EBUSY && pthread_rwlock_wrlock(lock) == EDEADLK);
	CHECK(!pthread_rwlock_unlock(lock) && pthread_rwlock_unlock(lock) == EPERM);
	CHECK(!pthread_rwlock_rdlock(lock) && pthread_rwlock_trywrlock(lock) == EBUSY);
	CHECK(!pthread_rwlock_unlock(lock) && pthread_rwlock_unlock(lock) == EPERM);
}

/* A task is no thread, but its core's. */
static void test_rwlock_in_tasks(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	static pthread_rwlock_t locks[64];

	for (uint32_t core = 0; core < bm_system_info()->cores && core < 64; core++)
		CHECK(!bm_task_submit_to(core, &group, lock_in_task, &locks[core]));
	bm_task_wait(&group);
}

static void test_rwlock(void)
{
	pthread_t threads[6];
	struct timespec t;

	for (intptr_t i = 0; i < 6; i++)
		CHECK(!pthread_create(&threads[i], NULL, read_and_write, (void *)i));
	for (int i = 0; i < 6; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(values[0] == 600);
	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	CHECK(!pthread_rwlock_rdlock(&rwlock) && !pthread_rwlock_tryrdlock(&rwlock));
	CHECK(pthread_rwlock_trywrlock(&rwlock) == EBUSY &&
	      pthread_rwlock_destroy(&rwlock) == EBUSY);
	t = after(CLOCK_REALTIME, 5);
	CHECK(pthread_rwlock_timedwrlock(&rwlock, &t) == ETIMEDOUT);
	CHECK(!pthread_create(&threads[0], NULL, unlock_anothers, NULL));
	CHECK(!pthread_join(threads[0], NULL));
	CHECK(!pthread_rwlock_unlock(&rwlock) && !pthread_rwlock_unlock(&rwlock));
	CHECK(pthread_rwlock_unlock(&rwlock) == EPERM);
	CHECK(!pthread_rwlock_wrlock(&rwlock) && pthread_rwlock_wrlock(&rwlock) == EDEADLK);
	CHECK(!pthread_rwlock_unlock(&rwlock) && !pthread_rwlock_destroy(&rwlock));
	test_rwlock_in_tasks();
	test_many_read_locks();
}

/* ---- Barriers, semaphores, once, spin locks ---- */

static pthread_barrier_t barrier;
static int serial, arrived;

static void *meet(void *argument)
{
	(void)argument;
	for (int i = 1; i <= 50; i++) {
		__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
		CHECK(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) >= 5 * i);
	}
	return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_runs;
static pthread_spinlock_t spin;

static void run_once(void)
{
	sched_yield();
	once_runs++;
}

static void *others(void *argument)
{
	(void)argument;
	pthread_once(&once, run_once);
	CHECK(once_runs == 1);
	for (int i = 0; i < 100; i++) {
		pthread_spin_lock(&spin);
		counter++;
		pthread_spin_unlock(&spin);
		sem_wait(&go);
		if (i % 3 == 0)
			sched_yield();
		sem_post(&go);
	}
	return NULL;
}

static void test_others(void)
{
	pthread_t threads[5];
	struct timespec t;

	CHECK(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
	CHECK(!pthread_barrier_init(&barrier, NULL, 5));
	for (int i = 0; i < 5; i++)
		CHECK(!pthread_create(&threads[i], NULL, meet, NULL));
	for (int i = 0; i < 5; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(serial == 50 && !pthread_barrier_destroy(&barrier));

	counter = 0;
	pthread_spin_init(&spin, 0);
	sem_init(&go, 0, 2);
	for (int i = 0; i < 5; i++)
		CHECK(!pthread_create(&threads[i], NULL, others, NULL));
	for (int i = 0; i < 5; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(counter == 500);
	CHECK(!sem_trywait(&go) && !sem_wait(&go) && sem_trywait(&go) == -1 && errno == EAGAIN);
	t = after(CLOCK_REALTIME, 5);
	CHECK(sem_timedwait(&go, &t) == -1 && errno == ETIMEDOUT);
}

/* ---- Destroying what is in use ---- */

static void *wait_cond(void *argument)
{
	pthread_mutex_lock(&mutex);
	sem_post(&go);
	pthread_cond_wait(argument, &mutex);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *wait_barrier(void *argument)
{
	sem_post(&go);
	pthread_barrier_wait(argument);
	return NULL;
}

static void test_destroy(void)
{
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	pthread_barrier_t b;
	pthread_t t;

	sem_init(&go, 0, 0);
	CHECK(!pthread_create(&t, NULL, wait_cond, &c));
	sem_wait(&go);
	pthread_mutex_lock(&mutex); /* so it waits by now */
	CHECK(pthread_cond_destroy(&c) == EBUSY);
	pthread_cond_signal(&c);
	pthread_mutex_unlock(&mutex);
	CHECK(!pthread_join(t, NULL) && !pthread_cond_destroy(&c));

	CHECK(!pthread_barrier_init(&b, NULL, 2) && !pthread_create(&t, NULL, wait_barrier, &b));
	sem_wait(&go);
	usleep(2000);
	CHECK(pthread_barrier_destroy(&b) == EBUSY);
	pthread_barrier_wait(&b);
	CHECK(!pthread_barrier_destroy(&b) && !pthread_join(t, NULL));

	CHECK(!pthread_spin_init(&spin, 0) && !pthread_spin_lock(&spin));
	CHECK(pthread_spin_destroy(&spin) == EBUSY && pthread_spin_trylock(&spin) == EBUSY);
	CHECK(!pthread_spin_unlock(&spin) && !pthread_spin_destroy(&spin));
}

/* ---- Signals ---- */

static __thread int caught;

static void catch_it(int number)
{
	CHECK(number == SIGUSR1);
	caught++;
}

static void *mask_own(void *argument)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(!pthread_sigmask(SIG_BLOCK, &set, &old));
	CHECK(sigismember(&old, SIGUSR2) && !sigismember(&old, SIGUSR1)); /* its creator's */
	sem_post(&go);
	sem_wait(argument);
	raise(SIGUSR1);
	CHECK(!caught && !sigpending(&old) && sigismember(&old, SIGUSR1));
	CHECK(!pthread_sigmask(SIG_UNBLOCK, &set, NULL) && caught == 1);
	return NULL;
}

static void test_signals(void)
{
	sigset_t set;
	pthread_t t;
	sem_t later;

	sem_init(&go, 0, 0);
	sem_init(&later, 0, 0);
	signal(SIGUSR1, catch_it);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(!pthread_sigmask(SIG_BLOCK, &set, NULL));
	CHECK(!pthread_create(&t, NULL, mask_own, &later));
	sem_wait(&go);
	CHECK(!pthread_kill(pthread_self(), SIGUSR1) && caught == 1); /* blocked there, not here */
	CHECK(pthread_kill(t, 0) == 0 && pthread_kill(t, SIGUSR1) == ENOTSUP);
	sem_post(&later);
	CHECK(!pthread_join(t, NULL) && caught == 1);
	CHECK(!pthread_sigmask(SIG_UNBLOCK, &set, NULL));
}

/* ---- Keys and cancellation ---- */

static pthread_key_t key;
static int destroyed, cleaned;

static void destroy(void *value)
{
	if (++*(int *)value < 3)
		pthread_setspecific(key, value);
	destroyed++;
}

static void *use_key(void *argument)
{
	CHECK(!pthread_getspecific(key) && !pthread_setspecific(key, argument));
	sched_yield();
	CHECK(pthread_getspecific(key) == argument);
	return NULL;
}

static void clean(void *argument)
{
	cleaned += (int)(intptr_t)argument;
}

static pthread_mutex_t cancel_mutex = PTHREAD_MUTEX_INITIALIZER;

static void open_it(void *lock)
{
	pthread_mutex_unlock(lock);
}

static void *be_cancelled(void *argument)
{
	struct timespec t = {100, 0};

	pthread_cleanup_push(clean, (void *)1);
	pthread_cleanup_push(clean, (void *)10);
	switch ((intptr_t)argument) {
	case 0:
		sem_wait(&go);
		break;
	case 1:
		nanosleep(&t, NULL);
		break;
	case 2:
		pthread_mutex_lock(&cancel_mutex);
		pthread_cleanup_push(open_it, &cancel_mutex);
		for (;;)
			pthread_cond_wait(&cond, &cancel_mutex);
		pthread_cleanup_pop(1);
		break;
	case 3:
		for (;;) {
			pthread_testcancel();
			sched_yield();
		}
	}
	CHECK(!"cancelled");
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *be_safe(void *argument)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	usleep(3000);
	return argument;
}

static void test_ends(void)
{
	pthread_t t;
	void *result;
	int value = 0;

	CHECK(!pthread_key_create(&key, destroy));
	in_thread(use_key, &value);
	CHECK(value == 3 && destroyed == 3);
	CHECK(!pthread_key_delete(key) && pthread_key_delete(key) == EINVAL);
	CHECK(pthread_setspecific(key, &value) == EINVAL);

	for (intptr_t i = 0; i < 8; i++) {
		cleaned = 0;
		CHECK(!pthread_create(&t, NULL, be_cancelled, (void *)(i % 4)));
		if (i >= 4)
			usleep(2000); /* it waits by now */
		CHECK(!pthread_cancel(t) && !pthread_join(t, &result));
		CHECK(result == PTHREAD_CANCELED && cleaned == 11);
		CHECK(pthread_cancel(t) == ESRCH);
	}
	CHECK(pthread_mutex_trylock(&cancel_mutex) == 0);
	CHECK(!pthread_create(&t, NULL, be_safe, (void *)5) && !pthread_cancel(t));
	CHECK(!pthread_join(t, &result) && result == (void *)5);
	CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == ENOTSUP);
}

/* ---- With tasks ---- */

static void in_task(void *argument)
{
	pthread_mutex_lock(&mutex);
	counter++;
	pthread_mutex_unlock(&mutex);
	errno = (int)(intptr_t)argument;
	char text[32];
	snprintf(text, sizeof text, "%g", 1.5);
	CHECK(errno == (int)(intptr_t)argument && !strcmp(text, "1.5"));
	sem_post(&go);
}

static void *submit_tasks(void *argument)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	for (intptr_t i = 0; i < 20; i++)
		bm_task_submit_wait(&group, in_task, (void *)i);
	if (argument)
		bm_task_wait(&group);
	for (int i = 0; i < 20; i++)
		sem_wait(&go);
	bm_task_wait(&group);
	return NULL;
}

/* All but what the runner and the scheduler need, where no thread waits below. */
static void use_stack(void *unused)
{
	struct bm_core_info info;

	(void)unused;
	CHECK(!bm_core_info(bm_core(), &info) && info.stack_size >= 32768);
	size_t size = info.stack_size - 8192;
	volatile char array[size];

	for (size_t i = 0; i < size; i += 1024)
		array[size - 1 - i] = 1;
	CHECK(array[size - 1] == 1);
	sem_post(&go);
}

static void test_stacks_of_tasks(void)
{
	uint32_t cores = bm_system_info()->cores;

	for (uint32_t core = 0; core < cores; core++)
		CHECK(!bm_task_submit_to(core, NULL, use_stack, NULL));
	for (uint32_t core = 0; core < cores; core++)
		CHECK(!sem_wait(&go));
}

static void test_tasks(void)
{
	pthread_t threads[4];

	counter = 0;
	sem_init(&go, 0, 0);
	submit_tasks(NULL);
	for (intptr_t i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, submit_tasks, (void *)(i % 2)));
	pthread_mutex_lock(&mutex); /* the tasks must wait */
	usleep(5000);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(counter == 100);
	test_stacks_of_tasks();
	test_selves_of_tasks();
}

/* ---- Many, and sleep ---- */

static void *sleep_some(void *argument)
{
	usleep(1000 + (intptr_t)argument % 97 * 100);
	return argument;
}

static void test_many(int many, bool least)
{
	pthread_t *threads = malloc(many * sizeof *threads);
	pthread_attr_t a;
	void *result;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
	for (intptr_t i = 0; i < many; i++)
		CHECK(!pthread_create(&threads[i], least ? &a : NULL, sleep_some, (void *)i));
	for (intptr_t i = 0; i < many; i++)
		CHECK(!pthread_join(threads[i], &result) && (intptr_t)result == i);
	free(threads);
}

/* Until there is no memory for one more; then all end, and there is room again. */
static void test_no_memory(void)
{
	static pthread_t threads[2000];
	void *result;
	int made = 0, error;

	sem_init(&go, 0, 0);
	while (!(error = pthread_create(&threads[made], NULL, wait_go, (void *)(intptr_t)made)))
		CHECK(++made < 2000);
	CHECK(error == EAGAIN && made > 10);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < made; i++)
			sem_post(&go);
		for (intptr_t i = 0; i < made; i++)
			CHECK(!pthread_join(threads[i], &result) && (intptr_t)result == i);
		for (int i = 0; i < made && !round; i++)
			CHECK(!pthread_create(&threads[i], NULL, wait_go, (void *)(intptr_t)i));
	}
	printf("%d threads fit\n", made);
}

static void *sleep_a_second(void *argument)
{
	struct timespec time = {1, 0};

	nanosleep(&time, NULL);
	return argument;
}

/* The machine's timer is used for the first time when no memory is left for its page tables. */
static void test_no_memory_for_timer(void)
{
	static pthread_t threads[20000];
	struct timespec time = {0, 10000000};
	int made = 0;
	pthread_t sleeper;
	uint64_t begun;

	sem_init(&go, 0, 0);
	while (!pthread_create(&threads[made], NULL, wait_go, NULL))
		CHECK(++made < 20000);
	for (int i = 0; i < made; i++)
		sem_post(&go);
	for (int i = 0; i < made; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(!pthread_create(&sleeper, NULL, sleep_a_second, NULL));
	begun = bm_time_monotonic();
	nanosleep(&time, NULL); /* nobody else runs: the sleeper must have left the core */
	CHECK(bm_time_monotonic() - begun < 900000000);
	CHECK(!pthread_join(sleeper, NULL));
	printf("%d threads fit\n", made);
}

static void exit_in_task(void *argument)
{
	exit((int)(intptr_t)argument);
}

static void on_exit_say(void)
{
	printf("atexit\n");
}

static void *end_program(void *argument)
{
	(void)argument;
	exit(3);
}

static void *end_last(void *argument)
{
	usleep(3000);
	printf("last\n");
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t t;

	atexit(on_exit_say);
	if (argc > 1 && !strcmp(argv[1], "exit")) {
		CHECK(!pthread_create(&t, NULL, end_program, NULL));
		pthread_join(t, NULL);
	}
	if (argc > 2 && !strcmp(argv[1], "exit-in-task")) {
		struct bm_task_group group = BM_TASK_GROUP_INIT;

		CHECK(!bm_task_submit_to(atoi(argv[2]), &group, exit_in_task, (void *)6));
		bm_task_wait(&group);
		CHECK(!"the task came back");
	}
	if (argc > 1 && !strcmp(argv[1], "default-stack")) {
		pthread_attr_t a;
		size_t size;

		CHECK(!pthread_attr_init(&a) && !pthread_attr_getstacksize(&a, &size));
		printf("%lu bytes\n", size);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "no-memory")) {
		test_no_memory();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "no-memory-for-timer")) {
		test_no_memory_for_timer();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "main-first")) {
		CHECK(!pthread_create(&t, NULL, end_last, NULL));
		pthread_exit(NULL);
	}
	if (argc > 2 && !strcmp(argv[1], "many")) {
		test_many(atoi(argv[2]), argc == 3);
		printf("%s threads\n", argv[2]);
		return 0;
	}
#define RUN(name) (printf(#name "\n"), test_##name())
	RUN(threads);
	RUN(join);
	RUN(attributes);
	RUN(mutex);
	RUN(cond);
	RUN(rwlock);
	RUN(others);
	RUN(destroy);
	RUN(signals);
	RUN(ends);
	RUN(tasks);
	test_many(200, true);
	test_many(200, false);
	printf("done\n");
	return 0;
}
