/* SPDX-License-Identifier: MIT */
/*
 * A virtio network device behind ports (the legacy transport, where every access is seen), for
 * tests and the fuzzer: it does what it is asked, and what a list of whims says besides.
 */
#ifndef TESTS_VIRTIO_NIC_H
#define TESTS_VIRTIO_NIC_H

#define MACHINE_DMA_SIZE (256ul << 20)
#include "machine.h"
#include "device/net_device.h"
#include "drivers/net/virtio_net_regs.h"
#include "drivers/virtio/virtio_regs.h"

#define NIC_PORTS  0x1000
#define NIC_QUEUES 10
#define NIC_CONFIG 32

struct nic_ring {
	uint32_t page;
	uint16_t vector;
	uint16_t taken, told; /* indices: of avail, of used */
	uint32_t notified;
};

static struct {
	uint32_t offered, accepted;
	uint8_t status;
	uint16_t select, size; /* of each queue */
	uint8_t config[NIC_CONFIG];
	struct nic_ring rings[NIC_QUEUES];
	uint16_t pairs; /* as the driver told */
	uint16_t config_vector;
	uint8_t promiscuous, all_multicast, mac[6];
	uint32_t multicast_count;
	unsigned commands, resets, bad_chains;
	bool deaf;    /* answers no command */
	bool refuses; /* answers each with an error */
	bool stuck;   /* does not reset */
	/* Interrupts: as many as it grants. */
	int vectors;
	void (*function)(void *);
	void *arguments[20];
	/* Of 1,000. */
	int twice, never, nonsense, jump;
	/* The last frame that was sent. */
	uint8_t header[12], frame[70000];
	uint32_t frame_bytes, frames, descriptors;
	void (*on_frame)(uint32_t pair);
} nic;

static int nic_chance(int of_1000)
{
	return of_1000 && rand() % 1000 < of_1000;
}

static uint32_t nic_header_bytes(void)
{
	return nic.accepted & VIRTIO_NET_F_MRG_RXBUF ? 12 : 10;
}

/* ---- Registers ---- */

static uint32_t nic_read(uint16_t port, uint32_t size)
{
	uint32_t at = port - NIC_PORTS, value = 0;
	uint32_t config = nic.vectors > 0 ? VIRTIO_LEGACY_CONFIG_MSIX : VIRTIO_LEGACY_CONFIG;
	if (at >= config) {
		CHECK(at - config + size <= NIC_CONFIG);
		memcpy(&value, nic.config + (at - config) % NIC_CONFIG, size);
		return value;
	}
	switch (at) {
	case VIRTIO_LEGACY_DEVICE_FEATURES:
		return nic.offered;
	case VIRTIO_LEGACY_QUEUE_SIZE:
		return nic.select < NIC_QUEUES ? nic.size : 0;
	case VIRTIO_LEGACY_STATUS:
		return nic.status;
	case VIRTIO_LEGACY_QUEUE_VECTOR:
		return nic.rings[nic.select % NIC_QUEUES].vector;
	case VIRTIO_LEGACY_CONFIG_VECTOR:
		return nic.config_vector;
	default:
		return 0;
	}
}

static void nic_write(uint16_t port, uint32_t value)
{
	struct nic_ring *ring = &nic.rings[nic.select % NIC_QUEUES];
	switch (port - NIC_PORTS) {
	case VIRTIO_LEGACY_DRIVER_FEATURES:
		CHECK(!(value & ~nic.offered));
		nic.accepted = value;
		break;
	case VIRTIO_LEGACY_QUEUE_PAGE:
		ring->page = value;
		ring->taken = ring->told = 0;
		break;
	case VIRTIO_LEGACY_QUEUE_SELECT:
		nic.select = value;
		break;
	case VIRTIO_LEGACY_QUEUE_NOTIFY:
		CHECK(value < NIC_QUEUES);
		nic.rings[value % NIC_QUEUES].notified++;
		break;
	case VIRTIO_LEGACY_STATUS:
		if (value == 0 && !nic.stuck) {
			memset(nic.rings, 0, sizeof nic.rings);
			nic.resets++;
			nic.pairs = 1;
		}
		nic.status = nic.stuck && !value ? nic.status : value;
		break;
	case VIRTIO_LEGACY_QUEUE_VECTOR:
		ring->vector = value;
		break;
	case VIRTIO_LEGACY_CONFIG_VECTOR:
		nic.config_vector = value;
		break;
	}
}

void out8(uint16_t port, uint8_t value)
{
	nic_write(port, value);
}
void out16(uint16_t port, uint16_t value)
{
	nic_write(port, value);
}
void out32(uint16_t port, uint32_t value)
{
	nic_write(port, value);
}
uint8_t in8(uint16_t port)
{
	return nic_read(port, 1);
}
uint16_t in16(uint16_t port)
{
	return nic_read(port, 2);
}
uint32_t in32(uint16_t port)
{
	return nic_read(port, 4);
}

/* ---- What the kernel offers drivers ---- */

