/* SPDX-License-Identifier: MIT */
/*
 * Splitting the command line. Contract: command_line.h.
 */
#include "boot/command_line.h"
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * Cut the next word out of the text, its quotes removed, as a shell would.
 * Returns it, or NULL at the end; *next is where to go on.
 */
static char *next_word(char *text, char **next, const char **error)
{
	while (is_blank(*text))
		text++;
	if (!*text)
		return NULL;
	char *word = text, *to = text, quote = 0;
	for (; *text && (quote || !is_blank(*text)); text++) {
		if (*text == quote)
			quote = 0;
		else if (!quote && (*text == '"' || *text == '\''))
			quote = *text;
		else if (*text == '\\' && quote != '\'' && text[1])
			*to++ = *++text;
		else
			*to++ = *text;
	}
	if (quote)
		*error = "the command line has a quote that is not closed";
	*next = *text ? text + 1 : text;
	*to = 0;
	return word;
}

/* NAME=value, with NAME as POSIX has it. */
static bool is_assignment(const char *word)
{
	const char *c = word;
	while (*c == '_' || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
	       (c > word && *c >= '0' && *c <= '9'))
		c++;
	return c > word && *c == '=';
}

static bool is_kernel_word(const char *word)
{
	return !strncmp(word, "bm.", 3) || !strncmp(word, "virtio_mmio.", 12);
}

static void add(char **list, size_t *count, size_t max, char *word, const char **error)
{
	if (*count == max) {
		*error = "the command line has too many words (256 arguments, 64 variables fit)";
		return;
	}
	list[(*count)++] = word;
}

void command_line_add(struct command_line *line, char *text)
{
	bool fresh = true, in_args = false, only_args = false;
	char *word;
	while ((word = next_word(text, &text, &line->error))) {
		if (!only_args && is_kernel_word(word)) {
			add(line->kernel, &line->kernel_count, COMMAND_KERNEL_MAX, word,
			    &line->error);
			continue;
		}
		if (fresh) {
			line->env_count = 0;
			line->argc = 1;
			fresh = false;
		}
		if (!only_args && !strcmp(word, "--")) {
			only_args = in_args = true;
		} else if (!in_args && is_assignment(word)) {
			add(line->env, &line->env_count, COMMAND_ENVIRON_MAX, word, &line->error);
		} else {
			in_args = true;
			add(line->argv, &line->argc, COMMAND_ARGS_MAX, word, &line->error);
		}
	}
	if (!line->argc)
		line->argc = 1;
	line->env[line->env_count] = NULL;
	line->argv[line->argc] = NULL;
}
