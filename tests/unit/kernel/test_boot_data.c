/* SPDX-License-Identifier: MIT */
/*
 * multiboot2 and PVH data, good and bad, into struct boot_info.
 */
#include "boot/boot_info.c"
#include "boot/multiboot2.c"
#define memory_map_entry pvh_memory_map_entry
#include "boot/pvh.c"
#include "unit.h"
#include <string.h>

#define BASE 0x9000ul

/* Physical memory: this buffer at BASE, nothing else. */
static _Alignas(16) uint8_t memory[0x21000];
static size_t used;

static const void *map(uint64_t physical, uint64_t size)
{
	if (physical < BASE || physical - BASE > used || size > used - (physical - BASE))
		return NULL;
	return memory + (physical - BASE);
}

static void start(void)
{
	memset(memory, 0xee, sizeof memory);
	used = 8;
}

/* Append one multiboot2 tag; `size` may lie. */
static void tag_sized(uint32_t type, const void *content, size_t length, uint32_t size)
{
	memcpy(memory + used, &type, 4);
	memcpy(memory + used + 4, &size, 4);
	if (length)
		memcpy(memory + used + 8, content, length);
	used += (8 + length + 7) & ~7ul;
}

static void tag(uint32_t type, const void *content, size_t length)
{
	tag_sized(type, content, length, 8 + (uint32_t)length);
}

static struct boot_info parse(void)
{
	struct boot_info info = {0};
	uint32_t total = (uint32_t)used;
	memcpy(memory, &total, 4);
	multiboot2_parse(BASE, map, &info);
	return info;
}

static void add_memory_map(uint32_t entry_size)
{
	uint8_t content[8 + 3 * 32] = {0};
	const uint64_t entries[3][3] = {
	    {0, 0x9f000, 1}, {0xf0000, 0x10000, 2}, {0x100000, 0x7f00000, 1}};
	memcpy(content, &entry_size, 4);
	for (size_t i = 0; i < 3; i++)
		memcpy(content + 8 + i * entry_size, entries[i], sizeof entries[i]);
	tag(TAG_MEMORY_MAP, content, 8 + 3 * entry_size);
}

static void test_multiboot2(void)
{
	const uint32_t module[] = {0x200000, 0x201234};
	char rsdp[36] = "RSD PTR ";

	start();
	tag(TAG_COMMAND_LINE, "first, longer one", 18);
	tag(TAG_COMMAND_LINE, "hello", 6);
	tag(TAG_LOADER_NAME, "a loader with a name beyond thirty-two bytes", 45);
	tag(TAG_MODULE, module, sizeof module);
	add_memory_map(24);
	tag(TAG_ACPI_NEW, rsdp, 36);
	size_t rsdp_at = used - 40 + 0;
	tag(TAG_ACPI_OLD, rsdp, 20);
	tag(99, "unknown", 7);
	tag(TAG_END, NULL, 0);
	struct boot_info info = parse();
	CHECK(!info.error);
	CHECK(info.protocol == BM_BOOT_MULTIBOOT2);
	CHECK(info.command_line_size == 5);
	CHECK(info.command_line && !memcmp(map(info.command_line, 6), "hello", 6));
	CHECK(strlen(info.loader_name) == 31);
	CHECK(info.module_count == 1 && info.modules[0].start == 0x200000 &&
	      info.modules[0].size == 0x1234);
	CHECK(info.range_count == 2 && info.ranges[1].size == 0x7f00000);
	CHECK(info.rsdp == BASE + rsdp_at);
	CHECK(info.vga_text && !info.efi && !info.framebuffer.phys);
	CHECK(info.loader_data.start == BASE && info.loader_data.size == used);

	/* Entries larger than we know (32 bytes) are stepped over by their own size. */
	start();
	add_memory_map(32);
	tag(TAG_EFI64, rsdp, 8);
	tag(TAG_END, NULL, 0);
	info = parse();
	CHECK(!info.error && info.range_count == 2 && info.ranges[1].start == 0x100000);
	CHECK(info.efi && !info.vga_text);
}

