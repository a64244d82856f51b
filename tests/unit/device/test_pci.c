/* SPDX-License-Identifier: MIT */
/*
 * Finding PCI functions in simulated configuration spaces: bridges with and without numbers, in
 * loops, register blocks of all kinds and of no sense, lists of capabilities that never end, and
 * addresses for what has none. At last, noise.
 */
#include "device/pci.h"
#include "console/log.h"
#include "device/pci_access.h"
#include "device/pci_function.h"
#include "device/pci_regs.h"
#include "lib/format.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

#define FUNCTIONS 64

/* One function: its bytes, and which bits of its base address registers can be written. */
static struct function {
	struct pci_place place;
	uint8_t bytes[256];
	uint32_t bar_bits[6]; /* writable */
	bool noise;
} functions[FUNCTIONS];
static unsigned count, warnings, reads;
static struct ecam segments[PCI_SEGMENTS_MAX];
static size_t segment_count;
static struct address_window windows[2];
static size_t window_count;
static struct bm_device *found[1024];
static unsigned found_count;

void log_line(int level, const char *format, ...)
{
	(void)format;
	warnings += level <= BM_LOG_WARNING;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsnprintf(buffer, size, format, list);
	va_end(list);
	return (size_t)length < size ? (size_t)length : size - 1;
}

static void *taken[4096];
static unsigned taken_count;

void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	(void)align, (void)phys;
	return taken_count < 4096 ? taken[taken_count++] = calloc(1, bytes) : NULL;
}

void device_add(struct bm_device *device)
{
	found[found_count++] = device;
}

void devices_start(void)
{
}
void heap_hold(void)
{
}
void heap_release(void)
{
}

volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags)
{
	(void)size, (void)flags;
	return (void *)(0x400000000000 + physical);
}

/* ---- Configuration space ---- */

size_t pci_access_open(void)
{
	return segment_count;
}

const struct ecam *pci_access_segment(size_t index)
{
	return &segments[index];
}

size_t pci_access_windows(struct address_window *to, size_t max)
{
	CHECK(max >= window_count);
	memcpy(to, windows, window_count * sizeof *to);
	return window_count;
}

static struct function *function_at(struct pci_place p)
{
	for (unsigned i = 0; i < count; i++)
		if (!memcmp(&functions[i].place, &p, sizeof p))
			return &functions[i];
	return NULL;
}

uint32_t pci_access_read(struct pci_place place, uint32_t offset, uint32_t size)
{
	uint32_t value = ~0u >> (32 - 8 * size);
	const struct function *f = function_at(place);
	CHECK((size == 1 || size == 2 || size == 4) && offset % size == 0);
	reads++;
	if (f && offset + size <= 256)
		memcpy(&value, f->bytes + offset, size);
	if (f && f->noise && offset + size <= 256)
		value ^= rand() % 4 ? 0 : rand() & (~0u >> (32 - 8 * size));
	return value;
}

