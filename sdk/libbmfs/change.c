/* SPDX-License-Identifier: MIT */
/*
 * Create, remove, rename, reserve: what changes records.
 */
#include "internal.h"

struct bmfs_file *bmfs_at(struct bmfs *fs, unsigned record)
{
	return record < BMFS_RECORDS ? fs->by_record[record] : NULL;
}

const char *bmfs_name(const struct bmfs *fs, const struct bmfs_file *file)
{
	return file->record == BMFS_NO_RECORD ? "" : fs->directory[file->record].name;
}

struct bmfs_file *bmfs_find(struct bmfs *fs, const char *name, size_t length)
{
	if (!length || length >= BMFS_NAME_SIZE)
		return NULL;
	for (unsigned i = 0; i < BMFS_RECORDS; i++) {
		struct bmfs_file *file = fs->by_record[i];

		if (file && !memcmp(fs->directory[i].name, name, length) &&
		    !fs->directory[i].name[length])
			return file;
	}
	return NULL;
}

void bmfs_hold(struct bmfs_file *file)
{
	file->users++;
}

void bmfs_pin(struct bmfs_file *file)
{
	file->pins++;
}

void bmfs_unpin(struct bmfs_file *file)
{
	file->pins--;
}

/* ---- The rules about using something again ---- */

int bmfs_claim(struct bmfs *fs)
{
	return fs->freed_pending ? bmfs_flush(fs) : 0;
}

int bmfs_claim_name(struct bmfs *fs, const char *name, size_t length)
{
	if (fs->dropped_count > BMFS_DROPPED)
		return bmfs_flush(fs); /* more than could be remembered */
	for (unsigned i = 0; i < fs->dropped_count; i++)
		if (!memcmp(fs->dropped[i], name, length) && !fs->dropped[i][length])
			return bmfs_flush(fs);
	return 0;
}

/* A name is taken away by a record that is not flushed. */
static void drop_name(struct bmfs *fs, const char *name)
{
	if (fs->dropped_count < BMFS_DROPPED)
		memcpy(fs->dropped[fs->dropped_count], name, BMFS_NAME_SIZE);
	if (fs->dropped_count <= BMFS_DROPPED)
		fs->dropped_count++;
}

/* ---- Create ---- */

static struct bmfs_file *free_file(struct bmfs *fs)
{
	for (unsigned i = 0; i < BMFS_FILES; i++)
		if (!fs->files[i].used)
			return &fs->files[i];
	return NULL;
}

/*
 * A record that is not in use, or -1. One behind the directory's end makes it longer: whatever
 * lies there must not come to light by that.
 */
static int free_record(struct bmfs *fs)
{
	unsigned end = 0;

	for (; end < BMFS_RECORDS && fs->directory[end].name[0]; end++)
		if (!bmfs_is_live(&fs->directory[end]))
			return (int)end;
	if (end == BMFS_RECORDS)
		return -BMFS_EFULL;
	if (fs->junk) {
		/* In memory the records from here on are zero. */
		for (unsigned i = end; i < BMFS_RECORDS; i++) {
			struct bmfs_record zero = fs->directory[i];

			if (i > end && bmfs_sector_of(fs, i) == bmfs_sector_of(fs, i - 1))
				continue;
			int error = bmfs_put_record(fs, i, &zero, false);
			if (error)
				return error;
		}
		int error = bmfs_flush(fs);
		if (error)
			return error;
		fs->junk = false;
	}
	return (int)end;
}

int bmfs_create(struct bmfs *fs, const char *name, size_t length, uint64_t reserve,
		struct bmfs_file **made)
{
	uint64_t blocks = bmfs_blocks_for(reserve), start;
	struct bmfs_record *record, old;
	struct bmfs_file *file;
	int error = bmfs_change_error(fs), index;

	if (error)
		return error;
	if (!bmfs_name_good(name, length))
		return -BMFS_ENAME;
	if (bmfs_find(fs, name, length))
		return -BMFS_EEXIST;
	file = free_file(fs);
	index = file ? free_record(fs) : -BMFS_EBUSY;
	if (index < 0)
		return index;
	if (!blocks)
		blocks = 1;
	start = bmfs_find_space(fs, blocks, !reserve);
	if (!start) {
		error = bmfs_make_room(fs, NULL, blocks, UINT64_MAX, &start);
		if (error)
			return error;
	}
	error = bmfs_claim_name(fs, name, length);
	if (!error)
		error = bmfs_claim(fs);
	if (error)
		return error;

