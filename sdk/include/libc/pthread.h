/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads: any number of them, run on all cores, switched only where one
 * waits. There is no pre-emption: a loop that waits for another thread without a
 * call of this library, or sched_yield(), may wait for ever.
 *
 * Beyond POSIX.1-2017, of misuse:
 *  - unlocking a mutex of any type that the caller does not hold: EPERM; and so a read-write lock
 *    that another thread writes under, that nobody holds, or that others read under while the
 *    caller holds no read-write lock for reading;
 *  - joining oneself, or two threads each other: EDEADLK; a thread that was joined
 *    already or has ended detached: ESRCH; one that is detached or joined by another: EINVAL;
 *  - destroying what is held or waited for: EBUSY;
 *  - pthread_create() without memory for a stack: EAGAIN;
 *  - every thread waiting, without a time limit, and no task to run: the program ends as
 *    crashed, with a backtrace of each thread (of 4,096 at most; the rest are counted). A task that
 *    waits for ever is noticed on one core alone: see <baremetal/task.h>.
 *
 * Cancellation is deferred: it takes place in pthread_testcancel(), pthread_join(),
 * pthread_cond_wait() and its timed forms, sem_wait() and sem_timedwait(), nanosleep() and its
 * kin, read(), write(), open(), close() and their kin; not in stdio, which holds locks. Asynchronous
 * cancellation is refused with ENOTSUP, and so are robust mutexes and priorities.
 *
 * In a task (<baremetal/task.h>) all of this may be called, too. A task that waits does not
 * leave its core: it runs other tasks and threads there meanwhile. What it locks, it must unlock
 * itself: tasks hold locks in the name of whom they run on, which is their core or the thread that
 * waits below them.
 */
#ifndef __PTHREAD_h
#define __PTHREAD_h

#include <sched.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PTHREAD_MUTEX_INITIALIZER  _PTHREAD_MUTEX_INITIALIZER
#define PTHREAD_COND_INITIALIZER   _PTHREAD_COND_INITIALIZER
#define PTHREAD_RWLOCK_INITIALIZER _PTHREAD_RWLOCK_INITIALIZER
#define PTHREAD_ONCE_INIT	   _PTHREAD_ONCE_INIT
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP	{0, PTHREAD_MUTEX_RECURSIVE, 0}
#define PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP {0, PTHREAD_MUTEX_ERRORCHECK, 0}

#define PTHREAD_BARRIER_SERIAL_THREAD (-1)

#define PTHREAD_CANCEL_ENABLE	    0
#define PTHREAD_CANCEL_DISABLE	    1
#define PTHREAD_CANCEL_DEFERRED	    0
#define PTHREAD_CANCEL_ASYNCHRONOUS 1
#define PTHREAD_CANCELED	    ((void *)-1)

#ifndef PTHREAD_STACK_MIN /* <limits.h> */
#define PTHREAD_STACK_MIN	      8192
#define PTHREAD_KEYS_MAX	      128
#define PTHREAD_DESTRUCTOR_ITERATIONS 4
#endif

/* Threads. */
int pthread_create(pthread_t *__restrict, const pthread_attr_t *__restrict, void *(*)(void *),
		   void *__restrict);
int pthread_join(pthread_t, void **);
int pthread_detach(pthread_t);
void pthread_exit(void *) __dead2;
pthread_t pthread_self(void);
int pthread_equal(pthread_t, pthread_t);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
int pthread_getcpuclockid(pthread_t, clockid_t *);
int pthread_getconcurrency(void);
int pthread_setconcurrency(int);
int pthread_getschedparam(pthread_t, int *__restrict, struct sched_param *__restrict);
int pthread_setschedparam(pthread_t, int, const struct sched_param *);
int pthread_setschedprio(pthread_t, int);

/*
 * Attributes. The least stack is PTHREAD_STACK_MIN; an own one has no guard. Else a page at either end
 * is the guard, whatever size is asked for.
 *
 * A stack is mapped as a whole when it is first made, and does not grow. By default it has 1/4096 of
 * the memory that the program can have, from 128 KiB (less on machines below 32 MiB) to 960 KiB, so
 * that thousands of threads fit from 256 MiB on. pthread_attr_getstacksize() tells, after pthread_attr_init().
 */
