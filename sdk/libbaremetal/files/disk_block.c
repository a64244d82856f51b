/* SPDX-License-Identifier: MIT */
/*
 * libbmfs's transfers, on block devices: all of a list at once, straight between the device and
 * the memory that is given. Interface: disk.h.
 */
#include "disk.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/block.h>

#define BATCH 4 /* requests at once; libbmfs asks for 2 */

struct batch {
	uint32_t left; /* not yet answered */
	uint32_t device;
	unsigned count;
	struct bm_block_request requests[BATCH];
	struct bm_block_segment segments[BATCH];
};

/* With the last answer, the batch may be gone as soon as it has been counted. */
static void answered(struct bm_block_request *request)
{
	struct batch *batch = request->user;
	uint32_t *left = &batch->left;

	__atomic_sub_fetch(left, 1, __ATOMIC_SEQ_CST);
	disk_wake(left);
}

static void look(void *argument, bool sleep)
{
	struct batch *batch = argument;

	for (unsigned i = 0; i < batch->count; i++) {
		struct bm_block_request *request = &batch->requests[i];

		if (__atomic_load_n(&request->status, __ATOMIC_ACQUIRE) != BM_BLOCK_PENDING)
			continue;
		bm_block_poll(batch->device, request->queue);
		/* A task polls it for us then. */
		if (sleep &&
		    __atomic_load_n(&request->status, __ATOMIC_ACQUIRE) == BM_BLOCK_PENDING)
			bm_block_arm(batch->device, request->queue);
	}
}

static int error_of(int32_t status)
{
	switch (status) {
	case 0:
		return 0;
	case -BM_EROFS:
		return -BMFS_EROFS;
	case -BM_EFAULT:
		return -BMFS_EFAULT;
	default:
		return -BMFS_EIO;
	}
}

/* A thread lets others run; else the core sleeps, and runs nothing: see struct disk_lock. */
static void wait_for_all(struct batch *batch, bool leave)
{
	uint32_t left;

	for (unsigned i = 0; i < batch->count && !leave; i++)
		bm_block_wait_alone(batch->device, &batch->requests[i]);
	while (leave && (left = __atomic_load_n(&batch->left, __ATOMIC_SEQ_CST)))
		disk_wait(&batch->left, left, look, batch);
}

/* Submit all, wait for all. Returns the first error. */
static int run(struct batch *batch)
{
	struct bm_block_request *list[BATCH];
	unsigned taken = 0;
	bool leave = disk_can_leave();

	batch->left = batch->count;
	for (unsigned i = 0; i < batch->count; i++) {
		list[i] = &batch->requests[i];
		list[i]->user = batch;
		list[i]->done = leave ? answered : NULL;
	}
	while (taken < batch->count) {
		int n = bm_block_submit(batch->device, list + taken, batch->count - taken);

		if (n < 0 && !taken)
			return -BMFS_EIO;
		if (n < 0)
			__atomic_sub_fetch(&batch->left, batch->count - taken, __ATOMIC_SEQ_CST);
		if (n < 0)
			break;
		if (!n)
			bm_block_poll(batch->device, BM_BLOCK_ALL_QUEUES);
		taken += (unsigned)n;
	}
	batch->count = taken;
	wait_for_all(batch, leave);
	for (unsigned i = 0; i < batch->count; i++)
		if (batch->requests[i].status)
			return error_of(batch->requests[i].status);
	return 0;
}

static int transfer(const struct bmfs_disk *disk, const struct bmfs_transfer *list, unsigned count,
		    uint8_t operation, uint8_t flags)
{
	const struct disk_part *part = disk->context;
	struct batch batch;
	int error = 0;

	while (count && !error) {
		unsigned here = count < BATCH ? count : BATCH;

		memset(&batch, 0, sizeof(batch));
		batch.device = part->device;
		batch.count = here;
		for (unsigned i = 0; i < here; i++) {
			batch.segments[i] = (struct bm_block_segment){
			    list[i].buffer, list[i].count * disk->sector_size};
			batch.requests[i].operation = operation;
			batch.requests[i].flags = flags;
			batch.requests[i].segment_count = 1;
			batch.requests[i].segments = &batch.segments[i];
			batch.requests[i].sector = part->first + list[i].sector;
		}
		error = run(&batch);
		list += here;
		count -= here;
	}
	return error;
}

static int part_read(const struct bmfs_disk *disk, const struct bmfs_transfer *list, unsigned count)
{
	return transfer(disk, list, count, BM_BLOCK_READ, 0);
}

static int part_write(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
		      unsigned count, bool durable)
{
	return transfer(disk, list, count, BM_BLOCK_WRITE, durable ? BM_BLOCK_FUA : 0);
}

static int part_flush(const struct bmfs_disk *disk)
{
	const struct disk_part *part = disk->context;
	struct batch batch;

	memset(&batch, 0, sizeof(batch));
	batch.device = part->device;
	batch.count = 1;
	batch.requests[0].operation = BM_BLOCK_FLUSH;
	return run(&batch);
}

static const struct bmfs_disk_ops part_ops = {
    .read = part_read,
    .write = part_write,
    .flush = part_flush,
};

int disk_part_open(struct disk_part *part, uint32_t device)
{
	struct bm_block_info info;

	if (bm_block_info(device, &info) || info.flags & BM_BLOCK_FAILED)
		return -EIO;
	*part = (struct disk_part){
	    .device = device,
	    .disk = {.ops = &part_ops,
		     .sectors = info.sectors,
		     .sector_size = info.sector_size,
		     .alignment = BM_BLOCK_ALIGN,
		     .read_only = info.flags & BM_BLOCK_READ_ONLY,
		     .work_size = DISK_WORK},
	};
	part->disk.work = memalign(4096, DISK_WORK);
	part->disk.context = part;
	return part->disk.work ? 0 : -ENOMEM;
}

void disk_part_set(struct disk_part *part, uint64_t first, uint64_t sectors)
{
	part->first = first;
	part->disk.sectors = sectors;
}

void disk_part_close(struct disk_part *part)
{
	free(part->disk.work);
}
