/* SPDX-License-Identifier: MIT */
/*
 * Configuration spaces: 65 bytes a function (its place, then 64 of the header; the rest repeats
 * them). Writes are kept, or not, as the first bit of the place says. All is found, placed, and
 * mapped.
 *
 * Kernel sources: device/pci.c, pci_place.c.
 */
#include "device/pci.c"
#undef BELOW_4G
#include "device/pci_place.c"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FUNCTIONS 24

static uint8_t spaces[FUNCTIONS][256];
static struct pci_place places[FUNCTIONS];
static bool keeps[FUNCTIONS];
static unsigned count;
static void *taken[4096];
static unsigned taken_count;
static struct ecam root;
static struct bm_device *found;

void log_line(int level, const char *format, ...)
{
	(void)level, (void)format;
}
size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	int length = vsnprintf(buffer, size, format, list);
	va_end(list);
	return (size_t)length < size ? (size_t)length : size - 1;
}
void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	(void)align, (void)phys;
	return taken_count < 4096 ? taken[taken_count++] = calloc(1, bytes) : NULL;
}
void device_add(struct bm_device *device)
{
	found = device;
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
	(void)flags;
	if (!size || physical + size < physical)
		__builtin_trap();
	return (void *)(0x400000000000 + physical);
}
size_t pci_access_open(void)
{
	return 1;
}
const struct ecam *pci_access_segment(size_t index)
{
	static const struct ecam none;
	return index ? &none : &root;
}
size_t pci_access_windows(struct address_window *windows, size_t max)
{
	(void)max;
	windows[0] = (struct address_window){0xc0000000, 0xd0000000};
	return 1;
}
static int find(struct pci_place place)
{
	for (unsigned i = 0; i < count; i++)
		if (!memcmp(&places[i], &place, sizeof place))
			return i;
	return -1;
}
uint32_t pci_access_read(struct pci_place place, uint32_t offset, uint32_t size)
{
	uint32_t value = ~0u >> (32 - 8 * size);
	int at = find(place);
	if (offset % size)
		__builtin_trap();
	if (at >= 0 && offset + size <= 256)
		memcpy(&value, spaces[at] + offset, size);
	return value;
}
void pci_access_write(struct pci_place place, uint32_t offset, uint32_t size, uint32_t value)
{
	int at = find(place);
	if (at >= 0 && keeps[at] && offset + size <= 256)
		memcpy(spaces[at] + offset, &value, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pci_functions = NULL;
	pci_function_count = count = 0;
	found = NULL;
	root = (struct ecam){0, 0, 0, 255};
	for (; size >= 65 && count < FUNCTIONS; data += 65, size -= 65, count++) {
		places[count] = (struct pci_place){0, data[0] >> 6, data[0] >> 1 & 0x1f};
		keeps[count] = data[0] & 1;
		for (unsigned i = 0; i < 256; i++)
			spaces[count][i] = data[1 + i % 64];
	}
	pci_find_all();
	for (struct pci_function *f = pci_functions; f; f = f->next)
		for (uint32_t n = 0; n < 8; n++) {
			pci_map_bar(&f->device, n, 0, 0);
			pci_map_bar(&f->device, n, size, 4096);
			pci_ports(&f->device, n, 16);
		}
	while (taken_count)
		free(taken[--taken_count]);
	return 0;
}
