/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: the transport over a plain socket.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/socket.h>

#include "internal.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static ssize_t result(ssize_t done)
{
	if (done >= 0)
		return done;
	return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
}

static ssize_t socket_read(struct connection *connection, void *data, size_t size)
{
	return result(recv(connection->descriptor, data, size, 0));
}

static ssize_t socket_write(struct connection *connection, struct iovec *pieces, int count)
{
	if (count == 1)
		return result(send(connection->descriptor, pieces[0].iov_base, pieces[0].iov_len,
				   MSG_NOSIGNAL));
	struct msghdr message = {.msg_iov = pieces};

	message.msg_iovlen = count;
	return result(sendmsg(connection->descriptor, &message, MSG_NOSIGNAL));
}

static void socket_end(struct connection *connection)
{
	shutdown(connection->descriptor, SHUT_WR);
}

static void socket_close(struct connection *connection)
{
	close(connection->descriptor);
}

const struct transport socket_transport = {socket_read, socket_write, socket_end, socket_close};
