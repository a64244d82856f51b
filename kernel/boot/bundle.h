/* SPDX-License-Identifier: MIT */
/*
 * A bundle: several modules in one file.
 *
 * A module is known by its content, not its name: "\x7fELF" is the app, a tar
 * archive the boot filesystem, SYMBOLS_MAGIC the symbols, BUNDLE_MAGIC this. A
 * bundle comes from one of three places, all read the same way:
 *   - a multiboot2 module or PVH's initrd;
 *   - inside the kernel's ELF file (`baremetal image -f elf`): the tool turns the
 *     kernel's spare program header (PT_NULL) into a PT_LOAD that holds it, and
 *     writes its physical address and size into `bundle_slot`, which it finds
 *     through the kernel's ELF note (name "BareMetal", type BUNDLE_NOTE: the
 *     slot's address as a 64-bit number).
 *
 * All numbers little-endian. Members start at multiples of 4096 from the
 * bundle's start, which is itself page-aligned in memory.
 */
#ifndef KERNEL_BOOT_BUNDLE_H
#define KERNEL_BOOT_BUNDLE_H

#include <stdint.h>

#define BUNDLE_MAGIC       "BMBUND01" /* 8 bytes, no zero */
#define BUNDLE_MEMBERS_MAX 8
#define BUNDLE_ARGS_MAX    3072 /* bytes */
#define BUNDLE_NOTE        2

struct bundle_member {
	uint64_t offset; /* from the bundle's start */
	uint64_t size;   /* bytes */
};

/* At the bundle's start; the image's own command line follows it, args_size bytes. */
struct bundle_header {
	char magic[8];
	uint32_t member_count;
	uint32_t args_size; /* bytes of command line after this header, no zero */
	struct bundle_member members[BUNDLE_MEMBERS_MAX];
};

/* Inside the kernel image; size 0 when there is no bundle in it. */
struct bundle_slot {
	uint64_t physical;
	uint64_t size;
};

_Static_assert(sizeof(struct bundle_header) == 16 + 16 * BUNDLE_MEMBERS_MAX, "file format");
_Static_assert(sizeof(struct bundle_slot) == 16, "file format");

#endif
