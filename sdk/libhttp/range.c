/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: ranges of bytes (RFC 9110 14), one or several.
 *
 * A Range header that breaks the rules, asks for another unit or for more than 16 ranges, or for
 * more bytes than the file has, is answered by the whole file, as the RFC allows (14.2).
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

/* Digits, to a number that stops growing at 2^63 - 1. false: none. */
static bool number(const char **text, const char *end, uint64_t *value)
{
	const char *at = *text;

	for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		if (*value > (INT64_MAX - 9) / 10)
			*value = INT64_MAX / 10;
		else
			*value = *value * 10 + (uint64_t)(*at - '0');
	}
	bool some = at > *text;
	*text = at;
	return some;
}

static void spaces(const char **text, const char *end)
{
	while (*text < end && (**text == ' ' || **text == '\t'))
		(*text)++;
}

int range_parse(const char *text, size_t size, uint64_t whole, struct range ranges[HTTP_RANGES])
{
	const char *end = text + size;
	uint64_t total = 0;
	int count = 0, seen = 0;

	if (size < 6 || memcmp(text, "bytes=", 6) != 0)
		return -1;
	text += 6;
	for (;;) {
		uint64_t first, last;

		spaces(&text, end);
		if (text < end && *text == ',') { /* an empty element of a list */
			text++;
			continue;
		}
		if (text == end)
			break;
		if (*text == '-') { /* the last bytes */
			uint64_t suffix;

			text++;
			if (!number(&text, end, &suffix))
				return -1;
			first = suffix < whole ? whole - suffix : 0;
			last = suffix ? whole : 0;
		} else {
			if (!number(&text, end, &first) || text == end || *text++ != '-')
				return -1;
			if (number(&text, end, &last)) {
				if (last < first)
					return -1;
				last = last < whole ? last + 1 : whole;
			} else {
				last = whole;
			}
		}
		spaces(&text, end);
		if (text < end && *text != ',')
			return -1;
		if (++seen > HTTP_RANGES)
			return -1;
		if (first < whole && first < last) {
			ranges[count++] = (struct range){first, last - first};
			total += last - first;
		}
	}
	if (!seen)
		return -1;
	/* Overlapping ranges would make a small request send much. */
	return total > whole ? -1 : count;
}

/* ---- Several: multipart/byteranges (RFC 9110 14.6) ---- */

struct parts {
	struct range ranges[HTTP_RANGES];
	int count, next;
	uint64_t whole;
	const char *content_type;
	char boundary[24];
	char type[64];
};

/* A part's header; returns its size. */
static int part_header(const struct parts *parts, int number, char *text, size_t size)
{
	const struct range *range = &parts->ranges[number];

	return snprintf(
	    text, size,
	    "\r\n--%s\r\nContent-Type: %s\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n",
	    parts->boundary, parts->content_type, (unsigned long long)range->first,
	    (unsigned long long)(range->first + range->size - 1), (unsigned long long)parts->whole);
}

static int parts_end(const struct parts *parts, char *text, size_t size)
{
	return snprintf(text, size, "\r\n--%s--\r\n", parts->boundary);
}

struct parts *parts_new(const struct file *file, const struct range *ranges, int count)
{
	struct parts *parts = malloc(sizeof(*parts));
	uint64_t mark = file->size * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)file->modified;

	if (!parts)
		return NULL;
	memcpy(parts->ranges, ranges, (size_t)count * sizeof(*ranges));
	parts->count = count;
	parts->next = 0;
	parts->whole = file->size;
	parts->content_type = file->type;
	for (int i = 0; i < count; i++)
		mark =
		    (mark ^ ranges[i].first ^ ranges[i].size << 20) * UINT64_C(0xd6e8feb86659fd93);
	snprintf(parts->boundary, sizeof(parts->boundary), "part-%016llx",
		 (unsigned long long)mark);
	snprintf(parts->type, sizeof(parts->type), "multipart/byteranges; boundary=%s",
		 parts->boundary);
	return parts;
}

uint64_t parts_size(const struct parts *parts)
{
	char text[256];
	uint64_t size = (uint64_t)parts_end(parts, text, sizeof(text));

	for (int i = 0; i < parts->count; i++)
		size += (uint64_t)part_header(parts, i, text, sizeof(text)) + parts->ranges[i].size;
	return size;
}

const char *parts_type(const struct parts *parts)
{
	return parts->type;
}

bool parts_next(struct parts *parts, struct buffer *out, uint64_t *offset, uint64_t *left)
{
	char text[256];

	if (parts->next == parts->count) {
		buffer_put(out, text, (size_t)parts_end(parts, text, sizeof(text)));
		return false;
	}
	buffer_put(out, text, (size_t)part_header(parts, parts->next, text, sizeof(text)));
	*offset = parts->ranges[parts->next].first;
	*left = parts->ranges[parts->next++].size;
	return true;
}
