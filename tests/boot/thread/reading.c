/* SPDX-License-Identifier: MIT */
/*
 * Waiting for input: other threads run meanwhile, and it can be cancelled; cancellation in
 * read(), write() and their kin. The two lines "hello" and "world" are typed once it says
 * "type now".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../check.h"

static sem_t ready, go;
static volatile bool counting = true;
static int cleaned;

static void clean(void *argument)
{
	cleaned += (int)(intptr_t)argument;
}

static void *read_for_ever(void *argument)
{
	char line[80];

	pthread_cleanup_push(clean, (void *)1);
	sem_post(&ready);
	read(STDIN_FILENO, line, sizeof line);
	CHECK(!"read() came back");
	pthread_cleanup_pop(0);
	return argument;
}

static void *read_line(void *argument)
{
	char *line = argument;
	ssize_t size = read(STDIN_FILENO, line, 80);

	CHECK(size > 0);
	line[size - 1] = 0;
	counting = false;
	return line;
}

/* One waits for a key, another one for its turn to do so: both end, and what they held is free. */
static void test_cancel_readers(void)
{
	pthread_t readers[2];
	void *result;

	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&readers[i], NULL, read_for_ever, NULL));
	for (int i = 0; i < 2; i++)
		sem_wait(&ready);
	usleep(20000);
	for (int i = 1; i >= 0; i--) {
		CHECK(!pthread_cancel(readers[i]) && !pthread_join(readers[i], &result));
		CHECK(result == PTHREAD_CANCELED);
	}
	CHECK(cleaned == 2);
}

/* A thread computes, and lets others run now and then, while one waits for a line. */
static void test_others_run(void)
{
	char line[80], second[80];
	pthread_t reader;
	void *result;

	CHECK(!pthread_create(&reader, NULL, read_line, line));
	for (int i = 0; i < 1000; i++) {
		CHECK(counting);
		sched_yield();
	}
	usleep(5000);
	printf("type now\n");
	fflush(stdout);
	while (counting)
		sched_yield();
	CHECK(!pthread_join(reader, &result) && !strcmp(result, "hello"));
	CHECK(fgets(second, sizeof second, stdin) && !strcmp(second, "world\n"));
}

/* Each function that is a cancellation point, with the request made before. */
static void *be_cancelled(void *argument)
{
	char text[4] = "abc";
	struct iovec piece = {text, 3};
	int file;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	file = open("/tmp/file", O_RDWR | O_CREAT, 0666);
	CHECK(file >= 0 && write(file, text, 3) == 3);
	sem_post(&ready);
	sem_wait(&go);
	CHECK(lseek(file, 0, SEEK_SET) == 0 && read(file, text, 3) == 3); /* not while disabled */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	fprintf(stderr, "."); /* stdio holds locks: it is none */
	switch ((intptr_t)argument) {
	case 0:
		read(file, text, 3);
		break;
	case 1:
		write(file, text, 3);
		break;
	case 2:
		readv(file, &piece, 1);
		break;
	case 3:
		writev(file, &piece, 1);
		break;
	case 4:
		pread(file, text, 3, 0);
		break;
	case 5:
		pwrite(file, text, 3, 0);
		break;
	case 6:
		fsync(file);
		break;
	case 7:
		open("/tmp/other", O_RDWR | O_CREAT, 0666);
		break;
	case 8:
		openat(AT_FDCWD, "/tmp/other", O_RDWR | O_CREAT, 0666);
		break;
	case 9:
		close(file);
		break;
	default:
		pthread_testcancel();
	}
	CHECK(!"cancelled");
	return NULL;
}

static void test_points(void)
{
	pthread_t t;
	void *result;

	for (intptr_t i = 0; i <= 10; i++) {
		CHECK(!pthread_create(&t, NULL, be_cancelled, (void *)i));
		sem_wait(&ready);
		CHECK(!pthread_cancel(t));
		sem_post(&go);
		CHECK(!pthread_join(t, &result) && result == PTHREAD_CANCELED);
	}
	CHECK(access("/tmp/other", F_OK) == -1 && errno == ENOENT);
}

/* What a cancelled thread still does on its way out is not cancelled once more. */
static void wait_once_more(void *argument)
{
	char text[4];
	int file = open("/tmp/file", O_RDONLY);

	sem_wait(argument);
	usleep(2000);
	CHECK(file >= 0 && read(file, text, 3) == 3 && !close(file));
	cleaned++;
}

static void *end_slowly(void *argument)
{
	pthread_cleanup_push(wait_once_more, argument);
	sem_post(&ready);
	for (;;)
		sleep(100);
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_end_waits(void)
{
	pthread_t t;
	void *result;

	cleaned = 0;
	CHECK(!pthread_create(&t, NULL, end_slowly, &go));
	sem_wait(&ready);
	CHECK(!pthread_cancel(t));
	usleep(5000);
	CHECK(!cleaned);
	sem_post(&go);
	CHECK(!pthread_join(t, &result) && result == PTHREAD_CANCELED && cleaned == 1);
}

int main(void)
{
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	test_cancel_readers();
	test_points();
	test_end_waits();
	test_others_run();
	printf("done\n");
	return 0;
}
