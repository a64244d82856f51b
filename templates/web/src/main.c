/* SPDX-License-Identifier: MIT */
/*
 * A web server: the files of root/, a route of its own, /metrics and /status; by HTTPS as well
 * where root/.tls/ has a certificate. Words of the command line:
 *
 *     port=N    listen there (default: 80)
 *     log       write a line a request to the console
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>
#include <baremetal/http.h>
#ifdef HTTPS
#include <unistd.h>

#include <baremetal/tls.h>
#endif

/* GET /hello?name=you */
static void hello(struct bm_http_request *request, void *context)
{
	char name[64];

	if (bm_http_query(request, "name", name, sizeof(name)) <= 0)
		strcpy(name, context);
	bm_http_printf(request, "Hello, %s! This is core %u of %u.\n", name, bm_core(),
		       bm_system_info()->cores);
}

/* Start one server. Returns 0 or an error. */
static int start(struct bm_http_server **server, const struct bm_http_options *options)
{
	int error = bm_http_create(server, options);

	if (!error)
		error = bm_http_route(*server, "GET", "/hello", hello, "world");
	if (!error)
		error = bm_http_metrics(*server, "/metrics");
	if (!error)
		error = bm_http_status_page(*server, "/status");
	if (!error)
		error = bm_http_start(*server);
	if (error)
		fprintf(stderr, "no web server on port %u: %s\n", options->port,
			bm_strerror(error));
	return error;
}

#ifdef HTTPS
/* Names that begin with a dot are not served: the key stays here. */
static int start_https(struct bm_http_options options)
{
	struct bm_tls_options files = {
	    .server = true, .certificate = "/.tls/certificate.pem", .key = "/.tls/key.pem"};
	struct bm_http_server *server;

	if (access(files.key, F_OK) != 0)
		return 0;
	int error = bm_tls_create(&options.tls, &files);
	if (error) {
		fprintf(stderr, "no HTTPS: %s and %s: %s\n", files.certificate, files.key,
			bm_strerror(error));
		return error;
	}
	options.port = 443;
	error = start(&server, &options);
	if (!error)
		printf("HTTPS on port %u\n", bm_http_port(server));
	return error;
}
#endif

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
#ifdef HTTPS
	if (start_https(options))
		return 1;
#endif
	if (start(&server, &options))
		return 1;
	printf("web server on port %u, %u cores\n", bm_http_port(server), bm_system_info()->cores);
	return bm_http_run(server) ? 1 : 0;
}
