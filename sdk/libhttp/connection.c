/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: a connection. Bytes come in, requests are answered in their order, responses are
 * gathered in loop->out and sent at once; what cannot be sent yet is kept, and until it is gone
 * nothing more is read: a client that does not read its responses costs one of them.
 *
 * An idle connection owns no buffer. It knows no socket (struct transport) and no clock but
 * loop->now_ms, so that the fuzzer drives it as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

void connection_begin(struct loop *loop, struct connection *connection)
{
	connection->loop = loop;
	connection->piece = HTTP_FILE_CHUNK;
	loop_wait(loop, connection, WAIT_HEAD);
}

void connection_close(struct connection *connection)
{
	struct loop *loop = connection->loop;

	loop_unlist(loop, connection);
	connection->transport->close(connection);
	if (connection->file)
		file_put(connection->file);
	free(connection->parts);
	free(connection->in);
	free(connection->pending);
	if (connection->upload) {
		free(connection->upload->gathered.data);
		free(connection->upload);
	}
	COUNT(loop->counters.closed, 1);
	atomic_fetch_sub_explicit(&loop->connections, 1, memory_order_relaxed);
	connection_free(loop->server, connection);
}

/* ---- Out ---- */

/* Nothing of it can be sent any more. */
static void give_up(struct connection *connection)
{
	connection->failed = true;
	connection->writing = false;
	connection->loop->out.size = 0;
}

static ssize_t send_pieces(struct connection *connection, struct iovec *pieces, int count)
{
	ssize_t sent;

	do
		sent = connection->transport->write(connection, pieces, count);
	while (sent == -EINTR);
	if (sent > 0) {
		connection->written += (uint64_t)sent;
		COUNT(connection->loop->counters.sent, (uint64_t)sent);
	}
	return sent;
}

/* The body that is under way has no more bytes: the next part of it, or its end. */
static bool next_part(struct connection *connection)
{
	if (connection->parts && parts_next(connection->parts, &connection->loop->out,
					    &connection->offset, &connection->left))
		return true;
	free(connection->parts);
	connection->parts = NULL;
	file_put(connection->file);
	connection->file = NULL;
	return false;
}

/* A piece of the file, in memory; 0: it is shorter than it was. */
static size_t file_piece(struct connection *connection, struct iovec *piece)
{
	struct file *file = connection->file;
	size_t size = connection->left < connection->piece ? connection->left : connection->piece;

	if (file->content) {
		piece->iov_base = file->content + connection->offset;
		piece->iov_len = connection->left < HTTP_TURN ? connection->left : HTTP_TURN;
	} else {
		struct loop *loop = connection->loop;
		ssize_t got;

		do
			got = pread(file->descriptor, loop->chunk, size, (off_t)connection->offset);
		while (got < 0 && errno == EINTR);
		piece->iov_base = loop->chunk;
		piece->iov_len = got > 0 ? (size_t)got : 0;
	}
	return piece->iov_len;
}

/* Keep what is in loop->out from `at` on. */
static void keep_out(struct connection *connection, size_t at)
{
	struct loop *loop = connection->loop;
	size_t size = loop->out.size - at;

	if (size) {
		connection->pending = malloc(size);
		if (!connection->pending) {
			give_up(connection);
			return;
		}
		memcpy(connection->pending, loop->out.data + at, size);
		connection->pending_at = 0;
		connection->pending_size = size;
		loop->out.size = 0;
	}
	connection->writing = true;
}

/* Send what was kept. true: it is gone. */
static bool send_pending(struct connection *connection)
{
	while (connection->pending) {
		struct iovec piece = {connection->pending + connection->pending_at,
				      connection->pending_size - connection->pending_at};
		ssize_t sent = send_pieces(connection, &piece, 1);

		if (sent == -EAGAIN) {
			connection->writing = true;
			return false;
		}
		if (sent <= 0) {
			give_up(connection);
			return false;
		}
		connection->pending_at += (size_t)sent;
		if (connection->pending_at == connection->pending_size) {
			free(connection->pending);
			connection->pending = NULL;
		}
	}
	return true;
}

/* The next piece is about as large as what the other side takes: what is read and not sent is read
 * again. */
static void sent_of_file(struct connection *connection, size_t sent, const struct iovec *piece)
{
	connection->offset += sent;
	connection->left -= sent;
	if (sent < piece->iov_len)
		connection->piece = sent < 2048                  ? 4096
				    : sent < HTTP_FILE_CHUNK / 2 ? 2 * (uint32_t)sent
								 : HTTP_FILE_CHUNK;
	else if (connection->piece < HTTP_FILE_CHUNK)
		connection->piece = connection->piece < HTTP_FILE_CHUNK / 4 ? 4 * connection->piece
									    : HTTP_FILE_CHUNK;
}

/*
 * Send loop->out and the body behind it. Afterwards loop->out is empty, and either all is sent, or
 * `writing` or `failed` is set.
 */
