/* SPDX-License-Identifier: MIT */
/* What the guest's headers ask for, for the host's build of the threads. */
#ifndef SYS_SCHED_H
#define SYS_SCHED_H
#define SCHED_OTHER 0
struct sched_param {
	int sched_priority;
};
#endif
