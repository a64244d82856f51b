/* SPDX-License-Identifier: MIT */
/*
 * Pictures on the framebuffer. Contract: <baremetal/display.h>.
 */
#include <baremetal/display.h>

void bm_display_draw(const struct bm_display *display, uint32_t x, uint32_t y, uint32_t width,
		     uint32_t height, const uint8_t *rgb)
{
	unsigned pixel_size = display->bits_per_pixel / 8;
	uint32_t columns, lines;

	if (x >= display->width || y >= display->height)
		return;
	columns = width < display->width - x ? width : display->width - x;
	lines = height < display->height - y ? height : display->height - y;
	for (uint32_t line = 0; line < lines; line++) {
		uint8_t *to =
		    display->pixels + (size_t)(y + line) * display->pitch + (size_t)x * pixel_size;
		const uint8_t *from = rgb + (size_t)line * width * 3;

		for (uint32_t column = 0; column < columns; column++, from += 3) {
			uint32_t pixel = bm_display_pixel(display, from[0], from[1], from[2]);

			if (pixel_size == 4) {
				__builtin_memcpy(to, &pixel, 4);
				to += 4;
				continue;
			}
			for (unsigned i = 0; i < pixel_size; i++)
				*to++ = pixel >> 8 * i;
		}
	}
	/* Combined writes may linger in the core (Intel SDM volume 3, section 12.3.1). */
	__asm__ volatile("sfence" ::: "memory");
}
