/* SPDX-License-Identifier: MIT */
/*
 * The log ring: four levels, lines too long, overwriting, reading in pieces.
 */
#include <baremetal/system.h>
#include <stdio.h>
#include <string.h>

static char text[1 << 20];

/* All that the ring holds, in pieces of a given size. */
static size_t read_all(size_t piece)
{
	uint64_t position = 0;
	size_t size = 0;
	long n;
	while ((n = bm_log_read(&position, text + size, piece)) > 0 && size < sizeof text - 5000)
		size += (size_t)n;
	if (n < 0)
		return 0;
	text[size] = 0;
	return size;
}

static int fail(const char *what)
{
	printf("failed: %s\n", what);
	return 1;
}

int main(void)
{
	static const char *const lines[] = {"an-error", "a-warning", "an-info", "a-debug"};
	for (int level = 0; level < 4; level++)
		bm_log(level, lines[level]);
	bm_log(77, "a-strange-level");
	bm_log(-1, "a-negative-level");
	size_t size = read_all(4096);
	for (int level = 0; level < 4; level++)
		if (!strstr(text, lines[level]))
			return fail(lines[level]);
	if (!strstr(text, "a-strange-level") || !strstr(text, "a-negative-level"))
		return fail("levels out of range");
	if (read_all(1) != size || !strstr(text, "a-debug"))
		return fail("reading byte by byte");

	char line[1000];
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = 0;
	bm_log(BM_LOG_DEBUG, line);
	read_all(4096);
	line[200] = 0;
	char *found = strstr(text, line);
	if (!found || found[200] == 'x')
		return fail("a long line is cut to 200 bytes");

	/* Write round it many times: the newest is there, the oldest gone, and a reader left behind
	 * goes on. */
	uint64_t behind = 0;
	bm_log_read(&behind, line, 10);
	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof line, "number-%d-of-many", i);
		bm_log(BM_LOG_DEBUG, line);
	}
	size = read_all(4096);
	if (!strstr(text, "number-4999-of-many\n") || strstr(text, "number-0-of-many") ||
	    size > 1 << 19)
		return fail("overwriting");
	long n = bm_log_read(&behind, line, 100);
	if (n <= 0)
		return fail("a reader that was overtaken");
	uint64_t position = UINT64_MAX;
	if (bm_log_read(&position, line, 100) != 0)
		return fail("a position in the future");
	printf("the ring holds %zu bytes\n", size);
	return 0;
}
