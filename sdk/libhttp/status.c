/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: the status page, status.html, and the figures that it reads once a second.
 */
#include <stdlib.h>

#include "internal.h"
#include "status_page.h" /* made of status.html by embed.py */

static void page(struct bm_http_request *request, void *context)
{
	(void)context;
	bm_http_type(request, "text/html; charset=utf-8");
	bm_http_header(request, "Content-Security-Policy",
		       "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
		       "connect-src 'self'");
	bm_http_header(request, "Cache-Control", "no-cache");
	bm_http_write(request, status_page, sizeof(status_page) - 1);
}

static void figures(struct bm_http_request *request, void *context)
{
	struct bm_http_server *server = context;
	struct loop *loop = ((struct exchange *)request)->loop;
	struct bm_http_core core;
	uint32_t cores = cores_count();

	bm_http_type(request, "application/json");
	bm_http_header(request, "Cache-Control", "no-store");
	bm_http_printf(request, "{\"uptime_ms\":%llu,\"connections\":%u,\"cores\":[",
		       (unsigned long long)(loop->now_ms - server->started_ms),
		       atomic_load(&server->connections));
	for (uint32_t i = 0; i < cores && cores_read(i, &core); i++)
		bm_http_printf(request,
			       "%s{\"total\":%llu,\"idle\":%llu,\"sleep\":%llu,\"tasks\":%llu,"
			       "\"wake_ups\":%llu}",
			       i ? "," : "", (unsigned long long)core.total_ns,
			       (unsigned long long)core.idle_ns, (unsigned long long)core.sleep_ns,
			       (unsigned long long)core.tasks, (unsigned long long)core.wake_ups);
	bm_http_printf(request, "],\"loops\":[");
	for (uint32_t i = 0; i < server->loop_count; i++) {
		const struct loop *other = &server->loops[i];

		bm_http_printf(
		    request,
		    "%s{\"connections\":%u,\"requests\":%llu,\"received\":%llu,\"sent\":%llu}",
		    i ? "," : "", atomic_load(&other->connections),
		    (unsigned long long)COUNTED(other->counters.requests),
		    (unsigned long long)COUNTED(other->counters.received),
		    (unsigned long long)COUNTED(other->counters.sent));
	}
	bm_http_printf(request, "]}\n");
}

int bm_http_status_page(struct bm_http_server *server, const char *path)
{
	size_t size = path ? strlen(path) : 0;
	char *data = malloc(size + 6);

	if (!data)
		return -BM_ENOMEM;
	memcpy(data, path ? path : "", size);
	memcpy(data + size, ".json", 6);
	int error = bm_http_route(server, "GET", path, page, server);
	if (!error)
		error = bm_http_route(server, "GET", data, figures, server);
	free(data);
	return error;
}
