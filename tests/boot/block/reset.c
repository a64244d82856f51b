/* SPDX-License-Identifier: MIT */
/*
 * A real device that answers too late: QEMU's throttling lets four requests a second through, and
 * the kernel gives each a tenth of a second. So the device is reset again and again, with requests
 * under way; each is answered once, and what was told to be written is there.
 */
#include <baremetal/block.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"

#define COUNT 12
#define SIZE  4096

static unsigned calls[COUNT];

static void done(struct bm_block_request *request)
{
	calls[(uintptr_t)request->user]++;
}

int main(void)
{
	struct bm_block_request requests[COUNT], *list[COUNT];
	struct bm_block_segment segments[COUNT];
	struct bm_block_info info;
	unsigned answered = 0, good = 0, count = COUNT;

	CHECK(bm_block_info(0, &info) == 0);
	count = info.depth < count ? info.depth : count;
	CHECK(bm_block_set_timeout(0, BM_SECOND / 10) == 0);
	for (uintptr_t i = 0; i < count; i++) {
		segments[i] = (struct bm_block_segment){aligned_alloc(4096, SIZE), SIZE};
		memset(segments[i].address, (int)i + 1, SIZE);
		memset(&requests[i], 0, sizeof requests[i]);
		requests[i].operation = BM_BLOCK_WRITE;
		requests[i].segment_count = 1;
		requests[i].segments = &segments[i];
		/* Apart: QEMU joins neighbours. */
		requests[i].sector = i * 16 * SIZE / info.sector_size;
		requests[i].user = (void *)i;
		requests[i].done = done;
		list[i] = &requests[i];
	}
	CHECK(bm_block_submit(0, list, count) == (int)count);
	uint64_t end = bm_time_monotonic() + 40 * BM_SECOND;
	while (answered < count && bm_time_monotonic() < end) {
		bm_block_poll(0, BM_BLOCK_ALL_QUEUES);
		answered = 0;
		for (unsigned i = 0; i < count; i++)
			answered += calls[i] != 0;
		bm_sleep_until(bm_time_monotonic() + 1000000);
	}
	for (unsigned i = 0; i < count; i++) {
		CHECK(calls[i] == 1);
		CHECK(requests[i].status == 0 || requests[i].status == -BM_ETIMEDOUT);
		good += requests[i].status == 0;
	}
	bm_block_info(0, &info);
	printf("%u of %u written, %lu resets, %lu retries\n", good, count,
	       (unsigned long)info.resets, (unsigned long)info.retries);
	CHECK(info.resets > 0);
	CHECK(info.errors == count - good);

	/* With time enough the device works as before. */
	CHECK(bm_block_set_timeout(0, BM_BLOCK_TIMEOUT) == 0);
	for (unsigned i = 0; i < count; i++) {
		unsigned char *memory = segments[i].address;
		memset(memory, 0, SIZE);
		CHECK(bm_block_read(0, requests[i].sector, memory, SIZE, BM_FOREVER) == 0);
		CHECK(requests[i].status || (memory[0] == i + 1 && memory[SIZE - 1] == i + 1));
	}

	/* A deadline, that is too soon: answered in time, and its memory is the caller's again. */
	unsigned late = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t start = bm_time_monotonic();
		int status = bm_block_read(0, 0, segments[0].address, SIZE, start + BM_SECOND / 50);
		CHECK(status == 0 || status == -BM_ETIMEDOUT);
		CHECK(bm_time_monotonic() - start < 20 * BM_SECOND);
		late += status == -BM_ETIMEDOUT;
		memset(segments[0].address, 0x77, SIZE);
	}
	printf("%u of 4 too late\n", late);
	CHECK(late > 0);
	bm_sleep_until(bm_time_monotonic() + BM_SECOND);
	CHECK(((unsigned char *)segments[0].address)[100] == 0x77);
	CHECK(bm_block_read(0, 0, segments[0].address, SIZE, BM_FOREVER) == 0);
	return check_status();
}