	record = &fs->directory[index];
	old = *record;
	memset(record, 0, sizeof(*record));
	memcpy(record->name, name, length);
	bmfs_put64(record->start, start);
	bmfs_put64(record->reserved, blocks);
	error = bmfs_put_record(fs, (unsigned)index, &old, false);
	if (error)
		return error;
	*file = (struct bmfs_file){
	    .start = start,
	    .reserved = blocks,
	    .record = (int16_t)index,
	    .losses_seen = fs->losses,
	    .used = true,
	};
	fs->by_record[index] = file;
	*made = file;
	return 0;
}

/* ---- Remove ---- */

/* Its blocks go; at once, or when the last holder has gone. */
static void detach(struct bmfs *fs, struct bmfs_file *file)
{
	if (file->record != BMFS_NO_RECORD)
		fs->by_record[file->record] = NULL;
	file->record = BMFS_NO_RECORD;
	file->changed = false;
	fs->freed_pending = true;
	if (!file->users)
		file->used = false;
}

/* Whether one more removed file could be held on to. */
static bool may_remove(const struct bmfs *fs, const struct bmfs_file *file)
{
	unsigned removed = 0;

	if (!file->users)
		return true;
	for (unsigned i = 0; i < BMFS_FILES; i++)
		removed += fs->files[i].used && fs->files[i].record == BMFS_NO_RECORD;
	return removed < BMFS_FILES - BMFS_RECORDS;
}

int bmfs_remove(struct bmfs *fs, struct bmfs_file *file)
{
	struct bmfs_record *record, old;
	int error = bmfs_change_error(fs);

	if (error)
		return error;
	if (file->record == BMFS_NO_RECORD)
		return -BMFS_ENOENT;
	if (!may_remove(fs, file))
		return -BMFS_EBUSY;
	record = &fs->directory[file->record];
	old = *record;
	record->name[0] = BMFS_NAME_DELETED;
	error = bmfs_put_record(fs, (unsigned)file->record, &old, false);
	if (error)
		return error;
	drop_name(fs, old.name);
	detach(fs, file);
	return 0;
}

int bmfs_release(struct bmfs *fs, struct bmfs_file *file)
{
	if (--file->users)
		return 0;
	if (file->record == BMFS_NO_RECORD) {
		file->used = false;
		return 0;
	}
	return bmfs_commit(fs, file, false);
}

/* ---- Rename ---- */

static void set_name(struct bmfs_record *record, const char *name, size_t length)
{
	memset(record->name, 0, sizeof(record->name));
	memcpy(record->name, name, length);
}

/* Both records lie in one sector: one write. */
static int replace_in_sector(struct bmfs *fs, struct bmfs_file *file, struct bmfs_file *over,
			     const char *name, size_t length)
{
	struct bmfs_record *record = &fs->directory[file->record],
			   *target = &fs->directory[over->record];
	struct bmfs_record old = *record, old_target = *target;
	int error;

	set_name(record, name, length);
	target->name[0] = BMFS_NAME_DELETED;
	error = bmfs_put_record(fs, (unsigned)file->record, &old, false);
	if (error) {
		*target = old_target;
		return error;
	}
	drop_name(fs, old.name);
	detach(fs, over);
	return 0;
}

/*
 * The target's record takes the file over, with a hint to the file's own, which is deleted then.
 * Each step survives a power cut before the next, and bmfs_mount() makes the second if it must.
 */
static int replace_across(struct bmfs *fs, struct bmfs_file *file, struct bmfs_file *over,
			  const char *name, size_t length)
{
	unsigned from = (unsigned)file->record, to = (unsigned)over->record;
	struct bmfs_record *record = &fs->directory[from], *target = &fs->directory[to];
	struct bmfs_record old = *record, old_target = *target;
	int error;

	/* Where the file is, and that it is there at all, must not be in doubt meanwhile. */
	if (fs->records_pending || fs->suspect) {
		error = bmfs_flush(fs);
		if (error)
			return error;
	}
	*target = *record;
	set_name(target, name, length);
	bmfs_put64(target->unused, BMFS_HINT | from);
	error = bmfs_put_record(fs, to, &old_target, true);
	if (error)
		return error;
	detach(fs, over);
	fs->by_record[to] = file;
	fs->by_record[from] = NULL;
	file->record = (int16_t)to;

	record->name[0] = BMFS_NAME_DELETED;
	error = bmfs_put_record(fs, from, &old, true);
	if (error) {
		/* It has happened all the same: the record goes when the disk takes it. */
		record->name[0] = BMFS_NAME_DELETED;
		drop_name(fs, old.name);
	}
	return error;
}

