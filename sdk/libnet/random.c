/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for the stack: ports, identifiers of DNS and DHCP, first sequence numbers.
 *
 * They come from the machine's source of entropy. Without one they are made from time, which can be
 * guessed: that is said once.
 */
#include "net.h"
#include "net_hooks.h"

#include <string.h>

#include <baremetal/random.h>
#include <baremetal/time.h>

static void fill(void *to, size_t size)
{
	static bool told;
	static uint64_t state;

	if (!bm_random(to, size))
		return;
	if (!told) {
		told = true;
		net_say("network: this machine has no source of random numbers: ports and sequence "
			"numbers can "
			"be guessed");
	}
	for (size_t i = 0; i < size; i++) {
		state = (state ^ bm_time_monotonic()) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		((uint8_t *)to)[i] = (uint8_t)(state >> 56);
	}
}

/* With the core lock. */
uint32_t net_random(void)
{
	static uint32_t stock[64];
	static unsigned left;

	if (!left) {
		fill(stock, sizeof(stock));
		left = sizeof(stock) / sizeof(stock[0]);
	}
	return stock[--left];
}

/* ---- SipHash-2-4, by Aumasson and Bernstein (2012) ---- */

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void rounds(uint64_t v[4], int count)
{
	while (count--) {
		v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
		v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
	}
}

/* Of whole words. */
static uint64_t siphash(const uint64_t key[2], const uint64_t *words, unsigned count)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			 key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	uint64_t last = (uint64_t)count * 8 << 56;

	for (unsigned i = 0; i <= count; i++) {
		uint64_t word = i < count ? words[i] : last;

		v[3] ^= word;
		rounds(v, 2);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

u32_t net_initial_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
			   u16_t remote_port)
{
	static uint64_t key[2];
	static bool have_key;
	uint64_t words[5] = {0};

	if (!have_key) {
		fill(key, sizeof(key));
		have_key = true;
	}
	memcpy(words, ip_2_ip6(local)->addr, IP_IS_V6(local) ? 16 : 4);
	memcpy(words + 2, ip_2_ip6(remote)->addr, IP_IS_V6(remote) ? 16 : 4);
	words[4] = (uint64_t)local_port << 16 | remote_port;
	/* RFC 6528: and a clock of 4 µs. */
	return (u32_t)(siphash(key, words, 5) + bm_time_monotonic() / 4000);
}