int pthread_attr_init(pthread_attr_t *);
int pthread_attr_destroy(pthread_attr_t *);
int pthread_attr_getdetachstate(const pthread_attr_t *, int *);
int pthread_attr_setdetachstate(pthread_attr_t *, int);
int pthread_attr_getguardsize(const pthread_attr_t *__restrict, size_t *__restrict);
int pthread_attr_setguardsize(pthread_attr_t *, size_t);
int pthread_attr_getstack(const pthread_attr_t *__restrict, void **__restrict, size_t *__restrict);
int pthread_attr_setstack(pthread_attr_t *, void *, size_t);
int pthread_attr_getstackaddr(const pthread_attr_t *, void **);
int pthread_attr_setstackaddr(pthread_attr_t *, void *);
int pthread_attr_getstacksize(const pthread_attr_t *__restrict, size_t *__restrict);
int pthread_attr_setstacksize(pthread_attr_t *, size_t);
int pthread_attr_getscope(const pthread_attr_t *__restrict, int *__restrict);
int pthread_attr_setscope(pthread_attr_t *, int);
int pthread_attr_getinheritsched(const pthread_attr_t *__restrict, int *__restrict);
int pthread_attr_setinheritsched(pthread_attr_t *, int);
int pthread_attr_getschedpolicy(const pthread_attr_t *__restrict, int *__restrict);
int pthread_attr_setschedpolicy(pthread_attr_t *, int);
int pthread_attr_getschedparam(const pthread_attr_t *__restrict, struct sched_param *__restrict);
int pthread_attr_setschedparam(pthread_attr_t *__restrict, const struct sched_param *__restrict);

/* Mutexes. */
int pthread_mutex_init(pthread_mutex_t *__restrict, const pthread_mutexattr_t *__restrict);
int pthread_mutex_destroy(pthread_mutex_t *);
int pthread_mutex_lock(pthread_mutex_t *);
int pthread_mutex_trylock(pthread_mutex_t *);
int pthread_mutex_timedlock(pthread_mutex_t *__restrict, const struct timespec *__restrict);
int pthread_mutex_clocklock(pthread_mutex_t *__restrict, clockid_t,
			    const struct timespec *__restrict);
int pthread_mutex_unlock(pthread_mutex_t *);
int pthread_mutex_consistent(pthread_mutex_t *);
int pthread_mutexattr_init(pthread_mutexattr_t *);
int pthread_mutexattr_destroy(pthread_mutexattr_t *);
int pthread_mutexattr_gettype(const pthread_mutexattr_t *__restrict, int *__restrict);
int pthread_mutexattr_settype(pthread_mutexattr_t *, int);
int pthread_mutexattr_getpshared(const pthread_mutexattr_t *__restrict, int *__restrict);
int pthread_mutexattr_setpshared(pthread_mutexattr_t *, int);
int pthread_mutexattr_getrobust(const pthread_mutexattr_t *__restrict, int *__restrict);
int pthread_mutexattr_setrobust(pthread_mutexattr_t *, int);
int pthread_mutexattr_getprotocol(const pthread_mutexattr_t *__restrict, int *__restrict);
int pthread_mutexattr_setprotocol(pthread_mutexattr_t *, int);

/* Condition variables. */
int pthread_cond_init(pthread_cond_t *__restrict, const pthread_condattr_t *__restrict);
int pthread_cond_destroy(pthread_cond_t *);
int pthread_cond_signal(pthread_cond_t *);
int pthread_cond_broadcast(pthread_cond_t *);
int pthread_cond_wait(pthread_cond_t *__restrict, pthread_mutex_t *__restrict);
int pthread_cond_timedwait(pthread_cond_t *__restrict, pthread_mutex_t *__restrict,
			   const struct timespec *__restrict);
int pthread_cond_clockwait(pthread_cond_t *__restrict, pthread_mutex_t *__restrict, clockid_t,
			   const struct timespec *__restrict);
int pthread_condattr_init(pthread_condattr_t *);
int pthread_condattr_destroy(pthread_condattr_t *);
int pthread_condattr_getclock(const pthread_condattr_t *__restrict, clockid_t *__restrict);
int pthread_condattr_setclock(pthread_condattr_t *, clockid_t);
int pthread_condattr_getpshared(const pthread_condattr_t *__restrict, int *__restrict);
int pthread_condattr_setpshared(pthread_condattr_t *, int);

