/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: new connections, and the limits on them.
 *
 * All loops listen; who takes a connection gives it to the loop that has fewest. When there are too
 * many, the one that is idle for longest makes room; if none is, the newcomer is told so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "internal.h"

#define AT_ONCE  64  /* connections taken before others are served */
#define PAUSE_MS 200 /* not listening, when there is no descriptor left */

#ifndef SOCK_NONBLOCK
#define SOCK_NONBLOCK 0
#endif
#ifndef SOCK_CLOEXEC
#define SOCK_CLOEXEC 0
#endif
#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* ---- Connections an address ---- */

struct address_count {
	struct address_count *next;
	uint64_t address;
	uint32_t family, count;
};

/* An IPv6 host has a /64 to choose its addresses from. */
static uint64_t address_key(const struct peer *peer)
{
	uint64_t key = 0;

	memcpy(&key, peer->address, peer->family == 4 ? 4 : 8);
	return key;
}

static struct address_count **address_find(struct bm_http_server *server, const struct peer *peer)
{
	uint64_t key = address_key(peer);
	struct address_count **place =
	    &server->addresses[(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % HTTP_ADDRESSES];

	while (*place && ((*place)->address != key || (*place)->family != peer->family))
		place = &(*place)->next;
	return place;
}

bool address_enter(struct bm_http_server *server, const struct peer *peer)
{
	bool fine = false;

	if (!server->addresses)
		return true;
	pthread_mutex_lock(&server->pool_lock);
	struct address_count **place = address_find(server, peer);
	if (!*place) {
		*place = calloc(1, sizeof(**place));
		if (*place) {
			(*place)->address = address_key(peer);
			(*place)->family = peer->family;
		}
	}
	if (*place && (*place)->count < server->options.max_per_address) {
		(*place)->count++;
		fine = true;
	}
	pthread_mutex_unlock(&server->pool_lock);
	return fine;
}

void address_leave(struct bm_http_server *server, const struct peer *peer)
{
	if (!server->addresses)
		return;
	pthread_mutex_lock(&server->pool_lock);
	struct address_count **place = address_find(server, peer), *here = *place;
	if (here && !--here->count) {
		*place = here->next;
		free(here);
	}
	pthread_mutex_unlock(&server->pool_lock);
}

/* ---- The pool ---- */

struct connection *connection_new(struct bm_http_server *server)
{
	pthread_mutex_lock(&server->pool_lock);
	struct connection *connection = server->pool;
	if (connection)
		server->pool = connection->next;
	pthread_mutex_unlock(&server->pool_lock);
	if (!connection)
		connection = malloc(sizeof(*connection));
	if (connection)
		memset(connection, 0, sizeof(*connection));
	return connection;
}

void connection_free(struct bm_http_server *server, struct connection *connection)
{
	address_leave(server, &connection->peer);
	atomic_fetch_sub_explicit(&server->connections, 1, memory_order_relaxed);
	pthread_mutex_lock(&server->pool_lock);
	connection->next = server->pool;
	server->pool = connection;
	pthread_mutex_unlock(&server->pool_lock);
}

/* ---- Accepting ---- */

void accept_listen(struct loop *loop, bool on)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = loop->server};

	loop->listen_again_ms = on ? 0 : loop->now_ms + PAUSE_MS;
	if (epoll_ctl(loop->poller, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, loop->server->listener,
		      &event))
		loop->listen_again_ms = on ? loop->now_ms + PAUSE_MS : loop->listen_again_ms;
}

static void peer_of(struct peer *peer, const struct sockaddr_storage *from)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)from;

		peer->family = 4;
		peer->port = ntohs(in->sin_port);
		memcpy(peer->address, &in->sin_addr, 4);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
		const uint8_t *address = (const uint8_t *)&in->sin6_addr;
		bool is_mapped = memcmp(address, mapped, sizeof(mapped)) == 0;

		peer->family = is_mapped ? 4 : 6;
		peer->port = ntohs(in->sin6_port);
		memcpy(peer->address, is_mapped ? address + 12 : address, is_mapped ? 4 : 16);
	}
}

