/* SPDX-License-Identifier: MIT */
/*
 * Editing one line. Interface: line.h. Pure: no input, no output.
 */
#include "line.h"

#include <string.h>

#define CTRL(letter) ((letter)&0x1f)
#define ESCAPE       0x1b
#define DELETE       0x7f

/* Take back the last character, in UTF-8; the echo wipes it off the screen. */
static size_t erase(struct line *line, char *echo)
{
	if (!line->length)
		return 0;
	do
		line->length--;
	while (line->length && (line->text[line->length] & 0xc0) == 0x80);
	memcpy(echo, "\b \b", 3);
	return 3;
}

static size_t add(struct line *line, char byte, char *echo)
{
	/* The last place is the newline's. */
	if (line->length == LINE_SIZE - 1 && byte != '\n') {
		*echo = '\a';
		return 1;
	}
	line->text[line->length++] = byte;
	*echo = byte;
	return 1;
}

size_t line_feed(struct line *line, char byte, char *echo)
{
	size_t echoed = 0;

	/* Arrows and function keys: ESC, '[' or 'O', parameters, a letter or '~'. */
	if (line->escape) {
		if (line->escape == 1 && (byte == '[' || byte == 'O'))
			line->escape = 2;
		else if (line->escape == 1 || (byte >= 0x40 && byte <= 0x7e))
			line->escape = 0;
		return 0;
	}
	switch (byte) {
	case '\r':
	case '\n':
		echoed = add(line, '\n', echo);
		line->ready = true;
		return echoed;
	case CTRL('D'):
		line->ready = true;
		return 0;
	case '\b':
	case DELETE:
		return erase(line, echo);
	case CTRL('U'):
		while (line->length)
			echoed += erase(line, echo + echoed);
		return echoed;
	case CTRL('W'):
		while (line->length && line->text[line->length - 1] == ' ')
			echoed += erase(line, echo + echoed);
		while (line->length && line->text[line->length - 1] != ' ')
			echoed += erase(line, echo + echoed);
		return echoed;
	case ESCAPE:
		line->escape = 1;
		return 0;
	}
	if ((unsigned char)byte < ' ' && byte != '\t')
		return 0;
	return add(line, byte, echo);
}

size_t line_take(struct line *line, char *buffer, size_t size)
{
	size_t left = line->length - line->taken;

	if (size > left)
		size = left;
	memcpy(buffer, line->text + line->taken, size);
	line->taken += size;
	if (line->taken == line->length) {
		line->length = line->taken = 0;
		line->ready = false;
	}
	return size;
}
