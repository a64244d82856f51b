/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 server: files of a folder, and routes of your own, on all cores.
 *
 *     static void hello(struct bm_http_request *request, void *context)
 *     {
 *             bm_http_printf(request, "Hello, %s.\n", (const char *)context);
 *     }
 *
 *     struct bm_http_options options = {.port = 8080, .root = "/"};
 *     struct bm_http_server *server;
 *     bm_http_create(&server, &options);
 *     bm_http_route(server, "GET", "/hello", hello, "world");
 *     bm_http_run(server);
 *
 * `pkg-config baremetal-http` links it. How it behaves in full, and what it leaves out:
 * sdk/docs/http.md.
 */
#ifndef BAREMETAL_HTTP_H
#define BAREMETAL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <baremetal/error.h>
#include <baremetal/tls.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A server: its sockets, routes, caches and counters. */
struct bm_http_server;

/**
 * What a server shall be like. All zero is a server of routes alone, on any free port, with the
 * limits that are named here. Copied by bm_http_create(), with its strings.
 */
struct bm_http_options {
	const char *address;      /* numeric, to listen at; NULL: all, IPv6 and IPv4 */
	const char *root;         /* folder whose files are served; NULL: none */
	const char *not_found;    /* page for status 404, a path below root; NULL: a plain one */
	uint16_t port;            /* 0: any that is free; bm_http_port() tells */
	bool listing;             /* list a folder without an index.html; else it is not found */
	int log;                  /* descriptor for the access log, combined format; 0: none */
	uint32_t loops;           /* event loops, each a thread; 0: one a core; at most 256 */
	uint32_t max_connections; /* at the same time; 0: 10,240 */
	uint32_t max_per_address; /* of these, from one IPv4 address or IPv6 /64; 0: no limit */
	uint32_t max_head;        /* bytes of request line and headers; 0: 16 KiB; 256 … 64 KiB */
	uint32_t max_headers;     /* header lines; 0: 64, which is also the most */
	uint32_t max_body;        /* bytes of a request's body; 0: 1 MiB; at most 1 GiB */
	uint32_t head_ms;         /* for a whole head to arrive; 0: 10 s */
	uint32_t body_ms;         /* for a whole body to arrive; 0: 60 s */
	uint32_t idle_ms;         /* between requests; 0: 30 s */
	uint32_t write_ms;        /* for the next 16 KiB of a response to leave; 0: 30 s */
	uint32_t cache_file;      /* bytes of the largest file kept in memory; 0: 1 MiB */
	uint64_t cache;           /* bytes of all files kept in memory; 0: 32 MiB */
	struct bm_tls *tls;       /* a server's: HTTPS; NULL: HTTP. Destroyed after the server only */
};

/** A request, as its handler sees it. All of it is the server's, and valid until that returns. */
struct bm_http_request {
	const char *method; /* "GET", …; a HEAD request comes as "HEAD" to the route of GET */
	const char *path;   /* decoded, from '/', without dot segments and doubled slashes */
	const char *query;  /* what follows '?', not decoded; "" */
	const char *rest;   /* of a route that ends in an asterisk: what the asterisk stands for */
	const void *body;   /* its bytes, NULL if there are none */
	size_t body_size;   /* of the body */
	uint8_t version;    /* of HTTP: 10 or 11 */
};

/**
 * Answers a request: by the functions below, and by returning. Runs on the thread of an event
 * loop, which serves nobody else meanwhile; several at once on several cores.
 */
typedef void bm_http_handler(struct bm_http_request *request, void *context);

/** One core, as the status page shows it. Time goes on in all of them; only differences count. */
struct bm_http_core {
	uint64_t total_ns; /* since some start */
	uint64_t idle_ns;  /* of this, without work */
	uint64_t sleep_ns; /* of this, asleep; at most idle_ns */
	uint64_t tasks;    /* tasks run; 0 where there are none */
	uint64_t wake_ups; /* from sleep */
};

/* ---- The server ---- */

/**
 * Make a server. It does nothing yet.
 *
 * @param server   receives it, NULL on failure.
 * @param options  NULL: all zero.
 * @return 0; -BM_EINVAL (an option is out of its range, or an address is not numeric), -BM_ENOENT
 *         (`root` is no folder that can be read), -BM_ENOMEM.
 */
int bm_http_create(struct bm_http_server **server, const struct bm_http_options *options);

/**
 * Have a function answer requests. A route is found before a file of the same path; of several that
 * fit, the longest path. What a path answers to is told to OPTIONS and with status 405.
 *
 * @param server   not started yet.
 * @param methods  separated by commas: "GET", "PUT,DELETE"; "GET" brings HEAD with it.
 * @param path     decoded, from '/'; ending in an asterisk: all that begin with what is before it.
 * @param handler  called for each request.
 * @param context  its second argument.
 * @return 0; -BM_EINVAL (a method that is unknown, a path that does not begin with '/'), -BM_EBUSY
 *         (the server runs), -BM_ENOMEM.
 */
