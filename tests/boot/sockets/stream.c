/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets over loopback: connections, data, their end, errors, options, as files.
 */
#include "common.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

static int signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void basics(int family)
{
	struct sockaddr_storage address, other;
	socklen_t size = sizeof(address), other_size = sizeof(other);
	char buffer[64];
	struct stat status;
	int pair[2], waiting = listener(family, 4), number;

	CHECK(waiting >= 0 && port_of(waiting));
	pair[0] = connected(family, port_of(waiting));
	CHECK(pair[0] >= 0);
	pair[1] = accept(waiting, (struct sockaddr *)&address, &size);
	CHECK(pair[1] >= 0);
	CHECK(address.ss_family == family);
	CHECK(!getsockname(pair[0], (struct sockaddr *)&other, &other_size) && other_size == size);
	CHECK(!memcmp(&address, &other, size));
	other_size = sizeof(other);
	CHECK(!getpeername(pair[0], (struct sockaddr *)&other, &other_size));
	CHECK(((struct sockaddr_in *)&other)->sin_port == htons((uint16_t)port_of(waiting)));

	CHECK(write(pair[0], "hello", 5) == 5);
	CHECK(recv(pair[1], buffer, 3, MSG_PEEK) == 3 && !memcmp(buffer, "hel", 3));
	CHECK(!ioctl(pair[1], FIONREAD, &number) && number == 5);
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 5 && !memcmp(buffer, "hello", 5));
	CHECK(!ioctl(pair[1], FIONREAD, &number) && number == 0);
	CHECK(send(pair[1], "back", 4, 0) == 4);
	CHECK(recvfrom(pair[0], buffer, sizeof(buffer), 0, NULL, NULL) == 4);
	CHECK_FAILS(recv(pair[0], buffer, sizeof(buffer), MSG_DONTWAIT), EAGAIN);

	/* As files. */
	CHECK(!fstat(pair[0], &status) && S_ISSOCK(status.st_mode));
	CHECK_FAILS(lseek(pair[0], 0, SEEK_SET), ESPIPE);
	CHECK(!isatty(pair[0]));
	number = dup(pair[0]);
	CHECK(number >= 0 && write(number, "dup", 3) == 3 && !close(number));
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 3);
	FILE *stream = fdopen(dup(pair[0]), "r+");
	CHECK(stream && fprintf(stream, "line %d\n", 7) == 7 && !fflush(stream));
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 7 && !memcmp(buffer, "line 7\n", 7));
	CHECK(write(pair[1], "answer\n", 7) == 7 && fgets(buffer, sizeof(buffer), stream) &&
	      !strcmp(buffer, "answer\n"));
	fclose(stream);
	struct iovec pieces[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}};
	CHECK(writev(pair[0], pieces, 3) == 6);
	char one[3], two[10];
	struct iovec into[2] = {{one, 3}, {two, 10}};
	CHECK(readv(pair[1], into, 2) == 6 && !memcmp(one, "abc", 3) && !memcmp(two, "def", 3));
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 3};
	CHECK(sendmsg(pair[0], &message, 0) == 6);
	message = (struct msghdr){.msg_iov = into, .msg_iovlen = 2};
	CHECK(recvmsg(pair[1], &message, 0) == 6 && message.msg_flags == 0 &&
	      message.msg_controllen == 0);

	/* Closing: what was sent arrives, then the end. */
	CHECK(write(pair[0], "last", 4) == 4 && !close(pair[0]));
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 4 &&
	      read(pair[1], buffer, sizeof(buffer)) == 0);
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 0);
	CHECK(!close(pair[1]));
	CHECK_FAILS(read(pair[1], buffer, 1), EBADF);
	CHECK(!close(waiting));
}

