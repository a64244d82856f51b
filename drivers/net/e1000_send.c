/* SPDX-License-Identifier: MIT */
/*
 * e1000, e1000e: the transmit ring. Sections: 317453 (see e1000_regs.h); the 82574's is the same.
 *
 * A frame without flags takes a legacy descriptor for each part. Others begin with a context
 * descriptor, that tells where checksums start and end, unless the device has just that one
 * already; what follows are data descriptors. Of a large frame the headers are copied, since the
 * device wants them without lengths (3.5.6). The last descriptor of each frame asks for a report.
 *
 * Offsets have 8 bits in a context: frames with their TCP header beyond 255 bytes are refused.
 */
#include <string.h>
#include "console/log.h"
#include "cpu/cpu.h"
#include "e1000.h"

#define PLAIN         (E1000_TX_EOP | E1000_TX_IFCS | E1000_TX_RS)
#define MASK          (E1000_TX_SLOTS - 1)
#define TCP_CHECKSUM  16 /* bytes from TCP's header */
#define TCP_LEAST     20
#define IPV4_LEAST    20
#define IPV4_LENGTH   2
#define IPV4_CHECKSUM 10
#define IPV6_LEAST    40
#define IPV6_LENGTH   4
#define VLAN          0x8100
#define VLAN_BYTES    4

/* The compiler shall compute this once, and not anew from what it came from. */
#define ONCE(pointer) __asm__("" : "+r"(pointer))

/* ---- What comes back ---- */

/* The last descriptor of the frame that begins here. There is one: each frame ends with its buffer.
 */
static inline uint32_t last_of(const struct e1000_nic *n, uint32_t slot)
{
	while (__builtin_expect(!n->sent[slot], 0))
		slot = (slot + 1) & MASK;
	return slot;
}

bool e1000_sent_one(const struct e1000_nic *n)
{
	uint32_t slot = n->tx_clean;
	if (slot == n->tx_tail)
		return true;
	/* From any core, while the ring may be in use: so bounded. */
	for (uint32_t i = 0; i < E1000_TX_SLOTS && !n->sent[slot]; i++)
		slot = (slot + 1) & MASK;
	return n->tx[slot].word & E1000_TX_DD;
}

static inline uint32_t reclaim(struct e1000_nic *n, struct bm_net_queue *q)
{
	uint32_t clean = n->tx_clean, tail = n->tx_tail, frames = 0;

	while (clean != tail) {
		uint32_t last = last_of(n, clean);
		uint64_t word = n->tx[last].word;
		if (!(word & E1000_TX_DD))
			break;
		struct bm_net_buffer *b = n->sent[last];
		n->sent[last] = NULL;
		n->tx_room += ((last - clean) & MASK) + 1;
		clean = (last + 1) & MASK;
		frames++;
		if (__builtin_expect((word & (E1000_TX_EC | E1000_TX_LC)) != 0, 0))
			__atomic_add_fetch(&q->sent_errors, 1, __ATOMIC_RELAXED);
		net_give(q, b);
	}
	if (frames) {
		n->tx_clean = clean;
		n->tx_done += frames;
		n->full_since = 0;
	}
	return frames;
}

int e1000_reclaim(struct bm_net_queue *q)
{
	return reclaim(q->state, q);
}

/* ---- What goes out ---- */

