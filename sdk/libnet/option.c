/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() and setsockopt().
 *
 * An option is an int, or as large as its struct says. What is known and has no effect here is
 * accepted: sizes of TCP's buffers (lwIP's are fixed, network.md), SO_DEBUG, SO_DONTROUTE,
 * SO_OOBINLINE, low-water marks.
 */
#include "net.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>

#include "lwip/ip.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

struct value {
	union {
		int number;
		struct linger linger;
		struct timeval time;
		struct ip_mreqn group4;
		struct ipv6_mreq group6;
		struct in_addr address;
		char text[16];
	};
	socklen_t size;
};

static bool is_tcp(const struct socket *socket)
{
	return socket->kind == &stream_kind && socket->tcp && socket->state != SOCKET_LISTENING;
}

/* The beginning that all of lwIP's control blocks share. */
static struct ip_pcb *ip_of(const struct socket *socket)
{
	return socket->kind == &pair_kind ? NULL : socket->pcb;
}

/* An int may be given as a byte, as IP_MULTICAST_TTL often is. */
static int number_of(const struct value *value, int *number)
{
	if (value->size >= sizeof(int))
		*number = value->number;
	else if (value->size == 1)
		*number = (unsigned char)value->text[0];
	else
		return -EINVAL;
	return 0;
}

static int timeout_of(const struct value *value, uint64_t *timeout)
{
	if (value->size < sizeof(value->time))
		return -EINVAL;
	if (value->time.tv_usec < 0 || value->time.tv_usec >= 1000000)
		return -EDOM;
	*timeout = value->time.tv_sec < 0           ? 1
		   : value->time.tv_sec > INT32_MAX ? 0
						    : (uint64_t)value->time.tv_sec * 1000000000 +
							  (uint64_t)value->time.tv_usec * 1000;
	return 0;
}

static void set_flag(struct socket *socket, u8_t flag, int on)
{
	struct ip_pcb *pcb = ip_of(socket);

	if (pcb && on)
		ip_set_option(pcb, flag);
	else if (pcb)
		ip_reset_option(pcb, flag);
}

