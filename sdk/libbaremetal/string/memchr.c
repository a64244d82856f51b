/* SPDX-License-Identifier: MIT */
/*
 * memchr(). It may be called with a size beyond what is there, if the byte is (C11 7.24.5.1: as if
 * read one by one). So it reads whole aligned pieces of 16 bytes, each of which holds one that may
 * be read, and none of which reaches into another page.
 */
#include <string.h>

#include "vector.h"

__attribute__((no_sanitize("address"))) void *memchr(const void *start, int byte, size_t size)
{
	uintptr_t from = (uintptr_t)start, at = from & -(uintptr_t)16, last;
	__m128i wanted = _mm_set1_epi8((char)byte);
	unsigned found;

	if (!size)
		return NULL;
	last = size - 1 > UINTPTR_MAX - from ? UINTPTR_MAX : from + size - 1;
	found = same16(*(const __m128i *)at, wanted) & (~0u << (from & 15));
	while (!found) {
		if (last - at < 16)
			return NULL;
		at += 16;
		found = same16(*(const __m128i *)at, wanted);
	}
	at += (unsigned)__builtin_ctz(found);
	return at <= last ? (void *)at : NULL;
}
