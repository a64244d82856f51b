/* SPDX-License-Identifier: MIT */
/*
 * Text on a linear framebuffer of 16, 24 or 32 bits per pixel.
 * QEMU: any machine with -vga std, booted through GRUB.
 *
 * A write changes the text in memory alone; then the cells that differ from what
 * is shown are drawn. The framebuffer is never read (which is slow), and a long
 * write scrolls the screen once, not once a line.
 *
 * All rows of text are always kept; how many of them are shown, the last ones at the
 * screen's bottom, is another matter: the rest of the screen may be an app's.
 */
#include "console/console.h"
#include "console/font.h"
#include "console/screen.h"
#include "device/display.h"
#include <baremetal/error.h>
#include <string.h>

#define COLUMNS_MAX 160 /* a larger screen gets larger glyphs */
#define ROWS_MAX    64
#define CELL_WIDTH  8
#define CELL_HEIGHT FONT_HEIGHT
#define SCALE_MAX   16
_Static_assert(DISPLAY_SIDE_MAX / CELL_WIDTH / SCALE_MAX <= COLUMNS_MAX &&
		   DISPLAY_SIDE_MAX / CELL_HEIGHT / SCALE_MAX <= ROWS_MAX,
	       "the largest scale suffices");
#define CURSOR      0x80 /* in a cell that is shown */
#define CURSOR_LINE 14

static uint8_t text[ROWS_MAX][COLUMNS_MAX];  /* 0 is blank; row r lies at (top + r) % rows */
static uint8_t shown[ROWS_MAX][COLUMNS_MAX]; /* as on the screen; may carry CURSOR */
static uint8_t glyphs[FONT_GLYPHS][FONT_HEIGHT];
static unsigned top;
static bool scrolled;

static const struct bm_display *display;
static uint8_t *pixels; /* the first row's that is shown */
static unsigned view;   /* rows that are shown */
static uint32_t foreground;
static unsigned scale; /* pixels for a glyph's dot, both ways */

static void put(unsigned row, unsigned column, uint8_t glyph);
static void scroll(void);
static struct screen screen = {.put = put, .scroll = scroll};

static uint8_t *text_row(unsigned row)
{
	return text[(top + row) % screen.rows];
}

static void put(unsigned row, unsigned column, uint8_t glyph)
{
	text_row(row)[column] = glyph;
}

static void scroll(void)
{
	top++;
	scrolled = true;
	memset(text_row(screen.rows - 1), 0, COLUMNS_MAX);
}

static void unpack_font(void)
{
	const uint8_t *packed = font_packed;
	uint8_t dots = 0;
	for (unsigned glyph = 0; glyph < FONT_GLYPHS; glyph++) {
		unsigned changes = packed[0] | packed[1] << 8;
		packed += 2;
		for (unsigned line = 0; line < FONT_HEIGHT; line++) {
			if (changes >> line & 1)
				dots = *packed++;
			glyphs[glyph][line] = dots;
		}
	}
}

/* The dots of a cell's line, leftmost in bit 7. */
static uint8_t cell_line(uint8_t cell, unsigned line)
{
	uint8_t glyph = cell & ~CURSOR;
	if ((cell & CURSOR) && line == CURSOR_LINE)
		return 0xff;
	return glyph <= ' ' ? 0 : glyphs[glyph - ' ' - 1][line];
}

/* A line of the cell is put together first: many small writes to the screen would be slow. */
static void draw(unsigned row, unsigned column, uint8_t cell)
{
	unsigned pixel_size = display->bits_per_pixel / 8;
	uint8_t *to = pixels + (size_t)row * CELL_HEIGHT * scale * display->pitch +
		      column * CELL_WIDTH * scale * pixel_size;
	for (unsigned line = 0; line < CELL_HEIGHT; line++) {
		uint8_t colours[CELL_WIDTH * SCALE_MAX * sizeof(uint32_t)], *at = colours;
		uint8_t dots = cell_line(cell, line);
		for (unsigned x = 0; x < CELL_WIDTH * scale; x++)
			for (unsigned i = 0; i < pixel_size; i++)
				*at++ = dots << x / scale & 0x80 ? foreground >> 8 * i : 0;
		for (unsigned y = 0; y < scale; y++, to += display->pitch)
			memcpy(to, colours, at - colours);
	}
}

/* The first row of text that is shown: the cursor's is the last, once there are enough. */
static unsigned first_shown(void)
{
	return screen.row < view ? 0 : screen.row + 1 - view;
}

/* Draw what is not shown as it is, from this row of text on. */
static void refresh(unsigned row)
{
	unsigned first = first_shown();
	for (row = row < first ? first : row; row <= screen.row; row++) {
		const uint8_t *want = text_row(row);
		uint8_t *have = shown[row - first];
		for (unsigned column = 0; column < screen.columns; column++) {
			uint8_t cell = want[column];
			if (row == screen.row && column == screen.column)
				cell |= CURSOR;
			if (cell == have[column])
				continue;
			have[column] = cell;
			draw(row - first, column, cell);
		}
	}
}

static void write(const char *data, size_t size)
{
	unsigned row = screen.row, first = first_shown(); /* row: the old cursor's */
	screen_write(&screen, data, size);
	if (scrolled || first_shown() != first)
		row = 0;
	scrolled = false;
	refresh(row);
}

static int confine(uint32_t rows)
{
	unsigned lines = 0;
	if (rows == CONSOLE_WHOLE) {
		rows = screen.rows;
		if (view == rows)
			return 0;
	} else {
		if (rows >= screen.rows)
			return -BM_ERANGE;
		lines = display->height - rows * CELL_HEIGHT * scale;
	}
	view = rows;
	pixels = display->pixels + (size_t)lines * display->pitch;
	display_clear();
	memset(shown, 0, sizeof shown);
	refresh(0);
	return lines;
}

/* Three quarters of full brightness in one colour's bits. */
static uint32_t shade(uint8_t position, uint8_t size)
{
	uint32_t full = (1u << size) - 1;
	return (full - full / 4) << position;
}

static bool probe(const struct console_setup *setup)
{
	(void)setup;
	display = display_found();
	if (!display || display->width < CELL_WIDTH || display->height < CELL_HEIGHT)
		return false;
	foreground = shade(display->red_position, display->red_size) |
		     shade(display->green_position, display->green_size) |
		     shade(display->blue_position, display->blue_size);
	do {
		scale++;
		screen.columns = display->width / CELL_WIDTH / scale;
		screen.rows = display->height / CELL_HEIGHT / scale;
	} while (screen.columns > COLUMNS_MAX || screen.rows > ROWS_MAX);
	if (screen.columns == 0 || screen.rows == 0)
		return false;
	unpack_font();
	confine(CONSOLE_WHOLE);
	return true;
}

static struct console framebuffer = {
    .name = "framebuffer", .probe = probe, .write = write, .confine = confine};
CONSOLE(framebuffer);
