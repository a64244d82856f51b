/* SPDX-License-Identifier: MIT */
/*
 * A server for the tests on the host: serve [NAME=VALUE…]. Prints "port N" when it listens; ends
 * with its standard input. NAME is an option of struct bm_http_options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/http.h>

static void hello(struct bm_http_request *request, void *context)
{
	char name[32];

	if (bm_http_query(request, "name", name, sizeof(name)) < 0)
		snprintf(name, sizeof(name), "%s", (const char *)context);
	bm_http_printf(request, "Hello, %s.\n", name);
}

/* What came, as it was understood. */
static void echo(struct bm_http_request *request, void *context)
{
	const char *type = bm_http_request_header(request, "content-type");

	(void)context;
	if (type)
		bm_http_type(request, type);
	bm_http_header(request, "X-Method", request->method);
	bm_http_header(request, "X-Query", request->query);
	bm_http_header(request, "X-Rest", request->rest);
	bm_http_header(request, "X-Peer", bm_http_peer(request));
	bm_http_status(request, 201);
	bm_http_write(request, request->body, request->body_size);
}

static void form(struct bm_http_request *request, void *context)
{
	char value[8];
	long size = bm_http_form(request, "field", value, sizeof(value));

	(void)context;
	bm_http_printf(request, "%ld ", size);
	bm_http_write_html(request, value);
}

static void large(struct bm_http_request *request, void *context)
{
	(void)context;
	for (int i = 0; i < 300000; i++)
		if (bm_http_printf(request, "%09d\n", i) < 0)
			return;
}

static void other(struct bm_http_request *request, void *context)
{
	(void)context;
	if (strcmp(request->rest, "moved") == 0)
		bm_http_redirect(request, 302, "/hello");
	else if (strcmp(request->rest, "file") == 0)
		bm_http_file(request, "/index.html");
	else if (strcmp(request->rest, "outside") == 0)
		bm_http_file(request, "/../secret");
	else if (strcmp(request->rest, "bad") == 0)
		bm_http_printf(request, "%d %d %d", bm_http_header(request, "A", "b\r\nC: d"),
			       bm_http_header(request, "Content-Length", "1"),
			       bm_http_header(request, "", "x"));
	else if (strcmp(request->rest, "teapot") == 0)
		bm_http_error(request, 422);
	else if (strcmp(request->rest, "nothing") == 0)
		bm_http_status(request, 204);
}

static void own_metrics(struct bm_http_request *request, void *context)
{
	bm_http_printf(request, "own_metric{of=\"%s\"} 1\n", (const char *)context);
}

static const struct {
	const char *name;
	size_t offset;
	char kind;
} names[] = {
#define OPTION(name, kind)                                                                         \
	{                                                                                          \
#name, offsetof(struct bm_http_options, name), kind                                \
	}
    OPTION(address, 's'),         OPTION(root, 's'),
    OPTION(not_found, 's'),       OPTION(port, 'h'),
    OPTION(listing, 'b'),         OPTION(log, 'i'),
    OPTION(loops, 'i'),           OPTION(max_connections, 'i'),
    OPTION(max_per_address, 'i'), OPTION(max_head, 'i'),
    OPTION(max_headers, 'i'),     OPTION(max_body, 'i'),
    OPTION(head_ms, 'i'),         OPTION(body_ms, 'i'),
    OPTION(idle_ms, 'i'),         OPTION(write_ms, 'i'),
    OPTION(cache_file, 'i'),      OPTION(cache, 'l'),
};

static void set(struct bm_http_options *options, char *word)
{
	char *value = strchr(word, '=');

	for (size_t i = 0; value && i < sizeof(names) / sizeof(*names); i++) {
		char *place = (char *)options + names[i].offset;
		unsigned long number = strtoul(value + 1, NULL, 0);

		if (strlen(names[i].name) != (size_t)(value - word) ||
		    memcmp(names[i].name, word, (size_t)(value - word)) != 0)
			continue;
		if (names[i].kind == 's')
			*(const char **)place = value + 1;
		else if (names[i].kind == 'b')
			*(bool *)place = number != 0;
		else if (names[i].kind == 'h')
			*(uint16_t *)place = (uint16_t)number;
		else if (names[i].kind == 'i')
			*(uint32_t *)place = (uint32_t)number;
		else
			*(uint64_t *)place = number;
		return;
	}
	fprintf(stderr, "%s: no such option\n", word);
	exit(2);
}

int main(int argc, char **argv)
{
	struct bm_http_options options = {0};
	struct bm_http_server *server;
	char byte;

	for (int i = 1; i < argc; i++)
		set(&options, argv[i]);
	int error = bm_http_create(&server, &options);
	if (error) {
		fprintf(stderr, "create: %d\n", error);
		return 1;
	}
	if (bm_http_route(server, "GET", "/hello", hello, "world") ||
	    bm_http_route(server, "GET,POST,PUT,DELETE,PATCH", "/echo*", echo, NULL) ||
	    bm_http_route(server, "POST", "/form", form, NULL) ||
	    bm_http_route(server, "GET", "/large", large, NULL) ||
	    bm_http_route(server, "GET", "/other/*", other, NULL) ||
	    bm_http_metrics(server, "/metrics") ||
	    bm_http_metrics_hook(server, own_metrics, "test") ||
	    bm_http_status_page(server, "/status"))
		return 1;
	error = bm_http_start(server);
	if (error) {
		fprintf(stderr, "start: %d\n", error);
		return 1;
	}
	printf("port %u\n", bm_http_port(server));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	bm_http_stop(server);
	bm_http_wait(server);
	bm_http_destroy(server);
	return 0;
}
