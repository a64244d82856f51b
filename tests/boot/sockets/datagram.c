/* SPDX-License-Identifier: MIT */
/*
 * UDP and raw sockets over loopback.
 */
#include "common.h"

#include <sys/ioctl.h>

static int bound(int family, unsigned port)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(family, port, &address);
	int made = socket(family, SOCK_DGRAM, 0);

	return made >= 0 && !bind(made, (struct sockaddr *)&address, size) ? made : -1;
}

static void basics(int family)
{
	struct sockaddr_storage address, from;
	int a = bound(family, 0), b = bound(family, 0), number;
	socklen_t size = loopback(family, port_of(b), &address), from_size = sizeof(from);
	char buffer[64];

	CHECK(a >= 0 && b >= 0);
	CHECK(sendto(a, "one", 3, 0, (struct sockaddr *)&address, size) == 3);
	CHECK(sendto(a, "", 0, 0, (struct sockaddr *)&address, size) == 0);
	CHECK(sendto(a, "three", 5, 0, (struct sockaddr *)&address, size) == 5);
	CHECK(!ioctl(b, FIONREAD, &number) && number == 3);
	CHECK(recvfrom(b, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &from_size) == 3);
	CHECK(!memcmp(buffer, "one", 3) && from_size == size);
	CHECK(((struct sockaddr_in *)&from)->sin_port == htons((uint16_t)port_of(a)));
	CHECK(recv(b, buffer, sizeof(buffer), 0) == 0);
	CHECK(recv(b, buffer, 2, MSG_PEEK) == 2);
	CHECK(recv(b, buffer, 2, MSG_PEEK | MSG_TRUNC) == 5);
	struct iovec piece = {buffer, 2};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	CHECK(recvmsg(b, &message, 0) == 2 && message.msg_flags == MSG_TRUNC);
	CHECK_FAILS(recv(b, buffer, 1, MSG_DONTWAIT), EAGAIN);

	/* Connected: others are not heard. */
	CHECK_FAILS(send(a, "x", 1, 0), EDESTADDRREQ);
	CHECK(!connect(a, (struct sockaddr *)&address, size));
	CHECK(send(a, "conn", 4, 0) == 4 && recv(b, buffer, sizeof(buffer), 0) == 4);
	int c = bound(family, 0);
	size = loopback(family, port_of(a), &address);
	CHECK(sendto(c, "other", 5, 0, (struct sockaddr *)&address, size) == 5);
	CHECK(sendto(b, "peer", 4, 0, (struct sockaddr *)&address, size) == 4);
	CHECK(recv(a, buffer, sizeof(buffer), 0) == 4 && !memcmp(buffer, "peer", 4));
	CHECK_FAILS(recv(a, buffer, 1, MSG_DONTWAIT), EAGAIN);
	from_size = sizeof(from);
	CHECK(!getpeername(a, (struct sockaddr *)&from, &from_size));
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	CHECK(!connect(a, &none, sizeof(none)));
	CHECK_FAILS(send(a, "x", 1, 0), EDESTADDRREQ);

	/* Gathered pieces are one datagram. */
	struct iovec pieces[2] = {{"ab", 2}, {"cd", 2}};
	size = loopback(family, port_of(b), &address);
	message = (struct msghdr){&address, size, pieces, 2, NULL, 0, 0};
	CHECK(sendmsg(a, &message, 0) == 4 && recv(b, buffer, sizeof(buffer), 0) == 4 &&
	      !memcmp(buffer, "abcd", 4));
	CHECK(!connect(a, (struct sockaddr *)&address, size) && writev(a, pieces, 2) == 4);
	CHECK(read(b, buffer, sizeof(buffer)) == 4);

	/* Where it was sent to. */
	char control[64];
	piece = (struct iovec){buffer, sizeof(buffer)};
	number = 1;
	CHECK(!setsockopt(b, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			  family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &number,
			  sizeof(number)));
	CHECK(send(a, "x", 1, 0) == 1);
	message = (struct msghdr){.msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control)};
	CHECK(recvmsg(b, &message, 0) == 1);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	CHECK(header && header->cmsg_type == (family == AF_INET ? IP_PKTINFO : IPV6_PKTINFO));
	if (header && family == AF_INET)
		CHECK(((struct in_pktinfo *)CMSG_DATA(header))->ipi_addr.s_addr ==
		      htonl(INADDR_LOOPBACK));
	CHECK(header && !CMSG_NXTHDR(&message, header));
	close(a);
	close(b);
	close(c);
}

