/* SPDX-License-Identifier: MIT */
/*
 * Network devices: raw frames, in batches, without a copy.
 *
 *     struct bm_net_queue *q = bm_net_open(0, 0);
 *     struct bm_net_buffer *frames[32];
 *     for (;;) {
 *             int n = bm_net_receive(q, frames, 32);
 *             for (int i = 0; i < n; i++)
 *                     turn_round(frames[i]->data, frames[i]->bytes);
 *             for (int sent = 0; sent < n;)
 *                     sent += bm_net_send(q, frames + sent, n - sent);
 *             if (n == 0)
 *                     bm_net_wait(q, BM_NET_RECEIVE, BM_FOREVER);
 *     }
 *
 * A frame is a buffer, or several (its parts) linked by `next`: Ethernet's header first, no
 * checksum of Ethernet's (FCS) at the end. Buffers come from one pool of memory that devices reach.
 * Who receives a frame owns it, and gives it back: by sending it, or with bm_net_give(). A sent
 * frame's parts go back by themselves when the device has read them.
 *
 * A queue pair (bm_net_open) receives and sends. There are no locks in it: **one caller at a time**
 * uses it, with all functions that take one. That may be a core for ever, or a task now and another
 * one later, if something orders the two (the work queue does, a mutex does). Several queue pairs
 * may be used by several cores at once. A buffer is tied to no queue pair and to no device: receive
 * it here, send it there.
 *
 * Nothing is lost on the way out without a word: bm_net_send() says how many it took, the others
 * are the caller's still. Incoming frames that find no room are dropped by the device, as on any
 * network, and counted where the device tells.
 *
 * The first call of bm_net_count(), bm_net_info() or bm_net_open() discovers devices and starts
 * their drivers (see <baremetal/pci.h>). A device that answers nonsense, or no longer sends, is
 * reset and goes on, without the frames that it had; one that does not come back from a reset is
 * given up: then its functions return -BM_ENODEV. Either is said in the log, and counted.
 */
#ifndef BAREMETAL_NET_H
#define BAREMETAL_NET_H

#include <baremetal/api.h>
#include <baremetal/error.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

/** Bytes before a received frame's first one, and before `data` of a buffer that was just taken. */
#define BM_NET_HEADROOM 128
/**
 * Of these, what a driver may overwrite when it sends: this many bytes before `data` of the first
 * part, if they lie at or after `base`. (So no data of your own stand there.)
 */
#define BM_NET_DRIVER_HEADROOM 16
/** Bytes from `data` on in a buffer of the pool that was just taken: a frame of 1,514 fits well. */
#define BM_NET_ROOM 2048
/** Bytes in a buffer for whoever owns it. */
#define BM_NET_USER 64
/** Bytes of Ethernet's header. */
#define BM_NET_HEADER 14
/** Parts of a frame that every device takes; bm_net_info.max_parts may be more. */
#define BM_NET_PARTS 8
/** Multicast addresses that bm_net_filter() takes. */
#define BM_NET_FILTER_MAX 64

struct bm_net_queue;

/** bm_net_buffer.flags, in a frame's first part. */
enum bm_net_buffer_flags {
	/**
	 * Received: the device has verified the TCP or UDP checksum. Where this is absent, nothing
	 * is known: verify it. Only with BM_NET_ACCEPT_CHECKSUM.
	 */
	BM_NET_CHECKSUM_GOOD = 1,
	/**
	 * Sent (BM_NET_CAN_CHECKSUM): from checksum_start on to the frame's end, the device makes
	 * the Internet checksum, and stores it at checksum_start + checksum_offset, where the sum
	 * of the pseudo-header stands until then (not inverted, in network order). Both places lie
	 * in the first part. Received, always along with BM_NET_CHECKSUM_GOOD: the checksum field
	 * holds just that, for the frame has never been on a wire. Whoever forwards such a frame
	 * sends it with the flag, or fills the field in. checksum_start and _offset are the
	 * sender's word: check before use.
	 */
	BM_NET_CHECKSUM_PARTIAL = 2,
	/**
	 * Sent (BM_NET_CAN_SEGMENT_…): a TCP segment larger than the MTU, which the device cuts to
	 * segments of segment_size bytes of data, each with the first header_bytes of the frame
	 * before them, adjusted. All headers lie in the first part. IP's length and checksum and
	 * TCP's pseudo-header sum are those of the whole; BM_NET_CHECKSUM_PARTIAL is set as well.
	 * Received (BM_NET_ACCEPT_LARGE): several segments of one connection as one frame, of at
	 * most 65,550 bytes; segment_size tells what each had.
	 */
	BM_NET_SEGMENT_TCP4 = 4,
	BM_NET_SEGMENT_TCP6 = 8, /* the same over IPv6 */
};