static void flush(struct connection *connection)
{
	struct loop *loop = connection->loop;
	size_t at = 0, turn = 0;

	connection->writing = false;
	for (;;) {
		struct iovec pieces[2];
		int count = 0;

		if (connection->file && !connection->left && next_part(connection))
			continue;
		if (loop->out.size > at)
			pieces[count++] = (struct iovec){loop->out.data + at, loop->out.size - at};
		if (connection->file) {
			if (turn >= HTTP_TURN) { /* others are waiting */
				keep_out(connection, at);
				return;
			}
			if (!file_piece(connection, &pieces[count++])) {
				give_up(connection);
				return;
			}
		}
		if (!count)
			break;
		ssize_t sent = send_pieces(connection, pieces, count);
		if (sent == -EAGAIN) {
			keep_out(connection, at);
			return;
		}
		if (sent <= 0) {
			give_up(connection);
			return;
		}
		size_t of_out = loop->out.size - at;
		turn += (size_t)sent;
		if ((size_t)sent < of_out) {
			at += (size_t)sent;
		} else {
			loop->out.size = at = 0;
			if (connection->file)
				sent_of_file(connection, (size_t)sent - of_out, &pieces[count - 1]);
		}
	}
	loop->out.size = 0;
}

/* ---- In ---- */

static void exchange_begin(struct exchange *exchange, struct connection *connection,
			   struct message *message)
{
	exchange->loop = connection->loop;
	exchange->connection = connection;
	exchange->message = message;
	exchange->head_only = message->has_head && message->parser.method == HTTP_HEAD;
	exchange->keep_alive =
	    message->has_head && message->keep_alive &&
	    !atomic_load_explicit(&connection->loop->server->stop, memory_order_relaxed);
	exchange->sent = exchange->failed = false;
	exchange->status = 200;
	exchange->error = 0;
	exchange->request.version = message->has_head && message->parser.http_minor == 0 ? 10 : 11;
}

/* A request that is not understood, or not accepted, ends the connection. */
static void refuse(struct connection *connection, struct message *message, int status)
{
	struct exchange exchange;

	exchange_begin(&exchange, connection, message);
	exchange.keep_alive = false;
	COUNT(connection->loop->counters.bad_requests, 1);
	response_error(&exchange, status, NULL);
	connection->closing = connection->linger = true;
}

static void answer(struct connection *connection, struct message *message)
{
	struct loop *loop = connection->loop;
	struct exchange exchange;

	exchange_begin(&exchange, connection, message);
	connection->fresh = true;
	route_request(&exchange);
	if (!exchange.sent) {
		connection->closing = true; /* no memory for a response */
		give_up(connection);
	} else if (!exchange.keep_alive) {
		connection->closing = true;
	}
	if (message->gathered.capacity) {
		free(message->gathered.data);
		message->gathered = (struct buffer){0};
	}
	if (loop->out.size > HTTP_OUT / 2 || connection->file)
		flush(connection);
}

