/* SPDX-License-Identifier: MIT */
/*
 * Two command lines, the image's and the loader's, parted by the first zero.
 */
#include "boot/command_line.c"
#include <stdint.h>
#include <stdlib.h>

static void require_within(char *const *words, size_t count, const char *a, const char *a_end,
			   const char *b, const char *b_end)
{
	for (size_t i = 0; i < count; i++) {
		const char *word = words[i];
		if (!(word >= a && word < a_end) && !(word >= b && word < b_end))
			__builtin_trap();
		if (strlen(word) > 1 << 20)
			__builtin_trap();
	}
}

static char *copy(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = 0;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = memchr(data, 0, size);
	size_t first = zero ? (size_t)(zero - data) : size;
	size_t second = zero ? size - first - 1 : 0;
	char *a = copy(data, first), *b = copy(zero ? zero + 1 : data, second);
	struct command_line line = {0};

	command_line_add(&line, a);
	command_line_add(&line, b);
	if (line.kernel_count > COMMAND_KERNEL_MAX || line.env_count > COMMAND_ENVIRON_MAX ||
	    line.argc < 1 || line.argc > COMMAND_ARGS_MAX)
		__builtin_trap();
	if (line.env[line.env_count] || line.argv[line.argc])
		__builtin_trap();
	require_within(line.kernel, line.kernel_count, a, a + first + 1, b, b + second + 1);
	require_within(line.env, line.env_count, a, a + first + 1, b, b + second + 1);
	require_within(line.argv + 1, line.argc - 1, a, a + first + 1, b, b + second + 1);
	free(a);
	free(b);
	return 0;
}
