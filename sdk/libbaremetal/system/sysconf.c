/* SPDX-License-Identifier: MIT */
/*
 * Limits and options that a program asks for at run time.
 */
#include "posix.h"
#include "../files/files.h"

#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/memory.h>
#include <baremetal/system.h>

#define PAGE 4096

static int fail(int error)
{
	errno = error;
	return -1;
}

POSIX long sysconf(int name)
{
	struct bm_memory_info memory;

	switch (name) {
	case _SC_PAGESIZE:
		return PAGE;
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return bm_system_info()->cores;
	case _SC_PHYS_PAGES:
		bm_memory_info(&memory);
		return (long)(memory.machine / PAGE);
	case _SC_AVPHYS_PAGES:
		bm_memory_info(&memory);
		return (long)((memory.heap_limit - memory.heap_used) / PAGE);
	case _SC_CLK_TCK:
		return CLOCKS_PER_SEC;
	case _SC_OPEN_MAX:
	case _SC_STREAM_MAX:
		return OPEN_MAX;
	case _SC_ARG_MAX:
		return ARG_MAX;
	case _SC_CHILD_MAX:
		return 0;
	case _SC_NGROUPS_MAX:
		return NGROUPS_MAX;
	case _SC_LINE_MAX:
		return LINE_MAX;
	case _SC_IOV_MAX:
		return IOV_MAX;
	case _SC_SYMLOOP_MAX:
		return FILES_LINKS_MAX;
	case _SC_TTY_NAME_MAX:
		return 32;
	case _SC_HOST_NAME_MAX:
		return 64;
	case _SC_LOGIN_NAME_MAX:
		return 32;
	case _SC_GETPW_R_SIZE_MAX:
	case _SC_GETGR_R_SIZE_MAX:
		return 64;
	case _SC_RE_DUP_MAX:
		return RE_DUP_MAX;
	case _SC_ATEXIT_MAX:
		return 32;
	case _SC_VERSION:
		return _POSIX_VERSION;
	case _SC_TIMERS:
	case _SC_MONOTONIC_CLOCK:
	case _SC_CLOCK_SELECTION:
	case _SC_CPUTIME:
	case _SC_FSYNC:
	case _SC_SYNCHRONIZED_IO:
	case _SC_THREAD_SAFE_FUNCTIONS:
	case _SC_THREADS:
	case _SC_TIMEOUTS:
	case _SC_BARRIERS:
	case _SC_SPIN_LOCKS:
	case _SC_READER_WRITER_LOCKS:
	case _SC_SEMAPHORES:
	case _SC_THREAD_ATTR_STACKADDR:
	case _SC_THREAD_ATTR_STACKSIZE:
	case _SC_THREAD_PROCESS_SHARED:
		return _POSIX_VERSION;
	case _SC_THREAD_STACK_MIN:
		return PTHREAD_STACK_MIN;
	case _SC_THREAD_KEYS_MAX:
		return PTHREAD_KEYS_MAX;
	case _SC_THREAD_DESTRUCTOR_ITERATIONS:
		return PTHREAD_DESTRUCTOR_ITERATIONS;
	case _SC_SEM_VALUE_MAX:
		return SEM_VALUE_MAX;
	case _SC_REGEXP:
		return 1;
	}
	if (name < 0 || name > _SC_POSIX_26_VERSION)
		return fail(EINVAL);
	return -1; /* no limit, or not provided */
}

POSIX long fpathconf(int descriptor, int name)
{
	(void)descriptor;
	switch (name) {
	case _PC_LINK_MAX:
		return LINK_MAX;
	case _PC_MAX_CANON:
		return MAX_CANON;
	case _PC_MAX_INPUT:
		return MAX_INPUT;
	case _PC_NAME_MAX:
		return NAME_MAX;
	case _PC_PATH_MAX:
		return PATH_MAX;
	case _PC_PIPE_BUF:
		return PIPE_BUF;
	case _PC_NO_TRUNC:
	case _PC_CHOWN_RESTRICTED:
	case _PC_2_SYMLINKS:
	case _PC_TIMESTAMP_RESOLUTION:
		return 1;
	case _PC_FILESIZEBITS:
		return 64;
	}
	if (name < 0 || name > _PC_TIMESTAMP_RESOLUTION)
		return fail(EINVAL);
	return -1;
}

POSIX long pathconf(const char *path, int name)
{
	(void)path;
	return fpathconf(0, name);
}

POSIX int getpagesize(void)
{
	return PAGE;
}

POSIX size_t confstr(int name, char *buffer, size_t size)
{
	(void)name, (void)buffer, (void)size;
	errno = EINVAL;
	return 0;
}