int bmfs_rename(struct bmfs *fs, struct bmfs_file *file, const char *name, size_t length)
{
	struct bmfs_record *record, old;
	struct bmfs_file *over;
	int error = bmfs_change_error(fs);

	if (error)
		return error;
	if (!bmfs_name_good(name, length))
		return -BMFS_ENAME;
	if (file->record == BMFS_NO_RECORD)
		return -BMFS_ENOENT;
	over = bmfs_find(fs, name, length);
	if (over == file)
		return 0;
	error = bmfs_claim_name(fs, name, length);
	if (!error)
		error = bmfs_settle(fs, file);
	if (error)
		return error;
	if (over) {
		if (!may_remove(fs, over))
			return -BMFS_EBUSY;
		return (bmfs_sector_of(fs, (unsigned)file->record) ==
				bmfs_sector_of(fs, (unsigned)over->record)
			    ? replace_in_sector
			    : replace_across)(fs, file, over, name, length);
	}
	record = &fs->directory[file->record];
	old = *record;
	set_name(record, name, length);
	error = bmfs_put_record(fs, (unsigned)file->record, &old, false);
	if (!error)
		drop_name(fs, old.name);
	return error;
}

/* ---- Reserve ---- */

/* Contents first, then the record: rule 2. A file that was removed has no record to write. */
int bmfs_move(struct bmfs *fs, struct bmfs_file *file, uint64_t start, uint64_t reserved)
{
	struct bmfs_file old;
	int error;

	if (file->pins)
		return -BMFS_EBUSY;
	error = bmfs_settle(fs, file);
	if (error)
		return error;
	old = *file;
	error = bmfs_claim(fs);
	if (error)
		return error;
	if (file->size) {
		error = bmfs_copy(fs, file->start, start, file->size);
		if (error)
			return error;
	}
	file->start = start;
	file->reserved = reserved;
	if (file->record != BMFS_NO_RECORD) {
		file->changed = true;
		error = bmfs_commit(fs, file, false);
		if (error) {
			*file = old;
			return error;
		}
	}
	fs->freed_pending = true;
	return 0;
}

int bmfs_grow(struct bmfs *fs, struct bmfs_file *file, uint64_t blocks)
{
	uint64_t start, other = 0;
	int error;

	if (blocks <= file->reserved)
		return 0;
	if (blocks > fs->blocks)
		return -BMFS_ENOSPC;
	if (file->reserved &&
	    bmfs_is_free(fs, file->start + file->reserved, blocks - file->reserved)) {
		error = bmfs_claim(fs);
		if (error)
			return error;
		file->reserved = blocks;
		file->changed = true;
		return 0;
	}
	/* Move it where it fits; or move what is in its way, if that is less, or nothing fits. */
	start = file->pins ? 0 : bmfs_find_space(fs, blocks, true);
	error = bmfs_make_room(fs, file, blocks, start ? bmfs_contents(file) : UINT64_MAX, &other);
	if (!error)
		start = other;
	else if (error != -BMFS_ENOSPC || !start)
		return file->pins && error == -BMFS_ENOSPC ? -BMFS_EBUSY : error;
	if (!file->reserved || start != file->start)
		return bmfs_move(fs, file, start, blocks);
	error = bmfs_claim(fs);
	if (error)
		return error;
	file->reserved = blocks;
	file->changed = true;
	return 0;
}

int bmfs_reserve(struct bmfs *fs, struct bmfs_file *file, uint64_t bytes)
{
	uint64_t blocks = bmfs_blocks_for(bytes), least = bmfs_blocks_for(file->size);
	uint64_t old;
	int error = bmfs_change_error(fs);

	if (error)
		return error;
	if (bytes > INT64_MAX)
		return -BMFS_EFBIG;
	error = bmfs_settle(fs, file);
	if (error)
		return error;
	old = file->reserved;
	blocks = blocks > least ? blocks : least;
	blocks = blocks ? blocks : 1;
	if (blocks > old) {
		error = bmfs_grow(fs, file, blocks);
	} else if (blocks < old) {
		if (file->pins)
			return -BMFS_EBUSY;
		file->reserved = blocks;
		file->changed = true;
	}
	if (error)
		return error;
	error = bmfs_commit(fs, file, false);
	if (blocks < old)
		fs->freed_pending = true;
	return error;
}
