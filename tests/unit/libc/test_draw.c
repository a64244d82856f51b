/* SPDX-License-Identifier: MIT */
/*
 * bm_display_draw(): every pixel format, and rectangles that reach beyond the edges. The memory
 * is as large as the picture, so that the sanitizer sees a byte written outside.
 */
#include "display/draw.c"
#include "unit.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  7
#define HEIGHT 5

static struct bm_display display;

static void begin(unsigned bits, unsigned padding)
{
	free(display.pixels);
	display = (struct bm_display){.width = WIDTH,
				      .height = HEIGHT,
				      .pitch = WIDTH * bits / 8 + padding,
				      .bits_per_pixel = bits,
				      .red_position = bits == 16 ? 11 : 16,
				      .red_size = bits == 16 ? 5 : 8,
				      .green_position = bits == 16 ? 5 : 8,
				      .green_size = bits == 16 ? 6 : 8,
				      .blue_size = bits == 16 ? 5 : 8};
	display.pixels = calloc(display.pitch, HEIGHT);
}

static uint32_t pixel(unsigned x, unsigned y)
{
	uint32_t value = 0;

	memcpy(&value, display.pixels + y * display.pitch + x * (display.bits_per_pixel / 8),
	       display.bits_per_pixel / 8);
	return value;
}

/* A rectangle whose pixels tell their places must appear where it is inside, and nowhere else. */
static void check(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	uint8_t *rgb = malloc(width * height * 3 + 1);

	for (uint32_t i = 0; i < width * height * 3; i++)
		rgb[i] = i * 37 + 200;
	bm_display_draw(&display, x, y, width, height, rgb);
	for (uint32_t row = 0; row < HEIGHT; row++)
		for (uint32_t column = 0; column < WIDTH; column++) {
			bool inside =
			    column >= x && column - x < width && row >= y && row - y < height;
			uint32_t want = 0;

			if (inside) {
				uint8_t *at = rgb + ((row - y) * width + column - x) * 3;
				want = display.bits_per_pixel == 16
					   ? at[0] >> 3 << 11 | at[1] >> 2 << 5 | at[2] >> 3
					   : at[0] << 16 | at[1] << 8 | at[2];
			}
			CHECK(pixel(column, row) == want);
		}
	for (uint32_t row = 0; row < HEIGHT; row++)
		for (uint32_t i = WIDTH * display.bits_per_pixel / 8; i < display.pitch; i++)
			CHECK(display.pixels[row * display.pitch + i] == 0);
	memset(display.pixels, 0, display.pitch * HEIGHT);
	free(rgb);
}

int main(void)
{
	static const uint8_t bits[] = {16, 24, 32};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned padding = 0; padding < 5; padding++) {
			begin(bits[i], padding);
			check(0, 0, WIDTH, HEIGHT);
			check(2, 1, 3, 2);
			check(5, 3, 9, 9);
			check(WIDTH, 0, 2, 2);
			check(0, HEIGHT, 2, 2);
			check(UINT32_MAX, UINT32_MAX, 2, 2);
			check(1, 1, 0, 3);
			check(1, 1, 3, 0);
			check(6, 4, 1, 1);
		}
	free(display.pixels);
	return unit_status();
}
