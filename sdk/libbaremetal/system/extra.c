/* SPDX-License-Identifier: MIT */
/*
 * Small functions that Newlib declares and does not have.
 */
#include "posix.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/lock.h>
#include <sys/timeb.h>
#include <time.h>

#include <baremetal/time.h>

POSIX void flockfile(FILE *stream)
{
	__lock_acquire_recursive(stream->_lock);
}

POSIX int ftrylockfile(FILE *stream)
{
	return __lock_try_acquire_recursive(stream->_lock);
}

POSIX void funlockfile(FILE *stream)
{
	__lock_release_recursive(stream->_lock);
}

/* Newlib has both under names of its own. */
POSIX ssize_t getdelim(char **line, size_t *size, int delimiter, FILE *stream)
{
	return __getdelim(line, size, delimiter, stream);
}

POSIX ssize_t getline(char **line, size_t *size, FILE *stream)
{
	return __getline(line, size, stream);
}

POSIX int ftime(struct timeb *time)
{
	int64_t now = 0;

	bm_time_wall(&now);
	*time = (struct timeb){.time = now / 1000000000,
			       .millitm = (unsigned short)(now % 1000000000 / 1000000)};
	return 0;
}

/* There is one clock, and it always runs. */
POSIX int clock_setenable_attr(clockid_t clock, int attribute)
{
	(void)clock, (void)attribute;
	errno = ENOSYS;
	return -1;
}

POSIX int clock_getenable_attr(clockid_t clock, int *attribute)
{
	(void)clock;
	*attribute = CLOCK_ENABLED;
	return 0;
}
