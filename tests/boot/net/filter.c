/* SPDX-License-Identifier: MIT */
/*
 * What a network device lets in: from device 0 to device 1, to addresses of all kinds, under each
 * filter; and with another address of its own. A device may let more multicast through than it was
 * told to, as long as it tells what is its own and what is not. `exact`: it may not.
 */
#include <baremetal/net.h>
#include <stdbool.h>
#include <string.h>
#include "../check.h"

enum { OWN, OTHER, ALL, GROUP, GROUP_OTHER, KINDS };

static uint8_t addresses[KINDS][6] = {
    [OTHER] = {2, 9, 9, 9, 9, 9},
    [ALL] = {255, 255, 255, 255, 255, 255},
    [GROUP] = {1, 0, 0x5e, 1, 2, 3},
    [GROUP_OTHER] = {0x33, 0x33, 0, 1, 0xab, 0xcd},
};
static struct bm_net_queue *a, *b;

static void send(const uint8_t *to, uint8_t mark)
{
	struct bm_net_buffer *frame = bm_net_take(a);
	CHECK(frame);
	memset(frame->data, mark, 64);
	memcpy(frame->data, to, 6);
	memset(frame->data + 6, 2, 6);
	frame->data[12] = 0x88;
	frame->data[13] = 0xb5;
	frame->bytes = 64;
	CHECK(bm_net_send(a, &frame, 1) == 1);
}

/* Which kinds come. Each round ends with frames to all, that always do. */
static unsigned come(void)
{
	uint64_t end = bm_time_monotonic() + 20 * BM_SECOND;
	unsigned set = 0;

	for (uint8_t kind = 0; kind < KINDS; kind++)
		send(addresses[kind], kind);
	send(addresses[ALL], 100);
	while (bm_time_monotonic() < end) {
		struct bm_net_buffer *frame;
		if (bm_net_receive(b, &frame, 1) != 1) {
			bm_net_wait(b, BM_NET_RECEIVE, end);
			continue;
		}
		uint8_t mark = frame->data[20];
		bm_net_give(b, frame);
		if (mark == 100)
			return set;
		CHECK(mark < KINDS && !(set & 1u << mark));
		set |= 1u << mark;
	}
	CHECK(!"the last frame came");
	return 0;
}

int main(int argc, char **argv)
{
	static const uint8_t mac[] = {2, 1, 2, 3, 4, 5}, group[] = {1, 0, 0, 0, 0, 0};
	bool exact = argc > 1 && !strcmp(argv[1], "exact");
	struct bm_net_info info;

	a = bm_net_open(0, 0);
	b = bm_net_open(1, 0);
	CHECK(a && b && !bm_net_info(1, &info));
	memcpy(addresses[OWN], info.mac, 6);
	const unsigned own = 1 << OWN | 1 << ALL, groups = 1 << GROUP | 1 << GROUP_OTHER;
	CHECK(come() == (own | groups)); /* at first */
	if (info.flags & BM_NET_CAN_FILTER) {
		CHECK(bm_net_filter(1, 0, (const void *)addresses[GROUP], 1) == 0);
		unsigned set = come();
		CHECK((set & ~(1u << GROUP_OTHER)) == (own | 1 << GROUP));
		CHECK(!exact || set == (own | 1 << GROUP));
		CHECK(bm_net_filter(1, 0, NULL, 0) == 0);
		set = come();
		CHECK((set & ~groups) == own && (!exact || set == own));
		CHECK(bm_net_filter(1, BM_NET_ALL_MULTICAST, NULL, 0) == 0);
		CHECK(come() == (own | groups));
		CHECK(bm_net_filter(1, BM_NET_PROMISCUOUS, NULL, 0) == 0);
		CHECK(come() == (own | groups | 1 << OTHER));
		CHECK(bm_net_filter(1, 0, NULL, 0) == 0);
	}
	CHECK(bm_net_set_mac(1, group) == -BM_EINVAL);
	if (info.flags & BM_NET_CAN_SET_MAC) {
		CHECK(bm_net_set_mac(1, mac) == 0);
		memcpy(addresses[OTHER], info.mac, 6);
		memcpy(addresses[OWN], mac, 6);
		unsigned set = come();
		CHECK((set & ~groups) == own);
		CHECK(!bm_net_info(1, &info) && !memcmp(info.mac, mac, 6));
		/* It keeps that over a restart. */
		CHECK(bm_net_configure(1, 1, 0) == 0);
		set = come();
		CHECK((set & ~groups) == own);
	}
	printf("%s: flags 0x%x\n", info.name, info.flags);
	return 0;
}