/**
 * A buffer: a part of a frame. Those of the pool come from bm_net_take() and bm_net_receive().
 * One's own (static, or in an object of the app's) describe other memory, so that it is sent
 * without a copy: bm_net_attach() fills one in.
 */
struct bm_net_buffer {
	struct bm_net_buffer *next; /* the frame's next part; NULL: this is the last one */
	uint8_t *data;              /* the first byte; move it within base … base + capacity */
	uint64_t phys_offset;       /* physical address of a byte here - its address; constant */
	uint32_t bytes;             /* from data on, of this part */
	/* Of a frame's first part: */
	uint32_t flags;           /* enum bm_net_buffer_flags */
	uint16_t checksum_start;  /* bytes from the frame's first one */
	uint16_t checksum_offset; /* bytes from there */
	uint16_t segment_size;    /* bytes of data in each segment */
	uint16_t header_bytes;    /* of Ethernet, IP and TCP together */
	/**
	 * NULL: a buffer of the pool, goes back there. Else it is the app's own, and this is called
	 * once when nothing reads it any more: within whichever function of its queue pair notices,
	 * or within bm_net_give(). It may take and give buffers; it must not send or receive.
	 */
	void (*release)(struct bm_net_buffer *buffer);
	uint8_t *base;     /* where its memory begins */
	uint32_t capacity; /* bytes of it */
	uint32_t reserved; /* 0 */
	/** The owner's own, 16-aligned: a library's struct, say. The kernel does not touch it. */
	uint8_t __attribute__((aligned(16))) user[BM_NET_USER];
};

/** bm_net_info.flags */
enum bm_net_flags {
	/* What the device can do for who sends. */
	BM_NET_CAN_CHECKSUM = 1,     /* BM_NET_CHECKSUM_PARTIAL */
	BM_NET_CAN_SEGMENT_TCP4 = 2, /* BM_NET_SEGMENT_TCP4 */
	BM_NET_CAN_SEGMENT_TCP6 = 4, /* BM_NET_SEGMENT_TCP6 */
	/* What it can do for who receives, if bm_net_configure() asks for it. */
	BM_NET_ACCEPT_CHECKSUM = 8, /* BM_NET_CHECKSUM_GOOD and _PARTIAL may be set */
	BM_NET_ACCEPT_LARGE = 16, /* BM_NET_SEGMENT_… may be; needs _ACCEPT_CHECKSUM; many parts */
	BM_NET_CAN_SET_MAC = 32,  /* bm_net_set_mac() */
	BM_NET_CAN_FILTER = 64,   /* bm_net_filter(); else all that comes is received */
	BM_NET_FAILED = 128,      /* given up */
};

/** Of bm_net_filter(). */
enum bm_net_filter_flags {
	BM_NET_PROMISCUOUS = 1,   /* every frame */
	BM_NET_ALL_MULTICAST = 2, /* every multicast address */
};

/** The state of the link. */
struct bm_net_link {
	uint32_t up;          /* 1: frames go out and come in; 0: no cable, or switched off */
	uint32_t speed;       /* in Mbit/s; 0: unknown */
	uint32_t full_duplex; /* 1; 0: half, or unknown */
	uint32_t changes;     /* times that it was seen to go up or down */
};

/** What bm_net_info() tells. */
struct bm_net_info {
	char name[16]; /* driver and number, "virtio_net0": the same as long as the hardware is */
	char address[24];      /* "pci 00:04.0", "mmio 0xfeb00e00"; "app" */
	uint8_t mac[6];        /* its own address */
	uint16_t mtu;          /* bytes of a frame without Ethernet's header: 68 to 65,521 */
	uint32_t flags;        /* enum bm_net_flags: what is offered */
	uint32_t accepted;     /* of these, BM_NET_ACCEPT_…: what is on */
	uint32_t queues;       /* queue pairs that bm_net_configure() may ask for */
	uint32_t active;       /* that are in use; 0 before the first bm_net_open() */
	uint32_t max_parts;    /* of a sent frame, at least BM_NET_PARTS */
	uint32_t max_bytes;    /* of a sent frame with BM_NET_SEGMENT_…; 0: none */
	uint32_t receive_ring; /* frames that wait in a queue pair at most; 0 before it is open */
	uint32_t send_ring;    /* likewise, on their way out */
	struct bm_net_link link;
	/* Counters since discovery, of all queue pairs; not of one moment while frames pass. */
	uint64_t received_frames; /* that the app has got */
	uint64_t received_bytes;  /* of these, Ethernet's headers included */
	uint64_t received_errors; /* that the device reports damaged, or that made no sense */
	uint64_t received_drops;  /* for want of buffers or room, as far as the device tells */
	uint64_t sent_frames;     /* taken by bm_net_send() */
	uint64_t sent_bytes;      /* likewise */
	uint64_t sent_errors;     /* of these, lost: in a reset, or the device reports it */
	uint64_t refused;    /* frames given to bm_net_send() that were not as they have to be */
	uint64_t interrupts; /* that woke who had armed */
	uint64_t resets;     /* because it answered nonsense, or no longer sent */
	uint64_t strays;     /* answers of the device to nothing that it was asked: ignored */
	/* The pool of all devices. */
	uint32_t buffers;      /* made so far */
	uint32_t buffers_free; /* of these, in the pool and in queue pairs' stores */
	uint32_t buffers_most; /* that may be made: bm_net_reserve() */
	uint32_t reserved;     /* 0 */
};

