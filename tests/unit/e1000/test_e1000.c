/* SPDX-License-Identifier: MIT */
/*
 * The drivers e1000 and e1000e (-DEXPRESS=1) on a simulated chip: what goes in and out, and
 * whatever a wrong device may do: late, twice, never, nonsense.
 */
#include <stdlib.h>
#include <string.h>
#include "chip.h"
#include "kernel.h"
#if EXPRESS
#include "drivers/net/e1000e.c"
const struct bm_driver *driver_under_test = &e1000e;
#define ID         0x10d3
#define SUM_LOOKED E1000E_RX_TCPCS
#define SUM_WRONG  E1000E_RX_TCPE
#define SUM_NOT    E1000E_RX_IXSM
#define DAMAGED    E1000E_RX_CE
#else
#include "drivers/net/e1000.c"
const struct bm_driver *driver_under_test = &e1000;
#define ID         I82540EM
#define SUM_LOOKED E1000_RX_TCPCS
#define SUM_WRONG  E1000_RX_TCPE
#define SUM_NOT    E1000_RX_IXSM
#define DAMAGED    E1000_RX_CE
#endif

static struct bm_net_queue *const q = &fake.queue;
static struct bm_net_buffer *got[512];

static uint64_t word_of(uint32_t bytes, uint64_t bits, bool whole)
{
#if EXPRESS
	return (uint64_t)bytes << 32 | bits | E1000E_RX_DD | (whole ? E1000E_RX_EOP : 0);
#else
	return bytes | bits | E1000_RX_DD | (whole ? E1000_RX_EOP : 0);
#endif
}

static void begin(uint16_t id)
{
	fake_begin(id);
	chip_begin(EXPRESS);
}

static void live(uint16_t id)
{
	begin(id);
	CHECK(fake_probe() == 0 && fake.added && !fake.master);
	CHECK(fake_start() == 0);
}

/* After that, all buffers are back, and the device has no memory. */
static void end(void)
{
	fake_stop();
	CHECK(fake.buffers_out == 0 && !fake.master && !chip.ims);
}

static int receive_some(uint32_t count)
{
	return fake.driver.ops->receive(q, got, count);
}

static int send_some(struct bm_net_buffer **frames, uint32_t count)
{
	return fake.driver.ops->send(q, frames, count);
}

static void fill(uint8_t *at, uint32_t bytes, uint32_t seed)
{
	for (uint32_t i = 0; i < bytes; i++)
		at[i] = seed * 31 + i * 7 + (i >> 8);
}

/* A pool buffer with `bytes` of that. */
static struct bm_net_buffer *frame_of(uint32_t bytes, uint32_t seed)
{
	struct bm_net_buffer *b = net_take(q);
	CHECK(b);
	b->next = NULL;
	b->flags = 0;
	b->data = b->base + BM_NET_HEADROOM;
	b->bytes = bytes;
	fill(b->data, bytes, seed);
	return b;
}

static bool is_sent(uint32_t index, uint32_t bytes, uint32_t seed)
{
	uint8_t want[CHIP_FRAME_MAX];
	fill(want, bytes, seed);
	return index < chip.sent_count && chip.sent_bytes[index] == bytes &&
	       !memcmp(chip.sent[index], want, bytes);
}

/* ---- Probe ---- */

static void test_probe(void)
{
	static const uint8_t mac[] = {0x52, 0x54, 0x00, 0x9a, 0xbc, 0xde};
	begin(ID);
	CHECK(fake_probe() == 0 && fake.added && chip.resets == 1);
	CHECK(!memcmp(fake.driver.mac, mac, 6) && fake.driver.ops->arm);
	CHECK(fake.driver.max_bytes == 65549 && fake.driver.flags & BM_NET_CAN_SEGMENT_TCP4);
	CHECK(!(fake.driver.flags & BM_NET_CAN_SEGMENT_TCP6) == !EXPRESS);
	CHECK(!(CHIP_REG(E1000_RCTL) & E1000_RCTL_EN) && CHIP_REG(E1000_CTRL) & E1000_CTRL_SLU);
	CHECK(fake.link_control == (EXPRESS ? 0x40 : 0x43));

	begin(ID);
	fake.device.subsystem = 0;
	CHECK(fake_probe() == 0 && !(fake.driver.flags & BM_NET_CAN_SEGMENT_TCP6));

	begin(ID);
	fake.interrupts = false;
	CHECK(fake_probe() == 0 && !fake.driver.ops->arm);

	begin(ID);
	chip.no_address = true;
	CHECK(fake_probe() == 0 && !memcmp(fake.driver.mac, mac, 6));

	begin(ID);
	chip.no_address = chip.no_eeprom = true;
	CHECK(fake_probe() == -BM_ETIMEDOUT && !fake.added && fake.errors == 1);

	begin(ID);
	chip.mac[0] |= 1; /* a group's */
	CHECK(fake_probe() == -BM_EIO && !fake.added);

	begin(ID);
	memset(chip.mac, 0, 6);
	CHECK(fake_probe() == -BM_EIO && !fake.added);

	begin(ID);
	chip.gone = true;
	CHECK(fake_probe() == -BM_ENODEV && !fake.added && !fake.master);

	begin(ID);
	chip.never_resets = true;
	CHECK(fake_probe() == -BM_ETIMEDOUT && !fake.added && fake.now < 5 * BM_SECOND);

	begin(ID);
	fake.takes_left = 0;
	CHECK(fake_probe() == -BM_ENOMEM);
}

