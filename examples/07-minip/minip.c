/* SPDX-License-Identifier: MIT */
/*
 * A web server on raw frames, in one file: ARP, ICMP echo, and as much of IPv4 and TCP as a static
 * page needs.
 *
 *     minip [ADDRESS]     (10.0.2.15, the one in QEMU's user network)
 *
 * It answers; it never asks: each answer goes to the Ethernet address that the question came from,
 * so it needs no table of neighbours and no routes. A connection carries one request and one
 * answer. What comes in is somebody else's: each length and checksum is looked at before anything
 * behind it is. Not here: fragments, options other than the segment size, segments out of order
 * (they are sent again), congestion control (an answer is a few segments).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS   256
#define REQUEST_MAX   1024
#define FRAME_MAX     1514
#define SEGMENT_LEAST 536 /* RFC 9293, 3.7.1: what a peer takes that says nothing */
#define SEGMENT_MOST  1460
#define RETRY_NS      300000000ull /* the first time; then twice as long each time */
#define TRIES         6
#define IDLE_NS       10000000000ull /* for a request that does not come */

/* Where what is, in bytes. RFC 826, 791, 792, 9293. */
enum { ETHERNET = 14, ARP_BYTES = 28, IP_BYTES = 20, ICMP_BYTES = 8, TCP_BYTES = 20 };
enum { TYPE_ARP = 0x0806, TYPE_IP = 0x0800, PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* What the rest of the file stands on: the frame that is to be made, sending it, and chance. */
static uint8_t *frame_begin(void); /* FRAME_MAX bytes; NULL: none is free now */
static void frame_end(uint32_t bytes);
static uint32_t chance(void);

static uint8_t own_mac[6], own_ip[4] = {10, 0, 2, 15};
static const uint16_t own_port = 80;

/* ---- Bytes in network order ---- */

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}
static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}
static void put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}
static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* RFC 1071. Of data whose sum is in them already: 0. */
static uint16_t checksum(const uint8_t *at, uint32_t bytes, uint32_t sum)
{
	for (; bytes > 1; at += 2, bytes -= 2)
		sum += get16(at);
	if (bytes)
		sum += at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* RFC 9293, 3.1: the addresses, the protocol and the length count as well. `ip`: the packet's
 * header. */
static uint32_t pseudo_header(const uint8_t *ip, uint32_t bytes)
{
	return get16(ip + 12) + get16(ip + 14) + get16(ip + 16) + get16(ip + 18) + PROTOCOL_TCP +
	       bytes;
}

/* ---- Ethernet, ARP, IP, ICMP ---- */

static void put_ethernet(uint8_t *out, const uint8_t *to, uint16_t type)
{
	memcpy(out, to, 6);
	memcpy(out + 6, own_mac, 6);
	put16(out + 12, type);
}

static void put_ip(uint8_t *ip, uint8_t protocol, const uint8_t *to, uint32_t bytes)
{
	memset(ip, 0, IP_BYTES);
	ip[0] = 0x45;
	put16(ip + 2, IP_BYTES + bytes);
	put16(ip + 6, 0x4000); /* not to be fragmented */
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, own_ip, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, checksum(ip, IP_BYTES, 0));
}

static void take_arp(const uint8_t *in, uint32_t bytes)
{
	static const uint8_t request[8] = {0, 1, 8, 0,
					   6, 4, 0, 1}; /* who has, for IPv4 on Ethernet */
	const uint8_t *arp = in + ETHERNET;
	uint8_t *out;

	if (bytes < ETHERNET + ARP_BYTES || memcmp(arp, request, 8) ||
	    memcmp(arp + 24, own_ip, 4) || !(out = frame_begin()))
		return;
	put_ethernet(out, arp + 8, TYPE_ARP);
	memcpy(out + ETHERNET, arp, 7);
	out[ETHERNET + 7] = 2; /* here it is */
	memcpy(out + ETHERNET + 8, own_mac, 6);
	memcpy(out + ETHERNET + 14, own_ip, 4);
	memcpy(out + ETHERNET + 18, arp + 8, 10);
	frame_end(ETHERNET + ARP_BYTES);
}

