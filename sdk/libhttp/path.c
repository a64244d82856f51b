/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: from a request's target to a path, and back.
 *
 * A target is decoded once. What could mean two things, or could mean another place than it seems
 * to, is refused, not repaired: an encoded slash or zero, a backslash, a control character, more
 * ".." than there are folders. So what comes out has no dot segment, no doubled slash, no control
 * character, and begins with a slash; whether it exists is not known here.
 */
#include <strings.h>

#include "internal.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Characters that stand for themselves: all but controls, which are refused, and / ? % # and the
 * backslash. A bit for each below 128; those above are plain. */
static inline bool is_plain(unsigned char c)
{
	static const uint64_t plain[4] = {UINT64_C(0x7fff7fd700000000),
					  UINT64_C(0x7fffffffefffffff), UINT64_MAX, UINT64_MAX};

	return plain[c >> 6] >> (c & 63) & 1;
}

/* At the end of a segment: takes "." and ".." back. Returns the new end; NULL: above the root. */
static char *end_segment(char *start, char *segment, char *end)
{
	if (end - segment == 1 && segment[0] == '.')
		return segment;
	if (end - segment == 2 && segment[0] == '.' && segment[1] == '.') {
		if (segment == start + 1)
			return NULL;
		for (segment--; segment[-1] != '/'; segment--)
			;
		return segment;
	}
	return end;
}

int path_canonical(struct target *to, const char *target, size_t size)
{
	const char *end = target + size, *at = target;
	char *out = to->path, *segment;

	if (size > HTTP_TARGET)
		return 414;
	/* The absolute form (RFC 9112 3.2.2) names a host before the path. */
	if (!size)
		return 400;
	if (*at != '/') {
		if (size >= 7 && strncasecmp(at, "http://", 7) == 0)
			at += 7;
		else if (size >= 8 && strncasecmp(at, "https://", 8) == 0)
			at += 8;
		else
			return 400;
		const char *host = at;
		while (at < end && *at != '/' && *at != '?' && *at != '@')
			at++;
		if (at == host || (at < end && *at == '@'))
			return 400;
	}
	*out++ = '/';
	segment = out;
	if (at < end && *at == '/')
		at++;
	to->query = end;
	to->query_size = 0;
	for (; at < end; at++) {
		unsigned char c = (unsigned char)*at;

		if (is_plain(c)) {
			*out++ = (char)c;
			continue;
		}
		if (c == '?') {
			to->query = at + 1;
			to->query_size = (size_t)(end - at - 1);
			break;
		}
		if (c == '/') {
			if (out == segment)
				continue;
			out = end_segment(to->path, segment, out);
			if (!out)
				return 400;
			if (out[-1] != '/')
				*out++ = '/';
			segment = out;
			continue;
		}
		if (c == '%') {
			int high, low;

			if (end - at < 3 || (high = hex(at[1])) < 0 || (low = hex(at[2])) < 0)
				return 400;
			c = (unsigned char)(high << 4 | low);
			at += 2;
			if (c == '/')
				return 400;
		} else if (c == '#') {
			return 400;
		}
		if (c < 0x20 || c == 0x7f || c == '\\')
			return 400;
		*out++ = (char)c;
	}
	out = end_segment(to->path, segment, out);
	if (!out)
		return 400;
	*out = '\0';
	to->path_size = (size_t)(out - to->path);
	return 0;
}

bool path_encode(struct buffer *to, const char *path, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";

	if (!buffer_reserve(to, 3 * size))
		return false;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)path[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z') || (c && strchr("-._~/!$()*+,;=:@", c));

		if (plain) {
			to->data[to->size++] = (char)c;
		} else {
			to->data[to->size++] = '%';
			to->data[to->size++] = digits[c >> 4];
			to->data[to->size++] = digits[c & 15];
		}
	}
	return true;
}

bool path_hidden(const char *path, size_t size)
{
	const char *end = path + size, *dot = path;

	for (; (dot = memchr(dot, '.', (size_t)(end - dot))); dot++) {
		if (dot == path || dot[-1] != '/')
			continue;
		size_t name = strcspn(dot, "/");

		if (dot != path + 1 || name != 11 || memcmp(dot, ".well-known", 11) != 0)
			return true;
	}
	return false;
}

/* One decoded character of a form; *at moves on. */
static int form_character(const char **at, const char *end)
{
	const char *here = *at;

	if (*here == '%' && end - here >= 3 && hex(here[1]) >= 0 && hex(here[2]) >= 0) {
		*at = here + 3;
		return hex(here[1]) << 4 | hex(here[2]);
	}
	*at = here + 1;
	return *here == '+' ? ' ' : (unsigned char)*here;
}

long form_value(const char *form, size_t form_size, const char *name, char *buffer, size_t size)
{
	const char *end = form + form_size;

	buffer[0] = '\0';
	for (const char *field = form; field < end;) {
		const char *stop = memchr(field, '&', (size_t)(end - field));
		const char *wanted = name, *at = field;
		bool same = true;

		if (!stop)
			stop = end;
		while (at < stop && *at != '=' && same) {
			int c = form_character(&at, stop);

			same = *wanted && c == (unsigned char)*wanted;
			wanted += same;
		}
		if (same && !*wanted) {
			size_t length = 0;

			at += at < stop;
			while (at < stop) {
				int c = form_character(&at, stop);

				if (length + 1 < size)
					buffer[length] = (char)c;
				length++;
			}
			buffer[length < size ? length : size - 1] = '\0';
			return (long)length;
		}
		field = stop + 1;
	}
	return -1;
}
