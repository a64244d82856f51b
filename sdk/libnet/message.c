/* SPDX-License-Identifier: MIT */
/*
 * The calls of <sys/socket.h>: arguments checked, the lock taken, cancellation.
 */
#include "net.h"
#include "../libbaremetal/system/posix.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

#define PIECES_MOST 1024

static int domain_error(int domain, int type, int protocol)
{
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	switch (type) {
	case SOCK_STREAM:
		return protocol && protocol != IPPROTO_TCP ? -EPROTONOSUPPORT : 0;
	case SOCK_DGRAM:
		return protocol && protocol != IPPROTO_UDP ? -EPROTONOSUPPORT : 0;
	case SOCK_RAW:
		return protocol <= 0 || protocol > UINT8_MAX ? -EPROTONOSUPPORT : 0;
	default:
		return -EPROTOTYPE;
	}
}

int socket(int domain, int type, int protocol)
{
	static const struct socket_kind *const kinds[] = {[SOCK_STREAM] = &stream_kind,
							  [SOCK_DGRAM] = &datagram_kind,
							  [SOCK_RAW] = &datagram_kind};
	int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC), error;
	struct socket *made;

	type &= ~flags;
	error = domain_error(domain, type, protocol);
	if (!error)
		error = net_start();
	if (error)
		return (int)files_result(error);
	made = socket_make(kinds[type], domain, type,
			   protocol              ? protocol
			   : type == SOCK_STREAM ? IPPROTO_TCP
						 : IPPROTO_UDP);
	if (!made)
		return (int)files_result(-ENOBUFS);
	if (made->kind->need_pcb) {
		net_lock();
		error = made->kind->need_pcb(made); /* a raw one receives from now on */
		net_unlock();
		if (error) {
			files_put(&made->file);
			return (int)files_result(error);
		}
	}
	return (int)files_result(socket_attach(made, flags));
}

/* ---- The end of a call ---- */

static long end(struct socket *socket, long result)
{
	net_unlock();
	files_put(&socket->file);
	if (result == -ECANCELED)
		cancel_point(); /* does not return */
	return files_result(result);
}

static struct socket *begin(int descriptor)
{
	struct socket *socket = socket_get(descriptor);

	if (socket)
		net_lock();
	return socket;
}

/* ---- Connections ---- */

int bind(int descriptor, const struct sockaddr *address, socklen_t size)
{
	struct socket *socket = begin(descriptor);
	ip_addr_t to;
	uint16_t port;
	int result;

	if (!socket)
		return -1;
	result = address_from(socket, address, size, &to, &port);
	if (!result)
		result = socket->kind->bind ? socket->kind->bind(socket, &to, port) : -EOPNOTSUPP;
	return (int)end(socket, result);
}

int listen(int descriptor, int backlog)
{
	struct socket *socket = begin(descriptor);

	if (!socket)
		return -1;
	return (int)end(socket,
			socket->kind->listen ? socket->kind->listen(socket, backlog) : -EOPNOTSUPP);
}

int connect(int descriptor, const struct sockaddr *address, socklen_t size)
{
	struct socket *socket;
	ip_addr_t to;
	uint16_t port;
	int result;

	cancel_point();
	socket = begin(descriptor);
	if (!socket)
		return -1;
	if (address && size >= sizeof(address->sa_family) && address->sa_family == AF_UNSPEC &&
	    socket->kind->disconnect)
		return (int)end(socket, socket->kind->disconnect(socket));
	result = address_from(socket, address, size, &to, &port);
	if (!result)
		result = socket->kind->connect
			     ? socket->kind->connect(socket, &to, port,
						     !(socket->file.flags & O_NONBLOCK))
			     : -EOPNOTSUPP;
	return (int)end(socket, result);
}

int accept4(int descriptor, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
	struct socket *socket, *made = NULL;
	int result;

	cancel_point();
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return (int)files_result(-EINVAL);
	socket = begin(descriptor);
	if (!socket)
		return -1;
	result = socket->kind->accept
		     ? socket->kind->accept(socket, &made, !(socket->file.flags & O_NONBLOCK))
		     : -EOPNOTSUPP;
	if (result)
		return (int)end(socket, result);
	if (address)
		address_to(made, &made->remote, made->remote_port, address, size);
	end(socket, 0);
	return (int)files_result(socket_attach(made, flags));
}

int accept(int descriptor, struct sockaddr *restrict address, socklen_t *restrict size)
{
	return accept4(descriptor, address, size, 0);
}

int shutdown(int descriptor, int how)
{
	struct socket *socket;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return (int)files_result(-EINVAL);
	socket = begin(descriptor);
	if (!socket)
		return -1;
	return (int)end(socket, socket->kind->shutdown(socket, how));
}

int getsockname(int descriptor, struct sockaddr *restrict address, socklen_t *restrict size)
{
	struct socket *socket = begin(descriptor);
	ip_addr_t from;
	uint16_t port;

	if (!socket)
		return -1;
	if (socket->domain == AF_UNIX) {
		memset(address, 0, *size);
		address->sa_family = AF_UNIX;
		*size = sizeof(address->sa_family);
		return (int)end(socket, 0);
	}
	socket_local(socket, &from, &port);
	address_to(socket, &from, port, address, size);
	return (int)end(socket, 0);
}

