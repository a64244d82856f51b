/* SPDX-License-Identifier: MIT */
/*
 * Says what fsync() has made durable, and then does nothing more until it is killed: test_synced.py
 * knows what it must find.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char data[200000];

static int put(const char *path, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

	memset(data, 'a' + (int)(size % 26), size);
	if (file < 0 || write(file, data, size) != (ssize_t)size || fsync(file))
		return -1;
	return 0; /* open, so that close() does not write either */
}

int main(void)
{
	if (put("/disk0/new", 1000) || put("/disk0/new", 3001) ||
	    put("/disk0/long", sizeof(data)) || put("/disk0/other", 20) ||
	    rename("/disk0/other", "/disk0/renamed") || put("/disk0/renamed", 21))
		return 1;
	puts("synced");
	fflush(stdout);
	for (;;)
		sleep(1);
}
