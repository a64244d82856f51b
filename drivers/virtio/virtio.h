/* SPDX-License-Identifier: MIT */
/*
 * Virtio for drivers: a device behind any of its transports, and split queues.
 *
 *     virtio_open        → features are known        (3.1.1, steps 1 to 3)
 *     virtio_negotiate   → features are agreed       (steps 4 to 6)
 *     virtq_make …       → queues                    (step 7)
 *     virtio_ready       → the device is live        (step 8)
 *
 * Transports: PCI modern, PCI legacy (transitional devices without the modern part), MMIO version 2
 * and
 * 1. What the device tells (sizes, indices, ids) is checked here; drivers see numbers within
 * bounds.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include "device/driver.h"
#include "virtio_regs.h"

enum virtio_kind { VIRTIO_PCI, VIRTIO_PCI_LEGACY, VIRTIO_MMIO, VIRTIO_MMIO_LEGACY };

struct virtio {
	struct bm_device *device;
	enum virtio_kind kind;
	uint64_t offered, features;
	volatile uint8_t *common; /* PCI: common structure; MMIO: all registers */
	volatile uint8_t *notify;
	volatile uint8_t *isr;
	volatile uint8_t *config; /* NULL: in ports */
	uint32_t notify_multiplier;
	uint32_t notify_bytes, config_bytes; /* of these structures */
	uint16_t ports;
	bool messages; /* interrupts are messages: queues need vectors */
};

/*
 * One queue. A driver's commands have slots: slot N owns the descriptors from N * stride on, so
 * that its chain's head says which it is. Two chains in two slots never mix.
 */
struct virtq {
	struct virtio *virtio;
	volatile struct virtq_desc *descs;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	volatile uint16_t *used_event, *avail_event;
	volatile uint8_t *notify; /* where to write to; NULL: a port */
	uint16_t index;
	uint16_t size;   /* descriptors, a power of two */
	uint16_t stride; /* descriptors of a slot: a power of two */
	uint16_t shift;  /* of it */
	uint16_t slots;
	uint16_t next; /* avail index */
	uint16_t told; /* avail index at the last notification */
	uint16_t seen; /* used index */
	bool event_idx;
	bool wide; /* notified with 32 bits (MMIO), else 16 */
	bool armed;
	void *memory;
	size_t memory_size;
};

/* Find the registers, reset the device, read what it offers. 0, -BM_ENODEV (no virtio device of a
 * kind that is known), or -BM_EIO (it does not reset). */
int virtio_open(struct virtio *v, struct bm_device *device);

/* Agree on those of `wanted` that it offers. 0 or -BM_EIO (it refuses; or it is one that only works
 * with features that we lack). */
int virtio_negotiate(struct virtio *v, uint64_t wanted);

/* Have interrupts of queue N call function(arguments[N]); N < count. Before virtq_make(). As
 * interrupts_take(): how many different ones. */
int virtio_interrupts(struct virtio *v, uint32_t count, void (*function)(void *),
		      void *const *arguments);

/*
 * Make queue `index` with at most `slots` slots of `stride` descriptors, a power of two. `vector`:
 * which of the messages, 0 … what virtio_interrupts() returned - 1. 0; -BM_ENODEV (no such queue),
 * -BM_ENOMEM, -BM_EIO (its size makes no sense).
 */
int virtq_make(struct virtq *q, struct virtio *v, uint16_t index, uint16_t slots, uint16_t stride,
	       uint16_t vector);
void virtq_free(struct virtq *q);

/* Tell the device of the same memory again, after virtio_restart(). 0 or an error as above. */
int virtq_remake(struct virtq *q, uint16_t vector);

/* All is set: go. */
void virtio_ready(struct virtio *v);

/* Reset, and negotiate the same features again; queues are to be remade, then virtio_ready(). When
 * it returns 0 or -BM_EIO with the device reset, no memory is touched any more. */
int virtio_restart(struct virtio *v);

/* Have message `vector` tell of changes of the configuration; after all queues were made. An
 * interrupt line needs nothing. 0 or -BM_EIO. */
int virtio_config_interrupt(struct virtio *v, uint16_t vector);

/* Reset, no more: no memory is touched after it. 0 or -BM_EIO: it does not reset. */
int virtio_quiet(struct virtio *v);

/* Keep a device that does not reset from memory. False: it is on no bus where that can be done. */
bool virtio_cut_off(struct virtio *v);

/* Give up: reset, status FAILED. */
void virtio_fail(struct virtio *v);

/* Device configuration: 1, 2, 4 or 8 bytes, consistent; 0 where it is too short. */
uint64_t virtio_config(const struct virtio *v, uint32_t offset, uint32_t size);

/* An interrupt line: have the device withdraw it. Reads the ISR. */
void virtio_acknowledge(struct virtio *v);

/* ---- The data path ---- */

/* Order: what was stored before is seen by the device before what is stored after (x86 keeps stores
 * in order: only the compiler must not change it). */
static inline void virtio_store_order(void)
{
	__asm__ volatile("" ::: "memory");
}

/* Order of an earlier store and a later load: the index before the look at whether to notify. */
static inline void virtio_store_load_order(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* The chain that begins at a slot's first descriptor is ready. The device may see it at once. */
static inline void virtq_push(struct virtq *q, uint16_t slot)
{
	volatile struct virtq_avail *avail = q->avail;
	uint16_t next = q->next;
	avail->ring[next & (q->size - 1)] = slot << q->shift;
	virtio_store_order();
	q->next = ++next;
	avail->index = next;
}

/* Notify the device of what was pushed, if it wants that. */
void virtq_kick(struct virtq *q);

/* How many the device has done that have not been looked at. */
static inline uint16_t virtq_done(const struct virtq *q)
{
	uint16_t count = q->used->index - q->seen;
	virtio_store_order(); /* loads are not reordered either */
	return count;
}

/*
 * The next slot that the device has done, of virtq_done() many; -1: an id that is no slot's head,
 * or of a slot that there is not.
 */
static inline int virtq_pop(struct virtq *q, uint32_t *length)
{
	uint16_t seen = q->seen;
	volatile struct virtq_used_elem *e = &q->used->ring[seen & (q->size - 1)];
	uint32_t id = e->id, slot = id >> q->shift;
	*length = e->length;
	q->seen = seen + 1;
	return __builtin_expect(slot < q->slots && slot << q->shift == id, 1) ? (int)slot : -1;
}

/* No interrupts until virtq_arm(). With event indices there is nothing to do: one comes when the
 * index that was asked for is passed, and then not before 65,536 more. An interrupt may call it
 * while another core arms, if it tells that core afterwards: no interrupts it is then. */
static inline void virtq_disarm(struct virtq *q)
{
	if (__builtin_expect(q->armed && !q->event_idx, 0)) {
		q->armed = false;
		virtio_store_order();
		q->avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
	}
}

/* Interrupt at the next one. 1: something is there already. */
int virtq_arm(struct virtq *q);

#endif
