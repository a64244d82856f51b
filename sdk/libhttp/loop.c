/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: an event loop. One epoll, and a list for each kind of time-out: all in a list have
 * the same limit, so the first of it is the next to run out, and nothing is searched.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>

#include "internal.h"

#define EVENTS 128

uint64_t time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_second(struct loop *loop)
{
	static const char server[] = "\r\nServer: BareMetal\r\nDate: ";
	int64_t now = time(NULL);
	char *at = loop->start;

	loop->second_ms = loop->now_ms;
	date_format(loop->date, now);
	memcpy(at, "HTTP/1.1 200 OK", 15);
	memcpy(at + 15, server, sizeof(server) - 1);
	at += 15 + sizeof(server) - 1;
	memcpy(at, loop->date, HTTP_DATE);
	memcpy(at + HTTP_DATE, "\r\n", 2);
	loop->start_size = (uint32_t)(at + HTTP_DATE + 2 - loop->start);
	/* Tue, 24 Nov 2026 18:49:15 GMT: the log has 24/Nov/2026:18:49:15 +0000. */
	memcpy(loop->log_time, "[xx/xxx/xxxx:xx:xx:xx +0000] ", 30);
	memcpy(loop->log_time + 1, loop->date + 5, 2);
	memcpy(loop->log_time + 4, loop->date + 8, 3);
	memcpy(loop->log_time + 8, loop->date + 12, 4);
	memcpy(loop->log_time + 13, loop->date + 17, 8);
}

/* ---- Waiting ---- */

void loop_unlist(struct loop *loop, struct connection *connection)
{
	struct connection_list *list = &loop->lists[connection->wait];

	if (!connection->queued)
		return;
	*(connection->previous ? &connection->previous->next : &list->first) = connection->next;
	*(connection->next ? &connection->next->previous : &list->last) = connection->previous;
	connection->queued = false;
}

void loop_wait(struct loop *loop, struct connection *connection, enum wait wait)
{
	struct connection_list *list = &loop->lists[wait];

	connection->since_ms = loop->now_ms;
	if (loop->now_ms + loop->limits[wait] < loop->due_ms)
		loop->due_ms = loop->now_ms + loop->limits[wait];
	if (connection->queued && connection->wait == wait && list->last == connection)
		return;
	loop_unlist(loop, connection);
	connection->wait = (uint8_t)wait;
	connection->next = NULL;
	connection->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = connection;
	list->last = connection;
	connection->queued = true;
}

void loop_watch(struct connection *connection, bool writing)
{
	if (connection->watched_out != writing)
		loop_watch_again(connection, writing);
}

void loop_watch_again(struct connection *connection, bool writing)
{
	struct loop *loop = connection->loop;
	struct epoll_event event = {.events = writing ? EPOLLOUT : LOOP_READS,
				    .data.ptr = connection};

	if (loop->poller < 0)
		return;
	connection->watched_out = writing;
	if (epoll_ctl(loop->poller, EPOLL_CTL_MOD, connection->descriptor, &event) != 0)
		connection->failed = true; /* its time-out closes it */
}

void loop_expire(struct loop *loop)
{
	if (loop->now_ms < loop->due_ms)
		return;
	loop->due_ms = UINT64_MAX;
	for (int wait = 0; wait < WAITS; wait++) {
		struct connection *first;

		while ((first = loop->lists[wait].first)) {
			uint64_t due = first->since_ms + loop->limits[wait];

			if (loop->now_ms < due) {
				if (due < loop->due_ms)
					loop->due_ms = due;
				break;
			}
			connection_timeout(first);
		}
	}
}

/* Milliseconds until something is to be done. */
static int next_timeout(struct loop *loop)
{
	uint64_t least = loop->log.size || loop->stopping ? 1000 : HTTP_TICK_MS;

	if (loop->due_ms < loop->now_ms + least)
		least = loop->due_ms > loop->now_ms ? loop->due_ms - loop->now_ms : 0;
	if (loop->listen_again_ms) {
		uint64_t left =
		    loop->listen_again_ms > loop->now_ms ? loop->listen_again_ms - loop->now_ms : 0;

		if (left < least)
			least = left;
	}
	return (int)least;
}