/*
 * Read-write locks. Readers wait for a writer that waits, unless they hold a read lock (of this
 * or any other) already; when a writer has done, those that waited meanwhile come first. So
 * neither readers nor writers can keep the others out for ever.
 */
int pthread_rwlock_init(pthread_rwlock_t *__restrict, const pthread_rwlockattr_t *__restrict);
int pthread_rwlock_destroy(pthread_rwlock_t *);
int pthread_rwlock_rdlock(pthread_rwlock_t *);
int pthread_rwlock_tryrdlock(pthread_rwlock_t *);
int pthread_rwlock_timedrdlock(pthread_rwlock_t *__restrict, const struct timespec *__restrict);
int pthread_rwlock_clockrdlock(pthread_rwlock_t *__restrict, clockid_t,
			       const struct timespec *__restrict);
int pthread_rwlock_wrlock(pthread_rwlock_t *);
int pthread_rwlock_trywrlock(pthread_rwlock_t *);
int pthread_rwlock_timedwrlock(pthread_rwlock_t *__restrict, const struct timespec *__restrict);
int pthread_rwlock_clockwrlock(pthread_rwlock_t *__restrict, clockid_t,
			       const struct timespec *__restrict);
int pthread_rwlock_unlock(pthread_rwlock_t *);
int pthread_rwlockattr_init(pthread_rwlockattr_t *);
int pthread_rwlockattr_destroy(pthread_rwlockattr_t *);
int pthread_rwlockattr_getpshared(const pthread_rwlockattr_t *__restrict, int *__restrict);
int pthread_rwlockattr_setpshared(pthread_rwlockattr_t *, int);

/* Barriers. */
int pthread_barrier_init(pthread_barrier_t *__restrict, const pthread_barrierattr_t *__restrict,
			 unsigned);
int pthread_barrier_destroy(pthread_barrier_t *);
int pthread_barrier_wait(pthread_barrier_t *);
int pthread_barrierattr_init(pthread_barrierattr_t *);
int pthread_barrierattr_destroy(pthread_barrierattr_t *);
int pthread_barrierattr_getpshared(const pthread_barrierattr_t *__restrict, int *__restrict);
int pthread_barrierattr_setpshared(pthread_barrierattr_t *, int);

/* Spin locks: the holder must not wait for anything. A waiter spins, and yields now and then. */
int pthread_spin_init(pthread_spinlock_t *, int);
int pthread_spin_destroy(pthread_spinlock_t *);
int pthread_spin_lock(pthread_spinlock_t *);
int pthread_spin_trylock(pthread_spinlock_t *);
int pthread_spin_unlock(pthread_spinlock_t *);

/* Once, and a thread's own data. */
int pthread_once(pthread_once_t *, void (*)(void));
int pthread_key_create(pthread_key_t *, void (*)(void *));
int pthread_key_delete(pthread_key_t);
void *pthread_getspecific(pthread_key_t);
int pthread_setspecific(pthread_key_t, const void *);

/* Cancellation. */
int pthread_cancel(pthread_t);
int pthread_setcancelstate(int, int *);
int pthread_setcanceltype(int, int *);
void pthread_testcancel(void);

struct _pthread_cleanup {
	void (*_routine)(void *);
	void *_argument;
	struct _pthread_cleanup *_previous;
};
void _pthread_cleanup_push(struct _pthread_cleanup *, void (*)(void *), void *);
void _pthread_cleanup_pop(struct _pthread_cleanup *, int);

/* The two open and close one block, as POSIX allows. */
#define pthread_cleanup_push(routine, argument)                                                    \
	do {                                                                                       \
		struct _pthread_cleanup _pthread_cleanup_entry;                                    \
	_pthread_cleanup_push(&_pthread_cleanup_entry, (routine), (argument))
#define pthread_cleanup_pop(execute)                                                               \
	_pthread_cleanup_pop(&_pthread_cleanup_entry, (execute));                                  \
	}                                                                                          \
	while (0)

#if __BSD_VISIBLE || __GNU_VISIBLE
void pthread_yield(void);
int pthread_setname_np(pthread_t, const char *); /* 15 bytes at most, else ERANGE */
int pthread_getname_np(pthread_t, char *, size_t);
int pthread_getattr_np(pthread_t, pthread_attr_t *);
int pthread_tryjoin_np(pthread_t, void **);
int pthread_timedjoin_np(pthread_t, void **, const struct timespec *);
#endif

#ifdef __cplusplus
}
#endif

#endif
