/* SPDX-License-Identifier: MIT */
/*
 * The driver virtio_blk with a device that does what the input says: two bytes of features and
 * version, then one byte an event: a request, an honest answer, any id, an index that jumps, time
 * that passes, configuration that changes. Every request that was taken is answered once.
 *
 * Kernel sources: device/block*.c, drivers/virtio/virtio.c, drivers/block/virtio_blk.c.
 */
#include "../unit/device/no_pci.h"
#include "../unit/device/virtio_device.h"
#include "drivers/block/virtio_blk.c"

#define REQUESTS 16

/* Only while it is set up: it tells its name. */
static void answer(void)
{
	int head;
	if (device_find_ring())
		while ((head = device_next()) >= 0)
			device_carry_out(head, 0);
}

static struct bm_block_request requests[REQUESTS];
static struct bm_block_segment segments[REQUESTS];
static unsigned char memory[REQUESTS][8192] __attribute__((aligned(8192)));
static unsigned calls[REQUESTS];
static bool busy[REQUESTS];

static void called(struct bm_block_request *r)
{
	unsigned i = r - requests;
	if (!busy[i] || r->status == BM_BLOCK_PENDING)
		__builtin_trap();
	calls[i]++;
	busy[i] = false;
}

static void submit(unsigned i, uint8_t kind)
{
	struct bm_block_request *r = &requests[i], *list[] = {r};
	if (busy[i])
		return;
	memset(r, 0, sizeof *r);
	segments[i] =
	    (struct bm_block_segment){memory[i] + (kind & 4 ? 4092 : 0), kind & 8 ? 4096 : 512};
	r->operation = kind & 3;
	if (r->operation == BM_BLOCK_DISCARD)
		r->sectors = 8;
	if (r->operation <= BM_BLOCK_WRITE) {
		r->segments = &segments[i];
		r->segment_count = 1;
	}
	if (r->operation != BM_BLOCK_FLUSH)
		r->sector = i * 16;
	r->done = called;
	busy[i] = true;
	calls[i] = 0;
	if (block_submit(0, list, 1) == 0)
		busy[i] = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bm_device device = {.name = "mmio",
				   .bus = BM_BUS_VIRTIO_MMIO,
				   .vendor = VIRTIO_VENDOR,
				   .device = 2,
				   .address = DEVICE_PHYS,
				   .size = 0x200};
	if (size < 6)
		return 0;
	/* Everything anew. */
	machine_dma_used = 0;
	machine_task_count = 0;
	memset(&simulated_core, 0, sizeof simulated_core);
	memset(busy, 0, sizeof busy);
	block_device_count = 0;
	uint32_t features;
	memcpy(&features, data, 4);
	device_power_on(data[4] % 4, features);
	if (data[5] < 32) /* of two powers of two, and others */
		device_set(VIRTIO_MMIO_QUEUE_SIZE_MAX, data[5] < 16 ? 1u << data[5] : data[5], 4);
	data += 6;
	size -= 6;
	if (size > 32 && data[0] & 1) { /* any configuration */
		memcpy(device_registers + VIRTIO_MMIO_CONFIG, data, 32);
		data += 32;
		size -= 32;
	}
	machine_on_look = answer;
	int error = probe(&device);
	machine_on_look = NULL;
	if (error)
		return 0;
	struct bm_block_info info;
	block_info(0, &info);
	if (info.sector_size < 512 || info.sector_size > 4096 || !info.depth)
		__builtin_trap();
	block_set_timeout(0, BM_SECOND / 1000);
	for (; size >= 3; data += 3, size -= 3) {
		int head;
		switch (device_find_ring() ? data[0] % 8 : 7) {
		case 0:
		case 1:
			submit(data[1] % REQUESTS, data[2]);
			break;
		case 2:
			if ((head = device_next()) >= 0)
				device_carry_out(head, data[1] % 4);
			break;
		case 3:
			device_use(data[1] | data[2] << 8, 0);
			break;
		case 4:
			device_use((uint32_t)data[1] << 24 | data[2], ~0u);
			break;
		case 5:
			device_ring.used->index = device_used += data[1];
			break;
		case 6:
			machine_tsc += data[1] * 50000ul;
			device_registers[VIRTIO_MMIO_CONFIG + data[1] % 64] = data[2];
			break;
		default:
			block_poll(0, BM_BLOCK_ALL_QUEUES);
		}
	}
	/* Whatever it was: in the end all is answered. */
	for (int i = 0; i < 20; i++) {
		machine_tsc += 2000000;
		block_poll(0, BM_BLOCK_ALL_QUEUES);
	}
	for (unsigned i = 0; i < REQUESTS; i++)
		if (busy[i] || calls[i] > 1)
			__builtin_trap();
	return 0;
}
