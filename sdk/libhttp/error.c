/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: error pages. They say what happened, and nothing that the client sent.
 */
#include <stdio.h>

#include "internal.h"

static const char *explain(int status)
{
	switch (status) {
	case 400:
		return "The request breaks a rule of HTTP.";
	case 403:
		return "This is not for everyone.";
	case 404:
		return "There is nothing at this address.";
	case 405:
		return "This address does not answer to that method.";
	case 408:
		return "The request took too long to arrive.";
	case 412:
		return "What the request supposed is not so.";
	case 413:
		return "The request's body is too large.";
	case 414:
		return "The address is too long.";
	case 416:
		return "The file has no such part.";
	case 417:
		return "What the request expects is not done here.";
	case 431:
		return "The request's headers are too large or too many.";
	case 501:
		return "The request asks for something that is not done here.";
	case 503:
		return "Too much to do just now: try again in a while.";
	case 505:
		return "Only HTTP/1.0 and HTTP/1.1 are spoken here.";
	default:
		return status >= 500 ? "Something went wrong here."
				     : "The request cannot be answered.";
	}
}

void response_error(struct exchange *exchange, int status, const char *extra)
{
	struct bm_http_server *server = exchange->loop->server;
	const char *reason = status_reason(status);
	char page[512];

	/* A site's own page. */
	if (status == 404 && server->options.not_found) {
		int found;
		struct file *file = file_get(exchange->loop, server->options.not_found,
					     strlen(server->options.not_found), &found);

		if (file) {
			file_respond(exchange, file, status);
			if (exchange->sent)
				return;
		}
	}
	int size = snprintf(page, sizeof(page),
			    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
			    "<title>%d %s</title>\n<h1>%d %s</h1>\n<p>%s\n",
			    status, reason, status, reason, explain(status));
	if (status == 503 && !extra)
		extra = "Retry-After: 1\r\n";
	response_send(exchange, status, "text/html; charset=utf-8", extra, page, (size_t)size);
}
