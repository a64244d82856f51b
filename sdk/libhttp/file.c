/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: answering with a file.
 */
#include <stdio.h>

#include "internal.h"

/* Its bytes behind the header: copied if they are few, else sent from where they are. */
static void send_content(struct exchange *exchange, struct file *file, uint64_t offset,
			 uint64_t size)
{
	struct connection *connection = exchange->connection;

	if (exchange->head_only || !size)
		return;
	if (file->content && size <= HTTP_INLINE) {
		buffer_put(&exchange->loop->out, file->content + offset, size);
		return;
	}
	file_hold(file);
	connection->file = file;
	connection->offset = offset;
	connection->left = size;
}

static void send_range(struct exchange *exchange, struct file *file, const struct range *range)
{
	struct buffer *out = &exchange->loop->out;
	char text[128];

	buffer_put(out, file->header, file->header_common);
	int size = snprintf(text, sizeof(text),
			    "Content-Range: bytes %llu-%llu/%llu\r\nContent-Length: %llu\r\n\r\n",
			    (unsigned long long)range->first,
			    (unsigned long long)(range->first + range->size - 1),
			    (unsigned long long)file->size, (unsigned long long)range->size);
	buffer_put(out, text, (size_t)size);
	send_content(exchange, file, range->first, range->size);
	response_done(exchange, 206, range->size);
}

static void send_parts(struct exchange *exchange, struct file *file, struct parts *parts)
{
	struct connection *connection = exchange->connection;
	struct buffer *out = &exchange->loop->out;
	char text[512];
	uint64_t whole = parts_size(parts);
	int size = snprintf(text, sizeof(text),
			    "Content-Type: %s\r\nLast-Modified: %.*s\r\nETag: %s\r\n"
			    "Content-Length: %llu\r\n\r\n",
			    parts_type(parts), HTTP_DATE, file->modified_text, file->etag,
			    (unsigned long long)whole);

	buffer_put(out, text, (size_t)size);
	/* The connection takes the first part from it, and frees it after the last. */
	file_hold(file);
	connection->file = file;
	connection->parts = parts;
	connection->left = 0;
	response_done(exchange, 206, whole);
}

/* Answers by a range, if one is asked for that can be given. */
static bool respond_range(struct exchange *exchange, struct file *file)
{
	size_t size;
	const char *value = message_known(exchange->message, HEADER_RANGE, &size);
	struct range ranges[HTTP_RANGES];
	struct parts *parts = NULL;

	if (!value || exchange->message->parser.method != HTTP_GET ||
	    !condition_range(exchange->message, file))
		return false;
	int count = range_parse(value, size, file->size, ranges);
	if (count < 0)
		return false;
	if (!count) {
		char extra[64];

		snprintf(extra, sizeof(extra), "Content-Range: bytes */%llu\r\n",
			 (unsigned long long)file->size);
		response_error(exchange, 416, extra);
		return true;
	}
	if (count > 1 && !(parts = parts_new(file, ranges, count)))
		return false;
	size_t start = exchange->loop->out.size;
	if (!response_start(exchange, 206) ||
	    !buffer_reserve(&exchange->loop->out, HTTP_INLINE + 1024)) {
		exchange->loop->out.size = start;
		return true;
	}
	if (parts)
		send_parts(exchange, file, parts);
	else
		send_range(exchange, file, &ranges[0]);
	return true;
}

void file_respond(struct exchange *exchange, struct file *file, int status)
{
	const struct message *message = exchange->message;
	struct buffer *out = &exchange->loop->out;
	size_t start = out->size;

	if (status == 200 &&
	    (message->head.known[HEADER_IF_NONE_MATCH] |
	     message->head.known[HEADER_IF_MODIFIED_SINCE] | message->head.known[HEADER_IF_MATCH] |
	     message->head.known[HEADER_IF_UNMODIFIED_SINCE])) {
		enum condition condition = condition_of(message, file);

		if (condition == CONDITION_FAILED) {
			response_error(exchange, 412, NULL);
			return;
		}
		if (condition == CONDITION_NOT_MODIFIED) {
			if (response_start(exchange, 304) &&
			    buffer_put(out, file->header, file->header_common) &&
			    buffer_put(out, "\r\n", 2))
				response_done(exchange, 304, 0);
			else
				out->size = start;
			return;
		}
	}
	if (status == 200 && message->head.known[HEADER_RANGE] && respond_range(exchange, file))
		return;
	if (!response_start(exchange, status) || !buffer_reserve(out, HTTP_INLINE + 1024)) {
		out->size = start;
		return;
	}
	buffer_put(out, file->header, file->header_size);
	send_content(exchange, file, 0, file->size);
	response_done(exchange, status, exchange->head_only ? 0 : file->size);
}

/* The folder is at the path with a slash behind it. */
static void redirect_folder(struct exchange *exchange, const char *path, size_t size)
{
	struct target *target = &exchange->loop->target;
	struct buffer location = exchange->loop->body;

	location.size = 0;
	if (path_encode(&location, path, size) && buffer_put(&location, "/", 1) &&
	    (!target->query_size || (buffer_put(&location, "?", 1) &&
				     buffer_put(&location, target->query, target->query_size))) &&
	    buffer_put(&location, "", 1))
		response_redirect(exchange, 301, location.data);
	exchange->loop->body = location;
}

void file_serve(struct exchange *exchange, const char *path, size_t size)
{
	struct loop *loop = exchange->loop;
	int status = 404;

	if (!path_hidden(path, size)) {
		struct file *file = file_get(loop, path, size, &status);

		if (file) {
			file_respond(exchange, file, 200);
			return;
		}
		if (status == 301) {
			redirect_folder(exchange, path, size);
			return;
		}
		if (status == 404 && path[size - 1] == '/' && loop->server->options.listing) {
			listing_respond(exchange, path, size);
			return;
		}
	}
	response_error(exchange, status, NULL);
}