static void test_start(void)
{
	live(ID);
	CHECK(fake.buffers_out == E1000_RX_SLOTS && fake.master);
	CHECK(CHIP_REG(E1000_RDT) == E1000_RX_SLOTS - 1 && CHIP_REG(E1000_RDH) == 0);
	CHECK(CHIP_REG(E1000_TDT) == 0 && CHIP_REG(E1000_TDH) == 0);
	CHECK(CHIP_REG(E1000_RAH(0)) == (E1000_RAH_AV | 0xdebc));
	CHECK(!chip.ims && !fake.warnings);
	end();
	CHECK(fake_start() == 0 && fake.buffers_out == E1000_RX_SLOTS);
	end();

	/* Fewer buffers: a smaller ring; too few: none. */
	live(ID);
	end();
	fake.buffers_most = 100;
	CHECK(fake_start() == 0 && fake.buffers_out == 64 && CHIP_REG(E1000_RDLEN) == 1024);
	end();
	fake.buffers_most = 7;
	CHECK(fake_start() == -BM_ENOMEM && fake.buffers_out == 0);

	for (uint32_t i = 0; i < 4; i++) {
		begin(ID);
		CHECK(fake_probe() == 0);
		fake.takes_left = i;
		CHECK(fake_start() == -BM_ENOMEM && fake.buffers_out == 0 && !fake.master);
		fake.takes_left = UINT32_MAX;
		CHECK(fake_start() == 0);
		end();
	}

	/* A PHY that was switched off is woken; one that does not answer is told of. */
	begin(ID);
	chip.bmcr = E1000_PHY_BMCR_DOWN;
	CHECK(fake_probe() == 0 && fake_start() == 0);
	CHECK(chip.bmcr == (E1000_PHY_BMCR_AUTO | E1000_PHY_BMCR_RESTART) && !fake.warnings);
	end();
	chip.no_phy = true;
	CHECK(fake_start() == 0 && fake.warnings == 1);
	end();

	/* Pulled out, or mad, before it starts and while it works. */
	begin(ID);
	CHECK(fake_probe() == 0);
	chip.gone = true;
	CHECK(fake_start() == -BM_ENODEV && fake.buffers_out == 0 && !fake.master);
	chip.zeros = true;
	CHECK(fake_start() == -BM_ENODEV && fake.buffers_out == 0 && !fake.master);
	live(ID);
	chip.never_resets = true;
	uint64_t before = fake.now;
	CHECK(fake_reset() == -BM_ETIMEDOUT && fake.buffers_out == 0 && !fake.master);
	CHECK(fake.now - before < BM_SECOND);
}

/* ---- Receiving ---- */

static void test_receive(void)
{
	uint8_t frame[CHIP_FRAME_MAX];
	uint32_t number = 0, taken = 0;

	live(ID);
	CHECK(receive_some(32) == 0);
	/* Several rounds of the ring, in batches of any size; the tail moves once for many. */
	while (taken < 2000) {
		uint32_t bursts = fake_random() % 40;
		while (bursts-- && number < 2000) {
			fill(frame, 60 + number % 1459, number);
			if (!chip_receive(frame, 60 + number % 1459, 0))
				break;
			number++;
		}
		int n = receive_some(1 + fake_random() % 32);
		for (int i = 0; i < n; i++, taken++) {
			uint8_t want[CHIP_FRAME_MAX];
			fill(want, 60 + taken % 1459, taken);
			CHECK(got[i]->bytes == 60 + taken % 1459 && !got[i]->next &&
			      !got[i]->flags);
			CHECK(got[i]->data == got[i]->base + BM_NET_HEADROOM);
			CHECK(!memcmp(got[i]->data, want, got[i]->bytes));
			net_give(q, got[i]);
		}
	}
	CHECK(q->received_frames == 2000 && !q->received_errors && !q->strays && !fake.fault);
	CHECK(chip.tail_writes[0] < 2000 / 30);
	CHECK(fake.buffers_out == E1000_RX_SLOTS);
	end();
}

