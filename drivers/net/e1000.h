/* SPDX-License-Identifier: MIT */
/*
 * What the drivers e1000 and e1000e share: the chips differ in reset, received descriptors and
 * interrupts.
 *
 *   e1000_nic.c   finding, starting, stopping; addresses, filter, link, counters (small code)
 *   e1000_send.c  the transmit ring (fast code)
 *   here          the receive ring, a template: the drivers fill in their descriptors' form
 *
 * One queue pair. A receive ring is always full: a buffer that leaves it with a frame is replaced
 * at once, and if there is none, the frame is dropped and its buffer stays.
 */
#ifndef DRIVERS_E1000_H
#define DRIVERS_E1000_H

#include <stdbool.h>
#include "cpu/time.h"
#include "device/mmio.h"
#include "device/net.h"
#include "device/pci.h"
#include "e1000_regs.h"

#define E1000_RX_SLOTS    256
#define E1000_TX_SLOTS    512
#define E1000_PARTS_MAX   32
#define E1000_MTU         1500
#define E1000_FRAME_MOST  (E1000_MTU + 18)
#define E1000_LARGE_MOST  65549 /* what IP can say of its length, and Ethernet's header */
#define E1000_HEADER_ROOM 256
#define E1000_LOOK        (1u << 20) /* receive calls without a frame until the device is looked at */

struct e1000_nic;

/* What a chip has that the other has not. */
struct e1000_chip {
	const char *name;
	const struct bm_net_ops *ops, *ops_by_time;
	uint32_t flags;      /* BM_NET_CAN_SEGMENT_… */
	uint32_t piece_most; /* bytes of a transmit descriptor */
	uint32_t eerd_done, eerd_shift;
	uint32_t rx_causes, tx_causes; /* of interrupts */
	uint64_t rx_done;              /* in a receive descriptor's word */
	void (*before_reset)(struct e1000_nic *nic);
	int (*after_reset)(struct e1000_nic *nic);
	void (*set_up)(struct e1000_nic *nic); /* all else that has to be before the rings */
	uint32_t tctl, tipg;
};

struct e1000_nic {
	/* What each frame needs. */
	struct e1000_desc *rx, *tx;
	volatile uint8_t *registers;
	uint32_t rx_next, rx_mask, rx_unreported, rx_report;
	uint32_t quiet; /* counts down to a look at the device */
	bool narrow;    /* no buffer across a multiple of 64 KiB */
	uint32_t tx_tail, tx_clean, tx_room;
	uint32_t tx_done;     /* frames, modulo 2^32 */
	uint64_t full_since;  /* time-stamp counter; 0: not full, or it has moved since */
	uint64_t checksum_ok; /* all ones if received sums are looked at, else 0 */
	uint64_t context;     /* the device's last one, if it was for a checksum alone; else 0 */
	struct bm_net_device *net;
	struct bm_net_queue *queue;

	struct bm_device *device;
	const struct e1000_chip *chip;
	uint8_t (*headers)[E1000_HEADER_ROOM]; /* of large frames: one for each two descriptors */
	uint8_t *zeros;                        /* what short frames end with */
	struct bm_net_buffer *unfit;           /* buffers that `narrow` leaves out */
	uint64_t stuck_ticks;
	uint32_t causes; /* of interrupts, for arm() */
	bool live;
	uint32_t rctl;
	/* link()'s: */
	uint64_t seen_since;
	uint32_t seen_done;
	struct bm_net_buffer *received[E1000_RX_SLOTS];
	struct bm_net_buffer *sent[E1000_TX_SLOTS]; /* at the frame's last descriptor; else NULL */
};

static inline uint32_t e1000_read(const struct e1000_nic *n, uint32_t reg)
{
	return mmio_read32(n->registers + reg);
}
static inline void e1000_write(const struct e1000_nic *n, uint32_t reg, uint32_t value)
{
	mmio_write32(n->registers + reg, value);
}

/* Wait until the bits of a register are as wanted. -BM_ETIMEDOUT; -BM_ENODEV: it is gone. */
int e1000_wait(const struct e1000_nic *nic, uint32_t reg, uint32_t bits, uint32_t wanted,
	       uint64_t ns);

/* probe() of both. */
int e1000_probe(struct bm_device *device, const struct e1000_chip *chip, bool narrow);

