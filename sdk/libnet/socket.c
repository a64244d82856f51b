/* SPDX-License-Identifier: MIT */
/*
 * Sockets as open files: made, read, written, watched and closed as such.
 */
#include "net.h"
#include "../libbaremetal/system/posix.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <baremetal/time.h>

#include "lwip/err.h"
#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

#define RECEIVE_LIMIT 212992 /* bytes of datagrams that wait, as on Linux */

struct socket *socket_make(const struct socket_kind *kind, int domain, int type, int protocol)
{
	struct socket *socket = calloc(1, sizeof(*socket));

	if (!socket)
		return NULL;
	socket->file.ops = &socket_file_ops;
	socket->file.references = 1;
	socket->file.flags = O_RDWR;
	socket->kind = kind;
	socket->domain = (uint16_t)domain;
	socket->type = (uint8_t)type;
	socket->protocol = (uint8_t)protocol;
	socket->accept_end = &socket->accept_first;
	socket->datagrams_end = &socket->datagrams;
	socket->receive_limit = RECEIVE_LIMIT;
	socket->send_limit = RECEIVE_LIMIT;
	return socket;
}

void socket_free(struct socket *socket)
{
	watches_close(&socket->watches);
	free(socket);
}

struct socket *socket_of(struct file *file)
{
	return file->ops == &socket_file_ops ? (struct socket *)file : NULL;
}

struct socket *socket_get(int descriptor)
{
	struct file *file = files_get(descriptor);

	if (!file) {
		errno = EBADF;
		return NULL;
	}
	if (!socket_of(file)) {
		files_put(file);
		errno = ENOTSOCK;
		return NULL;
	}
	return socket_of(file);
}

int socket_attach(struct socket *socket, int flags)
{
	int descriptor;

	if (flags & SOCK_NONBLOCK)
		socket->file.flags |= O_NONBLOCK;
	files_lock();
	descriptor = files_attach(&socket->file, 0, flags & SOCK_CLOEXEC);
	files_unlock();
	if (descriptor < 0)
		files_put(&socket->file);
	return descriptor;
}

void socket_changed(struct socket *socket, int events)
{
	net_wake(&socket->changes);
	if (socket->watches.first)
		watches_tell(&socket->watches, events);
}

void socket_local(const struct socket *socket, ip_addr_t *address, uint16_t *port)
{
	ip_addr_t none = {0};

	*address = none;
	*port = 0;
	if (socket->type == SOCK_RAW) {
		if (socket->raw)
			*address = socket->raw->local_ip;
	} else if (socket->type == SOCK_DGRAM) {
		if (socket->udp) {
			*address = socket->udp->local_ip;
			*port = socket->udp->local_port;
			if (socket->state == SOCKET_CONNECTED && ip_addr_isany(address)) {
				struct netif *netif = ip_route(address, &socket->remote);
				const ip_addr_t *from =
				    netif ? ip_netif_get_local_ip(netif, &socket->remote) : NULL;

				if (from)
					*address = *from;
			}
		}
	} else if (socket->tcp && socket->state == SOCKET_NEW) {
		*address = socket->tcp->local_ip;
		*port = socket->tcp->local_port;
	} else {
		*address = socket->local;
		*port = socket->local_port;
	}
}

/* ---- Errors ---- */

int socket_error(int lwip_error)
{
	static const uint8_t numbers[] = {
	    [0] = 0,
	    [-ERR_MEM] = ENOBUFS,
	    [-ERR_BUF] = ENOBUFS,
	    [-ERR_TIMEOUT] = ETIMEDOUT,
	    [-ERR_RTE] = ENETUNREACH,
	    [-ERR_INPROGRESS] = EINPROGRESS,
	    [-ERR_VAL] = EINVAL,
	    [-ERR_WOULDBLOCK] = EAGAIN,
	    [-ERR_USE] = EADDRINUSE,
	    [-ERR_ALREADY] = EALREADY,
	    [-ERR_ISCONN] = EISCONN,
	    [-ERR_CONN] = ENOTCONN,
	    [-ERR_IF] = ENETDOWN,
	    [-ERR_ABRT] = ETIMEDOUT, /* lwIP gives up after its last retransmission */
	    [-ERR_RST] = ECONNRESET,
	    [-ERR_CLSD] = EPIPE,
	    [-ERR_ARG] = EINVAL,
	};

	if (lwip_error > 0 || -lwip_error >= (int)sizeof(numbers))
		return -EIO;
	return -numbers[-lwip_error];
}

int socket_take_error(struct socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

uint64_t socket_deadline(uint64_t timeout)
{
	return timeout ? bm_time_monotonic() + timeout : BM_FOREVER;
}

int socket_broken_pipe(int flags)
{
	if (!(flags & MSG_NOSIGNAL)) {
		/* The handler may do anything: not under the lock. */
		net_unlock();
		raise(SIGPIPE);
		net_lock();
	}
	return -EPIPE;
}

/* ---- As a file ---- */

static long socket_readv(struct file *file, const struct iovec *pieces, int count)
{
	struct socket *socket = socket_of(file);
	struct datagram from = {0};
	int flags = 0;
	long result;

	net_lock();
	result = socket->kind->receive(socket, pieces, count, &from, &flags);
	net_unlock();
	return result;
}

static long socket_writev(struct file *file, const struct iovec *pieces, int count)
{
	struct socket *socket = socket_of(file);
	long result;

	net_lock();
	result = socket->kind->send(socket, pieces, count, NULL, 0, 0);
	net_unlock();
	return result;
}

static long socket_read(struct file *file, void *buffer, size_t size)
{
	return socket_readv(file, &(struct iovec){buffer, size}, 1);
}

static long socket_write(struct file *file, const void *data, size_t size)
{
	return socket_writev(file, &(struct iovec){(void *)(uintptr_t)data, size}, 1);
}

static int socket_stat(struct file *file, struct stat *status)
{
	*status = (struct stat){.st_mode = S_IFSOCK | 0777,
				.st_nlink = 1,
				.st_blksize = 4096,
				.st_ino = (ino_t)(uintptr_t)file};
	return 0;
}

static int socket_control(struct file *file, int request, void *argument)
{
	struct socket *socket = socket_of(file);

	switch (request) {
	case FIONBIO:
		if (*(int *)argument)
			file->flags |= O_NONBLOCK;
		else
			file->flags &= ~O_NONBLOCK;
		return 0;
	case FIONREAD:
		net_lock();
		*(int *)argument = (int)socket->kind->readable(socket);
		net_unlock();
		return 0;
	default:
		return -ENOTTY;
	}
}

static int socket_poll(struct file *file, struct watch *watch)
{
	struct socket *socket = socket_of(file);

	if (watch)
		watch_add(&socket->watches, watch);
	return socket->kind->poll(socket);
}

static int socket_close(struct file *file)
{
	struct socket *socket = socket_of(file);

	net_lock();
	socket->kind->close(socket);
	net_unlock();
	return 0;
}

const struct file_ops socket_file_ops = {
    .read = socket_read,
    .write = socket_write,
    .readv = socket_readv,
    .writev = socket_writev,
    .stat = socket_stat,
    .control = socket_control,
    .poll = socket_poll,
    .close = socket_close,
};
