/* SPDX-License-Identifier: MIT */
/*
 * Block devices: adding them, and what is told about them.
 */
#include "cpu/time.h"
#include "console/log.h"
#include "device/block_queue.h"
#include "lib/format.h"
#include <string.h>

#define DEPTH_MAX   1024
#define QUEUES_MAX  1024
#define BYTES_MAX   (1u << 30) /* of a command, where the driver has no limit */
#define POLL_NS     200000     /* before a waiter sleeps: longer than a fast disk takes */
#define TIMEOUT_MIN (BM_SECOND / 1000)
#define TIMEOUT_MAX (3600 * BM_SECOND)

struct bm_block_device *block_devices[BLOCK_DEVICES_MAX];
uint32_t block_device_count;

struct bm_block_device *block_device(uint32_t number)
{
	devices_start();
	return number < __atomic_load_n(&block_device_count, __ATOMIC_ACQUIRE)
		   ? block_devices[number]
		   : NULL;
}

/* ---- Adding ---- */

/* What a device says of itself, without blanks at its ends and without what cannot be printed. */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t length = 0;
	while (from && *from == ' ')
		from++;
	for (; from && *from && length + 1 < size; from++)
		to[length++] = *from < ' ' || *from > '~' ? '?' : *from;
	while (length && to[length - 1] == ' ')
		length--;
	to[length] = 0;
}

static bool is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

static bool is_valid(const struct bm_block_driver *d)
{
	return d->ops && d->ops->start && d->ops->kick && d->ops->poll && d->ops->reset &&
	       d->name && strlen(d->name) < 12 && is_power(d->sector_size) &&
	       d->sector_size >= 512 && d->sector_size <= 4096 && d->queues &&
	       d->queues <= QUEUES_MAX && d->depth && d->depth <= DEPTH_MAX && d->max_runs >= 2 &&
	       d->max_runs <= BLOCK_RUNS_MAX && d->max_bytes % d->sector_size == 0 &&
	       d->sectors <= INT64_MAX / d->sector_size &&
	       (!d->run_border || (is_power(d->run_border) && d->run_border >= 4096)) &&
	       (!d->run_bytes || d->run_bytes >= 4096) && is_power(d->gap_mask + 1) &&
	       d->gap_mask < 4096;
}

static size_t queue_size(const struct bm_block_driver *d)
{
	return sizeof(struct block_queue) + d->depth * sizeof(struct block_tag);
}

static struct block_queue *make_queue(struct bm_block_device *d, uint32_t index)
{
	struct block_queue *q = dma_take(queue_size(&d->driver), 64, NULL);
	struct bm_block_run *runs = dma_take(d->driver.max_runs * sizeof *runs, 64, NULL);
	if (!q || !runs) {
		dma_give(q, queue_size(&d->driver));
		dma_give(runs, d->driver.max_runs * sizeof *runs);
		return NULL;
	}
	q->index = index;
	q->device = d;
	q->runs = runs;
	q->waiting_end = &q->waiting;
	q->answered_end = &q->answered;
	q->earliest = NO_DEADLINE;
	q->free = NO_TAG;
	for (uint32_t i = d->driver.depth; i--;) {
		q->tags[i].command.tag = i;
		q->tags[i].command.runs = runs;
		q->tags[i].next_free = q->free;
		q->free = i;
	}
	return q;
}

static void give_back(struct bm_block_device *d, size_t size)
{
	for (uint32_t i = 0; i < d->driver.queues && d->queues[i]; i++) {
		dma_give(d->queues[i]->runs, d->driver.max_runs * sizeof(struct bm_block_run));
		dma_give(d->queues[i], queue_size(&d->driver));
	}
	dma_give(d, size);
}

