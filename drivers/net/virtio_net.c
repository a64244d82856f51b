/* SPDX-License-Identifier: MIT */
/*
 * Virtio network device: Virtio 1.2, section 5.1. Contract: struct bm_net_ops.
 *
 * A receive ring holds buffers of the pool; one that leaves it with a frame is replaced by a fresh
 * one at once, and if there is none, the frame is dropped and its buffer stays: so the ring is
 * always full. The header that virtio puts before a frame lies in the buffer's headroom. A frame in
 * one part is sent with one descriptor, others with a table of their slot (indirect), or with the
 * slot's own descriptors.
 *
 * QEMU: -netdev user,id=n -device virtio-net-pci,netdev=n[,disable-legacy=on | ,disable-modern=on]
 * [,mq=on,vectors=10] on pc, q35 and microvm,pcie=on; -device virtio-net-device on microvm.
 */
#include "../virtio/virtio.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/random.h"
#include "cpu/time.h"
#include "device/net.h"
#include "task/scheduler.h"
#include "virtio_net_regs.h"
#include <string.h>

#define PAIRS_MAX      16
#define SLOTS          256
#define UNTOLD_MOST    32 /* new buffers that the device is not told of at once */
#define RX_LEAST       16 /* buffers that a ring must have to start */
#define TABLE          32 /* descriptors in an indirect table; the last is a header's place */
#define PARTS_MAX      30 /* of a sent frame: with the header before it */
#define STRIDE_DIRECT  16 /* descriptors of a slot, where none is indirect */
#define PARTS_DIRECT   15
#define LARGE_MOST     65550
#define MERGED_MOST    64 /* buffers of one frame */
#define CONTROL_NS     (BM_SECOND / 4)
#define CONTROL_BYTES  512 /* a command: header and data, then at CONTROL_ANSWER its answer */
#define CONTROL_ANSWER 508
#define VLAN_BYTES     4
#define MTU_DEFAULT    1500
#define HEADER_MOST    ((uint32_t)sizeof(struct virtio_net_header))

#define FEATURES                                                                                   \
	(VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_ANY_LAYOUT | VIRTIO_NET_F_CSUM |        \
	 VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |   \
	 VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ |                     \
	 VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_MAC_ADDR |                     \
	 VIRTIO_NET_F_SPEED_DUPLEX)
#define FEATURES_LARGE (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)

/* The compiler shall compute this once, and not anew from what it came from. */
#define ONCE(pointer) __asm__("" : "+r"(pointer))

/* What the device reads of a slot with several descriptors. */
struct table {
	struct virtq_desc desc[TABLE - 1];
	uint8_t header[sizeof(struct virtq_desc)];
};
_Static_assert(sizeof(struct table) == 512, "a power of two: found by a shift");
_Static_assert(PARTS_MAX + 1 <= TABLE - 1, "a header and the parts");

struct pair {
	struct virtq rx, tx;
	/*
	 * The receive ring is full, and the device has always used its buffers in order: so the Nth
	 * answer is about slot N % slots, which takes the Nth place among what is available, where
	 * its number stands already.
	 */
	bool in_order;
	bool rx_quick; /* and nothing is to be switched off */
	bool disarm;   /* interrupts are on: they are to be switched off when somebody polls */
	/* Sending: event indices, one descriptor a slot, as many slots as places. */
	bool tx_quick;
	bool merges, split;        /* split: the header in a descriptor of its own */
	uint32_t header;           /* bytes before each frame */
	uint32_t one_most;         /* bytes of a frame in one buffer, without BM_NET_HEADER */
	uint64_t plain_most;       /* likewise, sent with one descriptor; 0: none is */
	uint32_t frame_most;       /* bytes of one, sent, or received; without segmentation */
	uint32_t large_most;       /* received */
	uint16_t rx_mask, tx_mask; /* slots - 1 */
	uint32_t untold;           /* buffers since the device was last told of some */
	uint32_t flags;            /* BM_NET_CAN_… of the device, for bm_net_check() */
	uint32_t parts_most;
	uint64_t full_since; /* time-stamp counter; 0: not looked at. It was full then, */
	uint16_t full_seen;  /* and so much had been sent */
	struct nic *nic;
	struct bm_net_queue *queue;
	struct table *tables;
	struct bm_net_buffer *received[SLOTS];
	/* Slots are taken by turns: one that is NULL is free. */
	struct bm_net_buffer *sent[SLOTS];
};

struct nic {
	struct virtio virtio;
	struct bm_net_device *net;
	struct interrupt {
		struct nic *nic;
		uint32_t queue;
	} interrupts[PAIRS_MAX + 1]; /* the last one: the configuration has changed */
	uint32_t vectors;
	bool shared;         /* there are fewer messages than that */
	uint32_t pairs_most; /* of the device */
	uint32_t live;       /* in use */
	uint64_t features;   /* without what start() adds */
	uint32_t flags;
	uint16_t mtu;
	uint64_t stuck_ticks;
	struct virtq control;
	uint8_t *command; /* CONTROL_BYTES */
	bool control_lost;
	struct pair *pair[PAIRS_MAX];
};

static inline void set_desc(volatile struct virtq_desc *desc, uint64_t address, uint32_t length,
			    uint64_t flags, uint64_t next)
{
	desc->address = address;
	*(volatile uint64_t *)&desc->length = length | flags << 32 | next << 48;
}

/* ---- Receiving ---- */