static void turn_away(struct loop *loop, int descriptor)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				   "Retry-After: 1\r\nConnection: close\r\n\r\n";

	COUNT(loop->counters.refused, 1);
	if (!loop->server->options.tls &&
	    send(descriptor, text, sizeof(text) - 1, MSG_NOSIGNAL) >= 0)
		shutdown(descriptor, SHUT_WR);
	close(descriptor);
}

/* Close the connection of this loop that is idle for longest. */
static bool make_room(struct loop *loop)
{
	struct connection *oldest = loop->lists[WAIT_IDLE].first;

	if (!oldest)
		return false;
	connection_close(oldest);
	return true;
}

/* No descriptor is left: take the newcomer on the spare one, so that it does not wait for nothing.
 */
static void out_of_descriptors(struct loop *loop)
{
	struct bm_http_server *server = loop->server;

	if (make_room(loop))
		return;
	pthread_mutex_lock(&server->pool_lock);
	if (server->spare >= 0) {
		close(server->spare);
		int descriptor = accept(server->listener, NULL, NULL);
		if (descriptor >= 0)
			turn_away(loop, descriptor);
		server->spare = dup(server->listener);
	}
	pthread_mutex_unlock(&server->pool_lock);
	accept_listen(loop, false);
}

/* Itself, unless another has clearly fewer. */
static struct loop *least(struct loop *loop)
{
	struct bm_http_server *server = loop->server;
	struct loop *best = loop;
	uint32_t fewest = atomic_load_explicit(&loop->connections, memory_order_relaxed);

	for (uint32_t i = 0; i < server->loop_count; i++) {
		uint32_t count =
		    atomic_load_explicit(&server->loops[i].connections, memory_order_relaxed);

		if (count + 1 < fewest) {
			fewest = count;
			best = &server->loops[i];
		}
	}
	return best;
}

static void give(struct loop *loop, struct connection *connection)
{
	struct loop *to = loop->server->loop_count > 1 ? least(loop) : loop;
	struct epoll_event event = {.events = LOOP_READS, .data.ptr = connection};

	COUNT(loop->counters.accepted, 1);
	atomic_fetch_add_explicit(&to->connections, 1, memory_order_relaxed);
	if (to == loop) {
		connection_begin(loop, connection);
		if (epoll_ctl(loop->poller, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
			connection_close(connection);
		return;
	}
	/* Its inbox first: then it knows the connection before it hears of it. */
	int descriptor = connection->descriptor;
	struct connection *first = atomic_load_explicit(&to->inbox, memory_order_relaxed);
	do
		connection->next = first;
	while (!atomic_compare_exchange_weak_explicit(&to->inbox, &first, connection,
						      memory_order_release, memory_order_relaxed));
	if (epoll_ctl(to->poller, EPOLL_CTL_ADD, descriptor, &event) != 0)
		shutdown(descriptor, SHUT_RDWR); /* its time-out closes it */
}

/* Returns false when nobody waits. */
static bool accept_one(struct loop *loop)
{
	struct bm_http_server *server = loop->server;
	struct sockaddr_storage from = {0};
	socklen_t size = sizeof(from);
	int descriptor = accept4(server->listener, (struct sockaddr *)&from, &size,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (descriptor < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			out_of_descriptors(loop);
		else if (errno == ECONNABORTED || errno == EINTR)
			return true;
		return false;
	}
	struct peer peer = {0};
	peer_of(&peer, &from);
	if (atomic_load_explicit(&server->connections, memory_order_relaxed) >=
		server->options.max_connections &&
	    !make_room(loop)) {
		turn_away(loop, descriptor);
		return true;
	}
	if (!address_enter(server, &peer)) {
		turn_away(loop, descriptor);
		return true;
	}
	struct connection *connection = connection_new(server);
	if (!connection) {
		address_leave(server, &peer);
		turn_away(loop, descriptor);
		return true;
	}
	atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
	connection->transport = &socket_transport;
	connection->descriptor = descriptor;
	connection->peer = peer;
	if (server->options.tls && !connection_secure(connection, server->options.tls)) {
		connection_free(server, connection);
		turn_away(loop, descriptor);
		return true;
	}
	give(loop, connection);
	return true;
}

void accept_ready(struct loop *loop)
{
	for (int i = 0; i < AT_ONCE && accept_one(loop); i++)
		;
}
