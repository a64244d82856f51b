/* SPDX-License-Identifier: MIT */
/*
 * The command line's grammar: sdk/docs/architecture.md, "Command line".
 */
#include "boot/command_line.c"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

static struct command_line line;
static char *texts[4];
static size_t text_count;

static void begin(void)
{
	while (text_count)
		free(texts[--text_count]);
	line = (struct command_line){0};
}

static void add_text(const char *text)
{
	texts[text_count] = strdup(text);
	command_line_add(&line, texts[text_count++]);
}

/* "kernel words|environment|arguments", each joined by '+'. */
static const char *shown(void)
{
	static char out[20000];
	char *to = out;
	for (size_t i = 0; i < line.kernel_count; i++)
		to += sprintf(to, "%s%s", i ? "+" : "", line.kernel[i]);
	*to++ = '|';
	for (size_t i = 0; i < line.env_count; i++)
		to += sprintf(to, "%s%s", i ? "+" : "", line.env[i]);
	*to++ = '|';
	*to = 0;
	for (size_t i = 1; i < line.argc; i++)
		to += sprintf(to, "%s%s", i > 1 ? "+" : "", line.argv[i]);
	return out;
}

static void expect(const char *text, const char *result)
{
	begin();
	add_text(text);
	CHECK(!line.error);
	CHECK(line.argc >= 1 && !line.argv[line.argc] && !line.env[line.env_count]);
	if (strcmp(shown(), result)) {
		fprintf(stderr, "<%s> gives <%s>, not <%s>\n", text, shown(), result);
		CHECK(!"as expected");
	} else {
		CHECK(line.argc);
	}
}

int main(void)
{
	expect("", "||");
	expect("   \t\r\n ", "||");
	expect("one", "||one");
	expect("bm.log=debug A=1 B=2 one C=3 bm.stack=1M two",
	       "bm.log=debug+bm.stack=1M|A=1+B=2|one+C=3+two");
	expect("-- A=1 bm.log=x", "||A=1+bm.log=x");
	expect("A=1 -- -- x", "|A=1|--+x");
	expect("x -- bm.y", "||x+bm.y");
	expect("virtio_mmio.device=512@0xfeb00e00:12 x", "virtio_mmio.device=512@0xfeb00e00:12||x");
	expect("1A=2 A", "||1A=2+A");
	expect("_a1=b=c =d", "|_a1=b=c|=d");
	expect("'a b' \"c d\" e\\ f", "||a b+c d+e f");
	expect("'a\\b' \"q\\\"q\" x\"y z\"w", "||a\\b+q\"q+xy zw");
	expect("'' \"\" x", "||++x");
	expect("N='a b' x", "|N=a b|x");
	expect("a\\", "||a\\");
	expect("\\\\ \\' \\\"", "||\\+'+\"");

	begin();
	add_text("say 'never closed");
	CHECK(line.error);

	/* The image's words, then the loader's: app words replace, kernel words add up. */
	begin();
	add_text("bm.log=info A=1 x y");
	add_text("bm.stack=64K");
	CHECK(!strcmp(shown(), "bm.log=info+bm.stack=64K|A=1|x+y"));
	begin();
	add_text("bm.log=info A=1 x y");
	add_text("bm.log=debug B=2");
	CHECK(!strcmp(shown(), "bm.log=info+bm.log=debug|B=2|"));
	begin();
	add_text("A=1 x y");
	add_text("--");
	CHECK(!strcmp(shown(), "||"));

	/* Too many of each are an error, never a write past the end. */
	static const char *const kinds[] = {"x ", "A=1 ", "bm.log=info "};
	static const size_t limits[] = {COMMAND_ARGS_MAX - 1, COMMAND_ENVIRON_MAX,
					COMMAND_KERNEL_MAX};
	for (size_t kind = 0; kind < 3; kind++)
		for (size_t extra = 0; extra < 2; extra++) {
			char text[8000] = "";
			char *to = text;
			for (size_t i = 0; i < limits[kind] + extra; i++)
				to = stpcpy(to, kinds[kind]);
			begin();
			add_text(text);
			CHECK(!line.error == !extra);
			CHECK(line.argc <= COMMAND_ARGS_MAX &&
			      line.env_count <= COMMAND_ENVIRON_MAX &&
			      line.kernel_count <= COMMAND_KERNEL_MAX);
		}
	begin();
	return unit_status();
}
