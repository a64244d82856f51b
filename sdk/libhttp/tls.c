/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: the transport over TLS. The library is called through a table (../libtls/ops.h).
 */
#include <errno.h>
#include <unistd.h>
#include <sys/socket.h>

#include "internal.h"
#include "../libtls/ops.h"

static const struct tls_ops *ops_of(const struct connection *connection)
{
	return tls_ops_of(connection->loop->server->options.tls);
}

_Static_assert(HTTP_READ >= 16384,
	       "a record fits: none of it stays behind where no poller sees it");

/* -BM_EAGAIN is -EAGAIN. An answer to the handshake that does not fit into an empty socket would
 * wait for nothing, until the time-out; they are a tenth of that. */
static ssize_t tls_read(struct connection *connection, void *data, size_t size)
{
	connection->read_again = true; /* one record: there may be another */
	return ops_of(connection)->read(connection->context, data, size);
}

static ssize_t tls_write(struct connection *connection, struct iovec *pieces, int count)
{
	ssize_t total = 0;

	for (int i = 0; i < count; i++) {
		const char *data = pieces[i].iov_base;

		for (size_t left = pieces[i].iov_len; left;) {
			long sent = ops_of(connection)->write(connection->context, data, left);

			if (sent < 0)
				return total ? total : sent;
			data += sent;
			left -= (size_t)sent;
			total += sent;
		}
	}
	return total;
}

static void tls_end(struct connection *connection)
{
	ops_of(connection)->end(connection->context);
	shutdown(connection->descriptor, SHUT_WR);
}

static void tls_close(struct connection *connection)
{
	const struct tls_ops *ops = ops_of(connection);

	ops->end(connection->context);
	ops->close(connection->context);
	close(connection->descriptor);
}

static const struct transport tls_transport = {tls_read, tls_write, tls_end, tls_close};

bool connection_secure(struct connection *connection, struct bm_tls *tls)
{
	struct bm_tls_session *session;

	if (tls_ops_of(tls)->open(&session, tls, connection->descriptor, NULL))
		return false;
	connection->context = session;
	connection->transport = &tls_transport;
	return true;
}
