/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: there are no priorities and no time slices, so there is little to ask for.
 */
#ifndef _SCHED_H_
#define _SCHED_H_

#include <sys/sched.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

int sched_yield(void); /* lets other threads and tasks of this core run */
int sched_get_priority_max(int);
int sched_get_priority_min(int);
#if __GNU_VISIBLE
int sched_getcpu(void); /* the core that this runs on */
#endif

#ifdef __cplusplus
}
#endif

#endif
