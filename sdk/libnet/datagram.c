/* SPDX-License-Identifier: MIT */
/*
 * UDP and raw sockets over lwIP's callbacks. All with the core lock.
 *
 * A datagram waits in the buffers that it came in. What waits is counted with those buffers' size,
 * so that small ones do not hold more memory than SO_RCVBUF says.
 */
#include "net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/igmp.h"
#include "lwip/ip.h"
#include "lwip/mld6.h"
#include "lwip/raw.h"
#include "lwip/udp.h"

#define BUFFER_COST 512 /* counted for each datagram besides its bytes */

struct membership {
	struct membership *next;
	ip_addr_t group;
	u8_t interface; /* 0: IPv4's by address */
	ip4_addr_t address;
};

static bool is_raw(const struct socket *socket)
{
	return socket->type == SOCK_RAW;
}

/* ---- Receiving ---- */

static size_t cost_of(const struct datagram *datagram)
{
	return datagram->data->tot_len + (size_t)BUFFER_COST;
}

static bool enqueue(struct socket *socket, struct pbuf *data, const ip_addr_t *source,
		    uint16_t port)
{
	struct datagram *datagram;

	if (socket->read_closed || socket->queued >= socket->receive_limit)
		return false;
	datagram = malloc(sizeof(*datagram));
	if (!datagram)
		return false;
	*datagram = (struct datagram){.data = data,
				      .source = *source,
				      .destination = *ip_current_dest_addr(),
				      .port = port,
				      .interface = data->if_idx};
	*socket->datagrams_end = datagram;
	socket->datagrams_end = &datagram->next;
	socket->queued += cost_of(datagram);
	socket_changed(socket, POLLIN | POLLRDNORM);
	return true;
}

static void udp_received(void *argument, struct udp_pcb *pcb, struct pbuf *data,
			 const ip_addr_t *source, u16_t port)
{
	(void)pcb;
	if (!enqueue(argument, data, source, port))
		pbuf_free(data);
}

/* Others get it, too: a copy. */
static u8_t raw_received(void *argument, struct raw_pcb *pcb, struct pbuf *data,
			 const ip_addr_t *source)
{
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, data);

	(void)pcb;
	if (copy) {
		copy->if_idx = data->if_idx;
		if (!enqueue(argument, copy, source, 0))
			pbuf_free(copy);
	}
	return 0;
}

static void drop_first(struct socket *socket)
{
	struct datagram *datagram = socket->datagrams;

	socket->queued -= cost_of(datagram);
	socket->datagrams = datagram->next;
	if (!socket->datagrams)
		socket->datagrams_end = &socket->datagrams;
	pbuf_free(datagram->data);
	free(datagram);
}

static long datagram_receive(struct socket *socket, const struct iovec *pieces, int count,
			     struct datagram *from, int *flags)
{
	uint64_t deadline = 0;
	struct datagram *datagram;
	size_t copied = 0, length;
	int wanted = *flags;

	if (wanted & MSG_OOB)
		return -EOPNOTSUPP;
	while (!socket->datagrams) {
		int error = -EAGAIN;

		if (socket->error)
			return socket_take_error(socket);
		if (socket->read_closed)
			return 0;
		if (!deadline)
			deadline = socket_deadline(socket->receive_timeout);
		if (!(socket->file.flags & O_NONBLOCK) && !(wanted & MSG_DONTWAIT))
			error = net_wait(&socket->changes, deadline);
		else if (interfaces_poll() && socket->datagrams)
			error = 0;
		if (error)
			return error;
	}
	datagram = socket->datagrams;
	length = datagram->data->tot_len;
	for (int i = 0; i < count && copied < length; i++) {
		size_t left = length - copied;
		size_t part = pieces[i].iov_len < left ? pieces[i].iov_len : left;

		pbuf_copy_partial(datagram->data, pieces[i].iov_base, (u16_t)part, (u16_t)copied);
		copied += part;
	}
	*from = *datagram;
	from->data = NULL;
	*flags = copied < length ? MSG_TRUNC : 0;
	if (!(wanted & MSG_PEEK))
		drop_first(socket);
	return wanted & MSG_TRUNC ? (long)length : (long)copied;
}

/* ---- Sending ---- */

