/* SPDX-License-Identifier: MIT */
/*
 * kernel/console/screen.c, framebuffer.c and device/display.c, on a framebuffer in memory: where
 * characters go, what is drawn in each pixel format, that nothing is drawn outside of
 * the picture, and what is left of the text when an app takes the screen.
 */
#include "check.h"
#include "console/framebuffer.c"
#define display found
#include "device/display.c"
#undef display
#include <stdlib.h>

static uint8_t *picture;
static struct boot_framebuffer mode;

volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags)
{
	CHECK(physical == mode.phys && size == (uint64_t)mode.pitch * mode.height);
	CHECK(flags == PAGE_WRITE_COMBINE);
	picture = malloc(size); /* exact: the sanitizer sees a pixel outside */
	memset(picture, 0x55, size);
	return picture;
}

int console_confine(uint32_t rows)
{
	return framebuffer.enabled ? confine(rows) : -BM_ENODEV;
}

static unsigned log_lines;

void log_line(int level, const char *format, ...)
{
	(void)level;
	(void)format;
	log_lines++;
}

static bool begin(uint32_t width, uint32_t height, uint32_t padding, uint8_t bits)
{
	memset(text, 0, sizeof text);
	memset(shown, 0, sizeof shown);
	top = scale = view = 0;
	taken = false;
	found = (struct bm_display){0};
	screen.row = screen.column = 0;
	screen.state = SCREEN_TEXT;
	free(picture);
	picture = NULL;
	mode = (struct boot_framebuffer){.phys = 0xfd000000,
					 .width = width,
					 .height = height,
					 .pitch = width * (bits / 8) + padding,
					 .bits_per_pixel = bits,
					 .red_position = 16,
					 .red_size = 8,
					 .green_position = 8,
					 .green_size = 8,
					 .blue_position = 0,
					 .blue_size = 8};
	if (bits == 16) {
		mode.red_position = 11;
		mode.green_position = 5;
		mode.red_size = mode.blue_size = 5;
		mode.green_size = 6;
	}
	display_init(&(struct boot_info){.framebuffer = mode});
	return framebuffer.enabled = probe(NULL);
}

static uint32_t pixel(unsigned x, unsigned y)
{
	uint32_t colour = 0;
	unsigned size = mode.bits_per_pixel / 8;
	memcpy(&colour, picture + y * mode.pitch + x * size, size);
	return colour;
}

static unsigned band; /* lines above the text */

/* Does the cell show this glyph, with or without the cursor? */
static bool shows(unsigned row, unsigned column, char glyph, bool cursor)
{
	bool same = true;
	for (unsigned y = 0; y < CELL_HEIGHT * scale; y++)
		for (unsigned x = 0; x < CELL_WIDTH * scale; x++) {
			uint8_t dots = cell_line(glyph | (cursor ? CURSOR : 0), y / scale);
			bool dot = dots >> (7 - x / scale) & 1;
			same &=
			    pixel(column * CELL_WIDTH * scale + x,
				  band + row * CELL_HEIGHT * scale + y) == (dot ? foreground : 0);
		}
	return same;
}

static bool row_is(unsigned row, const char *want)
{
	bool same = true;
	for (unsigned i = 0; i < screen.columns; i++) {
		bool cursor = row + first_shown() == screen.row && i == screen.column;
		same &= shows(row, i, *want ? *want : ' ', cursor);
		want += *want != 0;
	}
	return same;
}

static void say(const char *words)
{
	write(words, strlen(words));
}

static void test_format(uint8_t bits, uint32_t colour)
{
	char line[20];
	CHECK(begin(100, 70, 12, bits)); /* 12 x 4 cells, a margin on both sides */
	CHECK(screen.columns == 12 && screen.rows == 4 && scale == 1 && foreground == colour);
	CHECK(row_is(0, "") && row_is(3, "") && pixel(99, 69) == 0);

	say("Hello\nA\tB\rab\b!");
	CHECK(row_is(0, "Hello") && row_is(1, "a!      B"));
	say("\n\33[1;31mred\33[0m \33cx\33[2");
	say("Jok\n\1\7\x7f");
	CHECK(row_is(2, "red xok"));
	say("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80!");
	CHECK(row_is(3, "caf\x7f \x7f \x7f!"));

	/* A full row does not open the next one until there is more. */
	say("\n123456789abc");
	CHECK(row_is(0, "a!      B") && row_is(3, "123456789abc"));
	say("d");
	CHECK(row_is(2, "123456789abc") && row_is(3, "d"));
	say("\n\n\n\n");
	for (unsigned row = 0; row < 4; row++)
		CHECK(row_is(row, ""));

	/* One write of many lines ends like many writes. */
	static char many[1000];
	size_t size = 0;
	for (int i = 0; i < 100; i++)
		size += snprintf(many + size, sizeof many - size, "line %d\n", i);
	write(many, size);
	for (int i = 0; i < 3; i++) {
		snprintf(line, sizeof line, "line %d", 97 + i);
		CHECK(row_is(i, line));
	}
	CHECK(row_is(3, ""));
	say("~\b");
	CHECK(shows(3, 0, '~', true));

	/* All bytes, at random places: no pixel outside (the sanitizer's part), no state stuck. */
	srand(1);
	for (int i = 0; i < 20000; i++) {
		char c = rand();
		write(&c, 1);
	}
	say("\33[m\n*");
	CHECK(row_is(3, "*"));
}

