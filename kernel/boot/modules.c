/* SPDX-License-Identifier: MIT */
/*
 * Finding the modules: mapping, and sorting by content. Contract: modules.h.
 */
#include "boot/modules.h"
#include "console/log.h"
#include "console/panic.h"
#include "memory/page.h"

volatile struct bundle_slot bundle_slot __attribute__((section(".data")));

static void add(struct modules *modules, uint64_t physical, uint64_t size, bool in_bundle)
{
	const uint8_t *data = page_map_firmware(physical, size);
	if (!data)
		refuse("module at 0x%lx, %lu bytes: cannot be mapped", physical, size);
	struct module *place = NULL;
	switch (module_kind(data, size)) {
	case MODULE_APP:
		place = &modules->app;
		break;
	case MODULE_FILESYSTEM:
		place = &modules->filesystem;
		break;
	case MODULE_SYMBOLS:
		place = &modules->symbols;
		break;
	case MODULE_BUNDLE: {
		const char *error =
		    in_bundle ? "it lies inside another one" : bundle_check(data, size);
		if (error)
			refuse("bundle at 0x%lx: %s: make the image again", physical, error);
		const struct bundle_header *header = (const void *)data;
		if (header->args_size && !modules->args) {
			modules->args = (const char *)(header + 1);
			modules->args_size = header->args_size;
		}
		for (uint32_t i = 0; i < header->member_count; i++)
			add(modules, physical + header->members[i].offset, header->members[i].size,
			    true);
		return;
	}
	case MODULE_UNKNOWN: /* a program must not run without the files that it came with */
		refuse("module at 0x%lx, %lu bytes: neither an ELF program nor a tar archive with "
		       "files: make it again",
		       physical, size);
	}
	if (place->data)
		log_warning("module at 0x%lx: a second one of its kind, left out", physical);
	else
		*place = (struct module){physical, data, size};
}

void modules_find(const struct boot_info *info, struct modules *modules)
{
	for (size_t i = 0; i < info->module_count; i++)
		add(modules, info->modules[i].start, info->modules[i].size, false);
	if (bundle_slot.size)
		add(modules, bundle_slot.physical, bundle_slot.size, false);
}
