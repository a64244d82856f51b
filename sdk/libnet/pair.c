/* SPDX-License-Identifier: MIT */
/*
 * socketpair(): two stream sockets that are each other's peer, without a network. What one
 * writes is copied into the other's queue. All with the core lock.
 */
#include "net.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (64 * 1024) /* bytes that wait at most */

/* What waits lies in a block of its own, from `read` on. */
struct queue {
	size_t read;
	char bytes[LIMIT];
};

static struct queue *queue_of(struct socket *socket)
{
	return socket->pcb;
}

static bool would_block(const struct socket *socket, int flags)
{
	return socket->file.flags & O_NONBLOCK || flags & MSG_DONTWAIT;
}

static size_t put(struct socket *socket, const char *data, size_t size)
{
	struct queue *queue = queue_of(socket);
	size_t part = size < LIMIT - socket->queued ? size : LIMIT - socket->queued;

	for (size_t done = 0; done < part;) {
		size_t at = (queue->read + socket->queued) % LIMIT;
		size_t piece = part - done < LIMIT - at ? part - done : LIMIT - at;

		memcpy(queue->bytes + at, data + done, piece);
		done += piece;
		socket->queued += piece;
	}
	return part;
}

static size_t get(struct socket *socket, char *to, size_t size, size_t skip)
{
	struct queue *queue = queue_of(socket);
	size_t part = size < socket->queued - skip ? size : socket->queued - skip;

	for (size_t done = 0; done < part;) {
		size_t at = (queue->read + skip + done) % LIMIT;
		size_t piece = part - done < LIMIT - at ? part - done : LIMIT - at;

		memcpy(to + done, queue->bytes + at, piece);
		done += piece;
	}
	return part;
}

static long pair_send(struct socket *socket, const struct iovec *pieces, int count,
		      const ip_addr_t *address, uint16_t port, int flags)
{
	uint64_t deadline = socket_deadline(socket->send_timeout);
	long total = 0;

	(void)address, (void)port;
	for (int i = 0; i < count; i++) {
		const char *data = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left) {
			size_t part;
			int error;

			if (!socket->peer || socket->write_closed || socket->peer->read_closed)
				return total ? total : socket_broken_pipe(flags);
			part = put(socket->peer, data, left);
			data += part;
			left -= part;
			total += (long)part;
			if (part) {
				socket_changed(socket->peer, POLLIN | POLLRDNORM);
				continue;
			}
			error = would_block(socket, flags) ? -EAGAIN
							   : net_wait(&socket->changes, deadline);
			if (error)
				return total ? total : error;
		}
	}
	return total;
}

static long pair_receive(struct socket *socket, const struct iovec *pieces, int count,
			 struct datagram *from, int *flags)
{
	uint64_t deadline = socket_deadline(socket->receive_timeout);
	bool peeking = *flags & MSG_PEEK, all = *flags & MSG_WAITALL && !peeking;
	size_t total = 0;

	(void)from;
	for (int i = 0; i < count; i++) {
		char *to = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left) {
			size_t part = get(socket, to, left, peeking ? total : 0);
			int error;

			total += part;
			to += part;
			left -= part;
			if (part && !peeking) {
				socket->queued -= part;
				queue_of(socket)->read = (queue_of(socket)->read + part) % LIMIT;
				if (socket->peer)
					socket_changed(socket->peer, POLLOUT | POLLWRNORM);
			}
			if (!left || (total && !all))
				break;
			if (socket->peer_closed || socket->read_closed)
				goto end;
			error = would_block(socket, *flags) ? -EAGAIN
							    : net_wait(&socket->changes, deadline);
			if (error)
				return total ? (long)total : error;
		}
		if (left)
			break;
	}
end:
	*flags = 0;
	return (long)total;
}

static void close_writing(struct socket *socket)
{
	socket->write_closed = true;
	if (socket->peer && !socket->peer->peer_closed) {
		socket->peer->peer_closed = true;
		socket_changed(socket->peer, POLLIN | POLLRDNORM | POLLRDHUP);
	}
}

static int pair_shutdown(struct socket *socket, int how)
{
	if (how != SHUT_WR) {
		socket->read_closed = true;
		if (socket->peer)
			socket_changed(socket->peer, POLLOUT | POLLERR);
	}
	if (how != SHUT_RD)
		close_writing(socket);
	socket_changed(socket, POLLIN | POLLOUT);
	return 0;
}

static int pair_poll(struct socket *socket)
{
	int events = 0;

	if (socket->queued || socket->peer_closed || socket->read_closed)
		events |= POLLIN | POLLRDNORM;
	if (socket->peer_closed)
		events |= POLLRDHUP;
	if (!socket->peer || socket->peer->queued < LIMIT)
		events |= POLLOUT | POLLWRNORM;
	if (!socket->peer || (socket->peer_closed && socket->write_closed))
		events |= POLLHUP;
	return events;
}

static void pair_close(struct socket *socket)
{
	close_writing(socket);
	if (socket->peer) {
		socket->peer->peer = NULL;
		socket_changed(socket->peer, POLLIN | POLLOUT | POLLHUP);
	}
	free(socket->pcb);
	socket_free(socket);
}

static size_t pair_readable(struct socket *socket)
{
	return socket->queued;
}

const struct socket_kind pair_kind = {
    .send = pair_send,
    .receive = pair_receive,
    .shutdown = pair_shutdown,
    .poll = pair_poll,
    .close = pair_close,
    .readable = pair_readable,
};

static struct socket *make(void)
{
	struct socket *socket = socket_make(&pair_kind, AF_UNIX, SOCK_STREAM, 0);

	if (!socket)
		return NULL;
	socket->pcb = malloc(sizeof(struct queue));
	if (!socket->pcb) {
		free(socket);
		return NULL;
	}
	queue_of(socket)->read = 0;
	socket->state = SOCKET_CONNECTED;
	return socket;
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
	const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	struct socket *one, *other;

	if (domain != AF_UNIX)
		return (int)files_result(domain == AF_INET || domain == AF_INET6 ? -EOPNOTSUPP
										 : -EAFNOSUPPORT);
	if ((type & ~flags) != SOCK_STREAM)
		return (int)files_result(-EPROTOTYPE);
	if (protocol)
		return (int)files_result(-EPROTONOSUPPORT);
	one = make();
	other = make();
	if (!one || !other) {
		if (one)
			files_put(&one->file);
		if (other)
			files_put(&other->file);
		return (int)files_result(-ENOMEM);
	}
	one->peer = other;
	other->peer = one;
	pair[0] = socket_attach(one, type & flags);
	pair[1] = socket_attach(other, type & flags);
	if (pair[0] >= 0 && pair[1] >= 0)
		return 0;
	if (pair[0] >= 0)
		_close(pair[0]);
	if (pair[1] >= 0)
		_close(pair[1]);
	return (int)files_result(-EMFILE);
}
