/* SPDX-License-Identifier: MIT */
/*
 * The ChaCha20 block function (RFC 8439, section 2.3). Words are little-endian,
 * as is the processor. Runs in the same time whatever the key.
 */
#include "cpu/chacha20.h"

#include <string.h>

#define WORDS         16
#define DOUBLE_ROUNDS 10

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

/* Section 2.1. */
static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b, *d = rotate(*d ^ *a, 16);
	*c += *d, *b = rotate(*b ^ *c, 12);
	*a += *b, *d = rotate(*d ^ *a, 8);
	*c += *d, *b = rotate(*b ^ *c, 7);
}

void secret_wipe(void *secret, size_t size)
{
	memset(secret, 0, size);
	__asm__ volatile("" : : "r"(secret) : "memory"); /* the compiler may not think it idle */
}

void chacha20_block(const void *key, uint64_t position, void *block)
{
	struct {
		uint32_t start[WORDS], state[WORDS];
	} s = {{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, {0}};

	memcpy(s.start + 4, key, 32);
	memcpy(s.start + 12, &position, sizeof(position));
	memcpy(s.state, s.start, sizeof(s.state));
	/* Four columns, then four diagonals, which are columns whose row r is shifted by r. */
	for (unsigned i = 0; i < 8 * DOUBLE_ROUNDS; i++) {
		unsigned shift = i / 4 % 2, b = i + shift, c = b + shift, d = c + shift;
		quarter_round(&s.state[i % 4], &s.state[4 + b % 4], &s.state[8 + c % 4],
			      &s.state[12 + d % 4]);
	}
	for (unsigned i = 0; i < WORDS; i++)
		s.state[i] += s.start[i];
	memcpy(block, s.state, sizeof(s.state));
	secret_wipe(&s, sizeof(s));
}