int block_add(const struct bm_block_driver *driver, struct bm_block_device **handle)
{
	static bool busy; /* an app's drivers may add devices on any core */
	uint32_t same = 0;

	if (!driver || !handle || !is_valid(driver))
		return -BM_EINVAL;
	size_t size =
	    sizeof(struct bm_block_device) + driver->queues * sizeof(struct block_queue *);
	struct bm_block_device *d = dma_take(size, 64, NULL);
	if (!d)
		return -BM_ENOMEM;
	d->driver = *driver;
	if (!d->driver.max_bytes)
		d->driver.max_bytes = BYTES_MAX;
	if (!d->driver.physical_sector_size)
		d->driver.physical_sector_size = driver->sector_size;
	d->shift = __builtin_ctz(driver->sector_size);
	d->sector_mask = driver->sector_size - 1;
	if (!driver->run_bytes && !driver->run_border && !driver->phys_limit) {
		uint64_t all = driver->sectors << d->shift;
		d->simple_bytes[BM_BLOCK_READ] =
		    all < d->driver.max_bytes ? all : d->driver.max_bytes;
		if (!(driver->flags & BM_BLOCK_READ_ONLY))
			d->simple_bytes[BM_BLOCK_WRITE] = d->simple_bytes[BM_BLOCK_READ];
	}
	copy_text(d->model, sizeof d->model, driver->model);
	copy_text(d->serial, sizeof d->serial, driver->serial);
	copy_text(d->firmware, sizeof d->firmware, driver->firmware);
	for (uint32_t i = 0; i < driver->queues; i++)
		if (!(d->queues[i] = make_queue(d, i))) {
			give_back(d, size);
			return -BM_ENOMEM;
		}
	time_monotonic(); /* knows the counter's rate from here on */
	d->timeout_ticks = time_to_ticks(BM_BLOCK_TIMEOUT);
	d->poll_ticks = time_to_ticks(POLL_NS);

	while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
		cpu_relax();
	int number = block_device_count;
	if (number < BLOCK_DEVICES_MAX) {
		for (int i = 0; i < number; i++)
			same += !strcmp(block_devices[i]->driver.name, driver->name);
		d->number = same;
		format_text(d->name, sizeof d->name, "%s%u", driver->name, same);
		block_devices[number] = d;
		*handle = d;
		__atomic_store_n(&block_device_count, number + 1, __ATOMIC_RELEASE);
	} else {
		give_back(d, size);
		number = -BM_ENOSPC;
	}
	__atomic_clear(&busy, __ATOMIC_RELEASE);
	if (number >= 0)
		log_info("%s: \"%s\", %lu sectors of %u bytes%s", d->name, d->model,
			 d->driver.sectors, d->driver.sector_size,
			 d->driver.flags & BM_BLOCK_READ_ONLY ? ", read-only" : "");
	return number;
}

/* ---- The API's ---- */

int block_count(void)
{
	devices_start();
	return block_device_count;
}

int block_info(uint32_t device, struct bm_block_info *info)
{
	const struct bm_block_device *d = block_device(device);
	if (!d)
		return -BM_EINVAL;
	*info = (struct bm_block_info){
	    .sectors = d->driver.sectors,
	    .sector_size = d->driver.sector_size,
	    .physical_sector_size = d->driver.physical_sector_size,
	    .flags = d->driver.flags | (d->failed ? BM_BLOCK_FAILED : 0),
	    .max_transfer = d->driver.max_bytes,
	    .queues = d->driver.queues,
	    .depth = d->driver.depth,
	    .resets = d->resets,
	};
	memcpy(info->name, d->name, sizeof info->name);
	memcpy(info->model, d->model, sizeof info->model);
	memcpy(info->serial, d->serial, sizeof info->serial);
	memcpy(info->firmware, d->firmware, sizeof info->firmware);
	copy_text(info->address, sizeof info->address,
		  d->driver.device ? d->driver.device->name : "app");
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		const struct block_queue *q = d->queues[i];
		info->reads += q->requests[BM_BLOCK_READ];
		info->writes += q->requests[BM_BLOCK_WRITE];
		info->flushes += q->requests[BM_BLOCK_FLUSH];
		info->discards += q->requests[BM_BLOCK_DISCARD];
		info->bytes_read += q->sectors[BM_BLOCK_READ] << d->shift;
		info->bytes_written += q->sectors[BM_BLOCK_WRITE] << d->shift;
		info->errors += q->errors;
		info->retries += q->retries;
		info->strays += q->strays;
		info->interrupts += q->interrupts;
	}
	return 0;
}

int block_set_timeout(uint32_t device, uint64_t timeout_ns)
{
	struct bm_block_device *d = block_device(device);
	if (!d || timeout_ns < TIMEOUT_MIN || timeout_ns > TIMEOUT_MAX)
		return -BM_EINVAL;
	d->timeout_ticks = time_to_ticks(timeout_ns);
	return 0;
}
