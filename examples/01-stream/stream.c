/* SPDX-License-Identifier: MIT */
/*
 * Memory bandwidth after the published definition of the STREAM benchmark:
 *
 *     copy     c[i] = a[i]                 16 bytes an iteration
 *     scale    b[i] = q * c[i]             16
 *     add      c[i] = a[i] + b[i]          24
 *     triad    a[i] = b[i] + q * c[i]      24
 *
 * 8-byte elements, q = 3; bytes counted as the program reads and writes them, whatever the caches
 * add to that. Best of RUNS runs without the first. The arrays are first written by the threads
 * that use them.
 *
 * The argument is the number of elements of an array.
 */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS 10
#define Q    3.0

static double *restrict a, *restrict b, *restrict c;
static long n = 4000000;

static void copy(void)
{
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		c[i] = a[i];
}

static void scale(void)
{
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		b[i] = Q * c[i];
}

static void add(void)
{
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		c[i] = a[i] + b[i];
}

static void triad(void)
{
#pragma omp parallel for
	for (long i = 0; i < n; i++)
		a[i] = b[i] + Q * c[i];
}

static const struct {
	const char *name;
	void (*run)(void);
	int bytes; /* an iteration */
} kernels[] = {{"copy", copy, 16}, {"scale", scale, 16}, {"add", add, 24}, {"triad", triad, 24}};

#define KERNELS (sizeof kernels / sizeof *kernels)

static double *array(void)
{
	double *memory = aligned_alloc(64, (n * sizeof(double) + 63) / 64 * 64);

	if (!memory) {
		fprintf(stderr,
			"no memory for three arrays of %ld elements: give the machine more "
			"(baremetal run --memory), or name a smaller number\n",
			n);
		exit(1);
	}
	return memory;
}

/* Each element went through the same steps as these three numbers. */
static int check(void)
{
	double x = 2, y = 2, z = 0;

	for (int run = 0; run < RUNS; run++) {
		z = x;
		y = Q * z;
		z = x + y;
		x = y + Q * z;
	}
	long wrong = 0;
#pragma omp parallel for reduction(+ : wrong)
	for (long i = 0; i < n; i++)
		wrong += a[i] != x || b[i] != y || c[i] != z;
	printf("%ld elements of %ld are wrong\n", wrong, n);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	double best[KERNELS], worst[KERNELS], total[KERNELS];

	if (argc > 1)
		n = strtol(argv[1], NULL, 10);
	if (n < 1000 || n > 1L << 40) {
		fprintf(stderr, "the number of elements must be at least 1000\n");
		return 2;
	}
	a = array();
	b = array();
	c = array();
	printf("3 arrays of %ld elements, %.1f MB in all, %d threads\n", n,
	       3e-6 * n * sizeof(double), omp_get_max_threads());
#pragma omp parallel for
	for (long i = 0; i < n; i++) {
		a[i] = 2;
		b[i] = 2;
		c[i] = 0;
	}
	for (unsigned k = 0; k < KERNELS; k++)
		best[k] = DBL_MAX, worst[k] = total[k] = 0;
	for (int run = 0; run < RUNS; run++)
		for (unsigned k = 0; k < KERNELS; k++) {
			double start = omp_get_wtime();

			kernels[k].run();
			double time = omp_get_wtime() - start;
			if (run == 0)
				continue;
			best[k] = fmin(best[k], time);
			worst[k] = fmax(worst[k], time);
			total[k] += time;
		}
	printf("%-8s %12s %12s %12s %12s\n", "kernel", "best MB/s", "average ms", "least ms",
	       "most ms");
	for (unsigned k = 0; k < KERNELS; k++)
		printf("%-8s %12.1f %12.3f %12.3f %12.3f\n", kernels[k].name,
		       1e-6 * kernels[k].bytes * n / best[k], 1e3 * total[k] / (RUNS - 1),
		       1e3 * best[k], 1e3 * worst[k]);
	return check();
}
