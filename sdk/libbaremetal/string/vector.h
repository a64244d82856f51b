/* SPDX-License-Identifier: MIT */
/*
 * Sixteen bytes at once, with SSE2, which each x86-64 has. What Newlib brings for this machine
 * counts 38 instructions for 128 bytes and takes the rest byte by byte; its portable functions take
 * a word at a time, and only where everything is aligned.
 */
#ifndef LIBBAREMETAL_STRING_VECTOR_H
#define LIBBAREMETAL_STRING_VECTOR_H

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>

static inline __m128i load16(const void *from)
{
	return _mm_loadu_si128(from);
}

static inline void store16(void *to, __m128i value)
{
	_mm_storeu_si128(to, value);
}

/* A bit for each byte that is the same. */
static inline unsigned same16(__m128i a, __m128i b)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
}

/* Words of any alignment. */
struct word8 {
	uint64_t value;
} __attribute__((packed, may_alias));
struct word4 {
	uint32_t value;
} __attribute__((packed, may_alias));
struct word2 {
	uint16_t value;
} __attribute__((packed, may_alias));

#define WORD(size, at) (((struct word##size *)(uintptr_t)(at))->value)

#endif
