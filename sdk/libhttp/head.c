/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: heads and bodies of requests, over llhttp (Debian's package node-llhttp).
 *
 * The parser sees a head when it is whole. Beside the parser's own rules, those stand here that
 * keep two servers from reading two different requests (RFC 9112 11.2): each line ends in CR LF,
 * none is folded, there is one Host, one Content-Length at most, and no Transfer-Encoding but
 * "chunked", which excludes a Content-Length.
 */
#include <stdlib.h>
#include <strings.h>

#include "internal.h"

long head_find(const char *data, size_t size, uint32_t *scan, uint32_t limit)
{
	const char *line = data + *scan, *end = data + (size < limit ? size : limit);

	while (line < end) {
		const char *feed = memchr(line, '\n', (size_t)(end - line));

		if (!feed)
			break;
		if (feed == line || feed[-1] != '\r')
			return -400;
		if (feed == line + 1)
			return feed + 1 - data;
		if (line != data && (*line == ' ' || *line == '\t'))
			return -400; /* a folded line (RFC 9112 5.2) */
		line = feed + 1;
	}
	*scan = (uint32_t)(line - data);
	if (size < limit)
		return 0;
	return *scan ? -431 : -414;
}

/* ---- The parser's callbacks ---- */

static struct slice slice_of(const struct head *head, const char *at, size_t size)
{
	return (struct slice){(uint32_t)(at - head->base), (uint32_t)size};
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
	struct message *message = parser->data;

	message->head.target = slice_of(&message->head, at, size);
	return 0;
}

static int refuse(struct message *message, int status)
{
	message->status = status;
	return HPE_USER;
}

/* Names in the order of enum known_header. */
static const char *const known_names[HEADER_KNOWN] = {
    "host",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "expect",
    "transfer-encoding",
    "user-agent",
    "referer",
};

/* A name's place among the known, or -1: its length, and one letter, leave one of them to compare.
 */
static int known(const char *name, size_t size)
{
	int which;

	switch (size) {
	case 4:
		which = HEADER_HOST;
		break;
	case 5:
		which = HEADER_RANGE;
		break;
	case 6:
		which = HEADER_EXPECT;
		break;
	case 7:
		which = HEADER_REFERER;
		break;
	case 8:
		which = (name[3] | 0x20) == 'm' ? HEADER_IF_MATCH : HEADER_IF_RANGE;
		break;
	case 10:
		which = HEADER_USER_AGENT;
		break;
	case 13:
		which = HEADER_IF_NONE_MATCH;
		break;
	case 17:
		which =
		    (name[0] | 0x20) == 't' ? HEADER_TRANSFER_ENCODING : HEADER_IF_MODIFIED_SINCE;
		break;
	case 19:
		which = HEADER_IF_UNMODIFIED_SINCE;
		break;
	default:
		return -1;
	}
	/* They have letters and hyphens alone, and a hyphen has that bit already. */
	for (size_t i = 0; i < size; i++)
		if ((name[i] | 0x20) != known_names[which][i])
			return -1;
	return which;
}

static int on_field(llhttp_t *parser, const char *at, size_t size)
{
	struct message *message = parser->data;
	struct head *head = &message->head;

	if (message->has_head) { /* a trailer: read and forgotten */
		if (!message->trailer)
			message->trailer = at;
		message->in_trailer = true;
		return 0;
	}
	if (!size)
		return refuse(message, 400);
	if (head->count == message->max_headers)
		return refuse(message, 431);
	uint32_t number = head->count++;
	head->names[number] = slice_of(head, at, size);
	head->values[number] = (struct slice){0, 0};
	int which = known(at, size);
	if (which >= 0) {
		if (!head->known[which])
			head->known[which] = (uint8_t)(number + 1);
		else if (which == HEADER_HOST || which == HEADER_TRANSFER_ENCODING ||
			 which == HEADER_EXPECT || which == HEADER_RANGE ||
			 which == HEADER_IF_RANGE || which == HEADER_IF_MODIFIED_SINCE ||
			 which == HEADER_IF_UNMODIFIED_SINCE)
			return refuse(message, 400); /* these are not lists */
	}
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
	struct message *message = parser->data;
	struct head *head = &message->head;

	if (message->has_head)
		return 0;
	/* A line ends in CR LF and nowhere else, whatever the parser thinks of a CR alone. It tells
	 * of an empty value behind them. */
	if (memcmp(size ? at + size : at - 2, "\r\n", 2) != 0)
		return refuse(message, 400);
	while (size && (at[size - 1] == ' ' || at[size - 1] == '\t'))
		size--;
	head->values[head->count - 1] = slice_of(head, at, size);
	return 0;
}

const char *message_known(const struct message *message, enum known_header which, size_t *size)
{
	const struct head *head = &message->head;

	if (!head->known[which])
		return NULL;
	struct slice value = head->values[head->known[which] - 1];
	*size = value.size;
	return head->base + value.at;
}

/* RFC 3986 3.2.2: what a host and a port may consist of. */
static bool good_host(const char *host, size_t size)
{
	static const bool good[256] = {
	    ['!'] = true,         ['$' ... '+'] = true, ['-' ... '.'] = true, ['0' ... ';'] = true,
	    ['='] = true,         ['A' ... '['] = true, [']'] = true,         ['_'] = true,
	    ['a' ... 'z'] = true, ['~'] = true};

	for (size_t i = 0; i < size; i++)
		if (!good[(unsigned char)host[i]])
			return false;
	return true;
}

static int on_head(llhttp_t *parser)
{
	struct message *message = parser->data;
	struct slice target = message->head.target;
	const char *value = message->head.base + target.at;
	size_t size;

	parser->upgrade = 0; /* none is offered: the request is answered as it is */
	if (parser->http_major != 1)
		return refuse(message, parser->http_major ? 505 : 400);
	/* One space before the target and one after it: the parser takes more. */
	if (value[-1] != ' ' || value[-2] == ' ' || memcmp(value + target.size, " HTTP/", 6) != 0)
		return refuse(message, 400);
	value = message_known(message, HEADER_HOST, &size);
	if (value ? !good_host(value, size) : parser->http_minor >= 1)
		return refuse(message, 400);
	value = message_known(message, HEADER_TRANSFER_ENCODING, &size);
	if (value) {
		if (!parser->http_minor || parser->flags & F_CONTENT_LENGTH)
			return refuse(message, 400);
		if (size != 7 || strncasecmp(value, "chunked", 7) != 0)
			return refuse(message, 501);
	}
	if (parser->flags & F_CONTENT_LENGTH && parser->content_length > message->max_body)
		return refuse(message, 413);
	value = message_known(message, HEADER_EXPECT, &size);
	if (value) {
		if (size != 12 || strncasecmp(value, "100-continue", 12) != 0)
			return refuse(message, 417);
		message->expect_continue = parser->http_minor >= 1;
	}
	message->keep_alive = llhttp_should_keep_alive(parser);
	message->has_head = true;
	return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
	struct message *message = parser->data;

	if (!message->spill) {
		if (!message->body_size) {
			message->body = at;
			message->body_size = size;
			return 0;
		}
		/* A second piece: they are put together. */
		message->spill = true;
		if (!buffer_put(&message->gathered, message->body, message->body_size))
			return refuse(message, 503);
	}
	if (size > message->max_body - message->gathered.size)
		return refuse(message, 413);
	if (!buffer_put(&message->gathered, at, size))
		return refuse(message, 503);
	message->body = message->gathered.data;
	message->body_size = message->gathered.size;
	return 0;
}

static int on_chunk(llhttp_t *parser)
{
	struct message *message = parser->data;

	if (parser->content_length > message->max_body - message->body_size)
		return refuse(message, 413);
	return 0;
}

static int on_complete(llhttp_t *parser)
{
	struct message *message = parser->data;

	message->complete = true;
	return HPE_PAUSED; /* what follows is the next request */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
    .on_chunk_header = on_chunk,
};

static int refusal(const struct message *message)
{
	if (message->status)
		return message->status;
	switch (llhttp_get_errno(&message->parser)) {
	case HPE_OK:
	case HPE_PAUSED:
		return 0;
	case HPE_INVALID_METHOD:
		return 501;
	default:
		return 400;
	}
}

/* Returns how many bytes the parser has taken. */
static size_t execute(struct message *message, const char *data, size_t size)
{
	if (llhttp_execute(&message->parser, data, size) == HPE_OK)
		return size;
	return (size_t)(llhttp_get_error_pos(&message->parser) - data);
}

int message_head(struct message *message, char *base, size_t size)
{
	llhttp_init(&message->parser, HTTP_REQUEST, &settings);
	message->parser.data = message;
	message->parser.lenient_flags = LENIENT_VERSION; /* on_head() has an answer to each */
	message->head.base = base;
	message->head.target = (struct slice){0, 0};
	message->head.count = 0;
	memset(message->head.known, 0, sizeof(message->head.known));
	message->head_size = (uint32_t)size;
	message->status = 0;
	message->has_head = message->complete = message->spill = message->in_trailer = false;
	message->keep_alive = message->expect_continue = false;
	message->body = NULL;
	message->body_size = 0;
	message->gathered.size = 0;
	message->trailer = NULL;
	message->raw = 0;
	message->last = 0;
	size_t used = execute(message, base, size);
	int status = refusal(message);
	if (status)
		return status;
	if (used != size && !message->complete)
		return 400;
	if (message->has_head)
		return 0;
	return message->parser.method == HTTP_PRI ? 505 : 400; /* how HTTP/2 begins */
}

int message_body(struct message *message, const char *data, size_t size, size_t *used)
{
	message->trailer = message->in_trailer ? data : NULL;
	*used = execute(message, data, size);
	int status = refusal(message);
	if (status)
		return status;
	/* The parser takes a bare LF at the end of a trailer's line: not so here. */
	if (message->complete && message->parser.flags & F_CHUNKED) {
		char before = *used >= 2 ? data[*used - 2] : message->last;

		if (*used && (data[*used - 1] != '\n' || before != '\r'))
			return 400;
	}
	if (message->in_trailer) {
		const char *end = data + *used, *at = message->trailer;

		for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
			if ((at > data ? at[-1] : message->last) != '\r')
				return 400;
	}
	if (*used)
		message->last = data[*used - 1];
	message->raw += *used;
	/* Chunks of a byte, endless extensions and trailers: there is a limit to these too. */
	if (message->raw > 8 * (uint64_t)message->max_body + 65536)
		return 413;
	return 0;
}

struct message *message_detach(struct message *message)
{
	struct message *kept = malloc(sizeof(*kept) + message->head_size);

	if (!kept)
		return NULL;
	*kept = *message;
	kept->parser.data = kept;
	kept->head.base = (char *)(kept + 1);
	memcpy(kept->head.base, message->head.base, message->head_size);
	message->gathered = (struct buffer){0};
	if (!kept->spill) {
		kept->spill = true;
		if (!buffer_put(&kept->gathered, kept->body, kept->body_size)) {
			free(kept);
			return NULL;
		}
		kept->body = kept->body_size ? kept->gathered.data : NULL;
	}
	return kept;
}
