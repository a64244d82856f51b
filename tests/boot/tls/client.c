/* SPDX-License-Identifier: MIT */
/*
 * TLS as a client. Words: ADDRESS PORT NAME AUTHORITIES, four for each try. A line each: the port,
 * how the handshake ended, and what came, or why not. NAME "-": insecure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <baremetal/tls.h>

static void try(char **words)
{
	bool insecure = strcmp(words[2], "-") == 0;
	struct bm_tls_options options = {.insecure = insecure, .authorities = words[3]};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(words[1]))};
	struct bm_tls_session *session;
	struct bm_tls *tls;
	char data[256];
	size_t size = 0;
	long got = 0;
	int error = bm_tls_create(&tls, &options);

	printf("%s ", words[1]);
	if (error) {
		printf("create %d\n", error);
		return;
	}
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, words[0], &to.sin_addr);
	if (connect(descriptor, (struct sockaddr *)&to, sizeof(to)) != 0) {
		printf("connect %d\n", errno);
		exit(1);
	}
	if (!insecure && bm_tls_open(&session, tls, descriptor, NULL) != -BM_EINVAL) {
		printf("opened without a name\n");
		exit(1);
	}
	error = bm_tls_open(&session, tls, descriptor, insecure ? NULL : words[2]);
	if (error) {
		printf("open %d\n", error);
		exit(1);
	}
	error = bm_tls_handshake(session);
	printf("handshake %d ", error);
	if (!error && bm_tls_write(session, "hello\n", 6) != 6)
		printf("write ");
	while (!error && size < sizeof(data) - 1 &&
	       (got = bm_tls_read(session, data + size, sizeof(data) - 1 - size)) > 0)
		size += (size_t)got;
	data[size] = '\0';
	printf("%ld \"%s\" %s\n", got, data, bm_tls_problem(session));
	/* What has failed stays so. */
	if (error && bm_tls_write(session, "secret", 6) != error)
		printf("written all the same\n");
	bm_tls_end(session);
	bm_tls_close(session);
	bm_tls_destroy(tls);
	close(descriptor);
}

int main(int argc, char **argv)
{
	struct bm_tls *tls;
	static const struct {
		struct bm_tls_options options;
		int error;
	} wrong[] = {
	    {{.authorities = "/nothing"}, -BM_ENOENT},
	    {{0}, -BM_ENOENT}, /* there is no /etc/ssl/certs */
	    {{.authorities = "/text.txt"}, -BM_EINVAL},
	    {{.server = true}, -BM_EINVAL},
	    {{.server = true, .certificate = "/ca.pem"}, -BM_EINVAL},
	    {{.server = true, .certificate = "/nothing", .key = "/key.pem"}, -BM_ENOENT},
	    {{.server = true, .certificate = "/certificate.pem", .key = "/other.pem"}, -BM_EINVAL},
	    {{.server = true, .certificate = "/certificate.pem", .key = "/text.txt"}, -BM_EINVAL},
	    {{.server = true,
	      .certificate = "/certificate.pem",
	      .key = "/key.pem",
	      .insecure = true},
	     -BM_EINVAL},
	    {{.server = true, .certificate = "/certificate.pem", .key = "/key.pem", .ask = true},
	     -BM_EINVAL},
	    {{.ask = true, .authorities = "/ca.pem"}, -BM_EINVAL},
	    {{.server = true, .certificate = "/certificate.pem", .key = "/key.pem"}, 0},
	    {{.authorities = "/"}, 0},
	};

	if (argc == 2) { /* perhaps a machine without random numbers: only make a client */
		printf("%s %d\n", argv[1],
		       bm_tls_create(&tls, &(struct bm_tls_options){.insecure = true}));
		return 0;
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int error = bm_tls_create(&tls, &wrong[i].options);

		if (error != wrong[i].error || !tls != !!error)
			printf("options %u: %d\n", i, error);
		bm_tls_destroy(tls);
	}
	for (int i = 1; i + 3 < argc; i += 4)
		try(argv + i);
	printf("tried\n");
	return 0;
}
