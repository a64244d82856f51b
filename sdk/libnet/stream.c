/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets over lwIP's callbacks. All with the core lock.
 *
 * What is received stays in the buffers that it came in, until it is read; but small segments are
 * joined, so that a peer cannot fill memory with buffers of a byte each. The window is opened as
 * the program reads. What is sent is copied once, into lwIP's segments.
 */
#include "net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

#define JOIN_MOST 512  /* bytes of a segment that is joined to the one before */
#define JOIN_ROOM 4096 /* bytes of a buffer for joined ones */

static bool would_block(const struct socket *socket, int flags)
{
	return socket->file.flags & O_NONBLOCK || flags & MSG_DONTWAIT;
}

/* ---- The queue of what was received ---- */

/* Its members are linked by `next`; tot_len means nothing here. */
static void append(struct socket *socket, struct pbuf *pbuf)
{
	if (socket->last)
		socket->last->next = pbuf;
	else
		socket->first = pbuf;
	while (pbuf->next)
		pbuf = pbuf->next;
	socket->last = pbuf;
	socket->tail_room = 0;
}

static void enqueue(struct socket *socket, struct pbuf *pbuf)
{
	u16_t bytes = pbuf->tot_len;

	socket->queued += bytes;
	if (!socket->last || bytes > JOIN_MOST) {
		append(socket, pbuf);
		return;
	}
	if (socket->tail_room < bytes) {
		struct pbuf *room = pbuf_alloc(PBUF_RAW, JOIN_ROOM, PBUF_RAM);

		if (!room) {
			append(socket, pbuf);
			return;
		}
		room->len = 0;
		append(socket, room);
		socket->tail_room = JOIN_ROOM;
	}
	pbuf_copy_partial(pbuf, (char *)socket->last->payload + socket->last->len, bytes, 0);
	socket->last->len = (u16_t)(socket->last->len + bytes);
	socket->tail_room -= bytes;
	pbuf_free(pbuf);
}

static void drop_first(struct socket *socket)
{
	struct pbuf *pbuf = socket->first;

	socket->first = pbuf->next;
	if (!socket->first) {
		socket->last = NULL;
		socket->tail_room = 0;
	}
	pbuf->next = NULL;
	pbuf_free(pbuf);
}

static void drop_all(struct socket *socket)
{
	while (socket->first)
		drop_first(socket);
	socket->queued = 0;
}

/* The peer may send so much more. */
static void open_window(struct socket *socket, size_t bytes)
{
	while (socket->tcp && bytes) {
		u16_t part = (u16_t)(bytes < UINT16_MAX ? bytes : UINT16_MAX);

		tcp_recved(socket->tcp, part);
		bytes -= part;
	}
}

/* Copy out of the queue; returns how much. */
static size_t take(struct socket *socket, char *to, size_t size)
{
	size_t total = 0;

	while (total < size && socket->first) {
		struct pbuf *pbuf = socket->first;
		size_t part = pbuf->len < size - total ? pbuf->len : size - total;

		memcpy(to + total, pbuf->payload, part);
		total += part;
		if (part == pbuf->len && !(pbuf == socket->last && socket->tail_room)) {
			drop_first(socket);
		} else {
			pbuf->payload = (char *)pbuf->payload + part;
			pbuf->len = (u16_t)(pbuf->len - part);
			if (!pbuf->len)
				drop_first(socket);
		}
	}
	socket->queued -= total;
	return total;
}

static size_t peek(const struct socket *socket, size_t skip, char *to, size_t size)
{
	size_t total = 0;

	for (const struct pbuf *p = socket->first; p && total < size; p = p->next) {
		size_t part;

		if (skip >= p->len) {
			skip -= p->len;
			continue;
		}
		part = p->len - skip < size - total ? p->len - skip : size - total;
		memcpy(to + total, (char *)p->payload + skip, part);
		total += part;
		skip = 0;
	}
	return total;
}

/* ---- Callbacks of lwIP ---- */

static void remember(struct socket *socket)
{
	socket->local = socket->tcp->local_ip;
	socket->local_port = socket->tcp->local_port;
	socket->remote = socket->tcp->remote_ip;
	socket->remote_port = socket->tcp->remote_port;
}

