/* SPDX-License-Identifier: MIT */
/*
 * The console: every output device there is, written at once; input from serial
 * and PS/2 keyboard. Contract of write and read: <baremetal/console.h>.
 *
 * Each device is a struct console in its own file. Serial works from the first
 * line of boot; screens join once the boot data is parsed.
 */
#ifndef KERNEL_CONSOLE_CONSOLE_H
#define KERNEL_CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What console_init() was told, for the kinds' probes. */
struct console_setup {
	bool vga_text;
	bool keyboard;
};

/* One kind of console, listed by CONSOLE(). write, read and confine may be NULL. */
struct console {
	const char *name; /* "serial", "vga", "framebuffer", "ps2" */
	bool early;       /* probed by console_init_early(), without setup */
	bool excluded;    /* by bm.console= */
	bool enabled;
	bool (*probe)(const struct console_setup *setup); /* is it there? Makes it ready. */
	void (*write)(const char *text, size_t size);
	int (*read)(void);             /* one byte, or -1 if there is none */
	int (*confine)(uint32_t rows); /* as console_confine(); NULL: not on the framebuffer */
};

/* Put a console into the kernel's list: a linker section, so that the build alone decides. */
#define CONSOLE(variable)                                                                          \
	static struct console *const variable##_entry                                              \
	    __attribute__((section(".consoles"), used)) = &variable

/* Probe the first serial port. Before any log line. */
void console_init_early(void);

/* Add the screen (what display_init() found, or VGA text) and the keyboard. */
void console_init(bool vga_text, bool keyboard);

/*
 * Keep only the named consoles ("serial,vga"): the kernel's word bm.console=.
 * Before console_init() it saves their probes; after it they fall silent.
 */
void console_select(const char *names, size_t size);

long console_write(const void *data, size_t size);
long console_read(void *buffer, size_t size, uint64_t deadline_ns);

/* As console_write, but takes no lock: for the panic path. */
void console_write_unlocked(const void *data, size_t size);

/*
 * Clear the framebuffer, and from now on show only so many rows of text at its bottom; or
 * all of them (CONSOLE_WHOLE): nothing happens then if that is so already.
 * Returns the lines above the text; -BM_ERANGE if there would be none; -BM_ENODEV if no
 * console uses the framebuffer.
 */
#define CONSOLE_WHOLE UINT32_MAX
int console_confine(uint32_t rows);
int console_confine_unlocked(uint32_t rows); /* the same for the panic path */

#endif
