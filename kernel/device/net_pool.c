/* SPDX-License-Identifier: MIT */
/*
 * The pool of network buffers. Contract: <baremetal/net.h>, bm_net_take() and on.
 *
 * Each queue pair has a store of its own, without a lock; buffers move between the stores and the
 * pool BATCH at a time. They are made in blocks when the pool is empty, and stay buffers.
 */
#include "device/net_device.h"
#include "memory/span.h"

#define SIZE     (sizeof(struct bm_net_buffer) + BM_NET_HEADROOM + BM_NET_ROOM)
#define BLOCK    64 /* made at once: whole pages */
#define BATCH    64 /* moved at once */
#define MOST     8192
#define MOST_MAX 1048576

_Static_assert(sizeof(struct bm_net_buffer) == 128, "two cache lines: driver's, owner's");
_Static_assert(SIZE == 2304, "as <baremetal/net.h> says");

static struct bm_net_buffer *pool;
static uint32_t pool_count, made, most = MOST;
static bool busy, narrow;

static void put(struct bm_net_buffer *buffer)
{
	buffer->next = pool;
	pool = buffer;
	pool_count++;
}

/* Under the lock. False: no memory, or no more allowed. */
static bool make(void)
{
	uint32_t count = most - made < BLOCK ? most - made : BLOCK;
	uint8_t *memory = NULL;
	uint32_t before = made;

	while (count && !(memory = dma_take(count * SIZE, 64, NULL)))
		count /= 2;
	if (!memory)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct bm_net_buffer *b = (struct bm_net_buffer *)(memory + i * SIZE);
		if (narrow && (dma_phys(b) ^ (dma_phys(b) + SIZE - 1)) >> 16)
			continue;
		b->base = (uint8_t *)(b + 1);
		b->capacity = BM_NET_HEADROOM + BM_NET_ROOM;
		b->phys_offset = dma_phys(b) - (uint64_t)b;
		put(b);
		made++;
	}
	return made > before;
}

void net_pool_narrow(void)
{
	net_lock(&busy);
	narrow = true;
	net_unlock(&busy);
}

struct bm_net_buffer *net_refill(struct bm_net_queue *queue)
{
	struct bm_net_buffer *buffer = NULL;

	net_lock(&busy);
	for (uint32_t i = 0; i < BATCH && (pool || (!i && make())); i++) {
		struct bm_net_buffer *b = pool;
		pool = b->next;
		pool_count--;
		if (!buffer) {
			buffer = b;
			if (!queue)
				break;
		} else {
			b->next = queue->free;
			queue->free = b;
			queue->free_count++;
		}
	}
	net_unlock(&busy);
	return buffer;
}

void net_spill(struct bm_net_queue *queue, struct bm_net_buffer *buffer)
{
	net_lock(&busy);
	if (buffer)
		put(buffer);
	for (uint32_t i = 0; queue && i < BATCH && queue->free; i++) {
		buffer = queue->free;
		queue->free = buffer->next;
		queue->free_count--;
		put(buffer);
	}
	net_unlock(&busy);
}

int net_reserve(uint32_t new_most, uint32_t now)
{
	int result = 0;

	if (new_most > MOST_MAX || now > MOST_MAX)
		return -BM_EINVAL;
	net_lock(&busy);
	if (new_most > most)
		most = new_most;
	while (made < now && !result)
		if (!make())
			result = -BM_ENOMEM;
	net_unlock(&busy);
	return result;
}

void net_pool_info(struct bm_net_info *info)
{
	net_lock(&busy);
	info->buffers = made;
	info->buffers_free = pool_count;
	info->buffers_most = most;
	net_unlock(&busy);
}

int64_t net_attach(struct bm_net_buffer *buffer, const void *address, size_t bytes,
		   void (*release)(struct bm_net_buffer *buffer))
{
	struct span_cache cache = {0};
	uint64_t start = 0, at = (uint64_t)address, phys, length = 0;

	if (!buffer || !bytes || !release)
		return -BM_EINVAL;
	bytes = bytes < UINT32_MAX ? bytes : UINT32_MAX;
	while (length < bytes) {
		uint64_t span = page_span(&cache, at + length, false, &phys);
		if (!length)
			start = phys;
		if (!span || phys != start + length)
			break;
		length += span;
	}
	if (!length)
		return -BM_EFAULT;
	length = length < bytes ? length : bytes;
	buffer->next = NULL;
	buffer->data = buffer->base = (uint8_t *)at;
	buffer->phys_offset = start - at;
	buffer->bytes = buffer->capacity = length;
	buffer->flags = buffer->reserved = 0;
	buffer->checksum_start = buffer->checksum_offset = 0;
	buffer->segment_size = buffer->header_bytes = 0;
	buffer->release = release;
	return length;
}
