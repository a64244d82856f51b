/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for the library's own locks in a program without a mutex: one stream for all,
 * and a file of each one's own. "locks DIRECTORY"
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../check.h"

#define THREADS 4
#define LINES   50
#define LINE    3000
#define ROUNDS  12
#define PIECE   6000

/* Or this would test nothing. */
extern __typeof__(pthread_mutex_lock) pthread_mutex_lock __attribute__((weak));

static const char *directory;
static FILE *stream;

static void *write_lines(void *argument)
{
	char line[LINE];

	memset(line, 'a' + (int)(uintptr_t)argument, LINE - 1);
	line[LINE - 1] = '\n';
	for (int i = 0; i < LINES; i++) {
		flockfile(stream);
		sched_yield(); /* the others find it taken by one that does not run */
		CHECK(fwrite(line, 1, LINE, stream) == LINE);
		CHECK(!fflush(stream));
		funlockfile(stream);
		if (i % 8 == 0)
			CHECK(printf("%c", line[0]) == 1 && !fflush(stdout));
	}
	return NULL;
}

static void *sync_file(void *argument)
{
	unsigned me = (unsigned)(uintptr_t)argument;
	char name[64], piece[PIECE], got[PIECE];

	snprintf(name, sizeof(name), "%s/own %u", directory, me);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int file = open(name, O_RDWR | O_CREAT, 0644);

		CHECK(file >= 0);
		memset(piece, (int)(me * ROUNDS + i), PIECE);
		CHECK(pwrite(file, piece, PIECE, i * PIECE) == PIECE);
		CHECK(!fsync(file));
		CHECK(pread(file, got, PIECE, i * PIECE) == PIECE && !memcmp(got, piece, PIECE));
		CHECK(!close(file));
	}
	return NULL;
}

static void run(void *(*function)(void *))
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, function, (void *)i));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
}

/* Each line whole, and as many of each thread. */
static void check_lines(void)
{
	static char line[LINE];
	int lines[THREADS] = {0};

	rewind(stream);
	while (fread(line, 1, LINE, stream) == LINE) {
		for (int i = 1; i < LINE - 1; i++)
			CHECK(line[i] == line[0]);
		CHECK(line[LINE - 1] == '\n' && line[0] >= 'a' && line[0] < 'a' + THREADS);
		lines[line[0] - 'a']++;
	}
	for (int i = 0; i < THREADS; i++)
		CHECK(lines[i] == LINES);
}

int main(int argc, char **argv)
{
	char name[64];

	CHECK(argc == 2 && !pthread_mutex_lock);
	directory = argv[1];
	snprintf(name, sizeof(name), "%s/lines", directory);
	stream = fopen(name, "w+");
	CHECK(stream);
	run(write_lines);
	check_lines();
	CHECK(!fclose(stream));
	run(sync_file);
	printf("\ndone\n");
	return 0;
}