/** As `what` of bm_net_arm() and bm_net_wait(). */
enum bm_net_event {
	BM_NET_RECEIVE = 1, /* a frame has come, or the link has changed */
	BM_NET_SEND = 2,    /* a sent frame's parts have come back: there is room to send */
	/** With the others, in bm_net_arm() alone; since version 8 of the API. No thread waits for
	 * what the task does by itself: the pair does not count as armed in bm_core_info.queued,
	 * which keeps off the report of a deadlock. For libraries that listen all the time. */
	BM_NET_QUIET = 4,
};

/**
 * A queue pair. The kernel's, for ever; what follows is for the inline functions here and for
 * drivers.
 */
struct bm_net_queue {
	/** @cond */
	int (*receive)(struct bm_net_queue *queue, struct bm_net_buffer **frames, uint32_t count);
	int (*send)(struct bm_net_queue *queue, struct bm_net_buffer *const *frames,
		    uint32_t count);
	int (*reclaim)(struct bm_net_queue *queue);
	void *state;                /* the driver's */
	struct bm_net_buffer *free; /* its store of the pool's buffers, linked by next */
	uint32_t free_count;
	uint32_t free_most; /* more than this: some go to the pool */
	struct bm_net_device *device;
	uint32_t index;
	uint32_t receive_ring, send_ring; /* where start() makes others than the driver told */
	uint32_t reserved;
	/* Counted by the driver, but for `refused` and `interrupts`. */
	uint64_t received_frames, received_bytes, received_errors, received_drops;
	uint64_t sent_frames, sent_bytes, sent_errors;
	uint64_t refused, strays, interrupts;
	/** @endcond */
};

/* ---- Devices ---- */

/**
 * Count the network devices.
 * @return how many; they are numbered from 0 and never go away. Any core. The first call discovers
 *         devices, which may take seconds; later ones never block.
 */
static inline int bm_net_count(void)
{
	return bm_api->net_count();
}

/**
 * Describe a device.
 * @return 0; -BM_EINVAL if there is none of this number. Any core; asks the device for its link.
 */
static inline int bm_net_info(uint32_t device, struct bm_net_info *info)
{
	return bm_api->net_info(device, info);
}

/**
 * Ask a device for its link.
 * @return 0; -BM_EINVAL if there is no such device; -BM_ENODEV if it was given up. Any core; lasts
 * as long as reading a register or two does.
 */
static inline int bm_net_link(uint32_t device, struct bm_net_link *link)
{
	return bm_api->net_link(device, link);
}

/**
 * Choose how many queue pairs a device has and what it may do to received frames. Without this call
 * it has one, and changes nothing. The device is restarted: frames that it has are lost, queue
 * pairs remain valid (those beyond `queues` answer -BM_ENODEV). The device spreads received frames
 * over all queue pairs, by connection: each one must be polled.
 *
 * @param device  its number.
 * @param queues  1 … bm_net_info.queues.
 * @param accept  of BM_NET_ACCEPT_CHECKSUM and BM_NET_ACCEPT_LARGE, those that bm_net_info.flags
 *                has; others are left out.
 * @return 0; -BM_EINVAL if an argument is not as said; -BM_ENOMEM (then it is as before, or given
 *         up if not even that can be had); -BM_EIO, -BM_ENODEV: it was given up. Waits, bounded, a
 *         second at most. Nobody may use a queue pair of this device meanwhile.
 */
static inline int bm_net_configure(uint32_t device, uint32_t queues, uint32_t accept)
{
	return bm_api->net_configure(device, queues, accept);
}

