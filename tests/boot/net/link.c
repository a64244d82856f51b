/* SPDX-License-Identifier: MIT */
/*
 * The cable is pulled and put back, again and again (link.py does that to device 1): each change is
 * seen by who waits for frames, frames pass whenever the link is up, and the device is never taken
 * for broken. Ends when `changes` have been seen, with the link up.
 */
#include <baremetal/net.h>
#include <stdbool.h>
#include <string.h>
#include "../check.h"

#define CHANGES 6

static struct bm_net_queue *a, *b;

static bool send(struct bm_net_queue *q)
{
	struct bm_net_buffer *frame = bm_net_take(q);
	CHECK(frame);
	memset(frame->data, 0xff, 60);
	frame->data[12] = 0x88;
	frame->data[13] = 0xb5;
	frame->bytes = 60;
	int result = bm_net_send(q, &frame, 1);
	CHECK(result >= 0);
	if (!result)
		bm_net_give(q, frame);
	return result;
}

int main(void)
{
	struct bm_net_link link = {0};
	struct bm_net_info info;
	unsigned passed = 0, woken = 0, seen = 0, while_up = 0;
	bool was_up = false;

	a = bm_net_open(0, 0);
	b = bm_net_open(1, 0);
	CHECK(a && b);
	puts("ready");
	uint64_t end = bm_time_monotonic() + 90 * BM_SECOND;
	while (bm_time_monotonic() < end) {
		struct bm_net_buffer *frame;
		/* Both ways: what leaves without a link is lost, and must not block for ever. */
		send(a);
		send(b);
		int result = bm_net_wait(b, BM_NET_RECEIVE, bm_time_monotonic() + BM_SECOND / 20);
		CHECK(result == 0 || result == -BM_ETIMEDOUT);
		woken += result == 0;
		unsigned before = passed;
		while (bm_net_receive(b, &frame, 1) == 1) {
			passed++;
			bm_net_give(b, frame);
		}
		while (bm_net_receive(a, &frame, 1) == 1)
			bm_net_give(a, frame);
		CHECK(bm_net_link(1, &link) == 0);
		if (link.up != was_up) {
			printf("link %s, %u Mbit/s, %u changes\n", link.up ? "up" : "down",
			       link.speed, link.changes);
			was_up = link.up;
			seen++;
			while_up = 0;
		}
		if (link.up)
			while_up += passed - before;
		/* Frames have passed since it came up last. */
		if (seen >= CHANGES && link.up && while_up > 3)
			break;
	}
	CHECK(!bm_net_info(1, &info));
	printf("%u changes seen, %u counted, %u frames, woken %u times\n", seen, info.link.changes,
	       passed, woken);
	CHECK(seen >= CHANGES && info.link.changes >= seen && while_up > 3);
	CHECK(!info.resets && !(info.flags & BM_NET_FAILED));
	return 0;
}
