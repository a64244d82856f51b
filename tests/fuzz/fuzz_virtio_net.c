/* SPDX-License-Identifier: MIT */
/*
 * The network front end and the driver virtio_net with a device that does what the input says:
 * features and queue size, then three bytes an event: a frame that comes in, behind any header; any
 * id and length; an index that jumps; frames sent and answered; a changed configuration; time;
 * another configuration. Each frame of the app's own is released once, and all buffers are in the
 * pool in the end.
 *
 * Kernel sources: device/net*.c, drivers/virtio/virtio.c, drivers/net/virtio_net.c.
 */
#include "../unit/device/virtio_nic.h"
#include "drivers/net/virtio_net.c"

#define OWN    8
#define EVENTS 120

static struct own {
	struct bm_net_buffer buffer;
	bool out;
} own[OWN];
static uint8_t memory[OWN][256];

static void release(struct bm_net_buffer *b)
{
	struct own *o = (struct own *)b;
	if (o < own || o >= own + OWN || !o->out)
		__builtin_trap();
	o->out = false;
}

static void send_one(struct bm_net_queue *q, uint8_t kind, uint8_t size)
{
	struct bm_net_buffer *b = net_take(q), *frame = b;
	if (!b)
		return;
	b->data = b->base + (kind & 1 ? BM_NET_HEADROOM : 0);
	b->bytes = size * 8;
	b->flags = kind >> 4;
	b->checksum_start = size;
	b->checksum_offset = kind;
	b->segment_size = kind;
	b->header_bytes = size;
	b->next = NULL;
	for (int i = 0; i < OWN && kind & 2; i++)
		if (!own[i].out) {
			if (net_attach(&own[i].buffer, memory[i], 200, release) > 0) {
				own[i].out = true;
				b->next = &own[i].buffer;
			}
			break;
		}
	if (q->send(q, &frame, 1) != 1)
		net_give(q, frame);
}

static void receive_some_frames(struct bm_net_queue *q)
{
	struct bm_net_buffer *frames[4];
	int n = q->receive(q, frames, 4);
	for (int i = 0; i < n; i++) {
		uint64_t bytes = 0;
		for (const struct bm_net_buffer *b = frames[i]; b; b = b->next) {
			if (b->data < b->base || b->data + b->bytes > b->base + b->capacity)
				__builtin_trap();
			bytes += b->bytes;
		}
		if (bytes < BM_NET_HEADER || bytes > 65550)
			__builtin_trap();
		net_give(q, frames[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[70000];
	struct bm_device device = {.name = "pci", .bus = BM_BUS_PCI, .vendor = VIRTIO_VENDOR};
	uint32_t features;
	struct nic_view v;

	if (size < 6 + NIC_CONFIG)
		return 0;
	srand(1);
	machine_task_count = 0;
	memset(&simulated_core, 0, sizeof simulated_core);
	net_device_count = 0;
	memcpy(&features, data, 4);
	nic_power_on(features);
	nic_cores = 2;
	nic.size = data[4] < 16 ? 1u << data[4] % 9 : data[4] < 32 ? data[4] : 256;
	nic.vectors = data[5] % 4;
	memcpy(nic.config, data + 6, NIC_CONFIG);
	data += 6 + NIC_CONFIG;
	size -= 6 + NIC_CONFIG;
	/* The memory of the last device, but for what is in the pool. */
	static uint64_t mark;
	if (!mark) {
		net_reserve(0, 2048);
		mark = machine_dma_used;
	}
	machine_dma_used = mark;
	machine_dma_limit = mark + (4ul << 20);
	machine_on_look = nic_step;
	struct bm_net_queue *q = probe(&device) ? NULL : net_open(0, 0), *second = NULL;
	if (size > 3 * EVENTS)
		size = 3 * EVENTS;
	for (; q && size >= 3; data += 3, size -= 3) {
		switch (data[0] % 12) {
		case 0:
		case 1:
			send_one(q, data[1], data[2]);
			break;
		case 2:
			nic_deliver(0, text + data[1], text, 14 + data[2] * 8);
			break;
		case 3:
			nic_deliver(second ? 1 : 0, text + data[1], text, 14 + data[2] * 256);
			break;
		case 4:
			if (nic_view(data[1] % 5, &v))
				nic_use(&v, data[1] / 5, data[2] * 16);
			break;
		case 5:
			if (nic_view(data[1] % 5, &v))
				nic_use(&v, (uint32_t)data[1] << 24 | data[2], ~0u);
			break;
		case 6:
			if (nic_view(data[1] % 5, &v))
				v.used->index = v.ring->told += data[2];
			break;
		case 7:
			machine_tsc += data[1] * (BM_SECOND / 16);
			nic.config[data[1] % NIC_CONFIG] = data[2];
			break;
		case 8:
			nic_step();
			q->reclaim(q);
			break;
		case 9:
			if (data[1] % 8 == 0 && net_configure(0, 1 + data[1] / 8 % 2, data[2]) == 0)
				second = net_open(0, 1);
			break;
		case 10:
			text[data[1]] = data[2];
			nic.never = data[1] & 1 ? 500 : 0;
			nic.deaf = data[1] % 16 == 2;
			break;
		default:
			receive_some_frames(q);
			if (second)
				receive_some_frames(second);
		}
	}
	machine_on_look = NULL;
	/* Whatever it was: stopped, it has nothing. */
	for (uint32_t i = 0; i < net_device_count; i++) {
		struct bm_net_device *d = net_devices[i];
		if (d->state != NET_FAILED)
			d->driver.ops->stop(d->driver.state);
		for (uint32_t n = 0; n < d->driver.queues; n++)
			while (d->queues[n]->q.free_count)
				net_spill(&d->queues[n]->q, NULL);
	}
	for (int i = 0; i < OWN; i++)
		if (own[i].out)
			__builtin_trap();
	struct bm_net_info info = {0};
	net_pool_info(&info);
	if (info.buffers != info.buffers_free)
		__builtin_trap();
	return 0;
}
