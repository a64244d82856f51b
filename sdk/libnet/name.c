/* SPDX-License-Identifier: MIT */
/*
 * getaddrinfo() and its kin: <netdb.h>.
 */
#include "resolve.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned zone_of_name(const char *name)
{
	return if_nametoindex(name);
}

/* ---- getaddrinfo() ---- */

static const struct {
	int type, protocol;
	const char *name;
} kinds[] = {
    {SOCK_STREAM, IPPROTO_TCP, "tcp"}, {SOCK_DGRAM, IPPROTO_UDP, "udp"}, {SOCK_RAW, 0, NULL}};

struct made {
	struct addrinfo info; /* first */
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	char canonical[];
};

static int add(struct addrinfo ***end, const ip_addr_t *address, unsigned port, unsigned kind,
	       int protocol, bool mapped, const char *canonical)
{
	struct made *made = calloc(1, sizeof(*made) + (canonical ? strlen(canonical) + 1 : 0));
	bool v6 = IP_IS_V6(address) || mapped;

	if (!made)
		return EAI_MEMORY;
	made->info = (struct addrinfo){.ai_family = v6 ? AF_INET6 : AF_INET,
				       .ai_socktype = kinds[kind].type,
				       .ai_protocol = protocol ? protocol : kinds[kind].protocol,
				       .ai_addrlen =
					   v6 ? sizeof(made->address.v6) : sizeof(made->address.v4),
				       .ai_addr = (struct sockaddr *)&made->address};
	if (!v6) {
		made->address.v4.sin_family = AF_INET;
		made->address.v4.sin_port = htons((uint16_t)port);
		made->address.v4.sin_addr.s_addr = ip4_addr_get_u32(ip_2_ip4(address));
	} else {
		made->address.v6.sin6_family = AF_INET6;
		made->address.v6.sin6_port = htons((uint16_t)port);
		if (IP_IS_V6(address)) {
			memcpy(&made->address.v6.sin6_addr, ip_2_ip6(address)->addr, 16);
			made->address.v6.sin6_scope_id = ip6_addr_zone(ip_2_ip6(address));
		} else {
			made->address.v6.sin6_addr.s6_addr16[5] = 0xffff;
			made->address.v6.sin6_addr.s6_addr32[3] =
			    ip4_addr_get_u32(ip_2_ip4(address));
		}
	}
	if (canonical)
		made->info.ai_canonname = strcpy(made->canonical, canonical);
	**end = &made->info;
	*end = &made->info.ai_next;
	return 0;
}

/* The port, or an EAI_… value. */
static int port_of(const char *service, int flags, unsigned kind)
{
	char *end;
	unsigned long number;
	int port;

	if (!service || !*service)
		return 0;
	number = strtoul(service, &end, 10);
	if (!*end && service[0] >= '0' && service[0] <= '9')
		return number <= 65535 ? (int)number : EAI_SERVICE;
	if (flags & AI_NUMERICSERV)
		return EAI_NONAME;
	port = kinds[kind].name ? service_port(service, kinds[kind].name) : -1;
	return port < 0 ? EAI_SERVICE : port;
}

static void add_own(struct addresses *to, int family, bool passive)
{
	ip_addr_t address;

	for (int v6 = 0; v6 < 2; v6++) {
		if (family != AF_UNSPEC && family != (v6 ? AF_INET6 : AF_INET))
			continue;
		if (passive)
			ip_addr_set_any_val(v6, address);
		else
			ip_addr_set_loopback_val(v6, address);
		addresses_add(to, &address);
	}
}

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	static const struct addrinfo none;
	struct addrinfo *first = NULL, **end = &first;
	struct addresses found = {0};
	bool mapped = false;
	int error = 0, ports[3];
	unsigned usable = 0;

	hints = hints ? hints : &none;
	*list = NULL;
	if (!node && !service)
		return EAI_NONAME;
	if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
	    hints->ai_family != AF_INET6)
		return EAI_FAMILY;
	if (hints->ai_flags & AI_CANONNAME && !node)
		return EAI_BADFLAGS;
	for (unsigned i = 0; i < 3; i++) {
		ports[i] = EAI_SOCKTYPE;
		if (hints->ai_socktype ? hints->ai_socktype != kinds[i].type
				       : kinds[i].type == SOCK_RAW)
			continue;
		if (hints->ai_protocol && kinds[i].protocol &&
		    hints->ai_protocol != kinds[i].protocol)
			continue;
		ports[i] = port_of(service, hints->ai_flags, i);
		usable += ports[i] >= 0;
		if (ports[i] < 0)
			error = ports[i];
	}
	if (!usable)
		return error ? error : EAI_SOCKTYPE;
	if (!node) {
		add_own(&found, hints->ai_family, hints->ai_flags & AI_PASSIVE);
	} else {
		bool numbers = hints->ai_flags & AI_NUMERICHOST;

		error = resolve(node, hints->ai_family, numbers, true, &found);
		if (error && hints->ai_family == AF_INET6 && hints->ai_flags & AI_V4MAPPED) {
			error = resolve(node, AF_INET, numbers, true, &found);
			mapped = true;
		}
		if (error)
			return error;
	}
	for (unsigned i = 0; i < found.count; i++)
		for (unsigned kind = 0; kind < 3; kind++) {
			const char *canonical =
			    !first && hints->ai_flags & AI_CANONNAME ? node : NULL;

			if (ports[kind] < 0)
				continue;
			error = add(&end, &found.list[i], (unsigned)ports[kind], kind,
				    hints->ai_protocol, mapped, canonical);
			if (error) {
				freeaddrinfo(first);
				return error;
			}
		}
	*list = first;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}

