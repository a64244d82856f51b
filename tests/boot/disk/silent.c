/* SPDX-License-Identifier: MIT */
/*
 * A disk that does not answer: an open() waits for it, and those that follow get their error at
 * once, until as much time has passed again. Ends with 0 if so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <baremetal/block.h>
#include <baremetal/time.h>

/* Whether the disk was asked, for it is reset each time that it does not answer. */
static int opens(uint64_t *took)
{
	struct bm_block_info before, after;
	uint64_t begun = bm_time_monotonic();

	bm_block_info(0, &before);
	if (open("/disk0/f", O_RDONLY) != -1 || errno != EIO)
		return -1;
	bm_block_info(0, &after);
	*took = bm_time_monotonic() - begun;
	printf("%u resets in %u ms\n", (unsigned)(after.resets - before.resets),
	       (unsigned)(*took / 1000000));
	return after.resets != before.resets;
}

int main(void)
{
	uint64_t took, end, unused;

	if (bm_block_set_timeout(0, BM_SECOND) || opens(&took) != 1)
		return 1;
	end = bm_time_monotonic();
	for (int i = 0; i < 5; i++)
		if (opens(&unused) && bm_time_monotonic() - end < took / 2)
			return 2;
	bm_sleep_until(end + 2 * took);
	return opens(&took) == 1 ? 0 : 3;
}
