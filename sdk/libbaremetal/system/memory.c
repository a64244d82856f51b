/* SPDX-License-Identifier: MIT */
/*
 * Memory for Newlib: malloc()'s sbrk() over the heap window.
 */
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/memory.h>

#define CALLOC_SMALL 504 /* bytes that a core's cache may have; larger ones may be zero already */

void *_sbrk(ptrdiff_t bytes)
{
	void *old = bm_memory_grow(bytes);

	if (!old) {
		errno = ENOMEM;
		return (void *)-1;
	}
	return old;
}

void *sbrk(ptrdiff_t bytes) __attribute__((weak, alias("_sbrk")));

/* The thread library's (thread/malloc.c), if it is there: they scale with the number of cores. */
void *thread_malloc(size_t size) __attribute__((weak, visibility("hidden")));
void thread_free(void *pointer) __attribute__((weak, visibility("hidden")));

/* Not in line: then the calls with threads are a jump. */
static __attribute__((noinline)) void *newlib_malloc(size_t size)
{
	return _malloc_r(_REENT, size);
}

static __attribute__((noinline)) void newlib_free(void *pointer)
{
	_free_r(_REENT, pointer);
}

void *malloc(size_t size)
{
	return thread_malloc ? thread_malloc(size) : newlib_malloc(size);
}

void free(void *pointer)
{
	if (thread_free)
		thread_free(pointer);
	else
		newlib_free(pointer);
}

void *calloc(size_t count, size_t size)
{
	size_t all;
	void *block;

	if (!thread_malloc || __builtin_mul_overflow(count, size, &all) || all > CALLOC_SMALL)
		return _calloc_r(_REENT, count, size);
	block = thread_malloc(all);
	return block ? memset(block, 0, all) : NULL;
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	void *block;

	if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
		return EINVAL;
	block = memalign(alignment, size);
	if (!block)
		return ENOMEM;
	*memory = block;
	return 0;
}
