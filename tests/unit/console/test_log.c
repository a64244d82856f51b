/* SPDX-License-Identifier: MIT */
/* kernel/console/log.c: levels, cutting, and reading a ring that was overwritten. */
#include "check.h"
#include "console/console.h"
#include "console/log.h"
#include <stdlib.h>
#include <string.h>

#define RING 8192

static char screen[4096];
static size_t screen_size;

long console_write(const void *data, size_t size)
{
	memcpy(screen + screen_size, data, size);
	screen_size += size;
	return size;
}

static bool screen_is(const char *text)
{
	bool same = screen_size == strlen(text) && memcmp(screen, text, screen_size) == 0;
	screen_size = 0;
	return same;
}

/* All that is left from *position on, terminated. */
static size_t read_all(uint64_t *position, char *to, size_t step)
{
	size_t total = 0;
	long n;
	while ((n = log_read(position, to + total, step)) > 0)
		total += n;
	to[total] = 0;
	return total;
}

int main(void)
{
	static char all[RING + 1], again[RING + 1];
	uint64_t position = 0;

	CHECK(log_read(&position, all, sizeof all) == 0);

	log_warning("w%d", 1);
	log_info("i%d", 2);
	CHECK(screen_is("warning: w1\n"));
	log_set_console_level(BM_LOG_DEBUG);
	log_debug("d");
	log_set_console_level(BM_LOG_ERROR);
	log_warning("quiet");
	log_error("loud");
	CHECK(screen_is("info: i2\ndebug: d\nerror: loud\n")); /* what came before, too */
	log_text(-5, "odd", 3);
	log_text(99, "odder", 5);
	log_text(BM_LOG_INFO, "not all of this", 7);
	log_text(BM_LOG_INFO, "", 0);
	const char *want = "warning: w1\ninfo: i2\ndebug: d\nwarning: quiet\nerror: loud\n"
			   "debug: odd\ndebug: odder\ninfo: not all\ninfo: \n";
	read_all(&position, all, 5);
	CHECK(strcmp(all, want) == 0);
	CHECK(position == strlen(want));
	CHECK(log_read(&position, all, sizeof all) == 0);

	/* A line is cut at 200 bytes, by either way in; nothing beyond them is read. */
	char *text = malloc(200);
	memset(text, 'x', 200);
	uint64_t before = position;
	log_text(BM_LOG_INFO, text, 100000);
	read_all(&position, all, sizeof all);
	CHECK(position - before == strlen("info: ") + 200 + 1);
	CHECK(memcmp(all, "info: x", 7) == 0 && strcmp(all + 205, "x\n") == 0);
	log_info("%.*s%s", 200, text, "no more");
	read_all(&position, again, sizeof all);
	CHECK(strcmp(all, again) == 0);
	free(text);

	/* Overwritten: reading goes on at a whole line, and loses nothing newer. */
	for (int i = 0; i < 1000; i++)
		log_debug("line %d of many", i);
	uint64_t old = 0;
	size_t size = read_all(&old, all, 100);
	CHECK(size > RING - 100 && size <= RING);
	int first = -1;
	CHECK(sscanf(all, "debug: line %d of many\n", &first) == 1 && first > 0);
	char *at = all;
	for (int i = first; i < 1000; i++) {
		char line[40];
		int n = snprintf(line, sizeof line, "debug: line %d of many\n", i);
		CHECK(strncmp(at, line, n) == 0);
		at += n;
	}
	CHECK(*at == 0);

	/* A position from the future is the end. */
	position = UINT64_MAX;
	CHECK(log_read(&position, all, sizeof all) == 0 && position == old);
	return failures != 0;
}
