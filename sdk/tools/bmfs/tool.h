/* SPDX-License-Identifier: MIT */
/*
 * What the files of the program bmfs share.
 *
 *   main.c   the commands        image.c  image files and block devices as a disk
 *   copy.c   contents to and from the host's files, with progress
 */
#ifndef BMFS_TOOL_H
#define BMFS_TOOL_H

#include <stdarg.h>
#include <sys/types.h>

#include "../../libbmfs/bmfs.h"
#include "../../libbmfs/partition.h"

struct options {
	bool quiet, force, keep_boot, repair, in_place;
	bool has_offset;
	uint64_t offset;    /* bytes */
	unsigned partition; /* 0: the only one */
	uint64_t size;      /* 0: as it is */
};
extern struct options options;

/*
 * A message that says what is wrong and what to do, then exit status 1. An image, or a file in it,
 * that this command began to make is not left behind.
 */
_Noreturn void fail(const char *fix, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For an errno value, or a negative enum bmfs_error. */
_Noreturn void fail_host(const char *path, int error);
_Noreturn void fail_bmfs(const char *what, long error);
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A name for the terminal: whatever is not printable is '?'. In one of a few static buffers. */
const char *shown(const char *name);

/* ---- image.c ---- */

struct image {
	const char *path;
	int descriptor;
	bool is_file;    /* not a block device: has holes */
	bool made;       /* by this command, which is not at its end */
	bool enlarged;   /* the same, where an empty file was */
	uint64_t size;   /* bytes of all of it */
	uint64_t base;   /* where the file system begins */
	bool has_table;  /* of partitions */
	unsigned number; /* the partition's; 0: all of it */
	struct bmfs_disk disk;
};

enum image_use { IMAGE_READ, IMAGE_WRITE, IMAGE_FORMAT };
void image_open(struct image *image, const char *path, enum image_use use);
void image_drop(struct image *image);  /* what was made is taken away again */
void image_close(struct image *image); /* tells of what the host could not write */

/* ---- copy.c ---- */

void progress_begin(uint64_t bytes);
void progress_add(uint64_t bytes);
void progress_end(void);

/*
 * Contents of a file to a descriptor, or from one to a file that is to have a name. copy_out() is
 * false, and has told how much it was, if the disk has only a part of the file.
 */
bool copy_out(struct bmfs *fs, struct bmfs_file *file, int descriptor, const char *path);
void copy_in(struct bmfs *fs, struct bmfs_file *file, const char *name, int descriptor,
	     const char *path);

#endif
