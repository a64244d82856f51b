/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: conditional requests for files, in the order of RFC 9110 13.2.2.
 */
#include "internal.h"

/*
 * Whether a list of entity tags (or "*") has this one. Strong comparison does not take weak ones
 * (8.8.3.2); ours are strong.
 */
static bool listed(const char *text, size_t size, const struct file *file, bool strong)
{
	const char *end = text + size;

	if (size == 1 && *text == '*')
		return true;
	while (text < end) {
		bool weak = false;

		if (*text == ' ' || *text == '\t' || *text == ',') {
			text++;
			continue;
		}
		if (end - text > 2 && text[0] == 'W' && text[1] == '/') {
			weak = true;
			text += 2;
		}
		if (*text != '"')
			return false; /* no list of tags */
		const char *close = memchr(text + 1, '"', (size_t)(end - text - 1));
		if (!close)
			return false;
		size_t length = (size_t)(close + 1 - text);
		if (!(weak && strong) && length == file->etag_size &&
		    memcmp(text, file->etag, length) == 0)
			return true;
		text = close + 1;
	}
	return false;
}

enum condition condition_of(const struct message *message, const struct file *file)
{
	const char *value;
	size_t size;
	int64_t date;

	value = message_known(message, HEADER_IF_MATCH, &size);
	if (value) {
		if (!listed(value, size, file, true))
			return CONDITION_FAILED;
	} else {
		value = message_known(message, HEADER_IF_UNMODIFIED_SINCE, &size);
		if (value && date_parse(value, size, &date) && file->modified > date)
			return CONDITION_FAILED;
	}
	value = message_known(message, HEADER_IF_NONE_MATCH, &size);
	if (value)
		return listed(value, size, file, false) ? CONDITION_NOT_MODIFIED : CONDITION_SEND;
	value = message_known(message, HEADER_IF_MODIFIED_SINCE, &size);
	if (value && date_parse(value, size, &date) && file->modified <= date)
		return CONDITION_NOT_MODIFIED;
	return CONDITION_SEND;
}

bool condition_range(const struct message *message, const struct file *file)
{
	size_t size;
	const char *value = message_known(message, HEADER_IF_RANGE, &size);

	if (!value)
		return true;
	if (size && *value == '"')
		return size == file->etag_size && memcmp(value, file->etag, size) == 0;
	/* A date must be the file's own (13.1.5). */
	return size == HTTP_DATE && memcmp(value, file->modified_text, HTTP_DATE) == 0;
}
