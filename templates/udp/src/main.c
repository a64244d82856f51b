/* SPDX-License-Identifier: MIT */
/*
 * A server that answers each datagram with its own words, and a client that asks. Without words on
 * the command line: both, over loopback. A datagram may get lost on its way: the client asks again.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES   5
#define WAIT_MS 1000

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

/* ---- The server ---- */

/* For IPv6 and IPv4 alike; port 0: any. */
static int make_server(unsigned port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int made = socket(AF_INET6, SOCK_DGRAM, 0);

	if (made >= 0 && bind(made, (struct sockaddr *)&address, sizeof(address))) {
		close(made);
		return -1;
	}
	return made;
}

static void *answer_all(void *argument)
{
	int server = (int)(long)argument;
	static char buffer[65536];

	for (;;) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		ssize_t count =
		    recvfrom(server, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size);

		if (count < 0)
			return NULL;
		sendto(server, buffer, (size_t)count, 0, (struct sockaddr *)&from, size);
	}
}

static int serve(const char *port)
{
	int server = make_server((unsigned)atoi(port));

	if (server < 0)
		return fail("cannot serve");
	printf("serving on port %s\n", port);
	answer_all((void *)(long)server);
	return fail("recvfrom");
}

/* ---- The client ---- */

static int ask(const char *host, const char *port, const char *words)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list;
	int error = getaddrinfo(host, port, &hints, &list), made;
	char buffer[2048];

	if (error) {
		fprintf(stderr, "%s: %s\n", host, gai_strerror(error));
		return 1;
	}
	made = socket(list->ai_family, SOCK_DGRAM, 0);
	/* Connected: only that host's answers are heard. */
	if (made < 0 || connect(made, list->ai_addr, list->ai_addrlen))
		return fail(host);
	freeaddrinfo(list);
	for (int i = 0; i < TRIES; i++) {
		struct pollfd one = {.fd = made, .events = POLLIN};

		if (send(made, words, strlen(words), 0) < 0)
			return fail("send");
		if (poll(&one, 1, WAIT_MS) == 1) {
			ssize_t count = recv(made, buffer, sizeof(buffer), 0);

			if (count < 0)
				return fail("recv");
			printf("%.*s\n", (int)count, buffer);
			close(made);
			return 0;
		}
	}
	fprintf(stderr, "%s does not answer\n", host);
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 address;
	socklen_t size = sizeof(address);
	pthread_t thread;
	char port[8];
	int server;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3], argv[4]);
	if (argc != 1) {
		fprintf(stderr, "words: serve PORT, or ask HOST PORT WORD, or none\n");
		return 2;
	}
	server = make_server(0);
	if (server < 0 || getsockname(server, (struct sockaddr *)&address, &size))
		return fail("cannot serve");
	snprintf(port, sizeof(port), "%u", ntohs(address.sin6_port));
	if (pthread_create(&thread, NULL, answer_all, (void *)(long)server))
		return fail("no thread");
	return ask("localhost", port, "Hello over UDP");
}
