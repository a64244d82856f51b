/* SPDX-License-Identifier: MIT */
/*
 * Newlib's state of each thread: errno, strtok()'s place and the like. main() uses the
 * one that Newlib initialises at link time; others are made at first use.
 */
#include "../thread/control.h"

#include <reent.h>
#include <string.h>

static __attribute__((noinline)) struct _reent *make(struct thread *self)
{
	struct _reent *reent = self->memory_reent;

	_REENT_INIT_PTR(reent);
	self->reent = reent;
	return reent;
}

struct _reent *__getreent(void)
{
	struct thread *self = control_self();

	return __builtin_expect(self->reent != NULL, 1) ? self->reent : make(self);
}
