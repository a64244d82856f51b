/* SPDX-License-Identifier: MIT */
/*
 * A ray tracer: spheres over a chequered floor, one light, hard shadows, mirrors. Rows of the
 * picture cost different amounts of work, so the threads take them one at a time.
 *
 * The arithmetic is plain: +, -, *, / and square roots of doubles, all exact to the last bit
 * wherever IEEE 754 holds, and no fused multiplication (-ffp-contract=off). So one picture can be
 * compared with another.
 *
 * Where the machine has a framebuffer, the picture appears there while it is computed: first on
 * one core, then on all; below it stands how long each took.
 *
 * Arguments: width, height, and the word `base64` to have the picture's file printed.
 */
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIRRORS   5 /* reflections that are followed */
#define FILE_NAME "/tmp/picture.ppm"
#define TEXT_ROWS 3 /* of the screen, that the console keeps */

struct vector {
	double x, y, z;
};

struct sphere {
	struct vector centre;
	double radius;
	struct vector colour;
	double mirror; /* how much of the light it reflects as a mirror does, 0 to 1 */
};

static const struct sphere spheres[] = {
    {{0.0, 1.0, 6.0}, 1.0, {0.9, 0.2, 0.2}, 0.3},  {{-2.2, 0.8, 5.0}, 0.8, {0.2, 0.4, 0.9}, 0.2},
    {{2.1, 0.7, 4.6}, 0.7, {0.2, 0.8, 0.3}, 0.2},  {{0.9, 0.35, 3.4}, 0.35, {0.9, 0.8, 0.2}, 0.1},
    {{-0.8, 0.3, 3.2}, 0.3, {0.8, 0.3, 0.8}, 0.4}, {{-1.2, 1.9, 8.5}, 1.9, {0.7, 0.7, 0.7}, 0.7},
    {{3.4, 1.3, 8.0}, 1.3, {0.9, 0.5, 0.1}, 0.3},
};
#define SPHERES (sizeof spheres / sizeof *spheres)

static const struct vector light = {-4, 7, -2}, eye = {0, 1.4, -2};

static struct vector add(struct vector a, struct vector b)
{
	return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

static struct vector times(struct vector a, double k)
{
	return (struct vector){a.x * k, a.y * k, a.z * k};
}

static struct vector from_to(struct vector a, struct vector b)
{
	return (struct vector){b.x - a.x, b.y - a.y, b.z - a.z};
}

static double dot(struct vector a, struct vector b)
{
	return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector unit(struct vector a)
{
	return times(a, 1 / sqrt(dot(a, a)));
}

/* How far along the ray it meets the sphere; 0: never. */
static double meet(const struct sphere *sphere, struct vector start, struct vector way)
{
	struct vector to = from_to(start, sphere->centre);
	double middle = dot(to, way);
	double square = middle * middle - dot(to, to) + sphere->radius * sphere->radius;

	if (square < 0)
		return 0;
	double half = sqrt(square);
	if (middle - half > 1e-6)
		return middle - half;
	return middle + half > 1e-6 ? middle + half : 0;
}

static bool in_shadow(struct vector place, struct vector way, double distance)
{
	for (unsigned i = 0; i < SPHERES; i++) {
		double t = meet(&spheres[i], place, way);

		if (t > 0 && t < distance)
			return true;
	}
	return false;
}

/* The light that comes along a ray. */
static struct vector look(struct vector start, struct vector way)
{
	struct vector seen = {0, 0, 0};
	double share = 1;

	for (int bounce = 0; bounce <= MIRRORS; bounce++) {
		const struct sphere *hit = NULL;
		double nearest = 1e9;
		struct vector colour, normal;
		double mirror;

		for (unsigned i = 0; i < SPHERES; i++) {
			double t = meet(&spheres[i], start, way);

			if (t > 0 && t < nearest)
				nearest = t, hit = &spheres[i];
		}
		if (way.y < -1e-9 && -start.y / way.y < nearest && -start.y / way.y > 1e-6)
			nearest = -start.y / way.y, hit = NULL;
		else if (!hit) { /* the sky */
			struct vector sky = {0.5 - 0.3 * way.y, 0.7 - 0.3 * way.y,
					     1.0 - 0.2 * way.y};

			return add(seen, times(sky, share));
		}
		struct vector place = add(start, times(way, nearest));
		if (hit) {
			normal = times(from_to(hit->centre, place), 1 / hit->radius);
			colour = hit->colour;
			mirror = hit->mirror;
		} else {
			bool white = ((long)floor(place.x) + (long)floor(place.z)) & 1;

			normal = (struct vector){0, 1, 0};
			colour = white ? (struct vector){0.9, 0.9, 0.85}
				       : (struct vector){0.2, 0.25, 0.3};
			mirror = 0.15;
		}
		struct vector to_light = from_to(place, light);
		double distance = sqrt(dot(to_light, to_light));
		to_light = times(to_light, 1 / distance);
		double bright = 0.15, cosine = dot(normal, to_light);
		if (cosine > 0 && !in_shadow(place, to_light, distance))
			bright += 0.85 * cosine;
		seen = add(seen, times(colour, share * (1 - mirror) * bright));
		share *= mirror;
		start = place;
		way = unit(add(way, times(normal, -2 * dot(way, normal))));
	}
	return seen;
}

static uint8_t level(double light)
{
	return light >= 1 ? 255 : light <= 0 ? 0 : (uint8_t)(light * 255 + 0.5);
}

#ifdef __baremetal__
#include <baremetal/display.h>

static struct bm_display screen; /* height 0: there is none */

static bool screen_open(void)
{
	return bm_display_take(&screen, TEXT_ROWS) == 0;
}

/* A row of a picture in the middle of the screen. */
static void screen_show(const uint8_t *pixels, int row, int width, int height)
{
	uint32_t left = (uint32_t)width < screen.width ? (screen.width - width) / 2 : 0,
		 top = (uint32_t)height < screen.height ? (screen.height - height) / 2 : 0;

	bm_display_draw(&screen, left, top + row, width, 1, pixels);
}
#else /* on the host */
static struct {
	unsigned width, height;
} screen;

static bool screen_open(void)
{
	return false;
}

static void screen_show(const uint8_t *pixels, int row, int width, int height)
{
	(void)pixels, (void)row, (void)width, (void)height;
}
#endif

/* Four rays a pixel. Returns the seconds that it took. */
static double render(uint8_t *pixels, int width, int height, int threads)
{
	double start = omp_get_wtime();

#pragma omp parallel for num_threads(threads) schedule(dynamic)
	for (int row = 0; row < height; row++) {
		uint8_t *pixel = pixels + 3 * (size_t)row * width;

		for (int column = 0; column < width; column++, pixel += 3) {
			struct vector sum = {0, 0, 0};

			for (int part = 0; part < 4; part++) {
				double x = column + 0.25 + 0.5 * (part & 1),
				       y = row + 0.25 + 0.5 * (part >> 1);
				struct vector way = {(2 * x - width) / height,
						     (height - 2 * y) / height - 0.15, 2};

				sum = add(sum, look(eye, unit(way)));
			}
			pixel[0] = level(sum.x / 4);
			pixel[1] = level(sum.y / 4);
			pixel[2] = level(sum.z / 4);
		}
		if (screen.height)
			screen_show(pixel - 3 * width, row, width, height);
	}
	return omp_get_wtime() - start;
}

/* FNV-1a, 64 bits. */
static uint64_t checksum(const uint8_t *bytes, size_t count)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < count; i++)
		sum = (sum ^ bytes[i]) * 0x100000001b3;
	return sum;
}

