/* SPDX-License-Identifier: MIT */
/*
 * The HTTP library's parts by tables, and whole connections in memory: however the bytes are cut
 * into pieces on both ways, the same responses come out.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "memory.h"
#include "unit.h"

/* ---- Parts ---- */

static void test_paths(void)
{
	static const struct {
		const char *target, *path; /* NULL: refused */
	} cases[] = {
	    {"/", "/"},
	    {"/a", "/a"},
	    {"/a/b/", "/a/b/"},
	    {"//a///b", "/a/b"},
	    {"/./a/./b/.", "/a/b/"},
	    {"/a/../b", "/b"},
	    {"/a/b/..", "/a/"},
	    {"/a/b/../", "/a/"},
	    {"/a/..", "/"},
	    {"/a/b/../../c", "/c"},
	    {"/...", "/..."},
	    {"/..a/b..", "/..a/b.."},
	    {"/%61%2e%2Eb", "/a..b"},
	    {"/a%20b", "/a b"},
	    {"/%252e%252e/a", "/%2e%2e/a"},
	    {"/a?b/../c", "/a"},
	    {"/?", "/"},
	    {"/a%3Fb", "/a?b"},
	    {"http://host/a/../b", "/b"},
	    {"HTTP://host:80", "/"},
	    {"https://host?q", "/"},
	    {"/%C3%A9", "/\xc3\xa9"},
	    {"/..", NULL},
	    {"/../", NULL},
	    {"/a/../..", NULL},
	    {"/a/../../etc/passwd", NULL},
	    {"/%2e%2e/etc/passwd", NULL},
	    {"/.%2e/etc", NULL},
	    {"/a/%2e%2e/%2e%2e/etc", NULL},
	    {"/..%2fetc", NULL},
	    {"/a%2fb", NULL},
	    {"/a%5c..%5cb", NULL},
	    {"/a\\b", NULL},
	    {"/..\\..\\etc", NULL},
	    {"/a%00.html", NULL},
	    {"/%0a", NULL},
	    {"/%7f", NULL},
	    {"/%", NULL},
	    {"/%4", NULL},
	    {"/%zz", NULL},
	    {"/%u002e", NULL},
	    {"/a#b", NULL},
	    {"a", NULL},
	    {"", NULL},
	    {"..", NULL},
	    {"http://", NULL},
	    {"http:///a", NULL},
	    {"http://user@host/", NULL},
	    {"ftp://host/", NULL},
	    {"*", NULL},
	};
	static struct target target;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int status = path_canonical(&target, cases[i].target, strlen(cases[i].target));
		bool right = cases[i].path ? !status && strcmp(target.path, cases[i].path) == 0 &&
						 target.path_size == strlen(cases[i].path)
					   : status == 400;

		if (!right)
			fprintf(stderr, "target %s: status %d, path %s\n", cases[i].target, status,
				target.path);
		CHECK(right);
	}
	CHECK(path_canonical(&target, "/a?b=c", 6) == 0 && target.query_size == 3 &&
	      memcmp(target.query, "b=c", 3) == 0);
	char *longest = malloc(HTTP_TARGET + 1);
	memset(longest, '/', HTTP_TARGET + 1);
	CHECK(path_canonical(&target, longest, HTTP_TARGET) == 0 && target.path_size == 1);
	memset(longest + 1, 'x', HTTP_TARGET);
	CHECK(path_canonical(&target, longest, HTTP_TARGET) == 0 &&
	      target.path_size == HTTP_TARGET);
	CHECK(path_canonical(&target, longest, HTTP_TARGET + 1) == 414);
	free(longest);

	CHECK(path_hidden("/.git/config", strlen("/.git/config")) &&
	      path_hidden("/a/.htaccess", strlen("/a/.htaccess")) &&
	      path_hidden("/...", strlen("/...")));
	CHECK(!path_hidden("/.well-known/x", strlen("/.well-known/x")) &&
	      !path_hidden("/a.b/c.d", strlen("/a.b/c.d")) && !path_hidden("/", strlen("/")));
	CHECK(path_hidden("/a/.well-known/x", strlen("/a/.well-known/x")) &&
	      path_hidden("/.well-known/.x", strlen("/.well-known/.x")) &&
	      path_hidden("/.well-knownx", strlen("/.well-knownx")));

	struct buffer encoded = {0};
	CHECK(path_encode(&encoded, "/a b?\"<\xc3%", 9) && encoded.size == 21 &&
	      memcmp(encoded.data, "/a%20b%3F%22%3C%C3%25", 21) == 0);
	free(encoded.data);
}