static struct bm_pci_bar nic_bar = {.size = VIRTIO_LEGACY_CONFIG_MSIX + NIC_CONFIG};

uint32_t pci_config_read(const struct bm_device *d, uint32_t offset, uint32_t size)
{
	(void)d, (void)offset, (void)size;
	return ~0u;
}
uint32_t pci_capability(const struct bm_device *d, uint8_t id, uint32_t after)
{
	(void)d, (void)id, (void)after;
	return 0;
}
volatile void *pci_map_bar(const struct bm_device *d, uint32_t bar, uint64_t offset, uint64_t bytes)
{
	(void)d, (void)bar, (void)offset, (void)bytes;
	return NULL;
}
const struct bm_pci_bar *pci_bar(const struct bm_device *d, uint32_t bar)
{
	(void)d, (void)bar;
	return &nic_bar;
}
uint16_t pci_ports(const struct bm_device *d, uint32_t bar, uint32_t bytes)
{
	(void)d, (void)bar, (void)bytes;
	return NIC_PORTS;
}
static bool nic_is_master;
void pci_master(const struct bm_device *d, bool on)
{
	(void)d;
	nic_is_master = on;
}
int interrupts_take(struct bm_device *d, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	(void)d;
	CHECK(wanted <= 20);
	if (nic.vectors <= 0)
		return -BM_ENODEV;
	if ((uint32_t)nic.vectors > wanted)
		nic.vectors = wanted;
	nic.function = function;
	memcpy(nic.arguments, arguments, nic.vectors * sizeof *arguments);
	return nic.vectors;
}
void interrupts_enable(struct bm_device *d)
{
	(void)d;
}
static uint32_t nic_cores = 1;
uint32_t worker_count(void)
{
	return nic_cores;
}
int random_bytes(void *buffer, size_t size)
{
	memset(buffer, 0xff, size);
	return 0;
}

/* ---- Rings ---- */

struct nic_view {
	struct nic_ring *ring;
	struct virtq_desc *descs;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t *avail_event;
	uint32_t size;
};

/* False: the driver has not made it, or the device is not to work. */
static bool nic_view(uint32_t queue, struct nic_view *v)
{
	v->ring = &nic.rings[queue % NIC_QUEUES];
	v->size = nic.size;
	uint64_t at = (uint64_t)v->ring->page * VIRTIO_LEGACY_PAGE;
	if (!at || !(nic.status & VIRTIO_STATUS_DRIVER_OK))
		return false;
	v->descs = machine_memory(at);
	v->avail = machine_memory(at + v->size * 16);
	v->used = machine_memory((at + v->size * 18 + 6 + 4095) & -4096ul);
	v->avail_event = (uint16_t *)&v->used->ring[v->size];
	return true;
}

/* The head of the next chain, -1: none. */
static int nic_next(struct nic_view *v)
{
	if (v->ring->taken == v->avail->index)
		return -1;
	*v->avail_event = v->ring->taken + 1;
	return v->avail->ring[v->ring->taken++ % v->size];
}

static void nic_interrupt(uint32_t queue)
{
	uint16_t vector = nic.rings[queue % NIC_QUEUES].vector;
	if (vector < nic.vectors)
		nic.function(nic.arguments[vector]);
}

/* Tell of a chain. Any id. */
static void nic_use(struct nic_view *v, uint32_t id, uint32_t length)
{
	struct virtq_used_elem *e = &v->used->ring[v->ring->told % v->size];
	e->id = id;
	e->length = length;
	v->used->index = ++v->ring->told;
	nic_interrupt(v->ring - nic.rings);
}

/*
 * Copy between a chain and flat memory; `writes`: into the chain. Returns the bytes that it has
 * room for, or 0 for a chain of no sense.
 */
static uint32_t nic_copy(struct nic_view *v, uint32_t head, uint8_t *flat, uint32_t bytes,
			 bool writes)
{
	struct virtq_desc *table = v->descs;
	uint32_t at = head, size = v->size, done = 0, steps = 0;

	nic.descriptors = 0;
	if (head >= size)
		goto bad;
	if (table[at].flags & VIRTQ_DESC_INDIRECT) {
		size = table[at].length / 16;
		table = machine_memory(table[at].address);
		at = 0;
	}
	for (;; at = table[at].next) {
		if (at >= size || steps++ > size || !table[at].length ||
		    !(table[at].flags & VIRTQ_DESC_WRITE) != !writes)
			goto bad;
		nic.descriptors++;
		for (uint32_t i = 0; i < table[at].length && done < bytes; i++, done++) {
			uint8_t *memory = machine_memory(table[at].address + i);
			if (writes)
				*memory = flat[done];
			else
				flat[done] = *memory;
		}
		if (!(table[at].flags & VIRTQ_DESC_NEXT))
			return done;
	}
bad:
	nic.bad_chains++;
	return 0;
}

/* ---- What it does ---- */

static uint32_t nic_control_queue(void)
{
	uint16_t most;
	memcpy(&most, nic.config + VIRTIO_NET_MAX_PAIRS, 2);
	return 2 * (nic.accepted & VIRTIO_NET_F_MQ ? most : 1);
}

