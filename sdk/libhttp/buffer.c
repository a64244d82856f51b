/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: buffers that grow, and numbers in decimal.
 */
#include <stdlib.h>

#include "internal.h"

bool buffer_grow(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 1024;
	char *data;

	if (more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4)
		return false;
	while (capacity - buffer->size < more)
		capacity *= 2;
	data = realloc(buffer->data, capacity);
	if (!data)
		return false;
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

char *put_number(char *to, uint64_t value)
{
	char digits[20];
	int count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (count)
		*to++ = digits[--count];
	return to;
}

bool buffer_number(struct buffer *buffer, uint64_t value)
{
	if (!buffer_reserve(buffer, 20))
		return false;
	buffer->size = put_number(buffer->data + buffer->size, value) - buffer->data;
	return true;
}
