/* SPDX-License-Identifier: MIT */
/*
 * Text on a grid of cells: what VGA text and the framebuffer have in common.
 *
 * Control characters: \n \r \b \t; others are dropped, and so are escape
 * sequences. Each character beyond ASCII becomes one replacement glyph.
 */
#ifndef KERNEL_CONSOLE_SCREEN_H
#define KERNEL_CONSOLE_SCREEN_H

#include <stddef.h>
#include <stdint.h>

#define SCREEN_REPLACEMENT 0x7f

struct screen {
	unsigned columns, rows;
	unsigned column, row; /* the cursor; column == columns: the next glyph opens a new row */
	enum { SCREEN_TEXT, SCREEN_ESCAPE, SCREEN_SEQUENCE } state;
	void (*put)(unsigned row, unsigned column, uint8_t glyph); /* ' ' … SCREEN_REPLACEMENT */
	void (*scroll)(void); /* all rows up by one; the last becomes blank */
};

void screen_write(struct screen *screen, const char *text, size_t size);

#endif
