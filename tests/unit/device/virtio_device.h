/* SPDX-License-Identifier: MIT */
/*
 * A virtio block device behind MMIO registers, for tests and the fuzzer: it does what it is asked,
 * and what a list of whims says besides. Registers are memory at the place where the driver maps
 * them; the device looks at them when it is stepped.
 */
#ifndef TESTS_VIRTIO_DEVICE_H
#define TESTS_VIRTIO_DEVICE_H

#include "machine.h"
#include "drivers/virtio/virtio_regs.h"
#include "drivers/block/virtio_blk_regs.h"

#define DEVICE_PHYS    0x100000ul /* below the memory for DMA */
#define DEVICE_QUEUE   128
#define DEVICE_SECTORS 2048

static uint8_t *device_registers;
static uint8_t device_disk[DEVICE_SECTORS * 512];
static uint16_t device_avail; /* chains taken */
static uint16_t device_used;  /* and told of */
static unsigned device_bad_chains;

static void device_set(uint32_t offset, uint64_t value, size_t bytes)
{
	memcpy(device_registers + offset, &value, bytes);
}

static uint32_t device_get(uint32_t offset)
{
	uint32_t value;
	memcpy(&value, device_registers + offset, 4);
	return value;
}

static uint64_t device_get64(uint32_t offset)
{
	return device_get(offset) | (uint64_t)device_get(offset + 4) << 32;
}

/* At power-on. `features` in both halves: the selection is not simulated. */
static void device_power_on(uint32_t version, uint32_t features)
{
	if (!device_registers)
		device_registers =
		    mmap((void *)(LAYOUT_DEVICES + DEVICE_PHYS), 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	memset(device_registers, 0, 4096);
	device_set(0, 0x74726976, 4);
	device_set(VIRTIO_MMIO_VERSION, version, 4);
	device_set(VIRTIO_MMIO_DEVICE_FEATURES, features, 4);
	device_set(VIRTIO_MMIO_QUEUE_SIZE_MAX, DEVICE_QUEUE, 4);
	device_set(VIRTIO_MMIO_QUEUE_NOTIFY, 0xffff, 4);
	device_set(VIRTIO_MMIO_CONFIG + VIRTIO_BLK_CAPACITY, DEVICE_SECTORS, 8);
	device_set(VIRTIO_MMIO_CONFIG + VIRTIO_BLK_SEG_MAX, 20, 4);
	device_set(VIRTIO_MMIO_CONFIG + VIRTIO_BLK_BLK_SIZE, 512, 4);
	device_set(VIRTIO_MMIO_CONFIG + VIRTIO_BLK_WRITEBACK, 1, 1);
	device_avail = device_used = 0;
}

static struct {
	volatile struct virtq_desc *descs;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	uint32_t size;
} device_ring;

static bool device_find_ring(void)
{
	uint64_t desc, avail, used;
	device_ring.size = device_get(VIRTIO_MMIO_QUEUE_SIZE);
	if (!(device_get(VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_DRIVER_OK) || !device_ring.size)
		return false;
	if (device_get(VIRTIO_MMIO_VERSION) == 1) {
		desc = (uint64_t)device_get(VIRTIO_MMIO_V1_QUEUE_PAGE) * VIRTIO_LEGACY_PAGE;
		avail = desc + device_ring.size * 16;
		used = (avail + 6 + 2 * device_ring.size + 4095) & -4096ul;
	} else {
		desc = device_get64(VIRTIO_MMIO_QUEUE_DESC);
		avail = device_get64(VIRTIO_MMIO_QUEUE_DRIVER);
		used = device_get64(VIRTIO_MMIO_QUEUE_DEVICE);
	}
	device_ring.descs = machine_memory(desc);
	device_ring.avail = machine_memory(avail);
	device_ring.used = machine_memory(used);
	/* The driver empties the ring when it has reset the device. */
	if (device_ring.used->index != device_used)
		device_avail = device_used = 0;
	return true;
}

/* Tell of a chain. Any id. */
static void device_use(uint32_t id, uint32_t length)
{
	volatile struct virtq_used_elem *e =
	    &device_ring.used->ring[device_ring.used->index % device_ring.size];
	e->id = id;
	e->length = length;
	device_ring.used->index = ++device_used;
}

/* The head of the next chain, -1: none. */
static int device_next(void)
{
	if (device_avail == device_ring.avail->index)
		return -1;
	return device_ring.avail->ring[device_avail++ % device_ring.size];
}

/* Move bytes between a place of the disk and physical memory, as the descriptors say. */
static void device_carry_out(int head, uint8_t answer)
{
	volatile struct virtq_desc *table = device_ring.descs;
	uint32_t at = head, size = device_ring.size, steps = 0;
	struct virtio_blk_header header;
	uint64_t place = 0;
	uint32_t length = 0;

	if (table[at].flags & VIRTQ_DESC_INDIRECT) {
		size = table[at].length / 16;
		table = machine_memory(table[at].address);
		at = 0;
	}
	for (;; at = table[at].next, steps++) {
		volatile struct virtq_desc *d = &table[at];
		bool last = !(d->flags & VIRTQ_DESC_NEXT), writes = d->flags & VIRTQ_DESC_WRITE;
		if (steps > size || at >= size) {
			device_bad_chains++;
			return;
		}
		if (steps == 0) {
			memcpy(&header, machine_memory(d->address), sizeof header);
			device_bad_chains += d->length != sizeof header || writes || last;
			place = header.sector * 512;
		} else if (last) {
			device_bad_chains += d->length != 1 || !writes;
			*(uint8_t *)machine_memory(d->address) = answer;
			break;
		} else if (header.type == VIRTIO_BLK_T_GET_ID) {
			memcpy(machine_memory(d->address), "a serial number     ", 20);
		} else if (header.type <= VIRTIO_BLK_T_OUT && !answer) {
			bool in = header.type == VIRTIO_BLK_T_IN;
			device_bad_chains +=
			    in != writes || !d->length || place + d->length > sizeof device_disk;
			if (place + d->length > sizeof device_disk)
				return;
			for (uint32_t i = 0; i < d->length; i++, place++) {
				uint8_t *memory = machine_memory(d->address + i);
				if (in)
					*memory = device_disk[place];
				else
					device_disk[place] = *memory;
			}
			length += d->length;
		}
	}
	device_use(head, length + 1);
}

#endif