static void test_multiboot2_bad(void)
{
	static const uint32_t sizes[] = {0, 1, 7, 0x40000000, 0x7fffffff, 0xfffffff8, 0xffffffff};
	struct boot_info info;

	/* A tag whose size is less than its header, or beyond the end. */
	for (size_t type = 1; type < 20; type++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			start();
			tag_sized((uint32_t)type, "abcdefgh", 8, sizes[i]);
			tag(TAG_END, NULL, 0);
			info = parse();
			CHECK(info.error);
		}
	/* Memory map entries of an absurd size, 0 above all: no endless loop. */
	static const uint32_t steps[] = {0, 1, 8, 23, 25, 0xfffffff8, 0xffffffff};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		uint8_t content[56] = {0};
		start();
		memcpy(content, &steps[i], 4);
		tag(TAG_MEMORY_MAP, content, sizeof content);
		tag(TAG_END, NULL, 0);
		CHECK(parse().error);
	}
	/* A module that ends before it starts, and one too many. */
	const uint32_t backwards[] = {0x300000, 0x200000}, module[] = {0x200000, 0x201000};
	start();
	tag(TAG_MODULE, backwards, 8);
	CHECK(parse().error);
	start();
	add_memory_map(24);
	for (size_t i = 0; i < BOOT_MODULES_MAX; i++)
		tag(TAG_MODULE, module, 8);
	CHECK(!parse().error);
	tag(TAG_MODULE, module, 8);
	info = parse();
	CHECK(info.error && info.module_count == BOOT_MODULES_MAX);
	/* No end tag: the total size ends it. */
	start();
	add_memory_map(24);
	tag(TAG_COMMAND_LINE, "x", 1); /* not terminated either */
	info = parse();
	CHECK(!info.error && info.command_line_size == 1);
	/* No memory map; but what was wrong before that is what is said. */
	start();
	tag(TAG_END, NULL, 0);
	info = parse();
	CHECK(info.error && strstr(info.error, "no memory map"));
	start();
	tag(TAG_MODULE, backwards, 8);
	tag(TAG_END, NULL, 0);
	info = parse();
	CHECK(info.error && strstr(info.error, "module"));
	/* An address that is not mapped or not aligned, a total that is a lie. */
	info = (struct boot_info){0};
	multiboot2_parse(0, map, &info);
	CHECK(info.error);
	info = (struct boot_info){0};
	multiboot2_parse(BASE + 4, map, &info);
	CHECK(info.error);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		start();
		tag(TAG_END, NULL, 0);
		memcpy(memory, &sizes[i], 4);
		info = (struct boot_info){0};
		multiboot2_parse(BASE, map, &info);
		CHECK(info.error);
	}
	/* More usable ranges than are kept. */
	static uint8_t many[8 + 24 * (BOOT_RANGES_MAX + 5)];
	many[0] = 24;
	for (size_t i = 0; i < BOOT_RANGES_MAX + 5; i++) {
		uint64_t entry[3] = {i << 20, 0x1000, 1};
		memcpy(many + 8 + 24 * i, entry, 24);
	}
	start();
	tag(TAG_MEMORY_MAP, many, sizeof many);
	info = parse();
	CHECK(info.ranges_cut && info.range_count == BOOT_RANGES_MAX);
}

static struct start_info *pvh_start(void)
{
	static const struct start_module module = {.start = 0x200000, .size = 0x3000};
	static const struct pvh_memory_map_entry ram[] = {
	    {0, 0x9fc00, 1, 0}, {0x9fc00, 0x400, 2, 0}, {0x100000, 0x7f00000, 1, 0}};
	struct start_info *info = (void *)memory;

	memset(memory, 0xee, sizeof memory);
	used = 0x1000;
	*info = (struct start_info){.magic = PROTOCOL_PVH,
				    .version = 1,
				    .module_count = 1,
				    .modules = BASE + 0x100,
				    .command_line = BASE + 0x200,
				    .rsdp = 0xf5a00,
				    .memory_map = BASE + 0x300,
				    .memory_map_count = 3};
	memcpy(memory + 0x100, &module, sizeof module);
	memcpy(memory + 0x200, "a b", 4);
	memcpy(memory + 0x300, ram, sizeof ram);
	return info;
}

static struct boot_info pvh(void)
{
	struct boot_info info = {0};
	pvh_parse(BASE, map, &info);
	return info;
}

static void test_pvh(void)
{
	struct start_info *raw = pvh_start();
	struct boot_info info = pvh();
	CHECK(!info.error && info.protocol == BM_BOOT_PVH && info.rsdp == 0xf5a00);
	CHECK(info.command_line == BASE + 0x200 && info.command_line_size == 3);
	CHECK(info.module_count == 1 && info.modules[0].size == 0x3000);
	CHECK(info.range_count == 2 && info.ranges[1].start == 0x100000);

	/* A line of 64 KiB, over page borders; then one that never ends. */
	raw->command_line = BASE + 0x400;
	used = 0x20400;
	memset(memory + 0x400, 'x', 0x20000);
	memory[0x400 + 0x10000] = 0;
	CHECK(pvh().command_line_size == 0x10000);
	memory[0x400 + 0x10000] = 'x';
	info = pvh();
	CHECK(info.command_line_size <= COMMAND_LINE_SCAN + PAGE);
	raw = pvh_start();
	raw->command_line = 0xfffffffffffff000;
	CHECK(pvh().command_line_size == 0);

	static const uint64_t nowhere[] = {0,         1, BASE - 1, BASE + 0xff8, 0x7fffffffffff,
					   UINT64_MAX};
	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		raw = pvh_start();
		raw->modules = nowhere[i];
		CHECK(pvh().error);
		raw = pvh_start();
		raw->memory_map = nowhere[i];
		CHECK(pvh().error);
		info = (struct boot_info){0};
		pvh_parse(nowhere[i], map, &info);
		CHECK(info.error);
	}
	raw = pvh_start();
	raw->module_count = BOOT_MODULES_MAX + 1;
	CHECK(pvh().error);
	raw = pvh_start();
	raw->memory_map_count = 0;
	CHECK(pvh().error);
	static const uint32_t counts[] = {4097, 0x08000000, 0x10000000, 0x80000000, 0xffffffff};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		raw = pvh_start();
		raw->module_count = counts[i];
		CHECK(pvh().error);
		raw = pvh_start();
		raw->memory_map_count = counts[i];
		CHECK(pvh().error);
	}
	raw = pvh_start();
	raw->version = 0; /* has no memory map */
	CHECK(pvh().error);
	raw = pvh_start();
	raw->magic++;
	CHECK(pvh().error);
	/* A module without bytes, or around the end of all addresses. */
	raw = pvh_start();
	memset(memory + 0x108, 0, 8);
	CHECK(pvh().error);
	raw = pvh_start();
	memset(memory + 0x100, 0xff, 8);
	CHECK(pvh().error);
}

int main(void)
{
	test_multiboot2();
	test_multiboot2_bad();
	test_pvh();
	return unit_status();
}
