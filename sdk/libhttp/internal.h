/* SPDX-License-Identifier: MIT */
/*
 * HTTP server, inside. Who calls whom, from the socket upwards:
 *
 *     server.c   options, listening sockets, threads     accept.c  new connections, limits
 *     loop.c     one epoll a loop, time-outs             socket.c  bytes in and out of a socket
 *     connection.c   bytes in, responses out; knows no socket: a struct transport does
 *     head.c     where a head ends, and its parser       path.c    a target becomes a path
 *     route.c    who answers                             request.c what a handler may call
 *     response.c, error.c   what is written before a body
 *     file.c, condition.c, range.c, listing.c            cache.c   files, open or in memory
 *     log.c, metrics.c, status.c, cores.c                what others see
 *
 * A loop owns its connections, and all that stands in struct loop: no locks. What loops share
 * (cache, pool of connections, counts an address) has a mutex, and is not touched by the
 * common request: that one finds its file in the loop's own `recent`.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <baremetal/http.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "llhttp.h"

/* ---- Limits that are no option ---- */

#define HTTP_HEADERS    64         /* header lines */
#define HTTP_TARGET     4096       /* bytes of a request's target */
#define HTTP_READ       16384      /* bytes asked of a socket at once, beside what is kept */
#define HTTP_OUT        65536      /* bytes of responses that are gathered before they are sent */
#define HTTP_INLINE     16384      /* a file's content up to here is copied behind its header */
#define HTTP_FILE_CHUNK 65536      /* bytes read at once of a file that is not in memory */
#define HTTP_TURN       (1 << 20)  /* bytes sent to one connection before others have a turn */
#define HTTP_RANGES     16         /* ranges in one request; more are answered by the whole file */
#define HTTP_EXTRA      8192       /* bytes of a handler's own headers */
#define HTTP_BODY       (64 << 20) /* bytes of a handler's response */
#define HTTP_RECENT     64         /* files that a loop knows by itself */
#define HTTP_LOOPS      256
#define HTTP_ADDRESSES  1024 /* buckets of the counts an address */
#define HTTP_LINGER_MS  2000
#define HTTP_GRACE_MS   5000
#define HTTP_TICK_MS    5000 /* an idle loop looks round so often */
#define HTTP_CHECK_MS   1000 /* a file's size and time are looked at so often */

/* ---- Bytes ---- */

struct buffer {
	char *data;
	size_t size, capacity;
};

/* Room for more bytes at the end. false: no memory; the buffer stays as it is. */
bool buffer_grow(struct buffer *buffer, size_t more);

static inline bool buffer_reserve(struct buffer *buffer, size_t more)
{
	return buffer->capacity - buffer->size >= more || buffer_grow(buffer, more);
}

static inline bool buffer_put(struct buffer *buffer, const void *data, size_t size)
{
	if (!buffer_reserve(buffer, size))
		return false;
	if (size)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	return true;
}

static inline bool buffer_text(struct buffer *buffer, const char *text)
{
	return buffer_put(buffer, text, strlen(text));
}

/* Decimal digits at `to`, at most 20; returns their end. */
char *put_number(char *to, uint64_t value);
bool buffer_number(struct buffer *buffer, uint64_t value);

/* ---- Dates (date.c) ---- */

#define HTTP_DATE 29 /* "Tue, 24 Nov 2026 18:49:15 GMT" */
void date_format(char text[HTTP_DATE], int64_t seconds);
/* Of the three forms that RFC 9110 5.6.7 names. false: none of them. */
bool date_parse(const char *text, size_t size, int64_t *seconds);

/* ---- Paths (path.c) ---- */

struct target {
	char path[HTTP_TARGET + 1]; /* decoded, zero-terminated */
	size_t path_size;
	const char *query; /* in the target; not terminated */
	size_t query_size;
};
/* Returns 0, or the status of a refusal. */
int path_canonical(struct target *to, const char *target, size_t size);
/* Percent-encode a decoded path for a Location or a link. */
bool path_encode(struct buffer *to, const char *path, size_t size);
/* Whether a segment's name begins with a dot, /.well-known aside. */
bool path_hidden(const char *path, size_t size);
/* Decode one value of a form. Returns the whole length, or -1: bad; writes at most size - 1 and a
 * zero. */
long form_value(const char *form, size_t form_size, const char *name, char *buffer, size_t size);

