/* SPDX-License-Identifier: MIT */
/*
 * The console's front end: one write goes to every device, one read polls them all.
 * The devices come from the linker section .consoles; nothing here names one.
 */
#include "console/console.h"
#include "console/lock.h"
#include "console/log.h"
#include "cpu/core.h"
#include "cpu/time.h"
#include <baremetal/error.h>
#include <string.h>

/* Between two looks at the devices: a 16-byte FIFO fills in 1.4 ms at 115,200 baud. */
#define POLL_NS 1000000

extern struct console *const __consoles_start[], *const __consoles_end[];

#define FOR_EACH_CONSOLE(console)                                                                  \
	for (struct console *const *entry = __consoles_start, *console;                            \
	     entry < __consoles_end && (console = *entry); entry++)

static struct lock output, input;

static void probe(const struct console_setup *setup)
{
	FOR_EACH_CONSOLE(console)
	if (console->early == !setup && !console->excluded)
		console->enabled = console->probe(setup);
}

void console_init_early(void)
{
	probe(NULL);
}

void console_init(bool vga_text, bool keyboard)
{
	struct console_setup setup = {vga_text, keyboard};
	probe(&setup);
}

void console_select(const char *names, size_t size)
{
	FOR_EACH_CONSOLE(console)
	console->excluded = true;
	for (const char *end = names + size, *next; names < end; names = next + 1) {
		bool known = false;
		for (next = names; next < end && *next != ','; next++)
			;
		FOR_EACH_CONSOLE(console)
		{
			size_t length = strlen(console->name);
			if (length == (size_t)(next - names) &&
			    memcmp(console->name, names, length) == 0) {
				console->excluded = false;
				known = true;
			}
		}
		if (!known)
			log_warning("bm.console: this kernel has no console '%.*s'",
				    (int)(next - names), names);
	}
	FOR_EACH_CONSOLE(console)
	console->enabled &= !console->excluded;
}

void console_write_unlocked(const void *data, size_t size)
{
	FOR_EACH_CONSOLE(console)
	if (console->enabled && console->write)
		console->write(data, size);
}

long console_write(const void *data, size_t size)
{
	bool taken = !core_is_stopping() && lock_take(&output); /* a crash: nobody else writes */
	console_write_unlocked(data, size);
	lock_release(&output, taken);
	return size;
}

int console_confine_unlocked(uint32_t rows)
{
	FOR_EACH_CONSOLE(console)
	if (console->enabled && console->confine)
		return console->confine(rows);
	return -BM_ENODEV;
}

int console_confine(uint32_t rows)
{
	bool taken = lock_take(&output);
	int lines = console_confine_unlocked(rows);
	lock_release(&output, taken);
	return lines;
}

long console_read(void *buffer, size_t size, uint64_t deadline_ns)
{
	if (size == 0)
		return 0;
	for (;;) {
		size_t count = 0;
		bool present = false, taken = lock_take(&input);
		FOR_EACH_CONSOLE(console)
		{
			int c;
			if (!console->enabled || !console->read)
				continue;
			present = true;
			while (count < size && (c = console->read()) >= 0)
				((char *)buffer)[count++] = c;
		}
		lock_release(&input, taken);
		if (count > 0)
			return count;
		if (!present)
			return -BM_ENODEV;
		if (deadline_ns == 0)
			return -BM_EAGAIN;
		uint64_t now = time_monotonic();
		if (now >= deadline_ns)
			return -BM_ETIMEDOUT;
		time_sleep_until(deadline_ns - now < POLL_NS ? deadline_ns : now + POLL_NS);
	}
}
