/* SPDX-License-Identifier: MIT */
/*
 * Checksums and segmentation by a network device, from device 0 to device 1: offload NAME=VALUE …
 *
 *   driver=NAME   what their names must begin with
 *   fragments=1   a large frame may come as fragments of IP instead of segments: QEMU's e1000e does
 *                 that before its version 8
 *
 * Whatever a device says that it can do is tried: UDP and TCP over IPv4 and IPv6, of many sizes;
 * each frame that comes is checked in software, headers, checksums and data. What comes with a
 * wrong checksum must not be called good.
 */
#include <baremetal/net.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "../check.h"

#define UDP         17
#define TCP         6
#define TCP_HEADER  20
#define UDP_HEADER  8
#define ANSWER_NS   (10 * BM_SECOND)
#define IPV4_MORE   0x2000
#define IPV4_OFFSET 0x1fff
#define LARGE_MOST  60000

static struct bm_net_info info_a, info_b;
static struct bm_net_queue *a, *b;
static bool fragments;
static unsigned good, segments, seen_fragments;
static uint8_t sent[65536], arrived[65536];

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t sum(const uint8_t *at, uint32_t bytes, uint32_t start)
{
	for (uint32_t i = 0; i < bytes; i++)
		start += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* Of a pseudo-header; the IP header is at `ip`. */
static uint32_t pseudo(const uint8_t *ip, uint32_t protocol, uint32_t bytes)
{
	bool v4 = ip[0] >> 4 == 4;
	return sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, protocol + bytes);
}

/* All headers of a packet of `total` bytes; the checksum is that of the pseudo-header. */
static uint32_t headers(uint8_t *at, bool v6, uint32_t protocol, uint32_t total)
{
	uint32_t l4 = v6 ? 54 : 34, header = l4 + (protocol == TCP ? TCP_HEADER : UDP_HEADER);
	memset(at, 0, header);
	memcpy(at, info_b.mac, 6);
	memcpy(at + 6, info_a.mac, 6);
	put16(at + 12, v6 ? 0x86dd : 0x0800);
	if (v6) {
		at[14] = 0x60;
		put16(at + 18, total - l4);
		at[20] = protocol;
		at[21] = 64;
		memset(at + 22, 0xfd, 16);
		memset(at + 38, 0xfe, 16);
	} else {
		at[14] = 0x45;
		put16(at + 16, total - 14);
		put16(at + 18, 0x4321);
		at[22] = 64;
		at[23] = protocol;
		memset(at + 26, 10, 4);
		memset(at + 30, 11, 4);
		put16(at + 24, ~sum(at + 14, 20, 0));
	}
	put16(at + l4, 1000);
	put16(at + l4 + 2, 2000);
	if (protocol == TCP) {
		at[l4 + 12] = TCP_HEADER / 4 << 4;
		at[l4 + 13] = 0x19; /* ACK, PSH, FIN */
		put16(at + l4 + 16, pseudo(at + 14, protocol, total - l4));
	} else {
		put16(at + l4 + 4, total - l4);
		put16(at + l4 + 6, pseudo(at + 14, protocol, total - l4));
	}
	return header;
}

static struct bm_net_buffer *take(void)
{
	struct bm_net_buffer *frame = bm_net_take(a);
	CHECK(frame);
	return frame;
}

static void send(struct bm_net_buffer *frame)
{
	uint64_t end = bm_time_monotonic() + ANSWER_NS;
	int result;
	while ((result = bm_net_send(a, &frame, 1)) == 0 && bm_time_monotonic() < end)
		;
	CHECK(result == 1);
}

static struct bm_net_buffer *receive(void)
{
	uint64_t end = bm_time_monotonic() + ANSWER_NS;
	struct bm_net_buffer *frame = NULL;
	int result;
	while ((result = bm_net_receive(b, &frame, 1)) == 0 && bm_time_monotonic() < end)
		bm_net_wait(b, BM_NET_RECEIVE, end);
	CHECK(result == 1 && !frame->next);
	return frame;
}

/* A frame of this size arrives with a right checksum; `wrong`: with the wrong one it was sent with.
 */
static void one(bool v6, uint32_t protocol, uint32_t bytes, bool wrong)
{
	struct bm_net_buffer *frame = take();
	uint32_t l4 = v6 ? 54 : 34, header = headers(frame->data, v6, protocol, bytes);
	for (uint32_t i = header; i < bytes; i++)
		frame->data[i] = i * 7 + bytes;
	frame->bytes = bytes;
	if (wrong || !(info_a.flags & BM_NET_CAN_CHECKSUM)) {
		uint32_t field = l4 + (protocol == TCP ? 16 : 6);
		uint32_t right = ~sum(frame->data + l4, bytes - l4, 0) & 0xffff;
		put16(frame->data + field, (right ? right : 0xffff) ^ (wrong ? 0x100 : 0));
	} else {
		frame->flags = BM_NET_CHECKSUM_PARTIAL;
		frame->checksum_start = l4;
		frame->checksum_offset = protocol == TCP ? 16 : 6;
	}
	send(frame);
	frame = receive();
	const uint8_t *at = frame->data;
	CHECK(frame->bytes == (bytes < 60 ? 60 : bytes));
	for (uint32_t i = header; i < bytes; i++)
		CHECK(at[i] == (uint8_t)(i * 7 + bytes));
	bool right = sum(at + l4, bytes - l4, pseudo(at + 14, protocol, bytes - l4)) == 0xffff;
	/* One that never was on a wire has the sum of the pseudo-header alone. */
	if (!(frame->flags & BM_NET_CHECKSUM_PARTIAL))
		CHECK(right == !wrong);
	CHECK(!(frame->flags & BM_NET_CHECKSUM_GOOD) || (!wrong && info_b.accepted));
	CHECK((frame->flags & ~(BM_NET_CHECKSUM_GOOD | BM_NET_CHECKSUM_PARTIAL)) == 0);
	good += frame->flags & BM_NET_CHECKSUM_GOOD;
	bm_net_give(b, frame);
}

