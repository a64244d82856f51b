/* SPDX-License-Identifier: MIT */
/*
 * What a module is, and whether a bundle's header can be believed. No hardware:
 * runs on the host under the fuzzer. Contract: modules.h.
 */
#include "boot/modules.h"
#include "console/symbols.h"
#include <string.h>

#define TAR_MAGIC_AT 257 /* POSIX ustar: "ustar" in the first header */
#define TAR_BLOCK    512
#define MEMBER_ALIGN 4096

enum module_kind module_kind(const uint8_t *data, uint64_t size)
{
	if (size >= 4 && !memcmp(data,
				 "\x7f"
				 "ELF",
				 4))
		return MODULE_APP;
	if (size >= 8 && !memcmp(data, BUNDLE_MAGIC, 8))
		return MODULE_BUNDLE;
	if (size >= 8 && !memcmp(data, SYMBOLS_MAGIC, 8))
		return MODULE_SYMBOLS;
	if (size >= TAR_BLOCK && !memcmp(data + TAR_MAGIC_AT, "ustar", 5))
		return MODULE_FILESYSTEM;
	return MODULE_UNKNOWN;
}

const char *bundle_check(const uint8_t *data, uint64_t size)
{
	const struct bundle_header *header = (const void *)data;
	if (size < sizeof *header)
		return "it is cut short";
	if (header->member_count > BUNDLE_MEMBERS_MAX)
		return "it claims too many members";
	if (header->args_size > BUNDLE_ARGS_MAX || header->args_size > size - sizeof *header)
		return "its command line is too long";
	for (uint32_t i = 0; i < header->member_count; i++) {
		const struct bundle_member *m = &header->members[i];
		if (!m->size || m->offset % MEMBER_ALIGN || m->offset > size ||
		    m->size > size - m->offset)
			return "a member lies outside of it";
	}
	return NULL;
}
