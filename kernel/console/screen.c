/* SPDX-License-Identifier: MIT */
/*
 * Text on a grid of cells: where each byte goes. Drawing is the device's part.
 */
#include "console/screen.h"
#include <stdbool.h>

static void new_line(struct screen *screen)
{
	screen->column = 0;
	if (screen->row + 1 < screen->rows)
		screen->row++;
	else
		screen->scroll();
}

static void put_glyph(struct screen *screen, uint8_t glyph)
{
	if (screen->column == screen->columns)
		new_line(screen);
	screen->put(screen->row, screen->column++, glyph);
}

/* ECMA-48, section 5.4: CSI, parameters, then a final byte from 0x40 to 0x7e. True if swallowed. */
static bool in_escape(struct screen *screen, uint8_t c)
{
	if (screen->state == SCREEN_TEXT && c != 0x1b)
		return false;
	if (c == 0x1b)
		screen->state = SCREEN_ESCAPE;
	else if (screen->state == SCREEN_ESCAPE && c == '[')
		screen->state = SCREEN_SEQUENCE;
	else if (c < ' ' || screen->state == SCREEN_ESCAPE || (c >= 0x40 && c <= 0x7e))
		screen->state = SCREEN_TEXT;
	return true;
}

void screen_write(struct screen *screen, const char *text, size_t size)
{
	for (; size > 0; text++, size--) {
		uint8_t c = *text;
		if (in_escape(screen, c))
			continue;
		if (c == '\n') {
			new_line(screen);
		} else if (c == '\r') {
			screen->column = 0;
		} else if (c == '\b') {
			screen->column -= screen->column > 0;
		} else if (c == '\t') {
			do
				put_glyph(screen, ' ');
			while (screen->column % 8 && screen->column < screen->columns);
		} else if (c >= ' ' && c < 0x7f) {
			put_glyph(screen, c);
		} else if (c >=
			   0xc0) { /* the first byte of a UTF-8 sequence; the rest is dropped */
			put_glyph(screen, SCREEN_REPLACEMENT);
		}
	}
}
