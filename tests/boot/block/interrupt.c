/* SPDX-License-Identifier: MIT */
/*
 * Does a device's interrupt wake a sleeping core? interrupt [yes|no] [device]
 *
 * The disk is a slow one (QEMU's throttling), so that each answer comes long after its request. The
 * core sleeps meanwhile; the answer must have been told by an interrupt, or, where none can reach
 * this machine, by time. In either way all requests are answered, once.
 */
#include <baremetal/block.h>
#include <baremetal/task.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"

#define ROUNDS 20

static volatile unsigned calls;

static void done(struct bm_block_request *request)
{
	(void)request;
	calls++;
}

int main(int argc, char **argv)
{
	int wanted = argc < 2 || !strcmp(argv[1], "yes");
	uint32_t device = argc > 2 ? atoi(argv[2]) : 0;
	struct bm_block_info info;
	struct bm_core_info core;

	CHECK(bm_block_info(device, &info) == 0);
	char *memory = aligned_alloc(4096, info.sector_size);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bm_block_segment segment = {memory, info.sector_size};
		struct bm_block_request r = {.operation = BM_BLOCK_READ,
					     .segment_count = 1,
					     .segments = &segment,
					     .done = done,
					     .sector = i};
		struct bm_block_request *list[] = {&r};
		CHECK(bm_block_submit(device, list, 1) == 1);
		CHECK(bm_block_arm(device, r.queue) >= 0);
		uint64_t end = bm_time_monotonic() + 20 * BM_SECOND;
		while (calls == i && bm_time_monotonic() < end) {
			/* Nothing here polls the device: only queued tasks run. */
			if (!bm_task_run_one())
				bm_sleep_until(bm_time_monotonic() + 100000);
		}
		CHECK(calls == i + 1 && r.status == 0);
	}
	bm_block_info(device, &info);
	printf("%s: %u answers, %lu interrupts\n", info.name, calls,
	       (unsigned long)info.interrupts);
	unsigned long armed = info.interrupts;
	/* The watch by time may see some of them first. */
	CHECK(wanted ? info.interrupts >= ROUNDS / 2 : info.interrupts == 0);

	/* Blocking: the core sleeps. */
	for (unsigned i = 0; i < ROUNDS; i++)
		CHECK(bm_block_read(device, i, memory, info.sector_size, BM_FOREVER) == 0);
	bm_block_info(device, &info);
	bm_core_info(0, &core);
	printf("%s: %lu interrupts, core 0 slept %lu ms\n", info.name,
	       (unsigned long)(info.interrupts - armed), (unsigned long)(core.sleep_ns / 1000000));
	CHECK(wanted ? info.interrupts - armed >= ROUNDS / 2 : info.interrupts == 0);
	CHECK(core.sleep_ns > 0);
	CHECK(info.resets == 0 && info.strays == 0 && info.errors == 0);
	return check_status();
}
