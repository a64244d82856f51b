/* SPDX-License-Identifier: MIT */
/*
 * pthread_setcancelstate(), which Newlib's streams call: in a file of its own, so that a
 * program without threads gets nothing else.
 */
#include "control.h"

#include <errno.h>
#include <pthread.h>

int pthread_setcancelstate(int state, int *old)
{
	struct thread *self = control_self();

	if (state != PTHREAD_CANCEL_ENABLE && state != PTHREAD_CANCEL_DISABLE)
		return EINVAL;
	if (old)
		*old = self->cancel_disabled ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE;
	self->cancel_disabled = state == PTHREAD_CANCEL_DISABLE;
	return 0;
}
