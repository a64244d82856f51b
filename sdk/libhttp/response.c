/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: what stands before a body, and whole responses.
 */
#include "internal.h"

const char *status_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 202:
		return "Accepted";
	case 204:
		return "No Content";
	case 206:
		return "Partial Content";
	case 301:
		return "Moved Permanently";
	case 302:
		return "Found";
	case 303:
		return "See Other";
	case 304:
		return "Not Modified";
	case 307:
		return "Temporary Redirect";
	case 308:
		return "Permanent Redirect";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 411:
		return "Length Required";
	case 412:
		return "Precondition Failed";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 415:
		return "Unsupported Media Type";
	case 416:
		return "Range Not Satisfiable";
	case 417:
		return "Expectation Failed";
	case 422:
		return "Unprocessable Content";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Status";
	}
}

bool response_start(struct exchange *exchange, int status)
{
	struct loop *loop = exchange->loop;
	struct buffer *out = &loop->out;

	if (!buffer_reserve(out, 256))
		return false;
	if (loop->now_ms - loop->second_ms >= 1000)
		loop_second(loop);
	if (status == 200) {
		memcpy(out->data + out->size, loop->start, loop->start_size);
		out->size += loop->start_size;
	} else {
		char number[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
				  (char)('0' + status % 10)};

		buffer_put(out, "HTTP/1.1 ", 9);
		buffer_put(out, number, 3);
		buffer_put(out, " ", 1);
		buffer_text(out, status_reason(status));
		/* What follows "HTTP/1.1 200 OK". */
		buffer_put(out, loop->start + 15, loop->start_size - 15);
	}
	if (!exchange->keep_alive)
		buffer_put(out, "Connection: close\r\n", 19);
	else if (exchange->request.version == 10)
		buffer_put(out, "Connection: keep-alive\r\n", 24);
	return true;
}

void response_done(struct exchange *exchange, int status, uint64_t body_size)
{
	struct loop *loop = exchange->loop;

	exchange->sent = true;
	COUNT(loop->counters.requests, 1);
	COUNT(loop->counters.status[status - 100], 1);
	if (loop->server->options.log)
		log_request(exchange, status, body_size);
}

void response_send(struct exchange *exchange, int status, const char *type, const char *extra,
		   const void *body, size_t size)
{
	struct buffer *out = &exchange->loop->out;
	size_t start = out->size;
	bool empty = status == 204 || status == 304;

	if (!response_start(exchange, status))
		return;
	bool fine = true;
	if (!empty) {
		fine = buffer_text(out, "Content-Type: ") && buffer_text(out, type) &&
		       buffer_text(out, "\r\nContent-Length: ") && buffer_number(out, size) &&
		       buffer_text(out, "\r\n");
	}
	if (extra)
		fine = fine && buffer_text(out, extra);
	fine = fine && buffer_text(out, "\r\n");
	if (exchange->head_only || empty)
		size = 0;
	if (!fine || !buffer_put(out, body, size)) {
		out->size = start;
		return;
	}
	response_done(exchange, status, size);
}

void response_redirect(struct exchange *exchange, int status, const char *location)
{
	struct buffer extra = exchange->loop->extra;
	static const char page[] =
	    "<!doctype html><title>Moved</title>\n<p>This is elsewhere now.\n";

	extra.size = 0;
	if (buffer_text(&extra, "Location: ") && buffer_text(&extra, location) &&
	    buffer_put(&extra, "\r\n", 3))
		response_send(exchange, status, "text/html; charset=utf-8", extra.data, page,
			      sizeof(page) - 1);
	exchange->loop->extra = extra;
}
