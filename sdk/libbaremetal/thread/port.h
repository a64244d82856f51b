/* SPDX-License-Identifier: MIT */
/*
 * What the threads need of a core. The host's tests bring their own (THREAD_PORT).
 */
#ifndef THREAD_PORT_H
#define THREAD_PORT_H

#include "control.h"

#include <baremetal/console.h>
#include <baremetal/memory.h>
#include <baremetal/system.h>

/* Compiled anew at each use: after a switch it is still this thread, so it may also be kept. */
static inline struct thread *port_self(void)
{
	return control_self();
}

static inline void port_relax(void)
{
	__builtin_ia32_pause();
}

extern uint8_t port_has_fsgsbase;

/*
 * Leave the present stack for another thread's; then write 0 to *release. Returns 0 when this one
 * is switched to.
 */
int port_switch(void **save, void *stack_pointer, struct thread *to, uint32_t *release);

/* A stack pointer from which a switch enters thread_main(). */
void *port_prepare(struct thread *thread, char *stack, size_t size);

/* Memory with an unmapped page at either side. NULL: none left. For ever. */
void *port_stack(size_t size);

#endif
