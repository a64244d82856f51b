/* SPDX-License-Identifier: MIT */
/*
 * Frames from one network device to another and back, on QEMU's hub: load NAME=VALUE …
 *
 *   frames=N    in all (3,000)          from=N to=N   the devices (0, 1)
 *   driver=NAME what their names must begin with
 *   wait=poll|arm|wait   how the receiver waits for frames (poll)
 *   mtu=N       that both must have (1,500)
 *   under=N     frames under way at most (200). More than a ring holds: QEMU queues them, and then
 * some overtake others
 *
 * The frames have every size, in one part or several, of the pool's memory and of the app's own; to
 * the other's address, to all, to a group. Each byte is checked, and the order; every fifth goes
 * back. Nothing may be lost, for there are never more under way than fit. With several cores, the
 * receiver is another one. At the end, counters must agree, and all buffers be in the pool again.
 */
#include <baremetal/memory.h>
#include <baremetal/net.h>
#include <baremetal/system.h>
#include <baremetal/task.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "../check.h"

#define BATCH     32
#define ECHO      5
#define TYPE      0x88b5 /* IEEE 802: local experiments */
#define FIRST     (BM_NET_HEADER + 6)
#define OWN_PARTS 64

static struct {
	unsigned long frames, from, to, mtu, under;
	const char *driver, *wait;
} options = {3000, 0, 1, 1500, 200, "", "poll"};

static struct bm_net_info info_a, info_b;
static struct bm_net_queue *a, *b;
static struct bm_net_buffer *pending[BATCH], *to_echo[BATCH];
static unsigned pending_count, echo_count;
static volatile unsigned long sent, received, echoed, returned;
static uint64_t sent_bytes;
static uint8_t *seen_by_a, *seen_by_b;
static volatile bool done;
static uint64_t seed = 88172645463325252;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- Making frames ---- */

/* Memory of the app's own that frames refer to; `release` frees it. */
static struct own {
	struct bm_net_buffer buffer;
	uint8_t *memory;
} own[OWN_PARTS];
static unsigned long attached, released;

static void release(struct bm_net_buffer *buffer)
{
	struct own *o = (struct own *)buffer;
	CHECK(o >= own && o < own + OWN_PARTS && o->memory);
	memset(o->memory, 0xdd, buffer->bytes);
	free(o->memory);
	o->memory = NULL;
	released++;
}

/* One that is free, with a copy of these bytes; NULL if there is none, or they lie on two pages. */
static struct bm_net_buffer *attach(const uint8_t *data, uint32_t bytes)
{
	for (int i = 0; i < OWN_PARTS; i++) {
		if (own[i].memory)
			continue;
		own[i].memory = malloc(bytes);
		CHECK(own[i].memory);
		memcpy(own[i].memory, data, bytes);
		int64_t got = bm_net_attach(&own[i].buffer, own[i].memory, bytes, release);
		CHECK(got > 0 && got <= bytes);
		if (got == bytes) {
			attached++;
			return &own[i].buffer;
		}
		free(own[i].memory);
		own[i].memory = NULL;
		return NULL;
	}
	return NULL;
}

static uint8_t byte_of(uint32_t number, uint32_t at)
{
	return number * 31 + at * 7 + (at >> 8);
}

static uint32_t write_frame(uint8_t *at, uint32_t number)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255},
			     group[6] = {1, 0, 0x5e, 1, 2, 3};
	uint32_t most = BM_NET_HEADER + options.mtu;
	uint32_t bytes = number % 9 == 0   ? most
			 : number % 9 == 1 ? 60
					   : 60 + next_random() % (most - 59);
	memcpy(at, number % 16 == 5 ? all : number % 16 == 9 ? group : info_b.mac, 6);
	memcpy(at + 6, info_a.mac, 6);
	at[12] = TYPE >> 8;
	at[13] = TYPE & 255;
	memcpy(at + 14, &number, 4);
	at[18] = bytes;
	at[19] = bytes >> 8;
	for (uint32_t i = FIRST; i < bytes; i++)
		at[i] = byte_of(number, i);
	return bytes;
}

/* A frame in 1 to 8 parts. NULL: no buffers. */
static struct bm_net_buffer *make_frame(uint32_t number)
{
	static uint8_t text[65536];
	uint32_t left = write_frame(text, number), at = 0;
	uint32_t parts = next_random() % 3 ? 1 : 2 + next_random() % 7;
	struct bm_net_buffer *first = NULL, **end = &first;