static void put(struct e1000_nic *n, uint64_t address, uint64_t word)
{
	n->tx[n->tx_tail].address = address;
	n->tx[n->tx_tail].word = word;
	n->tx_tail = (n->tx_tail + 1) & MASK;
	n->tx_room--;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/*
 * 3.5.6: a large frame's headers as the device wants them: no lengths, and a pseudo-header's sum
 * without one. `h` has frame->header_bytes of them. Gives the context descriptor's address word;
 * 0: they make no sense.
 */
static uint64_t prepare_headers(uint8_t *h, const struct bm_net_buffer *frame, uint32_t total)
{
	uint32_t ip = BM_NET_HEADER, tcp = frame->checksum_start;
	uint64_t context = E1000_TXC_TU(tcp, tcp + TCP_CHECKSUM);

	if (get16(h + ip - 2) == VLAN)
		ip += VLAN_BYTES;
	if (frame->checksum_offset != TCP_CHECKSUM || tcp + TCP_LEAST > frame->header_bytes)
		return 0;
	if (frame->flags & BM_NET_SEGMENT_TCP4) {
		if (ip + IPV4_LEAST > tcp || h[ip] >> 4 != 4)
			return 0;
		put16(h + ip + IPV4_LENGTH, 0);
		put16(h + ip + IPV4_CHECKSUM, 0);
		context |= E1000_TXC_IP(ip, ip + IPV4_CHECKSUM, tcp - 1);
	} else {
		if (ip + IPV6_LEAST > tcp || h[ip] >> 4 != 6)
			return 0;
		put16(h + ip + IPV6_LENGTH, 0);
		context |= E1000_TXC_IP(ip, 0, 0);
	}
	uint32_t sum = get16(h + tcp + TCP_CHECKSUM) + (~(total - tcp) & 0xffff);
	put16(h + tcp + TCP_CHECKSUM, (sum & 0xffff) + (sum >> 16));
	return context;
}

/*
 * A frame that is not one part without flags, or one of an unusual size. Returns its bytes; 0:
 * there is no room; -1: it is not as it has to be.
 */
static __attribute__((noinline)) int send_other(struct e1000_nic *n, struct bm_net_buffer *frame)
{
	uint32_t parts, needed = 0, piece = n->chip->piece_most;
	uint32_t total = bm_net_check(frame, n->chip->flags | BM_NET_CAN_CHECKSUM, E1000_PARTS_MAX,
				      E1000_FRAME_MOST, E1000_LARGE_MOST, &parts);
	bool large = frame->flags & (BM_NET_SEGMENT_TCP4 | BM_NET_SEGMENT_TCP6);
	bool sums = frame->flags & BM_NET_CHECKSUM_PARTIAL;
	uint32_t headers = large ? frame->header_bytes : 0;
	uint64_t word = E1000_TX_IFCS, context = 0;

	if (!total || headers >= E1000_HEADER_ROOM ||
	    (sums &&
	     (uint32_t)frame->checksum_start + frame->checksum_offset > E1000_TXC_OFFSET_MOST) ||
	    (large && total == headers))
		return -1;
	if (sums) {
		word |= E1000_TX_DATA | E1000_TX_TXSM;
		context = E1000_TXC_TU(frame->checksum_start,
				       frame->checksum_start + frame->checksum_offset);
		needed += large || context != n->context;
	}
	if (large) {
		/* A piece is at most four segments: the device reserves room by that. */
		piece = piece < 4u * frame->segment_size ? piece : 4u * frame->segment_size;
		needed++;
	}
	for (const struct bm_net_buffer *b = frame; b; b = b->next)
		needed += (b->bytes - (b == frame ? headers : 0) + piece - 1) / piece;
	needed += total < E1000_FRAME_LEAST;
	if (needed > MASK)
		return -1; /* segments so small that it never has room */
	if (needed > n->tx_room)
		return 0;

	if (large) {
		uint8_t *h = n->headers[n->tx_tail / 2];
		memcpy(h, frame->data, headers);
		context = prepare_headers(h, frame, total);
		if (!context)
			return -1;
		word |= E1000_TX_TSE;
		if (frame->flags & BM_NET_SEGMENT_TCP4)
			word |= E1000_TX_IXSM;
		put(n, context,
		    (total - headers) | E1000_TX_DEXT | E1000_TX_TSE | E1000_TXC_TCP |
			(frame->flags & BM_NET_SEGMENT_TCP4 ? E1000_TXC_IPV4 : 0) |
			E1000_TXC_HDRLEN(headers) | E1000_TXC_MSS(frame->segment_size));
		put(n, dma_phys(h), headers | word);
		n->context = 0;
	} else if (sums && context != n->context) {
		put(n, context, E1000_TX_DEXT);
		n->context = context;
	}
	uint32_t skip = headers;
	for (const struct bm_net_buffer *b = frame; b; b = b->next) {
		for (uint32_t at = skip, step; at < b->bytes; at += step) {
			step = b->bytes - at < piece ? b->bytes - at : piece;
			put(n, net_phys(b, b->data + at), step | word);
		}
		skip = 0;
	}
	/* 3.3.3. */
	if (total < E1000_FRAME_LEAST)
		put(n, dma_phys(n->zeros), (E1000_FRAME_LEAST - total) | word);
	uint32_t last = (n->tx_tail - 1) & MASK;
	n->tx[last].word |= E1000_TX_EOP | E1000_TX_RS;
	n->sent[last] = frame;
	return (int)total;
}

/* The ring has no room. For how long? */
static __attribute__((noinline)) void full(struct e1000_nic *n)
{
	uint64_t now = tsc_read();

	if (!n->full_since) {
		n->full_since = now ? now : 1;
		return;
	}
	if (now - n->full_since < n->stuck_ticks)
		return;
	n->full_since = now ? now : 1;
	if (e1000_is_gone(n))
		net_fault(n->net, "is not there any more");
	else if (!(e1000_read(n, E1000_STATUS) & E1000_STATUS_LU))
		return; /* nothing leaves without a link */
	else if (e1000_read(n, E1000_TDH) >= E1000_TX_SLOTS)
		net_fault(n->net, "says that its transmit ring's head is beyond the ring");
	else
		net_fault(n->net, "sends nothing any more");
}

int e1000_send(struct bm_net_queue *q, struct bm_net_buffer *const *frames, uint32_t count)
{
	struct e1000_nic *n = q->state;
	struct e1000_desc *ring;
	uint32_t taken = 0, tail, before;
	uint64_t bytes = 0;
	int result = 0;
	ONCE(n);

	reclaim(n, q);
	ring = n->tx;
	before = tail = n->tx_tail;
	for (; taken < count; taken++) {
		struct bm_net_buffer *b = frames[taken];
		uint32_t length = b->bytes;
		if (__builtin_expect(b->next || b->flags ||
					 length - E1000_FRAME_LEAST >
					     E1000_FRAME_MOST - E1000_FRAME_LEAST,
				     0)) {
			n->tx_tail = tail;
			result = send_other(n, b);
			tail = n->tx_tail;
			if (result <= 0)
				break;
			bytes += (uint32_t)result;
			continue;
		}
		result = 0;
		if (__builtin_expect(!n->tx_room, 0))
			break;
		ring[tail].address = net_phys(b, b->data);
		ring[tail].word = length | PLAIN;
		n->sent[tail] = b;
		n->tx_room--;
		tail = (tail + 1) & MASK;
		bytes += length;
	}
	if (tail != before) {
		n->tx_tail = tail;
		q->sent_frames += taken;
		q->sent_bytes += bytes;
		e1000_write(n, E1000_TDT, tail);
	}
	if (__builtin_expect(taken < count, 0)) {
		if (result == 0)
			full(n);
		else if (!taken) {
			q->refused++;
			return -BM_EINVAL;
		}
	}
	return (int)taken;
}