/* Give a slot of the receive ring this buffer. Published by receive(). */
static inline void fill_slot(struct pair *p, uint16_t slot, struct bm_net_buffer *b)
{
	struct virtq *ring = &p->rx;
	uint64_t at = net_phys(b, b->base) + BM_NET_HEADROOM - p->header;
	uint32_t first = (uint32_t)slot << ring->shift;
	p->received[slot] = b;
	ring->descs[first].address = at;
	if (__builtin_expect(p->split, 0))
		ring->descs[first + 1].address = at + p->header;
	/* Out of order once, and places and slots differ for ever. */
	if (slot != (ring->next & (ring->slots - 1)))
		p->in_order = p->rx_quick = false;
	ring->avail->ring[ring->next++ & (ring->size - 1)] = first;
}

_Static_assert(2 + 8 + BM_NET_FILTER_MAX * 6 <= CONTROL_ANSWER, "the largest command");

static inline void publish(struct virtq *ring)
{
	virtio_store_order();
	ring->avail->index = ring->next;
}

static __attribute__((noinline, cold)) void bad_answer(struct pair *p, const char *what)
{
	p->queue->strays++;
	net_fault(p->nic->net, what);
}

/*
 * Take the next answer off the ring. Its buffer leaves it if there is another for its slot; if not,
 * it is `kept`: in the ring again, its content to be lost. NULL: nonsense.
 */
static inline struct bm_net_buffer *pop_buffer(struct pair *p, uint32_t *length, bool *kept)
{
	int slot = virtq_pop(&p->rx, length);
	struct bm_net_buffer *b = slot < 0 ? NULL : p->received[slot];
	if (__builtin_expect(!b || *length > p->header + BM_NET_ROOM, 0)) {
		bad_answer(p, b ? "says that it wrote beyond a buffer's end"
				: "has received into a buffer that it does not have");
		return NULL;
	}
	struct bm_net_buffer *fresh = net_take(p->queue);
	p->received[slot] = NULL;
	*kept = !fresh;
	fill_slot(p, slot, fresh ? fresh : b);
	return b;
}

/* 5.1.6.4.1: what the header tells about a frame. False: it makes no sense. */
static bool read_header(const struct pair *p, const struct virtio_net_header *h,
			struct bm_net_buffer *b)
{
	uint64_t features = p->nic->virtio.features;
	bool accept = features & VIRTIO_NET_F_GUEST_CSUM;
	uint8_t type = h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	b->flags = 0;
	if (accept && h->flags & (VIRTIO_NET_HDR_NEEDS_CSUM | VIRTIO_NET_HDR_DATA_VALID))
		b->flags = BM_NET_CHECKSUM_GOOD;
	if (h->flags & VIRTIO_NET_HDR_NEEDS_CSUM) {
		if (!accept || (uint32_t)h->checksum_start + h->checksum_offset + 2 > b->bytes)
			return false;
		b->flags |= BM_NET_CHECKSUM_PARTIAL;
		b->checksum_start = h->checksum_start;
		b->checksum_offset = h->checksum_offset;
	}
	if (type != VIRTIO_NET_HDR_GSO_NONE) {
		if (!(features & FEATURES_LARGE) || !h->gso_size ||
		    (type != VIRTIO_NET_HDR_GSO_TCPV4 && type != VIRTIO_NET_HDR_GSO_TCPV6))
			return false;
		b->flags |=
		    type == VIRTIO_NET_HDR_GSO_TCPV4 ? BM_NET_SEGMENT_TCP4 : BM_NET_SEGMENT_TCP6;
		b->segment_size = h->gso_size;
		b->header_bytes = 0;
	}
	return true;
}

/*
 * A frame that is not one buffer without a word about it, or has to be dropped. `answers`: how many
 * the ring has besides. Returns its bytes, in b; 0: it is gone. *used: of these answers.
 */
static __attribute__((noinline)) uint32_t receive_other(struct pair *p, struct bm_net_buffer *b,
							uint32_t length, bool kept,
							uint32_t answers, uint32_t *used)
{
	struct bm_net_queue *q = p->queue;
	struct virtio_net_header h = {0};
	struct bm_net_buffer *list = kept ? NULL : b, **end = &list;
	uint32_t total = length - p->header, count = 0;
	bool dropped = kept, good = length > p->header;

	b->data = b->base + BM_NET_HEADROOM;
	b->bytes = total;
	b->next = NULL;
	if (length >= p->header) {
		memcpy(&h, b->data - p->header, p->header);
		count = p->merges ? h.buffers : 1;
	}
	if (count < 1 || count > MERGED_MOST || count - 1 > answers) {
		bad_answer(p, "has received a frame without a header, or in buffers that it does "
			      "not have");
		good = false;
		count = 1;
	}
	if (list)
		end = &list->next;
	for (*used = 0; *used < count - 1;) {
		struct bm_net_buffer *part = pop_buffer(p, &length, &kept);
		++*used;
		if (!part) {
			good = false;
			break;
		}
		dropped = dropped || kept;
		if (kept)
			continue;
		part->data = part->base + BM_NET_HEADROOM - p->header;
		part->bytes = length;
		part->next = NULL;
		*end = part;
		end = &part->next;
		total += length;
		good = good && length;
	}
	if (!dropped && good && total >= BM_NET_HEADER &&
	    total <= (h.gso_type ? p->large_most : p->frame_most) && read_header(p, &h, b))
		return total;
	if (good && dropped)
		q->received_drops++;
	else
		q->received_errors++;
	net_give(q, list);
	return 0;
}

static __attribute__((noinline)) int receive_some(struct bm_net_queue *q,
						  struct bm_net_buffer **frames, uint32_t count)
{
	struct pair *p = q->state;
	uint32_t n = 0, length, used;
	uint64_t total = 0;
	bool kept;
	ONCE(p);

