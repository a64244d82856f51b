/* SPDX-License-Identifier: MIT */
/*
 * A web server: the files of root/, a route of its own, /metrics and /status. Words of the command
 * line:
 *
 *     port=N    listen there (default: 80)
 *     log       write a line a request to the console
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>
#include <baremetal/http.h>

/* GET /hello?name=you */
static void hello(struct bm_http_request *request, void *context)
{
	char name[64];

	if (bm_http_query(request, "name", name, sizeof(name)) <= 0)
		strcpy(name, context);
	bm_http_printf(request, "Hello, %s! This is core %u of %u.\n", name, bm_core(),
		       bm_system_info()->cores);
}

int main(int argc, char **argv)
{
	struct bm_http_options options = {.port = 80, .root = "/", .not_found = "/404.html"};
	struct bm_http_server *server;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "port=", 5) == 0)
			options.port = (uint16_t)atoi(argv[i] + 5);
		else if (strcmp(argv[i], "log") == 0)
			options.log = 1;
	}
	int error = bm_http_create(&server, &options);
	if (!error)
		error = bm_http_route(server, "GET", "/hello", hello, "world");
	if (!error)
		error = bm_http_metrics(server, "/metrics");
	if (!error)
		error = bm_http_status_page(server, "/status");
	if (!error)
		error = bm_http_start(server);
	if (error) {
		fprintf(stderr, "no web server: %s\n", bm_strerror(error));
		return 1;
	}
	printf("web server on port %u, %u cores\n", bm_http_port(server), bm_system_info()->cores);
	return bm_http_run(server) ? 1 : 0;
}