static void sizes(void)
{
	static char data[70000], back[70000];
	struct sockaddr_storage address;
	int a = bound(AF_INET, 0), b = bound(AF_INET, 0);
	socklen_t size = loopback(AF_INET, port_of(b), &address);

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 31 >> 3);
	for (size_t length = 1; length <= 65507;
	     length = length * 5 + 7 < 65507 || length == 65507 ? length * 5 + 7 : 65507) {
		CHECK(sendto(a, data, length, 0, (struct sockaddr *)&address, size) ==
		      (ssize_t)length);
		CHECK(recv(b, back, sizeof(back), 0) == (ssize_t)length &&
		      !memcmp(data, back, length));
	}
	CHECK_FAILS(sendto(a, data, 65508, 0, (struct sockaddr *)&address, size), EMSGSIZE);
	/* What is not read does not grow for ever. */
	for (int i = 0; i < 2000; i++)
		CHECK(sendto(a, data, 1000, 0, (struct sockaddr *)&address, size) == 1000);
	int count = 0;
	while (recv(b, back, sizeof(back), MSG_DONTWAIT) == 1000)
		count++;
	CHECK(count > 50 && count < 400);
	CHECK_FAILS(sendto(a, data, 1, 0, (struct sockaddr *)&address, 5), EINVAL);
	close(a);
	close(b);
}

static void multicast(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 0};
	struct ip_mreqn group = {.imr_ifindex = 1};
	int a = socket(AF_INET, SOCK_DGRAM, 0), number = 1;
	unsigned char ttl = 5;
	socklen_t size = sizeof(number);

	(void)to;
	group.imr_multiaddr.s_addr = htonl(0x7f000001);
	CHECK_FAILS(setsockopt(a, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)), EINVAL);
	group.imr_multiaddr.s_addr = htonl(0xe0000102);
	CHECK_FAILS(setsockopt(a, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof(group)),
		    EADDRNOTAVAIL);
	CHECK(!setsockopt(a, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, 1));
	CHECK(!getsockopt(a, IPPROTO_IP, IP_MULTICAST_TTL, &number, &size) && number == 5);
	number = 0;
	CHECK(!setsockopt(a, IPPROTO_IP, IP_MULTICAST_LOOP, &number, sizeof(number)));
	CHECK(!getsockopt(a, IPPROTO_IP, IP_MULTICAST_LOOP, &number, &size) && number == 0);
	close(a);
}

/* An echo, asked for by hand. */
static void raw(void)
{
	unsigned char packet[12] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'p', 'i', 'n', 'g'}, back[100];
	struct sockaddr_storage address;
	socklen_t size = loopback(AF_INET, 0, &address);
	int made = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	unsigned sum = 0;
	ssize_t count;

	CHECK(made >= 0);
	for (int i = 0; i < 12; i += 2)
		sum += (unsigned)packet[i] << 8 | packet[i + 1];
	sum = ~((sum >> 16) + (sum & 0xffff));
	packet[2] = (unsigned char)(sum >> 8);
	packet[3] = (unsigned char)sum;
	CHECK(sendto(made, packet, 12, 0, (struct sockaddr *)&address, size) == 12);
	do
		count = recv(made, back, sizeof(back), 0);
	while (count >= 21 && back[20] == 8); /* it hears the question as well */
	CHECK(count == 32 && back[0] == 0x45 && back[20] == 0 && !memcmp(back + 24, packet + 4, 8));
	CHECK_FAILS(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
	close(made);
}

int main(void)
{
	basics(AF_INET);
	basics(AF_INET6);
	sizes();
	multicast();
	raw();
	return check_status();
}
