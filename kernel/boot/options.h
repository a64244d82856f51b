/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own words of the command line (bm.…), applied.
 */
#ifndef KERNEL_BOOT_OPTIONS_H
#define KERNEL_BOOT_OPTIONS_H

#include <stdint.h>
#include "boot/boot_info.h"
#include "boot/command_line.h"
#include "boot/modules.h"

struct options {
	uint64_t stack_size;      /* bm.stack=, bytes; 0: the default */
	uint32_t cores;           /* bm.cores=, at most so many; 0: all */
	const char *command_line; /* the loader's, unsplit; a copy */
};

/*
 * Copy the image's and the loader's command lines, split them into *line, and
 * apply the kernel's words. A line that cannot be used is refused.
 */
void options_read(const struct boot_info *info, const struct modules *modules,
		  struct command_line *line, struct options *options);

#endif
