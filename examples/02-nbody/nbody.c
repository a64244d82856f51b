/* SPDX-License-Identifier: MIT */
/*
 * Bodies that attract each other: every pair at each step (leapfrog integration, kick-drift-kick).
 * The gravitational constant is 1; a softening length keeps near passes finite.
 *
 * Arguments: the number of bodies, the number of steps.
 */
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOFTENING 0.05
#define STEP      0.001

struct vector {
	double x, y, z;
};

struct system {
	long count;
	struct vector *place, *speed, *force;
	double *mass;
};

static void *allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory) {
		fprintf(stderr,
			"out of memory: give the machine more (baremetal run --memory 512M)\n");
		exit(1);
	}
	return memory;
}

/* Between 0 and 1; the same sequence everywhere. */
static double random_number(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state = state * 6364136223846793005 + 1442695040888963407;
	return (double)(state >> 11) * 0x1p-53;
}

/* A disk that turns, of total mass 1. */
static struct system new_system(long count)
{
	struct system s = {count, allocate(count, sizeof *s.place),
			   allocate(count, sizeof *s.speed), allocate(count, sizeof *s.force),
			   allocate(count, sizeof *s.mass)};

	for (long i = 0; i < count; i++) {
		double r = sqrt(random_number()), angle = 2 * M_PI * random_number();
		double turn = sqrt(r / (1 + r * r));

		s.mass[i] = 1.0 / (double)count;
		s.place[i] =
		    (struct vector){r * cos(angle), r * sin(angle), 0.1 * (random_number() - 0.5)};
		s.speed[i] = (struct vector){-turn * sin(angle), turn * cos(angle), 0};
	}
	return s;
}

static struct system copy_system(const struct system *from)
{
	long n = from->count;
	struct system s = {n, allocate(n, sizeof *s.place), allocate(n, sizeof *s.speed),
			   allocate(n, sizeof *s.force), allocate(n, sizeof *s.mass)};

	memcpy(s.place, from->place, n * sizeof *s.place);
	memcpy(s.speed, from->speed, n * sizeof *s.speed);
	memcpy(s.mass, from->mass, n * sizeof *s.mass);
	return s;
}

static void find_forces(const struct system *s)
{
#pragma omp for schedule(static)
	for (long i = 0; i < s->count; i++) {
		struct vector sum = {0, 0, 0};

		for (long j = 0; j < s->count; j++) {
			double x = s->place[j].x - s->place[i].x, y = s->place[j].y - s->place[i].y,
			       z = s->place[j].z - s->place[i].z;
			double square = x * x + y * y + z * z + SOFTENING * SOFTENING;
			double pull = s->mass[j] / (square * sqrt(square)); /* nothing for j = i */

			sum.x += pull * x;
			sum.y += pull * y;
			sum.z += pull * z;
		}
		s->force[i] = sum;
	}
}

static void kick(const struct system *s, double time)
{
#pragma omp for schedule(static)
	for (long i = 0; i < s->count; i++) {
		s->speed[i].x += time * s->force[i].x;
		s->speed[i].y += time * s->force[i].y;
		s->speed[i].z += time * s->force[i].z;
	}
}

static void drift(const struct system *s, double time)
{
#pragma omp for schedule(static)
	for (long i = 0; i < s->count; i++) {
		s->place[i].x += time * s->speed[i].x;
		s->place[i].y += time * s->speed[i].y;
		s->place[i].z += time * s->speed[i].z;
	}
}

/* Returns the seconds that it took. */
static double run(const struct system *s, int steps, int threads)
{
	double start = omp_get_wtime();

#pragma omp parallel num_threads(threads)
	{
		find_forces(s);
		for (int step = 0; step < steps; step++) {
			kick(s, STEP / 2);
			drift(s, STEP);
			find_forces(s);
			kick(s, STEP / 2);
		}
	}
	return omp_get_wtime() - start;
}

static void print_sums(const char *when, const struct system *s)
{
	double energy = 0, x = 0, y = 0, z = 0;

#pragma omp parallel for reduction(+ : energy, x, y, z) schedule(dynamic, 8)
	for (long i = 0; i < s->count; i++) {
		const struct vector *v = &s->speed[i];

		energy += s->mass[i] * (v->x * v->x + v->y * v->y + v->z * v->z) / 2;
		x += s->mass[i] * v->x;
		y += s->mass[i] * v->y;
		z += s->mass[i] * v->z;
		for (long j = 0; j < i; j++) {
			double dx = s->place[j].x - s->place[i].x,
			       dy = s->place[j].y - s->place[i].y,
			       dz = s->place[j].z - s->place[i].z;

			energy -= s->mass[i] * s->mass[j] /
				  sqrt(dx * dx + dy * dy + dz * dz + SOFTENING * SOFTENING);
		}
	}
	printf("%s: energy %.6f, momentum %.6f\n", when, energy, sqrt(x * x + y * y + z * z));
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 400;
	int steps = argc > 2 ? atoi(argv[2]) : 10, threads = omp_get_max_threads();

	if (count < 2 || count > 1000000 || steps < 1) {
		fprintf(stderr, "usage: nbody [BODIES (2 to 1000000) [STEPS (at least 1)]]\n");
		return 2;
	}
	struct system all = new_system(count), one = copy_system(&all);

	print_sums("before", &all);
	double alone = run(&one, steps, 1), together = run(&all, steps, threads);
	print_sums("after", &all);
	printf("%ld bodies, %d steps: one core %.1f ms, %d: %.1f ms, %.2f times as fast\n", count,
	       steps, 1e3 * alone, threads, 1e3 * together, alone / together);
	if (memcmp(all.place, one.place, count * sizeof *all.place) != 0) {
		fprintf(stderr, "the results differ\n");
		return 1;
	}
	return 0;
}