/* lwIP goes on with the connection alone, and frees it when it is over. */
static void detach(struct socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;

	socket->tcp = NULL;
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
}

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *pbuf, err_t error)
{
	struct socket *socket = argument;

	(void)error;
	if (!pbuf) {
		socket->peer_closed = true;
		/* Both ways are closed: it is freed after TIME_WAIT without a word. */
		if (pcb->state == TIME_WAIT || pcb->state == CLOSING) {
			detach(socket);
			socket->state = SOCKET_CLOSED;
		}
		socket_changed(socket, POLLIN | POLLRDNORM | POLLRDHUP |
					   (socket->write_closed ? POLLHUP : 0));
		return ERR_OK;
	}
	if (socket->read_closed) {
		tcp_recved(pcb, pbuf->tot_len);
		pbuf_free(pbuf);
		return ERR_OK;
	}
	enqueue(socket, pbuf);
	socket_changed(socket, POLLIN | POLLRDNORM);
	return ERR_OK;
}

static bool is_writable(const struct socket *socket)
{
	return tcp_sndbuf(socket->tcp) >= TCP_SNDLOWAT &&
	       tcp_sndqueuelen(socket->tcp) < TCP_SNDQUEUELOWAT;
}

static err_t acknowledged(void *argument, struct tcp_pcb *pcb, u16_t bytes)
{
	struct socket *socket = argument;

	(void)pcb, (void)bytes;
	if (socket->full && is_writable(socket)) {
		socket->full = false;
		socket_changed(socket, POLLOUT | POLLWRNORM);
	}
	return ERR_OK;
}

/* The connection is gone, and its memory too. */
static void ended(void *argument, err_t error)
{
	struct socket *socket = argument;

	socket->tcp = NULL;
	if (socket->state == SOCKET_CONNECTING)
		socket->error = error == ERR_RST ? ECONNREFUSED : ETIMEDOUT;
	else if (error != ERR_CLSD)
		socket->error = -socket_error(error);
	socket->state = SOCKET_CLOSED;
	socket->peer_closed = true;
	socket_changed(socket, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP);
}

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct socket *socket = argument;

	(void)pcb, (void)error;
	socket->state = SOCKET_CONNECTED;
	remember(socket);
	socket_changed(socket, POLLOUT | POLLWRNORM);
	return ERR_OK;
}

static void attach(struct socket *socket, struct tcp_pcb *pcb)
{
	socket->tcp = pcb;
	tcp_arg(pcb, socket);
	tcp_recv(pcb, received);
	tcp_sent(pcb, acknowledged);
	tcp_err(pcb, ended);
}

/* A new connection, complete. An error makes lwIP reset it. */
static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct socket *listener = argument, *socket;

	if (error != ERR_OK || !pcb)
		return ERR_VAL;
	if (listener->accept_count >= listener->accept_most)
		return ERR_MEM;
	socket = socket_make(&stream_kind, listener->domain, SOCK_STREAM, IPPROTO_TCP);
	if (!socket)
		return ERR_MEM;
	attach(socket, pcb);
	socket->state = SOCKET_CONNECTED;
	socket->v6_only = listener->v6_only;
	socket->linger_on = listener->linger_on;
	socket->linger_seconds = listener->linger_seconds;
	socket->receive_timeout = listener->receive_timeout;
	socket->send_timeout = listener->send_timeout;
	remember(socket);
	*listener->accept_end = socket;
	listener->accept_end = &socket->accept_next;
	listener->accept_count++;
	socket_changed(listener, POLLIN | POLLRDNORM);
	return ERR_OK;
}

/*
 * Connections that are begun and never completed (a flood of SYNs) must not keep others out: when a
 * listener has as many half-open ones as it may, the oldest quarter of them is forgotten, without a
 * word. Whoever is in earnest completes one within a round trip, and is younger than that.
 */
err_t net_listener_input(struct tcp_pcb *pcb)
{
	struct tcp_pcb_listen *listener = (struct tcp_pcb_listen *)pcb;
	unsigned kept = 0, most = listener->backlog - listener->backlog / 4u;
	struct tcp_pcb *one = tcp_active_pcbs, *next;

	if (listener->accepts_pending < listener->backlog)
		return ERR_OK;
	for (; one; one = next) { /* the newest are first */
		next = one->next;
		if (one->state == SYN_RCVD && one->listener == listener && ++kept > most)
			tcp_abandon(one, 0);
	}
	return ERR_OK;
}

/* ---- Calls ---- */

static int need_pcb(struct socket *socket)
{
	struct tcp_pcb *pcb;

	if (socket->tcp)
		return 0;
	pcb = tcp_new_ip_type(socket->domain == AF_INET ? IPADDR_TYPE_V4
			      : socket->v6_only         ? IPADDR_TYPE_V6
							: IPADDR_TYPE_ANY);
	if (!pcb)
		return -ENOBUFS;
	attach(socket, pcb);
	return 0;
}

