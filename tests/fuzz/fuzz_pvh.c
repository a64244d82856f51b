/* SPDX-License-Identifier: MIT */
/*
 * The PVH start information and what its pointers lead to.
 */
#include "boot/boot_info.c"
#include "boot/pvh.c"
#include "boot_info_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot_info info = {0};
	fuzz_memory(data, size);
	pvh_parse(FUZZ_BASE, fuzz_map, &info);
	fuzz_unmap();
	boot_info_check(&info);
	return 0;
}
