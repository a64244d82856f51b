/* SPDX-License-Identifier: MIT */
/*
 * Interfaces of lwIP over the devices of <baremetal/net.h>, one queue pair each.
 *
 * A received buffer carries its pbuf in `user`: no copy, and no memory to be had. A sent pbuf is
 * described by buffers of ours, which hold references to it until the device has read it; small
 * frames are copied into a buffer of the pool, which is less work than describing them. Frames to
 * be sent are collected, and handed over when the core lock opens.
 *
 * A device is armed whenever the lock is open: then its task (frames_came) only says that there is
 * work, and whoever has the lock next does it.
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "netif/ethernet.h"

#define BATCH     32
#define AT_ONCE   256 /* frames taken until others get the lock */
#define COPY_MOST 256 /* bytes of a frame that is copied rather than described */

struct interface {
	struct netif netif; /* first */
	struct interface *next;
	struct bm_net_queue *queue;
	uint32_t device;
	bool due, armed, failed;
	unsigned out_count;
	struct bm_net_buffer *out[BATCH];
	char name[16];
};

uint32_t interfaces_due;
bool interfaces_sending;
static struct interface *interfaces;

/* ---- Receiving ---- */

_Static_assert(sizeof(struct pbuf_custom) <= BM_NET_USER, "a pbuf lies in a buffer");

static struct interface *interface_of(struct netif *netif)
{
	return (struct interface *)netif;
}

static void received_is_free(struct pbuf *pbuf)
{
	struct bm_net_buffer *buffer =
	    (struct bm_net_buffer *)((char *)pbuf - offsetof(struct bm_net_buffer, user));
	bool mine = net_lock_is_mine();

	buffer->next = NULL;
	/* A queue pair's store is for whoever has the lock. */
	bm_net_give(mine && interfaces ? interfaces->queue : NULL, buffer);
}

/* A frame as a chain of pbufs. NULL: too long. */
static struct pbuf *pbuf_of(struct bm_net_buffer *frame)
{
	struct pbuf *head = NULL, **place = &head;
	uint32_t total = 0;

	for (struct bm_net_buffer *part = frame; part; part = part->next)
		total += part->bytes;
	if (total > UINT16_MAX)
		return NULL;
	for (struct bm_net_buffer *part = frame; part; part = part->next) {
		struct pbuf_custom *custom = (struct pbuf_custom *)part->user;

		custom->pbuf = (struct pbuf){
		    .payload = part->data,
		    .tot_len = (u16_t)total,
		    .len = (u16_t)part->bytes,
		    .type_internal = (u8_t)PBUF_REF,
		    .flags = PBUF_FLAG_IS_CUSTOM,
		    .ref = 1,
		};
		custom->custom_free_function = received_is_free;
		total -= part->bytes;
		*place = &custom->pbuf;
		place = &custom->pbuf.next;
	}
	return head;
}

static void take_frame(struct interface *interface, struct bm_net_buffer *frame)
{
	const u16_t checks = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP;
	bool good = frame->flags & BM_NET_CHECKSUM_GOOD;
	struct pbuf *pbuf = pbuf_of(frame);

	if (!pbuf) {
		bm_net_give(interface->queue, frame);
		return;
	}
	interface->netif.chksum_flags = (u16_t)(good ? interface->netif.chksum_flags & ~checks
						     : interface->netif.chksum_flags | checks);
	if (ethernet_input(pbuf, &interface->netif) != ERR_OK)
		pbuf_free(pbuf);
}

static unsigned poll_interface(struct interface *interface, unsigned most)
{
	struct bm_net_buffer *frames[BATCH];
	unsigned total = 0;
	int count;

	/* What is sent again must have come back from the device first: lwIP looks at the references. */
	bm_net_reclaim(interface->queue);
	do {
		count = bm_net_receive(interface->queue, frames, BATCH);
		for (int i = 0; i < count; i++)
			take_frame(interface, frames[i]);
		total += count > 0 ? (unsigned)count : 0;
	} while (count == BATCH && total < most);
	if (count < 0 && !interface->failed) {
		interface->failed = true;
		net_say("network: the device %s was given up: see the log", interface->name);
		netif_set_link_down(&interface->netif);
	}
	return total;
}