	for (uint32_t answers = virtq_done(&p->rx); answers && n < count; answers--) {
		struct bm_net_buffer *b = pop_buffer(p, &length, &kept);
		if (__builtin_expect(!b, 0))
			break;
		uint8_t *data = b->base + BM_NET_HEADROOM;
		/* Flags and type, and how many buffers it is in. */
		bool plain = !*(const uint16_t *)(data - p->header) &&
			     (!p->merges || *(const uint16_t *)(data - 2) == 1);
		length -= p->header;
		if (__builtin_expect(!plain || kept ||
					 length - BM_NET_HEADER > p->frame_most - BM_NET_HEADER,
				     0)) {
			length = receive_other(p, b, length + p->header, kept, answers - 1, &used);
			answers -= used;
			if (!length)
				continue;
		} else {
			b->next = NULL;
			b->data = data;
			b->bytes = length;
			b->flags = 0;
		}
		frames[n++] = b;
		total += length;
	}
	publish(&p->rx);
	virtq_kick(&p->rx);
	p->untold = 0;
	virtq_disarm(&p->rx);
	q->received_frames += n;
	q->received_bytes += total;
	return n;
}

/*
 * The same for what is most frequent: the next frame is in one buffer, and there is nothing to say
 * about it. False: it is another. `fresh` takes its place.
 */
static inline __attribute__((always_inline)) bool receive_next(struct pair *p, uint64_t slot,
							       struct bm_net_buffer *fresh,
							       struct bm_net_buffer **frame,
							       uint64_t *total)
{
	struct virtq *ring = &p->rx;
	volatile struct virtq_used_elem *answer = &ring->used->ring[slot];
	struct bm_net_buffer *b = p->received[slot];
	uint8_t *data = net_pool_data(b);
	uint32_t bytes = answer->length - HEADER_MOST;

	/* Its header: flags and type; in how many buffers it is. */
	if (__builtin_expect(answer->id != slot || bytes - BM_NET_HEADER > p->one_most ||
				 *(const uint16_t *)(data - HEADER_MOST) ||
				 *(const uint16_t *)(data - 2) != 1,
			     0))
		return false;
	p->received[slot] = fresh;
	ring->descs[slot].address = dma_phys(net_pool_data(fresh)) - HEADER_MOST;
	b->next = NULL;
	b->data = data;
	uint64_t bytes_and_flags = bytes;
	__builtin_memcpy(&b->bytes, &bytes_and_flags, sizeof bytes_and_flags);
	*frame = b;
	*total += bytes;
	return true;
}

/* A device that has run out of buffers has answers for all of them: it is told of new ones in time.
 */
static inline bool is_to_tell(struct pair *p, uint32_t count)
{
	p->untold += count;
	return __builtin_expect(p->untold > UNTOLD_MOST, 0);
}

static __attribute__((noinline)) int tell_device(struct pair *p, int result)
{
	p->untold = 0;
	p->disarm = false;
	p->rx_quick = p->in_order;
	virtq_kick(&p->rx);
	virtq_disarm(&p->rx);
	return result;
}

static inline __attribute__((always_inline)) int
receive_one(struct bm_net_queue *q, struct pair *p, struct bm_net_buffer **frames, uint32_t count)
{
	struct virtq *ring = &p->rx;
	struct bm_net_buffer *fresh = q->free;
	uint64_t slot = ring->seen & p->rx_mask;
	if (!fresh || !receive_next(p, slot, fresh, frames, &q->received_bytes))
		return receive_some(q, frames, count);
	q->free = fresh->next;
	q->free_count--;
	ring->seen++;
	ring->avail->index = ++ring->next;
	q->received_frames++;
	if (is_to_tell(p, 1))
		return tell_device(p, 1);
	return 1;
}

static __attribute__((noinline)) int receive_many(struct bm_net_queue *q, struct pair *p,
						  struct bm_net_buffer **frames, uint32_t count)
{
	struct virtq *ring = &p->rx;
	uint64_t seen = ring->seen, total = 0;
	struct bm_net_buffer *fresh = q->free, **out = frames, **end;

	count = count < q->free_count ? count : q->free_count;
	for (end = frames + count; out < end; out++, seen++) {
		struct bm_net_buffer *next = fresh->next;
		if (!receive_next(p, seen & p->rx_mask, fresh, out, &total))
			break;
		fresh = next;
	}
	uint32_t n = out - frames;
	q->free = fresh;
	q->free_count -= n;
	ring->seen = seen;
	ring->next += n;
	ring->avail->index = ring->next;
	q->received_frames += n;
	q->received_bytes += total;
	if (is_to_tell(p, n) || p->disarm)
		tell_device(p, 0);
	/* None: something else has come, or the store is empty. */
	return n ? (int)n : receive_some(q, frames, 1);
}

/* Most calls find nothing: this much, and no more. */
static int receive(struct bm_net_queue *q, struct bm_net_buffer **frames, uint32_t count)
{
	struct pair *p = q->state;
	uint16_t done = p->rx.used->index - p->rx.seen;
	if (!done)
		return 0;
	virtio_store_order(); /* loads are not reordered either */
	if (__builtin_expect((count == 1 || (done == 1 && count)) && p->rx_quick, 1))
		return receive_one(q, p, frames, count);
	if (!p->in_order || !count)
		return receive_some(q, frames, count);
	return receive_many(q, p, frames, count < done ? count : done);
}

/* ---- Sending ---- */

