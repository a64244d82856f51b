/* SPDX-License-Identifier: MIT */
/*
 * The AHCI driver on registers and memory of random bytes: whatever an adapter says, the driver
 * touches no memory but its own and its requests', answers each tag once, and every wait of its has
 * an end.
 */
#include <stdio.h>
#include <string.h>
#include "drivers/block/ahci.c"
#include "unit/ata/kernel.h"

const struct bm_driver *driver_under_test = &ahci;
static const uint8_t *bytes;
static size_t left;
static uint32_t port_memory[AHCI_PORTS][2];

static uint32_t next(void)
{
	uint32_t value = 0;
	size_t size = left < 4 ? left : 4;
	memcpy(&value, bytes, size);
	bytes += size;
	left -= size;
	return value;
}

/* Most reads say what lets the driver go on. */
uint32_t mmio_read32(const volatile void *at)
{
	uint32_t reg = (uint64_t)at & 0xffffff;
	uint8_t choice = left ? (left--, *bytes++) : 0;
	fake.now += left ? 100000 : 1000000000;
	if (choice > 200)
		return next();
	if (reg < HBA_BYTES)
		return reg == HBA_CAP  ? HBA_CAP_NCQ | 31 << 8 | (uint32_t)choice << 24
		       : reg == HBA_PI ? 3
				       : 0;
	switch (reg % PORT_BYTES) {
	case PORT_SSTS:
		return DET_LINK;
	case PORT_SIG:
		return choice & 1 ? PORT_SIG_PACKET : PORT_SIG_DISK;
	case PORT_TFD:
		return ATA_STATUS_DRDY;
	case PORT_CMD:
		return PORT_CMD_START;
	default:
		return 0;
	}
}

/* At a command, what it asks for comes: as many bytes as its list holds, of what is left. */
void mmio_write32(volatile void *at, uint32_t value)
{
	uint32_t reg = (uint64_t)at & 0xffffff, port = (reg - HBA_BYTES) / PORT_BYTES;
	if (reg < HBA_BYTES || port >= AHCI_PORTS)
		return;
	if (reg % PORT_BYTES == PORT_CLB)
		port_memory[port][0] = value;
	if (reg % PORT_BYTES == PORT_FB)
		port_memory[port][1] = value;
	if (reg % PORT_BYTES != PORT_CI || !value)
		return;
	struct ahci_header *h =
	    (struct ahci_header *)fake_memory(port_memory[port][0]) + __builtin_ctz(value);
	struct ahci_table *table = fake_memory(h->table);
	uint8_t *received = fake_memory(port_memory[port][1]);
	received[RECEIVED_SDB] = received[RECEIVED_D2H] = 0x34;
	h->transferred = next();
	if (h->flags & AHCI_HEADER_WRITE)
		return;
	for (uint32_t i = 0; i < h->table_length; i++) {
		uint32_t size = table->runs[i].bytes + 1;
		size = size < left ? size : (uint32_t)left;
		memcpy(fake_memory(table->runs[i].address), bytes, size);
		bytes += size;
		left -= size;
	}
}

uint8_t in8(uint16_t port)
{
	(void)port;
	return 0;
}
uint16_t in16(uint16_t port)
{
	(void)port;
	return 0;
}
void out8(uint16_t port, uint8_t value)
{
	(void)port, (void)value;
}
void out32(uint16_t port, uint32_t value)
{
	(void)port, (void)value;
}
void in16_many(uint16_t port, void *to, uint64_t count)
{
	(void)port, (void)to, (void)count;
}
void out16_many(uint16_t port, const void *from, uint64_t count)
{
	(void)port, (void)from, (void)count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bytes = data;
	left = size < 8192 ? size : 8192;
	fake_begin();
	fake.bars[AHCI_BAR] = (struct bm_pci_bar){0xfebf0000, PORT(4), 0, 0};
	fake_probe();
	for (uint32_t step = 0; left && step < 200; step++) {
		for (uint32_t i = 0; i < fake.count; i++) {
			struct fake_device *d = &fake.devices[i];
			uint32_t word = next(), tag = word % d->driver.depth,
				 sectors = 1 + (word >> 8) % 8;
			uint8_t *buffer = NULL, operation = word >> 16 & 3;
			if (d->driver.flags & BM_BLOCK_READ_ONLY)
				operation = BM_BLOCK_READ;
			if (operation == BM_BLOCK_DISCARD &&
			    !(d->driver.flags & BM_BLOCK_HAS_DISCARD))
				operation = BM_BLOCK_FLUSH;
			if (operation <= BM_BLOCK_WRITE)
				buffer =
				    fake_buffer(9 * d->driver.sector_size) + d->driver.sector_size;
			if (!d->in_use[tag] && sectors <= d->driver.sectors) {
				fake_start(i, tag, operation, 0,
					   operation == BM_BLOCK_FLUSH
					       ? 0
					       : word % (d->driver.sectors - sectors + 1),
					   operation == BM_BLOCK_FLUSH ? 0 : sectors, buffer,
					   1 + (word >> 24) % 4);
				fake_kick(i);
			}
			fake_poll(i);
			if (d->results[tag] == AGAIN || (word >> 28) == 15)
				fake_reset(i);
			if (d->driver.ops->arm)
				d->driver.ops->arm(d->driver.state, 0);
			if (fake.function)
				fake.function(fake.argument);
		}
		if (!fake.count)
			break;
	}
	if (failures)
		__builtin_trap();
	return 0;
}
