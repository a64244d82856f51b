/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a disk, and mending it.
 *
 * Repairs go from what needs no judgement to what costs space: first the records alone, written at
 * once; then files are moved apart, one by one, as a mounted disk does it.
 */
#include "internal.h"

struct check {
	const struct bmfs_disk *disk;
	uint64_t blocks;
	bool repair;
	int damages; /* that are left */
	void (*found)(void *context, const struct bmfs_finding *finding);
	void *context;
};

static void tell(struct check *check, enum bmfs_problem problem, int record,
		 const struct bmfs_record *of, const char *action)
{
	char name[BMFS_NAME_SIZE + 1] = "";
	struct bmfs_finding finding = {problem, record, name, action};

	for (unsigned i = 0; of && i < BMFS_NAME_SIZE && of->name[i]; i++)
		name[i] = (uint8_t)of->name[i] < ' ' || of->name[i] == 0x7f ? '?' : of->name[i];
	if (!action && bmfs_problem_is_damage(problem))
		check->damages++;
	if (check->found)
		check->found(check->context, &finding);
}

/* ---- Records ---- */

static bool name_taken(const struct bmfs_record *directory, unsigned except, const char *name)
{
	for (unsigned i = 0; i < BMFS_RECORDS && directory[i].name[0]; i++)
		if (i != except && bmfs_is_live(&directory[i]) &&
		    !strncmp(directory[i].name, name, BMFS_NAME_SIZE))
			return true;
	return false;
}

/* Make a name good and unlike the others: cut at its end if it has none, and with ~1 to ~64. */
static void mend_name(struct bmfs_record *directory, unsigned record)
{
	char name[BMFS_NAME_SIZE] = "";
	unsigned length = 0;

	for (; length < BMFS_NAME_SIZE - 1 && directory[record].name[length]; length++) {
		char c = directory[record].name[length];

		name[length] = (uint8_t)c < ' ' || c == 0x7f || c == '/' ? '_' : c;
	}
	for (unsigned n = 1;
	     !bmfs_name_good(name, strlen(name)) || name_taken(directory, record, name); n++) {
		char *end = name + (length < BMFS_NAME_SIZE - 4 ? length : BMFS_NAME_SIZE - 4);

		*end++ = '~';
		if (n >= 10)
			*end++ = (char)('0' + n / 10);
		*end++ = (char)('0' + n % 10);
		*end = 0;
	}
	memcpy(directory[record].name, name, sizeof(name));
}

/* Blocks behind a record's end that nobody has. */
static bool free_behind(const struct check *check, const struct bmfs_record *directory,
			unsigned record, uint64_t count)
{
	uint64_t start =
	    bmfs_get64(directory[record].start) + bmfs_get64(directory[record].reserved);

	if (start >= check->blocks - 1 || count > check->blocks - 1 - start)
		return false;
	for (unsigned i = 0; i < BMFS_RECORDS && directory[i].name[0]; i++) {
		uint64_t other = bmfs_get64(directory[i].start);

		if (i == record || !bmfs_is_live(&directory[i]) || other >= check->blocks)
			continue;
		uint64_t reserved =
		    bmfs_min(bmfs_get64(directory[i].reserved), check->blocks - other);
		if (other < start + count && start < other + reserved)
			return false;
	}
	return true;
}

/* Mend what needs no block to be moved; tell of all else. */
static void mend_record(struct check *check, struct bmfs_record *directory, unsigned i,
			enum bmfs_problem problem)
{
	struct bmfs_record *record = &directory[i], before = *record;
	uint64_t start = bmfs_get64(record->start), reserved = bmfs_get64(record->reserved),
		 size = bmfs_get64(record->size);
	const char *action = NULL;

	switch (problem) {
	case BMFS_INTERRUPTED:
		record->name[0] = BMFS_NAME_DELETED;
		action = "finished: its old name is removed";
		break;
	case BMFS_OUTSIDE:
		record->name[0] = BMFS_NAME_DELETED;
		action = "removed: nothing of it is on the disk";
		break;
	case BMFS_CUT:
		reserved = check->blocks - start;
		bmfs_put64(record->reserved, reserved);
		action = "cut at the end of the disk";
		break;
	case BMFS_UNTERMINATED:
	case BMFS_BAD_NAME:
	case BMFS_TWICE:
		mend_name(directory, i);
		action = "renamed";
		break;
	case BMFS_TOO_LONG:
		if (size <= check->blocks * BMFS_BLOCK &&
		    free_behind(check, directory, i, bmfs_blocks_for(size) - reserved)) {
			bmfs_put64(record->reserved, bmfs_blocks_for(size));
			action = "the free blocks behind it are reserved for it";
		} else {
			action = "its size is cut to what it reserves";
		}
		break;
	default:
		return;
	}
	if (!check->repair) {
		*record = before;
		action = NULL;
	}
	reserved = bmfs_get64(record->reserved);
	if (check->repair && problem != BMFS_INTERRUPTED && size > bmfs_block_bytes(reserved))
		bmfs_put64(record->size, bmfs_block_bytes(reserved));
	tell(check, problem, (int)i, &before, action);
}

