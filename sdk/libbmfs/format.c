/* SPDX-License-Identifier: MIT */
/*
 * An empty file system.
 */
#include "internal.h"

static int zero_bytes(const struct bmfs_disk *disk, uint64_t from, uint64_t to)
{
	uint64_t sector = from / disk->sector_size, end = to / disk->sector_size;
	int error;

	if (disk->ops->zero)
		return disk->ops->zero(disk, sector, end - sector);
	memset(disk->work, 0, disk->work_size);
	while (sector < end) {
		struct bmfs_transfer transfer = {
		    sector, bmfs_min(end - sector, disk->work_size / disk->sector_size),
		    disk->work};

		error = disk->ops->write(disk, &transfer, 1, false);
		if (error)
			return error;
		sector += transfer.count;
	}
	return 0;
}

int bmfs_format(const struct bmfs_disk *disk, unsigned flags)
{
	struct bmfs_transfer head = {0, BMFS_HEAD_SIZE / disk->sector_size, disk->work};
	uint64_t blocks, last;
	int error = bmfs_disk_check(disk, &blocks);

	if (error)
		return error;
	if (blocks < BMFS_BLOCKS_FORMAT_MIN)
		return -BMFS_ETOOSMALL;
	if (disk->read_only)
		return -BMFS_EROFS;
	last = (blocks - 1) * BMFS_BLOCK;
	/* What lies behind the last block, too: a partition table's copy, maybe. */
	error = zero_bytes(disk, last, disk->sectors * disk->sector_size);
	if (!error && !(flags & BMFS_KEEP_BOOT))
		error = zero_bytes(disk, 0, BMFS_BLOCK);
	if (!error)
		error = disk->ops->read(disk, &head, 1);
	if (error)
		return error;
	memset((uint8_t *)disk->work + BMFS_TAG_AT, 0, BMFS_TAG_SIZE);
	memcpy((uint8_t *)disk->work + BMFS_TAG_AT, BMFS_TAG, sizeof(BMFS_TAG));
	memset((uint8_t *)disk->work + BMFS_DIRECTORY_AT, 0, BMFS_DIRECTORY_SIZE);
	error = disk->ops->write(disk, &head, 1, false);
	/* Block 0 is large and mostly zero; what a boot loader keeps there is copied as well. */
	for (uint64_t at = 0; !error && at < BMFS_BLOCK; at += head.count * disk->sector_size) {
		head.count = bmfs_min(disk->work_size, BMFS_BLOCK - at) / disk->sector_size;
		head.sector = at / disk->sector_size;
		error = disk->ops->read(disk, &head, 1);
		head.sector += last / disk->sector_size;
		if (!error)
			error = disk->ops->write(disk, &head, 1, false);
	}
	return error ? error : disk->ops->flush(disk);
}
