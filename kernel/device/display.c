/* SPDX-License-Identifier: MIT */
/*
 * The boot loader's framebuffer. Contract: display.h.
 * QEMU: any machine with -vga std, booted through GRUB.
 */
#include "device/display.h"
#include "boot/boot_info.h"
#include "console/console.h"
#include "console/log.h"
#include "memory/page.h"
#include <string.h>

static struct bm_display display; /* pixels is NULL if there is none */
static bool taken;

/* The bits of one colour lie inside of a pixel. */
static bool colour_fits(const struct boot_framebuffer *fb, uint8_t position, uint8_t size)
{
	return size <= 8 && position + size <= fb->bits_per_pixel;
}

static bool usable(const struct boot_framebuffer *fb)
{
	return fb->phys &&
	       (fb->bits_per_pixel == 16 || fb->bits_per_pixel == 24 || fb->bits_per_pixel == 32) &&
	       fb->width - 1 < DISPLAY_SIDE_MAX && fb->height - 1 < DISPLAY_SIDE_MAX &&
	       fb->pitch >= fb->width * (fb->bits_per_pixel / 8) &&
	       fb->pitch <= DISPLAY_SIDE_MAX * sizeof(uint32_t) &&
	       colour_fits(fb, fb->red_position, fb->red_size) &&
	       colour_fits(fb, fb->green_position, fb->green_size) &&
	       colour_fits(fb, fb->blue_position, fb->blue_size);
}

/* Clearing a framebuffer that lies in RAM would clear the kernel, or what the program keeps there.
 */
static bool in_memory(const struct boot_info *info, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < info->range_count; i++) {
		const struct boot_range *r = &info->ranges[i];
		if (start - r->start < r->size || (r->size && r->start - start < size))
			return true;
	}
	return false;
}

/* Not a part of kernel_main(): so that its size can be told (./bench kernel-size). */
__attribute__((noinline)) void display_init(const struct boot_info *info)
{
	const struct boot_framebuffer *fb = &info->framebuffer;
	if (!usable(fb))
		return;
	uint64_t size = (uint64_t)fb->pitch * fb->height;
	if (in_memory(info, fb->phys, size)) {
		log_warning("display: the framebuffer at 0x%lx lies in memory, left out", fb->phys);
		return;
	}
	display = (struct bm_display){
	    .pixels = (uint8_t *)page_map_device(fb->phys, size, PAGE_WRITE_COMBINE),
	    .phys = fb->phys,
	    .width = fb->width,
	    .height = fb->height,
	    .pitch = fb->pitch,
	    .bits_per_pixel = fb->bits_per_pixel,
	    .red_position = fb->red_position,
	    .red_size = fb->red_size,
	    .green_position = fb->green_position,
	    .green_size = fb->green_size,
	    .blue_position = fb->blue_position,
	    .blue_size = fb->blue_size,
	};
}

const struct bm_display *display_found(void)
{
	return display.pixels ? &display : NULL;
}

void display_clear(void)
{
	memset(display.pixels, 0, (size_t)display.pitch * display.height);
}

int display_info(struct bm_display *info)
{
	if (!display_found())
		return -BM_ENODEV;
	*info = display;
	return 0;
}

int display_take(struct bm_display *info, uint32_t text_rows)
{
	if (!display_found())
		return -BM_ENODEV;
	if (text_rows == CONSOLE_WHOLE)
		return -BM_ERANGE;
	if (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE))
		return -BM_EBUSY;
	int lines = console_confine(text_rows);
	if (lines == -BM_ERANGE) {
		__atomic_clear(&taken, __ATOMIC_RELEASE);
		return lines;
	}
	*info = display;
	if (lines > 0)
		info->height = lines;
	else
		display_clear(); /* no text is on it */
	return 0;
}

void display_release(void)
{
	if (!__atomic_load_n(&taken, __ATOMIC_ACQUIRE))
		return;
	if (console_confine(CONSOLE_WHOLE) < 0)
		display_clear();
	__atomic_clear(&taken, __ATOMIC_RELEASE);
}