/* What was sent goes back. At most 65,535 times round, however much nonsense that is. */
static __attribute__((noinline)) int take_back(struct bm_net_queue *q)
{
	struct pair *p = q->state;
	struct virtq *ring = &p->tx;
	uint32_t seen = ring->seen, places = ring->size - 1, mask = ring->slots - 1, count = 0;
	volatile struct virtq_used_elem *answers = ring->used->ring;
	struct bm_net_buffer *list = NULL, *last = NULL;
	ONCE(p);

	uint32_t left = virtq_done(ring), listed = 0;
	for (; left; left--, count++) {
		uint32_t id = answers[seen & places].id, slot = seen & mask;
		if (__builtin_expect(id != slot << ring->shift, 0)) {
			slot = id >> ring->shift; /* not in order, or nonsense */
			if (slot > mask || slot << ring->shift != id)
				break;
		}
		struct bm_net_buffer *b = p->sent[slot];
		if (__builtin_expect(!b, 0))
			break;
		p->sent[slot] = NULL;
		seen++;
		if (__builtin_expect(b->next || b->release, 0)) {
			net_give(q, b);
			continue;
		}
		b->next = list;
		last = list ? last : b;
		list = b;
		listed++;
	}
	ring->seen = seen;
	if (list) {
		last->next = q->free;
		q->free = list;
		q->free_count += listed;
		while (__builtin_expect(q->free_count > q->free_most, 0))
			net_spill(q, NULL);
	}
	if (__builtin_expect(left, 0)) {
		ring->seen++;
		bad_answer(p, "has sent a frame that it does not have");
	}
	virtq_disarm(ring);
	p->tx_quick = ring->event_idx && ring->shift == 0 && ring->size == ring->slots;
	return count;
}

/* The ring is full. */
static __attribute__((noinline, cold)) void check_stuck(struct pair *p)
{
	uint64_t now = tsc_read();
	if (!p->full_since || p->full_seen != p->tx.seen) {
		p->full_since = now;
		p->full_seen = p->tx.seen;
	} else if (now - p->full_since > p->nic->stuck_ticks) {
		net_fault(p->nic->net, "has not sent anything for five seconds");
	}
}

static int reclaim(struct bm_net_queue *q)
{
	struct pair *p = q->state;
	if (p->tx.used->index != p->tx.seen)
		return take_back(q);
	if (p->tx.next != p->tx.seen)
		check_stuck(p);
	return 0;
}

/* 5.1.6.2. */
static void make_header(struct virtio_net_header *h, const struct bm_net_buffer *frame)
{
	memset(h, 0, sizeof *h);
	if (frame->flags & BM_NET_CHECKSUM_PARTIAL) {
		h->flags = VIRTIO_NET_HDR_NEEDS_CSUM;
		h->checksum_start = frame->checksum_start;
		h->checksum_offset = frame->checksum_offset;
	}
	if (frame->flags & (BM_NET_SEGMENT_TCP4 | BM_NET_SEGMENT_TCP6)) {
		h->gso_type = frame->flags & BM_NET_SEGMENT_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
								 : VIRTIO_NET_HDR_GSO_TCPV6;
		h->header_bytes = frame->header_bytes;
		h->gso_size = frame->segment_size;
	}
}

/* In several parts, or with something to do. Returns its bytes; 0: it is not as it has to be. */
static __attribute__((noinline)) uint32_t prepare(struct pair *p, struct bm_net_buffer *frame,
						  uint16_t slot)
{
	struct table *table = &p->tables[slot];
	struct virtio_net_header h;
	uint32_t parts, count = 0, first = (uint32_t)slot << p->tx.shift;
	uint32_t bytes =
	    net_check(frame, p->flags, p->parts_most, p->frame_most, LARGE_MOST, &parts);
	bool room = (uint64_t)(frame->data - frame->base) >= BM_NET_DRIVER_HEADROOM && !p->split;
	uint8_t *at = frame->data - p->header;

	if (!bytes)
		return 0;
	make_header(&h, frame);
	if (room) {
		memcpy(at, &h, p->header);
		set_desc(table->desc, net_phys(frame, at), p->header + frame->bytes,
			 VIRTQ_DESC_NEXT, 1);
	} else {
		memcpy(table->header, &h, p->header);
		set_desc(table->desc, dma_phys(table->header), p->header, VIRTQ_DESC_NEXT, 1);
		set_desc(table->desc + 1, net_phys(frame, frame->data), frame->bytes,
			 VIRTQ_DESC_NEXT, 2);
		count = 1;
	}
	for (const struct bm_net_buffer *part = frame->next; part; part = part->next, count++)
		set_desc(table->desc + count + 1, net_phys(part, part->data), part->bytes,
			 VIRTQ_DESC_NEXT, count + 2);
	table->desc[count].flags = 0;
	if (!count) {
		set_desc(&p->tx.descs[first], table->desc[0].address, table->desc[0].length, 0, 0);
	} else if (p->nic->virtio.features & VIRTIO_F_INDIRECT) {
		set_desc(&p->tx.descs[first], dma_phys(table->desc),
			 (count + 1) * sizeof *table->desc, VIRTQ_DESC_INDIRECT, 0);
	} else {
		for (uint32_t i = 0; i <= count; i++)
			set_desc(&p->tx.descs[first + i], table->desc[i].address,
				 table->desc[i].length, i < count ? VIRTQ_DESC_NEXT : 0,
				 i < count ? first + i + 1 : 0);
	}
	return bytes;
}

/*
 * The most frequent frame: one part, nothing to do, room for the header before it (one that says
 * nothing). False: it is another. *bytes: with the flags in the upper half, 0.
 */
static inline __attribute__((always_inline)) bool send_plain(struct pair *p,
							     struct bm_net_buffer *frame,
							     uint64_t slot, uint32_t shift,
							     uint64_t *bytes)
{
	uint8_t *data = frame->data;
	uint64_t nothing = 0, header = p->header;

	_Static_assert(offsetof(struct bm_net_buffer, flags) ==
			   offsetof(struct bm_net_buffer, bytes) + 4,
		       "looked at together");
	__builtin_memcpy(bytes, &frame->bytes, sizeof *bytes);
	if (__builtin_expect(frame->next || *bytes - BM_NET_HEADER > p->plain_most ||
				 data - frame->base < BM_NET_DRIVER_HEADROOM,
			     0))
		return false;
	__builtin_memcpy(data - 12, &nothing, 8);
	__builtin_memcpy(data - 8, &nothing, 8);
	volatile struct virtq_desc *desc = &p->tx.descs[slot << shift];
	desc->address = net_phys(frame, data) - header;
	*(volatile uint64_t *)&desc->length = *bytes + header;
	p->sent[slot] = frame;
	return true;
}

