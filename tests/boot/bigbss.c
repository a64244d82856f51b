/* SPDX-License-Identifier: MIT */
/*
 * Needs 64 MiB before main runs.
 */
static volatile char large[64 << 20];

int main(void)
{
	for (unsigned i = 0; i < sizeof large; i += 4096)
		if (large[i])
			return 1;
	large[sizeof large - 1] = 1;
	return 0;
}
