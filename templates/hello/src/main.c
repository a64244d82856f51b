/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <baremetal/system.h>

int main(int argc, char **argv)
{
	printf("Hello from %s, with nothing in between.\n", bm_system_info()->cpu_name);
	for (int i = 1; i < argc; i++)
		printf("argument %d: %s\n", i, argv[i]);
	return 0;
}