static void take_icmp(const uint8_t *in, const uint8_t *ip, const uint8_t *icmp, uint32_t bytes)
{
	uint8_t *out;

	if (bytes < ICMP_BYTES || icmp[0] != 8 || icmp[1] || checksum(icmp, bytes, 0) ||
	    ETHERNET + IP_BYTES + bytes > FRAME_MAX || !(out = frame_begin()))
		return;
	put_ethernet(out, in + 6, TYPE_IP);
	put_ip(out + ETHERNET, PROTOCOL_ICMP, ip + 12, bytes);
	uint8_t *answer = out + ETHERNET + IP_BYTES;
	memcpy(answer, icmp, bytes);
	answer[0] = 0; /* echo reply */
	put16(answer + 2, 0);
	put16(answer + 2, checksum(answer, bytes, 0));
	frame_end(ETHERNET + IP_BYTES + bytes);
}

/* ---- What is served ---- */

#define PAGE                                                                                       \
	"<!DOCTYPE html>\n<title>minip</title>\n<h1>It works</h1>\n<p>This page came out of one "  \
	"C "                                                                                       \
	"file: its frames were made by hand.</p>\n"

static char page[512], page_head[512], not_found[256], not_allowed[256], bad[256];

static void make_answers(void)
{
	static const char form[] = "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				   "Connection: close\r\n%s\r\n%s";
	static const char plain[] = "text/plain";
	snprintf(page, sizeof page, form, "200 OK", "text/html", sizeof PAGE - 1, "", PAGE);
	snprintf(page_head, sizeof page_head, form, "200 OK", "text/html", sizeof PAGE - 1, "", "");
	snprintf(not_found, sizeof not_found, form, "404 Not Found", plain, (size_t)13, "",
		 "no such page\n");
	snprintf(not_allowed, sizeof not_allowed, form, "405 Method Not Allowed", plain, (size_t)17,
		 "Allow: GET, HEAD\r\n", "only GET or HEAD\n");
	snprintf(bad, sizeof bad, form, "400 Bad Request", plain, (size_t)14, "",
		 "not a request\n");
}

/* The answer to a whole request, which ends with a NUL; RFC 9112, section 3. */
static const char *answer_to(const char *request)
{
	bool get = !strncmp(request, "GET ", 4), head = !strncmp(request, "HEAD ", 5);
	const char *end = strchr(request, '\r'), *target = strchr(request, ' ');

	if (!end || !target || target > end)
		return bad;
	target++;
	const char *version = memchr(target, ' ', end - target);
	if (!version || strncmp(version, " HTTP/1.", 8))
		return bad;
	if (!get && !head)
		return not_allowed;
	uint32_t length = version - target;
	if ((length == 1 && *target == '/') ||
	    (length == 11 && !strncmp(target, "/index.html", 11)))
		return get ? page : page_head;
	return not_found;
}

/* ---- TCP: RFC 9293 ---- */

enum state { FREE, OPENING, OPEN, ANSWERING };

/*
 * What we send is counted from `first`, the number of our SYN: that is one, then come the answer's
 * bytes, then our FIN. `acked` and `sent` count so; `next` is the peer's number that comes next.
 */
static struct connection {
	enum state state;
	bool closed; /* the peer has sent all that it has to say */
	uint8_t mac[6], ip[4];
	uint16_t port;
	uint32_t next, first, acked, sent, window, segment;
	const char *answer;
	uint32_t answer_bytes, request_bytes;
	uint64_t deadline; /* ns: try again, or forget it */
	uint32_t tries;
	char request[REQUEST_MAX + 1];
} connections[CONNECTIONS];

static unsigned long served;

