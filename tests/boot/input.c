/* SPDX-License-Identifier: MIT */
/*
 * Console input: shows each byte up to "q" as <hex>. With an argument, first
 * checks the contract of bm_console_read() while nothing is typed.
 */
#include <baremetal/console.h>
#include <baremetal/time.h>
#include <stdio.h>
#include <string.h>

static int check_idle(void)
{
	char c;
	if (bm_console_read(&c, 0, 0) != 0)
		return 10;
	if (bm_console_read(&c, 1, 0) != -BM_EAGAIN)
		return 11;
	uint64_t start = bm_time_monotonic();
	if (bm_console_read(&c, 1, start + BM_SECOND / 10) != -BM_ETIMEDOUT)
		return 12;
	uint64_t waited = bm_time_monotonic() - start;
	if (waited < BM_SECOND / 10 || waited > 5 * BM_SECOND)
		return 13;
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;
	char buffer[16];

	(void)argv;
	if (argc > 1)
		status = check_idle();
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		long n =
		    bm_console_read(buffer, sizeof buffer, bm_time_monotonic() + 20 * BM_SECOND);
		if (n <= 0)
			return 20;
		for (long i = 0; i < n; i++) {
			printf("<%02x>", buffer[i] & 0xff);
			fflush(stdout);
			if (buffer[i] == 'q') {
				printf("\n");
				return status;
			}
		}
	}
}
