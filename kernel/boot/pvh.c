/* SPDX-License-Identifier: MIT */
/*
 * PVH start information: Xen's public interface arch-x86/hvm/start_info.h, as
 * QEMU, Firecracker and Cloud Hypervisor pass it. Contract: loaders.h.
 */
#include "boot/loaders.h"
#include "boot/protocol.h"
#include <baremetal/system.h>

#define COMMAND_LINE_SCAN 0x20000 /* bytes that are searched for the end of the line */
#define PAGE              4096u

/* Packed: the interface promises no alignment. */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, command_line, rsdp;
	uint64_t memory_map; /* from version 1 on */
	uint32_t memory_map_count, reserved;
} __attribute__((packed));

struct start_module {
	uint64_t start, size, command_line, reserved;
} __attribute__((packed));

struct memory_map_entry {
	uint64_t start, size;
	uint32_t type, reserved;
} __attribute__((packed));
#define MEMORY_RAM 1

_Static_assert(sizeof(struct start_info) == 56, "loader's layout");
_Static_assert(sizeof(struct start_module) == 32, "loader's layout");
_Static_assert(sizeof(struct memory_map_entry) == 24, "loader's layout");

/* The length of a zero-terminated string, page by page. */
static size_t string_size(uint64_t physical, boot_map *map)
{
	size_t size = 0;
	while (size < COMMAND_LINE_SCAN) {
		uint32_t chunk = PAGE - (physical + size) % PAGE;
		const char *text = map(physical + size, chunk);
		if (!text)
			break;
		for (uint32_t i = 0; i < chunk; i++, size++)
			if (!text[i])
				return size;
	}
	return size;
}

void pvh_parse(uint64_t physical, boot_map *map, struct boot_info *info)
{
	info->protocol = BM_BOOT_PVH;
	info->vga_text = true; /* if there is one: the console looks */
	const struct start_info *start = map(physical, sizeof *start);
	if (!start || start->magic != PROTOCOL_PVH) {
		info->error = "the loader's PVH start information is not readable (or the command "
			      "line is too long for this loader)";
		return;
	}
	info->loader_data = (struct boot_range){physical, sizeof *start};
	info->rsdp = start->rsdp;
	if (start->command_line) {
		info->command_line = start->command_line;
		info->command_line_size = string_size(start->command_line, map);
	}

	const struct start_module *modules = NULL;
	if (start->module_count && start->module_count <= BOOT_MODULES_MAX)
		modules = map(start->modules, start->module_count * sizeof *modules);
	if (start->module_count && !modules)
		info->error = "the loader's PVH module list is not readable or too long";
	for (uint32_t i = 0; modules && i < start->module_count; i++)
		boot_add_module(info, modules[i].start, modules[i].size);

	const struct memory_map_entry *memory = NULL;
	if (start->version >= 1 && start->memory_map_count && start->memory_map_count <= 4096)
		memory = map(start->memory_map, start->memory_map_count * sizeof *memory);
	if (!memory) {
		info->error =
		    "the loader gave no PVH memory map: a newer virtual machine monitor is "
		    "needed (QEMU 4.0 or later)";
		return;
	}
	for (uint32_t i = 0; i < start->memory_map_count; i++)
		if (memory[i].type == MEMORY_RAM)
			boot_add_range(info, memory[i].start, memory[i].size);
}
