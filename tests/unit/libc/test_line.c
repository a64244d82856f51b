/* SPDX-License-Identifier: MIT */
/*
 * The line editor.
 */
#include "unit.h"
#include "files/line.c"

static char screen[64 * LINE_SIZE];
static size_t screen_size;

static void type(struct line *line, const char *keys, size_t size)
{
	char echo[LINE_ECHO];

	for (size_t i = 0; i < size && !line->ready; i++) {
		size_t echoed = line_feed(line, keys[i], echo);

		CHECK(echoed <= sizeof(echo));
		memcpy(screen + screen_size, echo, echoed);
		screen_size += echoed;
	}
}

static int expect(const char *keys, size_t key_size, const char *text, const char *shown)
{
	static struct line line;
	char buffer[LINE_SIZE];
	size_t size;

	screen_size = 0;
	type(&line, keys, key_size);
	if (!line.ready)
		return 0;
	size = line_take(&line, buffer, sizeof(buffer));
	return size == strlen(text) && !memcmp(buffer, text, size) &&
	       screen_size == strlen(shown) && !memcmp(screen, shown, screen_size) && !line.ready &&
	       !line.length;
}

#define EXPECT(keys, text, shown) CHECK(expect(keys, sizeof(keys) - 1, text, shown))

int main(void)
{
	struct line line = {0};
	char buffer[10];

	EXPECT("hello\n", "hello\n", "hello\n");
	EXPECT("hello\r", "hello\n", "hello\n");
	EXPECT("\n", "\n", "\n");
	EXPECT("\x04", "", ""); /* end of file, and then input goes on */
	EXPECT("no newline\x04", "no newline", "no newline");
	EXPECT("ab\x7f"
	       "c\n",
	       "ac\n", "ab\b \bc\n");
	EXPECT("ab\bc\n", "ac\n", "ab\b \bc\n");
	EXPECT("\x7f\x7f"
	       "x\n",
	       "x\n", "x\n");
	EXPECT("a\xc3\xa4\x7f"
	       "b\n",
	       "ab\n", "a\xc3\xa4\b \bb\n");
	EXPECT("\xe2\x82\xac\x7f\n", "\n", "\xe2\x82\xac\b \b\n");
	EXPECT("abc\x15"
	       "d\n",
	       "d\n", "abc\b \b\b \b\b \bd\n");
	EXPECT("a bc \x17"
	       "d\n",
	       "a d\n", "a bc \b \b\b \b\b \bd\n");
	EXPECT("x\x1b[A\x1b[3~\x1bOPy\x1bzz\n", "xyz\n", "xyz\n");
	EXPECT("a\x01\x02\tb\n", "a\tb\n", "a\tb\n");

	/* A long line: no more than fits, and its newline always does. */
	screen_size = 0;
	for (int i = 0; i < 2 * LINE_SIZE; i++)
		type(&line, "x", 1);
	CHECK(line.length == LINE_SIZE - 1 && screen[screen_size - 1] == '\a');
	type(&line, "\n", 1);
	CHECK(line.ready && line.length == LINE_SIZE);
	/* Taken in pieces. */
	size_t total = 0, piece;
	while (line.ready) {
		piece = line_take(&line, buffer, sizeof(buffer));
		CHECK(piece && piece <= sizeof(buffer));
		total += piece;
	}
	CHECK(total == LINE_SIZE && buffer[piece - 1] == '\n');
	/* Ctrl-U on a full line echoes the most there is. */
	for (int i = 0; i < LINE_SIZE; i++)
		type(&line, "x", 1);
	type(&line, "\x15\n", 2);
	CHECK(line.ready && line.length == 1);

	/* Anything at all. */
	unsigned seed = 1;
	line = (struct line){0};
	for (int i = 0; i < 200000; i++) {
		char byte = (char)((seed = seed * 1103515245 + 12345) >> 16);

		screen_size = 0;
		type(&line, &byte, 1);
		if (line.ready)
			line_take(&line, buffer, sizeof(buffer));
	}
	CHECK(line.length < LINE_SIZE + 1);
	return unit_status();
}
