/* SPDX-License-Identifier: MIT */
/*
 * The threads' port to the host: a host thread is a core, and the scheduler under it is
 * the kernel's own. host_cores.c has the functions.
 */
#ifndef TESTS_UNIT_THREAD_HOST_H
#define TESTS_UNIT_THREAD_HOST_H

#include "thread/control.h"
#include <baremetal/console.h>
#include <baremetal/memory.h>
#include <baremetal/system.h>

/* Not inlined: after a switch this may be another host thread. */
#define port_self  thread_port_self
#define port_relax thread_port_relax
struct thread *port_self(void);
void port_relax(void);
int port_switch(void **save, void *stack_pointer, struct thread *to, uint32_t *release);
void *port_prepare(struct thread *thread, char *stack, size_t size);
void *port_stack(size_t size);

#endif
