/* SPDX-License-Identifier: MIT */
/*
 * The Mandelbrot set in letters. Rows cost very different amounts of work, so the cores take them
 * one at a time as they become free; how much of the picture belongs to the set is summed up by a
 * reduction. Both are done once on one core and once on all, and must agree.
 *
 * The argument is the number of columns (8 to 400).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/parallel.h>
#include <baremetal/system.h>
#include <baremetal/time.h>

#define LIMIT 500 /* iterations after which a point is taken to belong to the set */
#define FINE  4   /* points in each direction that a letter stands for */

struct picture {
	int columns, rows;
	char *letters; /* rows of columns */
};

/* The steps until the point leaves the circle of radius 2, at most LIMIT. */
static int steps(double x, double y)
{
	double a = 0, b = 0;
	int n = 0;

	while (n < LIMIT && a * a + b * b < 4) {
		double next = a * a - b * b + x;

		b = 2 * a * b + y;
		a = next;
		n++;
	}
	return n;
}

static int steps_at(const struct picture *picture, double column, double row)
{
	return steps(-2.2 + 3.2 * column / picture->columns, -1.2 + 2.4 * row / picture->rows);
}

/* Rows from … to - 1. */
static void draw(void *argument, long from, long to)
{
	static const char shades[] = " .:-=+*%#";
	const struct picture *picture = argument;

	for (long row = from; row < to; row++)
		for (int column = 0; column < picture->columns; column++) {
			int n = steps_at(picture, column + 0.5, row + 0.5);

			picture->letters[row * picture->columns + column] =
			    n == LIMIT ? '@' : shades[n < 64 ? n / 8 : 8];
		}
}

/* Count the points of rows from … to - 1 that belong to the set; each row is FINE rows of points.
 */
static void count(void *argument, long from, long to, void *partial)
{
	const struct picture *picture = argument;
	uint64_t *inside = partial;

	for (long row = from * FINE; row < to * FINE; row++)
		for (long column = 0; column < picture->columns * FINE; column++)
			*inside +=
			    steps_at(picture, (column + 0.5) / FINE, (row + 0.5) / FINE) == LIMIT;
}

static void add(void *argument, void *result, const void *partial)
{
	(void)argument;
	*(uint64_t *)result += *(const uint64_t *)partial;
}

int main(int argc, char **argv)
{
	struct picture picture = {.columns = argc > 1 ? atoi(argv[1]) : 78};
	uint32_t cores = bm_system_info()->cores;
	uint64_t alone = 0, together = 0;

	if (picture.columns < 8 || picture.columns > 400) {
		fprintf(stderr, "the number of columns must be 8 to 400\n");
		return 2;
	}
	picture.rows = picture.columns * 3 / 8;
	size_t size = (size_t)picture.columns * picture.rows;
	char *first = malloc(size), *second = malloc(size);
	if (!first || !second) {
		fprintf(stderr,
			"out of memory: give the machine more (baremetal run --memory 256M)\n");
		return 1;
	}

	uint64_t start = bm_time_monotonic();
	picture.letters = first;
	draw(&picture, 0, picture.rows);
	count(&picture, 0, picture.rows, &alone);
	uint64_t middle = bm_time_monotonic();
	picture.letters = second;
	bm_parallel_for(0, picture.rows, 1, draw, &picture);
	if (bm_parallel_reduce(0, picture.rows, 1, count, add, &picture, &together,
			       sizeof together))
		return 1;
	uint64_t end = bm_time_monotonic();

	for (int row = 0; row < picture.rows; row++)
		printf("%.*s\n", picture.columns, second + row * picture.columns);
	printf("area %.3f\n", 3.2 * 2.4 * together / ((double)size * FINE * FINE));
	printf("one core: %.1f ms, all %" PRIu32 ": %.1f ms, %.2f times as fast\n",
	       (middle - start) / 1e6, cores, (end - middle) / 1e6,
	       (double)(middle - start) / (end - middle));
	if (alone != together || memcmp(first, second, size) != 0) {
		fprintf(stderr, "the two pictures differ\n");
		return 1;
	}
	return 0;
}