unsigned interfaces_poll(void)
{
	unsigned total = 0;

	for (struct interface *i = interfaces; i; i = i->next)
		if (!i->failed)
			total += poll_interface(i, AT_ONCE);
	return total;
}

/* ---- Sending ---- */

void interfaces_reclaim(void)
{
	for (struct interface *i = interfaces; i; i = i->next)
		if (!i->failed)
			bm_net_reclaim(i->queue);
}

/* Describes one pbuf of a chain while a device reads it. */
struct described {
	struct bm_net_buffer buffer; /* first */
	struct pbuf *pbuf;
};
static struct described *spare; /* linked by buffer.next */

static void sent(struct bm_net_buffer *buffer)
{
	struct described *described = (struct described *)buffer;

	pbuf_free(described->pbuf);
	buffer->next = (struct bm_net_buffer *)spare;
	spare = described;
}

static struct described *take_described(void)
{
	struct described *described = spare;

	if (described) {
		spare = (struct described *)described->buffer.next;
		return described;
	}
	return aligned_alloc(_Alignof(struct described), sizeof(struct described));
}

/* Several for one pbuf only where its memory is not in one piece. */
static int describe(struct pbuf *pbuf, struct bm_net_buffer ***place, unsigned *parts)
{
	const char *data = pbuf->payload;
	size_t left = pbuf->len;

	while (left) {
		struct described *described = take_described();
		int64_t bytes;

		if (!described)
			return -ENOMEM;
		bytes = bm_net_attach(&described->buffer, data, left, sent);
		if (bytes <= 0) {
			described->buffer.next = (struct bm_net_buffer *)spare;
			spare = described;
			return -EFAULT;
		}
		pbuf_ref(pbuf);
		described->pbuf = pbuf;
		**place = &described->buffer;
		*place = &described->buffer.next;
		data += bytes;
		left -= (size_t)bytes;
		++*parts;
	}
	return 0;
}

static struct bm_net_buffer *copied(struct interface *interface, struct pbuf *pbuf)
{
	struct bm_net_buffer *buffer = bm_net_take(interface->queue);

	if (buffer) {
		buffer->bytes = pbuf->tot_len;
		pbuf_copy_partial(pbuf, buffer->data, pbuf->tot_len, 0);
	}
	return buffer;
}

static bool is_volatile(const struct pbuf *pbuf)
{
	for (; pbuf; pbuf = pbuf->next)
		if (PBUF_NEEDS_COPY(pbuf))
			return true;
	return false;
}

static struct bm_net_buffer *frame_of(struct interface *interface, struct pbuf *pbuf)
{
	struct bm_net_buffer *frame = NULL, **place = &frame;
	struct pbuf *clone = NULL;
	unsigned parts = 0;

	if (pbuf->tot_len <= COPY_MOST ||
	    (pbuf_clen(pbuf) > BM_NET_PARTS && pbuf->tot_len <= BM_NET_ROOM))
		return copied(interface, pbuf);
	if (is_volatile(pbuf) || pbuf_clen(pbuf) > BM_NET_PARTS)
		pbuf = clone = pbuf_clone(PBUF_RAW, PBUF_RAM, pbuf);
	for (struct pbuf *p = pbuf; p; p = p->next)
		if (describe(p, &place, &parts) || parts > BM_NET_PARTS) {
			bm_net_give(interface->queue, frame);
			frame = NULL;
			break;
		}
	if (clone)
		pbuf_free(clone); /* the buffers hold it */
	return frame;
}

/* TCP's checksum is left to the device: it wants the pseudo-header's sum in its place, and to know
 * where that is. All headers lie in the first part: lwIP makes them in one piece. */
