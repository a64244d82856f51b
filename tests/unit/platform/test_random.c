/* SPDX-License-Identifier: MIT */
/*
 * ChaCha20's published vectors, and the generator on sources that are missing,
 * stuck, slow to answer, or fail later.
 */
#include "cpu/random.h"

#include <baremetal/error.h>
#include <stdlib.h>
#include <string.h>

#include "console/log.h"
#include "cpu/chacha20.h"
#include "cpu/cpu.h"
#include "scenario.h"

struct cpu_features cpu_features;

static uint64_t (*seed_source)(void), (*rand_source)(void); /* NULL: has none ready */
static unsigned not_ready; /* so many tries fail before each word */
static unsigned words_taken, waits, log_lines;

static bool take(uint64_t (*source)(void), uint64_t *word)
{
	static unsigned tries;
	if (!source || tries++ < not_ready)
		return false;
	tries = 0;
	words_taken++;
	*word = source();
	return true;
}

bool rdrand(uint64_t *word)
{
	CHECK(cpu_features.rdrand);
	return take(rand_source, word);
}

bool rdseed(uint64_t *word)
{
	CHECK(cpu_features.rdseed);
	return take(seed_source, word);
}

void cpu_relax(void)
{
	waits++;
}

uint64_t tsc_read(void)
{
	static uint64_t tsc;
	return tsc += 1000;
}

void log_line(int level, const char *format, ...)
{
	(void)level, (void)format;
	log_lines++;
}

static uint64_t good(void)
{
	static uint64_t state = 1;
	return state = state * 6364136223846793005 + 1442695040888963407;
}

static uint64_t zeros(void)
{
	return 0;
}

static uint64_t ones(void)
{
	return UINT64_MAX;
}

static uint64_t constant(void)
{
	return 0x1234567890;
}

static void from_hex(const char *hex, uint8_t *bytes)
{
	for (; *hex; hex += 2)
		sscanf(hex, "%2hhx", bytes++);
}

/* RFC 8439, appendix A.1, test vectors 1 to 4 (those with nonce 0). */
static void vectors(void)
{
	static const struct {
		uint8_t key[32];
		uint64_t position;
		const char *block;
	} vector[] = {
	    {{0},
	     0,
	     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
	    {{0},
	     1,
	     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"},
	    {{[31] = 1},
	     1,
	     "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
	     "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
	    {{[1] = 0xff},
	     2,
	     "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
	     "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"},
	};
	for (unsigned i = 0; i < sizeof(vector) / sizeof(*vector); i++) {
		uint8_t block[64], expected[64];
		from_hex(vector[i].block, expected);
		chacha20_block(vector[i].key, vector[i].position, block);
		CHECK(memcmp(block, expected, sizeof(block)) == 0);
	}
}

static void expect_refusal(void)
{
	uint8_t buffer[40];

	memset(buffer, 0x55, sizeof(buffer));
	CHECK(random_bytes(buffer, sizeof(buffer)) == -BM_ENODEV);
	for (unsigned i = 0; i < sizeof(buffer); i++)
		CHECK(buffer[i] == 0x55);
	CHECK(log_lines == 1);
	CHECK(random_bytes(buffer, 1) == -BM_ENODEV && random_bytes(buffer, 0) == -BM_ENODEV);
	CHECK(log_lines == 1); /* said once */
	CHECK(waits < 100000);
}

static void no_source(void)
{
	expect_refusal();
	uint64_t a = random_for_layout(), b = random_for_layout();
	CHECK(a != b);
}

static void never_ready(void)
{
	cpu_features.rdrand = cpu_features.rdseed = true;
	expect_refusal();
}

static void stuck_zeros(void)
{
	cpu_features.rdrand = true;
	rand_source = zeros;
	expect_refusal();
}

static void stuck_ones(void)
{
	cpu_features.rdseed = cpu_features.rdrand = true;
	seed_source = ones;
	rand_source = ones;
	expect_refusal();
}

static void repeating(void)
{
	cpu_features.rdrand = true;
	rand_source = constant;
	expect_refusal();
}

static void recovers(void)
{
	uint8_t byte;
	cpu_features.rdrand = true;
	CHECK(random_bytes(&byte, 1) == -BM_ENODEV);
	rand_source = good;
	CHECK(random_bytes(&byte, 1) == 0);
}

static void rdseed_then_rdrand(void)
{
	uint8_t buffer[16];

	cpu_features.rdseed = cpu_features.rdrand = true;
	rand_source = good; /* RDSEED is there, but exhausted */
	not_ready = 3;
	CHECK(random_bytes(buffer, sizeof(buffer)) == 0);
	CHECK(words_taken >= 4); /* 256 bits at least */
}

static void output(void)
{
	static uint8_t a[100000], b[sizeof(a) + 2];
	unsigned ones_count = 0, histogram[256] = {0};

	cpu_features.rdseed = true;
	seed_source = good;
	CHECK(random_bytes(a, 0) == 0);
	for (size_t size = 1; size < 300; size++) {
		memset(b, 0xaa, 302);
		CHECK(random_bytes(b + 1, size) == 0);
		CHECK(b[0] == 0xaa && b[size + 1] == 0xaa);
	}
	CHECK(random_bytes(a, sizeof(a)) == 0 && random_bytes(b, sizeof(a)) == 0);
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++) {
		ones_count += __builtin_popcount(a[i]);
		histogram[a[i]]++;
		if (i >= 64 && i % 64 == 0)
			CHECK(memcmp(a + i, a + i - 64, 32) != 0);
	}
	CHECK(ones_count > 398000 && ones_count < 402000);
	for (unsigned i = 0; i < 256; i++)
		CHECK(histogram[i] > 250 && histogram[i] < 550);
}

static void reseeding(void)
{
	static uint8_t buffer[1 << 16];

	cpu_features.rdrand = true;
	rand_source = good;
	CHECK(random_bytes(buffer, 1) == 0);
	unsigned first = words_taken;
	for (int i = 0; i < 5000; i++)
		CHECK(random_bytes(buffer, 1) == 0);
	CHECK(words_taken > first); /* after many requests */
	first = words_taken;
	for (int i = 0; i < 20; i++)
		CHECK(random_bytes(buffer, sizeof(buffer)) == 0);

	rand_source = NULL; /* fails later: the key goes on */
	uint8_t a[32], b[32];
	for (int i = 0; i < 5000; i++)
		CHECK(random_bytes(a, 32) == 0 && random_bytes(b, 32) == 0 &&
		      memcmp(a, b, 32) != 0);
	CHECK(log_lines == 0);
}

int main(void)
{
	scenario("RFC 8439 vectors", vectors);
	scenario("no source", no_source);
	scenario("never ready", never_ready);
	scenario("stuck at zeros", stuck_zeros);
	scenario("stuck at ones", stuck_ones);
	scenario("repeating", repeating);
	scenario("recovers", recovers);
	scenario("RDSEED exhausted", rdseed_then_rdrand);
	scenario("output", output);
	scenario("reseeding", reseeding);
	return unit_status();
}
