/* SPDX-License-Identifier: MIT */
/*
 * BMFS: the library under the guest's /disk0, the host's tool `bmfs`, and the fuzzers.
 *
 *     struct bmfs fs;
 *     bmfs_mount(&fs, &disk, 0);
 *     bmfs_create(&fs, "log", 3, 0, &file);
 *     bmfs_write(&fs, file, "one\n", 4, 0);
 *     bmfs_sync(&fs, file);                   from here on "one" survives a power cut
 *     bmfs_unmount(&fs);
 *
 * No memory is allocated and nothing of the C library is used but memcpy() and its kin; the caller
 * brings the disk. One call at a time for each struct bmfs, but see bmfs_direct().
 * What is promised across a power cut, and how: sdk/docs/bmfs.md. All that is read from a disk is
 * taken for hostile: whatever it says, no call crashes or writes outside of the blocks of its file.
 *
 * Results are 0 or a count, or a negative enum bmfs_error.
 */
#ifndef BMFS_H
#define BMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* Every error, as X(symbol, text). Append only. */
#define BMFS_ERROR_LIST(X)                                                                         \
	X(BMFS_EIO, "the disk reports an error")                                                   \
	X(BMFS_EROFS, "the disk is read-only")                                                     \
	X(BMFS_EDAMAGED, "the directory is damaged; nothing is written before it is repaired")     \
	X(BMFS_EFORMAT, "there is no BMFS file system")                                            \
	X(BMFS_ECOPY, "there is no BMFS file system, but the last block has a copy of its start")  \
	X(BMFS_ETOOSMALL, "the disk is too small for BMFS")                                        \
	X(BMFS_ETOOLARGE, "the disk is larger than 2^63 bytes")                                    \
	X(BMFS_ESECTOR, "the disk's sector size is neither 512, 1024, 2048 nor 4096 bytes")        \
	X(BMFS_ENOENT, "there is no such file")                                                    \
	X(BMFS_EEXIST, "a file of this name exists")                                               \
	X(BMFS_ENAME, "not a name for a file: 1 to 31 bytes, no control character, no slash")      \
	X(BMFS_ENOSPC, "there is no room for it in one piece")                                     \
	X(BMFS_EFULL, "the directory is full: it has 64 records")                                  \
	X(BMFS_EFBIG, "larger than any disk")                                                      \
	X(BMFS_EBUSY, "the file is in use")                                                        \
	X(BMFS_EINVAL, "invalid argument")                                                         \
	X(BMFS_EFAULT, "memory that cannot be read or written")

enum bmfs_error {
	BMFS_OK,
#define BMFS_ERROR_ENUM(symbol, text) symbol,
	BMFS_ERROR_LIST(BMFS_ERROR_ENUM)
#undef BMFS_ERROR_ENUM
};

/* The text of a result, "success" for 0 and counts. */
const char *bmfs_strerror(long result);

/* ---- The disk: the caller's ---- */

/* Sectors that follow each other on the disk and in memory. */
struct bmfs_transfer {
	uint64_t sector;
	uint64_t count;
	void *buffer; /* aligned to disk->alignment */
};

struct bmfs_disk;
struct bmfs_disk_ops {
	/*
	 * Do all of a list, in any order or at once; they do not overlap. Returns when all are
	 * done: 0, or a negative enum bmfs_error if one failed. What was written need not
	 * survive a power cut before flush() has returned 0, save with `durable` (FUA).
	 */
	int (*read)(const struct bmfs_disk *disk, const struct bmfs_transfer *list, unsigned count);
	int (*write)(const struct bmfs_disk *disk, const struct bmfs_transfer *list, unsigned count,
		     bool durable);
	/* All that was written before survives a power cut. */
	int (*flush)(const struct bmfs_disk *disk);
	/* Sectors become zero; NULL: the library writes zeros. */
	int (*zero)(const struct bmfs_disk *disk, uint64_t sector, uint64_t count);
};

struct bmfs_disk {
	const struct bmfs_disk_ops *ops;
	void *context;
	uint64_t sectors;
	uint32_t sector_size; /* 512, 1024, 2048 or 4096: one is written whole or not at all */
	uint32_t alignment;   /* of buffers: a power of two, at most 4096 */
	bool read_only;
	void *work; /* the library's, for what is not aligned and for copies; aligned as buffers */
	size_t work_size; /* at least BMFS_WORK_MIN, a multiple of 4096 */
};
#define BMFS_WORK_MIN 32768u

/* ---- A mounted disk ---- */

