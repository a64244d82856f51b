/* SPDX-License-Identifier: MIT */
/*
 * poll(), select(), epoll; sockets that do not block; cancellation of those that do.
 */
#include "common.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static int events_of(int descriptor)
{
	struct pollfd one = {.fd = descriptor, .events = POLLIN | POLLOUT | POLLRDHUP};

	return poll(&one, 1, 0) < 0 ? -1 : one.revents;
}

static void nonblocking(void)
{
	struct sockaddr_storage address;
	int waiting = listener(AF_INET, 4), client, server, error = -1, number = 1;
	socklen_t size = sizeof(error), length;
	struct pollfd one;
	char buffer[4096] = {0};
	long total = 0;
	ssize_t count;

	fcntl(waiting, F_SETFL, O_NONBLOCK);
	CHECK(fcntl(waiting, F_GETFL) & O_NONBLOCK);
	CHECK_FAILS(accept(waiting, NULL, NULL), EAGAIN);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(fcntl(client, F_GETFL) & O_NONBLOCK && fcntl(client, F_GETFD) == FD_CLOEXEC);
	length = loopback(AF_INET, port_of(waiting), &address);
	CHECK_FAILS(connect(client, (struct sockaddr *)&address, length), EINPROGRESS);
	one = (struct pollfd){.fd = client, .events = POLLOUT};
	CHECK(poll(&one, 1, 5000) == 1 && one.revents == POLLOUT);
	CHECK(!getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) && error == 0);
	CHECK_FAILS(connect(client, (struct sockaddr *)&address, length), EISCONN);
	CHECK(events_of(waiting) == POLLIN);
	server = accept4(waiting, NULL, NULL, SOCK_NONBLOCK);
	CHECK(server >= 0 && fcntl(server, F_GETFL) & O_NONBLOCK && events_of(waiting) == 0);
	CHECK_FAILS(recv(server, buffer, 1, 0), EAGAIN);
	CHECK(events_of(server) == POLLOUT);
	/* Full, and not any more. */
	while ((count = write(client, buffer, sizeof(buffer))) > 0)
		total += count;
	CHECK(errno == EAGAIN && total > 100000);
	CHECK(events_of(client) == 0 && events_of(server) == (POLLIN | POLLOUT));
	while (total > 0 && (count = read(server, buffer, sizeof(buffer))) != 0) {
		if (count > 0)
			total -= count;
		else
			pause_ms(1);
	}
	one = (struct pollfd){.fd = client, .events = POLLOUT};
	CHECK(total == 0 && poll(&one, 1, 5000) == 1);
	/* The other end's end. */
	CHECK(!shutdown(server, SHUT_WR));
	one = (struct pollfd){.fd = client, .events = POLLIN};
	CHECK(poll(&one, 1, 5000) == 1 && events_of(client) == (POLLIN | POLLOUT | POLLRDHUP));
	close(client);
	one = (struct pollfd){.fd = server, .events = 0};
	CHECK(poll(&one, 1, 5000) == 1 && one.revents == POLLHUP);
	close(server);
	/* Refused, told by SO_ERROR. */
	close(waiting);
	client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!ioctl(client, FIONBIO, &number));
	CHECK_FAILS(connect(client, (struct sockaddr *)&address, length), EINPROGRESS);
	one = (struct pollfd){.fd = client, .events = POLLOUT};
	CHECK(poll(&one, 1, 5000) == 1 && one.revents == (POLLOUT | POLLERR | POLLHUP));
	CHECK(!getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) && error == ECONNREFUSED);
	close(client);
}

static void *send_later(void *argument)
{
	pause_ms(50);
	CHECK(write(*(int *)argument, "x", 1) == 1);
	return NULL;
}

