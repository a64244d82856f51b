/* SPDX-License-Identifier: MIT */
/*
 * What a 4 KiB read costs, from the API call to its answer, the wait left out: pair 0 is
 * bm_block_submit(); then the program waits until the device must be done; pair 1 is the
 * bm_block_poll() that answers. The disk's sectors hold their numbers, so the data are checked, too.
 */
#include <baremetal/baremetal.h>
#include <stdint.h>
#include <stdlib.h>
#include "marker.h"

#define ROUNDS 32
#define SIZE   4096
#define WAIT   (BM_SECOND / 100)

int main(void)
{
	char *memory = aligned_alloc(SIZE, SIZE);
	struct bm_block_segment segment = {memory, SIZE};
	struct bm_block_info info;

	if (bm_block_info(0, &info))
		return 2;
	for (uint64_t i = 0; i < ROUNDS; i++) {
		struct bm_block_request request = {.operation = BM_BLOCK_READ, .segment_count = 1,
						   .segments = &segment,
						   .sector = i * SIZE / info.sector_size};
		struct bm_block_request *list[] = {&request};
		int taken, answered;

		BENCH_START(0);
		taken = bm_block_submit(0, list, 1);
		BENCH_STOP(0);
		if (taken != 1 || request.status != BM_BLOCK_PENDING)
			return 3;
		bm_sleep_until(bm_time_monotonic() + WAIT);
		BENCH_START(1);
		answered = bm_block_poll(0, request.queue);
		if (answered == 1)
			BENCH_STOP(1);
		/* A busy host: too early, and this round does not count. */
		while (request.status == BM_BLOCK_PENDING)
			bm_block_poll(0, request.queue);
		if (request.status)
			return 4;
		for (int n = 0; n < SIZE / 8; n++)
			if (((uint64_t *)memory)[n] != i * SIZE / 8 + n)
				return 5;
	}
	return 0;
}