struct bmfs_file {
	uint64_t start, reserved; /* blocks */
	uint64_t size;            /* bytes; a power cut takes it back to the record's */
	uint64_t shown;           /* the largest that the record on the disk may say it is */
	uint64_t gap, split;      /* blocks; gap is not 0 while it is moved over itself: slide.c */
	uint32_t users;           /* bmfs_hold() */
	uint32_t pins;            /* bmfs_pin(): it may not be moved */
	uint32_t losses_seen;
	int16_t record; /* its place in the directory; -1: removed */
	bool used;      /* this struct is */
	bool changed;   /* the record is behind */
};
#define BMFS_FILES                                                                                 \
	(2 * BMFS_RECORDS) /* the second half for files that are removed and still open */

#define BMFS_DROPPED 8

struct bmfs {
	const struct bmfs_disk *disk;
	uint64_t blocks;   /* all of the disk's */
	uint32_t damages;  /* problems that make it read-only */
	uint32_t notes;    /* and those that do not */
	bool read_only;    /* the disk is, or was mounted so */
	bool keep_no_copy; /* a file lies in the last block */

	uint32_t losses_seen; /* by bmfs_sync_all() */
	uint32_t losses;      /* failed flushes: what was written before each may be lost */
	bool data_pending;    /* written since the last flush: contents, */
	bool records_pending; /* records, */
	bool freed_pending;   /* of these, some that gave blocks free */
	bool copy_behind;     /* the last block */
	bool junk;            /* there are records behind the directory's end */
	uint8_t suspect;      /* directory sectors whose last write failed, a bit each */

	/* Names that were taken away since the last flush. */
	char dropped[BMFS_DROPPED][BMFS_NAME_SIZE];
	uint32_t dropped_count;

	/* The last sectors of which only a part was read or written; in the work area. */
	struct bmfs_edge {
		uint64_t sector; /* BMFS_NO_SECTOR: none */
		uint8_t *data;
	} edge[2];
	uint8_t *bulk;
	size_t bulk_size; /* bytes */

	struct bmfs_file *by_record[BMFS_RECORDS];
	struct bmfs_file files[BMFS_FILES];
	struct bmfs_record directory[BMFS_RECORDS]; /* as on the disk */
};
#define BMFS_NO_SECTOR UINT64_MAX

#define BMFS_READ_ONLY 1u

/*
 * Begin to use a disk, which stays the caller's and must stay. A rename or a move
 * that a power cut interrupted is finished. A damaged directory is mounted read-only (fs->damages),
 * and what is sound in it can be read. Errors: EFORMAT, ECOPY, ETOOSMALL, ETOOLARGE, ESECTOR,
 * EINVAL, EIO.
 */
int bmfs_mount(struct bmfs *fs, const struct bmfs_disk *disk, unsigned flags);

/* bmfs_sync_all(), then nothing more is to be done: to mount again is always possible. */
int bmfs_unmount(struct bmfs *fs);

/* ---- Files ---- */

/* NULL: there is none. The pointer is good until the file is removed, and while it is held. */
struct bmfs_file *bmfs_find(struct bmfs *fs, const char *name, size_t length);

/* The file of a record, 0 to 63, or NULL; to list them all. */
struct bmfs_file *bmfs_at(struct bmfs *fs, unsigned record);

/* Its name; "" once it is removed. Good until it is renamed or removed. */
const char *bmfs_name(const struct bmfs *fs, const struct bmfs_file *file);

/* Whether a new file may have this name. */
bool bmfs_name_good(const char *name, size_t length);

/*
 * Make an empty file that has so many bytes reserved, at least a block. 0 lays it where
 * it has room to grow. EEXIST, ENAME, EFULL, ENOSPC, EROFS, EDAMAGED, EIO.
 */
int bmfs_create(struct bmfs *fs, const char *name, size_t length, uint64_t reserve,
		struct bmfs_file **file);

/* Take its name and record away; its blocks too, when nobody holds it. EBUSY: too many such. */
int bmfs_remove(struct bmfs *fs, struct bmfs_file *file);

/* Give it another name; what bore that is removed in the same moment. ENAME, EBUSY, EIO. */
int bmfs_rename(struct bmfs *fs, struct bmfs_file *file, const char *name, size_t length);

void bmfs_hold(struct bmfs_file *file);
/* The end of holding. With the last one, size and place are put into the record (data first). */
int bmfs_release(struct bmfs *fs, struct bmfs_file *file);

/*
 * Have so many bytes reserved: more, in place if possible, else by moving this or other files; or
 * fewer, though not fewer than its size. ENOSPC, EBUSY (pinned), EFBIG, EROFS, EIO.
 */
int bmfs_reserve(struct bmfs *fs, struct bmfs_file *file, uint64_t bytes);

/* How much is read: up to the file's end. */
long bmfs_read(struct bmfs *fs, struct bmfs_file *file, void *buffer, size_t size, uint64_t offset);

