/* SPDX-License-Identifier: MIT */
/*
 * Writes tar archives for tests, good and bad ones.
 */
#ifndef TAR_WRITER_H
#define TAR_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tar_writer {
	uint8_t *bytes;
	size_t size;
};

static inline uint8_t *writer_block(struct tar_writer *writer, size_t size)
{
	size_t padded = (size + 511) & ~(size_t)511;

	writer->bytes = realloc(writer->bytes, writer->size + padded);
	memset(writer->bytes + writer->size, 0, padded);
	writer->size += padded;
	return writer->bytes + writer->size - padded;
}

static inline void writer_sum(uint8_t *header)
{
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
	header[155] = ' ';
}

/* One header; returns it for changes (then call writer_sum() again). Valid until the next call. */
static inline uint8_t *writer_header(struct tar_writer *writer, char type, const char *name,
				     const char *link, uint64_t size)
{
	uint8_t *header = writer_block(writer, 512);

	memcpy(header, name, strnlen(name, 100));
	memcpy(header + 100, "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	snprintf((char *)header + 124, 12, "%011llo", (unsigned long long)size);
	memcpy(header + 136, "14000000000", 12); /* 1610612736 */
	header[156] = (uint8_t)type;
	memcpy(header + 157, link, strnlen(link, 100));
	memcpy(header + 257, "ustar\00000", 8);
	writer_sum(header);
	return header;
}

static inline void writer_entry(struct tar_writer *writer, char type, const char *name,
				const char *link, const void *data, size_t size)
{
	writer_header(writer, type, name, link, size);
	if (size)
		memcpy(writer_block(writer, size), data, size);
}

static inline void writer_text(struct tar_writer *writer, char type, const char *name,
			       const char *text)
{
	writer_entry(writer, type, name, "", text, strlen(text));
}

static inline void writer_end(struct tar_writer *writer)
{
	writer_block(writer, 1024);
}

static inline void writer_free(struct tar_writer *writer)
{
	free(writer->bytes);
	*writer = (struct tar_writer){0};
}

#endif