int bm_http_route(struct bm_http_server *server, const char *methods, const char *path,
		  bm_http_handler *handler, void *context);

/** As bm_http_route() of GET: counters of server and cores, in the text format of Prometheus. */
int bm_http_metrics(struct bm_http_server *server, const char *path);

/**
 * As bm_http_route() of GET: a page with a live chart of what each core does, and below it
 * PATH.json, which it reads. It needs nothing from elsewhere.
 */
int bm_http_status_page(struct bm_http_server *server, const char *path);

/**
 * Have a function add its own lines to what bm_http_metrics() answers, by bm_http_printf().
 * One a server; the last counts. Returns as bm_http_route().
 */
int bm_http_metrics_hook(struct bm_http_server *server, bm_http_handler *hook, void *context);

/**
 * Listen, and start the event loops on threads of their own.
 * @return 0; -BM_EBUSY (it runs, or the port is in use), -BM_EINVAL (no such address here),
 *         -BM_EPERM (the port is not allowed), -BM_EIO (no network), -BM_ENOMEM (no memory,
 * descriptors, or threads).
 */
int bm_http_start(struct bm_http_server *server);

/**
 * bm_http_start(), if that has not been called, then wait until bm_http_stop(): the calling thread
 * becomes the first of the loops if it starts them.
 * @return as bm_http_start(); 0 after bm_http_stop().
 */
int bm_http_run(struct bm_http_server *server);

/** The port that it listens at, 0 before it does. */
uint16_t bm_http_port(const struct bm_http_server *server);

/**
 * Let it end: accept nothing more, finish what is being answered (for at most 5 s), close.
 * Returns at once, any thread, also a handler; bm_http_wait() waits.
 */
void bm_http_stop(struct bm_http_server *server);

/** Wait for the loops that bm_http_start() began to end after bm_http_stop(). Not in a handler. */
void bm_http_wait(struct bm_http_server *server);

/** Free a server that does not run. NULL does nothing. */
void bm_http_destroy(struct bm_http_server *server);

/* ---- In a handler: the request ---- */

/**
 * A header of the request.
 * @param request  of this handler.
 * @param name     in any case of letters.
 * @return its value without spaces around it, of the first if there are several; NULL: not there.
 */
const char *bm_http_request_header(struct bm_http_request *request, const char *name);

/**
 * A value of the query (`?name=value&…`), decoded, '+' as a space.
 *
 * @param request  of this handler.
 * @param name     as it is after decoding.
 * @param buffer   the caller's; receives the value, zero-terminated, cut if it does not fit.
 * @param size     its bytes, at least 1.
 * @return the whole value's length; -BM_ENOENT if there is none, and an empty string.
 */
long bm_http_query(const struct bm_http_request *request, const char *name, char *buffer,
		   size_t size);

/** The same in a body of the type application/x-www-form-urlencoded. */
long bm_http_form(const struct bm_http_request *request, const char *name, char *buffer,
		  size_t size);

/** The client's address as text: "192.0.2.1" or "2001:db8::1". */
const char *bm_http_peer(struct bm_http_request *request);

/* ---- In a handler: the response, status 200 and text/plain unless these say otherwise ---- */

/** Its status, 200 … 599. */
void bm_http_status(struct bm_http_request *request, int status);

/** Its Content-Type, copied: at most 127 bytes, without control characters; else nothing changes.
 */
void bm_http_type(struct bm_http_request *request, const char *type);

/**
 * Add a header. Connection, Content-Length, Date and Transfer-Encoding are the server's.
 * @return 0; -BM_EINVAL (characters that are not allowed, or one of those), -BM_ENOSPC (all that
 * were added are more than 8 KiB).
 */
int bm_http_header(struct bm_http_request *request, const char *name, const char *value);

/**
 * Append to the body, which is sent when the handler returns.
 * @return 0; -BM_ENOMEM (it would be more than 64 MiB, or there is no memory): status 500 is sent
 * then.
 */
int bm_http_write(struct bm_http_request *request, const void *data, size_t size);

/** As bm_http_write(), formatted as by printf(). */
__attribute__((format(printf, 2, 3))) int bm_http_printf(struct bm_http_request *request,
							 const char *format, ...);

/** As bm_http_write() of text, with & < > " ' written so that HTML shows them. */
int bm_http_write_html(struct bm_http_request *request, const char *text);

/** Answer with the server's own page for a status, 400 … 599, in place of what was written. */
void bm_http_error(struct bm_http_request *request, int status);

/** Answer with a redirection, status 301, 302, 303, 307 or 308, to a location that is
 * percent-encoded. */
void bm_http_redirect(struct bm_http_request *request, int status, const char *location);

/** Answer with a file below the server's root, by its decoded path, ranges and conditions included.
 */
void bm_http_file(struct bm_http_request *request, const char *path);

#ifdef __cplusplus
}
#endif

#endif
