/* SPDX-License-Identifier: MIT */
/*
 * A module's kind and a bundle's header, as modules.c walks them.
 */
#include "boot/module_kind.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (module_kind(data, size) != MODULE_BUNDLE || bundle_check(data, size))
		return 0;
	const struct bundle_header *header = (const void *)data;
	unsigned sum = 0;
	for (uint32_t i = 0; i < header->args_size; i++)
		sum += ((const uint8_t *)(header + 1))[i];
	for (uint32_t i = 0; i < header->member_count; i++) {
		const uint8_t *member = data + header->members[i].offset;
		sum += member[0] + member[header->members[i].size - 1];
		sum += module_kind(member, header->members[i].size);
	}
	/* Keep the reads. */
	__asm__ volatile("" : : "r"(sum));
	return 0;
}
