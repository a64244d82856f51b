/* SPDX-License-Identifier: MIT */
/* kernel/console/ps2.c: scan codes to characters. The ports themselves are not touched. */
#include "check.h"
#include "console/ps2.c"
#include <string.h>

/* Do these codes, fed one by one, make these characters? */
static bool makes(const char *codes, size_t size, const char *want)
{
	char got[64];
	size_t count = 0;
	for (size_t i = 0; i < size; i++) {
		char c = decode(codes[i]);
		if (c)
			got[count++] = c;
		for (; pending; pending >>= 8)
			got[count++] = pending;
	}
	return count == strlen(want) && memcmp(got, want, count) == 0;
}
#define MAKES(codes, want) CHECK(makes(codes, sizeof codes - 1, want))

int main(void)
{
	MAKES("\x23\xa3\x12\x92\x26\xa6\x26\xa6\x18\x98\x1c\x9c", "hello\n");
	MAKES("\x02\x0b\x0c\x0d\x0e\x0f\x01\x39", "10-=\177\t\33 ");
	MAKES("\x10\x19\x1a\x1b\x1e\x26\x27\x28\x29\x2b\x2c\x32\x33\x34\x35", "qp[]al;'`\\zm,./");
	/* Shift, either of the two, while held. */
	MAKES("\x2a\x1e\x02\x28\x36\xaa\x35\xb6\x35", "A!\"?/");
	/* Caps lock changes letters alone, and shift undoes it. */
	MAKES("\x3a\xba\x1e\x02\x2a\x1e\x02\xaa\x3a\xba\x1e", "A1a!a");
	MAKES("\x1d\x2e\x20\x1a\x9d\x2e", "\3\4\33c");
	/* Arrows and their made-up shifts; the pad; its extended keys. */
	MAKES("\xe0\x2a\xe0\x48\xe0\xc8\xe0\xaa\x1e", "\33[Aa");
	MAKES("\x2a\xe0\xaa\xe0\x48\xe0\xc8\x1e\xaa\x1e", "\33[AAa");
	MAKES("\xe0\x4b\xe0\x4d\xe0\x50\xe0\x47\xe0\x4f", "\33[D\33[C\33[B\33[H\33[F");
	MAKES("\x47\x4a\x4e\x52\x53\x37\xe0\x1c\xe0\x35", "7-+0.*\n/");
	MAKES("\xe0\x1d\x2e\xe0\x9d\x2e", "\3c");
	/* Keys without a character: functions, alt, pause, windows, acknowledgements. */
	MAKES("\x3b\xbb\x44\x57\x58\x38\xb8\xe1\x1d\x45\xe1\x9d\xc5\xe0\x5b\xe0\xdb\xfa\xfe\xff",
	      "");
	MAKES("\xe0\x49\xe0\x51\xe0\x52\xe0\x53\xe0\x37\xe0\x7f", "");
	/* Any bytes at all leave it in bounds (the sanitizer's part). */
	unsigned seed = 1;
	for (int i = 0; i < 100000; i++) {
		seed = seed * 1103515245 + 12345;
		decode(seed >> 16);
	}
	return failures != 0;
}
