/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the symbols module (kernel/console/symbols.c) on any bytes, asked
 * for addresses in its tables, around them and anywhere.
 */
#include "console/log.h"
#include "console/panic.h"
#include "console/symbols.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x8012345000ul

void log_line(int level, const char *format, ...)
{
	(void)level;
	(void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbol symbol;
	uint32_t value;
	volatile unsigned sum = 0;
	uint8_t *module = malloc(size + 1); /* aligned, as a module is */

	memcpy(module, data, size);
	symbols_init(module, size, BASE, 0x80000000);
	for (size_t i = 0; i + sizeof value <= size && i < 4096; i += sizeof value) {
		memcpy(&value, data + i, sizeof value);
		const uint64_t addresses[] = {value, value - 1ull, BASE + value,
					      (uint64_t)value << 32};
		for (size_t k = 0; k < 4; k++)
			if (symbols_find(addresses[k], &symbol))
				sum += strlen(symbol.name);
	}
	free(module);
	return 0;
}
