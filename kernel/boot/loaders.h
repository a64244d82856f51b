/* SPDX-License-Identifier: MIT */
/*
 * The two loaders' data, parsed into struct boot_info.
 *
 * Both parsers reach memory only through `map`, which returns `size` readable
 * bytes at a physical address, or NULL; on the host the tests supply it. Data
 * that makes no sense ends in boot_info.error, a sentence; what was understood
 * until then is kept, so that the screens can show it.
 */
#ifndef KERNEL_BOOT_LOADERS_H
#define KERNEL_BOOT_LOADERS_H

#include "boot/boot_info.h"

typedef const void *boot_map(uint64_t physical, uint64_t size);

/* Multiboot2 specification 2.0, section 3.6. */
void multiboot2_parse(uint64_t physical, boot_map *map, struct boot_info *info);

/* Xen's x86/HVM direct boot ABI: struct hvm_start_info. */
void pvh_parse(uint64_t physical, boot_map *map, struct boot_info *info);

/* For both: keep a range of RAM, a module. */
void boot_add_range(struct boot_info *info, uint64_t start, uint64_t size);
void boot_add_module(struct boot_info *info, uint64_t start, uint64_t size);

#endif