	sent_bytes += left;
	for (uint32_t i = 0; left; i++) {
		uint32_t bytes = i + 1 >= parts ? left : 1 + next_random() % left;
		bytes = bytes < BM_NET_ROOM ? bytes : BM_NET_ROOM;
		bytes = i == 0 && bytes < BM_NET_HEADER ? BM_NET_HEADER : bytes;
		struct bm_net_buffer *part =
		    parts > 1 && next_random() % 3 == 0 ? attach(text + at, bytes) : NULL;
		if (!part) {
			part = bm_net_take(a);
			CHECK(part);
			CHECK(part->data == part->base + BM_NET_HEADROOM && !part->next);
			part->bytes = bytes;
			memcpy(part->data, text + at, bytes);
		}
		*end = part;
		end = &part->next;
		at += bytes;
		left -= bytes;
	}
	return first;
}

/* ---- Checking them ---- */

static uint32_t check_frame(const struct bm_net_buffer *frame, const uint8_t *from)
{
	static uint8_t text[2][65536];
	uint8_t *at = text[from == info_a.mac]; /* the two receivers have one each */
	uint32_t bytes = 0, number;

	for (const struct bm_net_buffer *part = frame; part; part = part->next) {
		CHECK(part->bytes && bytes + part->bytes <= sizeof text[0]);
		CHECK(part == frame || part->bytes <= BM_NET_ROOM + 16);
		memcpy(at + bytes, part->data, part->bytes);
		bytes += part->bytes;
	}
	CHECK(frame->next == NULL || bytes > BM_NET_ROOM);
	CHECK(frame->flags == 0 && bytes >= 60 && bytes <= BM_NET_HEADER + options.mtu);
	CHECK(memcmp(at + 6, from, 6) == 0 && at[12] == TYPE >> 8 && at[13] == (TYPE & 255));
	CHECK((uint32_t)(at[18] | at[19] << 8) == bytes);
	memcpy(&number, at + 14, 4);
	for (uint32_t i = FIRST; i < bytes; i++)
		CHECK(at[i] == byte_of(number, i));
	return number;
}

/* Each once, and in order unless they may overtake each other. */
static void note(uint8_t *seen, uint32_t number, uint32_t expected)
{
	CHECK(number < options.frames && !seen[number]);
	seen[number] = 1;
	CHECK(number == expected || options.under > 200);
}

/* ---- The two sides ---- */

/* The device that receives, and sends every fifth back. True: something was done. */
static bool step_b(void)
{
	struct bm_net_buffer *frames[BATCH];
	int n = echo_count ? 0 : bm_net_receive(b, frames, BATCH);

	CHECK(n >= 0 && n <= BATCH);
	for (int i = 0; i < n; i++) {
		uint32_t number = check_frame(frames[i], info_a.mac);
		note(seen_by_b, number, received++);
		if (number % ECHO) {
			bm_net_give(b, frames[i]);
		} else {
			memcpy(frames[i]->data, info_a.mac, 6);
			memcpy(frames[i]->data + 6, info_b.mac, 6);
			to_echo[echo_count++] = frames[i];
		}
	}
	if (!echo_count)
		return n;
	int out = bm_net_send(b, to_echo, echo_count);
	CHECK(out >= 0 && (unsigned)out <= echo_count);
	echo_count -= out;
	memmove(to_echo, to_echo + out, echo_count * sizeof *to_echo);
	echoed += out;
	return true;
}

/* The one that sends. */
static bool step_a(void)
{
	struct bm_net_buffer *frames[BATCH];
	bool moved = false;

	int n = bm_net_receive(a, frames, 1 + next_random() % BATCH);
	CHECK(n >= 0);
	for (int i = 0; i < n; i++) {
		note(seen_by_a, check_frame(frames[i], info_b.mac), returned++ * ECHO);
		bm_net_give(a, frames[i]);
		moved = true;
	}
	unsigned wanted = pending_count ? 0 : 1 + next_random() % BATCH;
	while (wanted-- && sent + pending_count < options.frames &&
	       sent + pending_count - received < options.under) {
		pending[pending_count] = make_frame(sent + pending_count);
		pending_count++;
	}
	if (!pending_count)
		return moved;
	int out = bm_net_send(a, pending, pending_count);
	CHECK(out >= 0 && (unsigned)out <= pending_count);
	pending_count -= out;
	memmove(pending, pending + out, pending_count * sizeof *pending);
	sent += out;
	return moved || out;
}