/* The font came through its packing: every glyph is there, and where it should be. */
static void test_font(void)
{
	static const uint8_t blank[FONT_HEIGHT];
	CHECK(begin(100, 70, 0, 32) && FONT_GLYPHS == 0x7f - 0x20);
	for (unsigned i = 0; i < FONT_GLYPHS; i++) {
		CHECK(memcmp(glyphs[i], blank, FONT_HEIGHT) != 0);
		for (unsigned k = 0; k < i; k++)
			CHECK(memcmp(glyphs[i], glyphs[k], FONT_HEIGHT) != 0);
	}
	for (unsigned line = 0; line < FONT_HEIGHT; line++) {
		bool middle = line >= 6 && line < 10, bottom = line >= 11;
		CHECK(middle || cell_line('-', line) == 0);
		CHECK(bottom || cell_line('_', line) == 0);
		CHECK(cell_line('|', line) == 0 || cell_line('|', line) == cell_line('|', 8));
		CHECK(cell_line(' ', line) == 0 && cell_line(0, line) == 0);
	}
}

/* Is this part of the picture of one colour? */
static bool plain(unsigned from, unsigned to, uint32_t colour)
{
	for (unsigned y = from; y < to; y++)
		for (unsigned x = 0; x < mode.width; x++)
			if (pixel(x, y) != colour)
				return false;
	return true;
}

static void fill(unsigned lines, uint32_t colour)
{
	unsigned size = mode.bits_per_pixel / 8;
	for (unsigned y = 0; y < lines; y++)
		for (unsigned x = 0; x < mode.width; x++)
			memcpy(picture + y * mode.pitch + x * size, &colour, size);
}

/* The screen is the app's but for some rows, and the console's again. */
static void test_take(uint8_t bits)
{
	struct bm_display info, whole;
	CHECK(begin(100, 70, 12, bits)); /* 12 x 4 cells */
	say("one\ntwo\nthree");
	CHECK(display_info(&whole) == 0 && whole.width == 100 && whole.height == 70 &&
	      whole.pitch == mode.pitch && whole.pixels == picture && whole.phys == mode.phys);
	display_release(); /* not taken */
	CHECK(row_is(0, "one") && row_is(2, "three"));

	/* Nothing of it for the console. */
	CHECK(display_take(&info, 4) == -BM_ERANGE && display_take(&info, 400) == -BM_ERANGE);
	CHECK(display_take(&info, UINT32_MAX) == -BM_ERANGE && row_is(2, "three"));
	CHECK(display_take(&info, 0) == 0 && memcmp(&info, &whole, sizeof info) == 0);
	CHECK(display_take(&info, 1) == -BM_EBUSY && plain(0, 70, 0));
	fill(70, 0x1234);
	say("\nfour\nfive\n");
	CHECK(plain(0, 70, 0x1234));
	display_release();
	CHECK(row_is(0, "three") && row_is(1, "four") && row_is(2, "five") && row_is(3, ""));
	CHECK(plain(64, 70, 0));

	/* Two rows, at first with the cursor above the last one. */
	CHECK(begin(100, 70, 12, bits));
	say("one");
	CHECK(display_take(&info, 2) == 0 && info.height == 70 - 32 && info.pixels == picture);
	band = info.height;
	fill(band, 0x4321);
	CHECK(row_is(0, "one") && row_is(1, "") && plain(0, band, 0x4321));
	say("\ntwo");
	CHECK(row_is(0, "one") && row_is(1, "two"));
	say("\nthree\nfour");
	CHECK(row_is(0, "three") && row_is(1, "four"));
	say("!\nfive\nsix\rSIX");
	CHECK(row_is(0, "five") && row_is(1, "SIX") && plain(0, band, 0x4321));
	for (int i = 0; i < 20000; i++) {
		char c = rand();
		write(&c, 1);
	}
	CHECK(plain(0, band, 0x4321));
	say("\33[m\r         \n1\n2\n3\n4");
	band = 0;
	display_release();
	for (int i = 0; i < 4; i++)
		CHECK(row_is(i, (char[]){'1' + i, 0}));
	CHECK(confine(CONSOLE_WHOLE) == 0 && row_is(3, "4")); /* again does nothing */

	/* Without a console on it all lines are the app's, and are cleared. */
	framebuffer.enabled = false;
	fill(70, 0x4321);
	CHECK(display_take(&info, 3) == 0 && info.height == 70 && plain(0, 70, 0));
	fill(70, 0x4321);
	display_release();
	CHECK(plain(0, 70, 0) && display_take(&info, 3) == 0);
}

