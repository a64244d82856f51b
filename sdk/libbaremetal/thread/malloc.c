/* SPDX-License-Identifier: MIT */
/*
 * malloc() that scales with cores: each core keeps small blocks of its own in front of Newlib's
 * malloc(). Linked into programs with threads alone; system/memory.c calls it.
 *
 * Nothing pre-empts, so a core's lists need no lock: only taking and giving back a batch of
 * blocks goes through Newlib's, and may make a thread leave the core. All blocks are
 * Newlib's, so that realloc(), memalign() and Newlib's own calls go on as before.
 *
 * An allocator with a heap for each thread (mimalloc, jemalloc) was not taken: it takes memory in
 * segments of up to 32 MiB a thread, which is all mapped here, and threads are many where cores are
 * few. Measured with tests/bench/guest/malloc.c on 2 cores (TCG on 2 host CPUs), pairs of malloc()
 * and free() a second, in millions: Newlib alone 1.1 with one thread and 0.7 with two; with these
 * caches 3.4 and 7.2.
 */
#include "thread.h"

#include <malloc.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>

#define UNIT    16 /* sizes of Newlib's chunks, which have a header of 8 bytes */
#define CLASSES 33 /* chunks of up to 512 bytes are kept */
#define BATCH   16 /* blocks that are taken at once */
#define KEPT    48 /* of a class at most; then so many are given back that a batch is left */

struct block {
	struct block *next;
};

struct cache {
	struct block *first[CLASSES];
	uint32_t count[CLASSES];
} __attribute__((aligned(64)));

static struct cache *caches; /* one a lane */

void thread_malloc_start(void)
{
	caches = memalign(64, lane_count * sizeof(*caches));
	if (caches)
		memset(caches, 0, lane_count * sizeof(*caches));
}

static struct cache *my_cache(void)
{
	return &caches[thread_lane(port_self())->index];
}

static void push(struct cache *cache, size_t class, struct block *block)
{
	block->next = cache->first[class];
	cache->first[class] = block;
	cache->count[class]++;
}

static struct block *pop(struct cache *cache, size_t class)
{
	struct block *block = cache->first[class];

	cache->first[class] = block->next;
	cache->count[class]--;
	return block;
}

/* A batch from Newlib: one block is the caller's, the others are for the core that this is on then.
 */
static __attribute__((noinline)) void *refill(size_t class, size_t size)
{
	struct _reent *reent = _REENT;
	struct block *list = NULL, *block, *mine;

	__malloc_lock(reent);
	mine = _malloc_r(reent, size);
	for (int i = 1; mine && i < BATCH; i++) {
		block = _malloc_r(reent, class * UNIT - 8);
		if (!block)
			break;
		block->next = list;
		list = block;
	}
	__malloc_unlock(reent);
	for (struct cache *cache = my_cache(); list; list = block) {
		block = list->next;
		push(cache, class, list);
	}
	return mine;
}

static __attribute__((noinline)) void give_back(struct cache *cache, size_t class)
{
	struct _reent *reent = _REENT;
	struct block *list = NULL, *block;

	while (cache->count[class] > BATCH) {
		block = pop(cache, class);
		block->next = list;
		list = block;
	}
	__malloc_lock(reent);
	for (; list; list = block) {
		block = list->next;
		_free_r(reent, list);
	}
	__malloc_unlock(reent);
}

void *thread_malloc(size_t size)
{
	size_t class = size > UNIT + 8 ? (size + 8 + UNIT - 1) / UNIT : 2;
	struct cache *cache;

	if (size > (CLASSES - 1) * UNIT - 8 || !caches)
		return _malloc_r(_REENT, size);
	cache = my_cache();
	return cache->first[class] ? pop(cache, class) : refill(class, size);
}

void thread_free(void *pointer)
{
	struct cache *cache;
	size_t class;

	if (!pointer)
		return;
	/* What the block may hold, rounded down to a class: it may be more than was asked for. */
	class = (malloc_usable_size(pointer) + 8) / UNIT;
	if (class >= CLASSES || class < 2 || !caches) {
		_free_r(_REENT, pointer);
		return;
	}
	cache = my_cache();
	push(cache, class, pointer);
	if (cache->count[class] > KEPT)
		give_back(cache, class);
}
