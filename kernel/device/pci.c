/* SPDX-License-Identifier: MIT */
/*
 * Finding PCI functions, and what drivers and the API ask of them. Contract: pci.h.
 *
 * Each bus is looked at once, however bridges are wired. Only the first bus of a segment is known
 * to be a root: further ones, which only AML tells, are not looked for.
 */
#include "device/pci.h"
#include <string.h>
#include "console/log.h"
#include "device/pci_function.h"
#include "device/pci_regs.h"
#include "lib/format.h"
#include "memory/heap.h"
#include "memory/layout.h"
#include "memory/page.h"

#define FUNCTIONS_MAX    512
#define DEPTH_MAX        16 /* bridges behind each other */
#define CAPABILITIES_MAX 48 /* as many as fit */
#define VENDOR_VIRTIO    0x1af4

struct pci_function *pci_functions;
uint32_t pci_function_count;

/* ---- Finding ---- */

static uint64_t seen[256 / 64]; /* buses of the segment */
static const struct ecam *segment;
static uint32_t next_bus; /* for bridges without numbers; 0: not yet */
static bool some_left;    /* such bridges */

static bool is_seen(uint8_t bus)
{
	return seen[bus / 64] >> bus % 64 & 1;
}

static bool is_before(struct pci_place a, struct pci_place b)
{
	uint64_t x = (uint64_t)a.segment << 16 | a.bus << 8 | a.slot_function;
	uint64_t y = (uint64_t)b.segment << 16 | b.bus << 8 | b.slot_function;
	return x < y;
}

static void insert(struct pci_function *f)
{
	struct pci_function **link = &pci_functions;
	while (*link && is_before((*link)->place, f->place))
		link = &(*link)->next;
	f->next = *link;
	*link = f;
	pci_function_count++;
}

