/* SPDX-License-Identifier: MIT */
/* kernel/console/symbols.c: names found, and broken tables refused. */
#include "check.h"
#include "console/log.h"
#include "console/panic.h"
#include "console/symbols.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x8012345000ul
#define SIZE 0x10000ul

static int warnings;

void log_line(int level, const char *format, ...)
{
	(void)format;
	warnings += level == BM_LOG_WARNING;
}

/* Kernel: start (no size), main. App: _start, work, and an entry whose name lies outside. */
static const struct {
	struct symbols_header header;
	struct symbols_entry entries[5];
	char names[24];
} good = {
    {SYMBOLS_MAGIC, 2, 3, 23, 0},
    {{0x100000, 0, 0}, {0x100100, 0x80, 6}, {0x100, 0x10, 11}, {0x200, 0x40, 18}, {0x300, 16, 23}},
    "start\0main\0_start\0work",
};
#define GOOD_SIZE (sizeof good - 1) /* as names_size says */

static bool named(uint64_t address, const char *name, uint32_t offset)
{
	struct symbol symbol;
	return symbols_find(address, &symbol) && !strcmp(symbol.name, name) &&
	       symbol.offset == offset;
}

int main(void)
{
	struct symbol symbol;

	symbols_init(NULL, 0, BASE, SIZE);
	CHECK(!symbols_find(0x100100, &symbol) && warnings == 0);
	CHECK(symbols_app_base == BASE && symbols_app_size == SIZE);

	char *module = malloc(GOOD_SIZE); /* exact, so that a read past it is seen */
	memcpy(module, &good, GOOD_SIZE);
	symbols_init(module, GOOD_SIZE, BASE, SIZE);
	CHECK(warnings == 0);
	CHECK(named(0x100000, "start", 0) && named(0x1000ff, "start", 0xff));
	CHECK(named(0x100100, "main", 0) && named(0x10017f, "main", 0x7f));
	CHECK(named(BASE + 0x100, "_start", 0) && named(BASE + 0x23f, "work", 0x3f));
	const uint64_t nameless[] = {0,           0xfffff,      0x100180,     BASE,
				     BASE + 0xff, BASE + 0x110, BASE + 0x240, BASE + 0x300,
				     BASE - 1,    BASE + SIZE,  UINT64_MAX};
	for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
		CHECK(!symbols_find(nameless[i], &symbol));

	/* Every shorter size is refused, and leaves no names. */
	for (size_t size = 0; size < GOOD_SIZE; size++) {
		char *cut = malloc(size ? size : 1);
		memcpy(cut, &good, size);
		warnings = 0;
		symbols_init(cut, size, BASE, SIZE);
		CHECK(warnings == 1 && !symbols_find(0x100100, &symbol));
		free(cut);
	}

	/* Lying counts, another version. */
	static const struct {
		size_t offset;
		uint32_t value;
	} lies[] = {{0, 0},           {8, 3},   {8, UINT32_MAX},  {12, 4},
		    {12, UINT32_MAX}, {16, 24}, {16, UINT32_MAX}, {20, 1}};
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		memcpy(module, &good, GOOD_SIZE);
		memcpy(module + lies[i].offset, &lies[i].value, 4);
		warnings = 0;
		symbols_init(module, GOOD_SIZE, BASE, SIZE);
		CHECK(warnings == 1 && !symbols_find(0x100100, &symbol));
	}

	/* A last name without its zero. */
	memcpy(module, &good, GOOD_SIZE);
	((struct symbols_header *)module)->names_size = 22;
	warnings = 0;
	symbols_init(module, GOOD_SIZE - 1, BASE, SIZE);
	CHECK(warnings == 1 && !symbols_find(BASE + 0x200, &symbol));
	free(module);
	return failures != 0;
}
