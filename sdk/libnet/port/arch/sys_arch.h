/* SPDX-License-Identifier: MIT */
/*
 * lwIP's semaphores, mutexes and mailboxes over the thread library; see ../../sys_arch.c. All
 * wait by leaving the core to other threads.
 */
#ifndef ARCH_SYS_ARCH_H
#define ARCH_SYS_ARCH_H

#include <stdint.h>

/* Zero is not there; made by sys_sem_new(). */
typedef struct {
	uint32_t count;
	uint32_t valid;
} sys_sem_t;
#define sys_sem_valid(sem)       ((sem)->valid)
#define sys_sem_set_invalid(sem) ((sem)->valid = 0)

typedef struct {
	uint32_t held;
	uint32_t valid;
} sys_mutex_t;
#define sys_mutex_valid(mutex)       ((mutex)->valid)
#define sys_mutex_set_invalid(mutex) ((mutex)->valid = 0)

typedef struct net_mailbox *sys_mbox_t;
#define sys_mbox_valid(mbox)       (*(mbox) != NULL)
#define sys_mbox_set_invalid(mbox) (*(mbox) = NULL)

typedef unsigned long sys_thread_t; /* pthread_t */

/* A lock for some instructions, which may be taken again by its holder. Where reference counts
 * change. */
typedef uint32_t sys_prot_t;

#endif
