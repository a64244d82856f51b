/* SPDX-License-Identifier: MIT */
/*
 * malloc() that scales with cores: each core keeps blocks of up to 32 KiB of its own in front of
 * Newlib's malloc(). Linked into programs with threads alone; system/memory.c calls it. Larger ones
 * are Newlib's alone, under its lock: who takes so much at once also does something with it.
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

/*
 * A block's class is that of its chunk, which is a multiple of 16 and 8 bytes more than what it
 * holds: each multiple is one up to FINE, then there are four to a doubling.
 */
#define UNIT       16
#define FINE       512
#define MOST       32768
#define FIRST_WIDE (FINE / UNIT + 1)
#define CLASSES    (FIRST_WIDE + 4 * 6)

/* At most so many are taken at once, and three times as many kept. */
#define BATCH       16
#define BATCH_BYTES MOST /* of those above FINE; fewer where there is little memory a core */

struct block {
	struct block *next;
};

struct cache {
	struct block *first[CLASSES];
	uint32_t count[CLASSES];
} __attribute__((aligned(64)));

static struct cache *caches; /* one a lane */

static uint8_t batches[CLASSES];

/* The least class whose chunks have so many bytes: more than FINE. */
static size_t wide_class(size_t chunk)
{
	unsigned top = 63 - (unsigned)__builtin_clzl(chunk - 1); /* from 9 on */

	return FIRST_WIDE + (top - 9) * 4 + ((chunk - 1) >> (top - 2) & 3);
}

static size_t chunk_of(size_t class)
{
	size_t wide = class - FIRST_WIDE;

	return class < FIRST_WIDE ? class * UNIT : (size_t)(5 + wide % 4) << (7 + wide / 4);
}

/* Newlib's malloc (Doug Lea's) has a chunk's size right before what it holds, and flags in the last
 * three bits. */
static size_t chunk_size(const void *pointer)
{
	return ((const size_t *)pointer)[-1] & ~(size_t)7;
}

void thread_malloc_start(void)
{
	struct bm_memory_info info;
	size_t bytes;

	bm_memory_info(&info);
	/* All that all cores keep shall be an eighth of memory at most. */
	bytes = info.heap_limit / 8 / lane_count / (4 * 6) / 3;
	if (bytes > BATCH_BYTES)
		bytes = BATCH_BYTES;
	for (size_t class = 2; class < CLASSES; class ++) {
		size_t fit = bytes / chunk_of(class);

		batches[class] = class < FIRST_WIDE || fit > BATCH ? BATCH : (uint8_t)fit;
	}
	caches = memalign(64, lane_count * sizeof(*caches));
	if (!caches)
		return;
	if (chunk_size(caches) != malloc_usable_size(caches) + 8) {
		free(caches); /* another Newlib than this was written for: without caches, then */
		caches = NULL;
		return;
	}
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

/* Keep so many, and give the others back to Newlib. */
static __attribute__((noinline)) void give_back(struct cache *cache, size_t class, uint32_t left)
{
	struct _reent *reent = _REENT;
	struct block *list = NULL, *block;

	while (cache->count[class] > left) {
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

/* Newlib has no memory: what this core keeps may be enough. */
static __attribute__((noinline)) void *malloc_at_last(size_t size)
{
	for (size_t class = 2; class < CLASSES; class ++)
		give_back(my_cache(), class, 0);
	return _malloc_r(_REENT, size);
}

/* A batch from Newlib: one block is the caller's, the others are for the core that this is on then.
 */
static __attribute__((noinline)) void *refill(size_t class, size_t size)
{
	struct _reent *reent = _REENT;
	struct block *list = NULL, *block, *mine;

	__malloc_lock(reent);
	mine = _malloc_r(reent, size);
	for (uint32_t i = 1, count = batches[class]; mine && i < count; i++) {
		block = _malloc_r(reent, chunk_of(class) - 8);
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
	return mine ? mine : malloc_at_last(size);
}

static __attribute__((noinline)) void *malloc_wide(size_t size)
{
	struct cache *cache;
	size_t class;
	void *block;

	if (!caches)
		return _malloc_r(_REENT, size);
	if (size > MOST - 8) {
		block = _malloc_r(_REENT, size);
		return block ? block : malloc_at_last(size);
	}
	class = wide_class(size + 8);
	cache = my_cache();
	if (__builtin_expect(cache->first[class] != NULL, 1))
		return pop(cache, class);
	return refill(class, chunk_of(class) - 8);
}

void *thread_malloc(size_t size)
{
	size_t class = size > UNIT + 8 ? (size + 8 + UNIT - 1) / UNIT : 2;
	struct cache *cache;

	if (size > FINE - 8 || !caches)
		return malloc_wide(size);
	cache = my_cache();
	if (__builtin_expect(cache->first[class] != NULL, 1))
		return pop(cache, class);
	return refill(class, size);
}

/* Not for a core's lists. */
static __attribute__((noinline)) void free_at_once(void *pointer)
{
	_free_r(_REENT, pointer);
}

void thread_free(void *pointer)
{
	size_t chunk, class;
	struct cache *cache;

	if (!pointer)
		return;
	/* What the block may hold, rounded down to a class: it may be more than was asked for. */
	chunk = chunk_size(pointer);
	class = chunk <= FINE ? chunk / UNIT : chunk <= MOST ? wide_class(chunk + 1) - 1 : CLASSES;
	if (class >= CLASSES || class < 2 || !caches) {
		free_at_once(pointer);
		return;
	}
	cache = my_cache();
	push(cache, class, pointer);
	if (__builtin_expect(cache->count[class] > 3u * batches[class], 0))
		give_back(cache, class, batches[class]);
}
