/* SPDX-License-Identifier: MIT */
/*
 * Command line to settings. Contract: options.h; words: sdk/docs/architecture.md.
 */
#include "boot/options.h"
#include "console/console.h"
#include "console/log.h"
#include "console/panic.h"
#include "memory/page.h"
#include <string.h>

/* The value of a word that begins with `name`, or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t size = strlen(name);
	return strncmp(word, name, size) ? NULL : word + size;
}

/* "65536", "64K", "1M". Returns 0 if it is no size. */
static uint64_t parse_size(const char *text)
{
	uint64_t n = 0;
	while (*text >= '0' && *text <= '9' && n < 1ul << 40)
		n = n * 10 + (*text++ - '0');
	if (*text == 'K' || *text == 'M')
		n <<= *text++ == 'K' ? 10 : 20;
	return *text ? 0 : n;
}

static void apply(char *word, struct command_line *line, struct options *options)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	const char *value;
	if ((value = value_of(word, "bm.log="))) {
		for (int i = 0; i < 4; i++)
			if (!strcmp(value, levels[i])) {
				log_set_console_level(i);
				return;
			}
	} else if ((value = value_of(word, "bm.console="))) {
		console_select(value, strlen(value));
		return;
	} else if ((value = value_of(word, "bm.stack="))) {
		options->stack_size = parse_size(value);
		if (options->stack_size)
			return;
	} else if ((value = value_of(word, "bm.cores="))) {
		options->cores = parse_size(value);
		if (options->cores)
			return;
	} else if ((value = value_of(word, "bm.name="))) {
		line->argv[0] = (char *)value;
		return;
	} else if (value_of(word, "virtio_mmio.")) {
		return;
	}
	log_warning("command line: \"%s\" is not understood, left out", word);
}

void options_read(const struct boot_info *info, const struct modules *modules,
		  struct command_line *line, struct options *options)
{
	static char image_words[COMMAND_LINE_MAX], loader_words[COMMAND_LINE_MAX];
	static char unsplit[COMMAND_LINE_MAX];

	if (info->command_line_size >= COMMAND_LINE_MAX)
		refuse("the command line has %zu bytes or more, and %d fit: shorten it, or put the "
		       "data "
		       "into a file of the image",
		       info->command_line_size, COMMAND_LINE_MAX - 1);
	line->argc = 1;
	if (modules->args) {
		memcpy(image_words, modules->args, modules->args_size);
		command_line_add(line, image_words);
	}
	if (info->command_line_size) {
		const char *text = page_map_firmware(info->command_line, info->command_line_size);
		if (!text)
			refuse("the loader's command line is not readable");
		memcpy(unsplit, text, info->command_line_size);
		memcpy(loader_words, unsplit, info->command_line_size);
		command_line_add(line, loader_words);
	}
	if (line->error)
		refuse("%s", line->error);
	line->argv[0] = "app";
	options->command_line = unsplit;
	for (size_t i = 0; i < line->kernel_count; i++)
		apply(line->kernel[i], line, options);
}
