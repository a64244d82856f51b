/* SPDX-License-Identifier: MIT */
/*
 * memcmp(). Nothing is read beyond what was given: of 16 bytes or more, the last 16 are read once
 * more.
 */
#include <string.h>

#include "vector.h"

static int difference(const unsigned char *a, const unsigned char *b, unsigned same)
{
	unsigned first = (unsigned)__builtin_ctz(~same);

	return a[first] - b[first];
}

/* The order of bytes in memory is that of digits in a number whose first byte counts most. */
static int compare8(uint64_t a, uint64_t b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return a < b ? -1 : a > b;
}

int memcmp(const void *one, const void *other, size_t size)
{
	const unsigned char *a = one, *b = other;
	unsigned same;
	size_t at = 0;

	if (size >= 16) {
		for (; at + 16 < size; at += 16) {
			same = same16(load16(a + at), load16(b + at));
			if (same != 0xffff)
				return difference(a + at, b + at, same);
		}
		at = size - 16;
		same = same16(load16(a + at), load16(b + at));
		return same == 0xffff ? 0 : difference(a + at, b + at, same);
	}
	if (size >= 8) {
		uint64_t x = WORD(8, a), y = WORD(8, b);

		if (x != y)
			return compare8(x, y);
		return compare8(WORD(8, a + size - 8), WORD(8, b + size - 8));
	}
	for (; at < size; at++)
		if (a[at] != b[at])
			return a[at] - b[at];
	return 0;
}
