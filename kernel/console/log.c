/* SPDX-License-Identifier: MIT */
/*
 * The log: a ring of text lines in memory. Lines carry no time: reading the clock
 * would make each boot measure it.
 */
#include "console/log.h"
#include "console/console.h"
#include "console/lock.h"
#include "lib/format.h"
#include <string.h>

#define RING_SIZE  8192
#define TEXT_MAX   200 /* of a line; <baremetal/system.h> */
#define PREFIX_MAX 9

/* By level; their first letters differ. */
static const char prefixes[][PREFIX_MAX + 1] = {"error: ", "warning: ", "info: ", "debug: "};

static char ring[RING_SIZE];
static uint64_t written; /* bytes since boot: the next goes to ring[written % RING_SIZE] */
static struct lock lock;
static int console_level = LOG_LEVEL_DEFAULT;

/* What was logged before the level was known is shown now. */
void log_set_console_level(int level)
{
	uint64_t position = 0;
	char c, line = '\n'; /* the first letter of the line that c is in */
	int old = console_level;
	bool start = true;

	console_level = level;
	while (log_read(&position, &c, 1) == 1) {
		line = start ? c : line;
		start = c == '\n';
		for (int i = old + 1; i <= level; i++)
			if (line == prefixes[i][0])
				console_write(&c, 1);
	}
}

void log_append_unlocked(const char *text, size_t size)
{
	while (size--)
		ring[written++ % RING_SIZE] = *text++;
}

void log_text(int level, const char *text, size_t length)
{
	char line[PREFIX_MAX + TEXT_MAX + 1];

	if (level < BM_LOG_ERROR || level > BM_LOG_DEBUG)
		level = BM_LOG_DEBUG;
	if (length > TEXT_MAX)
		length = TEXT_MAX;
	size_t prefix = strlen(prefixes[level]), size = prefix + length + 1;
	memcpy(line, prefixes[level], prefix);
	memcpy(line + prefix, text, length);
	line[size - 1] = '\n';

	bool taken = lock_take(&lock);
	log_append_unlocked(line, size);
	lock_release(&lock, taken);
	if (level <= console_level)
		console_write(line, size);
}

void log_line(int level, const char *format, ...)
{
	char text[TEXT_MAX + 1];
	va_list list;
	va_start(list, format);
	size_t length = format_list(text, sizeof text, format, list);
	va_end(list);
	log_text(level, text, length);
}

long log_read(uint64_t *position, char *buffer, size_t size)
{
	size_t count = 0;
	bool taken = lock_take(&lock);
	uint64_t from = *position < written ? *position : written;
	if (written - from > RING_SIZE) { /* overwritten: go on at the oldest whole line */
		from = written - RING_SIZE;
		while (from < written && ring[from++ % RING_SIZE] != '\n')
			;
	}
	while (from < written && count < size)
		buffer[count++] = ring[from++ % RING_SIZE];
	*position = from;
	lock_release(&lock, taken);
	return count;
}