static void test_receive_checksum(void)
{
	static const struct {
		uint64_t bits;
		uint32_t flags;
	} cases[] = {{0, 0},
		     {SUM_LOOKED, BM_NET_CHECKSUM_GOOD},
		     {SUM_LOOKED | SUM_WRONG, 0},
		     {SUM_LOOKED | SUM_NOT, 0}};
	uint8_t frame[64] = {0};

	for (uint32_t accept = 0; accept < 2; accept++) {
		begin(ID);
		CHECK(fake_probe() == 0);
		fake.setup.accept = accept ? BM_NET_ACCEPT_CHECKSUM : 0;
		CHECK(fake_start() == 0 && !CHIP_REG(E1000_RXCSUM) == !accept);
		for (uint32_t i = 0; i < 4; i++) {
			CHECK(chip_receive(frame, 64, cases[i].bits) && receive_some(8) == 1);
			CHECK(got[0]->flags == (accept ? cases[i].flags : 0));
			net_give(q, got[0]);
		}
		end();
	}
}

static void test_receive_nonsense(void)
{
	static const uint32_t lengths[] = {2049, 2176, 4096, 65535};
	uint8_t frame[2048] = {0};

	/* Beyond the buffer's end. */
	for (uint32_t i = 0; i < 4; i++) {
		live(ID);
		CHECK(chip_receive(frame, 60, 0));
		chip_write_back(1, word_of(lengths[i], 0, true));
		CHECK(receive_some(8) == 1 && fake.fault && q->strays == 1);
		net_give(q, got[0]);
		CHECK(fake_reset() == 0 && !fake.fault);
		CHECK(chip_receive(frame, 60, 0) && receive_some(8) == 1);
		net_give(q, got[0]);
		end();
	}
	/* A frame that goes on in another buffer. */
	live(ID);
	chip_write_back(0, word_of(1500, 0, false));
	CHECK(receive_some(8) == 0 && fake.fault && q->strays == 1);
	end();
	/* Damaged, too short, too long: counted, and the ring goes on. */
	live(ID);
	CHECK(chip_receive(frame, 60, DAMAGED) && chip_receive(frame, 13, 0));
	CHECK(chip_receive(frame, 0, 0) && chip_receive(frame, 1519, 0) &&
	      chip_receive(frame, 2048, 0));
	CHECK(chip_receive(frame, 14, 0) && chip_receive(frame, 1518, 0));
	CHECK(receive_some(8) == 2 && q->received_errors == 5 && !fake.fault);
	net_give(q, got[0]);
	net_give(q, got[1]);
	end();
	/* All at once, without an order of the driver's; again and again: each call ends. */
	live(ID);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < E1000_RX_SLOTS; i++)
			chip_write_back(i, word_of(round ? 60 : 5, 0, true));
		int n = receive_some(400);
		CHECK(n == (round ? E1000_RX_SLOTS : 0));
		for (int i = 0; i < n; i++)
			net_give(q, got[i]);
	}
	CHECK(q->received_errors == E1000_RX_SLOTS);
	end();
	/* Never: a look at the device now and then finds it gone. */
	for (uint32_t zeros = 0; zeros < 2; zeros++) {
		live(ID);
		for (uint32_t i = 0; i < 2 * E1000_LOOK; i++)
			receive_some(8);
		CHECK(!fake.fault);
		chip.gone = true;
		chip.zeros = zeros;
		for (uint32_t i = 0; i < 2 * E1000_LOOK && !fake.fault; i++)
			receive_some(8);
		CHECK(fake.fault && fake_reset() == -BM_ENODEV);
		CHECK(fake.buffers_out == 0 && !fake.master);
	}
}

static void test_no_buffers(void)
{
	uint8_t frame[64] = {0};
	live(ID);
	fake.buffers_most = E1000_RX_SLOTS + 3;
	for (uint32_t i = 0; i < 10; i++)
		CHECK(chip_receive(frame, 64, 0));
	CHECK(receive_some(32) == 3 && q->received_drops == 7);
	for (uint32_t i = 0; i < 3; i++)
		net_give(q, got[i]);
	CHECK(chip_receive(frame, 64, 0) && receive_some(32) == 1);
	net_give(q, got[0]);
	/* What the device itself has dropped is told with the link. */
	for (uint32_t i = 0; i < E1000_RX_SLOTS; i++)
		chip_receive(frame, 64, 0);
	uint32_t missed = CHIP_REG(E1000_MPC);
	CHIP_REG(E1000_CRCERRS) = 2;
	CHIP_REG(E1000_ROC) = 3;
	struct bm_net_link link;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(missed && q->received_drops == 7 + missed && q->received_errors == 5);
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(q->received_drops == 7 + missed && q->received_errors == 5);
	end();
}