static void put_segment(const uint8_t *mac, const uint8_t *ip, uint16_t port, uint32_t number,
			uint32_t next, uint8_t flags, const char *data, uint32_t bytes)
{
	uint8_t *out = frame_begin();
	uint32_t header = TCP_BYTES + (flags & SYN ? 4 : 0);

	if (!out)
		return; /* as if it were lost on the way: it is sent again */
	put_ethernet(out, mac, TYPE_IP);
	put_ip(out + ETHERNET, PROTOCOL_TCP, ip, header + bytes);
	uint8_t *tcp = out + ETHERNET + IP_BYTES;
	memset(tcp, 0, TCP_BYTES);
	put16(tcp, own_port);
	put16(tcp + 2, port);
	put32(tcp + 4, number);
	put32(tcp + 8, next);
	tcp[12] = header / 4 << 4;
	tcp[13] = flags;
	put16(tcp + 14, REQUEST_MAX);
	if (flags & SYN) { /* our segment size */
		tcp[20] = 2;
		tcp[21] = 4;
		put16(tcp + 22, SEGMENT_MOST);
	}
	if (bytes)
		memcpy(tcp + header, data, bytes);
	put16(tcp + 16,
	      checksum(tcp, header + bytes, pseudo_header(out + ETHERNET, header + bytes)));
	frame_end(ETHERNET + IP_BYTES + header + bytes);
}

static void put_flags(const struct connection *c, uint8_t flags)
{
	put_segment(c->mac, c->ip, c->port, c->first + c->sent, c->next, flags | ACK, NULL, 0);
}

/* Send what the peer has room for, from `sent` on. */
static void push(struct connection *c, uint64_t now)
{
	uint32_t end = 1 + c->answer_bytes; /* our FIN's place */

	while (c->state == ANSWERING && c->sent <= end && c->sent - c->acked < c->window) {
		uint32_t at = c->sent - 1, room = c->window - (c->sent - c->acked);
		uint32_t bytes = c->answer_bytes - at;
		bytes = bytes < c->segment ? bytes : c->segment;
		bytes = bytes < room ? bytes : room;
		bool last = at + bytes == c->answer_bytes;
		put_segment(c->mac, c->ip, c->port, c->first + c->sent, c->next,
			    ACK | PSH | (last ? FIN : 0), c->answer + at, bytes);
		c->sent += bytes + last;
	}
	c->deadline = now + (RETRY_NS << c->tries);
}

/* Segment size, of a SYN's options. */
static uint32_t segment_size(const uint8_t *option, const uint8_t *end)
{
	uint32_t size = SEGMENT_LEAST;
	while (option < end && *option) {
		if (*option == 1) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			break;
		if (option[0] == 2 && option[1] == 4)
			size = get16(option + 2);
		option += option[1];
	}
	return size < 64 ? 64 : size > SEGMENT_MOST ? SEGMENT_MOST : size;
}

/* The one of this peer; else a free one, or the one that has been opening for longest. NULL: none.
 */
static struct connection *find(const uint8_t *ip, uint16_t port, bool new)
{
	struct connection *best = NULL;
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &connections[i];
		if (c->state != FREE && c->port == port && !memcmp(c->ip, ip, 4))
			return c;
		if (c->state == FREE
			? !best || best->state != FREE
			: c->state == OPENING &&
			      (!best || (best->state != FREE && c->deadline < best->deadline)))
			best = c;
	}
	return new ? best : NULL;
}

static void take_text(struct connection *c, const uint8_t *data, uint32_t bytes)
{
	uint32_t room = REQUEST_MAX - c->request_bytes;
	bytes = bytes < room ? bytes : room;
	memcpy(c->request + c->request_bytes, data, bytes);
	c->request_bytes += bytes;
	c->next += bytes;
	c->request[c->request_bytes] = 0;
	if (strlen(c->request) < c->request_bytes || c->request_bytes == REQUEST_MAX)
		c->answer = bad; /* a NUL in it, or too long */
	else if (strstr(c->request, "\r\n\r\n"))
		c->answer = answer_to(c->request);
	if (c->answer) {
		c->answer_bytes = strlen(c->answer);
		c->state = ANSWERING;
		served++;
	}
}

