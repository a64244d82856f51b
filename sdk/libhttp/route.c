/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: who answers a request. Routes first, the longest path before others; then files.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

#define METHOD(method) (UINT64_C(1) << (method))
#define KNOWN                                                                                      \
	(METHOD(HTTP_GET) | METHOD(HTTP_HEAD) | METHOD(HTTP_POST) | METHOD(HTTP_PUT) |             \
	 METHOD(HTTP_DELETE) | METHOD(HTTP_PATCH) | METHOD(HTTP_OPTIONS))

#define ALLOW 96 /* bytes of a header that names them all */

static const llhttp_method_t in_order[] = {HTTP_GET,    HTTP_HEAD,  HTTP_POST,   HTTP_PUT,
					   HTTP_DELETE, HTTP_PATCH, HTTP_OPTIONS};

/* The header that says what is allowed. */
static void allow_lines(uint64_t methods, char text[ALLOW])
{
	size_t size = (size_t)snprintf(text, ALLOW, "Allow: ");
	const char *comma = "";

	methods |= METHOD(HTTP_OPTIONS);
	for (unsigned i = 0; i < sizeof(in_order) / sizeof(*in_order); i++)
		if (methods & METHOD(in_order[i])) {
			size += (size_t)snprintf(text + size, ALLOW - size, "%s%s", comma,
						 llhttp_method_name(in_order[i]));
			comma = ", ";
		}
	snprintf(text + size, ALLOW - size, "\r\n");
}

static bool fits(const struct route *route, const struct target *target)
{
	if (route->prefix ? target->path_size < route->size : target->path_size != route->size)
		return false;
	return memcmp(route->path, target->path, route->size) == 0;
}

static void describe(struct exchange *exchange, const struct route *route)
{
	struct bm_http_request *request = &exchange->request;
	struct loop *loop = exchange->loop;
	struct target *target = &loop->target;

	request->method = llhttp_method_name((llhttp_method_t)exchange->message->parser.method);
	request->path = target->path;
	request->rest = route && route->prefix ? target->path + route->size : "";
	memcpy(loop->query, target->query, target->query_size);
	loop->query[target->query_size] = '\0';
	request->query = loop->query;
	request->body = exchange->message->body_size ? exchange->message->body : NULL;
	request->body_size = exchange->message->body_size;
}

void exchange_handler(struct exchange *exchange, bm_http_handler *handler, void *context)
{
	struct loop *loop = exchange->loop;

	strcpy(exchange->type, "text/plain; charset=utf-8");
	loop->body.size = loop->extra.size = 0;
	handler(&exchange->request, context);
	if (exchange->sent)
		return;
	if (exchange->failed || exchange->error) {
		response_error(exchange, exchange->failed ? 500 : exchange->error, NULL);
	} else {
		if (loop->extra.size)
			buffer_put(&loop->extra, "", 1);
		response_send(exchange, exchange->status, exchange->type,
			      loop->extra.size ? loop->extra.data : NULL, loop->body.data,
			      loop->body.size);
	}
	if (loop->body.capacity > (256 << 10)) {
		free(loop->body.data);
		loop->body = (struct buffer){0};
	}
}

/* The target "*": what the server can do as a whole. */
static void answer_options(struct exchange *exchange, uint64_t methods)
{
	char lines[ALLOW];

	allow_lines(methods, lines);
	response_send(exchange, 204, "", lines, "", 0);
}

void route_request(struct exchange *exchange)
{
	struct loop *loop = exchange->loop;
	struct bm_http_server *server = loop->server;
	const struct message *message = exchange->message;
	struct slice target = message->head.target;
	const char *text = message->head.base + target.at;
	uint64_t method = METHOD(message->parser.method), methods = 0;
	char lines[ALLOW];

	if (!(method & KNOWN)) {
		response_error(exchange, 501, NULL);
		return;
	}
	if (target.size == 1 && *text == '*' && method == METHOD(HTTP_OPTIONS)) {
		answer_options(exchange, KNOWN);
		return;
	}
	int status = path_canonical(&loop->target, text, target.size);
	if (status) {
		response_error(exchange, status, NULL);
		return;
	}
	for (const struct route *route = server->routes; route; route = route->next) {
		if (!fits(route, &loop->target))
			continue;
		if (route->methods & method) {
			describe(exchange, route);
			exchange_handler(exchange, route->handler, route->context);
			return;
		}
		methods |= route->methods;
	}
	if (!methods && server->root >= 0) {
		if (method & (METHOD(HTTP_GET) | METHOD(HTTP_HEAD))) {
			file_serve(exchange, loop->target.path, loop->target.path_size);
			return;
		}
		methods = METHOD(HTTP_GET) | METHOD(HTTP_HEAD);
	}
	if (!methods) {
		response_error(exchange, 404, NULL);
	} else if (method == METHOD(HTTP_OPTIONS)) {
		answer_options(exchange, methods);
	} else {
		allow_lines(methods, lines);
		response_error(exchange, 405, lines);
	}
}

int bm_http_route(struct bm_http_server *server, const char *methods, const char *path,
		  bm_http_handler *handler, void *context)
{
	uint64_t set = 0;

	if (!methods || !path || *path != '/' || !handler)
		return -BM_EINVAL;
	if (atomic_load(&server->running))
		return -BM_EBUSY;
	for (const char *name = methods; *name;) {
		size_t size = strcspn(name, ", "), i = 0;

		while (i < sizeof(in_order) / sizeof(*in_order) &&
		       (strlen(llhttp_method_name(in_order[i])) != size ||
			memcmp(llhttp_method_name(in_order[i]), name, size) != 0))
			i++;
		if (i == sizeof(in_order) / sizeof(*in_order))
			return -BM_EINVAL;
		set |= METHOD(in_order[i]);
		name += size;
		name += strspn(name, ", ");
	}
	if (!set)
		return -BM_EINVAL;
	if (set & METHOD(HTTP_GET))
		set |= METHOD(HTTP_HEAD);
	struct route *route = calloc(1, sizeof(*route));
	char *copy = strdup(path);
	if (!route || !copy) {
		free(route);
		free(copy);
		return -BM_ENOMEM;
	}
	route->size = strlen(copy);
	route->prefix = copy[route->size - 1] == '*';
	route->size -= route->prefix;
	route->path = copy;
	route->methods = set;
	route->handler = handler;
	route->context = context;
	/* Longer ones first, of the same length an exact one; else in the order that they came. */
	struct route **place = &server->routes;
	while (*place && ((*place)->size > route->size ||
			  ((*place)->size == route->size && (*place)->prefix <= route->prefix)))
		place = &(*place)->next;
	route->next = *place;
	*place = route;
	return 0;
}