/* ---- Sending ---- */

static void test_send(void)
{
	struct bm_net_buffer *frames[32];
	uint32_t number = 0, seen = 0;

	live(ID);
	while (seen < 1000) {
		uint32_t n = fake_random() % 32;
		for (uint32_t i = 0; i < n; i++)
			frames[i] = frame_of(17 + (number + i) * 3 % 1502, number + i);
		CHECK(send_some(frames, n) == (int)n);
		number += n;
		chip_transmit(fake_random() % 64);
		CHECK(fake.driver.ops->reclaim(q) >= 0);
		for (; seen < number && chip.sent_count; seen++) {
			CHECK(is_sent(0, 17 + seen * 3 % 1502, seen));
			chip.sent_count--;
			memmove(chip.sent[0], chip.sent[1], chip.sent_count * sizeof *chip.sent);
			memmove(chip.sent_bytes, chip.sent_bytes + 1,
				chip.sent_count * sizeof *chip.sent_bytes);
		}
	}
	CHECK(q->sent_frames == number && !q->refused && !q->sent_errors && !chip.contexts);
	chip_transmit(1000);
	fake.driver.ops->reclaim(q);
	CHECK(fake.buffers_out == E1000_RX_SLOTS);
	/* Those still on their way when it stops are lost, and counted. */
	frames[0] = frame_of(100, 0);
	frames[1] = frame_of(100, 1);
	CHECK(send_some(frames, 2) == 2 && chip_transmit(1) == 1);
	end();
	CHECK(q->sent_errors == 1);
}

static uint32_t released;
static void release(struct bm_net_buffer *buffer)
{
	(void)buffer;
	released++;
}

/* In parts, short ones, refused ones. */
static void test_send_parts(void)
{
	struct bm_net_buffer *b, *first, **end_of, own = {.release = release};
	uint8_t joined[CHIP_FRAME_MAX];

	live(ID);
	for (uint32_t parts = 1; parts <= E1000_PARTS_MAX + 1; parts++) {
		uint32_t total = 0;
		end_of = &first;
		for (uint32_t i = 0; i < parts; i++) {
			b = frame_of(i ? 1 + fake_random() % 40 : 20, parts + i);
			memcpy(joined + total, b->data, b->bytes);
			total += b->bytes;
			*end_of = b;
			end_of = &b->next;
		}
		chip.sent_count = 0;
		if (parts > E1000_PARTS_MAX) {
			CHECK(send_some(&first, 1) == -BM_EINVAL && q->refused == 1);
			net_give(q, first);
			break;
		}
		CHECK(send_some(&first, 1) == 1 && chip_transmit(9) == 1);
		CHECK(chip.sent_bytes[0] == total && !memcmp(chip.sent[0], joined, total));
	}
	/* 14 to 16 bytes are made 17, by zeros. */
	for (uint32_t bytes = 14; bytes < 17; bytes++) {
		chip.sent_count = 0;
		b = frame_of(bytes, bytes);
		memcpy(joined, b->data, bytes);
		memset(joined + bytes, 0, 17 - bytes);
		CHECK(send_some(&b, 1) == 1 && chip_transmit(9) == 1);
		CHECK(chip.sent_bytes[0] == 17 && !memcmp(chip.sent[0], joined, 17));
	}
	/* The good ones before a bad one go. */
	struct bm_net_buffer *three[] = {frame_of(60, 1), frame_of(13, 2), frame_of(60, 3)};
	CHECK(send_some(three, 3) == 1 && send_some(three + 1, 2) == -BM_EINVAL);
	three[1]->bytes = 1519;
	CHECK(send_some(three + 1, 1) == -BM_EINVAL);
	three[1]->bytes = 1518;
	CHECK(send_some(three + 1, 2) == 2);
	/* Memory of the app's. */
	b = frame_of(500, 9);
	own.data = own.base = b->data;
	own.phys_offset = b->phys_offset;
	own.bytes = own.capacity = 500;
	first = &own;
	released = 0;
	CHECK(send_some(&first, 1) == 1 && chip_transmit(99) == 4 && !released);
	CHECK(fake.driver.ops->reclaim(q) == 4 && released == 1);
	net_give(q, b);
	CHECK(fake.buffers_out == E1000_RX_SLOTS);
	end();
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* The sum of a pseudo-header over IPv4 or IPv6, whose header is at `ip`. */
static uint32_t pseudo(const uint8_t *ip, uint32_t protocol, uint32_t bytes)
{
	bool v4 = ip[0] >> 4 == 4;
	return chip_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, protocol + bytes);
}

