/* SPDX-License-Identifier: MIT */
/*
 * A module's kind, and a bundle's header.
 */
#include "boot/module_kind.c"
#include "unit.h"
#include <stdlib.h>

static const char *check(const struct bundle_header *header, uint64_t size)
{
	static uint8_t whole[0x4000];
	memset(whole, 0, sizeof whole);
	memcpy(whole, header, sizeof *header);
	uint8_t *copy = malloc(size + !size);
	memcpy(copy, whole, size);
	const char *error = bundle_check(copy, size);
	free(copy);
	return error;
}

int main(void)
{
	uint8_t block[512] = {0};
	CHECK(module_kind(block, 0) == MODULE_UNKNOWN);
	CHECK(module_kind(block, 512) == MODULE_UNKNOWN);
	memcpy(block + 257, "ustar", 5);
	CHECK(module_kind(block, 512) == MODULE_FILESYSTEM);
	CHECK(module_kind(block, 511) == MODULE_UNKNOWN);
	memcpy(block,
	       "\x7f"
	       "ELF",
	       4);
	CHECK(module_kind(block, 4) == MODULE_APP);
	CHECK(module_kind(block, 3) == MODULE_UNKNOWN);
	memcpy(block, "BMSYMS01", 8);
	CHECK(module_kind(block, 8) == MODULE_SYMBOLS);
	memcpy(block, "BMBUND01", 8);
	CHECK(module_kind(block, 8) == MODULE_BUNDLE);
	CHECK(module_kind(block, 7) == MODULE_UNKNOWN);

	const struct bundle_header good = {.magic = "BMBUND01",
					   .member_count = 2,
					   .args_size = 5,
					   .members = {{4096, 100}, {8192, 4096}}};
	CHECK(!check(&good, 0x3000));
	CHECK(check(&good, 0x2fff));
	for (uint64_t size = 0; size < sizeof good; size++)
		CHECK(check(&good, size));

	struct bundle_header bad = good;
	bad.member_count = BUNDLE_MEMBERS_MAX + 1;
	CHECK(check(&bad, 0x3000));
	bad.member_count = UINT32_MAX;
	CHECK(check(&bad, 0x3000));
	bad = good;
	bad.args_size = BUNDLE_ARGS_MAX + 1;
	CHECK(check(&bad, 0x3000));
	bad.args_size = UINT32_MAX;
	CHECK(check(&bad, 0x3000));
	static const struct bundle_member members[] = {
	    {4096, 0},    {4097, 1},          {0x3000, 1},
	    {8192, 4097}, {8192, UINT64_MAX}, {UINT64_MAX & -4096ul, 4096}};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		bad = good;
		bad.members[1] = members[i];
		CHECK(check(&bad, 0x3000));
	}
	return unit_status();
}