/* In this order: what comes later relies on what came before. */
static const enum bmfs_problem of_records[] = {BMFS_INTERRUPTED,  BMFS_OUTSIDE,  BMFS_CUT,
					       BMFS_UNTERMINATED, BMFS_BAD_NAME, BMFS_TWICE,
					       BMFS_TOO_LONG};

static void check_records(struct check *check, struct bmfs_record *directory)
{
	struct bmfs_scan scan;

	for (unsigned p = 0; p < sizeof(of_records) / sizeof(*of_records); p++) {
		bmfs_scan(directory, check->blocks, &scan);
		for (unsigned i = 0; i < scan.end; i++)
			if (scan.problems[i] & 1u << of_records[p])
				mend_record(check, directory, i, of_records[p]);
	}
	if (scan.junk) {
		if (check->repair)
			memset(&directory[scan.end], 0,
			       (BMFS_RECORDS - scan.end) * sizeof(*directory));
		tell(check, BMFS_JUNK, -1, NULL, check->repair ? "removed" : NULL);
	}
}

/* ---- Files ---- */

/* A place of its own for what it has in it, with as much more of its reservation as there is. */
static int give_place(struct bmfs *fs, struct bmfs_file *file)
{
	uint64_t least = bmfs_contents(file) ? bmfs_contents(file) : 1;
	uint64_t blocks = file->reserved > least ? file->reserved : least;
	uint64_t start = bmfs_find_space(fs, blocks, false);

	if (!start) {
		blocks = least;
		start = bmfs_find_space(fs, blocks, false);
	}
	return start ? bmfs_move(fs, file, start, blocks) : -BMFS_ENOSPC;
}

/* final: what cannot be mended now never can. */
static int check_file(struct check *check, struct bmfs *fs, unsigned i, enum bmfs_problem problem,
		      bool final, bool *postponed)
{
	struct bmfs_file *file = fs->by_record[i];
	const char *action = NULL;
	int error;

	if (check->repair && file) {
		if (problem == BMFS_IN_COPY && file->reserved > bmfs_contents(file) &&
		    file->reserved > 1 && !file->gap) {
			file->reserved--;
			file->changed = true;
			error = bmfs_commit(fs, file, false);
			action = "the last block is taken from its reservation";
		} else {
			error = give_place(fs, file);
			action = "moved to a place of its own";
		}
		if (error && error != -BMFS_ENOSPC)
			return error;
		if (error)
			action = NULL;
	}
	if (action || final)
		tell(check, problem, (int)i, &fs->directory[i], action);
	if (problem == BMFS_OVERLAPS)
		*postponed = !action && !final;
	return 0;
}

static int check_files(struct check *check, struct bmfs_record *directory, bool *in_copy)
{
	/* There may be room for a file when another has left the last block, or is apart. */
	static const enum bmfs_problem kinds[] = {BMFS_NO_BLOCK, BMFS_OVERLAPS, BMFS_IN_COPY,
						  BMFS_OVERLAPS};
	bool postponed[BMFS_RECORDS] = {false};
	struct bmfs_scan scan;
	struct bmfs fs;
	int error = bmfs_mount(&fs, check->disk, check->repair ? 0 : BMFS_READ_ONLY);

	if (error)
		return error;
	fs.damages = 0; /* what is left are files that share blocks: these are moved apart now */
	bmfs_scan(check->repair ? fs.directory : directory, check->blocks, &scan);
	for (unsigned k = 0; k < (check->repair ? 4 : 3); k++) {
		for (unsigned i = 0; i < scan.end; i++) {
			if (!(scan.problems[i] & 1u << kinds[k]))
				continue;
			error = check_file(check, &fs, i, kinds[k], k != 1 || !check->repair,
					   &postponed[i]);
			if (error)
				return error;
			if (check->repair) /* what was moved overlaps no more */
				bmfs_scan(fs.directory, check->blocks, &scan);
		}
	}
	bmfs_scan(check->repair ? fs.directory : directory, check->blocks, &scan);
	for (unsigned i = 0; i < scan.end; i++)
		if (postponed[i])
			tell(check, BMFS_OVERLAPS, (int)i, &fs.directory[i],
			     "the other file was moved");
	for (unsigned i = 0; i < scan.end; i++)
		*in_copy |= scan.problems[i] & 1u << BMFS_IN_COPY;
	return check->repair ? bmfs_flush(&fs) : 0;
}