/* ---- Heads (head.c) ---- */

/* Headers that the server itself looks at. */
enum known_header {
	HEADER_HOST,
	HEADER_RANGE,
	HEADER_IF_RANGE,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_IF_MODIFIED_SINCE,
	HEADER_IF_UNMODIFIED_SINCE,
	HEADER_EXPECT,
	HEADER_TRANSFER_ENCODING,
	HEADER_USER_AGENT,
	HEADER_REFERER,
	HEADER_KNOWN
};

struct slice {
	uint32_t at, size;
};

struct head {
	char *base; /* slices are offsets from here */
	struct slice target, names[HTTP_HEADERS], values[HTTP_HEADERS];
	uint32_t count;
	uint8_t known[HEADER_KNOWN]; /* number of the header + 1 */
};

struct message {
	llhttp_t parser;
	struct head head;
	uint32_t head_size, max_headers, max_body;
	int status; /* of the refusal, found by a callback */
	bool has_head, complete, keep_alive, expect_continue;
	bool spill; /* the body is gathered in `gathered` */
	char last;  /* of the bytes fed before */
	const char *body;
	size_t body_size;
	const char *trailer; /* in what is fed now; NULL: none yet */
	bool in_trailer;
	uint64_t raw; /* bytes of a body as they came */
	struct buffer gathered;
};

/*
 * The size of the head at the start of some bytes, with its blank line; 0: it is not whole yet;
 * negative: the status of a refusal. *scan is where to go on, 0 at first.
 */
long head_find(const char *data, size_t size, uint32_t *scan, uint32_t limit);
/* Parse a whole head. Returns 0, or the status of a refusal. `base` may be written to. */
int message_head(struct message *message, char *base, size_t size);
/* Feed it bytes of the body. Returns 0, with *used set, or the status of a refusal. */
int message_body(struct message *message, const char *data, size_t size, size_t *used);
/* A copy of a message whose body is not whole, which needs none of the memory that it was read
 * from. */
struct message *message_detach(struct message *message);
/* The value of a header that is known; NULL: not there. */
const char *message_known(const struct message *message, enum known_header which, size_t *size);

/* ---- Files (cache.c) ---- */

struct file {
	_Atomic uint32_t references;
	_Atomic bool dropped;        /* no longer in the cache */
	_Atomic uint64_t checked_ms; /* when size and time were last looked at */
	struct file *chain, *newer, *older;
	uint32_t hash, path_size;
	uint64_t size;
	int64_t modified; /* seconds since 1970 */
	long nanoseconds;
	uint64_t inode;
	char *content; /* NULL: not in memory, read by `descriptor` */
	int descriptor;
	const char *type;
	char etag[40];
	uint8_t etag_size;
	char modified_text[HTTP_DATE];
	/* Header lines: those of any answer, then Content-Length and the blank line. */
	uint16_t header_common, header_size;
	char header[400];
	char path[]; /* the key, zero-terminated */
};

struct cache {
	pthread_mutex_t lock;
	struct file **buckets; /* 1,024 */
	struct file *newest, *oldest;
	uint64_t bytes;
	uint32_t files;
};

struct loop;
/*
 * A file by its path below root; or NULL with a status, 301: a folder. It is lent until the loop
 * asks for another: hold it to keep it.
 */
struct file *file_get(struct loop *loop, const char *path, size_t size, int *status);
static inline void file_hold(struct file *file)
{
	atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}
void file_put(struct file *file);
/*
 * Open what is at a path below root, never outside of it: no symbolic link is followed, no other
 * file system entered. Returns a descriptor; negative: the status.
 */
int root_open(const struct bm_http_server *server, const char *path, struct stat *info);
bool cache_init(struct cache *cache);
void cache_free(struct cache *cache);
void recent_drop(struct loop *loop, bool all);
const char *type_of(const char *path);

/* ---- Connections ---- */

struct connection;
struct transport {
	/* Bytes, 0 at the end, or a negative errno; -EAGAIN: not now. */
	ssize_t (*read)(struct connection *connection, void *data, size_t size);
	ssize_t (*write)(struct connection *connection, struct iovec *pieces, int count);
	void (*end)(struct connection *connection); /* no more writing */
	void (*close)(struct connection *connection);
};

/* What a connection waits for: each has its own time-out. */
enum wait { WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE, WAIT_LINGER, WAITS };

