/* SPDX-License-Identifier: MIT */
/*
 * What must hold of any struct boot_info, whatever the loader said.
 */
#ifndef TESTS_FUZZ_BOOT_INFO_CHECK_H
#define TESTS_FUZZ_BOOT_INFO_CHECK_H

#include "boot/boot_info.h"
#include "memory.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			__builtin_trap();                                                          \
	} while (0)

static void boot_info_check(const struct boot_info *info)
{
	REQUIRE(info->range_count <= BOOT_RANGES_MAX);
	REQUIRE(info->module_count <= BOOT_MODULES_MAX);
	REQUIRE(memchr(info->loader_name, 0, sizeof info->loader_name));
	for (size_t i = 0; i < info->module_count; i++) {
		REQUIRE(info->modules[i].size);
		REQUIRE(info->modules[i].start + info->modules[i].size > info->modules[i].start);
	}
	/* What the kernel reads later is where the parser has looked. */
	if (info->command_line_size)
		REQUIRE(fuzz_map(info->command_line, info->command_line_size));
	fuzz_unmap();
}

#endif
