/* SPDX-License-Identifier: MIT */
/*
 * Ends with the status and in the way that the arguments say: [return|exit|api|off|reboot] [N].
 */
#include <baremetal/system.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "return";
	int status = argc > 2 ? atoi(argv[2]) : 0;

	printf("about to end by %s", way); /* no newline: exit() must flush it */
	if (!strcmp(way, "exit"))
		exit(status);
	if (!strcmp(way, "return"))
		return status;
	fflush(stdout);
	if (!strcmp(way, "api"))
		bm_exit(status);
	if (!strcmp(way, "off"))
		bm_power_off();
	if (!strcmp(way, "reboot"))
		bm_reboot();
	return 99;
}
