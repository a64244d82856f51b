/* SPDX-License-Identifier: MIT */
/*
 * The display in the guest, step by step; display.py looks at the screen at each line SHOT.
 *
 *     display none     there must be no framebuffer
 *     display steps    take all of it, give it back, take a part, draw from all cores
 *     display crash    take all of it, then crash; `crash drawing`: while another core draws
 *     display keep     take all of it and end, without giving it back
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>
#include <baremetal/parallel.h>

#include "../check.h"

static struct bm_display screen;

/*
 * Let the other side look at the screen; it answers with an empty line. The serial port has its
 * text before the screen does, so the sign to look is one more byte, which no screen shows.
 */
static void shot(void)
{
	char c = 0;

	puts("SHOT");
	fflush(stdout);
	bm_console_write("\a", 1);
	while (c != '\n')
		CHECK(bm_console_read(&c, 1, BM_FOREVER) == 1);
}

/* Each pixel tells its place. */
static void draw_pattern(void)
{
	uint8_t *line = malloc(3 * (size_t)screen.width);

	CHECK(line);
	for (uint32_t y = 0; y < screen.height; y++) {
		for (uint32_t x = 0; x < screen.width; x++) {
			line[3 * x] = x;
			line[3 * x + 1] = y;
			line[3 * x + 2] = x >> 8 << 4 | y >> 8;
		}
		bm_display_draw(&screen, 0, y, screen.width, 1, line);
	}
	free(line);
}

static void fill_lines(void *arg, long from, long to)
{
	uint32_t pixel = bm_display_pixel(&screen, 0x20, 0x40, 0x80);

	(void)arg;
	for (long y = from; y < to; y++)
		for (uint32_t x = 0; x < screen.width; x++)
			memcpy(screen.pixels + y * screen.pitch + x * (screen.bits_per_pixel / 8),
			       &pixel, screen.bits_per_pixel / 8);
}

static void fill(void)
{
	bm_parallel_for(0, screen.height, 8, fill_lines, NULL);
}

static void fill_for_ever(void *arg)
{
	for (;;) {
		fill_lines(NULL, 0, screen.height);
		*(volatile bool *)arg = true;
	}
}

static void none(void)
{
	CHECK(bm_display_info(&screen) == -BM_ENODEV);
	CHECK(bm_display_take(&screen, 0) == -BM_ENODEV);
	bm_display_release();
	puts("no framebuffer");
}

static void steps(void)
{
	struct bm_display other;
	uint64_t phys;

	puts("first line");
	CHECK(bm_display_info(&screen) == 0);
	printf("%ux%u, %u bits\n", screen.width, screen.height, screen.bits_per_pixel);
	CHECK(bm_phys(screen.pixels, &phys) == 0 && phys == screen.phys);
	shot();

	/* All of it: no text any more. */
	CHECK(bm_display_take(&other, 1000) == -BM_ERANGE);
	CHECK(bm_display_take(&other, 0) == 0 && memcmp(&screen, &other, sizeof(screen)) == 0);
	CHECK(bm_display_take(&other, 0) == -BM_EBUSY);
	draw_pattern();
	puts("written behind");
	bm_log(BM_LOG_WARNING, "logged behind");
	shot();

	bm_display_release();
	bm_display_release();
	puts("given back");
	shot();

	/* Three rows of text stay. */
	CHECK(bm_display_take(&screen, 3) == 0 && screen.height < other.height);
	draw_pattern();
	puts("below the picture");
	shot();
	for (int i = 0; i < 100; i++)
		printf("row %d\n", i);
	shot();

	/* From all cores, and beyond the edges. */
	fill();
	uint8_t corner[4 * 2 * 3] = {255, 0, 0, 0, 255, 0, 0,   0,   255, 255, 255, 255,
				     1,   2, 3, 4, 5,   6, 255, 255, 0,   0,   255, 255};
	bm_display_draw(&screen, 10, 20, 4, 2, corner);
	bm_display_draw(&screen, screen.width - 2, screen.height - 1, 4, 2, corner);
	bm_display_draw(&screen, screen.width, 0, 4, 2, corner);
	bm_display_draw(&screen, UINT32_MAX, UINT32_MAX, 4, 2, corner);
	shot();
	bm_display_release();
	puts("done");
	shot();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "none";

	if (!strcmp(what, "none")) {
		none();
	} else if (!strcmp(what, "steps")) {
		steps();
	} else {
		static volatile bool drawn;

		puts("before");
		fflush(stdout);
		CHECK(bm_display_take(&screen, 0) == 0);
		if (argc > 2) {
			CHECK(bm_task_submit_to(1, NULL, fill_for_ever, (void *)&drawn) == 0);
			while (!drawn)
				;
		}
		draw_pattern();
		if (!strcmp(what, "crash"))
			*(volatile int *)(uintptr_t)(8 * argc) = 1; /* in page 0 */
	}
	return 0;
}
