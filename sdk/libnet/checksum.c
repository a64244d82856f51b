/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071), eight bytes at a time.
 */
#include <stdint.h>
#include <string.h>

#include "arch/cc.h"

uint16_t net_checksum(const void *data, int size)
{
	const uint8_t *p = data;
	uint64_t sum = 0, carry = 0, word;

	/* Words of 64 bits, each carry counted once more: 2^64 is 1 modulo 2^16 - 1. */
	for (; size >= 32; size -= 32, p += 32) {
		uint64_t a, b, c, d;

		memcpy(&a, p, 8), memcpy(&b, p + 8, 8), memcpy(&c, p + 16, 8),
		    memcpy(&d, p + 24, 8);
		__asm__("addq %2, %0\n\tadcq %3, %0\n\tadcq %4, %0\n\tadcq %5, %0\n\tadcq $0, %1"
			: "+r"(sum), "+r"(carry)
			: "r"(a), "r"(b), "r"(c), "r"(d)
			: "cc");
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
