/* SPDX-License-Identifier: MIT */
/*
 * The app loader: maps the app's ELF file at a random base and enters it.
 */
#ifndef KERNEL_APP_LOADER_H
#define KERNEL_APP_LOADER_H

#include "boot/command_line.h"
#include "boot/modules.h"

/*
 * Load and run. Never returns: the app ends through the API. What cannot be
 * loaded is refused with a sentence (console/panic.h).
 * stack_size: bytes of the main stack, 0 for the default.
 */
_Noreturn void app_start(const struct modules *modules, struct command_line *line,
			 uint64_t stack_size);

#endif
