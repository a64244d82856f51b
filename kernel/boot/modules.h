/* SPDX-License-Identifier: MIT */
/*
 * The modules that came with the kernel, by their content. Formats: bundle.h.
 */
#ifndef KERNEL_BOOT_MODULES_H
#define KERNEL_BOOT_MODULES_H

#include <stddef.h>
#include <stdint.h>
#include "boot/boot_info.h"
#include "boot/bundle.h"

enum module_kind { MODULE_UNKNOWN, MODULE_APP, MODULE_FILESYSTEM, MODULE_SYMBOLS, MODULE_BUNDLE };

struct module {
	uint64_t physical;
	const uint8_t *data; /* mapped, read-only; NULL if there is none */
	uint64_t size;
};

struct modules {
	struct module app, filesystem, symbols;
	const char *args; /* the image's own command line, not terminated */
	size_t args_size;
};

/* What a module is. Reads at most `size` bytes. */
enum module_kind module_kind(const uint8_t *data, uint64_t size);

/* Check a bundle's header. Returns NULL, or a sentence that says what is wrong. */
const char *bundle_check(const uint8_t *data, uint64_t size);

/*
 * Sort the loader's modules and the kernel's own bundle. One that is broken or of no known kind
 * ends the boot: refuse(). A second of its kind is left out, with a warning.
 */
void modules_find(const struct boot_info *info, struct modules *modules);

/* Where the bundle inside the kernel's own file was loaded; size 0 if there is none. */
extern volatile struct bundle_slot bundle_slot;

#endif
