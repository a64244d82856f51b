/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of test_peer.py: what programs do with a real network device. The first argument
 * says what.
 *
 *     serve PORT COUNT      answers COUNT HTTP requests, by a thread for each connection
 *     udp PORT              answers datagrams until one that says "end"
 *     fetch HOST PORT       reads until the end, and prints length and a sum
 *     lookup NAME           prints the addresses
 *     wait SECONDS          has a listener, and does nothing
 *     exchange PORT BYTES [HOST]   so many bytes each way at the same time, each of them compared,
 *                                  with whoever connects, or with HOST
 */
#include "common.h"

#include <netdb.h>

static unsigned left;
static uint32_t finished;

static void *answer(void *argument)
{
	static const char page[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
	int descriptor = (int)(long)argument;
	char request[2048];
	size_t have = 0;

	for (;;) {
		ssize_t count = read(descriptor, request + have, sizeof(request) - 1 - have);

		if (count <= 0)
			break;
		have += (size_t)count;
		request[have] = 0;
		if (strstr(request, "\r\n\r\n")) {
			/* A long one for who asks. */
			if (!strncmp(request, "GET /long", 9)) {
				static char data[100000];
				int total = 3000000;

				dprintf(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
					total);
				for (int i = 0; i < (int)sizeof(data); i++)
					data[i] = (char)('a' + i % 26);
				while (total) {
					ssize_t sent = write(descriptor, data, sizeof(data));

					if (sent <= 0)
						break;
					total -= (int)sent;
				}
			} else if (write(descriptor, page, sizeof(page) - 1) < 0) {
				break;
			}
			have = 0;
			__atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
		}
		if (have == sizeof(request) - 1)
			break;
	}
	close(descriptor);
	return NULL;
}

static int serve(unsigned port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int waiting = socket(AF_INET6, SOCK_STREAM, 0);

	CHECK(!bind(waiting, (struct sockaddr *)&any, sizeof(any)) && !listen(waiting, 64));
	printf("listening\n");
	fcntl(waiting, F_SETFL, O_NONBLOCK);
	while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < left) {
		struct pollfd one = {.fd = waiting, .events = POLLIN};
		pthread_t thread;
		int made;

		poll(&one, 1, 200);
		made = accept4(waiting, NULL, NULL, 0);
		if (made >= 0 && !pthread_create(&thread, NULL, answer, (void *)(long)made))
			pthread_detach(thread);
	}
	pause_ms(500); /* the last answer */
	return check_status();
}

static int udp(unsigned port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)},
			    from;
	int made = socket(AF_INET6, SOCK_DGRAM, 0);
	static char buffer[65536];

	CHECK(!bind(made, (struct sockaddr *)&any, sizeof(any)));
	printf("listening\n");
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t count =
		    recvfrom(made, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size);

		CHECK(count >= 0);
		if (count < 0 || (count == 3 && !memcmp(buffer, "end", 3)))
			break;
		CHECK(sendto(made, buffer, (size_t)count, 0, (struct sockaddr *)&from, size) ==
		      count);
	}
	return check_status();
}

static int fetch(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(host, port, &hints, &list), made;
	static char buffer[65536];
	unsigned long total = 0, sum = 0;
	ssize_t count;

	if (error) {
		printf("%s: %s\n", host, gai_strerror(error));
		return 1;
	}
	made = socket(list->ai_family, SOCK_STREAM, 0);
	if (connect(made, list->ai_addr, list->ai_addrlen)) {
		printf("connect: %s\n", strerror(errno));
		return 1;
	}
	freeaddrinfo(list);
	while ((count = read(made, buffer, sizeof(buffer))) > 0) {
		total += (unsigned long)count;
		for (ssize_t i = 0; i < count; i++)
			sum = sum * 31 + (unsigned char)buffer[i];
	}
	printf("fetched %lu bytes, sum %lu\n", total, sum & 0xffffffff);
	return count < 0;
}

