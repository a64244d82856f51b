/* SPDX-License-Identifier: MIT */
/*
 * The kernel around a network driver. Contract: kernel.h.
 */
#include "kernel.h"
#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/pci.h"
#include "memory/layout.h"

#define ARENA       (LAYOUT_DEVICES + 0x100000)
#define ARENA_BYTES (16ul << 20)
#define BORDER      256
#define SIZE        (sizeof(struct bm_net_buffer) + BM_NET_HEADROOM + BM_NET_ROOM)

unsigned checks, failures;
struct fake fake;
const struct bm_api *bm_api; /* never called */
static uint64_t next_memory, random_state;
static struct bm_net_buffer *pool;
static struct bm_net_buffer *made[BUFFERS];
static uint32_t made_count;
extern const struct bm_driver *driver_under_test;

/* ---- Time ---- */

uint64_t time_monotonic(void)
{
	return fake.now += 1000;
}

uint64_t tsc_read(void)
{
	return fake.now += 100;
}

void cpu_relax(void)
{
	fake.now += 10000;
}

uint64_t time_to_ticks(uint64_t ns)
{
	return ns;
}

void timer_wait(uint64_t ns)
{
	fake.now += ns;
}

/* ---- Memory ---- */

void fake_begin(uint16_t id)
{
	static bool mapped;
	if (!mapped) {
		void *at =
		    mmap((void *)ARENA, ARENA_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
		if (at != (void *)ARENA) {
			perror("memory for devices");
			exit(1);
		}
		mapped = true;
		next_memory = ARENA + ARENA_BYTES;
	}
	__asan_poison_memory_region((void *)ARENA, next_memory - ARENA);
	memset(&fake, 0, sizeof fake);
	fake.takes_left = UINT32_MAX;
	fake.buffers_most = BUFFERS;
	fake.interrupts = true;
	next_memory = ARENA;
	random_state = 88172645463325252;
	pool = NULL;
	made_count = 0;
	fake.device.bus = BM_BUS_PCI;
	fake.device.vendor = 0x8086;
	fake.device.device = id;
	fake.device.subsystem = 0xa01f;
	fake.link_control = 0x43;
	strcpy(fake.device.name, "pci 00:03.0");
}

static void *take(size_t bytes, size_t align)
{
	next_memory = (next_memory + BORDER + align - 1) & -align;
	void *memory = (void *)next_memory;
	next_memory += bytes;
	if (next_memory > ARENA + ARENA_BYTES) {
		fprintf(stderr, "out of simulated memory\n");
		exit(1);
	}
	__asan_unpoison_memory_region(memory, bytes);
	memset(memory, 0, bytes);
	return memory;
}

void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	if (!fake.takes_left--) {
		fake.takes_left = 0;
		return NULL;
	}
	void *memory = take(bytes, align < 64 ? 64 : align);
	if (phys)
		*phys = dma_phys(memory);
	return memory;
}

void dma_give(void *memory, size_t bytes)
{
	if (memory)
		__asan_poison_memory_region(memory, bytes);
}

void *fake_memory(uint64_t phys, uint64_t bytes)
{
	void *memory = (void *)(phys + LAYOUT_DEVICES);
	bool good = phys + LAYOUT_DEVICES >= ARENA && bytes < ARENA_BYTES &&
		    phys + LAYOUT_DEVICES + bytes <= next_memory &&
		    !__asan_region_is_poisoned(memory, bytes);
	CHECK(good && fake.master);
	return good && fake.master ? memory : NULL;
}

/* ---- The pool: one that is out is not in it, and what is in it is not written ---- */

static void put(struct bm_net_buffer *b)
{
	b->next = pool;
	pool = b;
	__asan_poison_memory_region(b->base, b->capacity);
}

static struct bm_net_buffer *make(void)
{
	for (;;) {
		struct bm_net_buffer *b = take(SIZE, 64);
		b->base = (uint8_t *)(b + 1);
		b->capacity = BM_NET_HEADROOM + BM_NET_ROOM;
		b->phys_offset = dma_phys(b) - (uint64_t)b;
		made[made_count++] = b;
		if (!fake.narrow || !((dma_phys(b) ^ (dma_phys(b) + SIZE - 1)) >> 16))
			return b;
		made_count--;
	}
}