static void nic_command(struct nic_view *v, int head)
{
	uint8_t data[512];
	struct virtq_desc *d = &v->descs[(uint32_t)head % v->size];

	nic.commands++;
	if (nic.deaf || head >= (int)v->size)
		return;
	/* Not a command: the configuration says that another ring is the one for commands. */
	if (d->length != 2 || d->next >= v->size || v->descs[d->next].length > sizeof data - 2 ||
	    v->descs[d->next].next >= v->size)
		return;
	CHECK(d->length == 2 && d->flags == VIRTQ_DESC_NEXT);
	memcpy(data, machine_memory(d->address), 2);
	d = &v->descs[d->next];
	CHECK(d->length <= sizeof data - 2 && d->flags == VIRTQ_DESC_NEXT);
	memcpy(data + 2, machine_memory(d->address), d->length);
	switch (data[0] << 8 | data[1]) {
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_PROMISC:
		nic.promiscuous = data[2];
		break;
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_ALLMULTI:
		nic.all_multicast = data[2];
		break;
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET:
		memcpy(nic.mac, data + 2, 6);
		break;
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_TABLE_SET:
		memcpy(&nic.multicast_count, data + 6, 4);
		CHECK(d->length == 8 + nic.multicast_count * 6);
		break;
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET:
		memcpy(&nic.pairs, data + 2, 2);
		break;
	default:
		CHECK(!"a command that there is");
	}
	d = &v->descs[d->next];
	CHECK(d->length == 1 && d->flags == VIRTQ_DESC_WRITE);
	*(uint8_t *)machine_memory(d->address) = nic.refuses;
	nic_use(v, head, 1);
}

/* Send what is to be sent, answer commands. */
static void nic_step(void)
{
	struct nic_view v;
	int head;

	for (uint32_t pair = 0; pair < NIC_QUEUES / 2; pair++) {
		if (!nic_view(VIRTIO_NET_QUEUE_TX(pair), &v) ||
		    VIRTIO_NET_QUEUE_TX(pair) > nic_control_queue())
			continue;
		if (nic_chance(nic.nonsense))
			nic_use(&v, rand() % 3 ? (uint32_t)rand() % 300 : (uint32_t)rand() * 2u, 0);
		if (nic_chance(nic.jump))
			v.used->index = v.ring->told += rand() % 3 ? 1 : 700;
		while ((head = nic_next(&v)) >= 0) {
			if (nic_chance(nic.never))
				continue;
			uint32_t bytes = nic_copy(&v, head, nic.frame, sizeof nic.frame, false);
			uint32_t header = nic_header_bytes();
			if (bytes > header) {
				memcpy(nic.header, nic.frame, header);
				memmove(nic.frame, nic.frame + header, bytes - header);
				nic.frame_bytes = bytes - header;
				nic.frames++;
				if (nic.on_frame)
					nic.on_frame(pair);
			}
			nic_use(&v, head, 0);
			if (nic_chance(nic.twice))
				nic_use(&v, head, 0);
		}
	}
	if (nic.accepted & VIRTIO_NET_F_CTRL_VQ && nic_view(nic_control_queue(), &v))
		while ((head = nic_next(&v)) >= 0)
			nic_command(&v, head);
}

/* A frame comes in, behind this header (12 bytes, or 10 of them). False: no buffers. */
static bool nic_deliver(uint32_t pair, const uint8_t *header, const uint8_t *frame, uint32_t bytes)
{
	static uint8_t flat[70016];
	uint32_t skip = nic_header_bytes(), room = skip + BM_NET_ROOM, heads[64], count = 0;
	struct nic_view v;

	if (!nic_view(VIRTIO_NET_QUEUE_RX(pair), &v))
		return false;
	uint32_t parts = (skip + bytes + room - 1) / room;
	if ((uint16_t)(v.avail->index - v.ring->taken) < parts || parts > 64)
		return false;
	memcpy(flat, header, skip);
	memcpy(flat + skip, frame, bytes);
	if (skip == 12)
		flat[10] = parts;
	while (count < parts)
		heads[count++] = nic_next(&v);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t left = skip + bytes - i * room, now = left < room ? left : room;
		CHECK(nic_copy(&v, heads[i], flat + i * room, now, true) == now);
		nic_use(&v, heads[i], now);
	}
	return true;
}

static void nic_power_on(uint32_t features)
{
	void (*on_frame)(uint32_t) = nic.on_frame;
	memset(&nic, 0, sizeof nic);
	nic.on_frame = on_frame;
	nic.offered = features;
	nic.size = 256;
	memcpy(nic.config, "\x52\x54\x00\x01\x02\x03\x01", 7);
	nic.config[VIRTIO_NET_MAX_PAIRS] = 3;
	nic.config[VIRTIO_NET_MTU] = 9000 & 255;
	nic.config[VIRTIO_NET_MTU + 1] = 9000 >> 8;
}

#endif