struct peer {
	uint8_t family; /* 4, 6, or 0: unknown */
	uint8_t address[16];
	uint16_t port;
};

struct parts; /* range.c: what is left of several ranges */

struct connection {
	const struct transport *transport;
	void *context; /* the transport's */
	int descriptor;
	uint8_t wait;
	bool queued;      /* in the list of `wait` */
	bool end;         /* the peer sends no more */
	bool closing;     /* after what is to be sent */
	bool linger;      /* and read on a while, so that the peer sees it */
	bool fresh;       /* a request was answered, or its body begun, in this event */
	bool failed;      /* nothing can be sent any more */
	bool writing;     /* it waits for room to send */
	bool watched_out; /* as the poller knows it */
	bool read_again;  /* there is more than one read takes, or the end behind it */
	struct connection *next, *previous;
	struct loop *loop;
	uint64_t since_ms;
	char *in; /* what was read and not understood yet */
	uint32_t in_size, in_scan;
	struct message *upload; /* a request whose body is not whole */
	char *pending;          /* responses that could not be sent yet */
	size_t pending_at, pending_size;
	/* The body that is being sent of a file. */
	struct file *file;
	struct parts *parts;
	uint64_t offset, left;
	uint64_t written, written_mark;
	uint32_t discarded;
	uint32_t piece; /* bytes to read at once of a file that is not in memory */
	struct peer peer;
};

struct connection_list {
	struct connection *first, *last;
};

/* ---- Counters: written by one loop, read by any ---- */

struct counters {
	uint64_t accepted, refused, closed, requests, bad_requests, received, sent, log_dropped;
	uint64_t timeouts[WAITS];
	uint64_t cached, loaded, streamed;
	uint64_t status[500]; /* [status - 100] */
};
#define COUNT(counter, n) __atomic_store_n(&(counter), (counter) + (n), __ATOMIC_RELAXED)
#define COUNTED(counter)  __atomic_load_n(&(counter), __ATOMIC_RELAXED)

/* ---- Loops and the server ---- */

struct exchange {
	struct bm_http_request request; /* first: the handler's pointer is ours */
	struct loop *loop;
	struct connection *connection;
	struct message *message;
	bool head_only, keep_alive;
	bool sent;   /* a response was written */
	bool failed; /* no memory for it */
	int status;
	int error; /* bm_http_error() */
	char type[128];
	char peer[48];
	uint64_t body_size; /* sent, for the log */
};

struct loop {
	struct bm_http_server *server;
	uint32_t number;
	int poller, wake;
	pthread_t thread;
	bool has_thread;
	uint64_t now_ms, second_ms;
	struct connection_list lists[WAITS];
	uint32_t limits[WAITS]; /* milliseconds */
	uint64_t due_ms;        /* no connection's time runs out before */
	_Atomic uint32_t connections;
	struct connection *_Atomic inbox;
	uint64_t listen_again_ms; /* 0: it listens */
	uint64_t stopped_ms;
	bool stopping;

	char *in;            /* max_head + HTTP_READ */
	struct buffer out;   /* responses of the connection that is served now */
	struct buffer body;  /* of a handler */
	struct buffer extra; /* its headers */
	char *chunk;         /* HTTP_FILE_CHUNK */
	struct message message;
	struct target target;
	char query[HTTP_TARGET + 1];
	struct file *recent[HTTP_RECENT];
	struct file *lent; /* one that is not among them */

	char start[96]; /* "HTTP/1.1 200 OK", Date and Server */
	uint32_t start_size;
	char date[HTTP_DATE];
	char log_time[32];
	struct buffer log;
	uint64_t log_ms; /* when its first line came */
	struct counters counters;
};

struct route {
	struct route *next; /* longer paths first */
	char *path;
	size_t size;
	bool prefix;
	uint64_t methods; /* 1 << llhttp_method_t */
	bm_http_handler *handler;
	void *context;
};

struct address_count; /* accept.c */

struct bm_http_server {
	struct bm_http_options options;
	int listener, spare, root;
	uint64_t root_device;
	_Atomic uint16_t port;
	_Atomic bool running, stop;
	struct route *routes;
	struct loop *loops;
	uint32_t loop_count;
	struct cache cache;
	pthread_mutex_t pool_lock;
	struct connection *pool;
	_Atomic uint32_t connections;
	struct address_count **addresses; /* NULL: they are not counted */
	bm_http_handler *metrics_hook;
	void *metrics_context;
	uint64_t started_ms;
};

