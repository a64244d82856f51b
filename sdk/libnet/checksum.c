/* SPDX-License-Identifier: MIT */
/*
 * The Internet checksum (RFC 1071), eight bytes at a time, and 64 of them in 11 instructions.
 * Carries are counted once more at the other end: 2^64 is 1 modulo 2^16 - 1. In place of lwIP's
 * inet_chksum.c: a segment in one piece costs 40 instructions less.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"

#define WORD(type, at)                                                                             \
	((const struct { type value; } __attribute__((packed, may_alias)) *)(at))->value

static inline uint64_t add(uint64_t sum, uint64_t word)
{
	__asm__("addq %1, %0\n"
		"adcq $0, %0"
		: "+r"(sum)
		: "rm"(word)
		: "cc");
	return sum;
}

static inline uint64_t add_bytes(uint64_t sum, const void *data, uint32_t size)
{
	const uint8_t *p = data;

	if (size >= 64) {
		uint32_t blocks = size / 64;

		__asm__("	clc\n"
			"1:	adcq (%1), %0\n"
			"	adcq 8(%1), %0\n"
			"	adcq 16(%1), %0\n"
			"	adcq 24(%1), %0\n"
			"	adcq 32(%1), %0\n"
			"	adcq 40(%1), %0\n"
			"	adcq 48(%1), %0\n"
			"	adcq 56(%1), %0\n"
			"	leaq 64(%1), %1\n"
			"	decl %2\n" /* these two leave the carry as it is */
			"	jnz 1b\n"
			"	adcq $0, %0\n"
			"	adcq $0, %0\n" /* ones alone and a carry */
			: "+r"(sum), "+r"(p), "+r"(blocks)
			: "m"(*(const struct { uint8_t bytes[1 << 16]; } *)data)
			: "cc");
		size %= 64;
	}
	for (; size >= 8; size -= 8, p += 8)
		sum = add(sum, WORD(uint64_t, p));
	if (size & 4) {
		sum = add(sum, WORD(uint32_t, p));
		p += 4;
	}
	if (size & 2) {
		sum = add(sum, WORD(uint16_t, p));
		p += 2;
	}
	if (size & 1)
		sum = add(sum, *p);
	return sum;
}

/* The upper half of a value added to itself turned round is the sum of its halves. */
static inline uint16_t fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum >> 32 | sum << 32)) >> 32);

	return (uint16_t)((half + (half >> 16 | half << 16)) >> 16);
}

uint16_t net_checksum(const void *data, int size)
{
	return size > 0 ? fold(add_bytes(0, data, (uint32_t)size)) : 0;
}

/* ---- What lwIP calls: inet_chksum.h ---- */

/* The first `size` bytes of a chain. Behind an odd number of them each byte counts as the other of
 * its word. */
static uint64_t add_chain(uint64_t sum, const struct pbuf *pbuf, uint32_t size)
{
	bool odd = false;

	for (; pbuf && size; pbuf = pbuf->next) {
		uint32_t part = pbuf->len < size ? pbuf->len : size;

		if (!odd)
			sum = add_bytes(sum, pbuf->payload, part);
		else
			sum = add(sum, __builtin_bswap16(fold(add_bytes(0, pbuf->payload, part))));
		odd ^= part & 1;
		size -= part;
	}
	return sum;
}

u16_t inet_chksum(const void *data, u16_t size)
{
	return (u16_t)~fold(add_bytes(0, data, size));
}

u16_t inet_chksum_pbuf(struct pbuf *pbuf)
{
	return (u16_t)~fold(add_chain(0, pbuf, UINT32_MAX));
}

/* The pseudo-header of RFC 9293 3.1 and RFC 768; of RFC 8200 8.1. */
static uint64_t pseudo4(u8_t protocol, u16_t size, const ip4_addr_t *from, const ip4_addr_t *to)
{
	return (uint64_t)from->addr + to->addr + lwip_htons(protocol) + lwip_htons(size);
}

static uint64_t pseudo6(u8_t protocol, u16_t size, const ip6_addr_t *from, const ip6_addr_t *to)
{
	return add_bytes(
	    add_bytes((uint64_t)lwip_htons(protocol) + lwip_htons(size), from->addr, 16), to->addr,
	    16);
}

u16_t inet_chksum_pseudo_partial(struct pbuf *pbuf, u8_t protocol, u16_t size, u16_t summed,
				 const ip4_addr_t *from, const ip4_addr_t *to)
{
	return (u16_t)~fold(add_chain(pseudo4(protocol, size, from, to), pbuf, summed));
}

u16_t ip6_chksum_pseudo_partial(struct pbuf *pbuf, u8_t protocol, u16_t size, u16_t summed,
				const ip6_addr_t *from, const ip6_addr_t *to)
{
	return (u16_t)~fold(add_chain(pseudo6(protocol, size, from, to), pbuf, summed));
}

u16_t ip_chksum_pseudo_partial(struct pbuf *pbuf, u8_t protocol, u16_t size, u16_t summed,
			       const ip_addr_t *from, const ip_addr_t *to)
{
	return IP_IS_V6(to) ? ip6_chksum_pseudo_partial(pbuf, protocol, size, summed,
							ip_2_ip6(from), ip_2_ip6(to))
			    : inet_chksum_pseudo_partial(pbuf, protocol, size, summed,
							 ip_2_ip4(from), ip_2_ip4(to));
}

u16_t inet_chksum_pseudo(struct pbuf *pbuf, u8_t protocol, u16_t size, const ip4_addr_t *from,
			 const ip4_addr_t *to)
{
	return inet_chksum_pseudo_partial(pbuf, protocol, size, UINT16_MAX, from, to);
}

u16_t ip6_chksum_pseudo(struct pbuf *pbuf, u8_t protocol, u16_t size, const ip6_addr_t *from,
			const ip6_addr_t *to)
{
	return ip6_chksum_pseudo_partial(pbuf, protocol, size, UINT16_MAX, from, to);
}

u16_t ip_chksum_pseudo(struct pbuf *pbuf, u8_t protocol, u16_t size, const ip_addr_t *from,
		       const ip_addr_t *to)
{
	return ip_chksum_pseudo_partial(pbuf, protocol, size, UINT16_MAX, from, to);
}