/* Ethernet, IP and TCP in front of a frame's data. Returns their bytes. */
static uint32_t headers(uint8_t *at, bool v6, bool vlan, uint32_t total)
{
	uint32_t ip = vlan ? 18 : 14, tcp = ip + (v6 ? 40 : 24);
	fill(at, tcp + 32, 5);
	if (vlan)
		put16(at + 12, 0x8100);
	put16(at + ip - 2, v6 ? 0x86dd : 0x0800);
	if (v6) {
		at[ip] = 0x60;
		put16(at + ip + 4, total - tcp);
		at[ip + 6] = 6;
	} else {
		at[ip] = 0x46; /* with four bytes of options */
		put16(at + ip + 2, total - ip);
		put16(at + ip + 4, 0x1234);
		at[ip + 9] = 6;
		put16(at + ip + 10, 0);
		put16(at + ip + 10, ~chip_sum(at + ip, 24, 0));
	}
	at[tcp + 12] = 8 << 4;
	at[tcp + 13] = 0x19; /* ACK, PSH, FIN */
	put16(at + tcp + 16, pseudo(at + ip, 6, total - tcp));
	return tcp + 32;
}

static void test_send_checksum(void)
{
	live(ID);
	for (uint32_t i = 0; i < 6; i++) {
		struct bm_net_buffer *b = frame_of(200 + i, i);
		uint32_t length = headers(b->data, i & 1, false, 200 + i), tcp = length - 32;
		b->flags = BM_NET_CHECKSUM_PARTIAL;
		b->checksum_start = tcp;
		b->checksum_offset = 16;
		chip.sent_count = 0;
		chip.contexts = i == 3 ? 1 : chip.contexts;
		CHECK(send_some(&b, 1) == 1 && chip_transmit(9) == 1);
		const uint8_t *s = chip.sent[0];
		CHECK(chip_sum(s + tcp, 200 + i - tcp, pseudo(s + 14, 6, 200 + i - tcp)) == 0xffff);
		/* The same again needs no context of its own. */
		uint32_t before = chip.contexts;
		b = frame_of(300, i);
		headers(b->data, i & 1, false, 300);
		b->flags = BM_NET_CHECKSUM_PARTIAL;
		b->checksum_start = tcp;
		b->checksum_offset = 16;
		chip.sent_count = 0;
		CHECK(send_some(&b, 1) == 1 && chip_transmit(9) == 1 && chip.contexts == before);
		CHECK(chip_sum(s + tcp, 300 - tcp, pseudo(s + 14, 6, 300 - tcp)) == 0xffff);
	}
	/* Beyond eight bits, or beyond the part. */
	struct bm_net_buffer *b = frame_of(600, 0);
	b->flags = BM_NET_CHECKSUM_PARTIAL;
	b->checksum_start = 250;
	b->checksum_offset = 6;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->checksum_offset = 5;
	CHECK(send_some(&b, 1) == 1);
	/* A reset: the device has forgotten its context. */
	CHECK(fake_reset() == 0);
	b = frame_of(600, 0);
	b->flags = BM_NET_CHECKSUM_PARTIAL;
	b->checksum_start = 250;
	b->checksum_offset = 5;
	chip.sent_count = 0;
	CHECK(send_some(&b, 1) == 1 && chip_transmit(9) == 1 && chip.contexts == 1);
	end();
}