static int set_socket(struct socket *socket, int name, const struct value *value)
{
	int number = 0, error;

	switch (name) {
	case SO_LINGER:
		if (value->size < sizeof(value->linger))
			return -EINVAL;
		socket->linger_on = value->linger.l_onoff;
		socket->linger_seconds = value->linger.l_linger;
		return 0;
	case SO_RCVTIMEO:
		return timeout_of(value, &socket->receive_timeout);
	case SO_SNDTIMEO:
		return timeout_of(value, &socket->send_timeout);
	case SO_BINDTODEVICE: {
		char device[17] = {0};
		struct netif *netif;

		memcpy(device, value->text, value->size < 16 ? value->size : 16);
		netif = device[0] ? netif_find(device) : NULL;
		if (device[0] && !netif)
			return -ENODEV;
		if (!ip_of(socket))
			return -EINVAL;
		ip_of(socket)->netif_idx = netif ? netif_get_index(netif) : NETIF_NO_INDEX;
		return 0;
	}
	}
	error = number_of(value, &number);
	if (error)
		return error;
	switch (name) {
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		set_flag(socket, SOF_REUSEADDR, number);
		return 0;
	case SO_BROADCAST:
		set_flag(socket, SOF_BROADCAST, number);
		return 0;
	case SO_KEEPALIVE:
		set_flag(socket, SOF_KEEPALIVE, number);
		return 0;
	case SO_RCVBUF:
		socket->receive_limit = number < 2304 ? 2304 : (size_t)number;
		return 0;
	case SO_SNDBUF:
		socket->send_limit = number < 2304 ? 2304 : (size_t)number;
		return 0;
	case SO_DEBUG:
	case SO_DONTROUTE:
	case SO_OOBINLINE:
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static void put_time(struct value *value, uint64_t timeout)
{
	value->size = sizeof(value->time);
	value->time = (struct timeval){.tv_sec = (time_t)(timeout / 1000000000),
				       .tv_usec = (suseconds_t)(timeout % 1000000000 / 1000)};
}

static int get_socket(struct socket *socket, int name, struct value *value)
{
	const struct ip_pcb *pcb = ip_of(socket);
	u8_t flags = pcb ? pcb->so_options : 0;

	switch (name) {
	case SO_LINGER:
		value->size = sizeof(value->linger);
		value->linger = (struct linger){socket->linger_on, socket->linger_seconds};
		return 0;
	case SO_RCVTIMEO:
		put_time(value, socket->receive_timeout);
		return 0;
	case SO_SNDTIMEO:
		put_time(value, socket->send_timeout);
		return 0;
	case SO_REUSEADDR:
	case SO_REUSEPORT:
		value->number = !!(flags & SOF_REUSEADDR);
		return 0;
	case SO_BROADCAST:
		value->number = !!(flags & SOF_BROADCAST);
		return 0;
	case SO_KEEPALIVE:
		value->number = !!(flags & SOF_KEEPALIVE);
		return 0;
	case SO_TYPE:
		value->number = socket->type;
		return 0;
	case SO_DOMAIN:
		value->number = socket->domain;
		return 0;
	case SO_PROTOCOL:
		value->number = socket->protocol;
		return 0;
	case SO_ACCEPTCONN:
		value->number = socket->state == SOCKET_LISTENING;
		return 0;
	case SO_ERROR:
		value->number = -socket_take_error(socket);
		/* A connection that could not be made may be tried again. */
		return 0;
	case SO_RCVBUF:
		value->number = socket->kind == &stream_kind ? TCP_WND : (int)socket->receive_limit;
		return 0;
	case SO_SNDBUF:
		value->number =
		    socket->kind == &stream_kind ? TCP_SND_BUF : (int)socket->send_limit;
		return 0;
	case SO_RCVLOWAT:
	case SO_SNDLOWAT:
		value->number = 1;
		return 0;
	case SO_DEBUG:
	case SO_DONTROUTE:
	case SO_OOBINLINE:
		value->number = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- TCP ---- */

static int set_tcp(struct socket *socket, int name, const struct value *value)
{
	int number = 0, error = number_of(value, &number);
	struct tcp_pcb *pcb = socket->tcp;

	if (error)
		return error;
	if (socket->kind != &stream_kind)
		return -ENOPROTOOPT;
	if (name == TCP_CORK) {
		socket->corked = number;
		if (!number && is_tcp(socket) && socket->state == SOCKET_CONNECTED)
			tcp_output(pcb);
		return 0;
	}
	if (!is_tcp(socket)) /* a listener's: accepted ones set their own; one that has ended */
		return name == TCP_NODELAY || (name >= TCP_KEEPIDLE && name <= TCP_KEEPCNT)
			   ? 0
			   : -EINVAL;
	switch (name) {
	case TCP_NODELAY:
		if (number)
			tcp_nagle_disable(pcb);
		else
			tcp_nagle_enable(pcb);
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
		if (number < 1 || number > 32767)
			return -EINVAL;
		*(name == TCP_KEEPIDLE ? &pcb->keep_idle : &pcb->keep_intvl) = (u32_t)number * 1000;
		return 0;
	case TCP_KEEPCNT:
		if (number < 1 || number > 127)
			return -EINVAL;
		pcb->keep_cnt = (u32_t)number;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_tcp(struct socket *socket, int name, struct value *value)
{
	struct tcp_pcb *pcb = socket->tcp;

	if (socket->kind != &stream_kind)
		return -ENOPROTOOPT;
	if (name == TCP_CORK) {
		value->number = socket->corked;
		return 0;
	}
	if (!is_tcp(socket))
		return -EINVAL;
	switch (name) {
	case TCP_NODELAY:
		value->number = !!tcp_nagle_disabled(pcb);
		return 0;
	case TCP_MAXSEG:
		value->number = tcp_mss(pcb);
		return 0;
	case TCP_KEEPIDLE:
		value->number = (int)(pcb->keep_idle / 1000);
		return 0;
	case TCP_KEEPINTVL:
		value->number = (int)(pcb->keep_intvl / 1000);
		return 0;
	case TCP_KEEPCNT:
		value->number = (int)pcb->keep_cnt;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- IPv4, IPv6 ---- */

static bool is_udp(const struct socket *socket)
{
	return socket->kind == &datagram_kind && socket->type == SOCK_DGRAM;
}

static int set_group4(struct socket *socket, int name, const struct value *value)
{
	ip_addr_t group, interface;
	int index = value->size >= sizeof(struct ip_mreqn) ? value->group4.imr_ifindex : 0;

	if (value->size < sizeof(struct ip_mreq))
		return -EINVAL;
	ip_addr_set_ip4_u32_val(group, value->group4.imr_multiaddr.s_addr);
	ip_addr_set_ip4_u32_val(interface, value->group4.imr_address.s_addr);
	return datagram_membership(socket, &group, index ? NULL : &interface, (unsigned)index,
				   name == IP_ADD_MEMBERSHIP);
}

static int set_ip(struct socket *socket, int name, const struct value *value)
{
	struct ip_pcb *pcb = ip_of(socket);
	int number = 0, error;

	if (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP)
		return set_group4(socket, name, value);
	if (name == IP_MULTICAST_IF && is_udp(socket)) {
		ip4_addr_t address;

		if (value->size >= sizeof(struct ip_mreqn) && value->group4.imr_ifindex) {
			udp_set_multicast_netif_index(socket->udp, (u8_t)value->group4.imr_ifindex);
			return 0;
		}
		if (value->size < sizeof(struct in_addr))
			return -EINVAL;
		ip4_addr_set_u32(&address, value->size >= sizeof(struct ip_mreqn)
					       ? value->group4.imr_address.s_addr
					       : value->address.s_addr);
		udp_set_multicast_netif_addr(socket->udp, &address);
		return 0;
	}
	error = number_of(value, &number);
	if (error)
		return error;
	switch (name) {
	case IP_TTL:
		if (number == -1)
			number = IP_DEFAULT_TTL;
		if (number < 1 || number > 255)
			return -EINVAL;
		if (pcb)
			pcb->ttl = (u8_t)number;
		return 0;
	case IP_TOS:
		if (pcb)
			pcb->tos = (u8_t)number;
		return 0;
	case IP_PKTINFO:
		socket->wants_info = number;
		return 0;
	case IP_MULTICAST_TTL:
		if (!is_udp(socket))
			return -ENOPROTOOPT;
		if (number < -1 || number > 255)
			return -EINVAL;
		udp_set_multicast_ttl(socket->udp, number < 0 ? 1 : (u8_t)number);
		return 0;
	case IP_MULTICAST_LOOP:
		if (!is_udp(socket))
			return -ENOPROTOOPT;
		if (number)
			udp_set_flags(socket->udp, UDP_FLAGS_MULTICAST_LOOP);
		else
			udp_clear_flags(socket->udp, UDP_FLAGS_MULTICAST_LOOP);
		return 0;
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_ip(struct socket *socket, int name, struct value *value)
{
	const struct ip_pcb *pcb = ip_of(socket);

	switch (name) {
	case IP_TTL:
		value->number = pcb ? pcb->ttl : IP_DEFAULT_TTL;
		return 0;
	case IP_TOS:
		value->number = pcb ? pcb->tos : 0;
		return 0;
	case IP_PKTINFO:
		value->number = socket->wants_info;
		return 0;
	case IP_MULTICAST_TTL:
		if (!is_udp(socket))
			return -ENOPROTOOPT;
		value->number = udp_get_multicast_ttl(socket->udp);
		return 0;
	case IP_MULTICAST_LOOP:
		if (!is_udp(socket))
			return -ENOPROTOOPT;
		value->number = udp_is_flag_set(socket->udp, UDP_FLAGS_MULTICAST_LOOP);
		return 0;
	case IP_MTU_DISCOVER:
	case IP_RECVERR:
		value->number = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_ipv6(struct socket *socket, int name, const struct value *value)
{
	int number = 0, error;
	ip_addr_t group;

	if (socket->domain != AF_INET6)
		return -ENOPROTOOPT;
	if (name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP) {
		const uint32_t *words = value->group6.ipv6mr_multiaddr.s6_addr32;

		if (value->size < sizeof(value->group6))
			return -EINVAL;
		IP_ADDR6(&group, words[0], words[1], words[2], words[3]);
		return datagram_membership(socket, &group, NULL, value->group6.ipv6mr_interface,
					   name == IPV6_JOIN_GROUP);
	}
	error = number_of(value, &number);
	if (error)
		return error;
	switch (name) {
	case IPV6_V6ONLY:
		if (socket->state != SOCKET_NEW ||
		    (socket->kind == &stream_kind && socket->tcp && socket->tcp->local_port))
			return -EINVAL;
		socket->v6_only = number;
		if (socket->pcb) { /* made before it was known */
			struct ip_pcb *pcb = ip_of(socket);

			IP_SET_TYPE_VAL(pcb->local_ip, number ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
			IP_SET_TYPE_VAL(pcb->remote_ip, number ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
		}
		return 0;
	case IPV6_UNICAST_HOPS:
		return set_ip(socket, IP_TTL, value);
	case IPV6_TCLASS:
		return set_ip(socket, IP_TOS, value);
	case IPV6_MULTICAST_HOPS:
		return set_ip(socket, IP_MULTICAST_TTL, value);
	case IPV6_MULTICAST_LOOP:
		return set_ip(socket, IP_MULTICAST_LOOP, value);
	case IPV6_MULTICAST_IF:
		if (!is_udp(socket))
			return -ENOPROTOOPT;
		udp_set_multicast_netif_index(socket->udp, (u8_t)number);
		return 0;
	case IPV6_RECVPKTINFO:
		socket->wants_info = number;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_ipv6(struct socket *socket, int name, struct value *value)
{
	if (socket->domain != AF_INET6)
		return -ENOPROTOOPT;
	switch (name) {
	case IPV6_V6ONLY:
		value->number = socket->v6_only;
		return 0;
	case IPV6_UNICAST_HOPS:
		return get_ip(socket, IP_TTL, value);
	case IPV6_TCLASS:
		return get_ip(socket, IP_TOS, value);
	case IPV6_MULTICAST_HOPS:
		return get_ip(socket, IP_MULTICAST_TTL, value);
	case IPV6_MULTICAST_LOOP:
		return get_ip(socket, IP_MULTICAST_LOOP, value);
	case IPV6_RECVPKTINFO:
		value->number = socket->wants_info;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- The calls ---- */

int setsockopt(int descriptor, int level, int name, const void *data, socklen_t size)
{
	struct socket *socket;
	struct value value = {0};
	int result;

	if (!data)
		return (int)files_result(-EFAULT);
	socket = socket_get(descriptor);
	if (!socket)
		return -1;
	value.size = size;
	memcpy(&value, data,
	       size < offsetof(struct value, size) ? size : offsetof(struct value, size));
	net_lock();
	if (socket->kind->need_pcb)
		socket->kind->need_pcb(socket);
	switch (level) {
	case SOL_SOCKET:
		result = set_socket(socket, name, &value);
		break;
	case IPPROTO_TCP:
		result = set_tcp(socket, name, &value);
		break;
	case IPPROTO_IP:
		result = set_ip(socket, name, &value);
		break;
	case IPPROTO_IPV6:
		result = set_ipv6(socket, name, &value);
		break;
	default:
		result = -ENOPROTOOPT;
	}
	net_unlock();
	files_put(&socket->file);
	return (int)files_result(result);
}

int getsockopt(int descriptor, int level, int name, void *restrict data, socklen_t *restrict size)
{
	struct socket *socket;
	struct value value = {0};
	int result;

	if (!data || !size)
		return (int)files_result(-EFAULT);
	socket = socket_get(descriptor);
	if (!socket)
		return -1;
	value.size = sizeof(value.number);
	net_lock();
	switch (level) {
	case SOL_SOCKET:
		result = get_socket(socket, name, &value);
		break;
	case IPPROTO_TCP:
		result = get_tcp(socket, name, &value);
		break;
	case IPPROTO_IP:
		result = get_ip(socket, name, &value);
		break;
	case IPPROTO_IPV6:
		result = get_ipv6(socket, name, &value);
		break;
	default:
		result = -ENOPROTOOPT;
	}
	net_unlock();
	files_put(&socket->file);
	if (!result) {
		if (*size > value.size)
			*size = value.size;
		memcpy(data, &value, *size);
	}
	return (int)files_result(result);
}
