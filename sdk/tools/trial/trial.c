/* SPDX-License-Identifier: MIT */
/*
 * The guest by which `baremetal run` finds out whether KVM works here: it uses
 * what ordinary programs use. There are hosts whose KVM starts a guest, and fails at the
 * first vector instruction, or never delivers an interrupt.
 *
 * Ends with status 0 if every result is right.
 */
#include <baremetal/baremetal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ELEMENTS 4096
#define ROUNDS   50

/* Vector and floating-point instructions over memory, with a sum that is known. */
static int vectors(void)
{
	double *a = malloc(ELEMENTS * sizeof *a), *b = malloc(ELEMENTS * sizeof *b), sum = 0;
	if (!a || !b)
		return 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < ELEMENTS; i++)
			a[i] = i * 0.5;
		memcpy(b, a, ELEMENTS * sizeof *a);
		for (int i = 0; i < ELEMENTS; i++)
			b[i] += a[i];
	}
	for (int i = 0; i < ELEMENTS; i++)
		sum += b[i];
	free(a);
	free(b);
	return sum == ELEMENTS * (ELEMENTS - 1.0) / 2;
}

/* Text through the C library. */
static int text(void)
{
	char line[64];
	snprintf(line, sizeof line, "%.3f %d %s", 1.0 / 3, -42, "words");
	return !strcmp(line, "0.333 -42 words");
}

/* The clock moves, and a halted core is woken. */
static int clock_and_sleep(void)
{
	uint64_t start = bm_time_monotonic();
	for (int i = 0; i < 5; i++)
		nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
	uint64_t passed = bm_time_monotonic() - start;
	return passed >= 20000000 && passed < 2 * BM_SECOND;
}

int main(void)
{
	return vectors() && text() && clock_and_sleep() ? EXIT_SUCCESS : EXIT_FAILURE;
}
