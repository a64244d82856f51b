/* SPDX-License-Identifier: MIT */
/*
 * A small vsnprintf: %s %.*s %c %d %u %x %p %% with l, ll and z, a width and 0-padding.
 */
#ifndef KERNEL_LIB_FORMAT_H
#define KERNEL_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most size bytes with the zero; returns the bytes written without it. */
__attribute__((format(printf, 3, 0))) size_t format_list(char *buffer, size_t size,
							  const char *format, va_list list);
__attribute__((format(printf, 3, 4))) size_t format_text(char *buffer, size_t size,
							 const char *format, ...);

#endif