static void test_dates(void)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: none */
	} cases[] = {
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
	    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
	    {"Sun Nov  6 08:49:37 1994", 784111777},
	    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	    {"Tue, 29 Feb 2000 23:59:60 GMT", 951868800},
	    {"Mon, 19-Jan-38 03:14:08 GMT", INT64_C(2147483648)},
	    {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799)},
	    {"Sun, 06 Nov 1994 08:49:37", -1},
	    {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
	    {"Sun, 06 Nov 1994 08:49:37 CET", -1},
	    {"Sun, 6 Nov 1994 08:49:37 GMT ", -1},
	    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
	    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
	    {"Sun, -6 Nov 1994 08:49:37 GMT", -1},
	    {"784111777", -1},
	    {"", -1},
	    {",", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t seconds = -1;
		bool known = date_parse(cases[i].text, strlen(cases[i].text), &seconds);

		CHECK(known == (cases[i].seconds >= 0));
		CHECK(!known || seconds == cases[i].seconds);
	}
	for (int64_t seconds = 0; seconds < INT64_C(253402300799); seconds += 98765432) {
		char text[HTTP_DATE + 1] = {0};
		int64_t back;
		struct tm parts;
		char expected[64];

		date_format(text, seconds);
		CHECK(date_parse(text, HTTP_DATE, &back) && back == seconds);
		gmtime_r(&(time_t){seconds}, &parts);
		strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		CHECK(strcmp(text, expected) == 0);
	}
}

static void test_ranges(void)
{
	static const struct {
		const char *text;
		int count; /* -1: as if not asked for */
		uint64_t first, size;
	} cases[] = {
	    {"bytes=0-0", 1, 0, 1},
	    {"bytes=0-", 1, 0, 100},
	    {"bytes=10-19", 1, 10, 10},
	    {"bytes=90-1000", 1, 90, 10},
	    {"bytes=99-", 1, 99, 1},
	    {"bytes=-1", 1, 99, 1},
	    {"bytes=-1000", 1, 0, 100},
	    {"bytes= 1-2 , ", 1, 1, 2},
	    {"bytes=0-1,5-6", 2, 0, 2},
	    {"bytes=200-,5-6", 1, 5, 2},
	    {"bytes=0-99999999999999999999999999", 1, 0, 100},
	    {"bytes=100-", 0, 0, 0},
	    {"bytes=-0", 0, 0, 0},
	    {"bytes=18446744073709551616-", 0, 0, 0},
	    {"bytes=9223372036854775807-9223372036854775808", 0, 0, 0},
	    {"bytes=2-1", -1, 0, 0},
	    {"bytes=", -1, 0, 0},
	    {"bytes=,", -1, 0, 0},
	    {"bytes=a-b", -1, 0, 0},
	    {"bytes=1", -1, 0, 0},
	    {"bytes=-", -1, 0, 0},
	    {"bytes=1-2x", -1, 0, 0},
	    {"bytes=1-2 3-4", -1, 0, 0},
	    {"items=0-1", -1, 0, 0},
	    {"bytes", -1, 0, 0},
	    {"bytes=0-,0-", -1, 0, 0}, /* more than the whole */
	    {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15",
	     16, 0, 1},
	    {"bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-"
	     "16",
	     -1, 0, 0},
	};
	struct range ranges[HTTP_RANGES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int count = range_parse(cases[i].text, strlen(cases[i].text), 100, ranges);

		if (count != cases[i].count)
			fprintf(stderr, "range %s: %d\n", cases[i].text, count);
		CHECK(count == cases[i].count);
		CHECK(count <= 0 ||
		      (ranges[0].first == cases[i].first && ranges[0].size == cases[i].size));
	}
	CHECK(range_parse("bytes=0-", 8, 0, ranges) == 0);
	CHECK(range_parse("bytes=-5", 8, 0, ranges) == 0);
}