static int stream_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	int error = need_pcb(socket);

	if (error)
		return error;
	if (socket->state != SOCKET_NEW || socket->tcp->local_port)
		return -EINVAL;
	if (socket->domain == AF_INET6 && !socket->v6_only && IP_IS_V6(address) &&
	    ip_addr_isany(address))
		address = IP_ANY_TYPE;
	return socket_error(tcp_bind(socket->tcp, address, port));
}

static int wait_connected(struct socket *socket, bool wait)
{
	uint64_t deadline;

	if (!wait)
		return -EINPROGRESS;
	deadline = socket_deadline(socket->send_timeout);
	while (socket->state == SOCKET_CONNECTING) {
		int error = net_wait(&socket->changes, deadline);

		if (error == -EAGAIN)
			return -EINPROGRESS;
		if (error)
			return error;
	}
	return socket->state == SOCKET_CONNECTED ? 0 : socket_take_error(socket);
}

static int stream_connect(struct socket *socket, const ip_addr_t *address, uint16_t port, bool wait)
{
	ip_addr_t loopback = *address;
	int error;

	switch (socket->state) {
	case SOCKET_CONNECTING:
		return wait ? wait_connected(socket, true) : -EALREADY;
	case SOCKET_CONNECTED:
		return -EISCONN;
	case SOCKET_LISTENING:
		return -EOPNOTSUPP;
	case SOCKET_CLOSED:
		if (socket->error)
			return socket_take_error(socket);
		if (socket->tcp || socket->write_closed)
			return -EISCONN;
		socket->state = SOCKET_NEW; /* another try after one that failed */
		socket->peer_closed = false;
		break;
	}
	if (!port)
		return -EADDRNOTAVAIL;
	if (ip_addr_isany(address)) { /* this machine, as elsewhere */
		if (IP_IS_V6(address))
			ip_addr_set_loopback_val(true, loopback);
		else
			ip_addr_set_loopback_val(false, loopback);
	}
	error = need_pcb(socket);
	if (!error)
		error = config_wait(&loopback);
	if (error)
		return error;
	error = tcp_connect(socket->tcp, &loopback, port, connected);
	if (error)
		return error == ERR_BUF ? -EADDRNOTAVAIL : socket_error(error);
	socket->state = SOCKET_CONNECTING;
	remember(socket);
	return wait_connected(socket, wait);
}

static int stream_listen(struct socket *socket, int backlog)
{
	struct tcp_pcb *pcb;
	err_t error = ERR_OK;
	int failed;

	if (socket->state != SOCKET_NEW && socket->state != SOCKET_LISTENING)
		return -EINVAL;
	socket->accept_most = backlog < 1 ? 1 : backlog > SOMAXCONN ? SOMAXCONN : (uint32_t)backlog;
	if (socket->state == SOCKET_LISTENING)
		return 0;
	failed = need_pcb(socket);
	if (!failed && !socket->tcp->local_port)
		failed =
		    stream_bind(socket, socket->domain == AF_INET ? IP4_ADDR_ANY : IP6_ADDR_ANY, 0);
	if (failed)
		return failed;
	/* lwIP's own number limits those that are not complete yet. */
	tcp_recv(socket->tcp, NULL);
	tcp_sent(socket->tcp, NULL);
	tcp_err(socket->tcp, NULL);
	pcb = tcp_listen_with_backlog_and_err(socket->tcp, 255, &error);
	if (!pcb) {
		attach(socket, socket->tcp);
		return socket_error(error);
	}
	socket->tcp = pcb;
	socket->local = pcb->local_ip;
	socket->local_port = pcb->local_port;
	socket->state = SOCKET_LISTENING;
	tcp_arg(pcb, socket);
	tcp_accept(pcb, accepted);
	return 0;
}

static int stream_accept(struct socket *listener, struct socket **made, bool wait)
{
	uint64_t deadline = 0;
	struct socket *socket;

	if (listener->state != SOCKET_LISTENING)
		return -EINVAL;
	while (!listener->accept_first) {
		int error = -EAGAIN;

		if (listener->read_closed)
			return -EINVAL;
		if (!deadline)
			deadline = socket_deadline(listener->receive_timeout);
		if (wait)
			error = net_wait(&listener->changes, deadline);
		else if (interfaces_poll() && listener->accept_first)
			error = 0;
		if (error)
			return error;
	}
	socket = listener->accept_first;
	listener->accept_first = socket->accept_next;
	if (!listener->accept_first)
		listener->accept_end = &listener->accept_first;
	listener->accept_count--;
	socket->accept_next = NULL;
	*made = socket;
	return 0;
}

