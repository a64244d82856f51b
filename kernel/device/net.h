/* SPDX-License-Identifier: MIT */
/*
 * Network devices: the front end between <baremetal/net.h> and drivers (<baremetal/driver.h>,
 * struct bm_net_ops: the driver's whole contract).
 *
 * Frames do not pass through here: bm_net_receive() and bm_net_send() call the driver. The front
 * end keeps the pool of buffers, the devices' states, who is to be woken, and what has to be done
 * to a device that makes no sense.
 */
#ifndef KERNEL_DEVICE_NET_H
#define KERNEL_DEVICE_NET_H

#include "device/driver.h"
#include <baremetal/net.h>

/* For drivers. */
int net_add(const struct bm_net_driver *driver, struct bm_net_device **handle);
void net_notify(struct bm_net_device *device, uint32_t queue);
void net_fault(struct bm_net_device *device, const char *reason);

/* The API's. */
int net_count(void);
int net_info(uint32_t device, struct bm_net_info *info);
int net_link(uint32_t device, struct bm_net_link *link);
int net_configure(uint32_t device, uint32_t queues, uint32_t accept);
struct bm_net_queue *net_open(uint32_t device, uint32_t queue);
int net_filter(uint32_t device, uint32_t flags, const uint8_t (*multicast)[6], uint32_t count);
int net_set_mac(uint32_t device, const uint8_t mac[6]);
int net_arm(struct bm_net_queue *queue, uint32_t what, void (*function)(void *), void *argument);
int net_wait(struct bm_net_queue *queue, uint32_t what, uint64_t deadline_ns);

/* The pool: bm_net_take()'s and bm_net_give()'s slow parts. */
struct bm_net_buffer *net_refill(struct bm_net_queue *queue);
void net_spill(struct bm_net_queue *queue, struct bm_net_buffer *buffer);
int net_reserve(uint32_t most, uint32_t now);
int64_t net_attach(struct bm_net_buffer *buffer, const void *address, size_t bytes,
		   void (*release)(struct bm_net_buffer *buffer));
/* For devices whose accesses shall not cross a multiple of 64 KiB: no buffer made from now on does.
 */
void net_pool_narrow(void);

/* As bm_net_take(), without what only an owner needs: bytes, flags and next are anything. */
static inline struct bm_net_buffer *net_take(struct bm_net_queue *queue)
{
	struct bm_net_buffer *buffer = queue->free;
	if (__builtin_expect(!buffer, 0))
		return net_refill(queue);
	queue->free = buffer->next;
	queue->free_count--;
	return buffer;
}

/* A buffer of the pool that is no app's own. */
static inline void net_give_one(struct bm_net_queue *queue, struct bm_net_buffer *buffer)
{
	buffer->next = queue->free;
	queue->free = buffer;
	if (__builtin_expect(++queue->free_count > queue->free_most, 0))
		net_spill(queue, NULL);
}

/* As bm_net_give(). */
static inline void net_give(struct bm_net_queue *queue, struct bm_net_buffer *frame)
{
	struct bm_net_buffer *next;
	for (; frame; frame = next) {
		next = frame->next;
		if (frame->release)
			frame->release(frame);
		else if (queue)
			net_give_one(queue, frame);
		else
			net_spill(NULL, frame);
	}
}

#define net_check bm_net_check

/* Where a buffer of the pool begins to hold data: at dma_phys() of it. */
static inline uint8_t *net_pool_data(struct bm_net_buffer *buffer)
{
	return (uint8_t *)(buffer + 1) + BM_NET_HEADROOM;
}

/* A byte's physical address. */
static inline uint64_t net_phys(const struct bm_net_buffer *buffer, const uint8_t *at)
{
	return (uint64_t)at + buffer->phys_offset;
}

#endif