static void b_by_tasks(void *unused)
{
	(void)unused;
	do {
		while (step_b())
			;
	} while (!done && bm_net_arm(b, BM_NET_RECEIVE, b_by_tasks, NULL) == 1);
}

static void b_alone(void *unused)
{
	(void)unused;
	while (!done)
		if (!step_b() && !strcmp(options.wait, "wait"))
			bm_net_wait(b, BM_NET_RECEIVE, bm_time_monotonic() + BM_SECOND / 10);
}

static bool is_over(void)
{
	return received == options.frames && returned == (options.frames + ECHO - 1) / ECHO;
}

static void run(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	bool tasks = !strcmp(options.wait, "arm"), waits = strcmp(options.wait, "poll");
	bool other = bm_system_info()->cores > 1 && !tasks;
	uint64_t end = bm_time_monotonic() + 100 * BM_SECOND;

	if (other)
		CHECK(bm_task_submit_to(1, &group, b_alone, NULL) == 0);
	if (tasks)
		b_by_tasks(NULL);
	while (!is_over() && bm_time_monotonic() < end) {
		bool moved = step_a();
		if (!other && !tasks)
			moved = step_b() || moved;
		if (moved)
			continue;
		bool own_turn = other || tasks;
		if (waits)
			bm_net_wait(own_turn || received == sent ? a : b, BM_NET_RECEIVE,
				    bm_time_monotonic() + BM_SECOND / 50);
		else
			bm_task_run_one();
	}
	done = true;
	bm_task_wait(&group);
}

/* ---- The end ---- */

static void check_counters(void)
{
	struct bm_net_info x, y;
	uint64_t end = bm_time_monotonic() + 20 * BM_SECOND;
	unsigned long back = (options.frames + ECHO - 1) / ECHO;

	/* All sent parts come back; and the task on the other core may be at its last words. */
	do {
		CHECK(bm_net_reclaim(a) >= 0 && bm_net_reclaim(b) >= 0);
		CHECK(bm_net_info(options.from, &x) == 0 && bm_net_info(options.to, &y) == 0);
	} while ((x.buffers_free + x.receive_ring + y.receive_ring < x.buffers ||
		  y.sent_frames < back) &&
		 bm_time_monotonic() < end);
	printf("%s: sent %lu, received %lu, interrupts %lu; %s: sent %lu, received %lu, interrupts "
	       "%lu; %lu own parts; buffers %u, free %u\n",
	       x.name, (unsigned long)x.sent_frames, (unsigned long)x.received_frames,
	       (unsigned long)x.interrupts, y.name, (unsigned long)y.sent_frames,
	       (unsigned long)y.received_frames, (unsigned long)y.interrupts, attached, x.buffers,
	       x.buffers_free);
	CHECK(x.buffers_free + x.receive_ring + y.receive_ring == x.buffers);
	CHECK(attached == released && attached > 0);
	CHECK(x.sent_frames == options.frames && y.received_frames == options.frames);
	CHECK(x.received_frames == back && y.sent_frames == back);
	CHECK(x.sent_bytes == sent_bytes && y.received_bytes == sent_bytes);
	CHECK(!x.refused && !x.resets && !x.strays && !x.sent_errors && !x.received_errors &&
	      !x.received_drops);
	CHECK(!y.refused && !y.resets && !y.strays && !y.sent_errors && !y.received_errors &&
	      !y.received_drops);
}

/* What has to be refused is, and stays the caller's. */
static void check_refusals(void)
{
	struct bm_net_info before, after;
	struct bm_net_buffer *frame = bm_net_take(a), *more = bm_net_take(NULL);

	CHECK(frame && more && bm_net_info(options.from, &before) == 0);
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL); /* empty */
	frame->bytes = 13;
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	frame->bytes = 1000;
	frame->next = more; /* an empty part */
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	more->bytes = 1;
	more->next = more; /* without end */
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	more->next = NULL;
	more->bytes = options.mtu + 18 - 1000 + 1;
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	frame->flags = BM_NET_SEGMENT_TCP4; /* without a checksum to be made */
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	frame->flags = BM_NET_CHECKSUM_PARTIAL;
	frame->checksum_start = 34;
	frame->checksum_offset = 65535;
	CHECK(bm_net_send(a, &frame, 1) == -BM_EINVAL);
	CHECK(bm_net_send(a, &frame, 0) == 0);
	CHECK(bm_net_info(options.from, &after) == 0);
	CHECK(after.refused == before.refused + 7 && after.sent_frames == before.sent_frames);
	bm_net_give(a, frame);
}

