/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: what a handler may call. The struct that it is given is the first part of struct
 * exchange.
 */
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "internal.h"

static struct exchange *exchange_of(struct bm_http_request *request)
{
	return (struct exchange *)request;
}

const char *bm_http_request_header(struct bm_http_request *request, const char *name)
{
	struct head *head = &exchange_of(request)->message->head;
	size_t size = strlen(name);

	for (uint32_t i = 0; i < head->count; i++) {
		struct slice at = head->names[i], value = head->values[i];

		if (at.size != size || strncasecmp(head->base + at.at, name, size) != 0)
			continue;
		if (!value.size)
			return "";
		/* The head is understood already: what ends the value may be overwritten. */
		head->base[value.at + value.size] = '\0';
		return head->base + value.at;
	}
	return NULL;
}

long bm_http_query(const struct bm_http_request *request, const char *name, char *buffer,
		   size_t size)
{
	long length = form_value(request->query, strlen(request->query), name, buffer, size);

	return length < 0 ? -BM_ENOENT : length;
}

long bm_http_form(const struct bm_http_request *request, const char *name, char *buffer,
		  size_t size)
{
	long length =
	    request->body ? form_value(request->body, request->body_size, name, buffer, size) : -1;

	if (length < 0)
		buffer[0] = '\0';
	return length < 0 ? -BM_ENOENT : length;
}

const char *bm_http_peer(struct bm_http_request *request)
{
	struct exchange *exchange = exchange_of(request);

	peer_text(&exchange->connection->peer, exchange->peer);
	return exchange->peer;
}

void bm_http_status(struct bm_http_request *request, int status)
{
	if (status >= 200 && status <= 599)
		exchange_of(request)->status = status;
}

/* Whether it can stand in a header's value. */
static bool good_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

void bm_http_type(struct bm_http_request *request, const char *type)
{
	struct exchange *exchange = exchange_of(request);

	if (strlen(type) < sizeof(exchange->type) && good_value(type))
		strcpy(exchange->type, type);
}

static bool good_name(const char *name)
{
	static const char *const ours[] = {"connection", "content-length", "date",
					   "transfer-encoding"};

	for (unsigned i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return false;
	if (!*name)
		return false;
	for (; *name; name++) {
		unsigned char letter = *name | 0x20;

		if (!((letter >= 'a' && letter <= 'z') || (*name >= '0' && *name <= '9') ||
		      strchr("!#$%&'*+-.^_`|~", *name)))
			return false;
	}
	return true;
}

int bm_http_header(struct bm_http_request *request, const char *name, const char *value)
{
	struct buffer *extra = &exchange_of(request)->loop->extra;
	size_t start = extra->size;

	if (!good_name(name) || !good_value(value))
		return -BM_EINVAL;
	if (start + strlen(name) + strlen(value) + 4 > HTTP_EXTRA)
		return -BM_ENOSPC;
	if (buffer_text(extra, name) && buffer_put(extra, ": ", 2) && buffer_text(extra, value) &&
	    buffer_put(extra, "\r\n", 2))
		return 0;
	extra->size = start;
	return -BM_ENOSPC;
}

static int no_memory(struct exchange *exchange)
{
	exchange->failed = true;
	return -BM_ENOMEM;
}

int bm_http_write(struct bm_http_request *request, const void *data, size_t size)
{
	struct exchange *exchange = exchange_of(request);
	struct buffer *body = &exchange->loop->body;

	if (size > HTTP_BODY - body->size || !buffer_put(body, data, size))
		return no_memory(exchange);
	return 0;
}

int bm_http_printf(struct bm_http_request *request, const char *format, ...)
{
	struct exchange *exchange = exchange_of(request);
	struct buffer *body = &exchange->loop->body;
	va_list arguments;

	if (!buffer_reserve(body, 256))
		return no_memory(exchange);
	for (int turn = 0; turn < 2; turn++) {
		size_t room = body->capacity - body->size;

		va_start(arguments, format);
		int size = vsnprintf(body->data + body->size, room, format, arguments);
		va_end(arguments);
		if (size < 0)
			break;
		if ((size_t)size < room) {
			body->size += (size_t)size;
			return 0;
		}
		if ((size_t)size > HTTP_BODY - body->size ||
		    !buffer_reserve(body, (size_t)size + 1))
			break;
	}
	return no_memory(exchange);
}

int bm_http_write_html(struct bm_http_request *request, const char *text)
{
	int result = 0;

	while (*text && !result) {
		size_t plain = strcspn(text, "&<>\"'");

		result = bm_http_write(request, text, plain);
		text += plain;
		if (*text && !result)
			result = bm_http_printf(request, "&#%d;", *text++);
	}
	return result;
}

void bm_http_error(struct bm_http_request *request, int status)
{
	exchange_of(request)->error = status >= 400 && status <= 599 ? status : 500;
}

void bm_http_redirect(struct bm_http_request *request, int status, const char *location)
{
	struct exchange *exchange = exchange_of(request);
	bool known =
	    status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

	if (exchange->sent)
		return;
	if (!known || !good_value(location))
		exchange->error = 500;
	else
		response_redirect(exchange, status, location);
}

void bm_http_file(struct bm_http_request *request, const char *path)
{
	struct exchange *exchange = exchange_of(request);

	if (exchange->sent)
		return;
	if (*path != '/' || exchange->loop->server->root < 0)
		exchange->error = 404;
	else
		file_serve(exchange, path, strlen(path));
}
