/* SPDX-License-Identifier: MIT */
/*
 * Loading: map each segment where the module lies, relocate, protect, enter.
 *
 * A segment's file pages are used in place, for the module's memory is the
 * app's own; only what lies beyond them (bss) takes new memory. A file linked
 * without the SDK's script, whose segments share file pages, is copied instead.
 */
#include "app/loader.h"
#include "app/api.h"
#include "app/elf.h"
#include "console/log.h"
#include "console/panic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/random.h"
#include "memory/heap.h"
#include "memory/layout.h"
#include "memory/page.h"
#include "memory/physical.h"
#include <string.h>

#define STACK_MIN   0x10000ul  /* 64 KiB */
#define STACK_MAX   0x800000ul /* 8 MiB: what programs written for Linux expect */
#define LARGE_PAGE  0x200000ul /* 2 MiB */
#define STACK_SHARE 16         /* of free memory, between the two */

static const char no_memory[] =
    "not enough memory for this program: it needs at least %lu KiB more";

static _Noreturn void refuse_program(const char *why)
{
	refuse(
	    "the program cannot be loaded: %s: build it with the flags of `pkg-config baremetal`, "
	    "and make the image with the same SDK",
	    why);
}

static uint64_t page_up(uint64_t size)
{
	return (size + PAGE_SIZE - 1) & -PAGE_SIZE;
}

/* New memory at an address of the app's: mapped, not zeroed. */
static void map_new(uint64_t virtual, uint64_t size)
{
	uint64_t physical = physical_take(size, virtual);
	if (!physical || page_map(virtual, physical, size, PAGE_WRITE))
		refuse(no_memory, size >> 10);
}

static void map_segment(const struct module *module, const struct elf_segment *s, uint64_t base)
{
	uint64_t start = base + (s->address & -PAGE_SIZE);
	uint64_t in_page = s->address % PAGE_SIZE;
	uint64_t whole = page_up(in_page + s->memory_size);
	uint64_t file_end = in_page + s->file_size;
	uint64_t in_place = page_up(file_end);
	uint64_t physical = module->physical + s->file_offset - in_page;

	unsigned rights = s->write ? PAGE_WRITE : s->execute ? PAGE_EXECUTE : PAGE_READ;

	/* In place, if the module lies on pages, and these are inside of it and this segment's
	 * alone. */
	bool own = s->file_pages_own && physical % PAGE_SIZE == 0 && s->file_size &&
		   page_up(s->file_offset + s->file_size) <= page_up(module->size);
	if (!own)
		in_place = 0;
	/* With nothing to write, the rights are final at once. */
	bool final = own && !s->write && whole == in_place;
	if (page_map(start, physical, in_place, final ? rights : PAGE_WRITE))
		refuse(no_memory, in_place >> 10);
	if (final)
		return;
	if (whole > in_place)
		map_new(start + in_place, whole - in_place);
	if (!own)
		memcpy((void *)(base + s->address), module->data + s->file_offset, s->file_size);
	/* Beyond the file's bytes: zero, from the end of the page's other content on. */
	memset((void *)(start + file_end), 0, whole - file_end);
	if (!s->write)
		page_protect(start, whole, rights);
}

static void relocate(const struct elf_image *image, uint64_t base)
{
	const struct elf_relocation *r = (const void *)(base + image->relocations);
	const struct elf_segment *s = NULL;
	for (uint64_t i = 0; i < image->relocation_count; i++, r++) {
		if (r->info != ELF_RELATIVE)
			refuse_program("it has a relocation of a kind that is not loaded");
		/* Most follow one another in one segment. */
		if (!s || r->offset < s->address || r->offset - s->address > s->memory_size - 8) {
			s = elf_writable(image, r->offset, 8);
			if (!s || s->memory_size < 8)
				refuse_program("it has a relocation outside of its data");
		}
		*(uint64_t *)(base + r->offset) = base + r->addend;
	}
}

static uint64_t load(const struct module *module, struct elf_image *image)
{
	const char *error = elf_check(module->data, module->size, image);
	if (error)
		refuse_program(error);
	uint64_t base =
	    LAYOUT_APP + (random_for_layout() % (LAYOUT_APP_SIZE - ELF_SPAN_MAX) & -PAGE_SIZE);
	for (size_t i = 0; i < image->segment_count; i++)
		map_segment(module, &image->segments[i], base);
	relocate(image, base);

	page_protect(base + image->relro, image->relro_size, PAGE_READ);
	return base;
}

static void make_stack(uint64_t size, struct bm_start *start)
{
	uint64_t free = physical_free();
	if (!size) {
		/* Whole large pages, if it is that much. */
		size = free / STACK_SHARE;
		size &= size < LARGE_PAGE ? -PAGE_SIZE : -LARGE_PAGE;
		size = size < STACK_MIN ? STACK_MIN : size > STACK_MAX ? STACK_MAX : size;
	}
	/* A random place; 2 MiB borders, so that a large stack takes large pages. The page below is
	 * never mapped. */
	uint64_t low = LAYOUT_STACK + (random_for_layout() % (LAYOUT_APP_SIZE / 2) & -LARGE_PAGE);
	size = page_up(size);
	if (size > free / 2)
		refuse(
		    "the main stack of %lu KiB does not fit into memory: give the machine more, or "
		    "bm.stack= less",
		    size >> 10);
	map_new(low, size);
	panic_register_stack("main stack", low, size);
	start->stack_low = (void *)low;
	start->stack_size = size;
	/* Core 0's tasks run on it. Once main() is a thread, its library has a stack of this size
	 * for them. */
	core_self()->stack_size = size < TASK_STACK_MAX ? size : TASK_STACK_MAX;
}

/* A place for debuggers to stop at: the app is mapped, and its base known. */
__attribute__((noinline)) void app_entered(uint64_t base)
{
	__asm__ volatile("" : : "r"(base) : "memory");
}

static _Noreturn void enter(uint64_t entry, uint64_t stack, const struct bm_start *start)
{
	/* The System V ABI wants the stack 16-byte aligned before a call, so 8 below that at entry.
	 */
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "push %%rbp\n\t"
			 "sti\n\t"
			 "jmp *%1"
			 :
			 : "r"(stack), "r"(entry), "D"(start)
			 : "memory");
	__builtin_unreachable();
}

_Noreturn void app_start(const struct modules *modules, struct command_line *line,
			 uint64_t stack_size)
{
	static struct bm_start start;
	struct elf_image image;

	if (!modules->app.data)
		refuse("no program to run: give one as a module (GRUB: module2, QEMU: -initrd), or "
		       "make "
		       "the image with `baremetal image`");
	uint64_t base = load(&modules->app, &image);
	symbols_init(modules->symbols.data, modules->symbols.size, base, image.span);
	start = (struct bm_start){
	    .size = sizeof start,
	    .argc = line->argc,
	    .api = &api_table,
	    .argv = line->argv,
	    .envp = line->env,
	    .boot_filesystem = modules->filesystem.data,
	    .boot_filesystem_size = modules->filesystem.size,
	};
	make_stack(stack_size, &start);
	heap_open();
	log_debug("program at 0x%lx, main stack of %lu KiB at %p", base, start.stack_size >> 10,
		  start.stack_low);
	app_entered(base);
	enter(base + image.entry, (uint64_t)start.stack_low + start.stack_size, &start);
}