static void take_tcp(const uint8_t *in, const uint8_t *ip, const uint8_t *tcp, uint32_t bytes,
		     uint64_t now)
{
	if (bytes < TCP_BYTES || checksum(tcp, bytes, pseudo_header(ip, bytes)))
		return;
	uint32_t header = (tcp[12] >> 4) * 4, number = get32(tcp + 4), ack = get32(tcp + 8);
	uint16_t port = get16(tcp);
	uint8_t flags = tcp[13];
	if (header < TCP_BYTES || header > bytes)
		return;
	bytes -= header;
	struct connection *c = find(ip + 12, port, false);
	if (flags & RST) { /* 3.10.7.4: only one that is exactly in place */
		if (c && number == c->next)
			c->state = FREE;
		return;
	}
	if (get16(tcp + 2) != own_port || (!c && !(flags & SYN))) {
		put_segment(in + 6, ip + 12, port, flags & ACK ? ack : 0,
			    number + bytes + (flags & SYN), flags & ACK ? RST : RST | ACK, NULL, 0);
		return;
	}
	if (!c && !(flags & ACK) && (c = find(ip + 12, port, true))) {
		*c = (struct connection){.state = OPENING, .port = port, .next = number + 1};
		memcpy(c->mac, in + 6, 6);
		memcpy(c->ip, ip + 12, 4);
		c->first = chance();
		c->segment = segment_size(tcp + TCP_BYTES, tcp + header);
		c->deadline = now + RETRY_NS;
		put_flags(c, SYN);
		c->sent = 1;
		return;
	}
	if (!c || flags & SYN || !(flags & ACK)) {
		if (c && c->state != OPENING)
			put_flags(c, 0); /* 3.10.7.4: a SYN out of place is told where we are */
		return;
	}
	uint32_t acked = ack - c->first;
	if (acked > c->sent || acked < c->acked) /* of what was never sent, or old */
		return put_flags(c, 0);
	if (acked > c->acked) {
		c->acked = acked;
		c->tries = 0;
	}
	c->window = get16(tcp + 14);
	if (c->state == OPENING && acked == 1) {
		c->state = OPEN;
		c->deadline = now + IDLE_NS;
	}
	bool in_place = number == c->next, news = bytes || flags & FIN;
	if (c->state == OPEN && in_place && bytes)
		take_text(c, tcp + header, bytes);
	else if (in_place)
		c->next += bytes; /* more than one request: not read */
	if (in_place && flags & FIN && c->next == number + bytes && !c->closed) {
		c->next++;
		c->closed = true;
		if (c->state == OPEN) { /* without a request: nothing to answer, but our FIN */
			c->answer = "";
			c->state = ANSWERING;
		}
	}
	if (c->state == ANSWERING && c->acked == c->answer_bytes + 2) {
		if (news)
			put_flags(c, 0);
		if (c->closed)
			c->state = FREE;
		return;
	}
	uint32_t before = c->sent;
	if (c->state == ANSWERING)
		push(c, now);
	if (news && c->sent == before)
		put_flags(c, 0);
}

/* What has waited too long is sent again, or forgotten. */
static void minip_time(uint64_t now)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &connections[i];
		if (c->state == FREE || now < c->deadline)
			continue;
		if (c->state == OPEN || ++c->tries > TRIES) {
			c->sent = c->acked;
			put_flags(c, RST);
			c->state = FREE;
			continue;
		}
		c->deadline = now + (RETRY_NS << c->tries);
		if (c->state == OPENING) {
			c->sent = 0;
			put_flags(c, SYN);
			c->sent = 1;
		} else if (c->acked < c->answer_bytes + 2) {
			c->sent = c->acked;
			c->window =
			    c->window ? c->window : 1; /* 3.8.6.1: ask whether there is room */
			push(c, now);
		}
	}
}

/* ---- A frame has come ---- */

