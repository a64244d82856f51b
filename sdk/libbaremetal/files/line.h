/* SPDX-License-Identifier: MIT */
/*
 * Editing one line as a terminal does in canonical mode.
 */
#ifndef FILES_LINE_H
#define FILES_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_SIZE 1024 /* bytes with the newline: MAX_CANON */

struct line {
	char text[LINE_SIZE];
	size_t length;
	size_t taken; /* bytes that the reader has had, once it is ready */
	bool ready;   /* to be read: it ends in a newline, or by Ctrl-D */
	int escape;   /* inside a key's escape sequence */
};

/*
 * One byte from the keyboard. Appends what is to be echoed to echo (room for
 * LINE_ECHO bytes) and returns its length. Not to be called when ready.
 *
 * Backspace (0x7f or 8) erases a character, Ctrl-W a word, Ctrl-U all; Ctrl-D
 * ends the line without a newline, and at its start means end of file.
 */
#define LINE_ECHO (3 * LINE_SIZE)
size_t line_feed(struct line *line, char byte, char *echo);

/* Take bytes of a ready line; 0 only if it is an end of file, which is then over. */
size_t line_take(struct line *line, char *buffer, size_t size);

#endif
