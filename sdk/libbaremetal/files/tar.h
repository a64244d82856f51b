/* SPDX-License-Identifier: MIT */
/*
 * Reading a tar archive in memory: ustar, pax (path, linkpath, size, mtime) and
 * GNU long names. The archive is input from outside: every length is checked
 * against its end. Nothing is copied or allocated, so all texts point into it.
 *
 *     struct tar_reader reader;
 *     struct tar_entry entry;
 *     tar_open(&reader, archive, size);
 *     while (tar_next(&reader, &entry))
 *             …
 *     if (reader.problem)
 *             …what came before is usable
 */
#ifndef FILES_TAR_H
#define FILES_TAR_H

#include <stddef.h>
#include <stdint.h>

/* A text in the archive; not terminated. */
struct tar_text {
	const char *text;
	size_t length;
};

enum tar_type {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_SYMLINK,
	TAR_HARD_LINK,
	TAR_OTHER, /* devices, sparse files and other kinds that cannot be shown */
};

struct tar_entry {
	enum tar_type type;
	struct tar_text path[2]; /* the two parts, with a '/' between if both are there */
	struct tar_text link;    /* target of a symbolic or hard link */
	const uint8_t *data;
	uint64_t size;    /* bytes of data; 0 unless TAR_FILE */
	uint32_t mode;    /* permission bits */
	int64_t mtime_ns; /* since 1970 */
};

struct tar_reader {
	const uint8_t *archive;
	uint64_t size;
	uint64_t offset;     /* of the next header */
	const char *problem; /* a sentence, or NULL: why reading ended early */
};

void tar_open(struct tar_reader *reader, const void *archive, uint64_t size);

/* The next entry: 1, or 0 at the end, be it the proper one or a problem. */
int tar_next(struct tar_reader *reader, struct tar_entry *entry);

#endif
