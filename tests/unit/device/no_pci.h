/* SPDX-License-Identifier: MIT */
/*
 * What the kernel offers drivers, for a device that needs none of it: neither PCI nor ports nor,
 * unless the test says so, interrupts are there. For one source of a program; definitions.
 */
#ifndef TESTS_NO_PCI_H
#define TESTS_NO_PCI_H

#include "machine.h"

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
	return NULL;
}
uint16_t pci_ports(const struct bm_device *d, uint32_t bar, uint32_t bytes)
{
	(void)d, (void)bar, (void)bytes;
	return 0;
}
void pci_master(const struct bm_device *d, bool on)
{
	(void)d, (void)on;
}
static int no_pci_interrupts = -BM_ENODEV; /* or how many there are, after all */
int interrupts_take(struct bm_device *d, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	(void)d, (void)wanted, (void)function, (void)arguments;
	return no_pci_interrupts;
}
void interrupts_enable(struct bm_device *d)
{
	(void)d;
}
uint32_t worker_count(void)
{
	return 1;
}
void out8(uint16_t port, uint8_t value)
{
	(void)port, (void)value;
}
void out16(uint16_t port, uint16_t value)
{
	(void)port, (void)value;
}
void out32(uint16_t port, uint32_t value)
{
	(void)port, (void)value;
}
uint8_t in8(uint16_t port)
{
	(void)port;
	return 0xff;
}
uint16_t in16(uint16_t port)
{
	(void)port;
	return 0xffff;
}
uint32_t in32(uint16_t port)
{
	(void)port;
	return ~0u;
}

#endif
