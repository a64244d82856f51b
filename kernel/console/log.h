/* SPDX-License-Identifier: MIT */
/*
 * The log: lines with a level into a ring in memory, and onto the console if the
 * level is within bounds.
 *
 * Formats (lib/format.h): %s %.*s %c %d %u %x %lx %lu %ld %zu %p %%, with width and 0-padding.
 */
#ifndef KERNEL_CONSOLE_LOG_H
#define KERNEL_CONSOLE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <baremetal/system.h>

/* A line without its newline. */
__attribute__((format(printf, 2, 3))) void log_line(int level, const char *format, ...);

#define log_error(...)   log_line(BM_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(BM_LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(BM_LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(BM_LOG_DEBUG, __VA_ARGS__)

/*
 * Lines above this level go to the ring alone; raising it shows those of before, too.
 * Starts at the build option log_level.
 */
void log_set_console_level(int level);

/* Text as it is into the ring alone, without the lock: for the panic path. */
void log_append_unlocked(const char *text, size_t size);

/* The API's system_log and system_log_read. */
void log_text(int level, const char *text, size_t length);
long log_read(uint64_t *position, char *buffer, size_t size);

#endif
