/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told us, in one form for multiboot2 and PVH.
 *
 * Filled by multiboot2.c or pvh.c, which check everything they read; the rest of
 * the kernel sees only this. The parsers take a buffer and its size and touch
 * nothing else, so that they also run on the host under the fuzzers.
 */
#ifndef KERNEL_BOOT_BOOT_INFO_H
#define KERNEL_BOOT_BOOT_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_RANGES_MAX  128 /* entries of the firmware's memory map that are kept */
#define BOOT_MODULES_MAX 8

/* One physical range. */
struct boot_range {
	uint64_t start;
	uint64_t size;
};

/* A linear framebuffer with direct RGB colour. */
struct boot_framebuffer {
	uint64_t phys;                  /* 0: there is none */
	uint32_t width, height;         /* pixels */
	uint32_t pitch;                 /* bytes from one line to the next */
	uint8_t bits_per_pixel;         /* 16, 24 or 32 */
	uint8_t red_position, red_size; /* bits */
	uint8_t green_position, green_size;
	uint8_t blue_position, blue_size;
};

struct boot_info {
	uint32_t protocol;        /* enum bm_boot_protocol */
	uint64_t command_line;    /* physical address, 0 if none */
	size_t command_line_size; /* bytes without the zero */
	bool command_line_cut;    /* it was longer than we take */
	char loader_name[32];
	uint64_t rsdp; /* physical address of ACPI's RSDP, 0 if not given */
	bool efi;      /* the firmware is UEFI */
	bool vga_text; /* the screen is in VGA text mode 3 */
	struct boot_framebuffer framebuffer;
	size_t range_count; /* RAM that the firmware calls usable, unsorted */
	struct boot_range ranges[BOOT_RANGES_MAX];
	bool ranges_cut;    /* the map had more usable entries than are kept */
	bool ranges_beyond; /* some of it lies beyond what can be mapped: main.c */
	size_t module_count;
	struct boot_range modules[BOOT_MODULES_MAX];
	struct boot_range loader_data; /* the loader's own structures: not free */
	const char *error;             /* a sentence if the data was unusable, else NULL */
};

#endif
