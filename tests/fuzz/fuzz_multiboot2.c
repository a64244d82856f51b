/* SPDX-License-Identifier: MIT */
/*
 * The multiboot2 information, at any address that is a multiple of 8 or not.
 */
#include "boot/boot_info.c"
#include "boot/multiboot2.c"
#include "boot_info_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_info info = {0};
	fuzz_memory(data, size);
	multiboot2_parse(FUZZ_BASE, fuzz_map, &info);
	fuzz_unmap();
	boot_info_check(&info);
	return 0;
}
