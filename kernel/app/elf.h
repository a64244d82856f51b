/* SPDX-License-Identifier: MIT */
/*
 * Checking an app's ELF file (System V ABI, gABI chapters 4 and 5). No hardware:
 * runs on the host under the fuzzer. The loader uses only what is found here.
 */
#ifndef KERNEL_APP_ELF_H
#define KERNEL_APP_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8
#define ELF_SPAN_MAX     0x100000000ul /* 4 GiB: the largest image in memory */

/* One PT_LOAD, checked: inside the file, ascending, on pages of its own. */
struct elf_segment {
	uint64_t address;     /* from the image's base */
	uint64_t memory_size; /* bytes, at least 1 */
	uint64_t file_offset; /* equal to address modulo 4096 */
	uint64_t file_size;   /* bytes, at most memory_size */
	bool write, execute;  /* never both */
	bool file_pages_own; /* no other segment has bytes on its file pages: may be mapped in place
			      */
};

struct elf_image {
	size_t segment_count;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	uint64_t span;  /* bytes from the base to the end of the last segment, whole pages */
	uint64_t entry; /* in an executable segment */
	uint64_t
	    relocations; /* address of the R_X86_64_RELATIVE table, in the file part of a segment */
	uint64_t relocation_count;
	uint64_t relro, relro_size; /* whole pages to make read-only; size 0: none */
};

/* One entry of the relocation table. */
struct elf_relocation {
	uint64_t offset;
	uint64_t info;
	int64_t addend;
};
#define ELF_RELATIVE 8 /* R_X86_64_RELATIVE */

/*
 * Check a whole file. Returns NULL and fills *image, or a clause that says what is
 * wrong. Reads nothing outside of the file.
 */
const char *elf_check(const uint8_t *file, uint64_t size, struct elf_image *image);

/* The writable segment that holds all of [address, address + size), or NULL. */
const struct elf_segment *elf_writable(const struct elf_image *image, uint64_t address,
				       uint64_t size);

#endif