const char *gai_strerror(int error)
{
	switch (error) {
	case 0:
		return "no error";
	case EAI_BADFLAGS:
		return "flags that do not fit";
	case EAI_NONAME:
		return "no such name";
	case EAI_AGAIN:
		return "no name server answers: is there a network, and does it tell of one?";
	case EAI_FAIL:
		return "the name server failed";
	case EAI_NODATA:
		return "the name has no such address";
	case EAI_FAMILY:
		return "no such family of addresses";
	case EAI_SOCKTYPE:
		return "no such type of socket";
	case EAI_SERVICE:
		return "no such service";
	case EAI_ADDRFAMILY_:
		return "the address is of another family";
	case EAI_MEMORY:
		return "no memory";
	case EAI_SYSTEM:
		return "see errno";
	case EAI_OVERFLOW:
		return "the buffer is too small";
	default:
		return "unknown error";
	}
}

/* ---- getnameinfo() ---- */

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict node,
		socklen_t node_size, char *restrict service, socklen_t service_size, int flags)
{
	char text[NI_MAXHOST];
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	ip_addr_t ip;
	unsigned port;
	int length;

	if (size >= sizeof(v4) && address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		ip_addr_set_ip4_u32_val(ip, v4.sin_addr.s_addr);
		port = ntohs(v4.sin_port);
		inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
	} else if (size >= sizeof(v6) && address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		IP_ADDR6(&ip, v6.sin6_addr.s6_addr32[0], v6.sin6_addr.s6_addr32[1],
			 v6.sin6_addr.s6_addr32[2], v6.sin6_addr.s6_addr32[3]);
		port = ntohs(v6.sin6_port);
		inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
		if (v6.sin6_scope_id)
			snprintf(text + strlen(text), 12, "%%%u", (unsigned)v6.sin6_scope_id);
	} else {
		return EAI_FAMILY;
	}
	if (!node && !service)
		return EAI_NONAME;
	if (node) {
		/* There is no asking DNS for names: hosts and numbers. */
		if (!(flags & NI_NUMERICHOST) && !name_of_address(&ip, text, sizeof(text)) &&
		    flags & NI_NAMEREQD)
			return EAI_NONAME;
		if (strlen(text) >= node_size)
			return EAI_OVERFLOW;
		strcpy(node, text);
	}
	if (service) {
		length = flags & NI_NUMERICSERV
			     ? snprintf(service, service_size, "%u", port)
			     : service_name(port, flags & NI_DGRAM ? "udp" : "tcp", service,
					    service_size);
		if (length < 0 || (socklen_t)length >= service_size)
			return EAI_OVERFLOW;
	}
	return 0;
}

/* ---- The older ones ---- */

int *__h_errno_place(void)
{
	static _Thread_local int number;

	return &number;
}

const char *hstrerror(int error)
{
	static const char *const texts[] = {"no error", "no such name", "no name server answers",
					    "the name server failed",
					    "the name has no such address"};

	return error >= 0 && error <= NO_DATA ? texts[error] : "unknown error";
}

struct hostent *gethostbyname2(const char *name, int family)
{
	static _Thread_local struct {
		struct hostent entry;
		char name[256];
		char *aliases[1], *list[ADDRESSES_MOST + 1];
		uint8_t bytes[ADDRESSES_MOST][16];
	} kept;
	struct addresses found = {0};
	int error = resolve(name, family, false, false, &found);
	int length = family == AF_INET6 ? 16 : 4;

	if (error || !found.count) {
		h_errno = error == EAI_AGAIN    ? TRY_AGAIN
			  : error == EAI_MEMORY ? NO_RECOVERY
						: HOST_NOT_FOUND;
		return NULL;
	}
	snprintf(kept.name, sizeof(kept.name), "%s", name);
	for (unsigned i = 0; i < found.count; i++) {
		memcpy(kept.bytes[i],
		       length == 16 ? (void *)ip_2_ip6(&found.list[i])->addr
				    : (void *)ip_2_ip4(&found.list[i]),
		       (size_t)length);
		kept.list[i] = (char *)kept.bytes[i];
	}
	kept.list[found.count] = NULL;
	kept.entry = (struct hostent){kept.name, kept.aliases, family, length, kept.list};
	return &kept.entry;
}

struct hostent *gethostbyname(const char *name)
{
	return gethostbyname2(name, AF_INET);
}