static int need_pcb(struct socket *socket)
{
	u8_t type = socket->domain == AF_INET ? IPADDR_TYPE_V4
		    : socket->v6_only         ? IPADDR_TYPE_V6
					      : IPADDR_TYPE_ANY;

	if (socket->pcb)
		return 0;
	if (is_raw(socket)) {
		socket->raw = raw_new_ip_type(type, socket->protocol);
		if (socket->raw) {
			raw_recv(socket->raw, raw_received, socket);
			if (socket->domain == AF_INET6 && socket->protocol == IPPROTO_ICMPV6) {
				socket->raw->chksum_reqd = 1;
				socket->raw->chksum_offset = 2;
			}
		}
	} else {
		socket->udp = udp_new_ip_type(type);
		if (socket->udp)
			udp_recv(socket->udp, udp_received, socket);
	}
	return socket->pcb ? 0 : -ENOBUFS;
}

static long datagram_send(struct socket *socket, const struct iovec *pieces, int count,
			  const ip_addr_t *address, uint16_t port, int flags)
{
	size_t size = 0, at = 0;
	struct pbuf *data;
	err_t error;
	int failed;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (socket->write_closed)
		return socket_broken_pipe(flags);
	if (socket->error)
		return socket_take_error(socket);
	failed = need_pcb(socket);
	if (failed)
		return failed;
	if (!address) {
		if (socket->state != SOCKET_CONNECTED)
			return -EDESTADDRREQ;
		address = &socket->remote;
		port = socket->remote_port;
	}
	for (int i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (size > (IP_IS_V6(address) ? 65527u : 65507u))
		return -EMSGSIZE;
	failed = config_wait(address);
	if (failed)
		return failed;
	data = pbuf_alloc(is_raw(socket) ? PBUF_IP : PBUF_TRANSPORT, (u16_t)size, PBUF_RAM);
	if (!data)
		return -ENOBUFS;
	for (int i = 0; i < count; i++) {
		memcpy((char *)data->payload + at, pieces[i].iov_base, pieces[i].iov_len);
		at += pieces[i].iov_len;
	}
	error = is_raw(socket) ? raw_sendto(socket->raw, data, address)
			       : udp_sendto(socket->udp, data, address, port);
	pbuf_free(data);
	if (error == ERR_VAL && !ip_get_option(socket->udp, SOF_BROADCAST))
		return -EACCES; /* a broadcast address without SO_BROADCAST */
	return error == ERR_OK ? (long)size : socket_error(error);
}

/* ---- The others ---- */

static int datagram_bind(struct socket *socket, const ip_addr_t *address, uint16_t port)
{
	int failed = need_pcb(socket);
	err_t error;

	if (failed)
		return failed;
	if (!is_raw(socket) && socket->udp->local_port)
		return -EINVAL;
	if (socket->domain == AF_INET6 && !socket->v6_only && IP_IS_V6(address) &&
	    ip_addr_isany(address))
		address = IP_ANY_TYPE;
	error =
	    is_raw(socket) ? raw_bind(socket->raw, address) : udp_bind(socket->udp, address, port);
	return socket_error(error);
}

static int datagram_connect(struct socket *socket, const ip_addr_t *address, uint16_t port,
			    bool wait)
{
	ip_addr_t loopback = *address;
	int failed = need_pcb(socket);
	err_t error;

	(void)wait;
	if (failed)
		return failed;
	if (ip_addr_isany(address)) {
		if (IP_IS_V6(address))
			ip_addr_set_loopback_val(true, loopback);
		else
			ip_addr_set_loopback_val(false, loopback);
	}
	failed = config_wait(&loopback);
	if (failed)
		return failed;
	error = is_raw(socket) ? raw_connect(socket->raw, &loopback)
			       : udp_connect(socket->udp, &loopback, port);
	if (error)
		return socket_error(error);
	socket->remote = loopback;
	socket->remote_port = port;
	socket->state = SOCKET_CONNECTED;
	/* What others have sent before stays, as on Linux. */
	return 0;
}

/* connect() to AF_UNSPEC. */
static int datagram_disconnect(struct socket *socket)
{
	if (socket->pcb && socket->state == SOCKET_CONNECTED) {
		if (is_raw(socket))
			raw_disconnect(socket->raw);
		else
			udp_disconnect(socket->udp);
	}
	socket->state = SOCKET_NEW;
	return 0;
}

static int datagram_shutdown(struct socket *socket, int how)
{
	if (socket->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	socket->read_closed |= how != SHUT_WR;
	socket->write_closed |= how != SHUT_RD;
	socket_changed(socket, POLLIN | POLLOUT);
	return 0;
}

static int datagram_poll(struct socket *socket)
{
	return (socket->datagrams || socket->read_closed ? POLLIN | POLLRDNORM : 0) | POLLOUT |
	       POLLWRNORM | (socket->error ? POLLERR : 0);
}

static void leave(struct membership *membership)
{
	if (IP_IS_V6(&membership->group)) {
		struct netif *netif = netif_get_by_index(membership->interface);

		if (netif)
			mld6_leavegroup_netif(netif, ip_2_ip6(&membership->group));
	} else if (membership->interface) {
		struct netif *netif = netif_get_by_index(membership->interface);

		if (netif)
			igmp_leavegroup_netif(netif, ip_2_ip4(&membership->group));
	} else {
		igmp_leavegroup(&membership->address, ip_2_ip4(&membership->group));
	}
}

static err_t join(const struct membership *membership)
{
	struct netif *netif = netif_get_by_index(membership->interface);

	if (IP_IS_V6(&membership->group))
		return netif ? mld6_joingroup_netif(netif, ip_2_ip6(&membership->group)) : ERR_VAL;
	if (membership->interface)
		return netif ? igmp_joingroup_netif(netif, ip_2_ip4(&membership->group)) : ERR_VAL;
	return igmp_joingroup(&membership->address, ip_2_ip4(&membership->group));
}

int datagram_membership(struct socket *socket, const ip_addr_t *group, const ip_addr_t *interface,
			unsigned index, bool join_it)
{
	struct membership wanted = {.group = *group, .interface = (u8_t)index},
			  **place = &socket->memberships;
	int failed;

	if (is_raw(socket) || socket->kind != &datagram_kind)
		return -EINVAL;
	if (!ip_addr_ismulticast(group) || index > UINT8_MAX)
		return -EINVAL;
	if (interface)
		wanted.address = *ip_2_ip4(interface);
	if (IP_IS_V6(group) && !index) { /* any: the default one */
		wanted.interface = netif_default ? netif_get_index(netif_default) : 1;
	}
	if (IP_IS_V6(group))
		ip6_addr_assign_zone(ip_2_ip6(&wanted.group), IP6_MULTICAST,
				     netif_get_by_index(wanted.interface));
	while (*place && !(ip_addr_cmp(&(*place)->group, &wanted.group) &&
			   (*place)->interface == wanted.interface &&
			   ip4_addr_cmp(&(*place)->address, &wanted.address)))
		place = &(*place)->next;
	if (!join_it) {
		struct membership *old = *place;

		if (!old)
			return -EADDRNOTAVAIL;
		*place = old->next;
		leave(old);
		free(old);
		return 0;
	}
	if (*place)
		return -EADDRINUSE;
	if (!ip_addr_isloopback(group)) {
		failed = config_wait_any();
		if (failed && netif_default)
			return -ENODEV;
	}
	if (join(&wanted) != ERR_OK)
		return -ENODEV;
	*place = malloc(sizeof(wanted));
	if (!*place) {
		leave(&wanted);
		return -ENOBUFS;
	}
	wanted.next = NULL;
	**place = wanted;
	return 0;
}

static void datagram_close(struct socket *socket)
{
	while (socket->memberships) {
		struct membership *membership = socket->memberships;

		socket->memberships = membership->next;
		leave(membership);
		free(membership);
	}
	if (socket->pcb && is_raw(socket))
		raw_remove(socket->raw);
	else if (socket->pcb)
		udp_remove(socket->udp);
	while (socket->datagrams)
		drop_first(socket);
	socket_free(socket);
}

static size_t datagram_readable(struct socket *socket)
{
	return socket->datagrams ? socket->datagrams->data->tot_len : 0;
}

const struct socket_kind datagram_kind = {
    .need_pcb = need_pcb,
    .bind = datagram_bind,
    .connect = datagram_connect,
    .disconnect = datagram_disconnect,
    .send = datagram_send,
    .receive = datagram_receive,
    .shutdown = datagram_shutdown,
    .poll = datagram_poll,
    .close = datagram_close,
    .readable = datagram_readable,
};