static void print_base64(const uint8_t *bytes, size_t count)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	puts("BEGIN");
	for (size_t i = 0; i < count; i += 3) {
		uint32_t group = bytes[i] << 16 | (i + 1 < count ? bytes[i + 1] << 8 : 0) |
				 (i + 2 < count ? bytes[i + 2] : 0);

		putchar(digits[group >> 18]);
		putchar(digits[group >> 12 & 63]);
		putchar(i + 1 < count ? digits[group >> 6 & 63] : '=');
		putchar(i + 2 < count ? digits[group & 63] : '=');
		if (i % 57 == 54 || i + 3 >= count)
			putchar('\n');
	}
	puts("END");
}

int main(int argc, char **argv)
{
	int width = argc > 1 ? atoi(argv[1]) : 320, height = argc > 2 ? atoi(argv[2]) : 240;
	int threads = omp_get_max_threads();
	bool print = argc > 3 && !strcmp(argv[3], "base64");

	if (width < 1 || height < 1 || width > 16384 || height > 16384 || (argc > 3 && !print) ||
	    argc > 4) {
		fprintf(stderr, "usage: raytracer [WIDTH HEIGHT [base64]], each 1 to 16384\n");
		return 2;
	}
	bool on_screen = screen_open();
	if (on_screen && argc == 1)
		width = screen.width, height = screen.height;
	char header[40];
	size_t head = snprintf(header, sizeof header, "P6\n%d %d\n255\n", width, height);
	size_t size = 3 * (size_t)width * height;
	uint8_t *file = malloc(head + size), *other = calloc(size, 1);
	if (!file || !other) {
		fprintf(stderr,
			"out of memory: give the machine more (baremetal run --memory 512M)\n");
		return 1;
	}
	memcpy(file, header, head);
	double alone = render(file + head, width, height, 1);
	for (int row = 0; on_screen && row < height; row++) /* away with it, to see the next one */
		screen_show(other, row, width, height);
	double together = render(other, width, height, threads);

	printf("%d x %d pixels, checksum %016llx\n", width, height,
	       (unsigned long long)checksum(file + head, size));
	printf("one core %.1f ms, %d: %.1f ms, %.2f times as fast\n", 1e3 * alone, threads,
	       1e3 * together, alone / together);
	if (memcmp(file + head, other, size) != 0) {
		fprintf(stderr, "the pictures of one core and of all differ\n");
		return 1;
	}
	FILE *out = fopen(FILE_NAME, "wb");
	if (!out || fwrite(file, 1, head + size, out) != head + size || fclose(out)) {
		perror(FILE_NAME);
		return 1;
	}
	if (print)
		print_base64(file, head + size);
	if (on_screen) { /* the machine would go off, and its screen with it */
		printf("press Enter to end ");
		fflush(stdout);
		getchar();
	}
	return 0;
}
