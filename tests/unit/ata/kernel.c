/* SPDX-License-Identifier: MIT */
/*
 * The kernel around a disk driver. Contract: kernel.h.
 */
#include "kernel.h"
#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/pci.h"
#include "lib/format.h"
#include "memory/layout.h"

#define ARENA       (LAYOUT_DEVICES + 0x100000)
#define ARENA_BYTES (64ul << 20)
#define BORDER      256

unsigned checks, failures;
struct fake fake;
static uint64_t next_memory;
static uint64_t random_state;
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

void time_delay_us(uint32_t us)
{
	fake.now += us * 1000ul;
}

/* ---- Memory ---- */

void fake_begin(void)
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
	fake.interrupts = true;
	next_memory = ARENA;
	random_state = 88172645463325252;
	fake.device.bus = BM_BUS_PCI;
	strcpy(fake.device.name, "pci 00:1f.2");
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
	fake.taken++;
	if (phys)
		*phys = dma_phys(memory);
	return memory;
}

void dma_give(void *memory, size_t bytes)
{
	if (!memory)
		return;
	fake.taken--;
	__asan_poison_memory_region(memory, bytes);
}

void *fake_memory(uint64_t phys)
{
	return (void *)(phys + LAYOUT_DEVICES);
}

uint8_t *fake_buffer(uint32_t bytes)
{
	return take(bytes, 4096);
}

/* ---- The rest of the kernel ---- */

void log_line(int level, const char *format, ...)
{
	fake.warnings += level <= BM_LOG_WARNING;
	if (getenv("VERBOSE")) {
		va_list arguments;
		va_start(arguments, format);
		vfprintf(stderr, format, arguments);
		va_end(arguments);
		fputc('\n', stderr);
	}
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
	return length;
}

const char *device_error(int status)
{
	(void)status;
	return "error";
}

const struct bm_pci_bar *pci_bar(const struct bm_device *device, uint32_t bar)
{
	(void)device;
	return bar < 6 ? &fake.bars[bar] : NULL;
}

volatile void *pci_map_bar(const struct bm_device *device, uint32_t bar, uint64_t offset,
			   uint64_t bytes)
{
	(void)device;
	(void)bytes;
	/* Not to be touched but by the accessors. */
	return fake.bars[bar].size ? (volatile void *)(0x1000000 + offset) : NULL;
}

uint16_t pci_ports(const struct bm_device *device, uint32_t bar, uint32_t bytes)
{
	(void)device;
	return fake.bars[bar].size >= bytes ? fake.bars[bar].address : 0;
}

void pci_master(const struct bm_device *device, bool on)
{
	(void)device;
	fake.master = on;
}

uint32_t pci_config_read(const struct bm_device *device, uint32_t offset, uint32_t size)
{
	(void)device;
	(void)offset;
	(void)size;
	return 0;
}

void pci_config_write(const struct bm_device *device, uint32_t offset, uint32_t size,
		      uint32_t value)
{
	(void)device;
	(void)offset;
	(void)size;
	(void)value;
}

int interrupts_take(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	(void)device;
	(void)wanted;
	fake.function = function;
	fake.argument = arguments[0];
	return fake.interrupts ? 1 : -BM_ENODEV;
}

void interrupts_enable(struct bm_device *device)
{
	(void)device;
	fake.lines_enabled++;
}

int interrupt_line_take(uint32_t line, void (*function)(void *), void *argument)
{
	(void)line;
	fake.function = function;
	fake.argument = argument;
	return fake.interrupts ? 1 : -BM_ENODEV;
}

void interrupt_line_enable(uint32_t line)
{
	(void)line;
	fake.lines_enabled++;
}

int fake_probe(void)
{
	fake.probed = driver_under_test->probe(&fake.device);
	return fake.probed;
}

/* ---- The front end ---- */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