/* A large frame: what comes out are segments that are right by themselves. */
static void large(bool v6, bool vlan, uint32_t data, uint32_t mss, uint32_t split)
{
	struct bm_net_buffer *first = frame_of(2048, 1), *b = first, *more;
	uint32_t length = headers(first->data, v6, vlan, 0), total = length + data,
		 ip = vlan ? 18 : 14;
	uint32_t tcp = length - 32, left = data, at = 0, seed = data;
	static uint8_t all[70000];

	headers(first->data, v6, vlan, total);
	fill(all, data, seed);
	uint32_t bytes = 2048 - length < split ? 2048 - length : split;
	bytes = bytes < left ? bytes : left;
	memcpy(first->data + length, all, bytes);
	first->bytes = length + bytes;
	for (left -= bytes, at += bytes; left; left -= bytes, at += bytes) {
		bytes = left < 2048 ? left : 2048;
		more = frame_of(bytes, 0);
		memcpy(more->data, all + at, bytes);
		b->next = more;
		b = more;
	}
	first->flags = BM_NET_CHECKSUM_PARTIAL | (v6 ? BM_NET_SEGMENT_TCP6 : BM_NET_SEGMENT_TCP4);
	first->checksum_start = tcp;
	first->checksum_offset = 16;
	first->segment_size = mss;
	first->header_bytes = length;
	uint8_t copy[128];
	memcpy(copy, first->data, length);
	chip.sent_count = 0;
	CHECK(send_some(&first, 1) == 1);
	CHECK(!memcmp(copy, first->data, length)); /* the caller's memory stays as it is */
	CHECK(chip_transmit(9) == 1);
	CHECK(chip.sent_count == (data + mss - 1) / mss);
	for (uint32_t i = 0, from = 0; i < chip.sent_count && from < data; i++, from += mss) {
		const uint8_t *s = chip.sent[i];
		uint32_t part = data - from < mss ? data - from : mss, size = length + part;
		CHECK(chip.sent_bytes[i] == size && !memcmp(s + length, all + from, part));
		CHECK(v6 || chip_sum(s + ip, 24, 0) == 0xffff);
		CHECK((uint32_t)(s[ip + (v6 ? 4 : 2)] << 8 | s[ip + (v6 ? 5 : 3)]) ==
		      size - (v6 ? tcp : ip));
		CHECK(chip_sum(s + tcp, size - tcp, pseudo(s + ip, 6, size - tcp)) == 0xffff);
		CHECK(!(s[tcp + 13] & 1) == (from + part < data));
	}
	CHECK(fake.driver.ops->reclaim(q) == 1 && fake.buffers_out == E1000_RX_SLOTS);
}

static void test_send_large(void)
{
	live(ID);
	for (uint32_t v6 = 0; v6 <= EXPRESS; v6++)
		for (uint32_t vlan = 0; vlan < 2; vlan++) {
			large(v6, vlan, 1, 1460, 100);
			large(v6, vlan, 1460, 1460, 0);
			large(v6, vlan, 1461, 1460, 100);
			large(v6, vlan, 30000, 1400, 2000);
			large(v6, vlan, 30000, 536, 1);
			large(v6, vlan, 9000, 100, 0);
			large(v6, vlan, 60000, 1460, 500);
		}
	CHECK(!q->refused);
	/* Headers that make no sense, or segments that the ring never has room for. */
	struct bm_net_buffer *b = frame_of(1500, 1);
	uint32_t length = headers(b->data, false, false, 1500);
	b->flags = BM_NET_CHECKSUM_PARTIAL | BM_NET_SEGMENT_TCP4;
	b->checksum_start = length - 32;
	b->checksum_offset = 16;
	b->header_bytes = length;
	b->segment_size = 0;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->segment_size = 1; /* 400 pieces of 4 */
	chip.sent_count = 0;
	b->checksum_offset = 6;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->checksum_offset = 16;
	b->checksum_start = 20;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->checksum_start = length - 19;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->checksum_start = length - 32;
	b->header_bytes = 1500;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->header_bytes = 256;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
	b->header_bytes = length;
	b->data[14] = 0x60;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
#if !EXPRESS
	b->flags = BM_NET_CHECKSUM_PARTIAL | BM_NET_SEGMENT_TCP6;
	CHECK(send_some(&b, 1) == -BM_EINVAL);
#endif
	net_give(q, b);
	end();
}

/* ---- A ring that is full, and one that stays so ---- */

static struct bm_net_buffer *more[600];

static uint32_t fill_up(void)
{
	uint32_t n = 0;
	for (;; n++) {
		more[0] = frame_of(60, n);
		if (send_some(more, 1) != 1)
			break;
	}
	net_give(q, more[0]);
	return n;
}

