/* SPDX-License-Identifier: MIT */
/*
 * memset(). What is left at the end is written by words that overlap the others.
 */
#include <string.h>

#include "vector.h"

void *memset(void *start, int byte, size_t size)
{
	char *to = start, *end = to + size;
	uint64_t word = (uint8_t)byte * UINT64_C(0x0101010101010101);
	__m128i value;

	if (size < 16) {
		if (size >= 8) {
			WORD(8, to) = word;
			WORD(8, end - 8) = word;
		} else if (size >= 4) {
			WORD(4, to) = (uint32_t)word;
			WORD(4, end - 4) = (uint32_t)word;
		} else if (size >= 2) {
			WORD(2, to) = (uint16_t)word;
			WORD(2, end - 2) = (uint16_t)word;
		} else if (size) {
			*to = (char)byte;
		}
		return start;
	}
	value = _mm_set1_epi64x((long long)word);
	for (; (size_t)(end - to) > 64; to += 64) {
		store16(to, value);
		store16(to + 16, value);
		store16(to + 32, value);
		store16(to + 48, value);
	}
	for (; end - to > 16; to += 16)
		store16(to, value);
	store16(end - 16, value);
	return start;
}
