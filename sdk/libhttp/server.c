/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: options, sockets that listen, threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#if __has_include(<sys/eventfd.h>)
#include <sys/eventfd.h>
#endif

#include "internal.h"

#define BACKLOG 1024

static bool option(uint32_t *value, uint32_t usual, uint32_t least, uint32_t most)
{
	if (!*value)
		*value = usual;
	return *value >= least && *value <= most;
}

static bool check_options(struct bm_http_options *options)
{
	uint32_t day = 24 * 3600 * 1000;

	if (!options->cache)
		options->cache = 32 << 20;
	return option(&options->max_connections, 10240, 1, 1 << 24) &&
	       option(&options->max_head, 16384, 256, 65536) &&
	       option(&options->max_headers, HTTP_HEADERS, 1, HTTP_HEADERS) &&
	       option(&options->max_body, 1 << 20, 1, 1 << 30) &&
	       option(&options->head_ms, 10000, 1, day) &&
	       option(&options->body_ms, 60000, 1, day) &&
	       option(&options->idle_ms, 30000, 1, day) &&
	       option(&options->write_ms, 30000, 1, day) &&
	       option(&options->cache_file, 1 << 20, 1, 1 << 30) && options->loops <= HTTP_LOOPS &&
	       options->log >= 0 && (!options->not_found || *options->not_found == '/');
}

/* The numeric address to listen at. */
static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *to,
			  socklen_t *size)
{
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof(*to));
	if (!text || inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		*size = sizeof(*six);
		return true;
	}
	if (inet_pton(AF_INET, text, &four->sin_addr) != 1)
		return false;
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	*size = sizeof(*four);
	return true;
}

static char *copy(const char *text, bool *fine)
{
	char *made = text ? strdup(text) : NULL;

	if (text && !made)
		*fine = false;
	return made;
}

int bm_http_create(struct bm_http_server **result, const struct bm_http_options *options)
{
	struct bm_http_server *server = calloc(1, sizeof(*server));
	struct sockaddr_storage address;
	struct stat info;
	socklen_t size;
	bool fine = true;
	int error = -BM_EINVAL;

	*result = NULL;
	if (!server)
		return -BM_ENOMEM;
	if (options)
		server->options = *options;
	server->listener = server->spare = server->root = -1;
	pthread_mutex_init(&server->pool_lock, NULL);
	server->options.address = copy(server->options.address, &fine);
	server->options.root = copy(server->options.root, &fine);
	server->options.not_found = copy(server->options.not_found, &fine);
	if (!cache_init(&server->cache) || !fine) {
		error = -BM_ENOMEM;
		goto fail;
	}
	if (!check_options(&server->options) ||
	    !parse_address(server->options.address, server->options.port, &address, &size))
		goto fail;
	if (server->options.root) {
		error = -BM_ENOENT;
		server->root = open(server->options.root, O_RDONLY | O_DIRECTORY);
		if (server->root < 0 || fstat(server->root, &info) != 0)
			goto fail;
		server->root_device = (uint64_t)info.st_dev;
	}
	if (server->options.max_per_address) {
		error = -BM_ENOMEM;
		server->addresses = calloc(HTTP_ADDRESSES, sizeof(*server->addresses));
		if (!server->addresses)
			goto fail;
	}
	server->loop_count = server->options.loops;
	if (!server->loop_count) {
		long cores = cores_count();

		server->loop_count = (uint32_t)(cores < HTTP_LOOPS ? cores : HTTP_LOOPS);
	}
	*result = server;
	return 0;

fail:
	bm_http_destroy(server);
	return error;
}

static int error_of(int error)
{
	switch (error) {
	case EADDRINUSE:
		return -BM_EBUSY;
	case EADDRNOTAVAIL:
		return -BM_EINVAL;
	case EACCES:
	case EPERM:
		return -BM_EPERM;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case EAGAIN:
		return -BM_ENOMEM;
	default:
		return -BM_EIO;
	}
}

/* A socket that listens, non-blocking; or a negative errno. */
static int listen_at(const struct sockaddr_storage *address, socklen_t size, bool both)
{
	int yes = 1, no = 0, error;
	int listener = socket(address->ss_family, SOCK_STREAM, 0);

	if (listener < 0)
		return -errno;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	/* Responses leave in one piece: there is nothing for Nagle's algorithm to gather. */
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (address->ss_family == AF_INET6)
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, both ? &no : &yes, sizeof(no));
	if (bind(listener, (const struct sockaddr *)address, size) == 0 &&
	    listen(listener, BACKLOG) == 0 &&
	    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) == 0)
		return listener;
	error = errno;
	close(listener);
	return -error;
}