/* All of it or an error (EFAULT: no data); grows the file, with zeros where nothing was written. */
long bmfs_write(struct bmfs *fs, struct bmfs_file *file, const void *data, size_t size,
		uint64_t offset);

/* Cut it, or make it longer with zeros. The reservation is never made smaller by this. */
int bmfs_resize(struct bmfs *fs, struct bmfs_file *file, uint64_t size);

/*
 * After 0, all that was written to the file survives a power cut, and so do its size and name. EIO:
 * some of what was written, since when is not known, may be lost; told once for each file.
 */
int bmfs_sync(struct bmfs *fs, struct bmfs_file *file);

/* The same for all files, names and removals; and the last block is made to match. */
int bmfs_sync_all(struct bmfs *fs);

/* ---- For transfers past the library ---- */

/*
 * The first sector of a range that lies in the file's size and begins and ends with sectors. While
 * no other call is made, such ranges may be read and written by the caller, any number at a time;
 * who writes calls bmfs_direct_written() before, and again after it.
 */
bool bmfs_direct(const struct bmfs *fs, const struct bmfs_file *file, uint64_t offset,
		 uint64_t size, uint64_t *sector);
void bmfs_direct_written(struct bmfs *fs, uint64_t sector, uint64_t count);

/* As bmfs_sync(), but for the record: so it may run beside direct transfers, and is all of
 * bmfs_sync() that takes long. */
int bmfs_flush_direct(struct bmfs *fs, struct bmfs_file *file);

/* Keep it where it is, until as many bmfs_unpin(). */
void bmfs_pin(struct bmfs_file *file);
void bmfs_unpin(struct bmfs_file *file);

struct bmfs_space {
	uint64_t total;   /* blocks that files can have */
	uint64_t free;    /* of these, reserved by none */
	uint64_t largest; /* in one piece */
	unsigned records_free;
};
void bmfs_get_space(const struct bmfs *fs, struct bmfs_space *space);

/* ---- Making and mending ---- */

#define BMFS_KEEP_BOOT 1u /* leave block 0 alone, but for the tag and the directory */

/* Make an empty file system. ETOOSMALL below 32 MiB. */
int bmfs_format(const struct bmfs_disk *disk, unsigned flags);

/* Every problem, as X(symbol, damage, text). A damage makes a mount read-only. */
#define BMFS_PROBLEM_LIST(X)                                                                       \
	X(BMFS_NO_TAG, 1,                                                                          \
	  "the tag is missing; the last block has a copy of the file system's start")              \
	X(BMFS_UNTERMINATED, 1, "its name has no end")                                             \
	X(BMFS_BAD_NAME, 0, "its name has a slash or a control character, or is '.' or '..'")      \
	X(BMFS_TWICE, 1, "an earlier file has the same name")                                      \
	X(BMFS_OUTSIDE, 1, "it lies outside of the disk")                                          \
	X(BMFS_CUT, 1, "it reaches beyond the end of the disk")                                    \
	X(BMFS_OVERLAPS, 1, "it shares blocks with another file")                                  \
	X(BMFS_TOO_LONG, 1, "its size is larger than what it reserves")                            \
	X(BMFS_NO_BLOCK, 0, "it reserves no block")                                                \
	X(BMFS_IN_COPY, 0, "it lies in the last block, where the copy of the first should be")     \
	X(BMFS_INTERRUPTED, 0, "renaming it was interrupted")                                      \
	X(BMFS_JUNK, 0, "there are records behind the directory's end")                            \
	X(BMFS_COPY_ZERO, 0, "the last block is empty: other tools leave it so")                   \
	X(BMFS_COPY_DIFFERS, 0, "the last block is no copy of the first")

enum bmfs_problem {
#define BMFS_PROBLEM_ENUM(symbol, damage, text) symbol,
	BMFS_PROBLEM_LIST(BMFS_PROBLEM_ENUM)
#undef BMFS_PROBLEM_ENUM
};

const char *bmfs_problem_text(enum bmfs_problem problem);
bool bmfs_problem_is_damage(enum bmfs_problem problem);

/* What was found, and with repair what was done about it. */
struct bmfs_finding {
	enum bmfs_problem problem;
	int record;         /* -1: of no file */
	const char *name;   /* printable, "" for no file */
	const char *action; /* what was done; NULL: nothing */
};

#define BMFS_REPAIR 1u

/*
 * Look at a disk that is not mounted. Returns how many problems are left that are damages, or
 * an error as bmfs_mount(); with BMFS_REPAIR also EROFS. Repairing removes a record only if all of
 * its blocks are outside of the disk.
 */
int bmfs_check(const struct bmfs_disk *disk, unsigned flags,
	       void (*found)(void *context, const struct bmfs_finding *finding), void *context);

#endif