static __attribute__((noinline)) int send_many(struct bm_net_queue *q, struct pair *p,
					       struct bm_net_buffer *const *frames, uint32_t count)
{
	struct virtq *ring = &p->tx;
	struct bm_net_buffer *const *at = frames, *const *end = frames + count;
	uint64_t next = ring->next, total = 0;
	int result = 0;

	for (; at < end; at++, next++) {
		uint64_t slot = next & p->tx_mask, bytes;
		if (__builtin_expect(p->sent[slot] != NULL, 0)) {
			check_stuck(p);
			break;
		}
		if (__builtin_expect(!send_plain(p, *at, slot, ring->shift, &bytes), 0)) {
			bytes = prepare(p, *at, slot);
			if (!bytes) {
				q->refused++;
				result = -BM_EINVAL;
				break;
			}
			p->sent[slot] = *at;
		}
		total += bytes;
	}
	uint32_t n = at - frames;
	if (!n)
		return result;
	ring->next = next;
	publish(ring);
	virtq_kick(ring);
	q->sent_frames += n;
	q->sent_bytes += total;
	return n;
}

static __attribute__((noinline)) int send_slowly(struct bm_net_queue *q, struct pair *p,
						 struct bm_net_buffer *const *frames,
						 uint32_t count)
{
	take_back(q);
	return send_many(q, p, frames, count);
}

static __attribute__((noinline)) int kick(struct virtq *ring)
{
	virtq_kick(ring);
	return 1;
}

/* One frame, after at most one that was sent, needs no more than this. */
static int send(struct bm_net_queue *q, struct bm_net_buffer *const *frames, uint32_t count)
{
	struct pair *p = q->state;
	struct virtq *ring = &p->tx;
	uint64_t bytes;

	if (__builtin_expect(count != 1 || !p->tx_quick, 0))
		return send_slowly(q, p, frames, count);
	uint16_t done = ring->used->index - ring->seen;
	if (done) {
		uint64_t slot = ring->seen & p->tx_mask;
		struct bm_net_buffer *back = p->sent[slot];
		virtio_store_order(); /* loads are not reordered either */
		if (__builtin_expect(done != 1 || !back || ring->used->ring[slot].id != slot ||
					 back->next || back->release ||
					 q->free_count >= q->free_most,
				     0))
			return send_slowly(q, p, frames, count);
		p->sent[slot] = NULL;
		ring->seen++;
		back->next = q->free;
		q->free = back;
		q->free_count++;
	}
	uint64_t slot = ring->next & p->tx_mask;
	if (__builtin_expect(p->sent[slot] != NULL, 0) ||
	    __builtin_expect(!send_plain(p, *frames, slot, 0, &bytes), 0))
		return send_many(q, p, frames, count);
	ring->avail->index = ++ring->next;
	q->sent_frames++;
	q->sent_bytes += bytes;
	/* As virtq_kick(), with event indices. */
	virtio_store_load_order();
	return __builtin_expect(*ring->avail_event == (uint16_t)(ring->next - 1), 1) ? kick(ring)
										     : 1;
}

/* ---- Interrupt ---- */

static void interrupt(void *argument)
{
	struct interrupt *i = argument;
	if (i->nic->net)
		net_notify(i->nic->net, i->nic->shared ? BM_NET_ALL_QUEUES : i->queue);
}

static int ready(const struct bm_net_queue *q, uint32_t what)
{
	const struct pair *p = q->state;
	return (what & BM_NET_RECEIVE && p->rx.used->index != p->rx.seen) ||
	       (what & BM_NET_SEND && p->tx.used->index != p->tx.seen);
}

static int arm(struct bm_net_queue *q, uint32_t what)
{
	struct pair *p = q->state;
	struct virtio *v = &p->nic->virtio;
	int more = 0;
	if (v->device->line)
		virtio_acknowledge(v);
	if (what & BM_NET_RECEIVE) {
		more |= virtq_arm(&p->rx);
		p->disarm = !p->rx.event_idx;
		p->rx_quick = p->in_order && p->rx.event_idx;
	}
	if (what & BM_NET_SEND)
		more |= virtq_arm(&p->tx);
	interrupts_enable(v->device);
	return more;
}

/* ---- Control: 5.1.6.5 ---- */

/* Have a command done. Bounded; one at a time (the front end's lock). 0 or an error. */
static int control(struct nic *nic, uint8_t class, uint8_t command, const void *data,
		   uint32_t bytes)
{
	struct virtq *ring = &nic->control;
	volatile uint8_t *page = nic->command, *answer = page + CONTROL_ANSWER;
	uint64_t phys = dma_phys(page), end = time_monotonic() + CONTROL_NS;
	uint32_t length;

	if (!ring->memory || nic->control_lost)
		return -BM_EIO;
	page[0] = class;
	page[1] = command;
	*answer = 0xff;
	memcpy(nic->command + 2, data, bytes);
	set_desc(&ring->descs[0], phys, 2, VIRTQ_DESC_NEXT, 1);
	set_desc(&ring->descs[1], phys + 2, bytes, VIRTQ_DESC_NEXT, 2);
	set_desc(&ring->descs[2], phys + CONTROL_ANSWER, 1, VIRTQ_DESC_WRITE, 0);
	virtq_push(ring, 0);
	virtq_kick(ring);
	while (!virtq_done(ring)) {
		if (time_monotonic() > end) {
			nic->control_lost = true; /* it may write there still, until a reset */
			log_warning("%s: no answer to a command", nic->virtio.device->name);
			return -BM_ETIMEDOUT;
		}
		cpu_relax();
	}
	return virtq_pop(ring, &length) == 0 && *answer == VIRTIO_NET_OK ? 0 : -BM_EIO;
}

