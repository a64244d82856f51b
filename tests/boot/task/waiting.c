/* SPDX-License-Identifier: MIT */
/*
 * main() alone waits for a second, in pieces that are too short for a trial of the timer that is
 * watched: for a key that nobody types (waiting read), or in naps (waiting naps). waiting.py counts
 * what that costs.
 */
#include <baremetal/baremetal.h>
#include <string.h>
#include "../check.h"

#define NAP_NS 1500000

int main(int argc, char **argv)
{
	uint64_t end = bm_time_monotonic() + BM_SECOND;
	char key;

	CHECK(argc == 2);
	if (!strcmp(argv[1], "read"))
		CHECK(bm_console_read(&key, 1, end) == -BM_ETIMEDOUT);
	while (bm_time_monotonic() < end)
		bm_sleep_until(bm_time_monotonic() + NAP_NS);
	return 0;
}