int main(void)
{
	test_font();
	test_take(32);
	test_take(24);
	test_take(16);
	test_format(32, 0xc0c0c0);
	test_format(24, 0xc0c0c0);
	test_format(16, 24 << 11 | 48 << 5 | 24);

	/* Larger screens have larger glyphs. */
	CHECK(begin(1024, 768, 0, 32) && scale == 1 && screen.columns == 128);
	CHECK(begin(1920, 1080, 0, 32) && scale == 2 && screen.columns == 120);
	CHECK(begin(3840, 2160, 0, 32) && scale == 3 && screen.columns == 160);
	say("Big");
	CHECK(row_is(0, "Big"));
	CHECK(begin(8, 16, 0, 32) && screen.columns == 1 && screen.rows == 1);
	say("abc");
	CHECK(shows(0, 0, 'c', false));

	/* Where no glyph has room there is a display without text. */
	CHECK(!begin(7, 70, 0, 32) && picture && !begin(100, 15, 0, 32) && picture);
	CHECK(!begin(16384, 16, 0, 16) && picture);

	/* Modes that cannot be are not used, and nothing is mapped for them. */
	CHECK(!begin(1 << 20, 70, 0, 32) && !begin(100, UINT32_MAX, 0, 32) && !picture);
	CHECK(!begin(0, 70, 64, 32) && !begin(100, 0, 0, 32) && !picture);
	CHECK(!begin(100, 70, -4, 32) && !begin(100, 70, 1 << 30, 32) && !picture);
	CHECK(!begin(100, 70, 0, 8) && !begin(100, 70, 0, 15) && !picture);
	struct bm_display info;
	CHECK(display_info(&info) == -BM_ENODEV && display_take(&info, 0) == -BM_ENODEV);
	display_release();
	mode.phys = 0;
	display_init(&(struct boot_info){.framebuffer = mode});
	CHECK(!display_found() && !probe(NULL));

	/* One that lies in RAM, by one byte or more, is none: with a line that says so. */
	CHECK(begin(100, 70, 0, 32) && display_found() && !log_lines);
	const uint64_t size = (uint64_t)mode.pitch * mode.height, end = mode.phys + size;
	const struct boot_range inside[] = {{mode.phys, size},   {end - 1, 1},   {mode.phys - 1, 2},
					    {mode.phys + 99, 1}, {0, 1ul << 40}, {0, UINT64_MAX}};
	for (unsigned i = 0; i < sizeof inside / sizeof *inside; i++) {
		found.pixels = NULL;
		display_init(&(struct boot_info){
		    .framebuffer = mode, .range_count = 2, .ranges = {{0, 0x9f000}, inside[i]}});
		CHECK(!display_found() && log_lines == i + 1);
	}
	free(picture);
	display_init(&(struct boot_info){.framebuffer = mode,
					 .range_count = 3,
					 .ranges = {{0, mode.phys}, {mode.phys, 0}, {end, 1}}});
	CHECK(display_found() && log_lines == sizeof inside / sizeof *inside);

	/* Colours must lie inside of a pixel. */
	mode = (struct boot_framebuffer){.phys = 0xfd000000,
					 .width = 1,
					 .height = 1,
					 .pitch = 4,
					 .bits_per_pixel = 32,
					 .red_position = 24,
					 .red_size = 8};
	free(picture);
	display_init(&(struct boot_info){.framebuffer = mode});
	CHECK(display_found() && display_info(&info) == 0 && info.red_position == 24);
	CHECK(!probe(NULL)); /* no room for text, and yet a display */
	found.pixels = NULL;
	mode.red_position = 25;
	display_init(&(struct boot_info){.framebuffer = mode});
	mode.red_position = 0, mode.blue_size = 9;
	display_init(&(struct boot_info){.framebuffer = mode});
	mode.blue_size = 8, mode.bits_per_pixel = 24, mode.green_position = 250,
	mode.green_size = 6;
	display_init(&(struct boot_info){.framebuffer = mode});
	CHECK(!display_found());
	free(picture);
	return failures != 0;
}
