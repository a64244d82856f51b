/* SPDX-License-Identifier: MIT */
/*
 * The types of POSIX threads. A zeroed object is a valid one with default
 * attributes, except for a barrier and a semaphore, which have a count.
 * Replaces Newlib's header of this name, whose types are handles of 32 bits.
 */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/sched.h>

#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1

#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED	1 /* the same: there is one process */

#define PTHREAD_SCOPE_SYSTEM  0
#define PTHREAD_SCOPE_PROCESS 1

#define PTHREAD_INHERIT_SCHED  0
#define PTHREAD_EXPLICIT_SCHED 1

#define PTHREAD_MUTEX_NORMAL	 0
#define PTHREAD_MUTEX_RECURSIVE	 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT	 PTHREAD_MUTEX_NORMAL

#define PTHREAD_MUTEX_STALLED 0
#define PTHREAD_MUTEX_ROBUST  1 /* refused with ENOTSUP */

#define PTHREAD_PRIO_NONE    0
#define PTHREAD_PRIO_INHERIT 1 /* both refused with ENOTSUP: there are no priorities */
#define PTHREAD_PRIO_PROTECT 2

typedef unsigned long pthread_t; /* never 0 */

typedef struct {
	void *__stack; /* the caller's, or NULL */
	unsigned long __stack_size, __guard_size;
	int __detach_state, __scope, __inherit, __policy, __priority;
	unsigned __core; /* number + 1; 0: any */
} pthread_attr_t;

typedef struct {
	unsigned long __owner; /* 0: free; else the holder, with two flags in its low bits */
	unsigned __type, __depth;
} pthread_mutex_t;
#define _PTHREAD_MUTEX_INITIALIZER {0, PTHREAD_MUTEX_NORMAL, 0}

typedef struct {
	int __type, __shared;
} pthread_mutexattr_t;

typedef struct {
	unsigned __sequence, __clock;
} pthread_cond_t;
#define _PTHREAD_COND_INITIALIZER {0, 0}

typedef struct {
	int __clock, __shared;
} pthread_condattr_t;

typedef struct {
	unsigned long __owner;	      /* the writer */
	unsigned __lock, __sequence;  /* for what follows; changes when somebody should look again */
	unsigned __readers, __phase;  /* that hold it; writers so far */
	unsigned __readers_waiting, __writers_waiting, __turn; /* readers that may pass writers */
} pthread_rwlock_t;
#define _PTHREAD_RWLOCK_INITIALIZER {0, 0, 0, 0, 0, 0, 0, 0}

typedef struct {
	int __shared;
} pthread_rwlockattr_t;

typedef struct {
	unsigned __count, __arrived, __round, __inside;
} pthread_barrier_t;

typedef struct {
	int __shared;
} pthread_barrierattr_t;

typedef unsigned pthread_key_t;

typedef struct {
	unsigned __state;
} pthread_once_t;
#define _PTHREAD_ONCE_INIT {0}

typedef struct {
	unsigned __held;
} pthread_spinlock_t;

#endif
