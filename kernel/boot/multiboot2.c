/* SPDX-License-Identifier: MIT */
/*
 * Multiboot2 boot information (specification 2.0, section 3.6). Contract: loaders.h.
 */
#include "boot/loaders.h"
#include <baremetal/system.h>

#define INFO_SIZE_MAX 0x100000 /* bytes; GRUB's is a few KiB */

/* Section 3.6.1: the fixed part, then tags, each 8-byte aligned. */
struct info_header {
	uint32_t total_size;
	uint32_t reserved;
};

enum tag_type {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_LOADER_NAME = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_EFI64 = 12,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
};

struct tag {
	uint32_t type;
	uint32_t size; /* with this header, without padding */
};

struct tag_module { /* 3.6.6 */
	struct tag tag;
	uint32_t start, end;
};

struct tag_memory_map { /* 3.6.8 */
	struct tag tag;
	uint32_t entry_size, entry_version;
};

struct memory_map_entry {
	uint64_t start, size;
	uint32_t type, reserved;
};
#define MEMORY_AVAILABLE 1

struct tag_framebuffer { /* 3.6.12 */
	struct tag tag;
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bits_per_pixel, type;
	uint16_t reserved;
	uint8_t red_position, red_size, green_position, green_size, blue_position, blue_size;
} __attribute__((packed));
enum { FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT = 2 };

_Static_assert(sizeof(struct tag_module) == 16, "loader's layout");
_Static_assert(sizeof(struct memory_map_entry) == 24, "loader's layout");
_Static_assert(sizeof(struct tag_framebuffer) == 38, "loader's layout");

static void parse_memory_map(const struct tag_memory_map *map, struct boot_info *info)
{
	uint32_t step = map->entry_size;
	if (step < sizeof(struct memory_map_entry) || step % 8 || step > 4096) {
		info->error = "the boot loader's memory map has entries of an unknown size";
		return;
	}
	const uint8_t *entry = (const uint8_t *)(map + 1);
	for (uint32_t left = map->tag.size - sizeof *map; left >= step;
	     left -= step, entry += step) {
		const struct memory_map_entry *e = (const void *)entry;
		if (e->type == MEMORY_AVAILABLE)
			boot_add_range(info, e->start, e->size);
	}
}

static void parse_framebuffer(const struct tag_framebuffer *tag, struct boot_info *info)
{
	if (tag->type == FRAMEBUFFER_TEXT)
		info->vga_text = true;
	if (tag->type != FRAMEBUFFER_RGB || tag->tag.size < sizeof *tag)
		return;
	info->framebuffer = (struct boot_framebuffer){
	    .phys = tag->address,
	    .width = tag->width,
	    .height = tag->height,
	    .pitch = tag->pitch,
	    .bits_per_pixel = tag->bits_per_pixel,
	    .red_position = tag->red_position,
	    .red_size = tag->red_size,
	    .green_position = tag->green_position,
	    .green_size = tag->green_size,
	    .blue_position = tag->blue_position,
	    .blue_size = tag->blue_size,
	};
}

/* Each tag's fixed part, so that no case below reads past its end. */
static uint32_t smallest(uint32_t type)
{
	switch (type) {
	case TAG_MODULE:
		return sizeof(struct tag_module);
	case TAG_MEMORY_MAP:
		return sizeof(struct tag_memory_map);
	case TAG_FRAMEBUFFER:
		return __builtin_offsetof(struct tag_framebuffer, red_position);
	default:
		return sizeof(struct tag);
	}
}

void multiboot2_parse(uint64_t physical, boot_map *map, struct boot_info *info)
{
	info->protocol = BM_BOOT_MULTIBOOT2;
	const struct info_header *header = map(physical, sizeof *header);
	uint32_t total = header ? header->total_size : 0;
	if (physical % 8 || total < sizeof *header || total > INFO_SIZE_MAX ||
	    !(header = map(physical, total))) {
		info->error = "the boot loader's multiboot2 information is not readable";
		return;
	}
	info->loader_data = (struct boot_range){physical, total};

	bool screen_known = false, memory_known = false;
	uint32_t left = total - sizeof *header;
	const uint8_t *at = (const uint8_t *)(header + 1);
	while (left >= sizeof(struct tag)) {
		const struct tag *tag = (const void *)at;
		uint64_t place = physical + (uint64_t)(at - (const uint8_t *)header) + sizeof *tag;
		uint32_t size = tag->size;
		if (tag->type == TAG_END)
			break;
		if (size > left || size < smallest(tag->type)) {
			info->error = "the boot loader's multiboot2 information is damaged";
			break;
		}
		uint32_t content = size - sizeof *tag;
		const char *text = (const char *)(tag + 1);

		switch (tag->type) {
		case TAG_COMMAND_LINE:
			info->command_line = place;
			info->command_line_size = 0;
			while (info->command_line_size < content && text[info->command_line_size])
				info->command_line_size++;
			break;
		case TAG_LOADER_NAME:
			for (uint32_t i = 0; i < content && i < sizeof info->loader_name - 1; i++)
				info->loader_name[i] = text[i];
			break;
		case TAG_MODULE: {
			const struct tag_module *m = (const void *)tag;
			boot_add_module(info, m->start, m->end > m->start ? m->end - m->start : 0);
			break;
		}
		case TAG_MEMORY_MAP:
			memory_known = true;
			parse_memory_map((const void *)tag, info);
			break;
		case TAG_FRAMEBUFFER:
			screen_known = true;
			parse_framebuffer((const void *)tag, info);
			break;
		case TAG_EFI64:
			info->efi = true;
			break;
		case TAG_ACPI_OLD: /* a copy of the RSDP itself; the newer one wins */
			if (!info->rsdp && content >= 20)
				info->rsdp = place;
			break;
		case TAG_ACPI_NEW:
			if (content >= 36)
				info->rsdp = place;
			break;
		}
		uint32_t step = (size + 7) & ~7u;
		if (step > left)
			break;
		at += step;
		left -= step;
	}
	if (!memory_known && !info->error)
		info->error = "the boot loader gave no memory map";
	if (!screen_known)
		info->vga_text = !info->efi;
}