/* 0: it may be sent. */
static int send_error(struct socket *socket, int flags)
{
	if (socket->error)
		return socket_take_error(socket);
	if (socket->state == SOCKET_CONNECTING)
		return -EAGAIN;
	if (socket->write_closed || socket->state == SOCKET_CLOSED)
		return socket_broken_pipe(flags);
	return socket->state == SOCKET_CONNECTED ? 0 : -ENOTCONN;
}

/* Gives lwIP what it takes now: how much, or an errno value negated. */
static long write_some(struct socket *socket, const char *data, size_t size, bool more)
{
	struct tcp_pcb *pcb = socket->tcp;
	size_t room = tcp_sndbuf(pcb);
	size_t part = size < room ? size : room;

	if (part > UINT16_MAX)
		part = UINT16_MAX;
	while (part && tcp_sndqueuelen(pcb) < TCP_SND_QUEUELEN - 4) {
		err_t error = tcp_write(pcb, data, (u16_t)part,
					TCP_WRITE_FLAG_COPY |
					    (more || part < size ? TCP_WRITE_FLAG_MORE : 0));

		if (error == ERR_OK)
			return (long)part;
		if (error != ERR_MEM)
			return socket_error(error);
		part /= 2;
	}
	return 0;
}

static long stream_send(struct socket *socket, const struct iovec *pieces, int count,
			const ip_addr_t *address, uint16_t port, int flags)
{
	uint64_t deadline = 0;
	long total = 0, result = 0;

	(void)address, (void)port; /* ignored, as POSIX allows */
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	for (int i = 0; i < count; i++) {
		const char *data = pieces[i].iov_base;
		size_t left = pieces[i].iov_len;

		while (left) {
			result = send_error(socket, flags);
			if (!result)
				result = write_some(socket, data, left, i + 1 < count);
			if (result > 0) {
				data += result;
				left -= (size_t)result;
				total += result;
				continue;
			}
			if (result && result != -EAGAIN)
				goto end;
			socket->full = true;
			if (socket->tcp && socket->state == SOCKET_CONNECTED)
				tcp_output(socket->tcp);
			if (!deadline)
				deadline = socket_deadline(socket->send_timeout);
			result = would_block(socket, flags) ? -EAGAIN
							    : net_wait(&socket->changes, deadline);
			if (result)
				goto end;
		}
	}
	if (!total) /* nothing to send: only tell what is wrong */
		result = send_error(socket, flags);
end:
	if (socket->tcp && socket->state == SOCKET_CONNECTED && !socket->corked &&
	    !(flags & MSG_MORE))
		tcp_output(socket->tcp);
	if (total && result < 0 && result != -EAGAIN && result != -ECANCELED && result != -EPIPE &&
	    !socket->error)
		socket->error = (int)-result; /* for the next call */
	return total ? total : result;
}

static long stream_receive(struct socket *socket, const struct iovec *pieces, int count,
			   struct datagram *from, int *flags)
{
	uint64_t deadline = 0;
	bool peeking = *flags & MSG_PEEK, all = *flags & MSG_WAITALL && !peeking;
	size_t wanted = 0, total = 0;
	int error = 0;

	if (*flags & MSG_OOB)
		return -EINVAL;
	from->source = socket->remote;
	from->port = socket->remote_port;
	for (int i = 0; i < count; i++)
		wanted += pieces[i].iov_len;
	if (socket->state == SOCKET_NEW || socket->state == SOCKET_LISTENING)
		return -ENOTCONN;
	if (!wanted)
		return 0;
	for (;;) {
		size_t before = total, passed = 0;

		for (int i = 0; i < count && (socket->queued || peeking); i++) {
			size_t size = pieces[i].iov_len, skip = total - passed;
			char *to = pieces[i].iov_base;

			if (skip < size)
				total += peeking ? peek(socket, total, to + skip, size - skip)
						 : take(socket, to + skip, size - skip);
			passed += size;
			if (total < passed)
				break;
		}
		if (!peeking)
			open_window(socket, total - before);
		if (total == wanted || (total && !all))
			break;
		if (socket->error && !total)
			return socket_take_error(socket);
		if (socket->peer_closed || socket->read_closed || socket->error)
			break;
		if (!deadline)
			deadline = socket_deadline(socket->receive_timeout);
		if (!would_block(socket, *flags))
			error = net_wait(&socket->changes, deadline);
		else
			error = interfaces_poll() && socket->queued ? 0 : -EAGAIN;
		if (error)
			return total ? (long)total : error;
	}
	*flags = 0;
	return (long)total;
}

