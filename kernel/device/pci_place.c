/* SPDX-License-Identifier: MIT */
/*
 * Base address registers: what they are (PCI 3.0, section 6.2.5.1), and addresses for those that
 * firmware left without, as a monitor without firmware does (microvm).
 *
 * Each size is a power of two. On a bus, the largest come first, each at the first place that is
 * free; a bridge without a window gets one as large as what is behind it, rounded up to a power of
 * two, so that all fits. Only memory is placed, not ports. Below bridges it goes into the plain
 * window, which is below 4 GiB; large prefetchable blocks of 64 bits go into the other one.
 */
#include "console/log.h"
#include "device/pci_function.h"
#include "device/pci_regs.h"

#define BELOW_4G    0x100000000ul
#define LARGEST     (1ul << 47)
#define LARGE_LEAST (1ul << 28) /* below 4 GiB there may be no room for such */

/* ---- What they are ---- */

static unsigned bar_count(const struct pci_function *f)
{
	return f->info.header_type == PCI_HEADER_TYPE_DEVICE   ? 6
	       : f->info.header_type == PCI_HEADER_TYPE_BRIDGE ? 2
							       : 0;
}

/* Which bits can be set: written with decoding off, and put back. */
static uint32_t probe_bits(const struct pci_function *f, unsigned n, uint32_t old)
{
	pci_set(f, PCI_BAR(n), 4, ~0u);
	uint32_t bits = pci_get(f, PCI_BAR(n), 4);
	pci_set(f, PCI_BAR(n), 4, old);
	return bits;
}

/* From the bits that can be set to a size; 0 if they make no sense. */
static uint64_t size_of(uint64_t bits, uint64_t all)
{
	uint64_t size = bits & -bits;
	return bits && (bits | (size - 1)) == all ? size : 0;
}

