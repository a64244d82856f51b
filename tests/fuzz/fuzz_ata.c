/* SPDX-License-Identifier: MIT */
/*
 * The driver of IDE channels on ports that read random bytes. As fuzz_ahci.c.
 */
#include <stdio.h>
#include <string.h>
#include "drivers/block/ata.c"
#include "unit/ata/kernel.h"

const struct bm_driver *driver_under_test = &ata;
static const uint8_t *bytes;
static size_t left;
static uint8_t registers[8];

static uint32_t next(uint32_t size)
{
	uint32_t value = 0;
	size = size < left ? size : (uint32_t)left;
	memcpy(&value, bytes, size);
	bytes += size;
	left -= size;
	return value;
}

/* Most reads say what lets the driver go on. */
uint8_t in8(uint16_t port)
{
	uint8_t choice = next(1);
	fake.now += left ? 100000 : 1000000000;
	if (choice > 200)
		return next(1);
	if (port >= 0xc000)
		return choice & 1 ? MASTER_STATUS_INTERRUPT : 0;
	if (port == 0x1f7 || port == 0x3f6)
		return choice & 4 ? ATA_STATUS_DRDY | ATA_STATUS_DRQ : ATA_STATUS_DRDY;
	return choice & 64 ? choice & 1 : registers[port & 7];
}

uint16_t in16(uint16_t port)
{
	(void)port;
	return next(2);
}

void in16_many(uint16_t port, void *to, uint64_t count)
{
	size_t size = 2 * count < left ? 2 * count : left;
	(void)port;
	memset(to, 0, 2 * count);
	memcpy(to, bytes, size);
	bytes += size;
	left -= size;
}

void out16_many(uint16_t port, const void *from, uint64_t count)
{
	static volatile uint8_t sum;
	(void)port;
	for (uint64_t i = 0; i < 2 * count; i++)
		sum += ((const uint8_t *)from)[i];
}

void out8(uint16_t port, uint8_t value)
{
	registers[port & 7] = value;
	if (port == 0x3f6 || port == 0x376)
		memset(registers, 1, 4);
}

void out32(uint16_t port, uint32_t value)
{
	(void)port, (void)value;
}

uint32_t mmio_read32(const volatile void *at)
{
	(void)at;
	return 0;
}
void mmio_write32(volatile void *at, uint32_t value)
{
	(void)at, (void)value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bytes = data;
	left = size < 8192 ? size : 8192;
	fake_begin();
	memset(registers, 0, sizeof registers);
	legacy_taken[0] = legacy_taken[1] = false;
	fake.device.class_code = IDE_CLASS;
	fake.bars[IDE_BAR_MASTER] = (struct bm_pci_bar){0xc000, 16, BM_PCI_BAR_IO, 0};
	fake_probe();
	for (uint32_t step = 0; left && step < 200 && fake.count; step++)
		for (uint32_t i = 0; i < fake.count; i++) {
			struct fake_device *d = &fake.devices[i];
			uint32_t word = next(4), tag = word % d->driver.depth,
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
					   (word >> 24) % 4);
				fake_kick(i);
			}
			fake_poll(i);
			if (d->results[tag] == AGAIN || (word >> 28) == 15)
				fake_reset(i);
			if (d->driver.ops->arm)
				d->driver.ops->arm(d->driver.state, 0);
		}
	if (failures)
		__builtin_trap();
	return 0;
}
