/* SPDX-License-Identifier: MIT */
/*
 * Ports and ECAM. Contract: pci_access.h.
 */
#include "device/pci_access.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "device/acpi.h"
#include "device/pci_regs.h"
#include "memory/heap.h"
#include "memory/layout.h"
#include "memory/page.h"

#define CHUNK       0x200000ul /* mapped at once: two buses */
#define CHUNK_BUSES 2

static struct ecam segments[PCI_SEGMENTS_MAX];
static size_t segment_count;
static bool has_ports;
static bool ports_busy;
static uint64_t mapped[PCI_SEGMENTS_MAX][256 / CHUNK_BUSES / 64]; /* chunks */

static uint32_t ports_begin(struct pci_place place, uint32_t offset)
{
	while (__atomic_test_and_set(&ports_busy, __ATOMIC_ACQUIRE))
		cpu_relax();
	uint32_t old = in32(PCI_PORT_ADDRESS);
	out32(PCI_PORT_ADDRESS, PCI_PORT_ADDRESS_ENABLE | place.bus << 16 |
				    place.slot_function << 8 | (offset & ~3u));
	return old;
}

static void ports_end(uint32_t old)
{
	out32(PCI_PORT_ADDRESS, old);
	__atomic_clear(&ports_busy, __ATOMIC_RELEASE);
}

size_t pci_access_open(void)
{
	size_t size;
	heap_hold();
	const uint8_t *table = acpi_find("MCFG", &size);
	heap_release();
	if (table)
		segment_count = mcfg_parse(table, size, segments, PCI_SEGMENTS_MAX);

	/* Configuration mechanism 1 keeps what is written to its address register. */
	uint32_t old = in32(PCI_PORT_ADDRESS);
	out32(PCI_PORT_ADDRESS, PCI_PORT_ADDRESS_ENABLE);
	has_ports = in32(PCI_PORT_ADDRESS) == PCI_PORT_ADDRESS_ENABLE;
	out32(PCI_PORT_ADDRESS, old);
	bool first = false;
	for (size_t i = 0; i < segment_count; i++)
		first = first || !segments[i].segment;
	if (!has_ports && !segment_count) {
		heap_hold();
		table = acpi_map_dsdt(&size);
		heap_release();
		segment_count = table && acpi_find_ecam(table, size, &segments[0]);
	}
	if (has_ports && !first && segment_count < PCI_SEGMENTS_MAX)
		segments[segment_count++] = (struct ecam){0, 0, 0, 255};
	return segment_count;
}

const struct ecam *pci_access_segment(size_t index)
{
	return &segments[index];
}

/* The registers of a function through ECAM; NULL if there are none. */
static volatile uint8_t *ecam(struct pci_place place)
{
	for (size_t i = 0; i < segment_count; i++) {
		const struct ecam *e = &segments[i];
		if (e->segment != place.segment || !e->base || place.bus < e->first_bus ||
		    place.bus > e->last_bus)
			continue;
		uint64_t at = e->base + ((uint64_t)place.bus << 20 | place.slot_function << 12);
		uint32_t chunk = place.bus / CHUNK_BUSES;
		uint64_t *word = &mapped[i][chunk / 64], bit = 1ul << chunk % 64;
		if (!(__atomic_load_n(word, __ATOMIC_ACQUIRE) & bit)) {
			heap_hold();
			bool good = page_map_device(at & -CHUNK, CHUNK, PAGE_WRITE | PAGE_UNCACHED);
			heap_release();
			if (!good)
				return NULL;
			__atomic_fetch_or(word, bit, __ATOMIC_RELEASE);
		}
		return (volatile uint8_t *)(LAYOUT_DEVICES + at);
	}
	return NULL;
}

uint32_t pci_access_read(struct pci_place place, uint32_t offset, uint32_t size)
{
	uint32_t ones = size == 4 ? ~0u : (1u << 8 * size) - 1;
	if (has_ports && !place.segment && offset < PCI_CONFIG_SIZE) {
		uint32_t old = ports_begin(place, offset);
		uint16_t port = PCI_PORT_DATA + offset % 4;
		uint32_t value = size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
		ports_end(old);
		return value;
	}
	volatile uint8_t *at = offset < PCI_CONFIG_SIZE_ECAM ? ecam(place) : NULL;
	if (!at)
		return ones;
	at += offset;
	return size == 1 ? *at : size == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

void pci_access_write(struct pci_place place, uint32_t offset, uint32_t size, uint32_t value)
{
	if (has_ports && !place.segment && offset < PCI_CONFIG_SIZE) {
		uint32_t old = ports_begin(place, offset);
		uint16_t port = PCI_PORT_DATA + offset % 4;
		if (size == 1)
			out8(port, value);
		else if (size == 2)
			out16(port, value);
		else
			out32(port, value);
		ports_end(old);
		return;
	}
	volatile uint8_t *at = offset < PCI_CONFIG_SIZE_ECAM ? ecam(place) : NULL;
	if (!at)
		return;
	at += offset;
	if (size == 1)
		*at = value;
	else if (size == 2)
		*(volatile uint16_t *)at = value;
	else
		*(volatile uint32_t *)at = value;
}

size_t pci_access_windows(struct address_window *windows, size_t max)
{
	size_t size;
	heap_hold();
	const uint8_t *dsdt = acpi_map_dsdt(&size);
	heap_release();
	return dsdt ? acpi_find_windows(dsdt, size, windows, max) : 0;
}