/* What one packet of a large frame holds: its place in the data; the bytes. */
static uint32_t take_packet(const uint8_t *at, uint32_t bytes, bool v6, uint32_t total,
			    uint32_t mss, uint32_t *place)
{
	uint32_t l4 = v6 ? 54 : 34, header = l4 + TCP_HEADER;
	bool piece = !v6 && get16(at + 20) & (IPV4_MORE | IPV4_OFFSET);

	CHECK(bytes > l4 && (v6 || sum(at + 14, 20, 0) == 0xffff));
	if (!v6) {
		CHECK(get16(at + 16) + 14 <= bytes);
		bytes = get16(at + 16) + 14;
	}
	if (piece) {
		uint32_t offset = 8 * (get16(at + 20) & IPV4_OFFSET);
		CHECK(fragments);
		seen_fragments++;
		*place = offset ? offset - TCP_HEADER : 0;
		header = offset ? l4 : header;
	} else {
		uint32_t sequence = get16(at + l4 + 4) << 16 | get16(at + l4 + 6);
		CHECK(bytes > header && bytes - header <= mss);
		CHECK(get16(at + (v6 ? 18 : 16)) == bytes - (v6 ? l4 : 14));
		CHECK(sum(at + l4, bytes - l4, pseudo(at + 14, TCP, bytes - l4)) == 0xffff);
		/* PSH and FIN are the last one's. */
		CHECK((at[l4 + 13] & 9) == (sequence + bytes - header == total ? 9 : 0));
		segments++;
		*place = sequence;
	}
	CHECK(*place + bytes - header <= total);
	memcpy(arrived + *place, at + header, bytes - header);
	return bytes - header;
}

static void large(bool v6, uint32_t data, uint32_t mss)
{
	struct bm_net_buffer *first = take(), *last = first;
	uint32_t header = headers(first->data, v6, TCP, (v6 ? 54 : 34) + TCP_HEADER + data), left,
		 at;

	for (uint32_t i = 0; i < data; i++)
		sent[i] = i * 13 + (i >> 8) + data;
	memset(arrived, 0, sizeof arrived);
	first->bytes = header + (data < 700 ? data : 700);
	memcpy(first->data + header, sent, first->bytes - header);
	at = first->bytes - header;
	for (left = data - at; left; left -= last->bytes, at += last->bytes) {
		last->next = take();
		last = last->next;
		last->bytes = left < BM_NET_ROOM ? left : BM_NET_ROOM;
		memcpy(last->data, sent + at, last->bytes);
	}
	first->flags = BM_NET_CHECKSUM_PARTIAL | (v6 ? BM_NET_SEGMENT_TCP6 : BM_NET_SEGMENT_TCP4);
	first->checksum_start = v6 ? 54 : 34;
	first->checksum_offset = 16;
	first->segment_size = mss;
	first->header_bytes = header;
	send(first);
	for (left = data; left;) {
		struct bm_net_buffer *frame = receive();
		uint32_t came = take_packet(frame->data, frame->bytes, v6, data, mss, &at);
		CHECK(came <= left);
		left -= came;
		bm_net_give(b, frame);
	}
	CHECK(!memcmp(sent, arrived, data));
}

int main(int argc, char **argv)
{
	const char *driver = "";
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "driver=", 7))
			driver = argv[i] + 7;
		fragments = fragments || !strcmp(argv[i], "fragments=1");
	}
	CHECK(bm_net_configure(0, 1, 0) == 0);
	CHECK(bm_net_configure(1, 1, BM_NET_ACCEPT_CHECKSUM) == 0);
	a = bm_net_open(0, 0);
	b = bm_net_open(1, 0);
	CHECK(a && b && !bm_net_info(0, &info_a) && !bm_net_info(1, &info_b));
	CHECK(!strncmp(info_a.name, driver, strlen(driver)));
	CHECK(info_b.accepted == (info_b.flags & BM_NET_ACCEPT_CHECKSUM));
	for (uint32_t v6 = 0; v6 < 2; v6++)
		for (uint32_t bytes = 80; bytes <= 1514; bytes += 1 + bytes % 97) {
			one(v6, UDP, bytes, false);
			one(v6, TCP, bytes, false);
			one(v6, TCP, bytes, true);
		}
	if (info_a.flags & BM_NET_CAN_SEGMENT_TCP4)
		for (uint32_t data = 1; data < LARGE_MOST; data = data * 3 + 11)
			large(false, data, data & 1 ? 1460 : 536);
	if (info_a.flags & BM_NET_CAN_SEGMENT_TCP6)
		for (uint32_t data = 1; data < LARGE_MOST; data = data * 3 + 11)
			large(true, data, 1440);
	CHECK(!bm_net_info(0, &info_a) && !bm_net_info(1, &info_b));
	printf("%s: flags 0x%x; called good by the receiver: %u; segments %u, fragments %u; errors "
	       "%lu\n",
	       info_a.name, info_a.flags, good, segments, seen_fragments,
	       (unsigned long)info_b.received_errors);
	CHECK(!info_a.refused && !info_a.resets && !info_b.resets && !info_b.received_errors);
	return 0;
}