static void polling(void)
{
	struct pollfd list[40];
	int pairs[20][2];
	pthread_t thread;
	char byte;
	double start;

	for (int i = 0; i < 20; i++) {
		CHECK(!make_pair(i % 2 ? AF_INET : AF_INET6, pairs[i]));
		list[2 * i] = (struct pollfd){.fd = pairs[i][0], .events = POLLIN};
		list[2 * i + 1] = (struct pollfd){.fd = pairs[i][1], .events = POLLIN};
	}
	start = now();
	CHECK(poll(list, 40, 60) == 0 && now() - start > 0.055);
	CHECK(poll(list, 40, 0) == 0);
	pthread_create(&thread, NULL, send_later, &pairs[17][1]);
	CHECK(poll(list, 40, -1) == 1 && list[34].revents == POLLIN);
	pthread_join(thread, NULL);
	CHECK(poll(list, 40, 0) == 1);
	CHECK(read(pairs[17][0], &byte, 1) == 1 && poll(list, 40, 0) == 0);
	list[3] = (struct pollfd){.fd = 999, .events = POLLIN};
	list[4] = (struct pollfd){.fd = -1, .events = POLLIN, .revents = 77};
	CHECK(poll(list, 40, -1) == 1 && list[3].revents == POLLNVAL && list[4].revents == 0);
	list[0] = (struct pollfd){.fd = 1, .events = POLLOUT};
	CHECK(poll(list, 1, -1) == 1 && list[0].revents == POLLOUT);
	CHECK(poll(NULL, 0, 5) == 0);

	/* select() */
	fd_set readable, writable;
	struct timeval time = {0, 20000};
	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_SET(pairs[3][0], &readable);
	FD_SET(pairs[19][1], &readable);
	CHECK(select(1024, &readable, NULL, NULL, &time) == 0 && !FD_ISSET(pairs[3][0], &readable));
	FD_SET(pairs[3][0], &readable);
	FD_SET(pairs[19][1], &readable);
	FD_SET(pairs[5][1], &writable);
	CHECK(select(pairs[19][1] + 1, &readable, &writable, NULL, NULL) == 1 &&
	      FD_ISSET(pairs[5][1], &writable));
	CHECK(!FD_ISSET(pairs[3][0], &readable));
	FD_SET(pairs[19][1], &readable);
	pthread_create(&thread, NULL, send_later, &pairs[19][0]);
	CHECK(select(pairs[19][1] + 1, &readable, NULL, NULL, NULL) == 1 &&
	      FD_ISSET(pairs[19][1], &readable));
	pthread_join(thread, NULL);
	FD_ZERO(&readable);
	FD_SET(1000, &readable);
	CHECK_FAILS(select(1001, &readable, NULL, NULL, NULL), EBADF);
	CHECK_FAILS(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	for (int i = 0; i < 20; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

static void epolling(void)
{
	struct epoll_event event, events[8];
	int set = epoll_create1(EPOLL_CLOEXEC), pair[2], other;
	pthread_t thread;
	char buffer[8];
	double start;

	CHECK(set >= 0 && !make_pair(AF_INET, pair));
	CHECK(!setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
	event = (struct epoll_event){EPOLLIN, {.u64 = 0x123456789abcdef0}};
	CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event));
	CHECK_FAILS(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event), EEXIST);
	CHECK_FAILS(epoll_ctl(set, EPOLL_CTL_MOD, pair[1], &event), ENOENT);
	CHECK_FAILS(epoll_ctl(set, EPOLL_CTL_DEL, pair[1], NULL), ENOENT);
	CHECK_FAILS(epoll_ctl(set, EPOLL_CTL_ADD, 999, &event), EBADF);
	CHECK_FAILS(epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
	CHECK_FAILS(epoll_wait(pair[0], events, 8, 0), EINVAL);
	CHECK_FAILS(epoll_wait(set, events, 0, 0), EINVAL);
	start = now();
	CHECK(epoll_wait(set, events, 8, 50) == 0 && now() - start > 0.045);
	/* Level: as long as there is something. */
	pthread_create(&thread, NULL, send_later, &pair[1]);
	CHECK(epoll_wait(set, events, 8, -1) == 1 && events[0].events == EPOLLIN &&
	      events[0].data.u64 == 0x123456789abcdef0);
	pthread_join(thread, NULL);
	CHECK(epoll_wait(set, events, 8, 0) == 1 && epoll_wait(set, events, 8, 0) == 1);
	CHECK(read(pair[0], buffer, 8) == 1 && epoll_wait(set, events, 8, 0) == 0);
	/* Edge: once for each that comes. */
	event.events = EPOLLIN | EPOLLOUT | EPOLLET;
	CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
	CHECK(epoll_wait(set, events, 8, 0) == 1 && events[0].events == EPOLLOUT);
	CHECK(epoll_wait(set, events, 8, 0) == 0);
	CHECK(write(pair[1], "ab", 2) == 2);
	CHECK(epoll_wait(set, events, 8, 5000) == 1 && events[0].events == (EPOLLIN | EPOLLOUT));
	CHECK(epoll_wait(set, events, 8, 0) == 0);
	CHECK(read(pair[0], buffer, 1) == 1 && epoll_wait(set, events, 8, 0) == 0);
	CHECK(write(pair[1], "c", 1) == 1 && epoll_wait(set, events, 8, 5000) == 1);
	CHECK(read(pair[0], buffer, 8) == 2);
	/* Once, until asked for again. */
	event.events = EPOLLIN | EPOLLONESHOT;
	CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
	CHECK(write(pair[1], "d", 1) == 1 && epoll_wait(set, events, 8, 5000) == 1);
	CHECK(write(pair[1], "e", 1) == 1 && epoll_wait(set, events, 8, 30) == 0);
	CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event) &&
	      epoll_wait(set, events, 8, 0) == 1);
	/* A set can be polled. */
	event.events = EPOLLIN;
	CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event) && events_of(set) == POLLIN);
	CHECK(read(pair[0], buffer, 8) == 2);
	CHECK(events_of(set) == 0);
	/* The end of the other end, and of the file itself, though a copy holds it for a while. */
	event.events = EPOLLRDHUP;
	CHECK(!epoll_ctl(set, EPOLL_CTL_MOD, pair[0], &event));
	close(pair[1]);
	CHECK(epoll_wait(set, events, 8, 5000) == 1 && events[0].events & EPOLLRDHUP);
	other = dup(pair[0]);
	close(pair[0]);
	CHECK(epoll_wait(set, events, 8, 0) == 1);
	close(other);
	CHECK(epoll_wait(set, events, 8, 0) == 0);
	/* Many. */
	int many[200][2];
	for (int i = 0; i < 200; i++) {
		CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, many[i]));
		event = (struct epoll_event){EPOLLIN, {.fd = many[i][0]}};
		CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, many[i][0], &event));
	}
	for (int i = 0; i < 200; i += 10)
		CHECK(write(many[i][1], "x", 1) == 1);
	int got = 0, count;
	while ((count = epoll_wait(set, events, 8, 0)) > 0)
		for (int i = 0; i < count; i++, got++)
			CHECK(read(events[i].data.fd, buffer, 8) == 1);
	CHECK(got == 20);
	close(set);
	for (int i = 0; i < 200; i++) {
		close(many[i][0]);
		close(many[i][1]);
	}
}

