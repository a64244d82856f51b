/* SPDX-License-Identifier: MIT */
/*
 * What close() says of a disk that takes the data and no flush, or all: closed EIO | closed 0. Ends
 * with 0 if each close() said what it should.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int failed;

static void expect(const char *what, int result, int wanted)
{
	int error = result ? errno : 0;

	printf("%s: %s\n", what, error ? strerror(error) : "done");
	failed |= error != wanted;
}

int main(int argc, char **argv)
{
	int error = argc > 1 && !strcmp(argv[1], "EIO") ? EIO : 0;
	int file = open("/disk0/grown", O_RDWR | O_CREAT, 0644), other;
	FILE *stream = fopen("/disk0/stream", "w");

	if (!stream || fputs("text", stream) < 0 || write(file, "x", 1) != 1)
		return 1;
	other = dup(file);
	expect("one of two", close(file), 0);
	expect("the last one", close(other), error);
	errno = 0;
	expect("it is closed", close(other), EBADF);
	expect("a stream", fclose(stream), error);
	file = open("/disk0/grown", O_RDONLY);
	expect("it is tried again", close(file), error);
	return failed;
}