static void test_stuck(void)
{
	struct bm_net_link link;

	live(ID);
	chip.stalls = true;
	CHECK(fill_up() == E1000_TX_SLOTS - 1 && !fake.fault);
	fake.now += 4 * BM_SECOND;
	fill_up();
	CHECK(!fake.fault);
	/* Some movement: time begins anew. */
	chip.stalls = false;
	CHECK(chip_transmit(2) == 2 && fill_up() == 2);
	chip.stalls = true;
	fake.now += 4 * BM_SECOND;
	fill_up();
	CHECK(!fake.fault);
	fake.now += 2 * BM_SECOND;
	fill_up();
	CHECK(fake.fault && !strcmp(fake.fault, "sends nothing any more"));
	CHECK(fake_reset() == 0 && q->sent_errors == E1000_TX_SLOTS - 1);
	/* Without a link nothing leaves, and that is no fault. */
	chip.link = false;
	fill_up();
	for (uint32_t i = 0; i < 10; i++) {
		fake.now += 3 * BM_SECOND;
		fill_up();
	}
	CHECK(!fake.fault);
	chip.link = true;
	chip.stalls = false;
	CHECK(chip_transmit(9999) == E1000_TX_SLOTS - 1 && fill_up() == E1000_TX_SLOTS - 1);
	end();
	/* A head that is nowhere; a device that is nowhere. */
	live(ID);
	chip.stalls = true;
	fill_up();
	fake.now += 6 * BM_SECOND;
	chip.head_lie = 0x12345;
	fill_up();
	CHECK(fake.fault && strstr(fake.fault, "beyond the ring"));
	CHECK(fake_reset() == 0);
	fill_up();
	fake.now += 6 * BM_SECOND;
	chip.gone = true;
	fill_up();
	CHECK(fake.fault && strstr(fake.fault, "not there"));
	CHECK(fake_reset() == -BM_ENODEV);
	/* One frame that does not leave, while nobody sends more: seen with the link. */
	live(ID);
	more[0] = frame_of(60, 0);
	CHECK(send_some(more, 1) == 1);
	fake.driver.ops->link(fake.driver.state, &link);
	fake.now += 4 * BM_SECOND;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(!fake.fault);
	fake.now += 2 * BM_SECOND;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(fake.fault && link.up);
	CHECK(fake_reset() == 0);
	/* But one that has left, and that nobody has asked for, is none. */
	more[0] = frame_of(60, 0);
	CHECK(send_some(more, 1) == 1);
	fake.driver.ops->link(fake.driver.state, &link);
	chip_transmit(1);
	fake.now += 60 * BM_SECOND;
	fake.driver.ops->link(fake.driver.state, &link);
	more[0] = frame_of(60, 0);
	CHECK(send_some(more, 1) == 1);
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(!fake.fault);
	end();
}

/* Done before it is; done twice; lost to collisions. */
static void test_send_nonsense(void)
{
	struct bm_net_buffer *b;
	live(ID);
	struct e1000_desc *ring = fake_memory(CHIP_REG(E1000_TDBAL), E1000_TX_SLOTS * 16);
	for (uint32_t i = 0; i < E1000_TX_SLOTS; i++)
		ring[i].word = E1000_TX_DD; /* of frames that nobody has sent */
	CHECK(fake.driver.ops->reclaim(q) == 0 && fake.buffers_out == E1000_RX_SLOTS);
	b = frame_of(60, 1);
	CHECK(send_some(&b, 1) == 1);
	ring[0].word |= E1000_TX_DD | E1000_TX_LC;
	CHECK(fake.driver.ops->reclaim(q) == 1 && q->sent_errors == 1);
	CHECK(fake.driver.ops->reclaim(q) == 0 && fake.buffers_out == E1000_RX_SLOTS);
	end();
}

/* ---- Link, filter, interrupts ---- */

static void test_link(void)
{
	struct bm_net_link link = {9, 9, 9, 9};
	begin(ID);
	CHECK(fake_probe() == 0);
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(link.up == 1 && link.speed == 1000 && link.full_duplex == 1 && link.changes == 9);
	CHECK(fake_start() == 0);
	chip.link = false;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(!link.up && !link.speed && !fake.fault);
	chip.gone = true;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(!link.up && fake.fault);
	fake.fault = NULL;
	chip.zeros = true;
	fake.driver.ops->link(fake.driver.state, &link);
	CHECK(!link.up && fake.fault);
	end();
}

