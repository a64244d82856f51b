/* SPDX-License-Identifier: MIT */
/* memcpy() and the like against the plainest of loops; every buffer is its own, so that ASan sees a
 * byte too many. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "unit.h"

#define memmove tested_memmove
#define memcpy  tested_memcpy
#define memset  tested_memset
#define memchr  tested_memchr
#define memcmp  tested_memcmp
void *tested_memmove(void *, const void *, size_t);
void *tested_memcpy(void *restrict, const void *restrict, size_t);
void *tested_memset(void *, int, size_t);
void *tested_memchr(const void *, int, size_t);
int tested_memcmp(const void *, const void *, size_t);
#include "libbaremetal/string/memchr.c"
#include "libbaremetal/string/memcmp.c"
#include "libbaremetal/string/memcpy.c"
#include "libbaremetal/string/memmove.c"
#include "libbaremetal/string/memset.c"

enum { MOST = 330 };

static const size_t larger[] = {511, 512, 513, 1000, 1024, 4095, 4097, 70001};

static size_t size_at(unsigned i)
{
	return i < MOST ? i : larger[i - MOST];
}

#define SIZES (MOST + sizeof(larger) / sizeof(*larger))

static unsigned char pattern(size_t i)
{
	return (unsigned char)(i * 37 + (i >> 8) * 101 + 5);
}

static void copies_of_each_size(void)
{
	for (unsigned i = 0; i < SIZES; i++) {
		size_t size = size_at(i);
		unsigned char *from = malloc(size), *to = malloc(size);

		for (size_t n = 0; n < size; n++)
			from[n] = pattern(n);
		CHECK(memcpy(to, from, size) == to);
		size_t bad = 0;
		for (size_t n = 0; n < size; n++)
			bad += to[n] != pattern(n);
		CHECK(bad == 0);
		free(from);
		free(to);
	}
}

/* By every distance, to both sides: and nothing beside it is touched. */
static void moves_that_overlap(void)
{
	enum { ROOM = 2 * MOST + 200 };
	static unsigned char buffer[ROOM];
	unsigned bad = 0;

	for (size_t size = 0; size < 300; size++)
		for (int distance = -140; distance <= 140; distance++) {
			size_t from = 150, to = (size_t)(150 + distance);

			for (size_t n = 0; n < ROOM; n++)
				buffer[n] = pattern(n);
			memmove(buffer + to, buffer + from, size);
			for (size_t n = 0; n < ROOM; n++) {
				size_t source = n >= to && n < to + size ? n - to + from : n;

				bad += buffer[n] != pattern(source);
			}
		}
	CHECK(bad == 0);
}

static void fills_of_each_size(void)
{
	for (unsigned i = 0; i < SIZES; i++) {
		size_t size = size_at(i), bad = 0;
		unsigned char *to = malloc(size);

		CHECK(memset(to, (int)(i + 0x1f00), size) == to);
		for (size_t n = 0; n < size; n++)
			bad += to[n] != (unsigned char)i;
		CHECK(bad == 0);
		free(to);
	}
}

static void fills_touch_nothing_else(void)
{
	unsigned char buffer[200];
	unsigned bad = 0;

	for (size_t size = 0; size <= 150; size++) {
		for (size_t n = 0; n < sizeof(buffer); n++)
			buffer[n] = 1;
		memset(buffer + 20, 2, size);
		for (size_t n = 0; n < sizeof(buffer); n++)
			bad += buffer[n] != (n >= 20 && n < 20 + size ? 2 : 1);
	}
	CHECK(bad == 0);
}

static void the_first_of_several_is_found(void)
{
	for (size_t size = 0; size < MOST; size++) {
		unsigned char *text = malloc(size);
		unsigned bad = 0;

		for (size_t n = 0; n < size; n++)
			text[n] = 1;
		bad += memchr(text, 200, size) != NULL;
		for (size_t at = size; at-- > 0;) { /* and the later ones stay */
			text[at] = 200;
			bad += memchr(text, 200 + 256, size) != text + at;
		}
		CHECK(bad == 0);
		free(text);
	}
}

/* A size beyond what is there is fine where the byte is: at each place before the end of a page. */
static void more_than_there_is(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static const size_t sizes[] = {40, 4096, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
	unsigned bad = 0;

	CHECK(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
	for (size_t from = 1; from <= 40; from++)
		for (size_t at = 1; at <= from; at++) {
			char *start = pages + 4096 - from, *place = pages + 4096 - at;

			*place = 'q';
			for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
				bad += memchr(start, 'q', sizes[i]) != place;
			bad += memchr(start, 'q', from - at) != NULL;
			*place = 0;
		}
	CHECK(bad == 0);
	munmap(pages, 8192);
}

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void the_first_difference_counts(void)
{
	for (size_t size = 0; size < MOST; size++) {
		unsigned char *a = malloc(size), *b = malloc(size);
		unsigned bad = 0;

		for (size_t n = 0; n < size; n++)
			a[n] = b[n] = pattern(n);
		bad += memcmp(a, b, size) != 0;
		for (size_t at = 0; at < size; at++) {
			unsigned char kept = b[at], end = b[size - 1];

			b[size - 1] ^= 0x80; /* one more, behind it */
			b[at] = (unsigned char)(kept ^ 0x80);
			bad += sign(memcmp(a, b, size)) != sign(a[at] - b[at]);
			b[at] = (unsigned char)(kept + 1);
			bad += sign(memcmp(a, b, size)) != sign(a[at] - b[at]);
			b[size - 1] = end;
			b[at] = kept;
		}
		CHECK(bad == 0);
		free(a);
		free(b);
	}
}

int main(void)
{
	copies_of_each_size();
	moves_that_overlap();
	fills_of_each_size();
	fills_touch_nothing_else();
	the_first_of_several_is_found();
	more_than_there_is();
	the_first_difference_counts();
	return unit_status();
}
