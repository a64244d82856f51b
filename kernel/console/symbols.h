/* SPDX-License-Identifier: MIT */
/*
 * The "symbols" module: function names of kernel and app, for backtraces.
 * Made by `baremetal image` from the symbol tables of kernel.elf and app.elf.
 *
 * All numbers little-endian. Tables are sorted by address, ascending.
 *
 *   offset 0   struct symbols_header
 *   then       struct symbols_entry[kernel_count]   addresses absolute
 *   then       struct symbols_entry[app_count]      addresses from the app's base
 *   then       names_size bytes of zero-terminated names
 */
#ifndef KERNEL_CONSOLE_SYMBOLS_H
#define KERNEL_CONSOLE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#define SYMBOLS_MAGIC "BMSYMS01" /* 8 bytes, no zero */

struct symbols_header {
	char magic[8];
	uint32_t kernel_count;
	uint32_t app_count;
	uint32_t names_size; /* bytes */
	uint32_t reserved;   /* 0 */
};

struct symbols_entry {
	uint32_t address; /* of the function */
	uint32_t size;    /* its bytes */
	uint32_t name;    /* offset in the names */
};

/* Where the app lies, as symbols_init() was told; size 0 before. */
extern uint64_t symbols_app_base, symbols_app_size;

_Static_assert(sizeof(struct symbols_header) == 24, "file format");
_Static_assert(sizeof(struct symbols_entry) == 12, "file format");

#endif