static void half_closed(void)
{
	char buffer[16];
	int pair[2];

	CHECK(!make_pair(AF_INET, pair));
	CHECK(!shutdown(pair[0], SHUT_WR));
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 0);
	CHECK(write(pair[1], "still", 5) == 5);
	CHECK(read(pair[0], buffer, sizeof(buffer)) == 5);
	signals = 0;
	CHECK_FAILS(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(signals == 0);
	CHECK_FAILS(write(pair[0], "x", 1), EPIPE);
	CHECK(signals == 1);
	CHECK(!shutdown(pair[1], SHUT_RDWR));
	CHECK(read(pair[0], buffer, sizeof(buffer)) == 0);
	CHECK(read(pair[1], buffer, sizeof(buffer)) == 0);
	close(pair[0]);
	close(pair[1]);

	/* The reading half. */
	CHECK(!make_pair(AF_INET, pair));
	CHECK(write(pair[0], "unread", 6) == 6);
	pause_ms(10);
	CHECK(!shutdown(pair[1], SHUT_RD) && read(pair[1], buffer, sizeof(buffer)) == 0);
	CHECK(write(pair[1], "out", 3) == 3 && read(pair[0], buffer, 3) == 3);
	close(pair[0]);
	close(pair[1]);

	/* TIME_WAIT passes while a descriptor is open: nothing of it may be touched then. */
	CHECK(!make_pair(AF_INET, pair));
	CHECK(!shutdown(pair[0], SHUT_WR) && !shutdown(pair[1], SHUT_WR));
	CHECK(read(pair[0], buffer, 1) == 0 && read(pair[1], buffer, 1) == 0);
	pause_ms(5500);
	CHECK(read(pair[0], buffer, 1) == 0);
	CHECK_FAILS(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(!close(pair[0]) && !close(pair[1]));
}

static void resets(void)
{
	struct linger linger = {1, 0};
	char buffer[16];
	int pair[2], error = -1;
	socklen_t size = sizeof(error);

	CHECK(!make_pair(AF_INET, pair));
	CHECK(!setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	close(pair[0]);
	CHECK_FAILS(read(pair[1], buffer, 1), ECONNRESET);
	CHECK(read(pair[1], buffer, 1) == 0);
	CHECK_FAILS(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(pair[1]);

	/* Closing with something unread resets. */
	CHECK(!make_pair(AF_INET, pair));
	CHECK(write(pair[0], "unread", 6) == 6);
	pause_ms(10);
	close(pair[1]);
	pause_ms(10);
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &size) && error == ECONNRESET);
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &size) && error == 0);
	close(pair[0]);
}

