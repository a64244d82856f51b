/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server without sockets and without a clock: a loop whose connections read from memory
 * and write to it, in pieces of chosen sizes. For the unit tests and the fuzzer.
 */
#ifndef TESTS_HTTP_MEMORY_H
#define TESTS_HTTP_MEMORY_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

struct client {
	const char *in; /* what it sends */
	size_t in_size, in_at;
	size_t piece; /* bytes that arrive at once; 0: all */
	bool ends;    /* and then closes its side */
	char *out;    /* what it received, zero-terminated; NULL: nothing */
	size_t out_size, out_capacity;
	size_t room;      /* bytes that can be sent now */
	size_t out_piece; /* bytes of room in each turn */
	bool ended, closed;
};

static ssize_t memory_read(struct connection *connection, void *data, size_t size)
{
	struct client *client = connection->context;
	size_t left = client->in_size - client->in_at;

	if (!left)
		return client->ends ? 0 : -EAGAIN;
	if (client->piece && left > client->piece)
		left = client->piece;
	if (left > size)
		left = size;
	memcpy(data, client->in + client->in_at, left);
	client->in_at += left;
	return (ssize_t)left;
}

static ssize_t memory_write(struct connection *connection, struct iovec *pieces, int count)
{
	struct client *client = connection->context;
	size_t done = 0;

	if (!client->room)
		return -EAGAIN;
	for (int i = 0; i < count; i++) {
		size_t size = pieces[i].iov_len < client->room ? pieces[i].iov_len : client->room;

		if (client->out_size + size >= client->out_capacity) {
			client->out_capacity = 2 * (client->out_size + size) + 1;
			client->out = realloc(client->out, client->out_capacity);
		}
		if (size)
			memcpy(client->out + client->out_size, pieces[i].iov_base, size);
		client->out_size += size;
		client->out[client->out_size] = '\0';
		client->room -= size;
		done += size;
	}
	return (ssize_t)done;
}

static void memory_end(struct connection *connection)
{
	((struct client *)connection->context)->ended = true;
}

static void memory_close(struct connection *connection)
{
	((struct client *)connection->context)->closed = true;
}

static const struct transport memory_transport = {memory_read, memory_write, memory_end,
						  memory_close};

/* A server with one loop that is driven by hand. NULL: the options are wrong. */
static struct bm_http_server *memory_server(const struct bm_http_options *options)
{
	struct bm_http_server *server;

	if (bm_http_create(&server, options) != 0)
		return NULL;
	server->loop_count = 1;
	server->loops = calloc(1, sizeof(*server->loops));
	if (loop_init(server->loops, server, 0) != 0)
		abort();
	server->loops->now_ms = server->started_ms = 1000000;
	loop_second(server->loops);
	return server;
}

static void memory_free(struct bm_http_server *server)
{
	loop_free(server->loops);
	free(server->loops);
	server->loops = NULL;
	bm_http_destroy(server);
}

static struct connection *memory_connect(struct bm_http_server *server, struct client *client)
{
	struct connection *connection = connection_new(server);

	connection->transport = &memory_transport;
	connection->context = client;
	connection->peer = (struct peer){.family = 4, .address = {192, 0, 2, 1}, .port = 4000};
	atomic_fetch_add(&server->connections, 1);
	atomic_fetch_add(&server->loops->connections, 1);
	connection_begin(server->loops, connection);
	return connection;
}

/* Until nothing happens any more. */
static void memory_run(struct connection *connection, struct client *client)
{
	/* A turn moves at least a byte, or is the last. */
	for (;;) {
		size_t before = client->in_at, sent = client->out_size;
		bool writing = connection->writing, wants = !client->out_piece;

		if (wants)
			client->room = (size_t)-1 / 4;
		else
			client->room = client->out_piece;
		if (writing)
			connection_writable(connection);
		else
			connection_readable(connection);
		if (client->closed)
			return;
		if (client->in_at == before && client->out_size == sent &&
		    writing == connection->writing)
			return;
	}
}

#endif