static void minip_take(const uint8_t *in, uint32_t bytes, uint64_t now)
{
	if (bytes < ETHERNET || in[6] & 1)
		return;
	if (get16(in + 12) == TYPE_ARP)
		take_arp(in, bytes);
	if (get16(in + 12) != TYPE_IP || bytes < ETHERNET + IP_BYTES)
		return;
	const uint8_t *ip = in + ETHERNET;
	uint32_t header = (ip[0] & 15) * 4, total = get16(ip + 2);
	/* Version 4, a header that is there, no more than came, whole, to us, from one. */
	if (ip[0] >> 4 != 4 || header < IP_BYTES || total < header || total > bytes - ETHERNET ||
	    checksum(ip, header, 0) || get16(ip + 6) & 0x3fff || memcmp(ip + 16, own_ip, 4) ||
	    ip[12] >= 224 || ip[12] == 0)
		return;
	if (ip[9] == PROTOCOL_ICMP)
		take_icmp(in, ip, ip + header, total - header);
	else if (ip[9] == PROTOCOL_TCP)
		take_tcp(in, ip, ip + header, total - header, now);
}

#ifndef MINIP_NO_MAIN
/* ---- Frames by <baremetal/net.h> ---- */

#include <baremetal/net.h>
#include <baremetal/random.h>

static struct bm_net_queue *queue;
static struct bm_net_buffer *making, *ready[64];
static uint32_t ready_count;

/* What was made goes out in one batch. What finds no room is lost, as on any network. */
static void flush(void)
{
	int sent = bm_net_send(queue, ready, ready_count);
	for (uint32_t i = sent < 0 ? 0 : sent; i < ready_count; i++)
		bm_net_give(queue, ready[i]);
	ready_count = 0;
}

static uint8_t *frame_begin(void)
{
	if (ready_count == sizeof ready / sizeof *ready)
		flush();
	making = bm_net_take(queue);
	return making ? making->data : NULL;
}

static void frame_end(uint32_t bytes)
{
	making->bytes = bytes < 60 ? 60 : bytes;
	if (bytes < 60)
		memset(making->data + bytes, 0, 60 - bytes);
	ready[ready_count++] = making;
}

static uint32_t chance(void)
{
	uint32_t value = 0;
	bm_random(&value, sizeof value);
	return value;
}

int main(int argc, char **argv)
{
	struct bm_net_buffer *frames[32];
	struct bm_net_info info;
	unsigned a, b, c, d;

	if (argc > 1) {
		if (sscanf(argv[1], "%u.%u.%u.%u", &a, &b, &c, &d) != 4 || (a | b | c | d) > 255) {
			printf("usage: minip [ADDRESS], like minip 192.168.1.9\n");
			return 2;
		}
		memcpy(own_ip, (uint8_t[]){a, b, c, d}, 4);
	}
	queue = bm_net_open(0, 0);
	if (!queue || bm_net_info(0, &info)) {
		printf("there is no network device that a driver knows (QEMU: baremetal run --net "
		       "user)\n");
		return 1;
	}
	memcpy(own_mac, info.mac, sizeof own_mac);
	make_answers();
	printf("http://%u.%u.%u.%u/ on %s%s\n", own_ip[0], own_ip[1], own_ip[2], own_ip[3],
	       info.name, info.link.up ? "" : ", whose link is down");
	for (;;) {
		int n = bm_net_receive(queue, frames, 32);
		uint64_t now = bm_time_monotonic();
		if (n < 0) {
			printf("%s has failed\n", info.name);
			return 1;
		}
		for (int i = 0; i < n; i++) {
			if (!frames[i]->next)
				minip_take(frames[i]->data, frames[i]->bytes, now);
			bm_net_give(queue, frames[i]);
		}
		minip_time(now);
		if (ready_count)
			flush();
		if (n == 0)
			bm_net_wait(queue, BM_NET_RECEIVE, now + BM_SECOND / 5);
	}
}
#endif