static int open_listener(struct bm_http_server *server)
{
	const struct bm_http_options *options = &server->options;
	struct sockaddr_storage address;
	socklen_t size;

	parse_address(options->address, options->port, &address, &size);
	int listener = listen_at(&address, size, !options->address);
	if (listener < 0 && !options->address && listener != -EADDRINUSE && listener != -EACCES) {
		/* A system without IPv6. */
		parse_address("0.0.0.0", options->port, &address, &size);
		listener = listen_at(&address, size, false);
	}
	if (listener < 0)
		return error_of(-listener);
	server->listener = listener;
	server->spare = dup(listener);
	size = sizeof(address);
	if (getsockname(listener, (struct sockaddr *)&address, &size) != 0)
		return -BM_EIO;
	atomic_store(&server->port, address.ss_family == AF_INET6
					? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
					: ntohs(((struct sockaddr_in *)&address)->sin_port));
	return 0;
}

/* What a loop's thread needs of the system. */
static int open_loop(struct loop *loop)
{
	loop->poller = epoll_create1(0);
	if (loop->poller < 0)
		return error_of(errno);
#ifdef EFD_NONBLOCK
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = loop};

	loop->wake = eventfd(0, EFD_NONBLOCK);
	if (loop->wake < 0 || epoll_ctl(loop->poller, EPOLL_CTL_ADD, loop->wake, &event) != 0)
		return error_of(errno);
#endif
	accept_listen(loop, true);
	return loop->listen_again_ms ? -BM_EIO : 0;
}

static void close_all(struct bm_http_server *server)
{
	for (uint32_t i = 0; server->loops && i < server->loop_count; i++)
		loop_free(&server->loops[i]);
	free(server->loops);
	server->loops = NULL;
	if (server->listener >= 0)
		close(server->listener);
	if (server->spare >= 0)
		close(server->spare);
	server->listener = server->spare = -1;
	atomic_store(&server->port, 0);
	atomic_store(&server->running, false);
}

void bm_http_wait(struct bm_http_server *server)
{
	if (!server->loops)
		return;
	for (uint32_t i = 0; i < server->loop_count; i++)
		if (server->loops[i].has_thread)
			pthread_join(server->loops[i].thread, NULL);
	close_all(server);
}

/* Start the loops from `first` on, on threads. */
static int start(struct bm_http_server *server, uint32_t first)
{
	bool was = false;
	int error = 0;

	if (!atomic_compare_exchange_strong(&server->running, &was, true))
		return -BM_EBUSY;
	atomic_store(&server->stop, false);
	server->started_ms = time_ms();
	server->loops = calloc(server->loop_count, sizeof(*server->loops));
	if (!server->loops) {
		atomic_store(&server->running, false);
		return -BM_ENOMEM;
	}
	for (uint32_t i = 0; i < server->loop_count; i++) {
		server->loops[i].poller = server->loops[i].wake = -1;
		int failed = loop_init(&server->loops[i], server, i);
		error = error ? error : failed;
	}
	if (!error)
		error = open_listener(server);
	for (uint32_t i = 0; i < server->loop_count && !error; i++)
		error = open_loop(&server->loops[i]);
	if (error) {
		close_all(server);
		return error;
	}
	for (uint32_t i = first; i < server->loop_count; i++) {
		struct loop *loop = &server->loops[i];

		if (pthread_create(&loop->thread, NULL, loop_run, loop) != 0) {
			bm_http_stop(server);
			bm_http_wait(server);
			return -BM_ENOMEM;
		}
		loop->has_thread = true;
	}
	return 0;
}

int bm_http_start(struct bm_http_server *server)
{
	return start(server, 0);
}

int bm_http_run(struct bm_http_server *server)
{
	if (!atomic_load(&server->running)) {
		int error = start(server, 1);

		if (error)
			return error;
		loop_run(&server->loops[0]);
	}
	bm_http_wait(server);
	return 0;
}

uint16_t bm_http_port(const struct bm_http_server *server)
{
	return atomic_load(&server->port);
}

void bm_http_stop(struct bm_http_server *server)
{
	atomic_store(&server->stop, true);
	for (uint32_t i = 0; server->loops && i < server->loop_count; i++) {
		uint64_t one = 1;

		if (server->loops[i].wake >= 0 &&
		    write(server->loops[i].wake, &one, sizeof(one)) < 0)
			continue; /* it is woken already */
	}
}

void bm_http_destroy(struct bm_http_server *server)
{
	if (!server)
		return;
	while (server->routes) {
		struct route *route = server->routes;

		server->routes = route->next;
		free(route->path);
		free(route);
	}
	while (server->pool) {
		struct connection *connection = server->pool;

		server->pool = connection->next;
		free(connection);
	}
	if (server->root >= 0)
		close(server->root);
	if (server->cache.buckets)
		cache_free(&server->cache);
	pthread_mutex_destroy(&server->pool_lock);
	free(server->addresses);
	free((char *)server->options.address);
	free((char *)server->options.root);
	free((char *)server->options.not_found);
	free(server);
}