static void fill(struct pci_function *f, uint32_t id)
{
	struct bm_pci_info *info = &f->info;
	struct pci_place place = f->place;
	uint32_t class_code = pci_get(f, PCI_REVISION, 4), at;
	unsigned slot = place.slot_function >> 3, function = place.slot_function & 7;

	info->segment = place.segment;
	info->bus = place.bus;
	info->slot = slot;
	info->function = function;
	size_t used = 0;
	if (place.segment)
		used = format_text(info->address, sizeof info->address, "%04x:", place.segment);
	format_text(info->address + used, sizeof info->address - used, "%02x:%02x.%u", place.bus,
		    slot, function);
	info->header_type = pci_get(f, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MASK;
	info->vendor = id;
	info->device = id >> 16;
	info->class_code = class_code >> 8;
	info->revision = class_code;
	info->interrupt_line = pci_get(f, PCI_INTERRUPT_LINE, 1);
	info->interrupt_pin = pci_get(f, PCI_INTERRUPT_PIN, 1);
	if (info->interrupt_pin > 4)
		info->interrupt_pin = 0;
	if (info->header_type == PCI_HEADER_TYPE_DEVICE) {
		info->subsystem_vendor = pci_get(f, PCI_SUBSYSTEM_VENDOR, 2);
		info->subsystem_device = pci_get(f, PCI_SUBSYSTEM, 2);
	}
	f->device.bus = BM_BUS_PCI;
	f->device.vendor = info->vendor;
	f->device.device = info->device;
	f->device.subsystem = info->subsystem_device;
	f->device.class_code = info->class_code;
	format_text(f->device.name, sizeof f->device.name, "pci %s", info->address);
	pci_read_bars(f);
	if ((at = pci_capability(&f->device, PCI_CAPABILITY_MSI, 0)))
		info->msi_vectors = PCI_MSI_CONTROL_CAPABLE(pci_get(f, at + PCI_MSI_CONTROL, 2));
	if ((at = pci_capability(&f->device, PCI_CAPABILITY_MSIX, 0)))
		info->msix_vectors =
		    (pci_get(f, at + PCI_MSIX_CONTROL, 2) & PCI_MSIX_CONTROL_SIZE) + 1;
	info->pcie = pci_capability(&f->device, PCI_CAPABILITY_PCIE, 0) != 0;
}

static void scan_bus(uint8_t bus, unsigned depth);

/* What is behind a bridge. Those without bus numbers wait until all given ones are known. */
static void scan_bridge(struct pci_function *f, unsigned depth)
{
	uint8_t first = pci_get(f, PCI_SECONDARY_BUS, 1), last = pci_get(f, PCI_SUBORDINATE_BUS, 1);

	if (first && last >= first && first != f->place.bus) {
		if (is_seen(first) || first < segment->first_bus || last > segment->last_bus) {
			log_warning("%s: bridge to bus %u, which is not behind it: left out",
				    f->device.name, first);
			return;
		}
	} else if (!next_bus) {
		some_left = true;
		return;
	} else if (next_bus > segment->last_bus) {
		log_warning("%s: no bus number is left for this bridge", f->device.name);
		return;
	} else {
		first = next_bus++;
		pci_set(f, PCI_PRIMARY_BUS, 1, f->place.bus);
		pci_set(f, PCI_SECONDARY_BUS, 1, first);
		pci_set(f, PCI_SUBORDINATE_BUS, 1, segment->last_bus);
		last = 0;
	}
	f->info.secondary_bus = first;
	if (depth < DEPTH_MAX)
		scan_bus(first, depth + 1);
	else
		log_warning("%s: more than %u bridges behind each other", f->device.name,
			    DEPTH_MAX);
	if (!last) {
		last = next_bus - 1;
		pci_set(f, PCI_SUBORDINATE_BUS, 1, last);
	}
	f->last_bus = last;
	/* What is behind it reaches memory and is reached through it. */
	pci_set(f, PCI_COMMAND, 2,
		pci_get(f, PCI_COMMAND, 2) | PCI_COMMAND_IO | PCI_COMMAND_MEMORY |
		    PCI_COMMAND_MASTER);
}

/* True if there may be more functions in this slot. */
static bool scan_function(struct pci_place place, unsigned depth)
{
	uint32_t id = pci_access_read(place, PCI_VENDOR, 4);
	bool multi = pci_access_read(place, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MULTI;
	struct pci_function *f;

	if ((id & 0xffff) == PCI_VENDOR_NONE || (id & 0xffff) == 0)
		return place.slot_function & 7;
	if (pci_function_count == FUNCTIONS_MAX || !(f = dma_take(sizeof *f, 1, NULL))) {
		log_warning("pci: no room for more than %u functions", pci_function_count);
		return false;
	}
	f->place = place;
	fill(f, id);
	insert(f);
	if (f->info.header_type == PCI_HEADER_TYPE_BRIDGE)
		scan_bridge(f, depth);
	return multi || place.slot_function & 7;
}

static void scan_bus(uint8_t bus, unsigned depth)
{
	seen[bus / 64] |= 1ul << bus % 64;
	for (unsigned slot = 0; slot < 32; slot++)
		for (unsigned function = 0; function < 8; function++)
			if (!scan_function(
				(struct pci_place){segment->segment, bus, slot << 3 | function},
				depth))
				break;
}

/* Bridges on root buses that firmware gave no numbers. */
static void scan_left(void)
{
	next_bus = segment->first_bus + 1;
	for (struct pci_function *f = pci_functions; f; f = f->next)
		if (f->place.segment == segment->segment && f->last_bus >= next_bus)
			next_bus = f->last_bus + 1;
	for (struct pci_function *f = pci_functions; f; f = f->next) {
		if (f->place.segment != segment->segment || f->info.secondary_bus ||
		    f->info.header_type != PCI_HEADER_TYPE_BRIDGE)
			continue;
		if (f->place.bus == segment->first_bus)
			scan_bridge(f, 0);
		else
			log_warning("%s: firmware gave this bridge no bus number", f->device.name);
	}
}

void pci_find_all(void)
{
	size_t count = pci_access_open();
	uint32_t index = 0;

	for (size_t i = 0; i < count; i++) {
		segment = pci_access_segment(i);
		memset(seen, 0, sizeof seen);
		next_bus = 0;
		some_left = false;
		scan_bus(segment->first_bus, 0);
		if (some_left)
			scan_left();
	}
	pci_place_all();
	for (struct pci_function *f = pci_functions; f; f = f->next) {
		f->device.pci = index++;
		device_add(&f->device);
	}
}

/* ---- For drivers ---- */

static const struct pci_function *function_of(const struct bm_device *device)
{
	return (const struct pci_function *)device;
}

uint32_t pci_config_read(const struct bm_device *device, uint32_t offset, uint32_t size)
{
	return pci_get(function_of(device), offset, size);
}

void pci_config_write(const struct bm_device *device, uint32_t offset, uint32_t size,
		      uint32_t value)
{
	pci_set(function_of(device), offset, size, value);
}

uint32_t pci_capability(const struct bm_device *device, uint8_t id, uint32_t after)
{
	const struct pci_function *f = function_of(device);
	uint32_t at = after ? after + 1 : PCI_CAPABILITIES;

	if (f->info.header_type == PCI_HEADER_TYPE_CARDBUS ||
	    !(pci_get(f, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
		return 0;
	/* A list with a loop ends with the count. */
	for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
		at = pci_get(f, at, 1) & ~3u;
		if (at < 0x40)
			return 0;
		if (pci_get(f, at, 1) == id)
			return at;
		at++; /* where the next one's offset is */
	}
	return 0;
}

const struct bm_pci_bar *pci_bar(const struct bm_device *device, uint32_t bar)
{
	return bar < BM_PCI_BARS ? &function_of(device)->info.bars[bar] : NULL;
}

static const struct bm_pci_bar *placed_bar(const struct bm_device *device, uint32_t bar,
					   uint32_t io)
{
	const struct bm_pci_bar *b = pci_bar(device, bar);
	return b && b->size && (b->flags & BM_PCI_BAR_IO) == io && !(b->flags & BM_PCI_BAR_UNPLACED)
		   ? b
		   : NULL;
}

static void set_command(const struct bm_device *device, uint32_t bits, bool on)
{
	uint32_t command = pci_config_read(device, PCI_COMMAND, 2);
	pci_config_write(device, PCI_COMMAND, 2, on ? command | bits : command & ~bits);
}

volatile void *pci_map_bar(const struct bm_device *device, uint32_t bar, uint64_t offset,
			   uint64_t bytes)
{
	const struct bm_pci_bar *b = placed_bar(device, bar, 0);
	volatile void *registers = NULL;

	if (!b || offset >= b->size)
		return NULL;
	bytes = bytes ? bytes : b->size - offset;
	if (bytes > b->size - offset)
		return NULL;
	uint64_t at = b->address + offset, end = at + bytes, from = at;
	for (uint64_t step; at < end; at += step) {
		step = 0x200000 - at % 0x200000;
		step = step < end - at ? step : end - at;
		heap_hold();
		volatile void *piece = page_map_device(at, step, PAGE_WRITE | PAGE_UNCACHED);
		heap_release();
		if (!piece)
			return NULL;
		if (at == from)
			registers = piece;
	}
	set_command(device, PCI_COMMAND_MEMORY, true);
	return registers;
}

uint16_t pci_ports(const struct bm_device *device, uint32_t bar, uint32_t bytes)
{
	const struct bm_pci_bar *b = placed_bar(device, bar, BM_PCI_BAR_IO);
	if (!b || b->size < bytes || b->address + b->size > 0x10000)
		return 0;
	set_command(device, PCI_COMMAND_IO, true);
	return b->address;
}

void pci_master(const struct bm_device *device, bool on)
{
	set_command(device, PCI_COMMAND_MASTER, on);
}

/* ---- The API's ---- */

static struct pci_function *function_at(uint32_t index)
{
	devices_start();
	struct pci_function *f = pci_functions;
	while (f && index--)
		f = f->next;
	return f;
}

int pci_count(void)
{
	devices_start();
	return pci_function_count;
}

int pci_info(uint32_t index, struct bm_pci_info *info)
{
	const struct pci_function *f = function_at(index);
	if (!f)
		return -BM_EINVAL;
	*info = f->info;
	info->driver = f->device.driver ? f->device.driver->name : NULL;
	return 0;
}

static bool is_access(uint32_t offset, uint32_t size)
{
	return (size == 1 || size == 2 || size == 4) && offset % size == 0 &&
	       offset < PCI_CONFIG_SIZE_ECAM;
}

int pci_read(uint32_t index, uint32_t offset, uint32_t size, uint32_t *value)
{
	const struct pci_function *f = function_at(index);
	if (!f || !is_access(offset, size))
		return -BM_EINVAL;
	*value = pci_get(f, offset, size);
	return 0;
}

int pci_write(uint32_t index, uint32_t offset, uint32_t size, uint32_t value)
{
	const struct pci_function *f = function_at(index);
	if (!f || !is_access(offset, size))
		return -BM_EINVAL;
	pci_set(f, offset, size, value);
	return 0;
}

volatile void *pci_map(uint32_t index, uint32_t bar)
{
	const struct pci_function *f = function_at(index);
	return f ? pci_map_bar(&f->device, bar, 0, 0) : NULL;
}
