/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: its counters and those of the cores, in the text format of Prometheus (version
 * 0.0.4).
 */
#include "internal.h"

static struct loop *loop_of(struct bm_http_request *request)
{
	return ((struct exchange *)request)->loop;
}

static void head(struct bm_http_request *request, const char *name, const char *type,
		 const char *help)
{
	bm_http_printf(request, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A counter of all loops together, by its place in struct counters. */
static void sum(struct bm_http_request *request, const char *name, const char *help, size_t place)
{
	struct bm_http_server *server = loop_of(request)->server;
	uint64_t total = 0;

	for (uint32_t i = 0; i < server->loop_count; i++)
		total += COUNTED(*(uint64_t *)((char *)&server->loops[i].counters + place));
	head(request, name, "counter", help);
	bm_http_printf(request, "%s %llu\n", name, (unsigned long long)total);
}

static void requests(struct bm_http_request *request, struct bm_http_server *server)
{
	head(request, "http_requests_total", "counter", "Responses by status.");
	for (int status = 0; status < 500; status++) {
		uint64_t total = 0;

		for (uint32_t i = 0; i < server->loop_count; i++)
			total += COUNTED(server->loops[i].counters.status[status]);
		if (total)
			bm_http_printf(request, "http_requests_total{code=\"%d\"} %llu\n",
				       status + 100, (unsigned long long)total);
	}
}

static void timeouts(struct bm_http_request *request, struct bm_http_server *server)
{
	static const char *const names[WAITS] = {"idle", "head", "body", "write", "linger"};

	head(request, "http_timeouts_total", "counter", "Connections closed by a time-out.");
	for (int wait = 0; wait < WAITS; wait++) {
		uint64_t total = 0;

		for (uint32_t i = 0; i < server->loop_count; i++)
			total += COUNTED(server->loops[i].counters.timeouts[wait]);
		bm_http_printf(request, "http_timeouts_total{kind=\"%s\"} %llu\n", names[wait],
			       (unsigned long long)total);
	}
}

static void loops(struct bm_http_request *request, struct bm_http_server *server)
{
	head(request, "http_loop_connections", "gauge", "Open connections of an event loop.");
	for (uint32_t i = 0; i < server->loop_count; i++)
		bm_http_printf(request, "http_loop_connections{loop=\"%u\"} %u\n", i,
			       atomic_load(&server->loops[i].connections));
	head(request, "http_loop_requests_total", "counter", "Responses of an event loop.");
	for (uint32_t i = 0; i < server->loop_count; i++)
		bm_http_printf(request, "http_loop_requests_total{loop=\"%u\"} %llu\n", i,
			       (unsigned long long)COUNTED(server->loops[i].counters.requests));
}

static void seconds(struct bm_http_request *request, const char *name, uint32_t core, uint64_t ns)
{
	bm_http_printf(request, "%s{core=\"%u\"} %llu.%09llu\n", name, core,
		       (unsigned long long)(ns / 1000000000),
		       (unsigned long long)(ns % 1000000000));
}

static void cores(struct bm_http_request *request)
{
	static const struct {
		const char *name, *help;
	} kinds[] = {
	    {"core_busy_seconds_total", "Time with work."},
	    {"core_idle_seconds_total", "Time without work, awake or asleep."},
	    {"core_sleep_seconds_total", "Time asleep."},
	    {"core_tasks_total", "Tasks run to their end."},
	    {"core_wake_ups_total", "Times that the core was woken."},
	};
	uint32_t count = cores_count();
	struct bm_http_core core;

	for (int kind = 0; kind < 5; kind++) {
		const char *name = kinds[kind].name;

		head(request, name, "counter", kinds[kind].help);
		for (uint32_t i = 0; i < count && cores_read(i, &core); i++) {
			if (kind == 0)
				seconds(request, name, i, core.total_ns - core.idle_ns);
			else if (kind == 1)
				seconds(request, name, i, core.idle_ns);
			else if (kind == 2)
				seconds(request, name, i, core.sleep_ns);
			else
				bm_http_printf(
				    request, "%s{core=\"%u\"} %llu\n", name, i,
				    (unsigned long long)(kind == 3 ? core.tasks : core.wake_ups));
		}
	}
}

static void gauge(struct bm_http_request *request, const char *name, const char *help,
		  uint64_t value)
{
	head(request, name, "gauge", help);
	bm_http_printf(request, "%s %llu\n", name, (unsigned long long)value);
}

static void answer(struct bm_http_request *request, void *context)
{
	struct loop *loop = loop_of(request);
	struct bm_http_server *server = context;

	bm_http_type(request, "text/plain; version=0.0.4; charset=utf-8");
	requests(request, server);
#define SUM(name, help, member) sum(request, name, help, offsetof(struct counters, member))
	SUM("http_bad_requests_total", "Requests refused before they were understood.",
	    bad_requests);
	SUM("http_connections_total", "Connections accepted.", accepted);
	SUM("http_connections_refused_total", "Connections turned away by a limit.", refused);
	SUM("http_received_bytes_total", "Bytes of requests.", received);
	SUM("http_sent_bytes_total", "Bytes of responses, with their headers.", sent);
	SUM("http_files_cached_total", "Files answered from memory.", cached);
	SUM("http_files_loaded_total", "Files read into memory.", loaded);
	SUM("http_files_streamed_total", "Files sent without being kept in memory.", streamed);
	SUM("http_log_dropped_total", "Lines of the access log that could not be written.",
	    log_dropped);
#undef SUM
	timeouts(request, server);
	gauge(request, "http_connections", "Open connections.", atomic_load(&server->connections));
	pthread_mutex_lock(&server->cache.lock);
	uint64_t bytes = server->cache.bytes, files = server->cache.files;
	pthread_mutex_unlock(&server->cache.lock);
	gauge(request, "http_cache_bytes", "Bytes of files in memory.", bytes);
	gauge(request, "http_cache_files", "Files in memory.", files);
	gauge(request, "http_uptime_seconds", "Time since the server was started.",
	      (loop->now_ms - server->started_ms) / 1000);
	loops(request, server);
	cores(request);
	if (server->metrics_hook)
		server->metrics_hook(request, server->metrics_context);
}

int bm_http_metrics(struct bm_http_server *server, const char *path)
{
	return bm_http_route(server, "GET", path, answer, server);
}

int bm_http_metrics_hook(struct bm_http_server *server, bm_http_handler *hook, void *context)
{
	if (atomic_load(&server->running))
		return -BM_EBUSY;
	server->metrics_hook = hook;
	server->metrics_context = context;
	return 0;
}
