/* SPDX-License-Identifier: MIT */
/*
 * What two of the host's processors give: times of a loop in one thread, and of the same loop in
 * two threads at once that share nothing. A host that others use, or whose processors share a core,
 * gives less than twice; no guest on it can then have more. Prints one=NS and two=NS.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define ROUNDS     60
#define ITERATIONS 5000000

static void *loop(void *argument)
{
	volatile double value = 1;

	for (int i = 0; i < ITERATIONS; i++)
		value = value * 1.0000001;
	return argument;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

int main(void)
{
	uint64_t best[2] = {UINT64_MAX, UINT64_MAX};

	for (int round = 0; round < ROUNDS; round++)
		for (int more = 0; more < 2; more++) {
			uint64_t start = now();
			pthread_t thread;

			if (more && pthread_create(&thread, NULL, loop, NULL))
				return 1;
			loop(NULL);
			if (more)
				pthread_join(thread, NULL);
			uint64_t took = now() - start;
			if (took < best[more])
				best[more] = took;
		}
	printf("one=%lu\ntwo=%lu\n", (unsigned long)best[0], (unsigned long)best[1]);
	return 0;
}
