/* SPDX-License-Identifier: MIT */
/*
 * Tells the build whether clang can link a fuzz target.
 */
#include <stddef.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	(void)data;
	(void)size;
	return 0;
}