/* 5.1.6.5.1 and 5.1.6.5.2. */
static int filter(void *state, const struct bm_net_setup *setup)
{
	struct nic *nic = state;
	uint8_t on = setup->filter & BM_NET_PROMISCUOUS ? 1 : 0;
	struct {
		uint32_t unicast, multicast;
		uint8_t address[BM_NET_FILTER_MAX][6];
	} table = {0, setup->multicast_count, {{0}}};

	int error = control(nic, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on, 1);
	on = setup->filter & BM_NET_ALL_MULTICAST ? 1 : 0;
	if (!error)
		error = control(nic, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, &on, 1);
	if (setup->multicast_count)
		memcpy(table.address, setup->multicast, setup->multicast_count * 6);
	if (!error)
		error = control(nic, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, &table,
				8 + setup->multicast_count * 6);
	return error;
}

/* 5.1.6.5.2. */
static int set_mac(void *state, const struct bm_net_setup *setup)
{
	return control(state, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, setup->mac, 6);
}

static void link(void *state, struct bm_net_link *link)
{
	const struct virtio *v = &((const struct nic *)state)->virtio;
	uint32_t speed = VIRTIO_NET_SPEED_UNKNOWN;

	/* 5.1.4.2: without a status, it is up. */
	link->up = !(v->features & VIRTIO_NET_F_STATUS) ||
		   virtio_config(v, VIRTIO_NET_STATUS, 2) & VIRTIO_NET_STATUS_LINK;
	if (v->features & VIRTIO_NET_F_SPEED_DUPLEX) {
		speed = virtio_config(v, VIRTIO_NET_SPEED, 4);
		link->full_duplex =
		    virtio_config(v, VIRTIO_NET_DUPLEX, 1) == VIRTIO_NET_DUPLEX_FULL;
	}
	link->speed = speed <= INT32_MAX ? speed : 0;
}

/* ---- Starting and stopping ---- */

static void empty_pair(struct pair *p)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (p->received[i])
			net_spill(NULL, p->received[i]);
		if (p->sent[i]) {
			net_give(NULL, p->sent[i]);
			p->queue->sent_errors++;
		}
		p->received[i] = p->sent[i] = NULL;
	}
}

static void stop(void *state)
{
	struct nic *nic = state;
	if (virtio_quiet(&nic->virtio)) {
		/* It does not reset: no longer a master of the bus, it reaches no memory. Where
		 * that cannot be taken away, its buffers stay with it. */
		if (!virtio_cut_off(&nic->virtio))
			return;
	}
	for (uint32_t i = 0; i < nic->live; i++)
		empty_pair(nic->pair[i]);
	nic->live = 0;
}

static uint16_t vector_of(const struct nic *nic, uint32_t index)
{
	return nic->vectors ? index % nic->vectors : 0;
}

static struct pair *make_pair(struct nic *nic, uint32_t index)
{
	const struct virtio *v = &nic->virtio;
	bool indirect = v->features & VIRTIO_F_INDIRECT;
	struct pair *p = dma_take(sizeof *p, 64, NULL);
	int error = -BM_ENOMEM;
	if (!p)
		return NULL;
	/* Without ANY_LAYOUT, a legacy device wants the header in a descriptor of its own
	 * (5.1.6.6). */
	p->split = !(v->features & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT));
	p->tables = dma_take(SLOTS * sizeof *p->tables, 64, NULL);
	if (p->tables)
		error = virtq_make(&p->rx, &nic->virtio, VIRTIO_NET_QUEUE_RX(index), SLOTS,
				   p->split ? 2 : 1, vector_of(nic, index));
	if (!error)
		error = virtq_make(&p->tx, &nic->virtio, VIRTIO_NET_QUEUE_TX(index), SLOTS,
				   indirect ? 1 : STRIDE_DIRECT, vector_of(nic, index));
	if (!error)
		return p;
	if (p->rx.memory)
		virtq_free(&p->rx);
	dma_give(p->tables, SLOTS * sizeof *p->tables);
	dma_give(p, sizeof *p);
	return NULL;
}

/* 3.1.1, step 7, for one pair of queues: made, or told to the device once more. */
static int set_up_pair(struct nic *nic, uint32_t index, struct bm_net_queue *q)
{
	const struct virtio *v = &nic->virtio;
	struct pair *p = nic->pair[index];
	int error = 0;

	if (!p) {
		p = nic->pair[index] = make_pair(nic, index);
		if (!p)
			return -BM_ENOMEM;
	} else {
		error = virtq_remake(&p->rx, vector_of(nic, index));
		if (!error)
			error = virtq_remake(&p->tx, vector_of(nic, index));
	}
	p->nic = nic;
	p->queue = q;
	p->merges = v->features & VIRTIO_NET_F_MRG_RXBUF;
	p->header =
	    p->merges || v->features & VIRTIO_F_VERSION_1 ? HEADER_MOST : VIRTIO_NET_HEADER_LEGACY;
	p->frame_most = nic->mtu + BM_NET_HEADER + VLAN_BYTES;
	p->large_most = v->features & FEATURES_LARGE ? LARGE_MOST : p->frame_most;
	p->flags = nic->flags;
	p->parts_most = v->features & VIRTIO_F_INDIRECT ? PARTS_MAX : PARTS_DIRECT;
	p->one_most = (p->frame_most < BM_NET_ROOM ? p->frame_most : BM_NET_ROOM) - BM_NET_HEADER;
	p->plain_most = p->split ? 0 : p->frame_most - BM_NET_HEADER;
	p->full_since = p->untold = 0;
	p->disarm = false;
	p->tx_quick = p->tx.event_idx && p->tx.shift == 0 && p->tx.size == p->tx.slots;
	p->rx_mask = p->rx.slots - 1;
	p->tx_mask = p->tx.slots - 1;
	for (uint32_t i = 0; i < p->tx.size; i++)
		p->tx.avail->ring[i] = (i & (p->tx.slots - 1)) << p->tx.shift;
	q->state = p;
	return error;
}