/* ---- The last block ---- */

static bool is_zero(const uint8_t *data, size_t size)
{
	return !data[0] && !memcmp(data, data + 1, size - 1);
}

static int check_copy(struct check *check)
{
	const struct bmfs_disk *disk = check->disk;
	size_t half = disk->work_size / 2 / 4096 * 4096;
	uint8_t *first = disk->work, *last = first + half;
	uint64_t last_sector = (check->blocks - 1) * (BMFS_BLOCK / disk->sector_size);
	bool zero = true, same = true;
	int error;

	for (int writing = 0; writing < 2; writing++) {
		for (uint64_t at = 0; at < BMFS_BLOCK; at += half) {
			uint64_t size = bmfs_min(half, BMFS_BLOCK - at);
			struct bmfs_transfer list[] = {
			    {at / disk->sector_size, size / disk->sector_size, first},
			    {last_sector + at / disk->sector_size, size / disk->sector_size, last}};

			error = disk->ops->read(disk, list, 2);
			if (error)
				return error;
			if (!writing) {
				zero = zero && is_zero(last, (size_t)size);
				same = same && !memcmp(first, last, (size_t)size);
			} else if (memcmp(first, last, (size_t)size)) {
				list[1].buffer = first;
				error = disk->ops->write(disk, &list[1], 1, false);
				if (error)
					return error;
			}
		}
		if (same || !check->repair)
			break;
	}
	if (same)
		return 0;
	tell(check, zero ? BMFS_COPY_ZERO : BMFS_COPY_DIFFERS, -1, NULL,
	     check->repair ? "copied" : NULL);
	return check->repair ? disk->ops->flush(disk) : 0;
}

/* ---- All ---- */

/* Read the tag and the directory, from the last block if they are missing in the first. */
static int read_directory(struct check *check, struct bmfs_record *directory, bool *go_on)
{
	const struct bmfs_disk *disk = check->disk;
	struct bmfs_transfer head = {0, BMFS_HEAD_SIZE / disk->sector_size, disk->work};
	uint8_t *work = disk->work;
	uint8_t tag[BMFS_TAG_SIZE];
	int error = disk->ops->read(disk, &head, 1);

	*go_on = true;
	if (error)
		return error;
	memcpy(directory, work + BMFS_DIRECTORY_AT, BMFS_DIRECTORY_SIZE);
	if (bmfs_is_tag(work + BMFS_TAG_AT))
		return 0;
	head.sector = (check->blocks - 1) * (BMFS_BLOCK / disk->sector_size);
	error = disk->ops->read(disk, &head, 1);
	if (error)
		return error;
	if (!bmfs_is_tag(work + BMFS_TAG_AT))
		return -BMFS_EFORMAT;
	memcpy(directory, work + BMFS_DIRECTORY_AT, BMFS_DIRECTORY_SIZE);
	tell(check, BMFS_NO_TAG, -1, NULL, check->repair ? "brought back from there" : NULL);
	*go_on = check->repair;
	if (!check->repair)
		return 0;
	/* The boot sector's area stays as it is. */
	memcpy(tag, work + BMFS_TAG_AT, sizeof(tag));
	head.sector = 0;
	error = disk->ops->read(disk, &head, 1);
	if (error)
		return error;
	memcpy(work + BMFS_TAG_AT, tag, sizeof(tag));
	memcpy(work + BMFS_DIRECTORY_AT, directory, BMFS_DIRECTORY_SIZE);
	error = disk->ops->write(disk, &head, 1, false);
	return error ? error : disk->ops->flush(disk);
}

int bmfs_check(const struct bmfs_disk *disk, unsigned flags,
	       void (*found)(void *context, const struct bmfs_finding *finding), void *context)
{
	struct check check = {
	    .disk = disk, .repair = flags & BMFS_REPAIR, .found = found, .context = context};
	struct bmfs_record directory[BMFS_RECORDS], before[BMFS_RECORDS];
	bool go_on, in_copy = false;
	int error = bmfs_disk_check(disk, &check.blocks);

	if (error)
		return error;
	if (check.repair && disk->read_only)
		return -BMFS_EROFS;
	error = read_directory(&check, directory, &go_on);
	if (error || !go_on)
		return error ? error : check.damages;
	memcpy(before, directory, sizeof(before));
	check_records(&check, directory);
	if (memcmp(before, directory, sizeof(before))) {
		error =
		    bmfs_disk_write(disk, BMFS_DIRECTORY_AT, directory, sizeof(directory), false);
		if (!error)
			error = disk->ops->flush(disk);
		if (error)
			return error;
	}
	error = check_files(&check, directory, &in_copy);
	if (!error && !in_copy)
		error = check_copy(&check);
	return error ? error : check.damages;
}
