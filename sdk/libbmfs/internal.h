/* SPDX-License-Identifier: MIT */
/*
 * What the files of libbmfs share.
 *
 *   mount.c   from a disk to a struct bmfs, and back    scan.c     problems of a directory
 *   record.c  the directory's sectors, flushes          change.c   create, remove, rename, reserve
 *   data.c    contents of files                         space.c    which blocks are free
 *   slide.c   moving a file over its own blocks         check.c    what is wrong, mending
 *   format.c  an empty file system                      text.c     names of errors and problems
 *
 * The rules that keep the promise of sdk/docs/bmfs.md:
 * 1. A record says what was true before or what is true after: one write of one sector.
 * 2. Before a record says more of a file's contents, the contents are flushed.  (bmfs_commit)
 * 3. Before a block is used again, the record that gave it free is flushed.  (bmfs_claim)
 * 4. Before a name is used again in another sector, its end in the old one is.  (bmfs_claim_name)
 * 5. Before a file grows again, the record that cut it is flushed.  (bmfs_settle_cut)
 */
#ifndef BMFS_INTERNAL_H
#define BMFS_INTERNAL_H

#include <string.h>

#include "bmfs.h"

#define BMFS_NO_RECORD (-1)

/* ---- scan.c ---- */

struct bmfs_scan {
	unsigned end;                    /* records before the directory's end */
	bool junk;                       /* there are some behind it */
	uint32_t problems[BMFS_RECORDS]; /* 1 << enum bmfs_problem */
	int heir[BMFS_RECORDS];          /* of BMFS_INTERRUPTED: the record that has the file now */
};
void bmfs_scan(const struct bmfs_record *directory, uint64_t blocks, struct bmfs_scan *scan);

static inline bool bmfs_is_live(const struct bmfs_record *record)
{
	return (uint8_t)record->name[0] > BMFS_NAME_DELETED;
}

static inline uint64_t bmfs_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes of n blocks; UINT64_MAX if there are no such. */
static inline uint64_t bmfs_block_bytes(uint64_t blocks)
{
	return blocks > UINT64_MAX / BMFS_BLOCK ? UINT64_MAX : blocks * BMFS_BLOCK;
}

static inline uint64_t bmfs_blocks_for(uint64_t bytes)
{
	return bytes / BMFS_BLOCK + (bytes % BMFS_BLOCK != 0);
}

/* Whether the bytes at BMFS_TAG_AT are those of version 1. */
bool bmfs_is_tag(const uint8_t *tag);

/* ---- mount.c ---- */

int bmfs_disk_check(const struct bmfs_disk *disk, uint64_t *blocks);
/* Bytes of whole sectors, through the start of the work area. */
int bmfs_disk_read(const struct bmfs_disk *disk, uint64_t byte, void *buffer, size_t size);
int bmfs_disk_write(const struct bmfs_disk *disk, uint64_t byte, const void *data, size_t size,
		    bool durable);
#define BMFS_STAGE_SIZE 8192u /* of the work area; the most that these two take */

/* ---- record.c ---- */

/* Why nothing may be changed, or 0. */
int bmfs_change_error(const struct bmfs *fs);
int bmfs_flush(struct bmfs *fs);
/*
 * Write the directory's sector of a record that was changed in memory. After an error the record is
 * as `old` again, and the sector is written once more before any other.
 */
int bmfs_put_record(struct bmfs *fs, unsigned record, const struct bmfs_record *old, bool durable);
/* Size and place of a file into its record, contents first. */
int bmfs_commit(struct bmfs *fs, struct bmfs_file *file, bool durable);
/* That a file was cut is on the disk: before anything is written behind its size. Rule 5. */
int bmfs_settle_cut(struct bmfs *fs, struct bmfs_file *file);
/* The same sectors in the last block: best effort. */
void bmfs_put_copy(struct bmfs *fs);

static inline unsigned bmfs_sector_of(const struct bmfs *fs, unsigned record)
{
	return record * 64 / fs->disk->sector_size;
}

/* ---- space.c ---- */

/* First of so many free blocks, 0: nowhere. growing: where there is room to grow. */
uint64_t bmfs_find_space(const struct bmfs *fs, uint64_t count, bool growing);
bool bmfs_is_free(const struct bmfs *fs, uint64_t start, uint64_t count);
/*
 * The same, with other files moved out of the way, if less than so many blocks have to be copied
 * for it. `for_file` may be NULL; if not, what it has in it counts as well, unless the result
 * begins where it lies now.
 */
int bmfs_make_room(struct bmfs *fs, struct bmfs_file *for_file, uint64_t count, uint64_t below,
		   uint64_t *start);
uint64_t bmfs_contents(const struct bmfs_file *file); /* blocks that have something in them */

/* ---- slide.c ---- */

/* Move a file over its own blocks, down or up. What else is at the new place is free. */
int bmfs_slide(struct bmfs *fs, struct bmfs_file *file, uint64_t start);
/* Go on with what an error or a power cut interrupted; before anything of the file is changed. */
int bmfs_settle(struct bmfs *fs, struct bmfs_file *file);
/* What the unused bytes of a sound record say of that. */
void bmfs_read_slide(struct bmfs_file *file, uint64_t hint);

/* ---- change.c ---- */

/* Blocks that were found free are going to be used: rule 3. */
int bmfs_claim(struct bmfs *fs);
/* A record is going to bear a name: rule 4. */
int bmfs_claim_name(struct bmfs *fs, const char *name, size_t length);
int bmfs_move(struct bmfs *fs, struct bmfs_file *file, uint64_t start, uint64_t reserved);
/* More blocks, in memory only while the file can stay where it is. */
int bmfs_grow(struct bmfs *fs, struct bmfs_file *file, uint64_t blocks);

/* ---- data.c ---- */

int bmfs_copy(struct bmfs *fs, uint64_t from, uint64_t to, uint64_t bytes);
void bmfs_forget_edges(struct bmfs *fs, uint64_t sector, uint64_t count);

#endif
