/* SPDX-License-Identifier: MIT */
/* kernel/lib/format.c against the host's own snprintf, and at its edges. */
#include "check.h"
#include "lib/format.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Both must write the same text, into buffers of every size up to the full one. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char want[256], *got;                                                              \
		size_t full = snprintf(want, sizeof want, __VA_ARGS__);                            \
		for (size_t size = 0; size <= full + 2; size++) {                                  \
			got = malloc(size ? size : 1); /* so that a byte too many is seen */       \
			size_t n = format_text(got, size, __VA_ARGS__);                            \
			size_t fit = size == 0 ? 0 : full < size - 1 ? full : size - 1;            \
			CHECK(n == fit && memcmp(got, want, fit) == 0);                            \
			CHECK(size == 0 || got[fit] == 0);                                         \
			free(got);                                                                 \
		}                                                                                  \
	} while (0)

int main(void)
{
	const char *volatile none = NULL; /* hidden from the compiler's own checks */
	char buffer[32];

	SAME("plain text, 100%% of it");
	SAME("%s|%10s|%2s", "abc", "def", "longer");
	SAME("%.*s|%.*s|%.*s", 2, "abc", 10, "abc", -1, "abc");
	SAME("%c%c%3c", 'a', 'b', 'c');
	SAME("%d %d %d %d", 0, 1, -1, INT_MIN);
	SAME("%5d|%05d|%5d|%05d|%1d", 42, 42, -42, -42, -42);
	SAME("%ld %lld %zd", LONG_MIN, LLONG_MAX, (ssize_t)-7);
	SAME("%u %u %lu %zu", 0u, UINT_MAX, ULONG_MAX, (size_t)12345);
	SAME("%x %08x %016lx %llx", 0xdeadbeefu, 0xbeefu, 0x123456789abcdefUL, ULLONG_MAX);
	SAME("%p", (void *)0x12345678);

	/* Unterminated text is read no further than the precision says. */
	char *exact = malloc(3);
	memcpy(exact, "xyz", 3);
	CHECK(format_text(buffer, sizeof buffer, "%.*s", 3, exact) == 3);
	CHECK(strcmp(buffer, "xyz") == 0);
	free(exact);

	format_text(buffer, sizeof buffer, "%s", none);
	CHECK(strcmp(buffer, "(null)") == 0);

	/* What a broken format leaves. */
	const char *volatile cut = "50%";
	format_text(buffer, sizeof buffer, cut);
	CHECK(strcmp(buffer, "50") == 0);
	return failures != 0;
}
