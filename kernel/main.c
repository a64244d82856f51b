/* SPDX-License-Identifier: MIT */
/*
 * The boot, one line a step. entry.S calls kernel_main with paging on, on the
 * boot stack, with nothing mapped but the kernel itself.
 */
#include "app/api.h"
#include "app/loader.h"
#include "boot/loaders.h"
#include "boot/modules.h"
#include "boot/options.h"
#include "boot/protocol.h"
#include "console/console.h"
#include "console/log.h"
#include "console/panic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/interrupts.h"
#include "cpu/random.h"
#include "cpu/time.h"
#include "device/acpi.h"
#include "device/display.h"
#include "memory/layout.h"
#include "memory/page.h"
#include "memory/physical.h"

static struct boot_info boot_info;
static struct modules modules;
static struct command_line command_line;
static struct options options;

static void read_boot_info(uint32_t protocol, uint32_t address)
{
	if (protocol == PROTOCOL_MULTIBOOT2)
		multiboot2_parse(address, page_map_firmware, &boot_info);
	else if (protocol == PROTOCOL_PVH)
		pvh_parse(address, page_map_firmware, &boot_info);
	else
		boot_info.error =
		    "the boot loader speaks neither multiboot2 nor PVH: with GRUB, use "
		    "the command multiboot2";
}

/* The first thing that is wrong is what is said. */
static void unusable(const char *error)
{
	if (!boot_info.error)
		boot_info.error = error;
}

/*
 * Of the end of memory, what firmware keeps for itself, which is in no usable range. QEMU does not
 * know of all of it when it chooses the place of an initrd (SeaBIOS with an NVMe disk), and puts it
 * there when the firmware has run.
 */
#define FIRMWARE_MOST (1ul << 20)

/* A loader may write to where there is no memory: what it put there is lost. */
static void keep_module(uint64_t start, uint64_t size, uint64_t memory_end)
{
	if (start + size > memory_end && !boot_info.ranges_cut)
		unusable("not enough memory: the program or its files lie beyond its end: "
			 "give the machine more");
	physical_reserve(start, size);
}

static void find_free_memory(void)
{
	extern char kernel_image_start[], kernel_image_end[];
	uint64_t limit = page_physical_limit(), end = 0;
	if (limit > LAYOUT_RAM_LIMIT)
		limit = LAYOUT_RAM_LIMIT;
	boot_info.ranges_beyond = physical_init(boot_info.ranges, boot_info.range_count, limit);
	if (physical.count)
		end = physical.ranges[physical.count - 1].start +
		      physical.ranges[physical.count - 1].size;
	else
		unusable("the loader's memory map has no usable memory");
	physical_reserve(0, PAGE_SIZE);
	physical_reserve((uint64_t)kernel_image_start, kernel_image_end - kernel_image_start);
	physical_reserve(boot_info.loader_data.start, boot_info.loader_data.size);
	/* PVH's lies on its own, and is read once more. */
	physical_reserve(boot_info.command_line, boot_info.command_line_size);
	for (size_t i = 0; i < boot_info.module_count; i++)
		keep_module(boot_info.modules[i].start, boot_info.modules[i].size,
			    boot_info.protocol == BM_BOOT_PVH ? end + FIRMWARE_MOST : end);
	keep_module(bundle_slot.physical, bundle_slot.size, end);
}

/* What nothing can go on without. Screens are up, so that the sentence is seen. */
static void check_machine(void)
{
	if (boot_info.ranges_beyond)
		log_warning("memory map: what cannot be addressed is left out");
	if (boot_info.error)
		refuse("%s", boot_info.error);
	if (!cpu_features.nx)
		refuse("this processor has no NX (no-execute) bit, without which data could be "
		       "executed: enable it in the firmware, or use another processor (QEMU: -cpu "
		       "max)");
	if (boot_info.ranges_cut)
		log_warning("memory map: more than %u usable ranges, the rest is not used",
			    BOOT_RANGES_MAX);
}

_Noreturn void kernel_main(uint32_t protocol, uint32_t address, uint64_t tsc)
{
	cpu_init();
	interrupts_init();
	console_init_early();
	read_boot_info(protocol, address);
	find_free_memory();
	display_init(&boot_info);
	console_init(boot_info.vga_text, true);
	acpi_init(boot_info.rsdp, boot_info.protocol == BM_BOOT_MULTIBOOT2 && !boot_info.efi);
	time_init(tsc);
	check_machine();
	modules_find(&boot_info, &modules);
	options_read(&boot_info, &modules, &command_line, &options);
	core_init();
	core_start_all(options.cores);
	random_init();
	api_init(&boot_info, options.command_line, tsc);
	app_start(&modules, &command_line, options.stack_size);
}