void pci_read_bars(struct pci_function *f)
{
	uint32_t command = pci_get(f, PCI_COMMAND, 2);
	unsigned count = bar_count(f);

	if (!count)
		return;
	pci_set(f, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	for (unsigned n = 0; n < count; n++) {
		struct bm_pci_bar *bar = &f->info.bars[n];
		uint32_t low = pci_get(f, PCI_BAR(n), 4), bits = probe_bits(f, n, low);
		if (low & PCI_BAR_IO) {
			/* The upper half may be fixed at 0. */
			bits |= bits & 0xffff ? 0xffff0000 : 0;
			*bar = (struct bm_pci_bar){low & PCI_BAR_IO_MASK,
						   size_of(bits & PCI_BAR_IO_MASK, ~0u),
						   BM_PCI_BAR_IO, 0};
		} else if ((low & PCI_BAR_TYPE) == PCI_BAR_TYPE_64 && n + 1 < count) {
			uint32_t high = pci_get(f, PCI_BAR(n + 1), 4);
			uint64_t wide =
			    (uint64_t)probe_bits(f, n + 1, high) << 32 | (bits & PCI_BAR_MASK);
			/* Less than 4 GiB need no bits above, and some have none. */
			if (bits & PCI_BAR_MASK && !(wide >> 32))
				wide |= ~0ul << 32;
			*bar = (struct bm_pci_bar){(uint64_t)high << 32 | (low & PCI_BAR_MASK),
						   size_of(wide, ~0ul), BM_PCI_BAR_64, 0};
			n++;
		} else if ((low & PCI_BAR_TYPE) == PCI_BAR_TYPE_32) {
			*bar = (struct bm_pci_bar){low & PCI_BAR_MASK,
						   size_of(bits & PCI_BAR_MASK, ~0u), 0, 0};
		}
		if (!(low & PCI_BAR_IO) && low & PCI_BAR_PREFETCH)
			bar->flags |= BM_PCI_BAR_PREFETCHABLE;
		if (!bar->size)
			*bar = (struct bm_pci_bar){0};
		else if (!bar->address || bar->address & (bar->size - 1) ||
			 bar->address + bar->size - 1 < bar->address)
			*bar =
			    (struct bm_pci_bar){0, bar->size, bar->flags | BM_PCI_BAR_UNPLACED, 0};
	}
	pci_set(f, PCI_COMMAND, 2, command);
}

/* ---- Where they go ---- */

static bool is_unplaced_memory(const struct bm_pci_bar *bar)
{
	return bar->size && bar->flags & BM_PCI_BAR_UNPLACED && !(bar->flags & BM_PCI_BAR_IO);
}

/* Goes far up if it can. */
static bool is_large(const struct bm_pci_bar *bar)
{
	const uint32_t both = BM_PCI_BAR_64 | BM_PCI_BAR_PREFETCHABLE;
	return (bar->flags & both) == both && bar->size >= LARGE_LEAST;
}

/* A bridge's plain memory window; false if it is shut. */
static bool bridge_window(const struct pci_function *f, struct address_window *window)
{
	uint64_t base = pci_get(f, PCI_MEMORY_BASE, 2) & PCI_WINDOW_MASK;
	uint64_t limit = pci_get(f, PCI_MEMORY_LIMIT, 2) & PCI_WINDOW_MASK;
	*window = (struct address_window){base << 16, (limit << 16) + PCI_WINDOW_UNIT};
	return base && limit >= base;
}

static bool bridge_prefetch_window(const struct pci_function *f, struct address_window *window)
{
	uint64_t base = pci_get(f, PCI_PREFETCH_BASE, 2), limit = pci_get(f, PCI_PREFETCH_LIMIT, 2);
	uint64_t high = 0, high_limit = 0;
	if (base & PCI_PREFETCH_64) {
		high = pci_get(f, PCI_PREFETCH_BASE_HIGH, 4);
		high_limit = pci_get(f, PCI_PREFETCH_LIMIT_HIGH, 4);
	}
	*window = (struct address_window){high << 32 | (base & PCI_WINDOW_MASK) << 16,
					  (high_limit << 32 | (limit & PCI_WINDOW_MASK) << 16) +
					      PCI_WINDOW_UNIT};
	return window->start && window->end > window->start;
}

static bool overlaps(uint64_t start, uint64_t size, uint64_t from, uint64_t to)
{
	return start < to && from < start + size;
}

/* What is in the way of a place: its end; 0 if nothing is. */
static uint64_t obstacle(const struct pci_function *inside, uint64_t start, uint64_t size)
{
	for (const struct pci_function *f = pci_functions; f; f = f->next) {
		struct address_window window;
		for (unsigned n = 0; n < BM_PCI_BARS; n++) {
			const struct bm_pci_bar *bar = &f->info.bars[n];
			if (bar->size && !(bar->flags & (BM_PCI_BAR_IO | BM_PCI_BAR_UNPLACED)) &&
			    overlaps(start, size, bar->address, bar->address + bar->size))
				return bar->address + bar->size;
		}
		if (f->info.header_type != PCI_HEADER_TYPE_BRIDGE)
			continue;
		/* The windows of bridges, but not that of the one whose inside is filled, nor of
		 * those around it. */
		bool around = inside && f->place.segment == inside->place.segment &&
			      f->info.secondary_bus <= inside->info.secondary_bus &&
			      inside->info.secondary_bus <= f->last_bus;
		if (around)
			continue;
		if (bridge_window(f, &window) && overlaps(start, size, window.start, window.end))
			return window.end;
		if (bridge_prefetch_window(f, &window) &&
		    overlaps(start, size, window.start, window.end))
			return window.end;
	}
	for (size_t i = 0; i < PCI_SEGMENTS_MAX; i++) {
		const struct ecam *e = pci_access_segment(i);
		uint64_t end = e->base + ((uint64_t)e->last_bus + 1) * PCI_WINDOW_UNIT;
		if (e->base && overlaps(start, size, e->base, end))
			return end;
	}
	return 0;
}

/* The first free place in the windows, aligned to its size; 0 if there is none. Large: in the last.
 */
static uint64_t find_place(const struct pci_function *inside, const struct address_window *windows,
			   size_t count, uint64_t size, bool wide, bool large)
{
	for (size_t n = 0; n < count; n++) {
		size_t i = large ? count - 1 - n : n;
		uint64_t at = windows[i].start, end = windows[i].end, blocked;
		if (!wide && end > BELOW_4G)
			end = BELOW_4G;
		for (;; at = blocked) {
			at = (at + size - 1) & -size;
			if (at < windows[i].start || at >= end || size > end - at)
				break;
			blocked = obstacle(inside, at, size);
			if (!blocked)
				return at;
		}
	}
	return 0;
}

static uint64_t power_of_two(uint64_t size)
{
	uint64_t power = PCI_WINDOW_UNIT;
	while (power < size && power < LARGEST)
		power *= 2;
	return power;
}

/* What is on a bus and not placed, large or not: the sum of its sizes, with windows of bridges. */
static uint64_t needed_on(uint16_t segment, uint8_t bus, bool large)
{
	uint64_t sum = 0;
	for (const struct pci_function *f = pci_functions; f; f = f->next) {
		if (f->place.segment != segment || f->place.bus != bus)
			continue;
		for (unsigned n = 0; n < BM_PCI_BARS; n++)
			if (is_unplaced_memory(&f->info.bars[n]) &&
			    is_large(&f->info.bars[n]) == large &&
			    (large || f->info.bars[n].size < BELOW_4G))
				sum += f->info.bars[n].size;
		/* Bus numbers only rise on the way down: this ends. */
		uint64_t behind = f->info.secondary_bus > bus
				      ? needed_on(segment, f->info.secondary_bus, large)
				      : 0;
		if (behind)
			sum += power_of_two(behind);
	}
	return sum;
}

static void place_bar(struct pci_function *f, unsigned n, uint64_t at)
{
	struct bm_pci_bar *bar = &f->info.bars[n];
	bar->address = at;
	bar->flags &= ~BM_PCI_BAR_UNPLACED;
	pci_set(f, PCI_BAR(n), 4, at);
	if (bar->flags & BM_PCI_BAR_64)
		pci_set(f, PCI_BAR(n + 1), 4, at >> 32);
}

static void open_bridge(struct pci_function *f, uint64_t at, uint64_t size, bool large)
{
	if (large) {
		pci_set(f, PCI_PREFETCH_BASE, 2, at >> 16 & PCI_WINDOW_MASK);
		pci_set(f, PCI_PREFETCH_LIMIT, 2, (at + size - 1) >> 16 & PCI_WINDOW_MASK);
		pci_set(f, PCI_PREFETCH_BASE_HIGH, 4, at >> 32);
		pci_set(f, PCI_PREFETCH_LIMIT_HIGH, 4, (at + size - 1) >> 32);
		return;
	}
	pci_set(f, PCI_MEMORY_BASE, 2, at >> 16 & PCI_WINDOW_MASK);
	pci_set(f, PCI_MEMORY_LIMIT, 2, (at + size - 1) >> 16 & PCI_WINDOW_MASK);
}

/* Give a bridge a window of this size, if it needs one. */
static void place_bridge(struct pci_function *f, const struct pci_function *inside,
			 const struct address_window *windows, size_t count, uint64_t size,
			 bool large)
{
	bool wide = large && pci_get(f, PCI_PREFETCH_BASE, 2) & PCI_PREFETCH_64;
	struct address_window own;
	uint64_t behind, at;

	if ((large ? bridge_prefetch_window : bridge_window)(f, &own))
		return;
	behind = needed_on(f->place.segment, f->info.secondary_bus, large);
	if (!behind || power_of_two(behind) != size)
		return;
	at = find_place(inside, windows, count, size, wide, large);
	if (at)
		open_bridge(f, at, size, large);
	else
		log_info("%s: no place for its window of %lu KiB", f->device.name, size >> 10);
}

static void place_bus(uint16_t segment, uint8_t bus, const struct pci_function *inside,
		      const struct address_window *windows, size_t count)
{
	/* From the largest size to the smallest. */
	for (uint64_t size = LARGEST; size >= 16; size /= 2)
		for (struct pci_function *f = pci_functions; f; f = f->next) {
			uint64_t at;
			if (f->place.segment != segment || f->place.bus != bus)
				continue;
			for (unsigned n = 0; n < BM_PCI_BARS; n++) {
				struct bm_pci_bar *bar = &f->info.bars[n];
				if (!is_unplaced_memory(bar) || bar->size != size)
					continue;
				at = find_place(inside, windows, count, size,
						bar->flags & BM_PCI_BAR_64, is_large(bar));
				if (at)
					place_bar(f, n, at);
				else
					log_info("%s: no place for register block %u of %lu KiB",
						 f->device.name, n, size >> 10);
			}
			if (f->info.secondary_bus <= bus)
				continue;
			place_bridge(f, inside, windows, count, size, true);
			place_bridge(f, inside, windows, count, size, false);
		}
	/* Then what is behind the bridges. */
	for (struct pci_function *f = pci_functions; f; f = f->next) {
		struct address_window own[2];
		size_t open = 0;
		if (f->place.segment != segment || f->place.bus != bus ||
		    f->info.secondary_bus <= bus)
			continue;
		open += bridge_window(f, &own[open]);
		open += bridge_prefetch_window(f, &own[open]);
		place_bus(segment, f->info.secondary_bus, f, own, open);
	}
}

void pci_place_all(void)
{
	struct address_window windows[PCI_WINDOWS_MAX];
	size_t count = 0;
	uint64_t left = 0;

	for (const struct pci_function *f = pci_functions; f; f = f->next)
		for (unsigned n = 0; n < BM_PCI_BARS; n++)
			left += is_unplaced_memory(&f->info.bars[n]);
	if (!left)
		return;
	count = pci_access_windows(windows, PCI_WINDOWS_MAX);
	if (!count)
		log_info("pci: firmware left %lu register blocks without addresses, and tells no "
			 "window for them",
			 left);
	uint32_t segment = ~0u;
	for (struct pci_function *f = pci_functions; f; f = f->next)
		if (f->place.segment != segment) {
			segment = f->place.segment;
			place_bus(segment, f->place.bus, NULL, windows, count);
		}
}