/* 5.1.6.3: buffers into the receive ring. */
static int fill(struct pair *p)
{
	uint16_t slot = 0;
	for (; slot < p->rx.slots; slot++) {
		struct bm_net_buffer *b = net_refill(NULL);
		uint32_t first = (uint32_t)slot << p->rx.shift;
		if (!b)
			break;
		if (p->split) {
			set_desc(&p->rx.descs[first], 0, p->header,
				 VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, first + 1);
			set_desc(&p->rx.descs[first + 1], 0, BM_NET_ROOM, VIRTQ_DESC_WRITE, 0);
		} else {
			set_desc(&p->rx.descs[first], 0, p->header + BM_NET_ROOM, VIRTQ_DESC_WRITE,
				 0);
		}
		fill_slot(p, slot, b);
	}
	publish(&p->rx);
	p->in_order = p->merges && slot == p->rx.size && slot > 2 * UNTOLD_MOST;
	p->rx_quick = p->in_order;
	p->queue->receive_ring = slot;
	p->queue->send_ring = p->tx.slots;
	return slot >= RX_LEAST || slot == p->rx.slots ? 0 : -BM_ENOMEM;
}

static int set_up_control(struct nic *nic)
{
	const struct virtio *v = &nic->virtio;
	uint32_t pairs = v->features & VIRTIO_NET_F_MQ ? nic->pairs_most : 1;

	nic->control_lost = false;
	if (!(v->features & VIRTIO_NET_F_CTRL_VQ))
		return 0;
	if (nic->control.memory)
		return virtq_remake(&nic->control, 0);
	if (!nic->command)
		nic->command = dma_take(CONTROL_BYTES, 64, NULL);
	return nic->command ? virtq_make(&nic->control, &nic->virtio,
					 VIRTIO_NET_QUEUE_CONTROL(pairs), 1, 4, 0)
			    : -BM_ENOMEM;
}

/* What a live device is told by commands. */
static int tell(struct nic *nic, const struct bm_net_setup *setup)
{
	uint16_t pairs = setup->queues;
	int error = 0;

	if (pairs > 1) /* 5.1.6.5.5 */
		error = control(nic, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs,
				sizeof pairs);
	if (!error && nic->virtio.features & VIRTIO_NET_F_CTRL_RX)
		error = filter(nic, setup);
	if (!error && nic->virtio.features & VIRTIO_NET_F_CTRL_MAC_ADDR)
		error = set_mac(nic, setup);
	return error;
}

static int start(void *state, const struct bm_net_setup *setup, struct bm_net_queue *const *queues)
{
	struct nic *nic = state;
	struct virtio *v = &nic->virtio;

	/* Steps 1 to 6. */
	v->features = nic->features;
	if (setup->accept & BM_NET_ACCEPT_CHECKSUM)
		v->features |= v->offered & VIRTIO_NET_F_GUEST_CSUM;
	if (setup->accept & BM_NET_ACCEPT_LARGE)
		v->features |= v->offered & FEATURES_LARGE;
	int error = virtio_restart(v);

	/* Step 7. With MQ, all pairs up to the number that is asked for. */
	for (uint32_t i = 0; i < setup->queues && !error; i++) {
		nic->live = i + 1;
		error = set_up_pair(nic, i, queues[i]);
		if (!error)
			error = fill(nic->pair[i]);
		else if (!nic->pair[i])
			nic->live = i;
	}
	if (!error)
		error = set_up_control(nic);
	if (!error && nic->vectors)
		error = virtio_config_interrupt(v, nic->vectors - 1);

	/* Step 8. */
	if (!error) {
		virtio_ready(v);
		for (uint32_t i = 0; i < nic->live; i++)
			virtq_kick(&nic->pair[i]->rx);
		error = tell(nic, setup);
	}
	if (error)
		stop(nic);
	return error;
}

/* ---- Probe ---- */

#define OPS(can_arm, can_filter, can_set_mac)                                                      \
	{                                                                                          \
		receive, send, reclaim, can_arm, ready, link, start, stop, can_filter, can_set_mac \
	}
/* By what there is: interrupts 1, filter 2, address 4. */
static const struct bm_net_ops ops[8] = {
    OPS(NULL, NULL, NULL),      OPS(arm, NULL, NULL),      OPS(NULL, filter, NULL),
    OPS(arm, filter, NULL),     OPS(NULL, NULL, set_mac),  OPS(arm, NULL, set_mac),
    OPS(NULL, filter, set_mac), OPS(arm, filter, set_mac),
};

/* Features depend on each other (5.1.3.1); a device that breaks that has them not. */
static uint64_t choose(uint64_t offered)
{
	uint64_t chosen = offered & FEATURES;
	if (!(chosen & VIRTIO_NET_F_CTRL_VQ))
		chosen &= ~(VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_MAC_ADDR);
	if (!(chosen & VIRTIO_NET_F_CSUM))
		chosen &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	return chosen;
}

