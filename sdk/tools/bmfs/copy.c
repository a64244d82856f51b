/* SPDX-License-Identifier: MIT */
/*
 * Contents between BMFS and the host's files. Holes stay holes on both sides, where these can
 * have them. On a terminal, what takes long tells how far it is.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE (4u << 20)

/* ---- Progress ---- */

static struct {
	uint64_t done, total;
	double begun, told;
	bool visible;
} progress;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void progress_begin(uint64_t bytes)
{
	progress.done = 0;
	progress.total = bytes;
	progress.begun = progress.told = now();
	progress.visible = false;
}

void progress_add(uint64_t bytes)
{
	double time = now();

	progress.done += bytes;
	if (options.quiet || !isatty(STDERR_FILENO) || time - progress.begun < 1 ||
	    time - progress.told < 0.2)
		return;
	progress.told = time;
	progress.visible = true;
	if (progress.total)
		fprintf(stderr, "\r%3u %% of %llu MiB, %.0f MiB/s ",
			(unsigned)((double)progress.done * 100 / (double)progress.total),
			(unsigned long long)(progress.total >> 20),
			(double)progress.done / 1048576 / (time - progress.begun));
	else
		fprintf(stderr, "\r%llu MiB, %.0f MiB/s ",
			(unsigned long long)(progress.done >> 20),
			(double)progress.done / 1048576 / (time - progress.begun));
}

void progress_end(void)
{
	if (progress.visible)
		fprintf(stderr, "\r\033[K");
	progress.visible = false;
}

/* ---- Copies ---- */

static uint8_t *piece_of_memory(void)
{
	static uint8_t *piece;

	if (!piece)
		piece = aligned_alloc(4096, PIECE);
	if (!piece)
		fail_host("memory", ENOMEM);
	return piece;
}

static bool is_zero(const uint8_t *data, size_t size)
{
	return !data[0] && !memcmp(data, data + 1, size - 1);
}

/* A mount cuts what a damaged record says to what the disk can have. */
static bool is_whole(const struct bmfs *fs, const struct bmfs_file *file)
{
	uint64_t size = bmfs_get64(fs->directory[file->record].size);

	if (size == file->size)
		return true;
	progress_end();
	tell("%s: only %llu of its %llu bytes are there, and were copied; see bmfs check",
	     shown(bmfs_name(fs, file)), (unsigned long long)file->size, (unsigned long long)size);
	return false;
}

bool copy_out(struct bmfs *fs, struct bmfs_file *file, int descriptor, const char *path)
{
	uint8_t *data = piece_of_memory();
	bool skipped = false, sparse = lseek(descriptor, 0, SEEK_CUR) >= 0 &&
				       !(fcntl(descriptor, F_GETFL) & O_APPEND);

	for (uint64_t at = 0; at < file->size;) {
		long got = bmfs_read(fs, file, data, PIECE, at);

		if (got < 0)
			fail_bmfs(shown(bmfs_name(fs, file)), got);
		at += (uint64_t)got;
		skipped =
		    sparse && is_zero(data, (size_t)got) && lseek(descriptor, got, SEEK_CUR) >= 0;
		for (long done = 0; done < got && !skipped;) {
			ssize_t n = write(descriptor, data + done, (size_t)(got - done));

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				fail_host(path, errno);
			done += n;
		}
		progress_add((uint64_t)got);
	}
	if (skipped && ftruncate(descriptor, lseek(descriptor, 0, SEEK_CUR)))
		fail_host(path, errno);
	return is_whole(fs, file);
}

/* Where the next data are in the host's file, if it says so. */
static uint64_t skip_hole(int descriptor, uint64_t at, uint64_t size)
{
	off_t data = lseek(descriptor, (off_t)at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? size : at;
	lseek(descriptor, data, SEEK_SET);
	return (uint64_t)data;
}

void copy_in(struct bmfs *fs, struct bmfs_file *file, const char *name, int descriptor,
	     const char *path)
{
	uint8_t *data = piece_of_memory();
	struct stat status;
	uint64_t size = 0, at = 0;
	long error;

	if (fstat(descriptor, &status))
		fail_host(path, errno);
	if (S_ISREG(status.st_mode)) {
		off_t place = lseek(descriptor, 0, SEEK_CUR);

		size =
		    place >= 0 && status.st_size > place ? (uint64_t)(status.st_size - place) : 0;
		/* All of its room at once, then zeros in one go where the file has a hole. */
		error = bmfs_reserve(
		    fs, file,
		    size > file->reserved * BMFS_BLOCK ? size : file->reserved * BMFS_BLOCK);
		if (!error && !place)
			error = bmfs_resize(fs, file, size);
		if (error)
			fail_bmfs(shown(name), error);
		if (place)
			size = 0;
	}
	for (;;) {
		size_t got = 0;

		if (size) {
			uint64_t next = skip_hole(descriptor, at, size);

			progress_add(next - at);
			at = next;
		}
		while (got < PIECE) {
			ssize_t n = read(descriptor, data + got, PIECE - got);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				fail_host(path, errno);
			if (!n)
				break;
			got += (size_t)n;
		}
		if (!got)
			break;
		error = bmfs_write(fs, file, data, got, at);
		if (error < 0)
			fail_bmfs(shown(name), error);
		at += got;
		progress_add(got);
	}
	/* It may have become shorter while we read. */
	if (at < file->size && size) {
		off_t end = lseek(descriptor, 0, SEEK_END);

		if (end >= 0 && (uint64_t)end < file->size)
			bmfs_resize(fs, file, (uint64_t)end);
	}
}
