/* SPDX-License-Identifier: MIT */
/*
 * A small vsnprintf, for log lines and reports. No floating point, no %n, no
 * left alignment; an unknown conversion counts as %u.
 */
#include "lib/format.h"
#include <stdbool.h>
#include <stdint.h>

size_t format_list(char *buffer, size_t size, const char *format, va_list list)
{
	if (size == 0)
		return 0;
	char *at = buffer, *end = buffer + size - 1;
	for (char c; (c = *format) != 0; format++) {
		char digits[20], pad = ' ', kind;
		char *first = digits + sizeof digits;
		const char *text = format;
		size_t length = 1, width = 0, limit = SIZE_MAX;
		bool wide = false;

		if (c != '%')
			goto copy;
		if (*++format == '0')
			pad = *format++;
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (*format - '0');
		if (format[0] == '.' && format[1] == '*') {
			int given = va_arg(list, int);
			if (given >= 0)
				limit = given;
			format += 2;
		}
		for (; *format == 'l' || *format == 'z'; format++)
			wide = true;
		kind = *format;
		text = format;
		if (kind == 0)
			break;
		if (kind == '%')
			goto copy;

		/* Any argument takes a whole word (System V ABI); what an int leaves of it is cut
		 * off. */
		uint64_t value = va_arg(list, uint64_t),
			 base = kind == 'p' || kind == 'x' ? 16 : 10;
		if (kind == 's') {
			text = value ? (const char *)value : "(null)";
			for (length = 0; length < limit && text[length]; length++)
				;
			goto copy;
		}
		if (kind == 'c') {
			*--first = value;
			text = first;
			goto copy;
		}
		if (kind == 'p') {
			for (text = "0x"; *text && at < end;)
				*at++ = *text++;
		} else if (!wide) {
			value = kind == 'd' ? (uint64_t)(int32_t)value : (uint32_t)value;
		}
		bool negative = kind == 'd' && (int64_t)value < 0;
		if (negative)
			value = -value;
		do {
			*--first = "0123456789abcdef"[value % base];
			value /= base;
		} while (value);
		if (negative) /* 19 digits at most: there is room */
			*--first = '-';
		text = first;
		length = digits + sizeof digits - first;
	copy:
		if (pad == '0' && *text == '-' && at < end) { /* the sign goes before the zeros */
			*at++ = *text++;
			length--;
			width -= width > 0;
		}
		for (; width > length && at < end; width--)
			*at++ = pad;
		while (length-- && at < end)
			*at++ = *text++;
	}
	*at = 0;
	return at - buffer;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	size_t length = format_list(buffer, size, format, list);
	va_end(list);
	return length;
}
