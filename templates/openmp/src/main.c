/* SPDX-License-Identifier: MIT */
/*
 * Primes up to a number, by the sieve of Eratosthenes in segments that fit into a core's cache. The
 * segments are independent, so the loop over them is shared by the threads of a team; what they
 * find is summed up by a reduction.
 *
 * The argument is the number (10 to 4,000,000,000).
 */
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT 65536 /* numbers of a segment */
#define ROOT    63246 /* no larger factor is needed for the largest number */

static uint32_t primes[6500]; /* up to ROOT */
static int prime_count;

static void find_small_primes(void)
{
	static bool composite[ROOT + 1];

	for (uint32_t n = 2; n <= ROOT; n++) {
		if (composite[n])
			continue;
		primes[prime_count++] = n;
		for (uint32_t m = n * 2; m <= ROOT; m += n)
			composite[m] = true;
	}
}

/* The primes of first … last, at most SEGMENT numbers. */
static long count_segment(uint64_t first, uint64_t last)
{
	unsigned char composite[SEGMENT] = {0};
	long found = 0;

	for (int i = 0; i < prime_count; i++) {
		uint64_t p = primes[i], m = (first + p - 1) / p * p;

		if (p * p > last)
			break;
		for (m = m < p * p ? p * p : m; m <= last; m += p)
			composite[m - first] = 1;
	}
	for (uint64_t n = first; n <= last; n++)
		found += n >= 2 && !composite[n - first];
	return found;
}

static long count_primes(uint64_t limit)
{
	long found = 0, segments = limit / SEGMENT + 1;

#pragma omp parallel for schedule(dynamic) reduction(+ : found)
	for (long s = 0; s < segments; s++) {
		uint64_t first = (uint64_t)s * SEGMENT, last = first + SEGMENT - 1;

		found += count_segment(first, last < limit ? last : limit);
	}
	return found;
}

int main(int argc, char **argv)
{
	uint64_t limit = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
	int threads = omp_get_max_threads();

	if (limit < 10 || limit > 4000000000) {
		fprintf(stderr, "the number must be 10 to 4000000000\n");
		return 2;
	}
	find_small_primes();
	omp_set_num_threads(1);
	double start = omp_get_wtime();
	long alone = count_primes(limit);
	double middle = omp_get_wtime();
	omp_set_num_threads(threads);
	long together = count_primes(limit);
	double end = omp_get_wtime();

	printf("%ld primes up to %llu\n", together, (unsigned long long)limit);
	printf("one thread: %.1f ms, %d: %.1f ms, %.2f times as fast\n", 1e3 * (middle - start),
	       threads, 1e3 * (end - middle), (middle - start) / (end - middle));
	if (alone != together) {
		fprintf(stderr, "one thread finds %ld\n", alone);
		return 1;
	}
	return 0;
}
