/* SPDX-License-Identifier: MIT */
/*
 * The console as an open file: standard input, output and error, /dev/console.
 * Input comes line by line, edited (line.c) and echoed, as on a terminal. Who waits for it
 * lets other threads run, and can be cancelled.
 */
#include "files.h"
#include "line.h"
#include "../system/lock.h"

#include <fcntl.h>

#include <baremetal/console.h>
#include <baremetal/time.h>

#define POLL_NS 1000000 /* between two looks at the keyboard: a 16-byte FIFO fills in 1.4 ms */

static long console_file_write(struct file *file, const void *data, size_t size)
{
	long result = bm_console_write(data, size);

	(void)file;
	return result < 0 ? -EIO : result;
}

/* The thread library's (thread/time.c), if it is there. False: the thread was cancelled. */
bool thread_pause(uint64_t deadline) __attribute__((weak, visibility("hidden")));

/* Until another thread, or whoever types, may have done something. */
static bool pause_a_while(void)
{
	return thread_pause(bm_time_monotonic() + POLL_NS);
}

static long read_byte(char *byte, bool wait)
{
	long result;

	if (!thread_pause)
		return bm_console_read(byte, 1, wait ? BM_FOREVER : 0);
	while ((result = bm_console_read(byte, 1, 0)) == -BM_EAGAIN && wait)
		if (!pause_a_while())
			return -ECANCELED;
	return result;
}

static long console_file_read(struct file *file, void *buffer, size_t size)
{
	static struct __lock lock; /* not files_lock(): the wait for a key may be long */
	static struct line line;
	static char echo[LINE_ECHO];
	bool wait = !(file->flags & O_NONBLOCK);
	long result = 1;
	char byte;

	if (!size)
		return 0;
	while (lock_try_acquire(&lock)) { /* another thread reads */
		if (!wait)
			return -EAGAIN;
		if (!thread_pause)
			__builtin_ia32_pause();
		else if (!pause_a_while())
			return -ECANCELED;
	}
	while (!line.ready && result == 1) {
		result = read_byte(&byte, wait);
		if (result == 1) {
			size_t echoed = line_feed(&line, byte, echo);

			if (echoed)
				bm_console_write(echo, echoed);
		}
	}
	if (line.ready)
		result = (long)line_take(&line, buffer, size);
	else if (result == -BM_ENODEV)
		result = 0; /* no keyboard, no serial port: there will never be input */
	else if (result != -BM_EAGAIN && result != -ECANCELED)
		result = -BM_EIO;
	lock_release(&lock);
	return result;
}

const struct file_ops console_file_ops = {
    .read = console_file_read,
    .write = console_file_write,
    .close = files_release,
    .terminal = true,
};
