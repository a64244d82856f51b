/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: the access log, in the combined format of other servers. Lines are gathered, and
 * written once a second or when there are 16 KiB; what cannot be written is counted and lost.
 */
#include <errno.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "internal.h"

#define GATHER 16384

void peer_text(const struct peer *peer, char text[48])
{
	char *at = text;

	if (peer->family == 6 && inet_ntop(AF_INET6, peer->address, text, 48))
		return;
	if (peer->family != 4) {
		strcpy(text, "-");
		return;
	}
	for (int i = 0; i < 4; i++) {
		at = put_number(at, peer->address[i]);
		*at++ = '.';
	}
	at[-1] = '\0';
}

void log_flush(struct loop *loop)
{
	const char *at = loop->log.data;
	size_t left = loop->log.size;

	while (left) {
		ssize_t done = write(loop->server->options.log, at, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		at += done;
		left -= (size_t)done;
	}
	for (; left; left--)
		if (*at++ == '\n')
			COUNT(loop->counters.log_dropped, 1);
	loop->log.size = 0;
}

/* Text of the client's, so that it can be nothing but text in its quotes. */
static void put_quoted(struct buffer *log, const char *text, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (!buffer_reserve(log, 4 * size + 2))
		return;
	char *at = log->data + log->size;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			*at++ = (char)c;
			continue;
		}
		*at++ = '\\';
		*at++ = 'x';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	log->size = (size_t)(at - log->data);
}

static void put_header(struct buffer *log, const struct message *message, enum known_header which)
{
	size_t size = 0;
	const char *value = message->has_head ? message_known(message, which, &size) : NULL;

	buffer_put(log, " \"", 2);
	if (value)
		put_quoted(log, value, size < 512 ? size : 512);
	else
		buffer_put(log, "-", 1);
	buffer_put(log, "\"", 1);
}

void log_request(struct exchange *exchange, int status, uint64_t size)
{
	struct loop *loop = exchange->loop;
	const struct message *message = exchange->message;
	struct buffer *log = &loop->log;
	char text[64];

	if (!log->size)
		loop->log_ms = loop->now_ms;
	peer_text(&exchange->connection->peer, text);
	buffer_text(log, text);
	buffer_put(log, " - - ", 5);
	buffer_put(log, loop->log_time, 29);
	buffer_put(log, "\"", 1);
	if (message->has_head) {
		struct slice target = message->head.target;
		char version[] = " HTTP/1.x\"";

		version[8] = exchange->request.version == 10 ? '0' : '1';
		buffer_text(log, llhttp_method_name((llhttp_method_t)message->parser.method));
		buffer_put(log, " ", 1);
		put_quoted(log, message->head.base + target.at, target.size);
		buffer_put(log, version, 10);
	} else {
		buffer_put(log, "-\"", 2);
	}
	char *end = text;
	*end++ = ' ';
	end = put_number(end, (uint64_t)status);
	*end++ = ' ';
	end = put_number(end, size);
	buffer_put(log, text, (size_t)(end - text));
	put_header(log, message, HEADER_REFERER);
	put_header(log, message, HEADER_USER_AGENT);
	buffer_put(log, "\n", 1);
	if (log->size >= GATHER)
		log_flush(loop);
}