static int stream_shutdown(struct socket *socket, int how)
{
	if (socket->state == SOCKET_LISTENING && how != SHUT_WR) {
		socket->read_closed = true;
		socket_changed(socket, POLLIN | POLLHUP);
		return 0;
	}
	if (socket->state != SOCKET_CONNECTED && socket->state != SOCKET_CLOSED)
		return -ENOTCONN;
	if (how != SHUT_WR && !socket->read_closed) {
		size_t bytes = socket->queued;

		socket->read_closed = true;
		drop_all(socket);
		open_window(socket, bytes);
	}
	if (how != SHUT_RD && !socket->write_closed) {
		socket->write_closed = true;
		if (socket->tcp) {
			err_t error = tcp_shutdown(socket->tcp, 0, 1);

			if (error != ERR_OK)
				return socket_error(error);
		}
	}
	socket_changed(socket, POLLIN | POLLOUT |
				   (socket->peer_closed && socket->write_closed ? POLLHUP : 0));
	return 0;
}

static int stream_poll(struct socket *socket)
{
	int events = 0;

	switch (socket->state) {
	case SOCKET_NEW:
		return POLLOUT | POLLWRNORM | POLLHUP;
	case SOCKET_LISTENING:
		return (socket->accept_first ? POLLIN | POLLRDNORM : 0) |
		       (socket->read_closed ? POLLHUP : 0);
	case SOCKET_CONNECTING:
		return 0;
	}
	if (socket->queued || socket->peer_closed || socket->read_closed)
		events |= POLLIN | POLLRDNORM;
	if (socket->peer_closed)
		events |= POLLRDHUP;
	if (!socket->tcp || socket->write_closed || is_writable(socket))
		events |= POLLOUT | POLLWRNORM;
	else
		socket->full = true;
	if (socket->state == SOCKET_CLOSED || (socket->peer_closed && socket->write_closed))
		events |= POLLHUP;
	if (socket->error)
		events |= POLLERR;
	return events;
}

/* TIME_WAIT guards against segments of an old connection; a server that closes thousands of
 * connections a second would keep them all in a list that each segment is looked up in. */
static void limit_time_wait(void)
{
	enum { MOST = 32, EVERY = 16 };
	static unsigned closed;
	struct tcp_pcb *pcb = tcp_tw_pcbs;

	if (++closed < EVERY)
		return;
	closed = 0;
	for (unsigned i = 0; pcb && i < MOST; i++)
		pcb = pcb->next;
	while (pcb && pcb->next) {
		struct tcp_pcb *old = pcb->next;

		pcb->next = old->next;        /* the newest are first */
		memp_free(MEMP_TCP_PCB, old); /* in this state it holds nothing else */
	}
}

static void close_connection(struct socket *socket)
{
	struct tcp_pcb *pcb = socket->tcp;

	if (!pcb)
		return;
	if (socket->state == SOCKET_LISTENING) {
		tcp_arg(pcb, NULL);
		tcp_accept(pcb, NULL);
		socket->tcp = NULL;
		tcp_close(pcb);
		return;
	}
	detach(socket);
	if ((socket->linger_on && !socket->linger_seconds && socket->state == SOCKET_CONNECTED) ||
	    tcp_close(pcb) != ERR_OK)
		tcp_abort(pcb);
	limit_time_wait();
}

static void stream_close(struct socket *socket)
{
	close_connection(socket);
	drop_all(socket);
	while (socket->accept_first) {
		struct socket *waiting = socket->accept_first;

		socket->accept_first = waiting->accept_next;
		if (waiting->tcp) {
			struct tcp_pcb *pcb = waiting->tcp;

			detach(waiting);
			tcp_abort(pcb);
		}
		drop_all(waiting);
		socket_free(waiting);
	}
	socket_free(socket);
}

static size_t stream_readable(struct socket *socket)
{
	return socket->queued;
}

/* For options: those of a socket that has not been used yet are kept in lwIP's control block. */
static int need_pcb_once(struct socket *socket)
{
	return socket->state == SOCKET_NEW ? need_pcb(socket) : 0;
}

const struct socket_kind stream_kind = {
    .need_pcb = need_pcb_once,
    .bind = stream_bind,
    .connect = stream_connect,
    .listen = stream_listen,
    .accept = stream_accept,
    .send = stream_send,
    .receive = stream_receive,
    .shutdown = stream_shutdown,
    .poll = stream_poll,
    .close = stream_close,
    .readable = stream_readable,
};
