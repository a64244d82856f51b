/* SPDX-License-Identifier: MIT */
/*
 * Random bytes: ChaCha20 with fast key erasure, seeded from the processor.
 *
 * Each request takes a block from the generator's key: half of it becomes the new key,
 * half the key of this request alone, from which its bytes come. So what was
 * given out cannot be told from what is in memory later. The lock is held for one block.
 *
 * QEMU: -cpu max has RDRAND, -cpu qemu64 neither instruction.
 */
#include "cpu/random.h"

#include <baremetal/error.h>
#include <stdbool.h>
#include <string.h>

#include "console/log.h"
#include "cpu/chacha20.h"
#include "cpu/cpu.h"

#define SEED_WORDS      8  /* of 64 bits: twice the key, folded into it */
#define KEY_WORDS       4  /* of 64 bits */
#define RDRAND_TRIES    10 /* Intel's guide to its generator, 5.2.1 */
#define RDSEED_TRIES    100
#define RESEED_REQUESTS 4096

static bool lock;
static uint64_t key[KEY_WORDS];
static bool seeded, warned;
static unsigned requests_left; /* before fresh entropy is due */

static bool entropy_word(uint64_t *word)
{
	for (unsigned i = 0; cpu_features.rdseed && i < RDSEED_TRIES; i++) {
		if (rdseed(word))
			return true;
		cpu_relax();
	}
	for (unsigned i = 0; cpu_features.rdrand && i < RDRAND_TRIES; i++)
		if (rdrand(word))
			return true;
	return false;
}

/* Fold fresh entropy into the key. A source that repeats itself or sticks at zeros or ones is
 * broken. */
static bool reseed(void)
{
	uint64_t word, previous = 0;

	for (unsigned i = 0; i < SEED_WORDS; i++) {
		if (!entropy_word(&word) || word == previous || word + 1 <= 1)
			return false;
		key[i % KEY_WORDS] ^= word;
		previous = word;
	}
	seeded = true;
	requests_left = RESEED_REQUESTS;
	return true;
}

/* A key for one request, and the next one of our own: the halves of a block. */
static bool take_key(uint64_t block[2 * KEY_WORDS])
{
	bool good = true;

	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		cpu_relax(); /* its holder is done after one block */
	/* A source that fails later on does no harm: the key is as good as it was. */
	if (!requests_left)
		good = reseed() || seeded;
	if (good) {
		requests_left -= requests_left > 0;
		chacha20_block(key, 0, block);
		memcpy(key, block + KEY_WORDS, sizeof(key));
	}
	__atomic_clear(&lock, __ATOMIC_RELEASE);
	return good;
}

int random_bytes(void *buffer, size_t size)
{
	uint64_t request_key[2 * KEY_WORDS], block[2 * KEY_WORDS];
	uint8_t *to = buffer;

	if (!take_key(request_key)) {
		if (!__atomic_test_and_set(&warned, __ATOMIC_RELAXED))
			log_warning("random: RDSEED and RDRAND are missing or "
				    "broken (QEMU: use -cpu max)");
		return -BM_ENODEV;
	}
	for (uint64_t counter = 0; size; counter++) {
		size_t part = size < sizeof(block) ? size : sizeof(block);
		chacha20_block(request_key, counter, block);
		memcpy(to, block, part);
		to += part;
		size -= part;
	}
	secret_wipe(request_key, sizeof(request_key));
	secret_wipe(block, sizeof(block));
	return 0;
}

uint64_t random_for_layout(void)
{
	uint64_t word = 0;

	entropy_word(&word);
	word ^= tsc_read() * 0x9e3779b97f4a7c15; /* the golden ratio: spreads its bits upwards */
	return word ^ word >> 32;
}

void random_init(void)
{
	log_info("random: %s", cpu_features.rdseed   ? "RDSEED"
			       : cpu_features.rdrand ? "RDRAND"
						     : "no source");
}
