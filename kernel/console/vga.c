/* SPDX-License-Identifier: MIT */
/*
 * VGA text mode 3: 80 x 25 cells. QEMU: -vga std, booted without a framebuffer.
 *
 * Scrolls by moving the picture's start within the 32 KiB of text memory, and
 * copies only when its end is reached: each access is slow (uncached; under a
 * hypervisor often an exit).
 */
#include "console/console.h"
#include "console/screen.h"
#include "console/vga_regs.h"
#include "cpu/cpu.h"
#include "memory/page.h"

#define COLUMNS   80
#define ROWS      25
#define LINES     (VGA_MEMORY_SIZE / 2 / COLUMNS)
#define ATTRIBUTE 0x0700 /* light grey on black */
#define BLANK     (ATTRIBUTE | ' ')
#define SQUARE    0xfe /* in the adapter's own font, code page 437 */

static volatile uint16_t *memory;
static unsigned top; /* line of text memory that is the picture's first */

static void put(unsigned row, unsigned column, uint8_t glyph)
{
	memory[(top + row) * COLUMNS + column] =
	    ATTRIBUTE | (glyph == SCREEN_REPLACEMENT ? SQUARE : glyph);
}

static void scroll(void)
{
	if (++top > LINES - ROWS) {
		for (unsigned i = 0; i < (ROWS - 1) * COLUMNS; i++)
			memory[i] = memory[top * COLUMNS + i];
		top = 0;
	}
	for (unsigned i = 0; i < COLUMNS; i++)
		put(ROWS - 1, i, ' ');
}

static struct screen screen = {.columns = COLUMNS, .rows = ROWS, .put = put, .scroll = scroll};

static void set_address(unsigned reg_high, unsigned cell)
{
	out16(VGA_CRTC_INDEX, reg_high | (cell & 0xff00));
	out16(VGA_CRTC_INDEX, (reg_high + 1) | (cell & 0xff) << 8);
}

static void write(const char *text, size_t size)
{
	screen_write(&screen, text, size);
	set_address(VGA_CRTC_START_HIGH, top * COLUMNS);
	set_address(VGA_CRTC_CURSOR_HIGH, (top + screen.row) * COLUMNS + screen.column);
}

static bool probe(const struct console_setup *setup)
{
	if (!setup->vga_text)
		return false;
	out8(VGA_GC_INDEX, VGA_GC_MISC);
	if ((in8(VGA_GC_DATA) & (VGA_GC_MISC_GRAPHICS | VGA_GC_MISC_MAP)) != VGA_GC_MISC_MAP_TEXT)
		return false; /* in a graphics mode, or absent */
	memory = page_map_device(VGA_MEMORY, VGA_MEMORY_SIZE, PAGE_UNCACHED);
	if (!memory)
		return false;
	for (unsigned i = 0; i < ROWS * COLUMNS; i++)
		memory[i] = BLANK;
	out16(VGA_CRTC_INDEX, VGA_CRTC_CURSOR_START | 14 << 8); /* an underline */
	out16(VGA_CRTC_INDEX, VGA_CRTC_CURSOR_END | 15 << 8);
	write("", 0);
	return true;
}

static struct console vga = {.name = "vga", .probe = probe, .write = write};
CONSOLE(vga);
