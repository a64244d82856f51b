/* SPDX-License-Identifier: MIT */
/*
 * The heap: memory malloc MIB      one block of that size, written and read back throughout
 *           memory all             every byte that there is, checked for being there once only
 *           memory too-much        more than there is: NULL, and all goes on
 *           memory guard           second addresses between unmapped pages, until there are no more
 */
#include <baremetal/memory.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static int fail(const char *what)
{
	printf("failed: %s\n", what);
	return 1;
}

static int check_malloc(uint64_t mib)
{
	uint64_t words = mib * MIB / 8;
	volatile uint64_t *block = malloc(mib * MIB);
	if (!block)
		return fail("malloc gives NULL");
	if ((uintptr_t)block % 16)
		return fail("not aligned");
	/* Up to 64 MiB each word; beyond, one in each 2 MiB, and the ends. */
	uint64_t step = mib <= 64 ? 1 : MIB / 4 + 1;
	for (uint64_t i = 0; i < words; i += step)
		block[i] = i * 3;
	block[words - 1] = 42;
	for (uint64_t i = 0; i < words - 1; i += step)
		if (block[i] != i * 3)
			return fail("a word has changed");
	if (block[words - 1] != 42)
		return fail("the last word has changed");
	free((void *)block);
	block = malloc(mib * MIB);
	if (!block)
		return fail("malloc after free gives NULL");
	return 0;
}

static int check_all(void)
{
	struct bm_memory_info info;
	bm_memory_info(&info);
	printf("machine %llu KiB, heap up to %llu KiB, used %llu KiB\n",
	       (unsigned long long)info.machine >> 10, (unsigned long long)info.heap_limit >> 10,
	       (unsigned long long)info.heap_used >> 10);
	bm_memory_info(&info); /* printf() has taken a buffer since */
	if (info.heap_limit > info.machine || info.heap_limit < info.machine / 4 * 3)
		return fail("the heap is not what the machine has");
	if (bm_memory_grow(INTPTR_MAX) || bm_memory_grow((intptr_t)info.heap_limit + 4096))
		return fail("more than the limit was given");
	char *old = bm_memory_grow(0);
	if (old != (char *)info.heap_start + info.heap_used)
		return fail("the end is not where the info says");
	uint64_t size = 0;
	/* Tables for the mapping come out of the same memory: take what there is, in halving steps.
	 */
	for (uint64_t step = UINT64_C(1) << 40; step >= 4096; step /= 2)
		while (bm_memory_grow((intptr_t)step))
			size += step;
	printf("took %llu KiB\n", (unsigned long long)size >> 10);
	if (size < (info.heap_limit - info.heap_used) / 100 * 98)
		return fail("less than 98 % of the limit could be taken");

	/* Each 64 KiB gets its own number: memory that is mapped twice would show. */
	uint64_t step = size > 512 * MIB ? MIB : 65536;
	uint64_t low = UINT64_MAX, high = 0;
	for (uint64_t at = 0; at + 8 <= size; at += step)
		memcpy(old + at, &at, 8);
	for (uint64_t at = 0; at + 8 <= size; at += step) {
		uint64_t number, physical, next;
		memcpy(&number, old + at, 8);
		if (number != at)
			return fail("one place has two addresses");
		if (bm_phys(old + at, &physical))
			return fail("bm_phys() knows no address");
		if (bm_phys(old + at + 5, &next) || next != physical + 5)
			return fail("bm_phys() is wrong within a page");
		low = physical < low ? physical : low;
		high = physical > high ? physical : high;
	}
	printf("physical %#llx to %#llx\n", (unsigned long long)low, (unsigned long long)high);
	uint64_t none;
	if (bm_phys(NULL, &none) != -BM_EFAULT)
		return fail("bm_phys(NULL)");
	/* And back. */
	if (!bm_memory_grow(-(intptr_t)size) || bm_memory_grow(0) != old)
		return fail("giving back");
	return 0;
}

static int check_too_much(void)
{
	struct bm_memory_info info;
	bm_memory_info(&info);
	errno = 0;
	if (malloc(info.heap_limit + MIB) || errno != ENOMEM)
		return fail("malloc beyond all memory");
	errno = 0;
	if (malloc(SIZE_MAX - 100) || errno != ENOMEM)
		return fail("malloc of nearly all addresses");
	if (calloc(SIZE_MAX / 2, 4))
		return fail("calloc that overflows");
	/* Until it is all gone; then the rest of the program still works. */
	unsigned count = 0;
	void *last = NULL;
	for (void **block; (block = malloc(MIB)); count++) {
		*block = last;
		last = block;
	}
	if (count < info.heap_limit / MIB / 4 * 3)
		return fail("malloc gave too little");
	while (last) {
		void *next = *(void **)last;
		free(last);
		last = next;
	}
	if (!malloc(MIB))
		return fail("nothing after all was freed");
	printf("%u MiB in all\n", count);
	return 0;
}

/* Until there is no memory for page tables: what does not fit leaves nothing behind. */
static int check_guard(void)
{
	const size_t size = 5 * MIB;
	char *block = aligned_alloc(4096, size), *last = NULL, *next;
	uint64_t physical, behind;
	unsigned count = 0;
	if (!block)
		return fail("no block");
	for (; (next = bm_memory_guard(block, size)); last = next, count++)
		if (last && next < last + size + 4096)
			return fail("no unmapped page between");
	if (count < 100)
		return fail("too few second addresses");
	if (bm_phys(last + size - 1, &physical) || bm_phys(block + size - 1, &behind) ||
	    physical != behind)
		return fail("the last one is other memory");
	for (int i = 0; i < 3; i++) {
		for (size_t at = 0; at < size + 4 * 4096; at += 4096)
			if (!bm_phys(last + size + at, &physical))
				return fail("a refused one is mapped");
		if (bm_memory_guard(block, size))
			return fail("there was memory again");
	}
	if (bm_memory_guard(block, 0) || bm_memory_guard(block + 1, 4096) ||
	    bm_memory_guard(block, 100) || bm_memory_guard((void *)0x1000, 4096))
		return fail("not in the window, and given");
	printf("%u times\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "malloc") && argc > 2)
		return check_malloc(strtoull(argv[2], NULL, 10));
	if (!strcmp(what, "all"))
		return check_all();
	if (!strcmp(what, "too-much"))
		return check_too_much();
	if (!strcmp(what, "guard"))
		return check_guard();
	return fail("no such test");
}
