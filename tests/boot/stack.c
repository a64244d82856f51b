/* SPDX-License-Identifier: MIT */
/*
 * Uses as many KiB of the main stack as argv[1] says.
 */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 10;
	volatile char *block = alloca(size);
	for (size_t i = size; i; i -= i < 4096 ? i : 4096)
		block[i - 1] = 1;
	printf("used %zu KiB\n", size >> 10);
	return 0;
}