static void errors(void)
{
	struct sockaddr_storage address;
	socklen_t size = loopback(AF_INET, 1, &address), other;
	char buffer[4];
	int made, waiting;

	CHECK_FAILS(socket(77, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_FAILS(socket(AF_INET, 9, 0), EPROTOTYPE);
	CHECK_FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_FAILS(connected(AF_INET, 1), ECONNREFUSED);
	CHECK_FAILS(connected(AF_INET6, 1), ECONNREFUSED);
	CHECK_FAILS(bind(0, (struct sockaddr *)&address, size), ENOTSOCK);
	CHECK_FAILS(bind(900, (struct sockaddr *)&address, size), EBADF);
	made = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_FAILS(recv(made, buffer, 1, 0), ENOTCONN);
	CHECK_FAILS(send(made, buffer, 1, 0), ENOTCONN);
	CHECK_FAILS(shutdown(made, SHUT_RD), ENOTCONN);
	CHECK_FAILS(shutdown(made, 5), EINVAL);
	other = sizeof(address);
	CHECK_FAILS(getpeername(made, (struct sockaddr *)&address, &other), ENOTCONN);
	CHECK_FAILS(accept(made, NULL, NULL), EINVAL);
	CHECK_FAILS(accept4(made, NULL, NULL, 77), EINVAL);
	size = loopback(AF_INET6, 1, &address);
	CHECK_FAILS(connect(made, (struct sockaddr *)&address, size), EAFNOSUPPORT);
	size = loopback(AF_INET, 1, &address);
	CHECK_FAILS(connect(made, (struct sockaddr *)&address, 3), EINVAL);
	/* Refused, and then tried again elsewhere with the same socket. */
	CHECK_FAILS(connect(made, (struct sockaddr *)&address, size), ECONNREFUSED);
	waiting = listener(AF_INET, 1);
	size = loopback(AF_INET, port_of(waiting), &address);
	CHECK(!connect(made, (struct sockaddr *)&address, size));
	CHECK_FAILS(connect(made, (struct sockaddr *)&address, size), EISCONN);
	CHECK_FAILS(connect(waiting, (struct sockaddr *)&address, size), EOPNOTSUPP);
	close(made);
	/* Addresses in use, and not of this machine. */
	made = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_FAILS(bind(made, (struct sockaddr *)&address, size), EADDRINUSE);
	loopback(AF_INET, 0, &address);
	CHECK(!bind(made, (struct sockaddr *)&address, size) && port_of(made));
	CHECK_FAILS(bind(made, (struct sockaddr *)&address, size), EINVAL);
	close(made);
	close(waiting);
	CHECK_FAILS(accept(waiting, NULL, NULL), EBADF);
	/* Nothing there leads anywhere: there is no network device. */
	made = socket(AF_INET, SOCK_STREAM, 0);
	((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(0xc0000201);
	((struct sockaddr_in *)&address)->sin_port = htons(80);
	CHECK_FAILS(connect(made, (struct sockaddr *)&address, size), ENETUNREACH);
	close(made);
}

static void options(void)
{
	int pair[2], number = 1, kind;
	socklen_t size = sizeof(number);
	struct timeval time = {0, 50000}, got;
	char buffer[4];
	double start;

	CHECK(!make_pair(AF_INET, pair));
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &kind, &size) && kind == SOCK_STREAM);
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_DOMAIN, &kind, &size) && kind == AF_INET);
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_ACCEPTCONN, &kind, &size) && kind == 0);
	CHECK(!getsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &kind, &size) && kind == 0);
	CHECK(!setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &number, sizeof(number)));
	CHECK(!getsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &kind, &size) && kind == 1);
	CHECK(!setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &number, sizeof(number)));
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &kind, &size) && kind == 1);
	number = 30;
	CHECK(!setsockopt(pair[0], IPPROTO_TCP, TCP_KEEPIDLE, &number, sizeof(number)));
	CHECK(!getsockopt(pair[0], IPPROTO_TCP, TCP_KEEPIDLE, &kind, &size) && kind == 30);
	CHECK(!getsockopt(pair[0], IPPROTO_TCP, TCP_MAXSEG, &kind, &size) && kind > 500);
	number = 44;
	CHECK(!setsockopt(pair[0], IPPROTO_IP, IP_TTL, &number, sizeof(number)));
	CHECK(!getsockopt(pair[0], IPPROTO_IP, IP_TTL, &kind, &size) && kind == 44);
	CHECK_FAILS(setsockopt(pair[0], SOL_SOCKET, 999, &number, sizeof(number)), ENOPROTOOPT);
	CHECK_FAILS(getsockopt(pair[0], 999, 1, &number, &size), ENOPROTOOPT);
	CHECK_FAILS(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &number, 2), EINVAL);

	CHECK(!setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	size = sizeof(got);
	CHECK(!getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &got, &size) && got.tv_usec == 50000 &&
	      !got.tv_sec);
	start = now();
	CHECK_FAILS(read(pair[0], buffer, 1), EAGAIN);
	CHECK(now() - start > 0.045);

	/* Corked: nothing leaves before the cork is drawn. */
	number = 1;
	CHECK(!setsockopt(pair[0], IPPROTO_TCP, TCP_CORK, &number, sizeof(number)));
	CHECK(write(pair[0], "a", 1) == 1);
	pause_ms(20);
	CHECK_FAILS(recv(pair[1], buffer, 1, MSG_DONTWAIT), EAGAIN);
	number = 0;
	CHECK(!setsockopt(pair[0], IPPROTO_TCP, TCP_CORK, &number, sizeof(number)));
	CHECK(read(pair[1], buffer, 1) == 1);
	close(pair[0]);
	close(pair[1]);
}

/* ---- Much data ---- */

#define MUCH (3 * 1000 * 1000)

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static void *writer(void *argument)
{
	int to = *(int *)argument;
	static unsigned char data[MUCH];
	size_t done = 0, step = 1;

	for (size_t i = 0; i < MUCH; i++)
		data[i] = byte_at(i);
	while (done < MUCH) {
		size_t size = step < MUCH - done ? step : MUCH - done;

		CHECK(write(to, data + done, size) == (ssize_t)size);
		done += size;
		step = step * 3 % 200003 + 1;
	}
	shutdown(to, SHUT_WR);
	return NULL;
}

static void much(void)
{
	static unsigned char buffer[100000];
	size_t done = 0;
	bool right = true;
	pthread_t thread;
	ssize_t count;
	int pair[2];

	CHECK(!make_pair(AF_INET, pair));
	CHECK(!pthread_create(&thread, NULL, writer, &pair[0]));
	while ((count = recv(pair[1], buffer, done % 7 ? sizeof(buffer) : 999,
			     done % 5 ? 0 : MSG_WAITALL)) > 0)
		for (ssize_t i = 0; i < count; i++)
			right &= buffer[i] == byte_at(done++);
	CHECK(count == 0 && right && done == MUCH);
	pthread_join(thread, NULL);
	close(pair[0]);
	close(pair[1]);

	/* Many small ones that nobody reads: they wait, joined, within the window. */
	CHECK(!make_pair(AF_INET, pair));
	int number = 1;
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &number, sizeof(number));
	for (int i = 0; i < 3000; i++)
		CHECK(write(pair[0], &i, 4) == 4);
	for (int i = 0; i < 3000; i++)
		CHECK(read(pair[1], &number, 4) == 4 && number == i);
	close(pair[0]);
	close(pair[1]);
}