static void test_forms(void)
{
	char value[8];

#define FORM(form, name) form_value(form, strlen(form), name, value, sizeof(value))
	CHECK(FORM("a=1&b=2", "a") == 1 && strcmp(value, "1") == 0);
	CHECK(FORM("a=1&b=2", "b") == 1 && strcmp(value, "2") == 0);
	CHECK(FORM("a=1&b=2", "c") == -1 && strcmp(value, "") == 0);
	CHECK(FORM("ab=1&a=2", "a") == 1 && strcmp(value, "2") == 0);
	CHECK(FORM("a=1&ab=2", "ab") == 1 && strcmp(value, "2") == 0);
	CHECK(FORM("a", "a") == 0 && FORM("a=", "a") == 0 && FORM("", "a") == -1 &&
	      FORM("&&", "") == 0);
	CHECK(FORM("%61=x+y%2b%4", "a") == 6 && strcmp(value, "x y+%4") == 0);
	CHECK(FORM("a=0123456789", "a") == 10 && strcmp(value, "0123456") == 0);
	CHECK(FORM("a=%00b", "a") == 2 && value[0] == 0 && value[1] == 'b');
}

static void test_heads(void)
{
	static const struct {
		const char *text;
		long size;
	} cases[] = {
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	    {"GET / HTTP/1.1\r\nA: b\r\n\r\nmore", 24},
	    {"GET / HTTP/1.1\r\n", 0},
	    {"GET / HT", 0},
	    {"", 0},
	    {"GET / HTTP/1.1\n\n", -400},
	    {"GET / HTTP/1.1\r\nA: b\n\r\n", -400},
	    {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", -400},
	    {"GET / HTTP/1.1\r\n\tA: b\r\n\r\n", -400},
	    {"\n", -400},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t scan = 0;

		CHECK(head_find(cases[i].text, strlen(cases[i].text), &scan, 1000) ==
		      cases[i].size);
		/* A byte more at a time: the same. */
		scan = 0;
		long found = 0;
		for (size_t size = 0; size <= strlen(cases[i].text) && !found; size++)
			found = head_find(cases[i].text, size, &scan, 1000);
		CHECK(found == cases[i].size);
	}
	uint32_t scan = 0;
	CHECK(head_find("GET /aaaaaaaaaaaaaaaaaaaaa", 20, &scan, 20) == -414);
	scan = 0;
	CHECK(head_find("GET / HTTP/1.1\r\nA: b\r\n", 20, &scan, 20) == -431);
	/* Exactly as large as may be. */
	scan = 0;
	CHECK(head_find("GET / HTTP/1.1\r\n\r\n", 18, &scan, 18) == 18);
}

/* ---- Connections ---- */

static char root[] = "/tmp/bm-http-XXXXXX";

static void write_file(const char *name, const char *data, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	FILE *file = fopen(path, "w");
	fwrite(data, 1, size, file);
	fclose(file);
}

static void greet(struct bm_http_request *request, void *context)
{
	bm_http_printf(request, "%s %s %s %s|%s|", (const char *)context, request->method,
		       request->path, request->rest, request->query);
	bm_http_write(request, request->body, request->body_size);
}

static struct bm_http_server *make_server(void)
{
	struct bm_http_options options = {
	    .root = root, .max_body = 5000, .max_head = 1000, .cache_file = 60000, .listing = true};
	struct bm_http_server *server = memory_server(&options);

	CHECK(server);
	CHECK(bm_http_route(server, "GET", "/x", greet, "exact") == 0);
	CHECK(bm_http_route(server, "POST,PUT", "/x", greet, "write") == 0);
	CHECK(bm_http_route(server, "GET", "/x*", greet, "prefix") == 0);
	CHECK(bm_http_route(server, "GET", "/x/long/*", greet, "longer") == 0);
	CHECK(bm_http_route(server, "FETCH", "/y", greet, "") == -BM_EINVAL);
	CHECK(bm_http_route(server, "GET", "y", greet, "") == -BM_EINVAL);
	CHECK(bm_http_route(server, "", "/y", greet, "") == -BM_EINVAL);
	return server;
}

/* All that comes back, zero-terminated. */
static char *talk(struct bm_http_server *server, const char *text, size_t size, size_t piece,
		  size_t out_piece)
{
	struct client client = {
	    .in = text, .in_size = size, .piece = piece, .out_piece = out_piece, .ends = true};
	struct connection *connection = memory_connect(server, &client);

	memory_run(connection, &client);
	CHECK(client.closed);
	CHECK(!atomic_load(&server->connections));
	client.out = realloc(client.out, client.out_size + 1);
	client.out[client.out_size] = '\0';
	return client.out;
}

static unsigned count_of(const char *text, const char *word)
{
	unsigned count = 0;

	for (; (text = strstr(text, word)); text++)
		count++;
	return count;
}

static void test_pieces(void)
{
	static const char conversation[] =
	    "GET /x?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n\r\n"
	    "\r\nPOST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	    "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
	    "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
	    "HEAD /small.txt HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /medium.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=100-199,-10\r\n\r\n"
	    "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=5-70000\r\n\r\n"
	    "GET /medium.bin HTTP/1.1\r\nHost: a\r\n\r\n"
	    "OPTIONS /x HTTP/1.1\r\nHost: a\r\nEmpty:\r\nReferer: \t \r\nA: b\r\nLast:\r\n\r\n"
	    "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /x/long/y HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	    "GET /folder HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /folder/ HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /xyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	struct bm_http_server *server = make_server();
	size_t size = sizeof(conversation) - 1;
	char *whole = talk(server, conversation, size, 0, 0);

	CHECK(count_of(whole, "HTTP/1.1 200 OK\r\n") == 9);
	CHECK(count_of(whole, "HTTP/1.1 206 Partial Content\r\n") == 2);
	CHECK(count_of(whole, "HTTP/1.1 204 No Content\r\n") == 1);
	CHECK(count_of(whole, "HTTP/1.1 405 Method Not Allowed\r\n") == 1);
	CHECK(count_of(whole, "HTTP/1.1 301 Moved Permanently\r\n") == 1);
	CHECK(count_of(whole, "Allow: GET, HEAD, POST, PUT, OPTIONS\r\n") == 2);
	CHECK(strstr(whole, "exact GET /x |q=1|"));
	CHECK(strstr(whole, "write POST /x ||hello"));
	CHECK(strstr(whole, "write PUT /x ||abc0123456789"));
	CHECK(strstr(whole, "longer GET /x/long/y y||"));
	CHECK(strstr(whole, "prefix GET /xyz yz||"));
	CHECK(strstr(whole, "Location: /folder/\r\n"));
	CHECK(strstr(whole, "Content-Range: bytes 100-199/40000\r\n"));
	CHECK(strstr(whole, "Content-Range: bytes 5-70000/200000\r\n"));
	/* HEAD comes as the GET before it, without the body. */
	CHECK(count_of(whole, "Content-Length: 6\r\n") == 2 && count_of(whole, "small\n") == 1);
	size_t length = strlen(whole);
	for (size_t piece = 1; piece < 200; piece += piece < 40 ? 1 : 37) {
		char *other = talk(server, conversation, size, piece, 0);

		CHECK(strcmp(whole, other) == 0);
		free(other);
	}
	static const size_t rooms[] = {1, 7, 100, 1000, 4096, 16384, 65535, 65536, 100000};
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		char *other = talk(server, conversation, size, i % 2 ? 13 : 0, rooms[i]);

		CHECK(strlen(other) == length && strcmp(whole, other) == 0);
		free(other);
	}
	free(whole);
	memory_free(server);
}

