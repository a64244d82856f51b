/* SPDX-License-Identifier: MIT */
/*
 * Console: bytes to every screen and serial port, bytes from serial and keyboard.
 *
 *     char line[80];
 *     long n = bm_console_read(line, sizeof line, BM_FOREVER);
 *     bm_console_write(line, n);
 */
#ifndef BAREMETAL_CONSOLE_H
#define BAREMETAL_CONSOLE_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/**
 * Write bytes to all consoles (serial, VGA text, framebuffer) at once.
 * "\n" moves to the start of the next line. Output of several cores is not mixed within one call.
 *
 * @return size. Blocks only as long as the slowest console takes to accept the
 *         bytes. A serial port that accepts none for about a minute (100 ms if it never
 *         took one) is not waited for again until it does; a line in its output then
 *         tells of the loss.
 */
static inline long bm_console_write(const void *data, size_t size)
{
	return bm_api->console_write(data, size);
}

/**
 * Read what was typed, on serial or keyboard, without echo or line editing.
 * Enter is '\n', backspace is 0x7f.
 *
 * @param buffer       the caller's; receives the bytes, not terminated.
 * @param size         its bytes.
 * @param deadline_ns  on bm_time_monotonic()'s scale: 0 returns at once, BM_FOREVER waits.
 * @return bytes read, at least 1; -BM_EAGAIN if there are none (deadline 0);
 *         -BM_ETIMEDOUT; 0 if size is 0; -BM_ENODEV if there is no input device.
 */
static inline long bm_console_read(void *buffer, size_t size, uint64_t deadline_ns)
{
	return bm_api->console_read(buffer, size, deadline_ns);
}

#endif
