/* SPDX-License-Identifier: MIT */
/*
 * malloc() from many threads: blocks do not overlap, whoever frees them.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS  200
#define THREADS 8

static uint32_t random_of(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *state >> 33;
}

/* Blocks that wander from thread to thread, filled with their size. */
static struct block {
	size_t size;
	unsigned char bytes[];
} * shared[BLOCKS];

static struct block *make(uint64_t *random)
{
	size_t size = random_of(random) % (random_of(random) % 8 ? 600 : 20000);
	struct block *block = random_of(random) % 4 ? malloc(sizeof *block + size)
						    : realloc(malloc(1), sizeof *block + size);

	if (block) {
		block->size = size;
		memset(block->bytes, (int)size, size);
	}
	return block;
}

static void destroy(struct block *block)
{
	if (!block)
		return;
	for (size_t i = 0; i < block->size; i++) {
		if (block->bytes[i] != (unsigned char)block->size) {
			printf("a block was overwritten\n");
			exit(1);
		}
	}
	free(block);
}

static void *wander(void *argument)
{
	uint64_t random = (uintptr_t)argument;

	for (int i = 0; i < 20000; i++) {
		struct block *block = random_of(&random) % 3 ? make(&random) : NULL;

		destroy(__atomic_exchange_n(&shared[random_of(&random) % BLOCKS], block,
					    __ATOMIC_ACQ_REL));
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, wander, (void *)i))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < BLOCKS; i++)
		destroy(shared[i]);
	printf("done\n");
	return 0;
}