static void dual(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6}, from;
	socklen_t size = sizeof(from);
	int waiting = socket(AF_INET6, SOCK_STREAM, 0), client, server, number = 1;

	CHECK(!bind(waiting, (struct sockaddr *)&any, sizeof(any)) && !listen(waiting, 4));
	client = connected(AF_INET, port_of(waiting));
	server = accept(waiting, (struct sockaddr *)&from, &size);
	CHECK(client >= 0 && server >= 0 && from.sin6_family == AF_INET6 &&
	      IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	close(client);
	close(server);
	client = connected(AF_INET6, port_of(waiting));
	server = accept(waiting, (struct sockaddr *)&from, &size);
	CHECK(client >= 0 && server >= 0 && IN6_IS_ADDR_LOOPBACK(&from.sin6_addr));
	close(client);
	close(server);
	close(waiting);
	waiting = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(!setsockopt(waiting, IPPROTO_IPV6, IPV6_V6ONLY, &number, sizeof(number)));
	CHECK(!bind(waiting, (struct sockaddr *)&any, sizeof(any)) && !listen(waiting, 4));
	CHECK_FAILS(connected(AF_INET, port_of(waiting)), ECONNREFUSED);
	client = connected(AF_INET6, port_of(waiting));
	CHECK(client >= 0);
	close(client);
	close(waiting);
	/* A mapped address leads to IPv4. */
	waiting = listener(AF_INET, 1);
	client = socket(AF_INET6, SOCK_STREAM, 0);
	any.sin6_addr.s6_addr16[5] = 0xffff;
	any.sin6_addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
	any.sin6_port = htons((uint16_t)port_of(waiting));
	CHECK(!connect(client, (struct sockaddr *)&any, sizeof(any)));
	close(client);
	close(waiting);
}

static void backlog(void)
{
	int waiting = listener(AF_INET, 3), made[5], count = 0;

	for (int i = 0; i < 5; i++)
		made[i] = connected(AF_INET, port_of(waiting));
	fcntl(waiting, F_SETFL, O_NONBLOCK);
	for (int i = 0, got; i < 5; i++)
		if ((got = accept(waiting, NULL, NULL)) >= 0) {
			count++;
			close(got);
		}
	CHECK(count == 3);
	for (int i = 0; i < 5; i++)
		if (made[i] >= 0)
			close(made[i]);
	/* Those that wait are reset when the listener goes. */
	made[0] = connected(AF_INET, port_of(waiting));
	pause_ms(10);
	close(waiting);
	CHECK_FAILS(read(made[0], made + 1, 1), ECONNRESET);
	close(made[0]);
	/* A port is free again at once, with SO_REUSEADDR. */
	for (int i = 0, number = 1; i < 3; i++) {
		struct sockaddr_storage address;
		socklen_t size = loopback(AF_INET, 7777, &address);
		int other, server;

		waiting = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(!setsockopt(waiting, SOL_SOCKET, SO_REUSEADDR, &number, sizeof(number)));
		CHECK(!bind(waiting, (struct sockaddr *)&address, size) && !listen(waiting, 2));
		other = connected(AF_INET, 7777);
		server = accept(waiting, NULL, NULL);
		close(server);
		CHECK(read(other, &number, 4) == 0);
		number = 1;
		close(other);
		close(waiting);
	}
}

static void pairs(void)
{
	static char big[200000];
	char buffer[8];
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK(write(pair[0], "ab", 2) == 2 && read(pair[1], buffer, 8) == 2 &&
	      !memcmp(buffer, "ab", 2));
	CHECK(write(pair[1], "cde", 3) == 3 && recv(pair[0], buffer, 8, MSG_PEEK) == 3 &&
	      read(pair[0], buffer, 8) == 3);
	CHECK_FAILS(recv(pair[0], buffer, 8, MSG_DONTWAIT), EAGAIN);
	CHECK(send(pair[0], big, sizeof(big), MSG_DONTWAIT) == 65536);
	CHECK(recv(pair[1], big, 65536, MSG_WAITALL) == 65536);
	close(pair[0]);
	CHECK(read(pair[1], buffer, 8) == 0);
	CHECK_FAILS(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(pair[1]);
	CHECK_FAILS(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
}

int main(void)
{
	signal(SIGPIPE, count_signal);
	basics(AF_INET);
	basics(AF_INET6);
	half_closed();
	resets();
	errors();
	options();
	much();
	dual();
	backlog();
	pairs();
	return check_status();
}
