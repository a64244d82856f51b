/* SPDX-License-Identifier: MIT */
/*
 * Every thread waits, and nothing is left but a device that somebody has armed: not a deadlock.
 *
 *     armed block    device 0, which lets two requests a second through (QEMU's throttling)
 *     armed net      from device 0 to device 1, whose frames are held for a while (filter-buffer)
 */
#include <baremetal/block.h>
#include <baremetal/net.h>
#include <baremetal/task.h>
#include <baremetal/time.h>
#include <semaphore.h>
#include <string.h>
#include "../check.h"

#define ROUNDS    4
#define LONG_WAIT (BM_SECOND / 4) /* a look for a deadlock comes after a tenth */

static sem_t answer;
static uint64_t longest;

static void wait_for_answer(void)
{
	uint64_t start = bm_time_monotonic();

	sem_wait(&answer);
	uint64_t waited = bm_time_monotonic() - start;
	longest = waited > longest ? waited : longest;
}

/* ---- A disk ---- */

static void done(struct bm_block_request *request)
{
	(void)request;
	sem_post(&answer);
}

static void wait_for_disk(void)
{
	struct bm_block_info info;

	CHECK(bm_block_info(0, &info) == 0);
	char *memory = aligned_alloc(4096, info.sector_size);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bm_block_segment segment = {memory, info.sector_size};
		struct bm_block_request request = {.operation = BM_BLOCK_READ,
						   .segment_count = 1,
						   .segments = &segment,
						   .done = done,
						   .sector = i};
		struct bm_block_request *list[] = {&request};

		CHECK(bm_block_submit(0, list, 1) == 1);
		CHECK(bm_block_arm(0, request.queue) >= 0);
		wait_for_answer();
		CHECK(request.status == 0);
	}
	free(memory);
}

/* ---- A network ---- */

static void send(struct bm_net_queue *queue)
{
	struct bm_net_buffer *frame = bm_net_take(queue);

	CHECK(frame);
	memset(frame->data, 0, 64);
	memset(frame->data, 0xff, 6);
	frame->data[6] = 2;
	frame->data[12] = 0x88; /* the type for experiments */
	frame->data[13] = 0xb5;
	frame->bytes = 64;
	CHECK(bm_net_send(queue, &frame, 1) == 1);
}

static void frames(void *argument)
{
	(void)argument;
	sem_post(&answer);
}

static void wait_for_net(void)
{
	struct bm_net_queue *from = bm_net_open(0, 0), *to = bm_net_open(1, 0);

	CHECK(from && to);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bm_net_buffer *frame;

		send(from);
		while (bm_net_receive(to, &frame, 1) != 1) {
			int result = bm_net_arm(to, BM_NET_RECEIVE, frames, NULL);

			CHECK(result >= 0);
			if (result == 0)
				wait_for_answer();
		}
		bm_net_give(to, frame);
	}
}

int main(int argc, char **argv)
{
	CHECK(argc == 2 && sem_init(&answer, 0, 0) == 0);
	if (!strcmp(argv[1], "block"))
		wait_for_disk();
	else
		wait_for_net();
	printf("waited for %lu ms\n", (unsigned long)(longest / 1000000));
	CHECK(longest > LONG_WAIT);
	return 0;
}
