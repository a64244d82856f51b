/* SPDX-License-Identifier: MIT */
/*
 * The HTTP library, from the bytes of a connection to those of its responses, without sockets.
 * However the input is cut into pieces, and however little the other side takes at once, the same
 * comes out; each response is well-formed, nothing is kept, and nothing of a file beside the root
 * is among it.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "unit/http/memory.h"

static struct bm_http_server *server;
static char folder[] = "/tmp/bm-fuzz-http-XXXXXX";

static void answer(struct bm_http_request *request, void *context)
{
	char value[16];

	(void)context;
	bm_http_query(request, "q", value, sizeof(value));
	bm_http_write_html(request, value);
	bm_http_form(request, "f", value, sizeof(value));
	bm_http_printf(request, "%s%s", value, bm_http_peer(request));
	const char *header = bm_http_request_header(request, "x-header");
	if (header) {
		bm_http_header(request, "X-Back", header);
		bm_http_type(request, header);
	}
	bm_http_write(request, request->body, request->body_size);
	bm_http_write(request, request->rest, strlen(request->rest));
}

static void file(struct bm_http_request *request, void *context)
{
	(void)context;
	bm_http_file(request, request->rest);
}

static void redirect(struct bm_http_request *request, void *context)
{
	(void)context;
	bm_http_redirect(request, 302, request->rest);
}

static void clean(void)
{
	char command[128];

	memory_free(server);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		abort();
}

static void put(const char *name, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *to = fopen(path, "w");
	for (size_t i = 0; i < size; i++)
		fputc("abcdefghijklmnopqrstuvwxyz\n"[i % 27], to);
	fclose(to);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char root[64];
	struct bm_http_options options = {.root = root,
					  .max_body = 3000,
					  .max_head = 2000,
					  .cache_file = 30000,
					  .cache = 50000,
					  .listing = true,
					  .max_headers = 20};
	char path[256];

	(void)argc;
	(void)argv;
	if (!mkdtemp(folder))
		return 1;
	snprintf(root, sizeof(root), "%s/r", folder);
	mkdir(root, 0755);
	snprintf(path, sizeof(path), "%s/f", root);
	mkdir(path, 0755);
	put("r/index.html", 20);
	put("r/f/a b", 100);
	put("r/medium", 20000);
	put("r/large", 70000);
	snprintf(path, sizeof(path), "%s/secret", folder);
	FILE *secret = fopen(path, "w");
	fputs("SeCrEt", secret);
	fclose(secret);
	server = memory_server(&options);
	if (!server || bm_http_route(server, "GET,POST,PUT", "/r*", answer, NULL) ||
	    bm_http_route(server, "GET", "/file*", file, NULL) ||
	    bm_http_route(server, "GET", "/to*", redirect, NULL))
		return 1;
	atexit(clean);
	return 0;
}

static struct client run(const uint8_t *data, size_t size, size_t piece, size_t out_piece)
{
	struct client client = {.in = (const char *)data,
				.in_size = size,
				.piece = piece,
				.out_piece = out_piece,
				.ends = true};
	struct connection *connection = memory_connect(server, &client);

	memory_run(connection, &client);
	if (!client.closed || atomic_load(&server->connections) || server->loops->out.size)
		abort();
	return client;
}

static void check(const struct client *client)
{
	if (client->out_size && (client->out_size < 25 || memcmp(client->out, "HTTP/1.1 ", 9) != 0))
		abort();
	/* What was sent may come back; so it may, in parts, if it is encoded. */
	if (memmem(client->out ? client->out : "", client->out_size, "SeCrEt", 6) &&
	    !memmem(client->in, client->in_size, "SeCrEt", 6) &&
	    !memchr(client->in, '%', client->in_size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t piece = data[0], out_piece = data[1] ? (size_t)data[1] * data[1] : 0;
	data += 2;
	size -= 2;
	/* "100 Continue" is sent only if the body is not there yet: the one thing that pieces
	 * decide. */
	struct client whole = run(data, size, 0, 0), pieces = run(data, size, piece, out_piece);
	check(&whole);
	check(&pieces);
	if (!memmem(data, size, "100-", 4) &&
	    (whole.out_size != pieces.out_size ||
	     (whole.out_size && memcmp(whole.out, pieces.out, whole.out_size) != 0)))
		abort();
	free(whole.out);
	free(pieces.out);
	return 0;
}
