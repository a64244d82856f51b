/* SPDX-License-Identifier: MIT */
/*
 * <netdb.h> and <net/if.h> without a network: numbers, localhost, services, interfaces.
 */
#include "common.h"

#include <net/if.h>
#include <netdb.h>

static int count(struct addrinfo *list)
{
	int n = 0;

	for (; list; list = list->ai_next)
		n++;
	return n;
}

int main(void)
{
	struct addrinfo hints = {0}, *list;
	struct sockaddr_in *v4;
	struct sockaddr_in6 v6 = {
	    .sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	char host[NI_MAXHOST], service[NI_MAXSERV], name[IF_NAMESIZE];
	struct hostent *entry;
	struct servent *known;
	struct if_nameindex *interfaces;

	CHECK(getaddrinfo("10.1.2.3", "80", NULL, &list) == 0 && count(list) == 2);
	v4 = (struct sockaddr_in *)list->ai_addr;
	CHECK(list->ai_family == AF_INET && v4->sin_port == htons(80) &&
	      v4->sin_addr.s_addr == htonl(0x0a010203));
	CHECK(list->ai_socktype == SOCK_STREAM && list->ai_protocol == IPPROTO_TCP &&
	      list->ai_addrlen == sizeof(*v4));
	CHECK(list->ai_next->ai_socktype == SOCK_DGRAM &&
	      list->ai_next->ai_protocol == IPPROTO_UDP);
	freeaddrinfo(list);
	hints.ai_socktype = SOCK_STREAM;
	CHECK(getaddrinfo("localhost", "http", &hints, &list) == 0 && count(list) == 2);
	CHECK(list->ai_family == AF_INET && list->ai_next->ai_family == AF_INET6);
	freeaddrinfo(list);
	hints.ai_flags = AI_PASSIVE | AI_CANONNAME;
	CHECK(getaddrinfo(NULL, "8080", &hints, &list) == EAI_BADFLAGS);
	hints.ai_flags = AI_PASSIVE;
	hints.ai_family = AF_INET6;
	CHECK(getaddrinfo(NULL, "8080", &hints, &list) == 0 && count(list) == 1);
	CHECK(IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr));
	freeaddrinfo(list);
	hints.ai_flags = AI_V4MAPPED;
	CHECK(getaddrinfo("1.2.3.4", NULL, &hints, &list) == 0);
	CHECK(IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr));
	freeaddrinfo(list);
	hints = (struct addrinfo){.ai_flags = AI_NUMERICHOST};
	CHECK(getaddrinfo("example.org", NULL, &hints, &list) == EAI_NONAME);
	CHECK(getaddrinfo(NULL, NULL, &hints, &list) == EAI_NONAME);
	hints = (struct addrinfo){.ai_flags = AI_NUMERICSERV};
	CHECK(getaddrinfo("1.2.3.4", "http", &hints, &list) == EAI_NONAME);
	CHECK(getaddrinfo("1.2.3.4", "99999", NULL, &list) == EAI_SERVICE);
	CHECK(getaddrinfo("1.2.3.4", "no such", NULL, &list) == EAI_SERVICE);
	hints = (struct addrinfo){.ai_family = 77};
	CHECK(getaddrinfo("1.2.3.4", NULL, &hints, &list) == EAI_FAMILY);
	/* There is no network device to ask through: no long wait, and a reason. */
	CHECK(getaddrinfo("example.org", NULL, NULL, &list) == EAI_AGAIN);
	CHECK(gai_strerror(EAI_AGAIN) && gai_strerror(12345));

	CHECK(getnameinfo((struct sockaddr *)&v6, sizeof(v6), host, sizeof(host), service,
			  sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) == 0);
	CHECK(!strcmp(host, "::1") && !strcmp(service, "443"));
	CHECK(getnameinfo((struct sockaddr *)&v6, sizeof(v6), host, sizeof(host), service,
			  sizeof(service), 0) == 0);
	CHECK(!strcmp(host, "localhost") && !strcmp(service, "https"));
	CHECK(getnameinfo((struct sockaddr *)&v6, sizeof(v6), host, 3, NULL, 0, 0) == EAI_OVERFLOW);
	CHECK(getnameinfo((struct sockaddr *)&v6, 4, host, 3, NULL, 0, 0) == EAI_FAMILY);

	entry = gethostbyname("localhost");
	CHECK(entry && entry->h_addrtype == AF_INET && entry->h_length == 4 &&
	      !memcmp(entry->h_addr, "\x7f\0\0\1", 4));
	CHECK(!gethostbyname("") && h_errno == HOST_NOT_FOUND);
	known = getservbyname("ssh", "tcp");
	CHECK(known && known->s_port == htons(22) && !getservbyname("ssh", "udp"));
	known = getservbyport(htons(53), "udp");
	CHECK(known && !strcmp(known->s_name, "domain"));
	CHECK(getprotobyname("tcp")->p_proto == IPPROTO_TCP &&
	      !strcmp(getprotobynumber(17)->p_name, "udp"));

	CHECK(if_nametoindex("lo") == 1 && if_indextoname(1, name) && !strcmp(name, "lo"));
	CHECK(!if_nametoindex("no9"));
	interfaces = if_nameindex();
	CHECK(interfaces && interfaces[0].if_index == 1 && !strcmp(interfaces[0].if_name, "lo") &&
	      !interfaces[1].if_index);
	if_freenameindex(interfaces);
	return check_status();
}