/**
 * Get a queue pair. The first call starts the device, which receives from then on; it needs memory
 * for buffers (some 600 KB a queue pair): make it before a program takes all there is.
 *
 * @param device  its number.
 * @param queue   0 … bm_net_info.active - 1 (0, unless bm_net_configure() was called before).
 * @return the same at each call, valid for ever; NULL if there is no such queue pair, or if the
 *         device does not start (the log tells why). Waits as bm_net_configure() does.
 */
static inline struct bm_net_queue *bm_net_open(uint32_t device, uint32_t queue)
{
	return bm_api->net_open(device, queue);
}

/**
 * Choose what a device receives besides its own and the broadcast address. At first:
 * BM_NET_ALL_MULTICAST, no list. Devices without a filter, or with a small one, let more through.
 *
 * @param device     its number.
 * @param flags      enum bm_net_filter_flags.
 * @param multicast  `count` addresses.
 * @param count      at most BM_NET_FILTER_MAX; 0: none.
 * @return 0; -BM_EINVAL if an argument is not as said, or an address is not a multicast one;
 *         -BM_ENODEV if it was given up. Waits, bounded, a second at most. As to who may call:
 *         one core at a time for each device; queue pairs may be in use.
 */
static inline int bm_net_filter(uint32_t device, uint32_t flags, const uint8_t (*multicast)[6],
				uint32_t count)
{
	return bm_api->net_filter(device, flags, multicast, count);
}

/**
 * Give a device another address of its own, until the machine is switched off.
 * @return 0; -BM_EINVAL if there is no such device, or the address is a multicast one or zero;
 *         -BM_ENOSYS without BM_NET_CAN_SET_MAC; -BM_EIO if the device refuses. As bm_net_filter().
 */
static inline int bm_net_set_mac(uint32_t device, const uint8_t mac[6])
{
	return bm_api->net_set_mac(device, mac);
}

/* ---- Frames ---- */

/**
 * Receive frames: those that are there now.
 *
 * @param queue   the queue pair.
 * @param frames  receives their first parts; they are the caller's from then on.
 * @param count   how many at most.
 * @return how many, 0 if there is none; -BM_ENODEV if the device was given up, or has no longer
 * this queue pair. Never blocks. A frame has 14 bytes at least, and mtu + 18 at most unless
 *         BM_NET_ACCEPT_LARGE is on; it has one part, where it is no larger than BM_NET_ROOM.
 */
static inline int bm_net_receive(struct bm_net_queue *queue, struct bm_net_buffer **frames,
				 uint32_t count)
{
	return queue->receive(queue, frames, count);
}

/**
 * Send frames. The first `count` that fit are taken, with all their parts, and begin to leave at
 * once. A frame that has been taken must not be changed or looked at any more.
 *
 * @param queue   the queue pair.
 * @param frames  their first parts. Each frame: 14 bytes at least and mtu + 18 at most (max_bytes,
 * with BM_NET_SEGMENT_…), in at most max_parts parts, none empty; no flag that the device does not
 * offer.
 * @param count   how many.
 * @return how many were taken, from the first one on: less than count if the ring is full, or if
 * the next frame is not as said. 0: full, call again (bm_net_wait(), bm_net_arm() tell when).
 *         -BM_EINVAL: the first one is not as said, and stays the caller's (counted as refused);
 *         -BM_ENODEV as bm_net_receive(). Never blocks. Also takes back what has been sent.
 */
static inline int bm_net_send(struct bm_net_queue *queue, struct bm_net_buffer *const *frames,
			      uint32_t count)
{
	return queue->send(queue, frames, count);
}

/**
 * Take back the parts of sent frames that the device has read: call `release`, give the pool its
 * own. bm_net_send() does the same as it needs room; who wants its memory back sooner, or sends
 * seldom, calls this.
 * @return how many frames' parts came back; -BM_ENODEV. Never blocks.
 */
static inline int bm_net_reclaim(struct bm_net_queue *queue)
{
	return queue->reclaim(queue);
}

/**
 * Have a task queued when there is something to do, once: function(argument), on whichever core is
 * free then. An interrupt wakes that core; where none reaches this machine, or one is lost, a watch
 * by time does.
 *
 *     while (bm_net_arm(q, BM_NET_RECEIVE, work, q) == 1)
 *             take what is there;
 *
 * @param queue     the queue pair; no longer this caller's when armed and `function` uses it.
 * @param what      BM_NET_RECEIVE, BM_NET_SEND or both; and BM_NET_QUIET.
 * @param function  the task. It may also come without a cause: look, and arm again.
 * @param argument  for the function.
 * @return 0: armed. 1: there is something already, and the function will not be called. -BM_EINVAL
 * for no function or nothing asked for; -BM_ENODEV if the device was given up, or if this machine
 *         has neither timer nor interrupts: poll. Never blocks. If it is armed already, the task
 * will be the one of the later call, and comes once.
 */
