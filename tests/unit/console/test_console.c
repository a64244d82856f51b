/* SPDX-License-Identifier: MIT */
/* kernel/console/console.c: which consoles are probed, written and read. */
#include "check.h"
#include "console/console.h"
#include "console/log.h"
#include "cpu/time.h"
#include <baremetal/error.h>
#include <string.h>

static int warnings, port_probes, screen_probes;
static char port_text[64], screen_text[64];
static const char *typed = ""; /* what the keyboard has to give … */
static uint64_t now, typed_at; /* … and since when */

void log_line(int level, const char *format, ...)
{
	(void)format;
	warnings += level == BM_LOG_WARNING;
}

bool core_is_stopping(void)
{
	return false;
}

uint64_t time_monotonic(void)
{
	return now;
}

int time_sleep_until(uint64_t deadline_ns)
{
	CHECK(deadline_ns > now);
	now = deadline_ns;
	return 0;
}

static bool port_probe(const struct console_setup *setup)
{
	CHECK(!setup);
	port_probes++;
	return true;
}

static void port_write(const char *text, size_t size)
{
	strncat(port_text, text, size);
}

static bool screen_probe(const struct console_setup *setup)
{
	screen_probes++;
	return setup->vga_text;
}

static void screen_write(const char *text, size_t size)
{
	strncat(screen_text, text, size);
}

static bool key_probe(const struct console_setup *setup)
{
	return setup->keyboard;
}

static int key_read(void)
{
	return now >= typed_at && *typed ? *typed++ : -1;
}

static struct console port = {
    .name = "port", .early = true, .probe = port_probe, .write = port_write};
static int screen_confine(uint32_t rows)
{
	return rows == 3 ? 100 : -BM_ERANGE;
}

static struct console screen = {
    .name = "screen", .probe = screen_probe, .write = screen_write, .confine = screen_confine};
static struct console keys = {.name = "keys", .probe = key_probe, .read = key_read};

/* The list as the kernel's linker script makes it. */
__attribute__((used)) static struct console *const list[] __asm__("list") = {&port, &screen, &keys};
__asm__(".globl __consoles_start, __consoles_end\n"
	".set __consoles_start, list\n"
	".set __consoles_end, list + 24\n");

int main(void)
{
	char buffer[8];

	console_init_early();
	CHECK(port_probes == 1 && screen_probes == 0);
	CHECK(console_write("one ", 4) == 4);
	CHECK(console_read(buffer, 8, 0) == -BM_ENODEV);
	CHECK(console_confine(3) == -BM_ENODEV); /* not probed yet */
	console_init(true, true);
	CHECK(port_probes == 1 && screen_probes == 1);
	CHECK(console_confine(3) == 100 && console_confine_unlocked(9) == -BM_ERANGE);
	console_write("two ", 4);
	console_write_unlocked("three ", 6);
	CHECK(strcmp(port_text, "one two three ") == 0 && strcmp(screen_text, "two three ") == 0);

	CHECK(console_read(buffer, 0, 0) == 0);
	CHECK(console_read(buffer, 8, 0) == -BM_EAGAIN);
	now = 1000;
	CHECK(console_read(buffer, 8, 5000000) == -BM_ETIMEDOUT && now == 5000000);
	CHECK(console_read(buffer, 8, 1) == -BM_ETIMEDOUT && now == 5000000);
	typed = "keyboard";
	typed_at = 70000000;
	CHECK(console_read(buffer, 3, UINT64_MAX) == 3 && memcmp(buffer, "key", 3) == 0);
	CHECK(now >= typed_at && now < typed_at + 1000000);
	CHECK(console_read(buffer, 8, 0) == 5 && memcmp(buffer, "board", 5) == 0);

	/* bm.console= */
	port_text[0] = screen_text[0] = 0;
	console_select("screen,keys", 11);
	CHECK(warnings == 0);
	console_write("a", 1);
	console_select("port,,por", 9);
	CHECK(warnings == 2); /* "" and "por" */
	console_write("b", 1);
	CHECK(screen_text[0] == 'a' && screen_text[1] == 0 && port_text[0] == 0);
	CHECK(console_read(buffer, 8, 0) == -BM_ENODEV);
	console_init(true, true); /* what is left out is not probed */
	CHECK(screen_probes == 1 && !keys.enabled);
	return failures != 0;
}