static void leave_checksum(struct bm_net_buffer *frame, struct pbuf *pbuf)
{
	const struct eth_hdr *ethernet = (struct eth_hdr *)frame->data;
	uint8_t *ip = frame->data + SIZEOF_ETH_HDR;
	uint32_t room = frame->bytes - SIZEOF_ETH_HDR, header, payload, sum;

	if (frame->bytes < SIZEOF_ETH_HDR + IP_HLEN)
		return;
	if (ethernet->type == PP_HTONS(ETHTYPE_IP)) {
		struct ip_hdr *v4 = (struct ip_hdr *)ip;

		header = IPH_HL_BYTES(v4);
		if (IPH_PROTO(v4) != IP_PROTO_TCP || IPH_OFFSET(v4) & PP_HTONS(IP_OFFMASK | IP_MF))
			return;
		payload = pbuf->tot_len - SIZEOF_ETH_HDR - header;
		sum = net_checksum(&v4->src, 8);
	} else if (ethernet->type == PP_HTONS(ETHTYPE_IPV6)) {
		struct ip6_hdr *v6 = (struct ip6_hdr *)ip;

		header = IP6_HLEN;
		if (room < IP6_HLEN || IP6H_NEXTH(v6) != IP6_NEXTH_TCP)
			return;
		payload = pbuf->tot_len - SIZEOF_ETH_HDR - header;
		sum = net_checksum(&v6->src, 32);
	} else {
		return;
	}
	if (room < header + TCP_HLEN)
		return;
	sum += PP_HTONS(IP_PROTO_TCP) + lwip_htons((u16_t)payload);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	((struct tcp_hdr *)(ip + header))->chksum = (u16_t)sum;
	frame->flags |= BM_NET_CHECKSUM_PARTIAL;
	frame->checksum_start = (uint16_t)(SIZEOF_ETH_HDR + header);
	frame->checksum_offset = offsetof(struct tcp_hdr, chksum);
}

/* What is not taken stays for the next time. */
static void flush(struct interface *interface)
{
	int taken = bm_net_send(interface->queue, interface->out, interface->out_count);

	if (taken == -BM_EINVAL)
		bm_net_give(interface->queue, interface->out[0]), taken = 1;
	if (taken < 0) {
		for (unsigned i = 0; i < interface->out_count; i++)
			bm_net_give(interface->queue, interface->out[i]);
		taken = (int)interface->out_count;
	}
	interface->out_count -= (unsigned)taken;
	memmove(interface->out, interface->out + taken,
		interface->out_count * sizeof(interface->out[0]));
}

static err_t send_frame(struct netif *netif, struct pbuf *pbuf)
{
	struct interface *interface = interface_of(netif);
	struct bm_net_buffer *frame;

	if (interface->failed)
		return ERR_IF;
	if (interface->out_count == BATCH)
		flush(interface);
	if (interface->out_count == BATCH)
		return ERR_MEM;
	frame = frame_of(interface, pbuf);
	if (!frame)
		return ERR_MEM;
	if (!(netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP))
		leave_checksum(frame, pbuf);
	interface->out[interface->out_count++] = frame;
	interfaces_sending = true;
	return ERR_OK;
}

/* ---- Interrupts ---- */

/* A task, on any core. */
static void frames_came(void *argument)
{
	struct interface *interface = argument;

	__atomic_store_n(&interface->armed, false, __ATOMIC_RELAXED);
	__atomic_store_n(&interface->due, true, __ATOMIC_RELEASE);
	__atomic_store_n(&interfaces_due, 1, __ATOMIC_SEQ_CST);
	if (net_try_lock())
		net_unlock();
}

static void check_link(struct interface *interface)
{
	struct bm_net_link link;

	if (interface->failed || bm_net_link(interface->device, &link))
		return;
	if (link.up && !netif_is_link_up(&interface->netif))
		netif_set_link_up(&interface->netif);
	else if (!link.up && netif_is_link_up(&interface->netif))
		netif_set_link_down(&interface->netif);
}