static int lookup(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(name, NULL, &hints, &list);
	char host[NI_MAXHOST];

	if (error) {
		printf("%s: %s\n", name, gai_strerror(error));
		return 1;
	}
	for (struct addrinfo *one = list; one; one = one->ai_next) {
		getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof(host), NULL, 0,
			    NI_NUMERICHOST);
		printf("%s is %s\n", name, host);
	}
	freeaddrinfo(list);
	return 0;
}

/* ---- Both ways at once ---- */

static struct way {
	int descriptor;
	uint32_t state; /* of the numbers that its bytes are */
	long bytes;
	bool good;
} out, in;

static unsigned char next_byte(struct way *way)
{
	way->state = way->state * 1664525 + 1013904223;
	return (unsigned char)(way->state >> 24);
}

static void *send_all(void *unused)
{
	unsigned char buffer[5000];

	(void)unused;
	while (out.bytes) {
		size_t size = out.bytes < (long)sizeof(buffer) ? (size_t)out.bytes : sizeof(buffer);

		for (size_t i = 0; i < size; i++)
			buffer[i] = next_byte(&out);
		if (write(out.descriptor, buffer, size) != (ssize_t)size)
			return NULL;
		out.bytes -= (long)size;
	}
	out.good = true;
	return NULL;
}

static bool receive_all(void)
{
	static unsigned char buffer[7000];
	ssize_t count;

	while (in.bytes) {
		size_t size = in.bytes < (long)sizeof(buffer) ? (size_t)in.bytes : sizeof(buffer);

		count = read(in.descriptor, buffer, size);
		if (count <= 0)
			return false;
		for (ssize_t i = 0; i < count; i++)
			if (buffer[i] != next_byte(&in))
				return false;
		in.bytes -= count;
	}
	return true;
}

/* Each tells the other that it has all: so nobody ends with something still to be sent again. */
static bool agree(int descriptor)
{
	char word = 'a';

	return write(descriptor, &word, 1) == 1 && read(descriptor, &word, 1) == 1 && word == 'a';
}

static int exchange(unsigned port, long bytes, const char *host)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t sender;

	if (host) {
		CHECK(inet_pton(AF_INET, host, &address.sin_addr) == 1);
		int tries = 0;

		/* The other one may still be starting. */
		while (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) &&
		       tries++ < 100) {
			close(descriptor);
			pause_ms(200);
			descriptor = socket(AF_INET, SOCK_STREAM, 0);
		}
	} else {
		CHECK(!bind(descriptor, (struct sockaddr *)&address, sizeof(address)));
		CHECK(!listen(descriptor, 1));
		printf("listening\n");
		descriptor = accept(descriptor, NULL, NULL);
	}
	out = (struct way){descriptor, host ? 1 : 2, bytes, false};
	in = (struct way){descriptor, host ? 2 : 1, bytes, false};
	CHECK(!pthread_create(&sender, NULL, send_all, NULL));
	CHECK(receive_all());
	CHECK(!pthread_join(sender, NULL) && out.good);
	CHECK(agree(descriptor));
	printf("%ld bytes each way, identical\n", bytes);
	pause_ms(10000); /* the other's word may have been lost, several times */
	return check_status();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "serve") && argc == 4) {
		left = (unsigned)atoi(argv[3]);
		return serve((unsigned)atoi(argv[2]));
	}
	if (!strcmp(what, "udp") && argc == 3)
		return udp((unsigned)atoi(argv[2]));
	if (!strcmp(what, "fetch") && argc == 4)
		return fetch(argv[2], argv[3]);
	if (!strcmp(what, "lookup") && argc == 3)
		return lookup(argv[2]);
	if (!strcmp(what, "wait") && argc == 3) {
		CHECK(listener(AF_INET, 4) >= 0);
		pause_ms((unsigned)atoi(argv[2]) * 1000);
		return check_status();
	}
	if (!strcmp(what, "exchange") && argc >= 4)
		return exchange((unsigned)atoi(argv[2]), atol(argv[3]), argc > 4 ? argv[4] : NULL);
	printf("what?\n");
	return 2;
}