/* ---- Cancelling ---- */

static int cancelled_pair[2], cleaned;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *wait_for_ever(void *how)
{
	struct pollfd one = {.fd = cancelled_pair[0], .events = POLLIN};
	char byte;

	pthread_cleanup_push(clean, NULL);
	switch ((long)how) {
	case 0:
		recv(cancelled_pair[0], &byte, 1, 0);
		break;
	case 1:
		read(cancelled_pair[0], &byte, 1);
		break;
	case 2:
		poll(&one, 1, -1);
		break;
	case 3:
		accept(cancelled_pair[1], NULL, NULL);
		break;
	}
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelling(void)
{
	void *result;

	CHECK(!make_pair(AF_INET, cancelled_pair));
	for (long how = 0; how < 4; how++) {
		pthread_t thread;

		if (how == 3) {
			close(cancelled_pair[1]);
			cancelled_pair[1] = listener(AF_INET, 1);
		}
		cleaned = 0;
		pthread_create(&thread, NULL, wait_for_ever, (void *)how);
		pause_ms(20);
		CHECK(!pthread_cancel(thread) && !pthread_join(thread, &result));
		CHECK(result == PTHREAD_CANCELED && cleaned == 1);
	}
	/* Nothing is left held. */
	CHECK(!close(cancelled_pair[0]) && !close(cancelled_pair[1]));
	CHECK(!make_pair(AF_INET, cancelled_pair));
	CHECK(!close(cancelled_pair[0]) && !close(cancelled_pair[1]));
}

int main(void)
{
	nonblocking();
	polling();
	epolling();
	cancelling();
	return check_status();
}
