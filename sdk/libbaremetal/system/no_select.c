/* SPDX-License-Identifier: MIT */
/*
 * select() where the SDK is built without the network library, which has it otherwise.
 */
#include "posix.h"

#include <errno.h>
#include <sys/select.h>

/* Nothing that a program can open makes it wait, except the console. */
POSIX int select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
		 struct timeval *timeout)
{
	(void)count, (void)readable, (void)writable, (void)exceptional, (void)timeout;
	errno = ENOSYS;
	return -1;
}

POSIX int pselect(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
		  const struct timespec *timeout, const sigset_t *mask)
{
	(void)count, (void)readable, (void)writable, (void)exceptional, (void)timeout, (void)mask;
	errno = ENOSYS;
	return -1;
}
