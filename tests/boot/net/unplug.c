/* SPDX-License-Identifier: MIT */
/*
 * A network device that is pulled out while it works: its slot, a PCI Express port's, is switched
 * off. From then on its functions say -BM_ENODEV, in bounded time, whoever asks: by polling, by
 * waiting, by the link; all buffers are back, and the other device goes on. unplug poll|wait
 */
#include <baremetal/net.h>
#include <stdbool.h>
#include <string.h>
#include "../check.h"
#include "../pull_out.h"

#define BEFORE 300 /* frames before it is pulled out */

static struct bm_net_buffer *make_frame(struct bm_net_queue *q)
{
	struct bm_net_buffer *frame = bm_net_take(q);
	CHECK(frame);
	memset(frame->data, 0xff, 60);
	frame->data[12] = 0x88;
	frame->data[13] = 0xb5;
	frame->bytes = 60;
	return frame;
}

int main(int argc, char **argv)
{
	bool waits = argc > 1 && !strcmp(argv[1], "wait");
	uint32_t in_slot = 0, other;
	struct bm_net_info info, infos[2];
	struct bm_net_buffer *frame = NULL;
	struct bm_net_link link;
	unsigned passed = 0;
	int result = 0;

	CHECK(!bm_net_info(0, &infos[0]) && !bm_net_info(1, &infos[1]));
	/* The one in the slot is not on bus 0. */
	in_slot = strncmp(infos[1].address, "pci 00:", 7) ? 1 : 0;
	other = 1 - in_slot;
	printf("%s at %s will be pulled out\n", infos[in_slot].name, infos[in_slot].address);
	struct bm_net_queue *q = bm_net_open(in_slot, 0), *o = bm_net_open(other, 0);
	CHECK(q && o);
	uint64_t end = bm_time_monotonic() + 60 * BM_SECOND;
	bool pulled = false;
	while (bm_time_monotonic() < end) {
		if (!frame)
			frame = make_frame(q);
		result = pulled && waits ? 0 : bm_net_send(q, &frame, 1);
		if (result == 1)
			frame = NULL;
		struct bm_net_buffer *got;
		while (bm_net_receive(o, &got, 1) == 1) {
			passed++;
			bm_net_give(o, got);
		}
		if (result >= 0)
			result = bm_net_receive(q, &got, 1);
		if (result == 1)
			bm_net_give(q, got);
		if (result < 0)
			break;
		if (pulled && waits)
			bm_net_wait(q, BM_NET_RECEIVE, bm_time_monotonic() + BM_SECOND);
		if (!pulled && passed >= BEFORE) {
			CHECK(pull_out() == 0);
			pulled = true;
		}
	}
	printf("%u frames passed; then %d\n", passed, result);
	CHECK(result == -BM_ENODEV && pulled);
	CHECK(bm_net_receive(q, &frame, 1) == -BM_ENODEV);
	CHECK(bm_net_reclaim(q) == -BM_ENODEV);
	CHECK(bm_net_wait(q, BM_NET_RECEIVE, BM_FOREVER) == -BM_ENODEV);
	CHECK(bm_net_link(in_slot, &link) == -BM_ENODEV && !link.up);
	CHECK(!bm_net_info(in_slot, &info) && info.flags & BM_NET_FAILED);
	bm_net_give(NULL, frame);
	/* The other one goes on. */
	frame = make_frame(o);
	CHECK(bm_net_send(o, &frame, 1) == 1);
	end = bm_time_monotonic() + 10 * BM_SECOND;
	do {
		CHECK(bm_net_reclaim(o) >= 0 && !bm_net_info(other, &info));
	} while (info.buffers_free + info.receive_ring != info.buffers &&
		 bm_time_monotonic() < end);
	CHECK(info.buffers_free + info.receive_ring == info.buffers && !info.resets);
	return 0;
}
