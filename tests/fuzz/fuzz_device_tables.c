/* SPDX-License-Identifier: MIT */
/*
 * What firmware and monitors tell about devices. The first byte chooses the table.
 *
 * Kernel sources: device/acpi_windows.c, madt_io.c, mcfg.c, virtio_mmio.c.
 */
#define parse parse_descriptor /* two files have one */
#include "device/acpi_windows.c"
#undef parse
#include "device/mcfg.c"
#include <stdlib.h>
#undef ENTRIES_AT
#include "device/madt_io.c"
#undef TYPE_MEMORY
#undef ADDRESS_MAX
#include "device/virtio_mmio.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ecam ecams[8];
	struct address_window windows[8];
	struct io_apic io;
	struct virtio_mmio_word word;
	uint32_t broken = 0;

	if (!size)
		return 0;
	unsigned kind = *data % 6;
	size_t bytes = size - 1, count, at = 0;
	char *text = malloc(bytes + 1); /* with a zero behind it, for the command line */
	uint8_t *table = malloc(bytes + !bytes);
	memcpy(text, data + 1, bytes);
	text[bytes] = 0;
	memcpy(table, data + 1, bytes);
	const char *line = text;
	switch (kind) {
	case 0:
		count = mcfg_parse(table, bytes, ecams, 8);
		for (size_t i = 0; i < count; i++)
			if (ecams[i].first_bus > ecams[i].last_bus || !ecams[i].base ||
			    ecams[i].base > 1ul << 52)
				__builtin_trap();
		break;
	case 1:
		count = acpi_find_windows(table, bytes, windows, 8);
		for (size_t i = 0; i < count; i++)
			if (windows[i].end <= windows[i].start || windows[i].start < 0x100000)
				__builtin_trap();
		break;
	case 2:
		if (acpi_find_ecam(table, bytes, ecams) && ecams->base % 0x100000)
			__builtin_trap();
		break;
	case 3:
		if (madt_find_io_apic(table, bytes, 30, &io) && io.first > 30)
			__builtin_trap();
		madt_lacks_legacy(table, bytes);
		break;
	case 4:
		while (virtio_mmio_next(&line, &word, &broken))
			if (word.address < 0x100000 || word.size < 512 || word.size > 65536)
				__builtin_trap();
		break;
	default:
		while (virtio_mmio_next_acpi(table, bytes, &at, &word))
			if (word.address < 0x100000 || word.size < 512 || word.size > 65536)
				__builtin_trap();
	}
	free(table);
	free(text);
	return 0;
}
