/* SPDX-License-Identifier: MIT */
/*
 * From a disk to a struct bmfs, and back.
 *
 * Work area: 8 KiB to stage what is not the caller's, 4 KiB for each of two sectors of which a
 * part was transferred last (data.c), and the rest for copies.
 */
#include "internal.h"

#define EDGE_SIZE 4096u

int bmfs_disk_check(const struct bmfs_disk *disk, uint64_t *blocks)
{
	uint32_t size = disk->sector_size;

	if (size < 512 || size > 4096 || size & (size - 1))
		return -BMFS_ESECTOR;
	if (!disk->alignment || disk->alignment > 4096 || disk->alignment & (disk->alignment - 1) ||
	    !disk->work || (uintptr_t)disk->work % disk->alignment ||
	    disk->work_size < BMFS_WORK_MIN || disk->work_size % 4096)
		return -BMFS_EINVAL;
	if (disk->sectors > (uint64_t)INT64_MAX / size)
		return -BMFS_ETOOLARGE;
	*blocks = disk->sectors * size / BMFS_BLOCK;
	return *blocks < BMFS_BLOCKS_MIN ? -BMFS_ETOOSMALL : 0;
}

int bmfs_disk_read(const struct bmfs_disk *disk, uint64_t byte, void *buffer, size_t size)
{
	struct bmfs_transfer transfer = {byte / disk->sector_size, size / disk->sector_size,
					 disk->work};
	int error = disk->ops->read(disk, &transfer, 1);

	if (!error)
		memcpy(buffer, disk->work, size);
	return error;
}

int bmfs_disk_write(const struct bmfs_disk *disk, uint64_t byte, const void *data, size_t size,
		    bool durable)
{
	struct bmfs_transfer transfer = {byte / disk->sector_size, size / disk->sector_size,
					 disk->work};

	if (disk->read_only)
		return -BMFS_EROFS;
	memcpy(disk->work, data, size);
	return disk->ops->write(disk, &transfer, 1, durable);
}

/* The tag and the directory that begin at a byte of the disk. */
static int read_head(const struct bmfs_disk *disk, uint64_t at, struct bmfs_record *directory)
{
	struct bmfs_transfer transfer = {at / disk->sector_size, BMFS_HEAD_SIZE / disk->sector_size,
					 disk->work};
	const uint8_t *head = disk->work;
	int error = disk->ops->read(disk, &transfer, 1);

	if (error)
		return error;
	if (!bmfs_is_tag(head + BMFS_TAG_AT))
		return -BMFS_EFORMAT;
	memcpy(directory, head + BMFS_DIRECTORY_AT, BMFS_DIRECTORY_SIZE);
	return 0;
}
_Static_assert(BMFS_HEAD_SIZE <= BMFS_STAGE_SIZE, "the head is staged");

/* A file for a record; what is not true of it is cut to what can be. */
static void add_file(struct bmfs *fs, unsigned i, uint32_t problems)
{
	struct bmfs_record *record = &fs->directory[i];
	struct bmfs_file *file = &fs->files[i];
	uint64_t start = bmfs_get64(record->start), reserved = bmfs_get64(record->reserved);

	if (problems & (1u << BMFS_OUTSIDE | 1u << BMFS_INTERRUPTED))
		return;
	if (problems & 1u << BMFS_NO_BLOCK)
		start = 1;
	reserved = bmfs_min(reserved, fs->blocks - start);
	*file = (struct bmfs_file){
	    .start = start,
	    .reserved = reserved,
	    .size = bmfs_min(bmfs_get64(record->size), reserved * BMFS_BLOCK),
	    .shown = bmfs_get64(record->size),
	    .record = (int16_t)i,
	    .used = true,
	};
	if (!(problems & (1u << BMFS_NO_BLOCK | 1u << BMFS_CUT | 1u << BMFS_TOO_LONG)))
		bmfs_read_slide(file, bmfs_get64(record->unused));
	fs->by_record[i] = file;
	record->name[BMFS_NAME_SIZE - 1] = 0; /* read-only then, if it was something else */
}

/* The second half of a rename that lost its power: the old record goes. */
static int finish_rename(struct bmfs *fs, unsigned record)
{
	struct bmfs_record old = fs->directory[record];

	fs->directory[record].name[0] = BMFS_NAME_DELETED;
	if (fs->read_only || fs->damages)
		return 0; /* hidden, and left on the disk */
	return bmfs_put_record(fs, record, &old, true);
}

int bmfs_mount(struct bmfs *fs, const struct bmfs_disk *disk, unsigned flags)
{
	struct bmfs_scan scan;
	int error;

	memset(fs, 0, sizeof(*fs));
	fs->disk = disk;
	fs->read_only = disk->read_only || flags & BMFS_READ_ONLY;
	error = bmfs_disk_check(disk, &fs->blocks);
	if (error)
		return error;
	for (int i = 0; i < 2; i++)
		fs->edge[i] = (struct bmfs_edge){
		    BMFS_NO_SECTOR, (uint8_t *)disk->work + BMFS_STAGE_SIZE + i * EDGE_SIZE};
	fs->bulk = (uint8_t *)disk->work + BMFS_STAGE_SIZE + 2 * EDGE_SIZE;
	fs->bulk_size = disk->work_size - BMFS_STAGE_SIZE - 2 * EDGE_SIZE;

	error = read_head(disk, 0, fs->directory);
	if (error == -BMFS_EFORMAT &&
	    !read_head(disk, (fs->blocks - 1) * BMFS_BLOCK, fs->directory))
		return -BMFS_ECOPY;
	if (error)
		return error;

	bmfs_scan(fs->directory, fs->blocks, &scan);
	fs->junk = scan.junk;
	fs->notes = scan.junk;
	fs->copy_behind = false;
	for (unsigned i = 0; i < scan.end; i++) {
		for (unsigned p = 0; p < 32; p++) {
			if (!(scan.problems[i] & 1u << p))
				continue;
			if (bmfs_problem_is_damage((enum bmfs_problem)p))
				fs->damages++;
			else
				fs->notes++;
		}
		fs->keep_no_copy |= scan.problems[i] & 1u << BMFS_IN_COPY;
	}
	for (unsigned i = scan.end; i < BMFS_RECORDS; i++)
		memset(&fs->directory[i], 0, sizeof(fs->directory[i]));
	for (unsigned i = 0; i < scan.end; i++)
		if (bmfs_is_live(&fs->directory[i]))
			add_file(fs, i, scan.problems[i]);
	for (unsigned i = 0; i < scan.end; i++) {
		if (!(scan.problems[i] & 1u << BMFS_INTERRUPTED))
			continue;
		error = finish_rename(fs, i);
		if (error)
			return error;
		fs->notes--;
	}
	for (unsigned i = 0; i < scan.end && !bmfs_change_error(fs); i++) {
		error = fs->by_record[i] ? bmfs_settle(fs, fs->by_record[i]) : 0;
		if (error)
			return error;
	}
	return 0;
}

int bmfs_unmount(struct bmfs *fs)
{
	return bmfs_sync_all(fs);
}
