/* SPDX-License-Identifier: MIT */
/*
 * Fills /disk0 with one growing file beside a small one, and says on the console what is synced, in
 * MiB. The Nth 64-bit number of the file is N (test_grow.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT (1ul << 17) /* in a MiB */

static uint64_t numbers[COUNT];

int main(void)
{
	int small = open("/disk0/small", O_WRONLY | O_CREAT, 0644);
	int file = open("/disk0/large", O_WRONLY | O_CREAT, 0644);

	if (write(small, "small\n", 6) != 6 || fsync(small) || file < 0) {
		printf("small: %s\n", strerror(errno));
		return 1;
	}
	for (unsigned long mib = 0;;) {
		for (unsigned long i = 0; i < COUNT; i++)
			numbers[i] = mib * COUNT + i;
		if (write(file, numbers, sizeof numbers) < 0) {
			printf("the end: %s\n", strerror(errno));
			return errno != ENOSPC;
		}
		if (fsync(file)) {
			printf("fsync: %s\n", strerror(errno));
			return 1;
		}
		printf("synced %lu\n", ++mib);
		fflush(stdout);
	}
}
