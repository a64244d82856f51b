/* SPDX-License-Identifier: MIT */
/*
 * The command line: the kernel's words, and the app's environment and arguments.
 * Grammar: sdk/docs/architecture.md, "Command line".
 */
#ifndef KERNEL_BOOT_COMMAND_LINE_H
#define KERNEL_BOOT_COMMAND_LINE_H

#include <stddef.h>

#define COMMAND_LINE_MAX    4096 /* bytes with the zero */
#define COMMAND_KERNEL_MAX  32
#define COMMAND_ENVIRON_MAX 64
#define COMMAND_ARGS_MAX    256

struct command_line {
	size_t kernel_count, env_count, argc;
	char *kernel[COMMAND_KERNEL_MAX];
	char *env[COMMAND_ENVIRON_MAX + 1]; /* with a NULL at the end */
	char *argv[COMMAND_ARGS_MAX + 1];   /* argv[0] is the caller's to set; NULL at the end */
	const char *error;                  /* a sentence, or NULL */
};

/*
 * Split a line, in place, and add its words. Called for the image's own line
 * first, then for the loader's: the first app word of a call removes those of
 * earlier calls. The text must stay as long as the words are used.
 */
void command_line_add(struct command_line *line, char *text);

#endif
