/* SPDX-License-Identifier: MIT */
/*
 * Writing the directory, and flushes.
 *
 * fs->directory is what the disk has, or is being given: sizes and places that are only true in
 * memory are in fs->files. A sector of the directory is written whole, from there.
 */
#include "internal.h"

int bmfs_change_error(const struct bmfs *fs)
{
	return fs->read_only ? -BMFS_EROFS : fs->damages ? -BMFS_EDAMAGED : 0;
}

static int write_sector(struct bmfs *fs, unsigned sector, bool durable)
{
	uint32_t size = fs->disk->sector_size;
	int error;

	/* On a disk of large sectors the directory is one of them. */
	error =
	    bmfs_disk_write(fs->disk, BMFS_DIRECTORY_AT + (uint64_t)sector * size,
			    (const uint8_t *)fs->directory + (size_t)sector * size, size, durable);
	if (error)
		fs->suspect |= (uint8_t)(1u << sector);
	else
		fs->suspect &= (uint8_t) ~(1u << sector);
	if (!durable || error)
		fs->records_pending = true;
	return error;
}

/* What could not be written before, first. */
static int write_suspects(struct bmfs *fs)
{
	int error = 0;

	for (unsigned i = 0; i < 8 && !error; i++)
		if (fs->suspect & 1u << i)
			error = write_sector(fs, i, true);
	return error;
}

int bmfs_put_record(struct bmfs *fs, unsigned record, const struct bmfs_record *old, bool durable)
{
	struct bmfs_record now = fs->directory[record];
	struct bmfs_file *file = fs->by_record[record];
	uint64_t size = bmfs_get64(now.size);
	int error;

	fs->directory[record] = *old;
	error = write_suspects(fs);
	if (error)
		return error;
	fs->directory[record] = now;
	fs->copy_behind = true;
	error = write_sector(fs, bmfs_sector_of(fs, record), durable);
	if (file && ((durable && !error) || size > file->shown))
		file->shown = size;
	if (error) {
		/* The disk may have either: until it is told again, no block and no name is free.
		 */
		fs->directory[record] = *old;
		fs->freed_pending = true;
		fs->dropped_count = BMFS_DROPPED + 1;
	}
	return error;
}

/* May be called while others transfer directly: what they write from here on is pending again. */
static int flush_data(struct bmfs *fs)
{
	int error;

	__atomic_store_n(&fs->data_pending, false, __ATOMIC_SEQ_CST);
	error = fs->disk->ops->flush(fs->disk);
	if (error) {
		__atomic_store_n(&fs->data_pending, true, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&fs->losses, 1, __ATOMIC_SEQ_CST);
	}
	return error;
}

int bmfs_flush(struct bmfs *fs)
{
	int error = write_suspects(fs);

	if (error)
		return error;
	error = flush_data(fs);
	if (error) {
		/* Records that were under way may be lost; these are known here. */
		fs->suspect |= (uint8_t)((1u << (BMFS_DIRECTORY_SIZE / fs->disk->sector_size)) - 1);
		return error;
	}
	for (unsigned i = 0; i < BMFS_FILES && fs->records_pending; i++) {
		struct bmfs_file *file = &fs->files[i];

		file->shown = file->used && file->record != BMFS_NO_RECORD
				  ? bmfs_get64(fs->directory[file->record].size)
				  : 0;
	}
	fs->records_pending = fs->freed_pending = false;
	fs->dropped_count = 0;
	return 0;
}

int bmfs_commit(struct bmfs *fs, struct bmfs_file *file, bool durable)
{
	struct bmfs_record *record, old;
	int error;

	if (!file->changed || file->record == BMFS_NO_RECORD)
		return 0;
	if (__atomic_load_n(&fs->data_pending, __ATOMIC_SEQ_CST)) {
		error = bmfs_flush(fs);
		if (error)
			return error;
	}
	record = &fs->directory[file->record];
	old = *record;
	bmfs_put64(record->start, file->start);
	bmfs_put64(record->reserved, file->reserved);
	bmfs_put64(record->size, file->size);
	if ((bmfs_get64(record->unused) & ~BMFS_HINT_MASK) == BMFS_HINT ||
	    (!file->gap && bmfs_get64(record->unused) >> 2 * BMFS_SLIDE_BITS ==
			       BMFS_SLIDE >> 2 * BMFS_SLIDE_BITS))
		bmfs_put64(record->unused, 0);
	error = bmfs_put_record(fs, (unsigned)file->record, &old, durable);
	if (error)
		return error;
	file->changed = false;
	return 0;
}

int bmfs_settle_cut(struct bmfs *fs, struct bmfs_file *file)
{
	if (file->shown <= file->size)
		return 0;
	if (file->changed && file->record != BMFS_NO_RECORD)
		return bmfs_commit(fs, file, true);
	return bmfs_flush(fs);
}

void bmfs_put_copy(struct bmfs *fs)
{
	const struct bmfs_disk *disk = fs->disk;
	struct bmfs_transfer transfer = {0, BMFS_HEAD_SIZE / disk->sector_size, disk->work};

	if (!fs->copy_behind || fs->keep_no_copy || bmfs_change_error(fs))
		return;
	if (disk->ops->read(disk, &transfer, 1))
		return;
	memcpy((uint8_t *)disk->work + BMFS_DIRECTORY_AT, fs->directory, BMFS_DIRECTORY_SIZE);
	transfer.sector = (fs->blocks - 1) * (BMFS_BLOCK / disk->sector_size);
	fs->records_pending = true;
	if (!disk->ops->write(disk, &transfer, 1, false))
		fs->copy_behind = false;
}

static bool is_data_pending(const struct bmfs *fs)
{
	return __atomic_load_n(&fs->data_pending, __ATOMIC_SEQ_CST);
}

/* What was lost is told once for each file, since its owner alone can write it again. */
static int tell_losses(struct bmfs *fs, uint32_t *seen, int error)
{
	uint32_t losses = __atomic_load_n(&fs->losses, __ATOMIC_SEQ_CST);

	if (*seen == losses)
		return error;
	*seen = losses;
	return -BMFS_EIO;
}

int bmfs_flush_direct(struct bmfs *fs, struct bmfs_file *file)
{
	int error = 0;

	if (bmfs_change_error(fs))
		return 0;
	if (is_data_pending(fs) || file->pins)
		error = flush_data(fs);
	return tell_losses(fs, &file->losses_seen, error);
}

int bmfs_sync(struct bmfs *fs, struct bmfs_file *file)
{
	int error = 0;

	if (bmfs_change_error(fs))
		return 0; /* nothing was ever written */
	if (file->changed && file->record != BMFS_NO_RECORD)
		error = bmfs_commit(fs, file, true);
	else if (is_data_pending(fs) || fs->records_pending || fs->suspect || file->pins)
		error = bmfs_flush(fs);
	return tell_losses(fs, &file->losses_seen, error);
}

int bmfs_sync_all(struct bmfs *fs)
{
	int error, first = 0;

	if (bmfs_change_error(fs))
		return 0;
	for (unsigned i = 0; i < BMFS_FILES; i++) {
		if (!fs->files[i].used || !fs->files[i].changed)
			continue;
		error = bmfs_commit(fs, &fs->files[i], false);
		first = first ? first : error;
	}
	bmfs_put_copy(fs);
	if (is_data_pending(fs) || fs->records_pending || fs->suspect) {
		error = bmfs_flush(fs);
		first = first ? first : error;
	}
	return tell_losses(fs, &fs->losses_seen, first);
}
