/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071), eight bytes at a time, and 64 of them in 11 instructions.
 */
#include <stdint.h>
#include <string.h>

#include "arch/cc.h"

uint16_t net_checksum(const void *data, int size)
{
	const uint8_t *p = data;
	uint64_t sum = 0, carry = 0, word;

	/* Words of 64 bits, each carry counted once more: 2^64 is 1 modulo 2^16 - 1. */
	if (size >= 64) {
		unsigned blocks = (unsigned)size / 64;

		__asm__("	clc\n"
			"1:	adcq (%2), %0\n"
			"	adcq 8(%2), %0\n"
			"	adcq 16(%2), %0\n"
			"	adcq 24(%2), %0\n"
			"	adcq 32(%2), %0\n"
			"	adcq 40(%2), %0\n"
			"	adcq 48(%2), %0\n"
			"	adcq 56(%2), %0\n"
			"	leaq 64(%2), %2\n"
			"	decl %3\n" /* these two leave the carry as it is */
			"	jnz 1b\n"
			"	adcq $0, %1\n"
			: "+r"(sum), "+r"(carry), "+r"(p), "+r"(blocks)
			: "m"(*(const struct { uint8_t bytes[1 << 16]; } *)data)
			: "cc");
		size %= 64;
	}
	for (; size >= 8; size -= 8, p += 8) {
		memcpy(&word, p, 8);
		carry += __builtin_add_overflow(sum, word, &sum);
	}
	if (size > 0) {
		word = 0;
		memcpy(&word, p, (size_t)size);
		carry += __builtin_add_overflow(sum, word, &sum);
	}
	sum = (sum >> 32) + (sum & 0xffffffff) + carry;
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}