struct bm_net_buffer *net_refill(struct bm_net_queue *queue)
{
	struct bm_net_buffer *b = pool;
	(void)queue;
	if (fake.buffers_out >= fake.buffers_most)
		return NULL;
	if (b)
		pool = b->next;
	else
		b = make();
	fake.buffers_out++;
	__asan_unpoison_memory_region(b->base, b->capacity);
	/* What a driver may not rely on. */
	b->next = (void *)1;
	b->bytes = b->flags = 0xeeeeeeee;
	b->data = NULL;
	return b;
}

/* The store is not used: each comes and goes one by one. */
void net_spill(struct bm_net_queue *queue, struct bm_net_buffer *buffer)
{
	if (queue) {
		CHECK(queue == &fake.queue && queue->free && !buffer);
		buffer = queue->free;
		queue->free = buffer->next;
		queue->free_count--;
	}
	for (const struct bm_net_buffer *b = pool; b && fake.buffers_out > BUFFERS - 4; b = b->next)
		CHECK(b != buffer);
	CHECK(fake.buffers_out > 0);
	fake.buffers_out--;
	put(buffer);
}

void net_pool_narrow(void)
{
	fake.narrow = true;
}

/* ---- The rest of the kernel ---- */

void log_line(int level, const char *format, ...)
{
	fake.warnings += level == BM_LOG_WARNING;
	fake.errors += level == BM_LOG_ERROR;
	if (getenv("VERBOSE")) {
		va_list arguments;
		va_start(arguments, format);
		vfprintf(stderr, format, arguments);
		va_end(arguments);
		fputc('\n', stderr);
	}
}

volatile void *pci_map_bar(const struct bm_device *device, uint32_t bar, uint64_t offset,
			   uint64_t bytes)
{
	(void)device;
	(void)bytes;
	/* Not to be touched but by the accessors. */
	return bar == 0 ? (volatile void *)(0x1000000 + offset) : NULL;
}

void pci_master(const struct bm_device *device, bool on)
{
	(void)device;
	fake.master = on;
}

uint32_t pci_capability(const struct bm_device *device, uint8_t id, uint32_t after)
{
	(void)device;
	(void)after;
	return id == 0x10 ? 0x80 : 0;
}

uint32_t pci_config_read(const struct bm_device *device, uint32_t offset, uint32_t size)
{
	(void)device;
	CHECK(offset == 0x90 && size == 2);
	return fake.link_control;
}

void pci_config_write(const struct bm_device *device, uint32_t offset, uint32_t size,
		      uint32_t value)
{
	(void)device;
	CHECK(offset == 0x90 && size == 2);
	fake.link_control = value;
}

int interrupts_take(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	(void)device;
	CHECK(wanted == 1);
	fake.function = function;
	fake.argument = arguments[0];
	return fake.interrupts ? 1 : -BM_ENODEV;
}

void interrupts_enable(struct bm_device *device)
{
	(void)device;
	fake.lines_enabled++;
}

/* ---- The front end ---- */

int fake_probe(void)
{
	return driver_under_test->probe(&fake.device);
}

int net_add(const struct bm_net_driver *driver, struct bm_net_device **handle)
{
	const struct bm_net_ops *o = driver->ops;
	/* As net.c demands. */
	CHECK(o && o->receive && o->send && o->reclaim && o->ready && o->link && o->start &&
	      o->stop);
	CHECK(!(driver->mac[0] & 1) && driver->mtu == 1500 && driver->queues == 1);
	CHECK(driver->max_parts >= BM_NET_PARTS && driver->max_parts <= 64);
	CHECK(driver->receive_ring <= 4096 && driver->send_ring <= 4096);
	fake.driver = *driver;
	fake.added = true;
	*handle = (struct bm_net_device *)&fake;
	memcpy(fake.setup.mac, driver->mac, 6);
	fake.setup.queues = 1;
	fake.setup.filter = BM_NET_ALL_MULTICAST;
	fake.queue.device = *handle;
	return 0;
}

void net_notify(struct bm_net_device *device, uint32_t queue)
{
	CHECK(device == (struct bm_net_device *)&fake && queue == BM_NET_ALL_QUEUES);
	fake.notified++;
}

void net_fault(struct bm_net_device *device, const char *reason)
{
	CHECK(device == (struct bm_net_device *)&fake && reason);
	if (!fake.fault)
		fake.fault = reason;
}

int fake_start(void)
{
	struct bm_net_queue *queues[] = {&fake.queue};
	fake.fault = NULL;
	return fake.driver.ops->start(fake.driver.state, &fake.setup, queues);
}

void fake_stop(void)
{
	fake.driver.ops->stop(fake.driver.state);
}

int fake_reset(void)
{
	fake_stop();
	return fake_start();
}

uint32_t fake_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}