/* The message's body is not whole: keep what is there. */
static void begin_upload(struct connection *connection, struct message *message)
{
	struct loop *loop = connection->loop;

	connection->upload = message_detach(message);
	connection->fresh = true;
	if (!connection->upload) {
		refuse(connection, message, 503);
		return;
	}
	if (message->expect_continue && !message->raw)
		buffer_text(&loop->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void body_more(struct connection *connection, const char *data, size_t size, size_t *used)
{
	struct message *message = connection->upload;
	int status = message_body(message, data, size, used);

	if (status || message->complete) {
		connection->upload = NULL;
		if (status)
			refuse(connection, message, status);
		else
			answer(connection, message);
		free(message->gathered.data);
		free(message);
	}
}

/* One request, or a piece of one, from the start of some bytes. Returns the bytes used, 0: more are
 * needed. */
static size_t take(struct connection *connection, char *data, size_t size)
{
	struct loop *loop = connection->loop;
	struct message *message = &loop->message;
	size_t used = 0;

	if (connection->upload) {
		body_more(connection, data, size, &used);
		return used ? used : size;
	}
	if (!connection->in_scan && *data == '\r' && (size < 2 || data[1] == '\n'))
		return size < 2 ? 0 : 2; /* an empty line before a request (RFC 9112 2.2) */
	long head = head_find(data, size, &connection->in_scan, loop->server->options.max_head);
	if (!head)
		return 0;
	connection->in_scan = 0;
	message->has_head = false;
	message->max_body = loop->server->options.max_body;
	message->max_headers = loop->server->options.max_headers;
	int status = head < 0 ? (int)-head : message_head(message, data, (size_t)head);
	if (status) {
		message->has_head = false;
		message->head_size = head < 0 ? 0 : (uint32_t)head;
		refuse(connection, message, status);
		return size;
	}
	if (!message->complete && size > (size_t)head) {
		status = message_body(message, data + head, size - (size_t)head, &used);
		if (status) {
			refuse(connection, message, status);
			return size;
		}
	}
	if (message->complete)
		answer(connection, message);
	else
		begin_upload(connection, message);
	return (size_t)head + used;
}

/* What it waits for next. The last word of each event. */
static void settle(struct connection *connection)
{
	struct loop *loop = connection->loop;

	if (connection->failed) {
		connection_close(connection);
	} else if (connection->writing) {
		if (connection->wait != WAIT_WRITE || !connection->queued) {
			connection->written_mark = connection->written;
			loop_wait(loop, connection, WAIT_WRITE);
		}
		loop_watch(connection, true);
	} else if (connection->closing && connection->linger && !connection->end) {
		/* Closing with bytes unread would take the response back (RFC 9112 9.6). */
		connection->transport->end(connection);
		free(connection->in);
		connection->in = NULL;
		connection->in_size = 0;
		loop_watch(connection, false);
		loop_wait(loop, connection, WAIT_LINGER);
	} else if (connection->closing || connection->end) {
		connection_close(connection);
	} else {
		enum wait wait = connection->upload    ? WAIT_BODY
				 : connection->in_size ? WAIT_HEAD
						       : WAIT_IDLE;

		loop_watch(connection, false);
		if (connection->fresh || wait != connection->wait)
			loop_wait(loop, connection, wait);
		connection->fresh = false;
	}
}

/* Answer what is in loop->in, `size` bytes; keep the rest. */
static void serve(struct connection *connection, size_t size)
{
	struct loop *loop = connection->loop;
	size_t at = 0;

	while (at < size && !connection->closing && !connection->writing && !connection->failed) {
		size_t used = take(connection, loop->in + at, size - at);

		if (!used)
			break;
		at += used;
	}
	if (loop->out.size || connection->file)
		flush(connection);
	if (connection->closing && at < size)
		connection->linger = true;
	size_t rest = connection->closing || connection->failed ? 0 : size - at;
	if (rest) {
		/* A buffer of the rest's own size: most connections have none. */
		char *in = realloc(connection->in, rest);

		if (in) {
			memcpy(in, loop->in + at, rest);
			connection->in = in;
			connection->in_size = (uint32_t)rest;
		} else {
			connection->failed = true;
		}
	} else if (connection->in) {
		free(connection->in);
		connection->in = NULL;
		connection->in_size = 0;
	}
	settle(connection);
}

/* The poller tells of bytes once: of those that are left it is to tell again. */
static ssize_t read_some(struct connection *connection, char *to)
{
	ssize_t got = connection->transport->read(connection, to, HTTP_READ);

	if (got == HTTP_READ || got == -EINTR || (got > 0 && connection->read_again))
		loop_watch_again(connection, false);
	return got;
}

static void linger(struct connection *connection)
{
	struct loop *loop = connection->loop;
	ssize_t got = read_some(connection, loop->in);

	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got > 0 && connection->discarded < (1 << 20)) {
		connection->discarded += (uint32_t)got;
		return;
	}
	connection_close(connection);
}

void connection_readable(struct connection *connection)
{
	struct loop *loop = connection->loop;
	size_t kept = connection->in_size;

	if (connection->wait == WAIT_LINGER) {
		linger(connection);
		return;
	}
	if (connection->writing)
		return;
	if (kept)
		memcpy(loop->in, connection->in, kept);
	ssize_t got = read_some(connection, loop->in + kept);
	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got < 0) {
		connection_close(connection);
		return;
	}
	if (!got) {
		connection->end = true; /* it may still read */
		settle(connection);
		return;
	}
	COUNT(loop->counters.received, (uint64_t)got);
	serve(connection, kept + (size_t)got);
}

void connection_writable(struct connection *connection)
{
	struct loop *loop = connection->loop;

	if (!connection->writing)
		return;
	connection->writing = false;
	if (send_pending(connection))
		flush(connection);
	if (connection->writing || connection->failed || connection->closing) {
		settle(connection);
		return;
	}
	/* Requests that came meanwhile, and were read already. */
	size_t kept = connection->in_size;
	if (kept)
		memcpy(loop->in, connection->in, kept);
	serve(connection, kept);
}

void connection_timeout(struct connection *connection)
{
	struct loop *loop = connection->loop;

	/* A slow reader may go on as long as it takes enough. */
	if (connection->wait == WAIT_WRITE &&
	    connection->written - connection->written_mark >= HTTP_INLINE) {
		connection->written_mark = connection->written;
		loop_wait(loop, connection, WAIT_WRITE);
		return;
	}
	COUNT(loop->counters.timeouts[connection->wait], 1);
	/* Who has begun a request is told. */
	if (connection->upload || (connection->wait == WAIT_HEAD && connection->in_size)) {
		struct message *message = connection->upload;

		connection->upload = NULL;
		if (!message) {
			message = &loop->message;
			message->has_head = false;
			message->head_size = 0;
		}
		refuse(connection, message, 408);
		if (message != &loop->message) {
			free(message->gathered.data);
			free(message);
		}
		flush(connection);
		if (connection->writing)
			connection->failed = true;
		settle(connection);
		return;
	}
	connection_close(connection);
}
