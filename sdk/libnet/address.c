/* SPDX-License-Identifier: MIT */
/*
 * Socket addresses to lwIP's and back. IPv4 addresses of an AF_INET6 socket are mapped ones.
 */
#include "net.h"

#include <netinet/in.h>
#include <string.h>

#include "lwip/ip6_zone.h"

int address_from(const struct socket *socket, const struct sockaddr *from, socklen_t size,
		 ip_addr_t *address, uint16_t *port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (!from)
		return -EFAULT;
	if (size < sizeof(from->sa_family))
		return -EINVAL;
	if (from->sa_family != socket->domain)
		return -EAFNOSUPPORT;
	if (socket->domain == AF_INET) {
		if (size < sizeof(v4))
			return -EINVAL;
		memcpy(&v4, from, sizeof(v4));
		ip_addr_set_ip4_u32_val(*address, v4.sin_addr.s_addr);
		*port = ntohs(v4.sin_port);
		return 0;
	}
	if (size < sizeof(v6) - sizeof(v6.sin6_scope_id))
		return -EINVAL;
	memset(&v6, 0, sizeof(v6));
	memcpy(&v6, from, size < sizeof(v6) ? size : sizeof(v6));
	*port = ntohs(v6.sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
		if (socket->v6_only)
			return -ENETUNREACH;
		ip_addr_set_ip4_u32_val(*address, v6.sin6_addr.s6_addr32[3]);
		return 0;
	}
	IP_ADDR6(address, v6.sin6_addr.s6_addr32[0], v6.sin6_addr.s6_addr32[1],
		 v6.sin6_addr.s6_addr32[2], v6.sin6_addr.s6_addr32[3]);
	if (v6.sin6_scope_id > UINT8_MAX)
		return -EINVAL;
	if (ip6_addr_has_scope(ip_2_ip6(address), IP6_UNKNOWN))
		ip6_addr_set_zone(ip_2_ip6(address), (u8_t)v6.sin6_scope_id);
	return 0;
}

void address_to(const struct socket *socket, const ip_addr_t *address, uint16_t port,
		struct sockaddr *to, socklen_t *size)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} made = {0};
	socklen_t length;

	if (!size)
		return;
	if (socket->domain == AF_INET) {
		length = sizeof(made.v4);
		made.v4.sin_family = AF_INET;
		made.v4.sin_port = htons(port);
		if (IP_IS_V4(address))
			made.v4.sin_addr.s_addr = ip4_addr_get_u32(ip_2_ip4(address));
	} else {
		length = sizeof(made.v6);
		made.v6.sin6_family = AF_INET6;
		made.v6.sin6_port = htons(port);
		if (IP_IS_V6_VAL(*address)) {
			memcpy(&made.v6.sin6_addr, ip_2_ip6(address)->addr,
			       sizeof(made.v6.sin6_addr));
			made.v6.sin6_scope_id = ip6_addr_zone(ip_2_ip6(address));
		} else if (!IP_IS_ANY_TYPE_VAL(*address)) {
			made.v6.sin6_addr.s6_addr16[5] = 0xffff;
			made.v6.sin6_addr.s6_addr32[3] = ip4_addr_get_u32(ip_2_ip4(address));
		}
	}
	if (to)
		memcpy(to, &made, *size < length ? *size : length);
	*size = length;
}
