/* SPDX-License-Identifier: MIT */
/*
 * Moving a file over its own blocks, where no other free piece could hold it: what makes all that
 * is free usable. Such a copy destroys what it is made from, so the record says how far it is:
 *
 *     at the lower place    start = low           reserved = n
 *     under way             start = low           reserved = gap + n    BMFS_SLIDE, gap, split
 *     at the higher one     start = low + gap     reserved = n
 *
 * While it is under way, the blocks of the contents before `split` are at low, low + 1, ..., and
 * the others, from `split` on, gap blocks higher than that. So between the two lie gap blocks with
 * nothing in them, and one step moves at most so many into these, down from behind them or up from
 * before them: it reads nothing that it writes, and can be made again from its start. It is flushed
 * before a durable record says so (rule 2), and only then is what it was read from written.
 * A power cut therefore leaves one of these records, each true of the contents at that moment and
 * reserving all of the blocks concerned. Whichever way it went, bmfs_mount() goes on downwards from
 * there, and a disk that is mounted read-only is read as the record says.
 *
 * Does not look for the place, and does not move pinned files.
 */
#include "internal.h"

/* What is true in memory, durable in the record. */
static int put(struct bmfs *fs, struct bmfs_file *file)
{
	struct bmfs_record *record, old;
	int error;

	if (file->record == BMFS_NO_RECORD)
		return 0; /* removed: it goes with the power anyway */
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
	bmfs_put64(record->unused,
		   file->gap ? BMFS_SLIDE | file->gap << BMFS_SLIDE_BITS | file->split : 0);
	error = bmfs_put_record(fs, (unsigned)file->record, &old, true);
	if (!error)
		file->changed = false;
	return error;
}

void bmfs_read_slide(struct bmfs_file *file, uint64_t hint)
{
	uint64_t split = hint & BMFS_SLIDE_MASK, gap = hint >> BMFS_SLIDE_BITS & BMFS_SLIDE_MASK;

	if (hint >> 2 * BMFS_SLIDE_BITS != BMFS_SLIDE >> 2 * BMFS_SLIDE_BITS || !gap ||
	    gap >= file->reserved || bmfs_contents(file) > file->reserved - gap ||
	    split > bmfs_contents(file))
		return;
	file->gap = gap;
	file->split = split;
}

/* Blocks of the contents, from one on, from where they are to the other of their places. */
static int copy(struct bmfs *fs, const struct bmfs_file *file, uint64_t block, uint64_t count,
		bool up)
{
	uint64_t low = file->start + block, high = low + file->gap;
	uint64_t bytes = bmfs_min(count * BMFS_BLOCK, file->size - block * BMFS_BLOCK);

	return count ? bmfs_copy(fs, up ? low : high, up ? high : low, bytes) : 0;
}

int bmfs_settle(struct bmfs *fs, struct bmfs_file *file)
{
	uint64_t contents = bmfs_contents(file);
	int error;

	while (file->gap) {
		struct bmfs_file old = *file;
		uint64_t count = bmfs_min(file->gap, contents - file->split);

		error = copy(fs, file, file->split, count, false);
		if (error)
			return error;
		file->split += count;
		if (file->split == contents) {
			file->reserved -= file->gap;
			file->gap = file->split = 0;
		}
		error = put(fs, file);
		if (error) {
			*file = old;
			return error;
		}
	}
	return 0;
}

static int raise_all(struct bmfs *fs, struct bmfs_file *file)
{
	int error;

	while (file->gap) {
		struct bmfs_file old = *file;
		uint64_t count = bmfs_min(file->gap, file->split);

		error = copy(fs, file, file->split - count, count, true);
		if (error)
			return error;
		file->split -= count;
		if (!file->split) {
			file->start += file->gap;
			file->reserved -= file->gap;
			file->gap = 0;
		}
		error = put(fs, file);
		if (error) {
			*file = old;
			return error;
		}
	}
	return 0;
}

int bmfs_slide(struct bmfs *fs, struct bmfs_file *file, uint64_t start)
{
	bool up = start > file->start;
	uint64_t gap = up ? start - file->start : file->start - start;
	struct bmfs_file old;
	int error = file->pins ? -BMFS_EBUSY : bmfs_settle(fs, file);

	if (error)
		return error;
	old = *file;
	if (gap > BMFS_SLIDE_MASK || bmfs_contents(file) > BMFS_SLIDE_MASK)
		return -BMFS_ENOSPC; /* its record cannot say how far it is */
	error = bmfs_claim(fs);
	if (error)
		return error;
	if (!file->size) {
		file->start = start;
	} else {
		file->start = up ? file->start : start;
		file->gap = gap;
		file->split = up ? bmfs_contents(file) : 0;
		file->reserved += gap;
	}
	error = put(fs, file);
	if (error) {
		*file = old;
		return error;
	}
	error = up ? raise_all(fs, file) : bmfs_settle(fs, file);
	fs->freed_pending = true;
	return error;
}
