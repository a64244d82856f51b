/* SPDX-License-Identifier: MIT */
/*
 * An echo server and a client of it. Without words on the command line: both, over loopback.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE 64 /* connections that wait to be accepted */

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

/* ---- The server ---- */

static void *echo(void *argument)
{
	int connection = (int)(long)argument;
	char buffer[4096];
	ssize_t count;

	while ((count = read(connection, buffer, sizeof(buffer))) > 0)
		for (ssize_t sent = 0; sent < count;) {
			ssize_t part =
			    send(connection, buffer + sent, (size_t)(count - sent), MSG_NOSIGNAL);

			if (part < 0)
				goto end;
			sent += part;
		}
end:
	close(connection);
	return NULL;
}

/* A listener for IPv6 and IPv4 alike; port 0: any. */
static int make_listener(unsigned port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	int listener = socket(AF_INET6, SOCK_STREAM, 0), yes = 1;

	if (listener < 0)
		return -1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, QUEUE)) {
		close(listener);
		return -1;
	}
	return listener;
}

static void *accept_all(void *argument)
{
	int listener = (int)(long)argument, connection;

	while ((connection = accept(listener, NULL, NULL)) >= 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, echo, (void *)(long)connection))
			close(connection); /* no memory for another one */
		else
			pthread_detach(thread);
	}
	return NULL;
}

static int serve(const char *port)
{
	int listener = make_listener((unsigned)atoi(port));

	if (listener < 0)
		return fail("cannot listen");
	printf("listening on port %s\n", port);
	accept_all((void *)(long)listener);
	return fail("accept");
}

/* ---- The client ---- */

/* To the first of the host's addresses that answers. */
static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(host, port, &hints, &list), made = -1;

	if (error) {
		fprintf(stderr, "%s: %s\n", host, gai_strerror(error));
		return -1;
	}
	for (struct addrinfo *one = list; one && made < 0; one = one->ai_next) {
		made = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (made >= 0 && connect(made, one->ai_addr, one->ai_addrlen)) {
			fail(host);
			close(made);
			made = -1;
		}
	}
	freeaddrinfo(list);
	return made;
}

static int talk(const char *host, const char *port, char **words)
{
	int connection = connect_to(host, port);
	char buffer[4096];
	ssize_t count;

	if (connection < 0)
		return 1;
	for (; *words; words++)
		dprintf(connection, "%s%c", *words, words[1] ? ' ' : '\n');
	shutdown(connection, SHUT_WR); /* that was all; the answer may still come */
	while ((count = read(connection, buffer, sizeof(buffer))) > 0)
		fwrite(buffer, 1, (size_t)count, stdout);
	close(connection);
	return count < 0 ? fail("read") : 0;
}

int main(int argc, char **argv)
{
	static char *words[] = {"Hello", "over", "TCP", NULL};
	struct sockaddr_in6 address;
	socklen_t size = sizeof(address);
	pthread_t server;
	char port[8];
	int listener;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc > 3 && !strcmp(argv[1], "talk"))
		return talk(argv[2], argv[3], argv + 4);
	if (argc != 1) {
		fprintf(stderr, "words: serve PORT, or talk HOST PORT WORDS, or none\n");
		return 2;
	}
	listener = make_listener(0);
	if (listener < 0 || getsockname(listener, (struct sockaddr *)&address, &size))
		return fail("cannot listen");
	snprintf(port, sizeof(port), "%u", ntohs(address.sin6_port));
	if (pthread_create(&server, NULL, accept_all, (void *)(long)listener))
		return fail("no thread");
	return talk("localhost", port, words);
}