void pci_access_write(struct pci_place place, uint32_t offset, uint32_t size, uint32_t value)
{
	struct function *f = function_at(place);
	if (!f || offset + size > 256)
		return;
	for (unsigned n = 0; n < 6; n++)
		if (offset == (uint32_t)PCI_BAR(n) &&
		    (n < 2 || (f->bytes[PCI_HEADER_TYPE] & 0x7f) == 0)) {
			uint32_t old;
			memcpy(&old, f->bytes + offset, 4);
			value = (value & f->bar_bits[n]) | (old & ~f->bar_bits[n]);
			/* A register that is probed must not answer meanwhile. */
			CHECK(!(f->bytes[PCI_COMMAND] & 3) || value == old || f->noise);
		}
	/* A bridge says there, for good, that its window has 64 bits. */
	if ((f->bytes[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_TYPE_BRIDGE &&
	    (offset == PCI_PREFETCH_BASE || offset == PCI_PREFETCH_LIMIT))
		value = (value & ~0xfu) | (f->bytes[offset] & 0xf);
	memcpy(f->bytes + offset, &value, size);
}

static void put(struct function *f, uint32_t offset, uint32_t size, uint32_t value)
{
	memcpy(f->bytes + offset, &value, size);
}

static struct function *add(unsigned segment, unsigned bus, unsigned slot, unsigned function,
			    uint32_t id)
{
	struct function *f = &functions[count++];
	memset(f, 0, sizeof *f);
	f->place = (struct pci_place){segment, bus, slot << 3 | function};
	put(f, PCI_VENDOR, 4, id);
	return f;
}

static struct function *add_bridge(unsigned bus, unsigned slot, unsigned secondary, unsigned last)
{
	struct function *f = add(0, bus, slot, 0, 0x00011b36);
	put(f, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	put(f, PCI_REVISION, 4, 0x06040000);
	put(f, PCI_SECONDARY_BUS, 1, secondary);
	put(f, PCI_SUBORDINATE_BUS, 1, last);
	put(f, PCI_MEMORY_BASE, 2, 0xfff0);
	put(f, PCI_PREFETCH_BASE, 2, 0xfff1);
	put(f, PCI_PREFETCH_LIMIT, 2, 0x0001);
	return f;
}

/* Size is a power of two. */
static void set_bar(struct function *f, unsigned n, uint64_t size, uint32_t kind, uint64_t address)
{
	uint64_t bits = ~(size - 1);
	f->bar_bits[n] = bits & (kind & PCI_BAR_IO ? ~3u : ~15u);
	put(f, PCI_BAR(n), 4, address | kind);
	if ((kind & PCI_BAR_TYPE) == PCI_BAR_TYPE_64 && !(kind & 1)) {
		f->bar_bits[n + 1] = bits >> 32;
		put(f, PCI_BAR(n + 1), 4, address >> 32);
	}
}

static void begin(void)
{
	while (taken_count)
		free(taken[--taken_count]);
	count = found_count = warnings = reads = 0;
	pci_functions = NULL;
	pci_function_count = 0;
	segments[0] = (struct ecam){0, 0, 0, 255};
	segment_count = 1;
	window_count = 0;
}

static const struct bm_pci_info *info_of(unsigned n)
{
	static struct bm_pci_info info;
	CHECK(pci_info(n, &info) == 0);
	return &info;
}

/* ---- */

static void check_scan(void)
{
	struct bm_pci_info info;

	begin();
	segment_count = 0;
	pci_find_all();
	CHECK(pci_count() == 0 && pci_info(0, &info) == -BM_EINVAL);

	begin();
	add(0, 0, 0, 0, 0x12378086);
	struct function *multi = add(0, 0, 31, 0, 0x70008086);
	put(multi, PCI_HEADER_TYPE, 1, 0x80);
	add(0, 0, 31, 2, 0x70108086);
	add(0, 0, 31, 7, 0x71138086);
	add(0, 0, 5, 0, 0x11111111);
	add(0, 0, 5, 1, 0x22222222); /* of a device without further functions: not looked at */
	add(0, 0, 6, 1, 0x33333333); /* and neither without a function 0 */
	add(0, 0, 7, 0, 0x0000ffff);
	add(0, 0, 8, 0, 0);
	pci_find_all();
	CHECK(pci_count() == 5 && found_count == 5);
	CHECK(!strcmp(info_of(0)->address, "00:00.0") && info_of(0)->device == 0x1237);
	CHECK(!strcmp(info_of(1)->address, "00:05.0"));
	CHECK(!strcmp(info_of(4)->address, "00:1f.7") && info_of(4)->function == 7);
	CHECK(!strcmp(found[4]->name, "pci 00:1f.7") && found[4]->pci == 4);
	uint32_t value;
	CHECK(pci_read(1, 0, 4, &value) == 0 && value == 0x11111111);
	CHECK(pci_read(1, 1, 4, &value) == -BM_EINVAL && pci_read(1, 0, 3, &value) == -BM_EINVAL);
	CHECK(pci_read(1, 4096, 4, &value) == -BM_EINVAL &&
	      pci_read(5, 0, 4, &value) == -BM_EINVAL);
	CHECK(pci_read(1, 4092, 4, &value) == 0 && value == ~0u);
	CHECK(pci_write(1, 0x40, 2, 0xabcd) == 0 && pci_read(1, 0x40, 4, &value) == 0 &&
	      value == 0xabcd);

	/* Numbers as firmware gave them; order by address, not by depth. */
	begin();
	add_bridge(0, 1, 3, 4);
	add_bridge(3, 0, 4, 4);
	add(0, 4, 2, 0, 0x44444444);
	add(0, 0, 2, 0, 0x22222222);
	pci_find_all();
	CHECK(pci_count() == 4 && !warnings);
	CHECK(!strcmp(info_of(1)->address, "00:02.0") && !strcmp(info_of(3)->address, "04:02.0"));
	CHECK(info_of(0)->secondary_bus == 3);

	/* Loops: to the own bus, to each other, two to one. */
	begin();
	add_bridge(0, 1, 1, 9);
	add_bridge(1, 0, 2, 9);
	add_bridge(2, 0, 1, 9);
	add_bridge(2, 1, 2, 9);
	add_bridge(0, 2, 1, 1);
	pci_find_all();
	CHECK(pci_count() == 5 && warnings);
	/* Deeper than anything real. */
	begin();
	for (unsigned i = 0; i < 40; i++)
		add_bridge(i, 0, i + 1, 255);
	pci_find_all();
	CHECK(pci_count() > 10 && pci_count() <= 40 && warnings == 1);

	/* No numbers: given, behind those that are taken; and the way down is open. */
	begin();
	struct function *a = add_bridge(0, 1, 0, 0), *b = add_bridge(0, 2, 5, 5);
	add(0, 5, 0, 0, 0x55555555);
	pci_find_all();
	CHECK(a->bytes[PCI_SECONDARY_BUS] == 6 && a->bytes[PCI_SUBORDINATE_BUS] == 6);
	CHECK(b->bytes[PCI_SECONDARY_BUS] == 5);
	CHECK((a->bytes[PCI_COMMAND] & 7) == 7);
	/* One inside the other: the second is found behind the new number. */
	begin();
	a = add_bridge(0, 1, 0, 0);
	b = add_bridge(1, 3, 0, 0);
	add(0, 2, 9, 0, 0x99999999);
	pci_find_all();
	CHECK(pci_count() == 3 && a->bytes[PCI_SECONDARY_BUS] == 1 &&
	      a->bytes[PCI_SUBORDINATE_BUS] == 2 && b->bytes[PCI_SECONDARY_BUS] == 2);
	/* None left. */
	begin();
	segments[0].last_bus = 0;
	add_bridge(0, 1, 0, 0);
	pci_find_all();
	CHECK(pci_count() == 1 && warnings == 1);

	/* Two segments. */
	begin();
	segments[1] = (struct ecam){0x10000000000, 7, 0x10, 0x1f};
	segment_count = 2;
	add(0, 0, 0, 0, 0x11111111);
	add(7, 0x10, 1, 0, 0x22222222);
	pci_find_all();
	CHECK(pci_count() == 2 && !strcmp(info_of(1)->address, "0007:10:01.0"));
	CHECK(!strcmp(found[1]->name, "pci 0007:10:01.0"));
}

static void check_bars(void)
{
	begin();
	struct function *f = add(0, 0, 1, 0, 0x11111111);
	put(f, PCI_COMMAND, 2, 7);
	set_bar(f, 0, 4096, 0, 0xfebf0000);
	set_bar(f, 1, 32, PCI_BAR_IO, 0xc040);
	set_bar(f, 2, 1ul << 34, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 0x800000000);
	set_bar(f, 4, 65536, PCI_BAR_TYPE_64, 0xe0000000);
	pci_find_all();
	const struct bm_pci_info *i = info_of(0);
	CHECK(i->bars[0].address == 0xfebf0000 && i->bars[0].size == 4096 && !i->bars[0].flags);
	CHECK(i->bars[1].address == 0xc040 && i->bars[1].size == 32 &&
	      i->bars[1].flags == BM_PCI_BAR_IO);
	CHECK(i->bars[2].address == 0x800000000 && i->bars[2].size == 1ul << 34 &&
	      i->bars[2].flags == (BM_PCI_BAR_64 | BM_PCI_BAR_PREFETCHABLE));
	CHECK(i->bars[3].size == 0 && i->bars[4].size == 65536 && i->bars[5].size == 0);
	CHECK(f->bytes[PCI_COMMAND] == 7 && f->bytes[PCI_BAR(0) + 2] == 0xbf);
	/* For drivers: bounds. */
	CHECK(pci_map_bar(found[0], 0, 0, 0) == (void *)(0x400000000000 + 0xfebf0000));
	CHECK(pci_map_bar(found[0], 0, 4092, 4) && !pci_map_bar(found[0], 0, 4096, 0));
	CHECK(!pci_map_bar(found[0], 0, 4000, 97) && !pci_map_bar(found[0], 0, UINT64_MAX, 8) &&
	      !pci_map_bar(found[0], 0, 8, UINT64_MAX));
	CHECK(!pci_map_bar(found[0], 1, 0, 0) && !pci_map_bar(found[0], 3, 0, 0) &&
	      !pci_map_bar(found[0], 6, 0, 0));
	CHECK(pci_ports(found[0], 1, 32) == 0xc040 && !pci_ports(found[0], 1, 33) &&
	      !pci_ports(found[0], 0, 1));

	/* Nonsense: bits with holes, none at all, all fixed, a reserved type, 64 bits in the last.
	 */
	begin();
	f = add(0, 0, 1, 0, 0x11111111);
	f->bar_bits[0] = 0xff0ff000;
	f->bar_bits[1] = 0xffffffff;
	put(f, PCI_BAR(1), 4, 0x2);
	f->bar_bits[2] = 0xfffff000;
	put(f, PCI_BAR(2), 4, 0xe0000006);
	f->bar_bits[3] = 0x0000fffc; /* ports whose upper half is fixed */
	put(f, PCI_BAR(3), 4, 0xc001);
	f->bar_bits[5] = 0xfffff000;
	put(f, PCI_BAR(5), 4, PCI_BAR_TYPE_64);
	pci_find_all();
	i = info_of(0);
	for (int n = 0; n < 6; n++)
		CHECK(n == 3 ? i->bars[n].size == 4 && i->bars[n].address == 0xc000
			     : i->bars[n].size == 0);
	/* Lower bits that are set and fixed: no size fits. */
	begin();
	f = add(0, 0, 1, 0, 0x11111111);
	set_bar(f, 0, 65536, 0, 0xe0001000);
	pci_find_all();
	CHECK(info_of(0)->bars[0].size == 0 && !pci_map_bar(found[0], 0, 0, 0));
}

static void check_capabilities(void)
{
	begin();
	struct function *f = add(0, 0, 1, 0, 0x11111111);
	put(f, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
	put(f, PCI_CAPABILITIES, 1, 0x43); /* the lower bits do not count */
	put(f, 0x40, 2, 0x5009);
	put(f, 0x50, 2, 0x6011);
	put(f, 0x52, 2, 0x8007);
	put(f, 0x60, 2, 0x0009);
	pci_find_all();
	CHECK(info_of(0)->msix_vectors == 8 && info_of(0)->msi_vectors == 0);
	CHECK(pci_capability(found[0], 9, 0) == 0x40 && pci_capability(found[0], 9, 0x40) == 0x60 &&
	      pci_capability(found[0], 9, 0x60) == 0);
	CHECK(pci_capability(found[0], 5, 0) == 0);
	put(f, 0x60, 2, 0x4009); /* a loop */
	CHECK(pci_capability(found[0], 5, 0) == 0);
	put(f, 0x60, 2, 0x6009); /* to itself */
	CHECK(pci_capability(found[0], 5, 0) == 0);
	put(f, 0x60, 2, 0x3c09); /* into the header */
	CHECK(pci_capability(found[0], 5, 0) == 0);
	put(f, 0x60, 2, 0xff09); /* the last place there is */
	put(f, 0xfc, 2, 0x0005);
	CHECK(pci_capability(found[0], 5, 0) == 0xfc);
	put(f, PCI_STATUS, 2, 0);
	CHECK(pci_capability(found[0], 9, 0) == 0);
}

/* All memory that is placed lies in the windows, apart, aligned, and behind open bridges. */
static void check_placed(bool all)
{
	for (struct pci_function *f = pci_functions; f; f = f->next)
		for (int n = 0; n < 6; n++) {
			const struct bm_pci_bar *x = &f->info.bars[n];
			if (!x->size || x->flags & BM_PCI_BAR_IO)
				continue;
			CHECK(!all || !(x->flags & BM_PCI_BAR_UNPLACED));
			if (x->flags & BM_PCI_BAR_UNPLACED)
				continue;
			CHECK(x->address % x->size == 0);
			for (struct pci_function *g = pci_functions; g; g = g->next)
				for (int m = 0; m < 6; m++) {
					const struct bm_pci_bar *y = &g->info.bars[m];
					if (x != y && y->size &&
					    !(y->flags & (BM_PCI_BAR_IO | BM_PCI_BAR_UNPLACED)))
						CHECK(x->address + x->size <= y->address ||
						      y->address + y->size <= x->address);
				}
			/* Every bridge above lets it through, and none beside. */
			for (struct pci_function *g = pci_functions; g; g = g->next) {
				if (g->info.header_type != 1)
					continue;
				uint64_t base = (uint64_t)(pci_get(g, PCI_MEMORY_BASE, 2) & 0xfff0)
						<< 16;
				uint64_t limit =
				    ((uint64_t)(pci_get(g, PCI_MEMORY_LIMIT, 2) & 0xfff0) << 16) +
				    0xfffff;
				bool open = limit > base && base;
				bool inside =
				    open && x->address >= base && x->address + x->size - 1 <= limit;
				bool apart =
				    !open || x->address > limit || x->address + x->size <= base;
				uint64_t far_base =
				    (uint64_t)pci_get(g, PCI_PREFETCH_BASE_HIGH, 4) << 32 |
				    (pci_get(g, PCI_PREFETCH_BASE, 2) & 0xfff0) << 16;
				uint64_t far_limit =
				    ((uint64_t)pci_get(g, PCI_PREFETCH_LIMIT_HIGH, 4) << 32 |
				     (pci_get(g, PCI_PREFETCH_LIMIT, 2) & 0xfff0) << 16) +
				    0xfffff;
				if (far_base && far_limit > far_base) {
					inside = inside || (x->address >= far_base &&
							    x->address + x->size - 1 <= far_limit);
					apart = apart && (x->address > far_limit ||
							  x->address + x->size <= far_base);
				}
				bool behind = g->info.secondary_bus &&
					      f->place.bus >= g->info.secondary_bus &&
					      f->place.bus <= g->last_bus;
				CHECK(behind ? inside : apart);
			}
		}
}

static void check_place(void)
{
	/* As on a monitor without firmware. */
	begin();
	segments[0] = (struct ecam){0xe0000000, 0, 0, 255};
	windows[0] = (struct address_window){0xc0000000, 0xf0000000};
	windows[1] = (struct address_window){0x800000000, 0x1000000000};
	window_count = 2;
	struct function *f = add(0, 0, 1, 0, 0x11111111);
	set_bar(f, 0, 4096, 0, 0);
	set_bar(f, 2, 1ul << 33, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 0);
	set_bar(f, 4, 1 << 20, 0, 0);
	f = add(0, 0, 2, 0, 0x22222222);
	set_bar(f, 0, 16384, 0, 0xc0000000); /* is placed, and in the way */
	add_bridge(0, 3, 0, 0);
	f = add(0, 1, 0, 0, 0x33333333);
	set_bar(f, 0, 2 << 20, PCI_BAR_TYPE_64, 0);
	set_bar(f, 2, 128, 0, 0);
	add_bridge(1, 4, 0, 0);
	f = add(0, 2, 0, 0, 0x44444444);
	set_bar(f, 0, 256, 0, 0);
	set_bar(f, 1, 8, PCI_BAR_IO, 0);
	pci_find_all();
	CHECK(pci_count() == 6);
	check_placed(true);
	CHECK(info_of(0)->bars[2].address >= 0x800000000);
	CHECK(info_of(0)->bars[0].address >= 0xc0004000 &&
	      info_of(0)->bars[0].address < 0xe0000000);
	CHECK(info_of(1)->bars[0].address == 0xc0000000);
	CHECK(info_of(5)->bars[1].flags & BM_PCI_BAR_UNPLACED); /* ports are firmware's business */

	/* Large ones behind bridges, beside small ones that leave no room for them below 4 GiB. */
	begin();
	windows[0] = (struct address_window){0xc0000000, 0xf0000000};
	windows[1] = (struct address_window){0x800000000, 0x1000000000};
	window_count = 2;
	add_bridge(0, 3, 0, 0);
	f = add(0, 1, 0, 0, 0x33333333);
	set_bar(f, 0, 1ul << 33, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 0);
	set_bar(f, 2, 1 << 28, 0, 0);
	add_bridge(1, 4, 0, 0);
	f = add(0, 2, 0, 0, 0x44444444);
	set_bar(f, 0, 1 << 28, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 0);
	set_bar(f, 2, 4096, PCI_BAR_TYPE_64, 0);
	pci_find_all();
	CHECK(pci_count() == 4);
	check_placed(true);
	CHECK(info_of(1)->bars[0].address >= 0x800000000 &&
	      info_of(1)->bars[2].address < 1ul << 32);
	CHECK(info_of(3)->bars[0].address >= 0x800000000 &&
	      info_of(3)->bars[2].address < 1ul << 32);

	/* Not enough room, and none known. */
	begin();
	windows[0] = (struct address_window){0xc0000000, 0xc0100000};
	window_count = 1;
	f = add(0, 0, 1, 0, 0x11111111);
	set_bar(f, 0, 1 << 20, 0, 0);
	set_bar(f, 1, 1 << 20, 0, 0);
	pci_find_all();
	check_placed(false);
	CHECK(!(info_of(0)->bars[0].flags & BM_PCI_BAR_UNPLACED) &&
	      info_of(0)->bars[1].flags & BM_PCI_BAR_UNPLACED);
	begin();
	f = add(0, 0, 1, 0, 0x11111111);
	set_bar(f, 0, 1 << 20, 0, 0);
	pci_find_all();
	CHECK(info_of(0)->bars[0].flags & BM_PCI_BAR_UNPLACED);

	/* Random trees. */
	srand(3);
	for (int round = 0; round < 200; round++) {
		begin();
		windows[0] = (struct address_window){0xc0000000, 0xe0000000};
		windows[1] = (struct address_window){0x800000000, 0x8000000000};
		window_count = 2;
		unsigned buses = 1;
		while (count < 20 && buses < 8) {
			unsigned bus = rand() % buses, slot = count;
			if (rand() % 3 == 0) {
				/* Numbers follow the order in which they are found: by depth. */
				if (bus != buses - 1)
					continue;
				add_bridge(bus, slot, 0, 0);
				buses++;
				continue;
			}
			f = add(0, bus, slot, 0, 0x12345678);
			for (unsigned n = 0; n < 6; n++) {
				uint64_t bytes = 16ul << rand() % 16;
				bool wide = n < 5 && rand() % 3 == 0;
				if (rand() % 2)
					continue;
				set_bar(f, n, bytes, wide ? PCI_BAR_TYPE_64 : 0, 0);
				n += wide;
			}
		}
		pci_find_all();
		check_placed(true);
	}
}

static void check_noise(void)
{
	srand(5);
	for (int round = 0; round < 400; round++) {
		begin();
		windows[0] = (struct address_window){0xc0000000, 0xe0000000};
		window_count = 1;
		for (unsigned i = 0; i < 30; i++) {
			struct function *f =
			    add(0, rand() % 4, rand() % 32, rand() % 8, rand() | 1);
			for (unsigned n = 4; n < 256; n++)
				f->bytes[n] = rand() % 3 ? 0 : rand();
			if (rand() % 2)
				f->bytes[PCI_HEADER_TYPE] = rand() % 4 | (rand() & 0x80);
			f->bytes[PCI_SECONDARY_BUS] = rand() % 6;
			f->bytes[PCI_SUBORDINATE_BUS] = rand() % 6;
			for (unsigned n = 0; n < 6; n++)
				f->bar_bits[n] =
				    rand() % 2 ? -(16u << rand() % 20) : (unsigned)rand();
			f->noise = true;
		}
		pci_find_all();
		CHECK(pci_count() <= 512);
		CHECK(reads < 3000000);
		for (unsigned i = 0; i < found_count; i++)
			pci_map_bar(found[i], i % 7, 0, 0);
	}
}

int main(void)
{
	check_scan();
	check_bars();
	check_capabilities();
	check_place();
	check_noise();
	begin();
	return unit_status();
}