int getpeername(int descriptor, struct sockaddr *restrict address, socklen_t *restrict size)
{
	struct socket *socket = begin(descriptor);

	if (!socket)
		return -1;
	if (socket->state != SOCKET_CONNECTED)
		return (int)end(socket, -ENOTCONN);
	if (socket->domain == AF_UNIX) {
		address->sa_family = AF_UNIX;
		*size = sizeof(address->sa_family);
	} else {
		address_to(socket, &socket->remote, socket->remote_port, address, size);
	}
	return (int)end(socket, 0);
}

int sockatmark(int descriptor)
{
	struct socket *socket = socket_get(descriptor);

	if (!socket)
		return -1;
	files_put(&socket->file);
	return 0; /* there is no urgent data */
}

/* ---- Data ---- */

static long pieces_error(const struct iovec *pieces, int count)
{
	size_t total = 0;

	if (count < 0 || count > PIECES_MOST)
		return -EMSGSIZE;
	for (int i = 0; i < count; i++)
		if (__builtin_add_overflow(total, pieces[i].iov_len, &total) || total > SSIZE_MAX)
			return -EINVAL;
	return 0;
}

static long send_pieces(int descriptor, const struct iovec *pieces, int count, int flags,
			const struct sockaddr *address, socklen_t size)
{
	struct socket *socket;
	ip_addr_t to;
	uint16_t port = 0;
	long result;

	cancel_point();
	socket = begin(descriptor);
	if (!socket)
		return -1;
	result = pieces_error(pieces, count);
	if (!result && address && socket->kind != &stream_kind && socket->kind != &pair_kind)
		result = address_from(socket, address, size, &to, &port);
	else
		address = NULL;
	if (!result)
		result =
		    socket->kind->send(socket, pieces, count, address ? &to : NULL, port, flags);
	return end(socket, result);
}

ssize_t sendto(int descriptor, const void *data, size_t size, int flags,
	       const struct sockaddr *address, socklen_t address_size)
{
	struct iovec piece = {(void *)(uintptr_t)data, size};

	return send_pieces(descriptor, &piece, 1, flags, address, address_size);
}

ssize_t send(int descriptor, const void *data, size_t size, int flags)
{
	return sendto(descriptor, data, size, flags, NULL, 0);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
	return send_pieces(descriptor, message->msg_iov, message->msg_iovlen, flags,
			   message->msg_name, message->msg_namelen);
}

/* The address that a datagram was sent to, and the interface it came through. */
static void tell_info(struct msghdr *message, const struct socket *socket,
		      const struct datagram *from)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	socklen_t room = message->msg_controllen;

	message->msg_controllen = 0;
	if (!socket->wants_info || !from->interface)
		return;
	if (socket->domain == AF_INET) {
		struct in_pktinfo info = {.ipi_ifindex = from->interface};

		if (!header || room < CMSG_SPACE(sizeof(info))) {
			message->msg_flags |= MSG_CTRUNC;
			return;
		}
		info.ipi_addr.s_addr = info.ipi_spec_dst.s_addr =
		    ip4_addr_get_u32(ip_2_ip4(&from->destination));
		*header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(header), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = from->interface};

		if (!header || room < CMSG_SPACE(sizeof(info))) {
			message->msg_flags |= MSG_CTRUNC;
			return;
		}
		if (IP_IS_V6(&from->destination)) {
			memcpy(&info.ipi6_addr, ip_2_ip6(&from->destination)->addr, 16);
		} else {
			info.ipi6_addr.s6_addr16[5] = 0xffff;
			info.ipi6_addr.s6_addr32[3] =
			    ip4_addr_get_u32(ip_2_ip4(&from->destination));
		}
		*header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO};
		memcpy(CMSG_DATA(header), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags)
{
	struct datagram from = {0};
	struct socket *socket;
	long result;

	cancel_point();
	socket = begin(descriptor);
	if (!socket)
		return -1;
	result = pieces_error(message->msg_iov, message->msg_iovlen);
	if (!result)
		result = socket->kind->receive(socket, message->msg_iov, message->msg_iovlen, &from,
					       &flags);
	if (result >= 0) {
		message->msg_flags = flags;
		if (socket->kind != &datagram_kind)
			message->msg_namelen = 0; /* a connection's other end is known */
		else if (message->msg_name)
			address_to(socket, &from.source, from.port, message->msg_name,
				   &message->msg_namelen);
		tell_info(message, socket, &from);
	}
	return end(socket, result);
}

ssize_t recvfrom(int descriptor, void *restrict buffer, size_t size, int flags,
		 struct sockaddr *restrict address, socklen_t *restrict address_size)
{
	struct iovec piece = {buffer, size};
	struct msghdr message = {.msg_name = address_size ? address : NULL,
				 .msg_namelen = address_size ? *address_size : 0,
				 .msg_iov = &piece,
				 .msg_iovlen = 1};
	ssize_t result = recvmsg(descriptor, &message, flags);

	if (result >= 0 && address_size)
		*address_size = message.msg_namelen;
	return result;
}

ssize_t recv(int descriptor, void *buffer, size_t size, int flags)
{
	return recvfrom(descriptor, buffer, size, flags, NULL, NULL);
}
