/* SPDX-License-Identifier: MIT */
/*
 * Display: the linear framebuffer that the boot loader set up.
 *
 *     struct bm_display screen;
 *     if (bm_display_take(&screen, 2) == 0)   // two rows of text stay, at the bottom
 *             for (uint32_t y = 0; y < screen.height; y++)
 *                     bm_display_draw(&screen, 0, y, width, 1, picture + 3 * y * width);
 *
 * There is one where GRUB sets a graphics mode: always with UEFI, with BIOS from images that
 * `baremetal image --framebuffer` made. `baremetal run --framebuffer --display` shows it.
 * PVH (`-kernel` in QEMU) has none. The mode cannot be changed.
 */
#ifndef BAREMETAL_DISPLAY_H
#define BAREMETAL_DISPLAY_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/**
 * A framebuffer. A pixel is bits_per_pixel / 8 bytes, lowest first; pixel (x, y) lies at
 * pixels + y * pitch + x * bits_per_pixel / 8. Each colour has some bits of it.
 */
struct bm_display {
	uint8_t *pixels;         /* mapped for ever, writes combined; reading it is slow */
	uint64_t phys;           /* its physical address */
	uint32_t width;          /* pixels, 1 to 16,384 */
	uint32_t height;         /* lines, 1 to 16,384 */
	uint32_t pitch;          /* bytes from one line to the next */
	uint32_t bits_per_pixel; /* 16, 24 or 32 */
	uint8_t red_position;    /* lowest bit of red */
	uint8_t red_size;        /* bits of red, 0 to 8 */
	uint8_t green_position;  /* lowest bit of green */
	uint8_t green_size;      /* bits of green, 0 to 8 */
	uint8_t blue_position;   /* lowest bit of blue */
	uint8_t blue_size;       /* bits of blue, 0 to 8 */
	uint8_t reserved[2];     /* 0 */
};

/**
 * Describe the whole screen. To draw without writing over the console's text, and it over the
 * drawing, take the display.
 *
 * @param display  the caller's; filled unless an error is returned.
 * @return 0; -BM_ENODEV if there is no framebuffer of a format that is known. Any core, never
 *         blocks.
 */
static inline int bm_display_info(struct bm_display *display)
{
	return bm_api->display_info(display);
}

/**
 * Take the screen from the console, but for some rows of text at its bottom, where it
 * goes on with what it wrote last. Other consoles (serial) see no difference, and no text is
 * lost. The whole screen is cleared. If the program crashes, the console takes the screen
 * back for the report; so it does for the last words on a machine that cannot be switched off.
 *
 * @param display    the caller's; filled with the part that may be drawn in: `height` is the
 *                   lines above the text. Any core may draw, no call is needed.
 * @param text_rows  rows that the console keeps, each of 16 pixels (multiples of that on screens
 *                   wider than 1,280 or higher than 1,024); 0: none. Where the console does not
 *                   use the framebuffer (bm.console=), all lines are the caller's.
 * @return 0; -BM_ENODEV if there is no framebuffer; -BM_EBUSY if it is taken already; -BM_ERANGE
 *         if so many rows leave nothing. Any core; blocks while another core writes to the console.
 */
static inline int bm_display_take(struct bm_display *display, uint32_t text_rows)
{
	return bm_api->display_take(display, text_rows);
}

/**
 * Give the screen back: it is cleared, and the console draws its text anew, with all that was
 * written meanwhile. Does nothing if the display is not taken. Any core; blocks as
 * bm_display_take().
 */
static inline void bm_display_release(void)
{
	bm_api->display_release();
}

/** The pixel of a colour, each part 0 to 255, in this display's format. */
static inline uint32_t bm_display_pixel(const struct bm_display *display, uint8_t red,
					uint8_t green, uint8_t blue)
{
	return (uint32_t)(red >> (8 - display->red_size)) << display->red_position |
	       (uint32_t)(green >> (8 - display->green_size)) << display->green_position |
	       (uint32_t)(blue >> (8 - display->blue_size)) << display->blue_position;
}

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Draw a rectangle; what would lie beyond the display's edges is left out.
 *
 * @param display        from bm_display_take() or bm_display_info().
 * @param x, y           its upper left corner.
 * @param width, height  its size in pixels.
 * @param rgb            width * height pixels, line by line, three bytes each: red, green, blue.
 * Any core; several may draw at once. Never blocks. All of it is on the screen at the return.
 */
void bm_display_draw(const struct bm_display *display, uint32_t x, uint32_t y, uint32_t width,
		     uint32_t height, const uint8_t *rgb);

#ifdef __cplusplus
}
#endif

#endif
