/* SPDX-License-Identifier: MIT */
/*
 * Addresses to function names, from the module "symbols".
 *
 * Reading all of it would cost each boot more than it is worth: the header is
 * checked when it comes, each entry when it is used. A table that is not sorted
 * gives wrong names, but no access outside of the module.
 */
#include "console/symbols.h"
#include "console/log.h"
#include "console/panic.h"
#include <string.h>

uint64_t symbols_app_base, symbols_app_size;
static const struct symbols_header *header; /* NULL: no names */

static const struct symbols_entry *entries(void)
{
	return (const struct symbols_entry *)(header + 1);
}

void symbols_init(const void *module, uint64_t size, uint64_t app_base, uint64_t app_size)
{
	const struct symbols_header *given = module;
	const char *bytes = module;
	uint64_t left = size - sizeof *given;

	symbols_app_base = app_base;
	symbols_app_size = app_size;
	if (!module)
		goto set;
	if ((uintptr_t)module % _Alignof(struct symbols_header) != 0 || size < sizeof *given ||
	    memcmp(given->magic, SYMBOLS_MAGIC, sizeof given->magic) != 0 || given->reserved != 0)
		goto bad;
	uint64_t tables =
	    ((uint64_t)given->kernel_count + given->app_count) * sizeof(struct symbols_entry);
	if (tables > left || given->names_size > left - tables ||
	    bytes[sizeof *given + tables + given->names_size - 1]) /* where the last name ends */
		goto bad;
	goto set;
bad:
	log_warning("symbols: cut short, or of another version; no names in backtraces");
	given = NULL;
set:
	header = given;
}

int symbols_find(uint64_t address, struct symbol *symbol)
{
	bool in_app = address - symbols_app_base < symbols_app_size;
	if (!header)
		return 0;
	const struct symbols_entry *table = entries() + (in_app ? header->kernel_count : 0);
	const char *names =
	    (const char *)(entries() + header->kernel_count + (size_t)header->app_count);
	uint32_t low = 0, high = in_app ? header->app_count : header->kernel_count;
	if (in_app)
		address -= symbols_app_base;

	/* The last entry that does not begin behind the address. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (table[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return 0;
	const struct symbols_entry *entry = &table[low - 1];
	uint64_t offset = address - entry->address;
	/* Size 0: assembly that does not say; it reaches to the next entry, within reason. */
	if (offset >= (entry->size ? entry->size : 4096) || entry->name >= header->names_size)
		return 0;
	symbol->name = names + entry->name;
	symbol->offset = offset;
	return 1;
}
