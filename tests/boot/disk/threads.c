/* SPDX-License-Identifier: MIT */
/*
 * Threads on /disk0 at once: each has a file of its own, that it fills, reads, renames, replaces
 * and removes; all share one, where each owns every Nth piece of it, which do not begin with
 * sectors. One counts meanwhile: who waits for a disk leaves the core to others.
 */
#include <baremetal/bmfs.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../libc/check.h"

#define THREADS 8
#define ROUNDS  8
#define PIECE   1000
#define PIECES  8
#define LARGE   (300 * 1024)

static int shared;
static unsigned long counted;
static int running = THREADS;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define CHECK_HERE(condition)                                                                      \
	do {                                                                                       \
		int good_ = !!(condition);                                                         \
		pthread_mutex_lock(&lock);                                                         \
		checks++;                                                                          \
		if (!good_) {                                                                      \
			failures++;                                                                \
			printf("%s:%d: thread %u, round %u: %s (errno %d)\n", __FILE__, __LINE__,  \
			       me, round, #condition, errno);                                      \
		}                                                                                  \
		pthread_mutex_unlock(&lock);                                                       \
	} while (0)

static void fill(uint8_t *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 7 + seed * 13 + i / 255);
}

static void *work(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument, round = 0;
	uint8_t *data = aligned_alloc(4096, LARGE + 4096), *got = aligned_alloc(4096, LARGE + 4096);
	uint8_t piece[PIECE];
	char name[32], other[32];

	snprintf(name, sizeof(name), "/disk0/file %u", me);
	snprintf(other, sizeof(other), "/disk0/next %u", me);
	for (; round < ROUNDS; round++) {
		size_t size = LARGE - me * 1000 - round * 700, shift = round % 3 * 2;
		int file = open(round % 2 ? other : name, O_RDWR | O_CREAT | O_TRUNC, 0644);

		CHECK_HERE(file >= 0);
		fill(data + shift, size, me + round);
		CHECK_HERE(write(file, data + shift, size) == (long)size);
		memset(got, 0, size);
		CHECK_HERE(pread(file, got, size, 0) == (long)size);
		CHECK_HERE(!memcmp(got, data + shift, size));
		if (round % 8 == me % 8)
			CHECK_HERE(fsync(file) == 0);
		for (unsigned i = me; i < PIECES * THREADS; i += THREADS) {
			memset(piece, (int)(me + round), PIECE);
			if (pwrite(shared, piece, PIECE, i * PIECE) != PIECE)
				CHECK_HERE(!"a piece could be written");
		}
		unsigned wrong = 0;
		for (unsigned i = me; i < PIECES * THREADS; i += THREADS) {
			wrong += pread(shared, piece, PIECE, i * PIECE) != PIECE;
			for (unsigned j = 0; j < PIECE; j++)
				wrong += piece[j] != (uint8_t)(me + round);
		}
		CHECK_HERE(!wrong);
		CHECK_HERE(close(file) == 0);
		if (round % 2) {
			CHECK_HERE(rename(other, name) == 0);
			struct stat status;
			CHECK_HERE(!stat(name, &status) && status.st_size == (long)size);
		} else if (round % 5 == 4) {
			CHECK_HERE(unlink(name) == 0);
		}
	}
	free(data);
	free(got);
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *count(void *argument)
{
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST)) {
		counted++;
		sched_yield();
	}
	return argument;
}

int main(void)
{
	pthread_t threads[THREADS + 1];

	shared = open("/disk0/shared", O_RDWR | O_CREAT, 0644);
	CHECK(shared >= 0);
	CHECK(ftruncate(shared, PIECES * THREADS * PIECE) == 0);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i));
	CHECK(!pthread_create(&threads[THREADS], NULL, count, NULL));
	for (unsigned i = 0; i <= THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	printf("counted %lu\n", counted);
	CHECK(counted > THREADS * ROUNDS);
	return check_status();
}
