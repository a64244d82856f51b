/* SPDX-License-Identifier: MIT */
/*
 * The MADT: the first two bytes are how many numbers there is room for.
 *
 * Kernel sources: device/madt.c.
 */
#include "device/madt.c"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t max = (data[0] | data[1] << 8) % 1025;
	uint32_t *ids = malloc((max + !max) * sizeof *ids);
	uint8_t *table = malloc(size - 2 + (size == 2));
	memcpy(table, data + 2, size - 2);
	size_t found = madt_parse(table, size - 2, ids, max);
	if (found > max)
		__builtin_trap();
	for (size_t i = 0; i < found; i++)
		for (size_t j = 0; j < i; j++)
			if (ids[i] == ids[j])
				__builtin_trap();
	free(table);
	free(ids);
	return 0;
}