int block_add(const struct bm_block_driver *driver, struct bm_block_device **handle)
{
	CHECK(fake.count < DEVICES);
	struct fake_device *d = &fake.devices[fake.count];
	d->driver = *driver;
	copy(d->model, sizeof d->model, driver->model);
	copy(d->serial, sizeof d->serial, driver->serial);
	copy(d->firmware, sizeof d->firmware, driver->firmware);
	/* As block_device.c demands. */
	uint32_t size = driver->sector_size;
	CHECK(size >= 512 && size <= 4096 && !(size & (size - 1)));
	CHECK(driver->queues == 1 && driver->depth && driver->depth <= TAGS);
	CHECK(driver->max_bytes % size == 0 && driver->max_bytes);
	CHECK(driver->max_runs >= 2 && driver->max_runs <= 256);
	CHECK(driver->sectors <= INT64_MAX / size);
	*handle = (struct bm_block_device *)d;
	return fake.count++;
}

int block_finish(struct bm_block_device *device, uint32_t queue, uint32_t tag, int status)
{
	struct fake_device *d = (struct fake_device *)device;
	CHECK(queue == 0);
	CHECK(tag < TAGS && d->in_use[tag]); /* these drivers know their tags themselves */
	if (tag >= TAGS || !d->in_use[tag])
		return -BM_EINVAL;
	d->answers++;
	if (status == -BM_EAGAIN) {
		d->results[tag] = AGAIN;
		return 0;
	}
	d->in_use[tag] = false;
	d->results[tag] = status;
	return 0;
}

void block_notify(struct bm_block_device *device, uint32_t queue)
{
	(void)queue;
	((struct fake_device *)device)->notified++;
}

int fake_start(uint32_t device, uint32_t tag, uint8_t operation, uint8_t flags, uint64_t sector,
	       uint32_t sectors, uint8_t *buffer, uint32_t pieces)
{
	static struct bm_block_segment segments[DEVICES][TAGS][2];
	struct fake_device *d = &fake.devices[device];
	struct bm_block_run runs[256];
	uint32_t size = d->driver.sector_size, bytes = buffer ? sectors * size : 0;
	struct bm_block_command c = {operation, flags, tag,  sectors, sector,
				     bytes,     0,     runs, NULL,    0};

	CHECK(!d->in_use[tag] && tag < d->driver.depth && bytes <= d->driver.max_bytes);
	for (uint32_t at = 0; pieces && at < bytes;) {
		uint32_t step = (sectors + pieces - 1) / pieces * size;
		step = step < bytes - at ? step : bytes - at;
		runs[c.run_count++] = (struct bm_block_run){dma_phys(buffer + at), step, 0};
		at += step;
	}
	/* The same by address: two segments, and something before the first. */
	if (buffer) {
		uint32_t first = (sectors + 1) / 2 * size;
		segments[device][tag][0] = (struct bm_block_segment){buffer - size, first + size};
		segments[device][tag][1] = (struct bm_block_segment){buffer + first, bytes - first};
		c.segments = segments[device][tag];
		c.segment_offset = size;
	}
	d->in_use[tag] = true;
	d->results[tag] = PENDING;
	int error = d->driver.ops->start(d->driver.state, 0, &c);
	if (error)
		d->in_use[tag] = false;
	/* What stands there counts during the call alone. */
	memset(runs, 0xee, sizeof runs);
	return error;
}

void fake_kick(uint32_t device)
{
	struct fake_device *d = &fake.devices[device];
	if (d->driver.ops->kick)
		d->driver.ops->kick(d->driver.state, 0);
}

void fake_poll(uint32_t device)
{
	struct fake_device *d = &fake.devices[device];
	d->driver.ops->poll(d->driver.state, 0);
}

int fake_wait(uint32_t device, uint32_t tag, uint64_t ns)
{
	struct fake_device *d = &fake.devices[device];
	uint64_t start = fake.now;
	while (d->results[tag] == PENDING && fake.now - start < ns) {
		/* The longer it takes, the rarer. */
		fake.now += 5000 + (fake.now - start) / 64;
		fake_poll(device);
	}
	return d->results[tag];
}

int fake_reset(uint32_t device)
{
	struct fake_device *d = &fake.devices[device];
	memset(d->in_use, 0, sizeof d->in_use);
	return d->driver.ops->reset(d->driver.state);
}

uint32_t fake_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}
