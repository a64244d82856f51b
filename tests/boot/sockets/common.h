/* SPDX-License-Identifier: MIT */
/* What the tests of sockets share. */
#ifndef NET_COMMON_H
#define NET_COMMON_H

#include "../libc/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The loopback address of a family. */
static inline socklen_t loopback(int family, unsigned port, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	if (family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)to;

		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	v6->sin6_addr = in6addr_loopback;
	return sizeof(*v6);
}

static inline unsigned port_of(int descriptor)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(descriptor, (struct sockaddr *)&address, &size))
		return 0;
	return ntohs(((struct sockaddr_in *)&address)->sin_port); /* at the same place in both */
}

/* A listener on any port of loopback. */
static inline int listener(int family, int backlog)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(family, 0, &address);
	int made = socket(family, SOCK_STREAM, 0);

	if (made < 0 || bind(made, (struct sockaddr *)&address, size) || listen(made, backlog))
		return -1;
	return made;
}

static inline int connected(int family, unsigned port)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(family, port, &address);
	int made = socket(family, SOCK_STREAM, 0);

	if (made >= 0 && connect(made, (struct sockaddr *)&address, size)) {
		int error = errno;

		close(made);
		errno = error;
		return -1;
	}
	return made;
}

/* Both ends of a connection. */
static inline int make_pair(int family, int pair[2])
{
	int waiting = listener(family, 4);

	pair[0] = connected(family, port_of(waiting));
	pair[1] = accept(waiting, NULL, NULL);
	return close(waiting) || pair[0] < 0 || pair[1] < 0 ? -1 : 0;
}

static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Does one's thing in another thread after some milliseconds. */
static inline void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

#endif