static void check_arguments(void)
{
	static const uint8_t unicast[1][6] = {{2}};
	struct bm_net_buffer buffer;
	struct bm_net_info info;
	struct bm_net_link link;
	uint32_t none = bm_net_count();

	CHECK(bm_net_info(none, &info) == -BM_EINVAL && bm_net_link(none, &link) == -BM_EINVAL);
	CHECK(!bm_net_open(none, 0) && !bm_net_open(options.from, info_a.queues));
	CHECK(bm_net_configure(options.from, 0, 0) == -BM_EINVAL);
	CHECK(bm_net_configure(options.from, info_a.queues + 1, 0) == -BM_EINVAL);
	CHECK(bm_net_filter(options.from, 4, NULL, 0) == -BM_EINVAL);
	CHECK(bm_net_filter(options.from, 0, unicast, 1) == -BM_EINVAL);
	CHECK(bm_net_arm(a, 0, b_alone, NULL) == -BM_EINVAL);
	CHECK(bm_net_arm(a, BM_NET_RECEIVE, NULL, NULL) == -BM_EINVAL);
	CHECK(bm_net_wait(a, 4, 0) == -BM_EINVAL);
	CHECK(bm_net_reserve(2000000, 0) == -BM_EINVAL);
	CHECK(bm_net_attach(&buffer, &link, 0, release) == -BM_EINVAL);
	CHECK(bm_net_attach(&buffer, NULL, 1, release) == -BM_EFAULT);
	CHECK(bm_net_wait(a, BM_NET_RECEIVE, 1) == -BM_ETIMEDOUT);
	uint64_t end = bm_time_monotonic() + BM_SECOND / 20;
	while (bm_net_wait(a, BM_NET_RECEIVE, end) == 0 &&
	       bm_time_monotonic() < end + 5 * BM_SECOND)
		; /* it may come for nothing */
	CHECK(bm_time_monotonic() >= end && bm_time_monotonic() < end + 5 * BM_SECOND);
}

static void read_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		if (!value)
			continue;
		*value++ = 0;
		unsigned long number = strtoul(value, NULL, 10);
		if (!strcmp(argv[i], "frames"))
			options.frames = number;
		else if (!strcmp(argv[i], "from"))
			options.from = number;
		else if (!strcmp(argv[i], "to"))
			options.to = number;
		else if (!strcmp(argv[i], "mtu"))
			options.mtu = number;
		else if (!strcmp(argv[i], "under"))
			options.under = number;
		else if (!strcmp(argv[i], "driver"))
			options.driver = value;
		else if (!strcmp(argv[i], "wait"))
			options.wait = value;
	}
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	if (bm_net_info(options.from, &info_a) || bm_net_info(options.to, &info_b)) {
		printf("no network devices %lu and %lu of %d\n", options.from, options.to,
		       bm_net_count());
		return 3;
	}
	CHECK(!strncmp(info_a.name, options.driver, strlen(options.driver)));
	CHECK(info_a.active == 0 && memcmp(info_a.mac, info_b.mac, 6));
	CHECK(info_a.mtu == options.mtu && info_b.mtu == options.mtu);
	a = bm_net_open(options.from, 0);
	b = bm_net_open(options.to, 0);
	CHECK(a && b && bm_net_open(options.from, 0) == a);
	CHECK(bm_net_info(options.from, &info_a) == 0 && info_a.active == 1 && info_a.link.up);
	printf("%s at %s, flags 0x%x, %u queue pairs\n", info_a.name, info_a.address, info_a.flags,
	       info_a.queues);
	check_arguments();
	seen_by_a = calloc(1, options.frames);
	seen_by_b = calloc(1, options.frames);
	CHECK(seen_by_a && seen_by_b);
	run();
	printf("sent %lu, received %lu, echoed %lu, returned %lu\n", sent, received, echoed,
	       returned);
	CHECK(is_over());
	check_counters();
	check_refusals();
	puts("all frames came");
	return 0;
}
