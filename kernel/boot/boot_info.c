/* SPDX-License-Identifier: MIT */
/*
 * What both parsers share: filling the lists of struct boot_info.
 */
#include "boot/loaders.h"

void boot_add_range(struct boot_info *info, uint64_t start, uint64_t size)
{
	if (info->range_count == BOOT_RANGES_MAX) {
		info->ranges_cut = true;
		return;
	}
	info->ranges[info->range_count++] = (struct boot_range){start, size};
}

void boot_add_module(struct boot_info *info, uint64_t start, uint64_t size)
{
	if (!size || size > UINT64_MAX - start)
		info->error = "the boot loader gave a module without a valid size";
	else if (info->module_count == BOOT_MODULES_MAX)
		info->error = "the boot loader gave more modules than 8: put them into one bundle";
	else
		info->modules[info->module_count++] = (struct boot_range){start, size};
}
