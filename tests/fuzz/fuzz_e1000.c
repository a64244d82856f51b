/* SPDX-License-Identifier: MIT */
/*
 * The drivers e1000 and e1000e (fuzz_e1000e.c) on registers and rings of random bytes: whatever a
 * device says, the driver touches no memory but its own and its frames', hands out no frame that is
 * longer than its buffer, loses and doubles no buffer, and every wait of its has an end.
 */
#include <string.h>
#include "unit/e1000/kernel.h"
#if EXPRESS
#include "drivers/net/e1000e.c"
const struct bm_driver *driver_under_test = &e1000e;
#define ID 0x10d3
#else
#include "drivers/net/e1000.c"
const struct bm_driver *driver_under_test = &e1000;
#define ID I82540EM
#endif

static const uint8_t *bytes;
static size_t left;
static uint64_t rings[2]; /* receive, transmit */

static uint64_t next(size_t size)
{
	uint64_t value = 0;
	size = left < size ? left : size;
	memcpy(&value, bytes, size);
	bytes += size;
	left -= size;
	return value;
}

/* Most reads say what lets the driver go on. */
uint32_t mmio_read32(const volatile void *at)
{
	uint32_t reg = (uint64_t)at & 0xffffff;
	uint8_t choice = next(1);
	fake.now += left ? 100000 : 100000000;
	if (choice > 220)
		return choice == 255 ? ~0u : next(4);
	switch (reg) {
	case E1000_STATUS:
		return choice;
	case E1000_RCTL:
		return choice == 1 ? 0 : E1000_RCTL_EN;
	case E1000_EERD:
		return 0x12345612;
	case E1000_MDIC:
		return E1000_MDIC_READY | E1000_PHY_BMCR_AUTO;
	case E1000_RAL(0):
		return 0x12345600;
	case E1000_RAH(0):
		return choice & 1 ? E1000_RAH_AV : 0;
	case 0x0010: /* EECD: AUTO_RD */
		return 1 << 9;
	case 0x0f00: /* EXTCNF_CTRL: MDIO */
		return 1 << 5;
	default:
		return 0;
	}
}

void mmio_write32(volatile void *at, uint32_t value)
{
	uint32_t reg = (uint64_t)at & 0xffffff;
	if (reg == E1000_RDBAL)
		rings[0] = value;
	if (reg == E1000_TDBAL)
		rings[1] = value;
}

static struct e1000_desc *descriptor(uint32_t ring, uint32_t slot)
{
	return rings[ring] ? (struct e1000_desc *)(rings[ring] + LAYOUT_DEVICES) +
				 slot % (ring ? E1000_TX_SLOTS : E1000_RX_SLOTS)
			   : NULL;
}

static void receive_some(uint32_t count)
{
	struct bm_net_buffer *got[64];
	int n = fake.driver.ops->receive(&fake.queue, got, count % 64);
	CHECK(n >= 0 && (uint32_t)n <= count % 64);
	for (int i = 0; i < n; i++) {
		CHECK(got[i]->bytes >= 14 && got[i]->bytes <= 1518 && !got[i]->next);
		memset(got[i]->data, 1, got[i]->bytes);
		net_give(&fake.queue, got[i]);
	}
}

static void send_some(uint64_t word)
{
	struct bm_net_buffer *first = NULL, **end = &first;
	for (uint32_t i = 0; i <= (word & 7); i++) {
		struct bm_net_buffer *b = net_take(&fake.queue);
		if (!b)
			break;
		b->next = NULL;
		b->data = b->base + BM_NET_HEADROOM;
		b->bytes = next(2) % 2049;
		b->flags = i || word & 8 ? 0 : word >> 4 & 14;
		b->checksum_start = word >> 8 & 0xff;
		b->checksum_offset = word & 1 << 16 ? 16 : word >> 17 & 31;
		b->segment_size = word >> 24;
		b->header_bytes = word >> 40;
		if (i == 0 && left >= 64)
			memcpy(b->data, bytes, 64);
		if (word & 1 << 22)
			b->data[14] = b->flags & BM_NET_SEGMENT_TCP4 ? 0x45 : 0x60;
		*end = b;
		end = &b->next;
	}
	if (!first)
		return;
	int n = fake.driver.ops->send(&fake.queue, &first, 1);
	CHECK(n == 0 || n == 1 || n == -BM_EINVAL);
	if (n != 1)
		net_give(&fake.queue, first);
}

static void step(void)
{
	uint64_t word = next(8);
	struct e1000_desc *d = descriptor(word & 1, word >> 1 & 511);
	struct bm_net_link link = {0};

	switch (word >> 60) {
	case 0 ... 5:
		if (d) {
			d->word = next(8);
			d->address = word;
		}
		break;
	case 6 ... 8:
		receive_some(word);
		break;
	case 9 ... 11:
		send_some(word);
		break;
	case 12:
		fake.driver.ops->reclaim(&fake.queue);
		break;
	case 13:
		fake.driver.ops->link(fake.driver.state, &link);
		break;
	case 14:
		fake.driver.ops->arm(&fake.queue, word & 3);
		fake.function(fake.argument);
		break;
	case 15:
		fake.now += word & 0xffffffffff;
		fake.setup.accept = word & 1 ? BM_NET_ACCEPT_CHECKSUM : 0;
		fake.driver.ops->filter(fake.driver.state, &fake.setup);
		break;
	}
	if (fake.driver.ops->ready(&fake.queue, 3) > 1)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bytes = data;
	left = size < 8192 ? size : 8192;
	fake_begin(ID);
	rings[0] = rings[1] = 0;
	if (fake_probe() == 0 && fake_start() == 0) {
		bool live = true;
		for (uint32_t i = 0; left && i < 600 && live; i++) {
			step();
			if (fake.fault)
				live = fake_reset() == 0;
		}
		if (live)
			fake_stop();
	}
	if (failures || fake.buffers_out || fake.master)
		__builtin_trap();
	return 0;
}