/* ---- loop.c ---- */

int loop_init(struct loop *loop, struct bm_http_server *server, uint32_t number);
void loop_free(struct loop *loop);
void *loop_run(void *loop);
uint64_t time_ms(void);
/* The second has changed: Date and the log's time. */
void loop_second(struct loop *loop);
/* Put a connection among those that wait for the same, as the youngest. */
void loop_wait(struct loop *loop, struct connection *connection, enum wait wait);
void loop_unlist(struct loop *loop, struct connection *connection);
/* Have the poller tell of room to send, or of bytes that came: of these once, when they come. */
void loop_watch(struct connection *connection, bool writing);
/* Of what is there now as well. */
void loop_watch_again(struct connection *connection, bool writing);
#define LOOP_READS (EPOLLIN | EPOLLRDHUP | EPOLLET)
/* What time has run out for. */
void loop_expire(struct loop *loop);

/* ---- accept.c ---- */

void accept_ready(struct loop *loop);
void accept_listen(struct loop *loop, bool on);
struct connection *connection_new(struct bm_http_server *server);
void connection_free(struct bm_http_server *server, struct connection *connection);
bool address_enter(struct bm_http_server *server, const struct peer *peer);
void address_leave(struct bm_http_server *server, const struct peer *peer);
extern const struct transport socket_transport;

/* ---- tls.c ---- */

/* Have it speak TLS. false: no memory. */
bool connection_secure(struct connection *connection, struct bm_tls *tls);

/* ---- connection.c ---- */

/* It is the loop's now. */
void connection_begin(struct loop *loop, struct connection *connection);
void connection_readable(struct connection *connection);
void connection_writable(struct connection *connection);
void connection_timeout(struct connection *connection);
void connection_close(struct connection *connection);

/* ---- route.c, request.c ---- */

void route_request(struct exchange *exchange);
/* What the handler left is put together and sent. */
void exchange_handler(struct exchange *exchange, bm_http_handler *handler, void *context);

/* ---- response.c, error.c ---- */

const char *status_reason(int status);
/* Status line, Date, Server and Connection. */
bool response_start(struct exchange *exchange, int status);
/* Counters and the log; the response is whole in loop->out, or its body under way. */
void response_done(struct exchange *exchange, int status, uint64_t body_size);
/* A whole response with a body of its own; `extra`: header lines, or NULL. */
void response_send(struct exchange *exchange, int status, const char *type, const char *extra,
		   const void *body, size_t size);
/* `extra`: header lines, or NULL. */
void response_error(struct exchange *exchange, int status, const char *extra);
void response_redirect(struct exchange *exchange, int status, const char *location);

/* ---- file.c and its parts ---- */

/* `status`: 200, or that of an error page, which has no ranges and conditions. */
void file_respond(struct exchange *exchange, struct file *file, int status);
void file_serve(struct exchange *exchange, const char *path, size_t size);
void listing_respond(struct exchange *exchange, const char *path, size_t size);

enum condition { CONDITION_SEND, CONDITION_NOT_MODIFIED, CONDITION_FAILED };
enum condition condition_of(const struct message *message, const struct file *file);
/* If-Range: whether the range counts. */
bool condition_range(const struct message *message, const struct file *file);

struct range {
	uint64_t first, size;
};
/* Ranges that can be answered; 0: none of those asked can (416), -1: take it as not asked for. */
int range_parse(const char *text, size_t size, uint64_t whole, struct range ranges[HTTP_RANGES]);
struct parts *parts_new(const struct file *file, const struct range *ranges, int count);
uint64_t parts_size(const struct parts *parts);
const char *parts_type(const struct parts *parts);
/* The next part's header into the buffer, and what is to be sent after it. false: that was the end.
 */
bool parts_next(struct parts *parts, struct buffer *out, uint64_t *offset, uint64_t *left);

/* ---- log.c, cores.c ---- */

void log_request(struct exchange *exchange, int status, uint64_t size);
void log_flush(struct loop *loop);
void peer_text(const struct peer *peer, char text[48]);
uint32_t cores_count(void);
bool cores_read(uint32_t number, struct bm_http_core *core);

#endif