/* Of struct bm_net_ops. */
int e1000_send(struct bm_net_queue *queue, struct bm_net_buffer *const *frames, uint32_t count);
int e1000_reclaim(struct bm_net_queue *queue);
int e1000_arm(struct bm_net_queue *queue, uint32_t what);
int e1000_ready(const struct bm_net_queue *queue, uint32_t what);
void e1000_link(void *state, struct bm_net_link *link);
int e1000_start(void *state, const struct bm_net_setup *setup, struct bm_net_queue *const *queues);
void e1000_stop(void *state);
int e1000_filter(void *state, const struct bm_net_setup *setup);
int e1000_set_mac(void *state, const struct bm_net_setup *setup);

/* What each driver's ops have, whether or not it can interrupt (.arm); receive() is its own. */
#define E1000_OPS                                                                                  \
	.receive = receive, .send = e1000_send, .reclaim = e1000_reclaim, .ready = e1000_ready,    \
	.link = e1000_link, .start = e1000_start, .stop = e1000_stop, .filter = e1000_filter,      \
	.set_mac = e1000_set_mac

/* Is the oldest frame on its way out done? Also if there is none. */
bool e1000_sent_one(const struct e1000_nic *nic);

/* The receive ring's unusual cases. */
void e1000_bad_frame(struct e1000_nic *nic, uint32_t length, bool whole);
struct bm_net_buffer *e1000_take_other(struct e1000_nic *nic, struct bm_net_buffer *buffer);
void e1000_look(struct e1000_nic *nic);

/* Has the live device been pulled out? */
bool e1000_is_gone(const struct e1000_nic *nic);

/* Where a descriptor's word has what. */
struct e1000_form {
	uint64_t done, end, damaged;
	uint64_t sum_mask, sum_good; /* the TCP or UDP checksum is right */
	uint32_t length_shift;
};

static inline void e1000_fill(struct e1000_nic *n, uint32_t slot, struct bm_net_buffer *b)
{
	b->next = NULL; /* what it was linked to in the store */
	n->received[slot] = b;
	n->rx[slot].address = net_phys(b, b->base) + BM_NET_HEADROOM;
	n->rx[slot].word = 0;
}

/*
 * Receive. The word tells all about a frame, and is read once, so that the device cannot change its
 * mind. Each slot has a buffer at all times: whatever it says, there is one.
 */
static inline __attribute__((always_inline)) int e1000_receive(struct bm_net_queue *q,
							       struct bm_net_buffer **frames,
							       uint32_t count,
							       const struct e1000_form form)
{
	struct e1000_nic *n = q->state;
	uint32_t next = n->rx_next, got = 0, lost = 0;
	uint64_t bytes = 0;

	while (got < count) {
		uint64_t word = n->rx[next].word;
		if (!(word & form.done))
			break;
		mmio_order(); /* the frame has come before */
		uint32_t length = word >> form.length_shift & 0xffff;
		struct bm_net_buffer *b = n->received[next], *fresh = NULL;
		if (__builtin_expect((word & (form.end | form.damaged)) != form.end ||
					 length - BM_NET_HEADER > E1000_FRAME_MOST - BM_NET_HEADER,
				     0))
			e1000_bad_frame(n, length, word & form.end);
		else if (__builtin_expect(!(fresh = net_take(q)) || n->narrow, 0))
			fresh = e1000_take_other(n, fresh);
		e1000_fill(n, next, fresh ? fresh : b);
		next = (next + 1) & n->rx_mask;
		if (__builtin_expect(!fresh, 0)) {
			if (++lost > n->rx_mask)
				break; /* a wrong device may go on for ever */
			continue;
		}
		b->data = b->base + BM_NET_HEADROOM;
		b->bytes = length;
		b->flags = (word & form.sum_mask & n->checksum_ok) == form.sum_good
			       ? BM_NET_CHECKSUM_GOOD
			       : 0;
		bytes += length;
		frames[got++] = b;
	}
	n->rx_next = next;
	q->received_frames += got;
	q->received_bytes += bytes;
	/* One write for many frames; the ring is much larger. */
	n->rx_unreported += got + lost;
	if (n->rx_unreported >= n->rx_report) {
		n->rx_unreported = 0;
		e1000_write(n, E1000_RDT, (next - 1) & n->rx_mask);
	}
	return got;
}

/* Is there nothing to receive? That is what a poll finds most often, so it is asked first. */
static inline bool e1000_is_empty(struct e1000_nic *n, uint64_t done)
{
	if (__builtin_expect((n->rx[n->rx_next].word & done) != 0, 0))
		return false;
	if (__builtin_expect(!--n->quiet, 0))
		e1000_look(n);
	return true;
}

#endif
