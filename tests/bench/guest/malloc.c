/* SPDX-License-Identifier: MIT */
/*
 * How many pairs of malloc() and free() a second one thread makes, and one thread a core.
 *
 *     malloc            through the cores' caches, as programs have it
 *     malloc newlib     through Newlib's malloc alone
 *     malloc wide       through the caches, blocks of 256 to 4,095 bytes
 *
 * Each thread holds 64 blocks, of 16 to 255 bytes, and replaces one at random. Prints NAME=NUMBER
 * lines.
 */
#include <pthread.h>
#include <reent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <baremetal/baremetal.h>

#define PAIRS  50000 /* of each thread */
#define HELD   64
#define ROUNDS 600 /* of which the best counts: what else the host does only slows */

static int newlib_alone;
static uint32_t least = 16, most = 255;

static void *pairs(void *argument)
{
	void *held[HELD] = {NULL};
	uint64_t random = (uintptr_t)argument;

	for (int i = 0; i < PAIRS; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint32_t r = random >> 33, size = least + r / HELD % (most - least + 1);
		void **place = &held[r % HELD];

		if (newlib_alone) {
			_free_r(_REENT, *place);
			*place = _malloc_r(_REENT, size);
		} else {
			free(*place);
			*place = malloc(size);
		}
	}
	for (int i = 0; i < HELD; i++)
		newlib_alone ? _free_r(_REENT, held[i]) : free(held[i]);
	return NULL;
}

/* Pairs a second, of so many threads together. */
static uint64_t speed(unsigned count)
{
	pthread_t threads[count];
	uint64_t start = bm_time_monotonic();

	for (uintptr_t i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, pairs, (void *)i))
			abort();
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return (uint64_t)PAIRS * count * 1000000 / ((bm_time_monotonic() - start) / 1000);
}

int main(int argc, char **argv)
{
	unsigned cores = bm_system_info()->cores;
	uint64_t one = 0, all = 0;

	newlib_alone = argc > 1 && !strcmp(argv[1], "newlib");
	if (argc > 1 && !strcmp(argv[1], "wide"))
		least = 256, most = 4095;
	for (int round = 0; round < (newlib_alone ? ROUNDS / 10 : ROUNDS); round++) {
		uint64_t now_one = speed(1), now_all = speed(cores);

		one = now_one > one ? now_one : one;
		all = now_all > all ? now_all : all;
	}
	printf("one=%lu\nall=%lu\n", one, all);
	return 0;
}
