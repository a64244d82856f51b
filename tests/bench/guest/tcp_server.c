/* SPDX-License-Identifier: MIT */
/*
 * The least web server on sockets: one thread, blocking calls, one response for every request. What
 * it costs is what the network library costs. Port 80. It tells when it gave its first answer.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <baremetal/time.h>

#define BODY 1024

int main(int argc, char **argv)
{
	static char response[256 + BODY], request[4096];
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
	(void)argv;
	int on = 1, first = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	int head = snprintf(response, 256, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);

	memset(response + head, 'x', BODY);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64)) {
		perror("port 80");
		return 1;
	}
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		ssize_t got;

		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while ((got = read(connection, request, sizeof(request))) > 0) {
			if (write(connection, response, (size_t)head + BODY) < 0)
				break;
			if (first)
				printf("first_answer_us=%llu\n",
				       (unsigned long long)bm_time_monotonic() / 1000);
			first = 0;
			if (argc > 1) /* "close": a connection for each request */
				break;
		}
		close(connection);
	}
}
