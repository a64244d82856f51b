/* SPDX-License-Identifier: MIT */
/*
 * Many threads with connections to each other: an echo server with a thread for each connection,
 * another one by epoll in several threads; and thousands of connections that do nothing.
 */
#include "common.h"

#include <sys/epoll.h>

#include <baremetal/memory.h>

#define CLIENTS 40
#define ROUNDS  60

static unsigned wrong;

static void *echo(void *argument)
{
	int descriptor = (int)(long)argument;
	char buffer[3000];
	ssize_t count;

	while ((count = read(descriptor, buffer, sizeof(buffer))) > 0)
		if (write(descriptor, buffer, (size_t)count) != count)
			break;
	close(descriptor);
	return NULL;
}

static void *serve(void *argument)
{
	int waiting = *(int *)argument;

	for (int i = 0; i < CLIENTS; i++) {
		pthread_t thread;
		int made = accept(waiting, NULL, NULL);

		if (made < 0 || pthread_create(&thread, NULL, echo, (void *)(long)made))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		else
			pthread_detach(thread);
	}
	return NULL;
}

static int server_port;

static void *client(void *argument)
{
	unsigned seed = (unsigned)(long)argument * 7919 + 1;
	int made = connected(seed & 1 ? AF_INET : AF_INET6, (unsigned)server_port);
	unsigned char data[2000], back[2000];

	if (made < 0) {
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	for (int round = 0; round < ROUNDS; round++) {
		size_t size = (seed = seed * 1103515245 + 12345) >> 8 & 2047;

		size = size % sizeof(data) + 1;
		for (size_t i = 0; i < size; i++)
			data[i] = (unsigned char)(seed + i * 7);
		if (send(made, data, size, 0) != (ssize_t)size ||
		    recv(made, back, size, MSG_WAITALL) != (ssize_t)size ||
		    memcmp(data, back, size)) {
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
			break;
		}
	}
	close(made);
	return NULL;
}

static void run_clients(void)
{
	pthread_t threads[CLIENTS];

	for (long i = 0; i < CLIENTS; i++)
		CHECK(!pthread_create(&threads[i], NULL, client, (void *)i));
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	CHECK(wrong == 0);
}

static int any_listener(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	int made = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK(!bind(made, (struct sockaddr *)&any, sizeof(any)) && !listen(made, CLIENTS));
	server_port = (int)port_of(made);
	return made;
}

/* ---- By epoll ---- */

static int set, set_listener;
static unsigned closed;

static void *work(void *unused)
{
	struct epoll_event events[8];
	char buffer[3000];

	(void)unused;
	while (__atomic_load_n(&closed, __ATOMIC_SEQ_CST) < CLIENTS) {
		int count = epoll_wait(set, events, 8, 100);

		for (int i = 0; i < count; i++) {
			int descriptor = events[i].data.fd;
			struct epoll_event again = {EPOLLIN | EPOLLONESHOT, {.fd = descriptor}};
			ssize_t size;

			if (descriptor == set_listener) {
				int made = accept4(set_listener, NULL, NULL, SOCK_NONBLOCK);
				struct epoll_event first = {EPOLLIN | EPOLLONESHOT, {.fd = made}};

				if (made >= 0)
					epoll_ctl(set, EPOLL_CTL_ADD, made, &first);
			} else {
				size = read(descriptor, buffer, sizeof(buffer));
				if (size > 0 && write(descriptor, buffer, (size_t)size) != size)
					__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
				if (size == 0 || (size < 0 && errno != EAGAIN)) {
					close(descriptor);
					__atomic_fetch_add(&closed, 1, __ATOMIC_SEQ_CST);
					continue;
				}
			}
			epoll_ctl(set, EPOLL_CTL_MOD, descriptor, &again);
		}
	}
	return NULL;
}

static void by_epoll(void)
{
	struct epoll_event event = {EPOLLIN | EPOLLONESHOT, {0}};
	pthread_t workers[4];

	set = epoll_create1(0);
	set_listener = any_listener();
	fcntl(set_listener, F_SETFL, O_NONBLOCK);
	event.data.fd = set_listener;
	CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, set_listener, &event));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&workers[i], NULL, work, NULL));
	run_clients();
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i], NULL);
	close(set);
	close(set_listener);
}

/* ---- Idle ones ---- */

static void idle(int count)
{
	static int ends[5000][2]; /* both ends of each are here: 10,000 sockets */
	int waiting = listener(AF_INET, count);
	struct bm_memory_info before, after;
	uint64_t each;

	bm_memory_info(&before);
	for (int i = 0; i < count; i++) {
		ends[i][0] = connected(AF_INET, port_of(waiting));
		ends[i][1] = accept(waiting, NULL, NULL);
		if (ends[i][0] < 0 || ends[i][1] < 0) {
			CHECK(!"a connection");
			return;
		}
	}
	bm_memory_info(&after);
	each = (after.heap_used - before.heap_used) / (2 * (unsigned)count);
	printf("%llu bytes a connection's end\n", (unsigned long long)each);
	CHECK(each < 64 * 1024 * 1024 / 10000);
	for (int i = 0; i < count; i++) {
		close(ends[i][0]);
		close(ends[i][1]);
	}
	close(waiting);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int waiting = any_listener();

	pthread_create(&thread, NULL, serve, &waiting);
	double start = now();

	run_clients();
	pthread_join(thread, NULL);
	close(waiting);
	printf("threads: %.1f s\n", now() - start);
	start = now();
	by_epoll();
	printf("epoll: %.1f s\n", now() - start);
	start = now();
	idle(argc > 1 ? atoi(argv[1]) : 500);
	printf("idle: %.1f s\n", now() - start);
	return check_status();
}