void interfaces_check_links(void)
{
	for (struct interface *i = interfaces; i; i = i->next)
		check_link(i);
}

static void arm(struct interface *interface)
{
	uint32_t what = BM_NET_QUIET | BM_NET_RECEIVE | (interface->out_count ? BM_NET_SEND : 0);
	int result;

	__atomic_store_n(&interface->armed, true, __ATOMIC_RELAXED);
	result = bm_net_arm(interface->queue, what, frames_came, interface);
	if (!result)
		return;
	__atomic_store_n(&interface->armed, false, __ATOMIC_RELAXED);
	if (result == 1) {
		__atomic_store_n(&interface->due, true, __ATOMIC_RELAXED);
		__atomic_store_n(&interfaces_due, 1, __ATOMIC_RELAXED);
	}
}

void interfaces_work(void)
{
	bool due = __atomic_load_n(&interfaces_due, __ATOMIC_RELAXED) &&
		   __atomic_exchange_n(&interfaces_due, 0, __ATOMIC_SEQ_CST);

	interfaces_sending = false;
	for (struct interface *i = interfaces; i; i = i->next) {
		bool again = false;

		if (i->failed)
			continue;
		if (due && __atomic_exchange_n(&i->due, false, __ATOMIC_ACQUIRE)) {
			if (!poll_interface(i, AT_ONCE))
				check_link(i);
			again = true;
		}
		if (i->out_count) {
			flush(i);
			interfaces_sending |= i->out_count;
			again |= i->out_count;
		}
		if (again && !i->failed)
			arm(i);
	}
}

/* ---- Start ---- */

static err_t init(struct netif *netif)
{
	struct interface *interface = netif->state;
	struct bm_net_info info;

	bm_net_info(interface->device, &info);
	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->hostname = "baremetal";
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = send_frame;
	netif->mtu = info.mtu;
	netif->hwaddr_len = 6;
	memcpy(netif->hwaddr, info.mac, 6);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	if (info.link.up)
		netif->flags |= NETIF_FLAG_LINK_UP;
	NETIF_SET_CHECKSUM_CTRL(netif, info.flags & BM_NET_CAN_CHECKSUM
					   ? NETIF_CHECKSUM_ENABLE_ALL & ~NETIF_CHECKSUM_GEN_TCP
					   : NETIF_CHECKSUM_ENABLE_ALL);
	return ERR_OK;
}

static void add(uint32_t device)
{
	struct interface *interface = calloc(1, sizeof(*interface)), **place = &interfaces;
	struct bm_net_info info;

	if (!interface) {
		net_say("network: no memory for an interface");
		return;
	}
	bm_net_info(device, &info);
	if (info.flags & BM_NET_ACCEPT_CHECKSUM)
		bm_net_configure(device, 1, BM_NET_ACCEPT_CHECKSUM);
	interface->queue = bm_net_open(device, 0);
	if (!interface->queue) {
		net_say("network: the device %s (%s) does not start", info.name, info.address);
		free(interface);
		return;
	}
	interface->device = device;
	strlcpy(interface->name, info.name, sizeof(interface->name));
	netif_add(&interface->netif, NULL, NULL, NULL, interface, init, ethernet_input);
	while (*place)
		place = &(*place)->next;
	*place = interface;
	interface->due = true;
	interfaces_due = 1;
}

const char *interface_device(const struct netif *netif)
{
	for (struct interface *i = interfaces; i; i = i->next)
		if (&i->netif == netif)
			return i->name;
	return NULL;
}

void interfaces_start(void)
{
	struct netif *netif;
	int count;

	NETIF_FOREACH(netif)
	NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL); /* lo */
	count = bm_api->net_count ? bm_net_count() : 0;
	for (int i = 0; i < count; i++)
		add((uint32_t)i);
}
