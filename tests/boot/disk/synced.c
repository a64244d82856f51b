/* SPDX-License-Identifier: MIT */
/*
 * Says what fsync() has made durable, each time, and goes on when it gets a line. Then it does
 * nothing more until it is killed: test_synced.py knows what it must find.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char data[200000];

static void put(const char *path, size_t size)
{
	static int count;
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

	memset(data, 'a' + (int)(size % 26), size);
	if (file < 0 || write(file, data, size) != (ssize_t)size || fsync(file))
		exit(1);
	/* It stays open, so that close() does not write either. */
	printf("synced %d\n", ++count);
	fflush(stdout);
	if (getchar() == EOF)
		exit(2);
}

int main(void)
{
	put("/disk0/new", 1000);
	put("/disk0/new", 3001);
	put("/disk0/long", sizeof(data));
	put("/disk0/other", 20);
	if (rename("/disk0/other", "/disk0/renamed"))
		return 1;
	put("/disk0/renamed", 21);
	for (;;)
		sleep(1);
}
