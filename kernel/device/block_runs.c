/* SPDX-License-Identifier: MIT */
/*
 * From a list of segments to runs of physical memory, within what a command of the device can
 * carry. Contract: block_queue.h.
 */
#include "device/block_queue.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Cut `bytes` off the end. Returns how many runs are left. */
static uint32_t cut(struct bm_block_run *runs, uint32_t count, uint64_t bytes)
{
	while (bytes && count) {
		struct bm_block_run *last = &runs[count - 1];
		uint64_t step = smaller(bytes, last->bytes);
		last->bytes -= step;
		bytes -= step;
		count -= !last->bytes;
	}
	return count;
}

int block_make_runs(struct block_queue *q, uint8_t operation,
		    const struct bm_block_segment *segment, uint64_t offset, uint64_t *sectors)
{
	const struct bm_block_device *d = q->device;
	const struct bm_block_driver *limits = &d->driver;
	struct bm_block_run *runs = q->runs;
	uint64_t left = *sectors << d->shift, total = 0, gap = limits->gap_mask;
	uint32_t count = 0;
	bool out_of_reach = false;

	if (limits->max_bytes && left > limits->max_bytes)
		left = limits->max_bytes;
	while (left) {
		if (offset == segment->bytes) {
			segment++;
			offset = 0;
		}
		uint64_t address = (uint64_t)segment->address + offset, phys;
		uint64_t bytes = page_span(&q->spans, address, operation == BM_BLOCK_READ, &phys);
		if (!bytes)
			return -BM_EFAULT;
		bytes = smaller(smaller(bytes, segment->bytes - offset), left);
		struct bm_block_run *last = count ? &runs[count - 1] : NULL;
		bool join = last && last->phys + last->bytes == phys;
		if (last && !join && (phys | (last->phys + last->bytes)) & gap)
			break;
		if (limits->run_border) {
			bytes =
			    smaller(bytes, limits->run_border - (phys & (limits->run_border - 1)));
			join = join && phys & (limits->run_border - 1);
		}
		if (limits->run_bytes) {
			uint64_t room = limits->run_bytes - (join ? last->bytes : 0);
			join = join && room;
			bytes = smaller(bytes, room ? room : limits->run_bytes);
		}
		/* More than the device can reach is for its driver to move. */
		if (limits->phys_limit && phys + bytes > limits->phys_limit)
			out_of_reach = true;
		if (join) {
			last->bytes += bytes;
		} else if (count == limits->max_runs) {
			break;
		} else {
			runs[count].phys = phys;
			runs[count++].bytes = bytes;
		}
		offset += bytes;
		left -= bytes;
		total += bytes;
	}
	uint64_t odd = total & (limits->sector_size - 1);
	*sectors = total >> d->shift;
	if (odd)
		count = cut(runs, count, odd);
	if (!count)
		return -BM_EFAULT;
	return out_of_reach ? 0 : (int)count;
}
