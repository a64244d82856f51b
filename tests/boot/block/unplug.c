/* SPDX-License-Identifier: MIT */
/*
 * A disk that is pulled out while it works: its slot, a PCI Express port's, is switched off. Each
 * request is answered once, in bounded time; what was read before is right; and from then on the
 * disk is gone: -BM_ENODEV, at once.
 */
#include <baremetal/block.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"
#include "../pull_out.h"

#define SLOTS  16
#define SIZE   4096
#define BEFORE 300 /* requests before it is pulled out */

static unsigned calls[SLOTS];

static void done(struct bm_block_request *request)
{
	calls[(uintptr_t)request->user]++;
}

int main(void)
{
	static struct bm_block_request requests[SLOTS];
	static struct bm_block_segment segments[SLOTS];
	unsigned begun[SLOTS] = {0}, good = 0, gone = 0, other = 0, left = 0;
	struct bm_block_info info;
	int pulled = 0;

	CHECK(bm_block_info(0, &info) == 0);
	printf("%s at %s\n", info.name, info.address);
	for (uintptr_t i = 0; i < SLOTS; i++) {
		segments[i] = (struct bm_block_segment){aligned_alloc(4096, SIZE), SIZE};
		memset(segments[i].address, (int)i + 1, SIZE);
		CHECK(bm_block_write(0, i * 8, segments[i].address, SIZE, 0, BM_FOREVER) == 0);
	}
	CHECK(bm_block_set_timeout(0, 2 * BM_SECOND) == 0);
	uint64_t end = bm_time_monotonic() + 60 * BM_SECOND;
	while ((left || gone + other < 3 * SLOTS) && bm_time_monotonic() < end) {
		for (uintptr_t i = 0; i < SLOTS; i++) {
			struct bm_block_request *r = &requests[i], *list[] = {r};
			const unsigned char *memory = segments[i].address;
			if (begun[i] && calls[i]) {
				left--;
				begun[i] = 0;
				CHECK(calls[i] == 1);
				CHECK(r->status == 0 || r->status == -BM_ENODEV ||
				      r->status == -BM_EIO || r->status == -BM_ETIMEDOUT);
				CHECK(r->status == 0 || pulled);
				CHECK(r->status ||
				      (memory[0] == i + 1 && memory[SIZE - 1] == i + 1));
				good += r->status == 0;
				gone += r->status == -BM_ENODEV;
				other += r->status && r->status != -BM_ENODEV;
			}
			if (begun[i] || gone + other >= 3 * SLOTS)
				continue;
			memset(r, 0, sizeof *r);
			memset(segments[i].address, 0xee, SIZE);
			r->segment_count = 1;
			r->segments = &segments[i];
			r->sector = i * 8;
			r->done = done;
			r->user = (void *)i;
			calls[i] = 0;
			begun[i] = 1;
			left++;
			int taken;
			while ((taken = bm_block_submit(0, list, 1)) == 0)
				bm_block_poll(0, BM_BLOCK_ALL_QUEUES);
			CHECK(taken == 1);
		}
		bm_block_poll(0, BM_BLOCK_ALL_QUEUES);
		if (!pulled && good >= BEFORE) {
			CHECK(pull_out() == 0);
			pulled = 1;
		}
	}
	bm_block_info(0, &info);
	printf("%u good, %u gone, %u other errors, %lu resets\n", good, gone, other,
	       (unsigned long)info.resets);
	CHECK(left == 0 && good >= BEFORE && gone > 0);
	uint64_t start = bm_time_monotonic();
	CHECK(bm_block_read(0, 0, segments[0].address, SIZE, BM_FOREVER) == -BM_ENODEV);
	CHECK(bm_block_flush(0, BM_FOREVER) == -BM_ENODEV);
	CHECK(bm_time_monotonic() - start < BM_SECOND);
	return check_status();
}
