/* SPDX-License-Identifier: MIT */
/*
 * The template web as it is, with routes for the test beside its own: POST /test/stop ends the
 * server, and so the program; /test/core tells the core that answers, /test/memory how much of the
 * heap is in use.
 */
#include <baremetal/http.h>

int test_start(struct bm_http_server *server);
#define main          template_main
#define bm_http_start test_start
#include "../../../templates/web/src/main.c"
#undef main
#undef bm_http_start

#include <malloc.h>
#include <unistd.h>

static void stop(struct bm_http_request *request, void *context)
{
	bm_http_printf(request, "stopping\n");
	bm_http_stop(context);
}

/* Long enough that another core takes what comes meanwhile. */
static void core(struct bm_http_request *request, void *context)
{
	uint64_t end = bm_time_monotonic() + 20000000;

	(void)context;
	while (bm_time_monotonic() < end)
		;
	bm_http_printf(request, "%u", bm_core());
}

static void echo(struct bm_http_request *request, void *context)
{
	(void)context;
	bm_http_write(request, request->body, request->body_size);
}

/* Bytes of the heap that are in use. */
static void memory(struct bm_http_request *request, void *context)
{
	(void)context;
	bm_http_printf(request, "%lu", (unsigned long)mallinfo().uordblks);
}

int test_start(struct bm_http_server *server)
{
	int error = bm_http_route(server, "POST", "/test/stop", stop, server);

	if (!error)
		error = bm_http_route(server, "GET", "/test/core", core, NULL);
	if (!error)
		error = bm_http_route(server, "POST", "/test/echo", echo, NULL);
	if (!error)
		error = bm_http_route(server, "GET", "/test/memory", memory, NULL);
	return error ? error : bm_http_start(server);
}

int main(int argc, char **argv)
{
	return template_main(argc, argv);
}