/* ---- The loop ---- */

/* Connections that other loops accepted for this one. */
static void take_inbox(struct loop *loop)
{
	if (!atomic_load_explicit(&loop->inbox, memory_order_relaxed))
		return;
	struct connection *next =
	    atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
	while (next) {
		struct connection *connection = next;

		next = connection->next;
		connection->next = NULL;
		connection_begin(loop, connection);
	}
}

static void close_list(struct loop *loop, enum wait wait)
{
	while (loop->lists[wait].first)
		connection_close(loop->lists[wait].first);
}

/* Ending: true when nothing is left to do. */
static bool wind_up(struct loop *loop)
{
	if (!loop->stopping) {
		loop->stopping = true;
		loop->stopped_ms = loop->now_ms;
		accept_listen(loop, false);
		close_list(loop, WAIT_IDLE);
	}
	if (loop->now_ms - loop->stopped_ms >= HTTP_GRACE_MS)
		for (int wait = 0; wait < WAITS; wait++)
			close_list(loop, (enum wait)wait);
	return !atomic_load(&loop->connections);
}

static void serve_event(struct connection *connection, uint32_t events)
{
	if (connection->writing) {
		connection_writable(connection);
	} else if (events & ~(uint32_t)EPOLLOUT) {
		connection->read_again = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
		connection_readable(connection);
	}
}

void *loop_run(void *argument)
{
	struct loop *loop = argument;
	struct bm_http_server *server = loop->server;
	struct epoll_event events[EVENTS];
	uint64_t swept_ms = loop->now_ms = time_ms();

	loop_second(loop);
	for (;;) {
		int count = epoll_wait(loop->poller, events, EVENTS, next_timeout(loop));
		bool knock = false;

		loop->now_ms = time_ms();
		take_inbox(loop);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == server)
				knock = true;
			else if (events[i].data.ptr == loop) {
				uint64_t value;

				if (read(loop->wake, &value, sizeof(value)) < 0)
					continue;
			} else {
				serve_event(events[i].data.ptr, events[i].events);
			}
		}
		/* Last: it may close connections whose events stand above. */
		if (knock && !loop->stopping)
			accept_ready(loop);
		loop_expire(loop);
		if (loop->listen_again_ms && loop->now_ms >= loop->listen_again_ms &&
		    !loop->stopping)
			accept_listen(loop, true);
		if (loop->log.size && loop->now_ms - loop->log_ms >= 1000)
			log_flush(loop);
		if (loop->now_ms - swept_ms >= 1000) {
			swept_ms = loop->now_ms;
			recent_drop(loop, false);
		}
		if (atomic_load_explicit(&server->stop, memory_order_relaxed) && wind_up(loop))
			break;
	}
	log_flush(loop);
	return NULL;
}

int loop_init(struct loop *loop, struct bm_http_server *server, uint32_t number)
{
	const struct bm_http_options *options = &server->options;

	loop->server = server;
	loop->number = number;
	loop->poller = loop->wake = -1;
	loop->due_ms = UINT64_MAX;
	loop->limits[WAIT_IDLE] = options->idle_ms;
	loop->limits[WAIT_HEAD] = options->head_ms;
	loop->limits[WAIT_BODY] = options->body_ms;
	loop->limits[WAIT_WRITE] = options->write_ms;
	loop->limits[WAIT_LINGER] = HTTP_LINGER_MS;
	loop->in = malloc(options->max_head + 2 * HTTP_READ);
	loop->chunk = malloc(HTTP_FILE_CHUNK);
	if (!loop->in || !loop->chunk || !buffer_grow(&loop->out, HTTP_OUT))
		return -BM_ENOMEM;
	return 0;
}

void loop_free(struct loop *loop)
{
	for (int wait = 0; wait < WAITS; wait++)
		close_list(loop, (enum wait)wait);
	recent_drop(loop, true);
	if (loop->poller >= 0)
		close(loop->poller);
	if (loop->wake >= 0)
		close(loop->wake);
	free(loop->in);
	free(loop->chunk);
	free(loop->out.data);
	free(loop->body.data);
	free(loop->extra.data);
	free(loop->log.data);
	free(loop->message.gathered.data);
}
