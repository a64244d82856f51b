/* SPDX-License-Identifier: MIT */
/* Lines for the log, before and after the network's start, and one at the very end: for test_syslog.py. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <baremetal/baremetal.h>

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 0;
	char text[64];

	bm_log(BM_LOG_INFO, "before the network");
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0)
		return 1;
	bm_log(BM_LOG_ERROR, "an error: with a colon");
	bm_log(BM_LOG_WARNING, "tab\tescape\033[31m");
	bm_log(BM_LOG_DEBUG, "detail");
	bm_log(BM_LOG_INFO, "two\nlines:");
	usleep(2500000); /* an address by DHCP, and the first second */
	for (int i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "line %d", i);
		bm_log(BM_LOG_INFO, text);
	}
	if (count)
		usleep(3500000);
	bm_log(BM_LOG_INFO, "the last words");
	return 0;
}