static void test_pipeline(void)
{
	static const char request[] = "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";
	size_t size = sizeof(request) - 1;
	char *many = malloc(1000 * size);
	struct bm_http_server *server = make_server();

	for (int i = 0; i < 1000; i++)
		memcpy(many + (size_t)i * size, request, size);
	for (int turn = 0; turn < 3; turn++) {
		char *out =
		    talk(server, many, 1000 * size, turn == 1 ? 1000 : 0, turn == 2 ? 5000 : 0);

		CHECK(count_of(out, "HTTP/1.1 200 OK\r\n") == 1000);
		free(out);
	}
	/* Who sends and does not read is not listened to: what is kept for it has a limit. */
	struct client client = {.in = many, .in_size = 1000 * size, .out_piece = 1};
	struct connection *connection = memory_connect(server, &client);
	client.room = 0;
	connection_readable(connection);
	CHECK(connection->writing && connection->pending_size <= 2 * HTTP_OUT);
	size_t read = client.in_at;
	for (int i = 0; i < 100; i++)
		connection_readable(connection);
	CHECK(client.in_at == read);
	connection_close(connection);
	CHECK(client.closed);
	free(client.out);
	free(many);
	memory_free(server);
}

/* Requests that are refused, each on a connection of its own. */
static void test_refusals(void)
{
#define GET  "GET /x HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"
	static const struct {
		const char *text;
		int status;
	} cases[] = {
	    {"GET /x HTTP/1.1\r\n\r\n", 400}, /* no Host */
	    {"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
	    {"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	    {"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	    {"GET /x HTTP/1.1\r\nHost: a\n\r\n", 400},
	    {"GET /x HTTP/1.1\nHost: a\n\n", 400},
	    {GET "A: b\r\n c\r\n\r\n", 400},
	    {GET "A : b\r\n\r\n", 400},
	    {GET ": b\r\n\r\n", 400},
	    {GET "A\r\n\r\n", 400},
	    {GET "A: \001\r\n\r\n", 400},
	    {GET "A: b\rc\r\n\r\n", 400},
	    {GET "A:\rB: c\r\n\r\n", 400},
	    {GET "A:\nB: c\r\n\r\n", 400},
	    {"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	    {"GET /x  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	    {"GET /x HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
	    {"GET /x\r\nHost: a\r\n\r\n", 400},
	    {"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505},
	    {"GET /x HTTP/0.9\r\nHost: a\r\n\r\n", 400},
	    {"GET /x HTTP/11\r\nHost: a\r\n\r\n", 400},
	    {"GET /x http/1.1\r\nHost: a\r\n\r\n", 400},
	    {"get /x HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	    {"FETCH /x HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	    {"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	    {"TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	    {"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	    {"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	    {"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	    {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
	    {POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400},
	    {POST "Content-Length: 1, 1\r\n\r\nx", 400},
	    {POST "Content-Length: +1\r\n\r\nx", 400},
	    {POST "Content-Length: -1\r\n\r\nx", 400},
	    {POST "Content-Length: 0x1\r\n\r\nx", 400},
	    {POST "Content-Length: 1 2\r\n\r\nx", 400},
	    {POST "Content-Length: \r\n\r\n", 400},
	    {POST "Content-Length: 99999999999999999999999\r\n\r\nx", 400},
	    {POST "Content-Length: 5001\r\n\r\nx", 413},
	    {POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
	    {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
	    {POST "Transfer-Encoding: identity\r\n\r\n", 501},
	    {POST "Transfer-Encoding:\r\n\r\n", 501},
	    {POST "Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400},
	    {"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n1x\r\nx\r\n0\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx", 400},
	    {POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\nx", 413},
	    {POST "Transfer-Encoding: chunked\r\n\r\n1389\r\nx", 413},
	    {POST "Expect: 200-ok\r\n\r\n", 417},
	    {"\r\n\n" GET "\r\n", 400},
	    {"\n" GET "\r\n", 400},
	    {"\026\003\001\002\r\n\r\n", 501}, /* TLS */
	    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
	};
	struct bm_http_server *server = make_server();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t piece = 0; piece < 2; piece++) {
			char expected[16];
			size_t size = strlen(cases[i].text);
			char *text = malloc(size + 64);

			memcpy(text, cases[i].text, size);
			/* What follows must never be answered. */
			memcpy(text + size, "GET /x HTTP/1.1\r\nHost: b\r\n\r\n", 29);
			char *out = talk(server, text, size + 28, piece, 0);
			snprintf(expected, sizeof(expected), "HTTP/1.1 %d ", cases[i].status);
			bool right = strncmp(out, expected, strlen(expected)) == 0;
			/* 501 of a method alone leaves the connection as it is. */
			bool alone =
			    strstr(out, "Connection: close\r\n")
				? count_of(out, "\r\nServer: ") == 1
				: cases[i].status == 501 || strncmp(cases[i].text, "GET /", 5) == 0;

			if (!right || !alone)
				fprintf(stderr, "case %zu, piece %zu: %.200s\n%.200s\n", i, piece,
					cases[i].text, out);
			CHECK(right);
			CHECK(alone);
			free(out);
			free(text);
		}
	}
	memory_free(server);
}

static void test_limits(void)
{
	struct bm_http_server *server = make_server();
	char text[8192];
	size_t size = (size_t)sprintf(text, "GET /x HTTP/1.1\r\nHost: a\r\n");
	char *out;

	/* 64 header lines, and one more. */
	for (int i = 1; i < 64; i++)
		size += (size_t)sprintf(text + size, "A: b\r\n");
	sprintf(text + size, "\r\n");
	out = talk(server, text, size + 2, 0, 0);
	CHECK(strncmp(out, "HTTP/1.1 200 ", 13) == 0);
	free(out);
	sprintf(text + size, "A: b\r\n\r\n");
	out = talk(server, text, size + 8, 0, 0);
	CHECK(strncmp(out, "HTTP/1.1 431 ", 13) == 0);
	free(out);
	/* A head that never ends. */
	memset(text + 40, 'A', sizeof(text) - 40);
	out = talk(server, text, sizeof(text), 3, 0);
	CHECK(strncmp(out, "HTTP/1.1 431 ", 13) == 0 && count_of(out, "HTTP/1.1") == 1);
	free(out);
	memset(text + 5, 'A', sizeof(text) - 5);
	out = talk(server, text, sizeof(text), 3, 0);
	CHECK(strncmp(out, "HTTP/1.1 414 ", 13) == 0);
	free(out);
	/* Chunks of one byte with endless extensions. */
	char *many = malloc(400000);
	size = (size_t)sprintf(
	    many, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;");
	memset(many + size, 'e', 400000 - size);
	out = talk(server, many, 400000, 0, 0);
	CHECK(strncmp(out, "HTTP/1.1 413 ", 13) == 0);
	free(out);
	free(many);
	memory_free(server);
}

/* Move the clock by some milliseconds. */
static void pass(struct bm_http_server *server, uint64_t ms)
{
	server->loops->now_ms += ms;
	loop_expire(server->loops);
}

static void test_timeouts(void)
{
	struct bm_http_server *server = make_server();
	struct loop *loop = server->loops;
	struct client silent = {0}, slow = {.in = "GET /x HTTP/1.1\r\nHost: a\r\n", .piece = 1},
		      idle, upload, reader;
	struct connection *connection;

	memory_connect(server, &silent);
	connection = memory_connect(server, &slow);
	slow.in_size = strlen(slow.in);
	slow.room = 10000;
	/* A byte a second does not help. */
	for (int second = 0; second < 9; second++) {
		connection_readable(connection);
		pass(server, 1000);
	}
	CHECK(!silent.closed && !slow.closed && !slow.out_size);
	pass(server, 1000);
	CHECK(silent.closed && !silent.out_size);
	pass(server, 1000);
	CHECK(slow.ended && slow.out_size > 12 && memcmp(slow.out, "HTTP/1.1 408 ", 13) == 0);
	pass(server, HTTP_LINGER_MS);
	CHECK(slow.closed);

	idle = (struct client){.in = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", .room = 10000};
	idle.in_size = strlen(idle.in);
	connection = memory_connect(server, &idle);
	connection_readable(connection);
	pass(server, 29999);
	CHECK(!idle.closed && idle.out_size);
	idle.in_at = 0;
	connection_readable(connection);
	pass(server, 29999);
	CHECK(!idle.closed && count_of(idle.out, "HTTP/1.1 200") == 2);
	pass(server, 1);
	CHECK(idle.closed);

	upload = (struct client){
	    .in =
		"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\nExpect: 100-continue\r\n\r\n",
	    .room = 10000};
	upload.in_size = strlen(upload.in);
	connection = memory_connect(server, &upload);
	connection_readable(connection);
	CHECK(upload.out_size == 25 &&
	      memcmp(upload.out, "HTTP/1.1 100 Continue\r\n\r\n", 25) == 0);
	upload.in = "x";
	upload.in_size = 1;
	for (int second = 0; second < 59; second++) {
		upload.in_at = 0;
		connection_readable(connection);
		pass(server, 1000);
	}
	CHECK(!upload.ended);
	pass(server, 1000);
	CHECK(upload.ended && memcmp(upload.out + 25, "HTTP/1.1 408 ", 13) == 0);
	connection_close(connection);

	/* A reader that takes enough may be slow; one that does not is cut off. */
	reader = (struct client){.in = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n", .room = 100};
	reader.in_size = strlen(reader.in);
	connection = memory_connect(server, &reader);
	connection_readable(connection);
	CHECK(connection->writing);
	for (int turn = 0; turn < 3; turn++) {
		reader.room = HTTP_INLINE;
		connection_writable(connection);
		pass(server, 30000);
		CHECK(!reader.closed);
	}
	reader.room = 1000;
	connection_writable(connection);
	pass(server, 30000);
	CHECK(reader.closed);
	CHECK(loop->counters.timeouts[WAIT_HEAD] == 2 && loop->counters.timeouts[WAIT_IDLE] == 1 &&
	      loop->counters.timeouts[WAIT_BODY] == 1 && loop->counters.timeouts[WAIT_WRITE] == 1);
	CHECK(!atomic_load(&server->connections));
	free(silent.out);
	free(slow.out);
	free(idle.out);
	free(upload.out);
	free(reader.out);
	memory_free(server);
}

/* An idle connection owns no memory but its struct. */
static void test_idle(void)
{
	struct bm_http_server *server = make_server();
	struct client client = {.in = "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET", .room = 10000};
	struct connection *connection = memory_connect(server, &client);

	client.in_size = strlen(client.in);
	connection_readable(connection);
	CHECK(connection->in_size == 3);
	client.in = " /x HTTP/1.1\r\nHost: a\r\n\r\n";
	client.in_size = strlen(client.in);
	client.in_at = 0;
	connection_readable(connection);
	CHECK(!connection->in && !connection->pending && !connection->upload && !connection->file);
	CHECK(connection->wait == WAIT_IDLE && count_of(client.out, "HTTP/1.1 200 OK") == 2);
	CHECK(sizeof(struct connection) <= 256);
	connection_close(connection);
	free(client.out);
	memory_free(server);
}

int main(void)
{
	char command[128], *data = malloc(200000);

	if (!mkdtemp(root))
		return 1;
	for (int i = 0; i < 200000; i++)
		data[i] = (char)('a' + i % 26);
	write_file("small.txt", "small\n", 6);
	write_file("medium.bin", data, 40000);
	write_file("large.bin", data, 200000);
	free(data);
	snprintf(command, sizeof(command), "%s/folder", root);
	mkdir(command, 0755);
	write_file("folder/file", "x", 1);
	test_paths();
	test_dates();
	test_ranges();
	test_forms();
	test_heads();
	test_pieces();
	test_pipeline();
	test_refusals();
	test_limits();
	test_timeouts();
	test_idle();
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command) || unit_status();
}