static void test_filter(void)
{
	static const uint8_t groups[][6] = {{1, 0, 0x5e, 1, 2, 3}, {0x33, 0x33, 0, 0, 0, 1}};
	static const uint8_t mac[] = {2, 3, 4, 5, 6, 7};
	uint32_t bits = 0;

	live(ID);
	CHECK(CHIP_REG(E1000_RCTL) & E1000_RCTL_MPE && !(CHIP_REG(E1000_RCTL) & E1000_RCTL_UPE));
	fake.setup.filter = 0;
	fake.setup.multicast = groups;
	fake.setup.multicast_count = 2;
	CHECK(fake.driver.ops->filter(fake.driver.state, &fake.setup) == 0);
	CHECK(!(CHIP_REG(E1000_RCTL) & (E1000_RCTL_MPE | E1000_RCTL_UPE)));
	for (uint32_t i = 0; i < 128; i++)
		bits += __builtin_popcount(CHIP_REG(E1000_MTA(i)));
	/* 13.5.1: bits 47 to 36: 0x030 and 0x010. */
	CHECK(bits == 2 && CHIP_REG(E1000_MTA(1)) == 1u << 16 &&
	      CHIP_REG(E1000_MTA(0)) == 1u << 16);
	fake.setup.filter = BM_NET_PROMISCUOUS;
	CHECK(fake.driver.ops->filter(fake.driver.state, &fake.setup) == 0);
	CHECK(CHIP_REG(E1000_RCTL) & E1000_RCTL_MPE && CHIP_REG(E1000_RCTL) & E1000_RCTL_UPE);
	memcpy(fake.setup.mac, mac, 6);
	CHECK(fake.driver.ops->set_mac(fake.driver.state, &fake.setup) == 0);
	CHECK(CHIP_REG(E1000_RAL(0)) == 0x05040302 &&
	      CHIP_REG(E1000_RAH(0)) == (E1000_RAH_AV | 0x0706));
	/* All of that survives a reset. */
	CHECK(fake_reset() == 0 && CHIP_REG(E1000_RAL(0)) == 0x05040302);
	CHECK(CHIP_REG(E1000_RCTL) & E1000_RCTL_UPE && CHIP_REG(E1000_MTA(1)) == 1u << 16);
	end();
}

static void test_interrupts(void)
{
	const struct bm_net_ops *o;
	uint8_t frame[64] = {0};

	live(ID);
	o = fake.driver.ops;
	CHECK(chip_receive(frame, 64, 0));
	chip_interrupt();
	CHECK(!fake.notified); /* not before it is asked for */
	CHECK(o->ready(q, BM_NET_RECEIVE) == 1 && o->arm(q, BM_NET_RECEIVE) == 1);
	CHECK(receive_some(8) == 1);
	net_give(q, got[0]);
	CHECK(o->ready(q, BM_NET_RECEIVE) == 0 && o->arm(q, BM_NET_RECEIVE) == 0);
	chip_interrupt();
	CHECK(!fake.notified); /* what was, is over */
	CHECK(chip_receive(frame, 64, 0));
	chip_interrupt();
	CHECK(fake.notified == 1 && !chip.ims);
	chip_receive(frame, 64, 0);
	chip_interrupt();
	CHECK(fake.notified == 1); /* once */
	CHECK(receive_some(8) == 2);
	net_give(q, got[0]);
	net_give(q, got[1]);
	/* Sent. */
	struct bm_net_buffer *b = frame_of(60, 0);
	CHECK(o->ready(q, BM_NET_SEND) == 1); /* there is room */
	CHECK(send_some(&b, 1) == 1 && o->ready(q, BM_NET_SEND) == 0);
	CHECK(o->arm(q, BM_NET_SEND) == 0);
	chip_receive(frame, 64, 0);
	chip_interrupt();
	CHECK(fake.notified == 1);
	chip_transmit(1);
	chip_interrupt();
	CHECK(fake.notified == 2 && o->ready(q, BM_NET_SEND) == 1);
	CHECK(receive_some(8) == 1);
	net_give(q, got[0]);
	/* The link. */
	CHECK(o->arm(q, BM_NET_RECEIVE) == 0);
	chip_cause(E1000_INT_LSC);
	chip_interrupt();
	CHECK(fake.notified == 3);
	chip.gone = true;
	CHECK(o->arm(q, BM_NET_RECEIVE) == 0 && fake.fault);
	end();
}

#if !EXPRESS
/* Erratum 23 of the 82545EM: the simulated device checks each buffer. */
static void test_narrow(void)
{
	uint8_t frame[64] = {0};
	fake_begin(I82545EM);
	chip_begin(false);
	/* Some were made before, for another device. */
	struct bm_net_buffer *old[100];
	for (uint32_t i = 0; i < 100; i++)
		old[i] = net_take(q);
	for (uint32_t i = 0; i < 100; i++)
		net_give(NULL, (old[i]->next = NULL, old[i]));
	CHECK(fake_probe() == 0 && fake.narrow && fake_start() == 0);
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK(chip_receive(frame, 64, 0));
		if (receive_some(8) == 1)
			net_give(q, got[0]);
	}
	CHECK(q->received_frames == 1000);
	end();
}
#endif

int main(void)
{
	test_probe();
	test_start();
	test_receive();
	test_receive_checksum();
	test_receive_nonsense();
	test_no_buffers();
	test_send();
	test_send_parts();
	test_send_checksum();
	test_send_large();
	test_stuck();
	test_send_nonsense();
	test_link();
	test_filter();
	test_interrupts();
#if !EXPRESS
	test_narrow();
#endif
	printf("%u checks, %u failed\n", checks, failures);
	return failures || !checks;
}