static uint32_t flags_of(uint64_t chosen, uint64_t offered)
{
	return (chosen & VIRTIO_NET_F_CSUM ? BM_NET_CAN_CHECKSUM : 0) |
	       (chosen & VIRTIO_NET_F_HOST_TSO4 ? BM_NET_CAN_SEGMENT_TCP4 : 0) |
	       (chosen & VIRTIO_NET_F_HOST_TSO6 ? BM_NET_CAN_SEGMENT_TCP6 : 0) |
	       (offered & VIRTIO_NET_F_GUEST_CSUM ? BM_NET_ACCEPT_CHECKSUM : 0) |
	       (offered & VIRTIO_NET_F_GUEST_CSUM && offered & FEATURES_LARGE &&
			chosen & VIRTIO_NET_F_MRG_RXBUF
		    ? BM_NET_ACCEPT_LARGE
		    : 0);
}

/* 5.1.4. An address that is none is replaced by one of our own (locally administered). */
static void read_mac(const struct virtio *v, uint8_t mac[6])
{
	uint32_t any = 0;
	for (uint32_t i = 0; i < 6; i++) {
		mac[i] =
		    v->features & VIRTIO_NET_F_MAC ? virtio_config(v, VIRTIO_NET_MAC + i, 1) : 0;
		any |= mac[i];
	}
	if (any && !(mac[0] & 1))
		return;
	if (random_bytes(mac, 6))
		for (uint32_t i = 0; i < 6; i++)
			mac[i] = tsc_read() >> i;
	mac[0] = (mac[0] & 0xfc) | 2;
}

static uint32_t read_mtu(const struct virtio *v)
{
	uint32_t mtu = MTU_DEFAULT;
	if (v->features & VIRTIO_NET_F_MTU)
		mtu = virtio_config(v, VIRTIO_NET_MTU, 2);
	mtu = mtu < 68 ? MTU_DEFAULT : mtu > 65521 ? 65521 : mtu;
	/* Without merging, a frame has to fit into one buffer. */
	if (!(v->features & VIRTIO_NET_F_MRG_RXBUF) &&
	    mtu > BM_NET_ROOM - BM_NET_HEADER - VLAN_BYTES)
		mtu = BM_NET_ROOM - BM_NET_HEADER - VLAN_BYTES;
	return mtu;
}

static int set_up(struct nic *nic)
{
	struct virtio *v = &nic->virtio;
	void *arguments[PAIRS_MAX + 1];
	uint32_t pairs = 1;

	nic->features = choose(v->offered);
	int error = virtio_negotiate(v, nic->features);
	if (error)
		return error;
	nic->features = v->features;
	nic->flags = flags_of(v->features, v->offered);
	nic->mtu = read_mtu(v);
	nic->pairs_most = 1;
	if (v->features & VIRTIO_NET_F_MQ) {
		pairs = nic->pairs_most = virtio_config(v, VIRTIO_NET_MAX_PAIRS, 2);
		if (!pairs || pairs > VIRTIO_NET_PAIRS_MAX)
			return -BM_EIO;
		pairs = pairs < worker_count() ? pairs : worker_count();
		pairs = pairs < PAIRS_MAX ? pairs : PAIRS_MAX;
	}
	for (uint32_t i = 0; i <= pairs; i++) {
		nic->interrupts[i] = (struct interrupt){nic, i < pairs ? i : BM_NET_ALL_QUEUES};
		arguments[i] = &nic->interrupts[i];
	}
	int vectors = virtio_interrupts(v, pairs + 1, interrupt, arguments);
	nic->vectors = vectors > 0 ? vectors : 0;
	nic->shared = nic->vectors < pairs + 1;
	nic->stuck_ticks = time_to_ticks(BM_NET_STUCK);

	struct bm_net_driver d = {
	    .ops = &ops[(nic->vectors ? 1 : 0) | (v->features & VIRTIO_NET_F_CTRL_RX ? 2 : 0) |
			(v->features & VIRTIO_NET_F_CTRL_MAC_ADDR ? 4 : 0)],
	    .state = nic,
	    .device = v->device,
	    .name = "virtio_net",
	    .mtu = nic->mtu,
	    .flags = nic->flags,
	    .queues = pairs,
	    .max_parts = v->features & VIRTIO_F_INDIRECT ? PARTS_MAX : PARTS_DIRECT,
	    .receive_ring = SLOTS,
	    .send_ring = SLOTS,
	};
	d.max_bytes =
	    nic->flags & (BM_NET_CAN_SEGMENT_TCP4 | BM_NET_CAN_SEGMENT_TCP6) ? LARGE_MOST : 0;
	read_mac(v, d.mac);
	error = net_add(&d, &nic->net);
	return error < 0 ? error : 0;
}

static int probe(struct bm_device *device)
{
	struct nic *nic = dma_take(sizeof *nic, 64, NULL);
	if (!nic)
		return -BM_ENOMEM;
	int error = virtio_open(&nic->virtio, device);
	if (!error) {
		error = set_up(nic);
		if (!error) {
			device->state = nic;
			return 0;
		}
		/* The interrupts stay with this memory, so it stays as well. */
		virtio_fail(&nic->virtio);
		return error;
	}
	dma_give(nic, sizeof *nic);
	return error;
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {
    BM_MATCH_PCI(VIRTIO_VENDOR, VIRTIO_NET_PCI),
    BM_MATCH_PCI(VIRTIO_VENDOR, VIRTIO_NET_PCI_TRANSITIONAL),
    BM_MATCH_VIRTIO_MMIO(VIRTIO_NET_DEVICE_TYPE),
};
static const struct bm_driver virtio_net = {"virtio_net", matches, sizeof matches / sizeof *matches,
					    probe};
DRIVER(virtio_net);