static inline int bm_net_arm(struct bm_net_queue *queue, uint32_t what, bm_task_fn *function,
			     void *argument)
{
	return bm_api->net_arm(queue, what, function, argument);
}

/**
 * Wait until there is something to do, or a time has come. This core runs queued tasks meanwhile
 * (as bm_task_wait() does) and sleeps when there are none. In a thread it keeps the core from other
 * threads: there, use bm_net_arm().
 *
 * @param queue        the queue pair; the caller's alone.
 * @param what         as with bm_net_arm().
 * @param deadline_ns  on bm_time_monotonic()'s scale, or BM_FOREVER.
 * @return 0: look (it may have been for nothing). -BM_ETIMEDOUT: the time has come. -BM_EINVAL,
 *         -BM_ENODEV as bm_net_receive().
 */
static inline int bm_net_wait(struct bm_net_queue *queue, uint32_t what, uint64_t deadline_ns)
{
	return bm_api->net_wait(queue, what, deadline_ns);
}

/* ---- Buffers ---- */

/**
 * Take a buffer: `data` behind BM_NET_HEADROOM bytes, then room for BM_NET_ROOM; bytes, flags and
 * next are 0; its content and `user` are anything.
 *
 * @param queue  a queue pair that is the caller's, for its store; NULL: any caller, any core, at
 * the price of a lock.
 * @return the caller's; NULL if all are in use and no more may be made: give some back, or see
 *         bm_net_reserve(). Never blocks.
 */
static inline struct bm_net_buffer *bm_net_take(struct bm_net_queue *queue)
{
	struct bm_net_buffer *buffer = queue ? queue->free : NULL;

	if (__builtin_expect(!buffer, 0)) {
		buffer = bm_api->net_refill(queue);
		if (!buffer)
			return NULL;
	} else {
		queue->free = buffer->next;
		queue->free_count--;
	}
	buffer->next = NULL;
	buffer->data = buffer->base + BM_NET_HEADROOM;
	buffer->bytes = 0;
	buffer->flags = 0;
	return buffer;
}

/**
 * Give a frame back, with all its parts; one's own are released.
 * @param queue  as bm_net_take().
 * @param frame  its first part; NULL: nothing.
 */
static inline void bm_net_give(struct bm_net_queue *queue, struct bm_net_buffer *frame)
{
	while (frame) {
		struct bm_net_buffer *next = frame->next;
		if (frame->release) {
			frame->release(frame);
		} else if (!queue) {
			bm_api->net_spill(NULL, frame);
		} else {
			frame->next = queue->free;
			queue->free = frame;
			if (__builtin_expect(++queue->free_count > queue->free_most, 0))
				bm_api->net_spill(queue, NULL);
		}
		frame = next;
	}
}

/**
 * Allow the pool to grow: it makes buffers when they are needed, up to a limit (8,192 at first), so
 * that a leak does not eat all memory. They stay in the pool. Each takes 2,304 bytes.
 *
 * @param most  the limit from now on, if it is more than before.
 * @param now   how many to make now, so that they need not be made later; 0: none.
 * @return 0; -BM_ENOMEM if there is not so much memory (what could be made was); -BM_EINVAL beyond
 *         1,048,576. Any core, never blocks; lasts as long as it takes to clear the memory.
 */
static inline int bm_net_reserve(uint32_t most, uint32_t now)
{
	return bm_api->net_reserve(most, now);
}

/**
 * Make a buffer of one's own describe memory, to send it without a copy. Sets all but `user`;
 * `next` to NULL.
 *
 * @param buffer   the caller's.
 * @param address  any memory of the app's; it stays as it is until `release`.
 * @param bytes    more than 0.
 * @param release  not NULL.
 * @return how many bytes from `address` on it describes now: fewer than asked for where the memory
 *         goes on elsewhere physically (then describe the rest by another buffer); -BM_EFAULT if
 *         nothing is mapped there; -BM_EINVAL. Any core, never blocks.
 */
static inline int64_t bm_net_attach(struct bm_net_buffer *buffer, const void *address, size_t bytes,
				    void (*release)(struct bm_net_buffer *buffer))
{
	return bm_api->net_attach(buffer, address, bytes, release);
}

#endif
