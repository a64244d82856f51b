/* SPDX-License-Identifier: MIT */
/*
 * An image file or a block device as libbmfs wants a disk. Image files stay sparse: zeros are not
 * written where there is a hole already, and what is to be zero becomes one.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_SIZE (4u << 20)
#define PIECE     65536u /* zeros are looked for in pieces of this size */

/* ---- Transfers ---- */

static int host_error(const char *what)
{
	static bool told;

	if (!told)
		tell("the host cannot %s the image: %s", what, strerror(errno));
	told = true;
	return errno == EROFS ? -BMFS_EROFS : -BMFS_EIO;
}

static int read_all(const struct image *image, uint8_t *buffer, uint64_t size, uint64_t at)
{
	while (size) {
		ssize_t n =
		    pread(image->descriptor, buffer, size < 1 << 30 ? size : 1 << 30, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return host_error("read");
		if (!n) { /* somebody has cut the file meanwhile */
			memset(buffer, 0, size);
			return 0;
		}
		buffer += n;
		at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static int write_all(const struct image *image, const uint8_t *data, uint64_t size, uint64_t at)
{
	while (size) {
		ssize_t n =
		    pwrite(image->descriptor, data, size < 1 << 30 ? size : 1 << 30, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return host_error("write");
		data += n;
		at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static bool is_zero(const uint8_t *data, size_t size)
{
	return !data[0] && !memcmp(data, data + 1, size - 1);
}

static bool is_hole(const struct image *image, uint64_t at, uint64_t size)
{
	off_t data = lseek(image->descriptor, (off_t)at, SEEK_DATA);

	return data < 0 ? errno == ENXIO : (uint64_t)data >= at + size;
}

static int write_sparse(const struct image *image, const uint8_t *data, uint64_t size, uint64_t at)
{
	uint64_t kept = 0; /* bytes before, that are to be written */
	int error;

	if (!image->is_file)
		return write_all(image, data, size, at);
	for (uint64_t done = 0, piece; done < size; done += piece) {
		piece = PIECE - (at + done) % PIECE;
		piece = piece < size - done ? piece : size - done;
		if (!is_zero(data + done, piece) || !is_hole(image, at + done, piece)) {
			kept += piece;
			continue;
		}
		error = write_all(image, data + done - kept, kept, at + done - kept);
		if (error)
			return error;
		kept = 0;
	}
	return write_all(image, data + size - kept, kept, at + size - kept);
}

static uint64_t byte_of(const struct bmfs_disk *disk, uint64_t sector)
{
	return ((struct image *)disk->context)->base + sector * disk->sector_size;
}

static int image_read(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
		      unsigned count)
{
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++)
		error = read_all(disk->context, list[i].buffer, list[i].count * disk->sector_size,
				 byte_of(disk, list[i].sector));
	return error;
}

static int image_flush(const struct bmfs_disk *disk)
{
	if (fdatasync(((struct image *)disk->context)->descriptor) && errno != EINVAL)
		return host_error("flush");
	return 0;
}

static int image_write(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
		       unsigned count, bool durable)
{
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++)
		error =
		    write_sparse(disk->context, list[i].buffer, list[i].count * disk->sector_size,
				 byte_of(disk, list[i].sector));
	return error || !durable ? error : image_flush(disk);
}

static int image_zero(const struct bmfs_disk *disk, uint64_t sector, uint64_t count)
{
	const struct image *image = disk->context;
	uint64_t at = byte_of(disk, sector), size = count * disk->sector_size;
	static uint8_t zeros[PIECE * 4];
	int error = 0;

	if (image->is_file &&
	    !fallocate(image->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
		       (off_t)size))
		return 0;
	if (!image->is_file && !ioctl(image->descriptor, BLKZEROOUT, (uint64_t[]){at, size}))
		return 0;
	for (uint64_t done = 0; done < size && !error; done += sizeof(zeros))
		error = write_sparse(image, zeros,
				     size - done < sizeof(zeros) ? size - done : sizeof(zeros),
				     at + done);
	return error;
}

static const struct bmfs_disk_ops image_ops = {
    .read = image_read,
    .write = image_write,
    .flush = image_flush,
    .zero = image_zero,
};

/* ---- Opening ---- */

/*
 * QEMU locks bytes from 100 on of an image that it uses, 101 if it may write. What we
 * lock keeps it and other bmfs from it.
 */
static void lock(const struct image *image, bool writing)
{
	struct flock use = {.l_type = writing ? F_WRLCK : F_RDLCK, .l_len = writing ? 512 : 1};
	struct flock qemu = {.l_type = F_WRLCK, .l_start = 101, .l_len = 1};
	const char *fix = "stop the virtual machine or the program that uses it first";

	if (fcntl(image->descriptor, F_OFD_SETLK, &use) && (errno == EAGAIN || errno == EACCES))
		fail(fix, "%s is in use", shown(image->path));
	if (!writing && !fcntl(image->descriptor, F_OFD_GETLK, &qemu) && qemu.l_type != F_UNLCK)
		fail(fix, "%s is in use", shown(image->path));
}

static void find_size(struct image *image)
{
	struct stat status;
	int sector = 512;

	if (fstat(image->descriptor, &status))
		fail_host(image->path, errno);
	if (S_ISREG(status.st_mode)) {
		image->is_file = true;
		image->size = (uint64_t)status.st_size;
	} else if (S_ISBLK(status.st_mode)) {
		if (ioctl(image->descriptor, BLKGETSIZE64, &image->size) ||
		    ioctl(image->descriptor, BLKSSZGET, &sector))
			fail_host(image->path, errno);
	} else {
		fail("name an image file, or a disk such as /dev/sdb",
		     "%s is neither a file nor a block device", shown(image->path));
	}
	image->disk.sector_size = (uint32_t)sector;
}

/* Which part of the disk is meant. */
static void find_place(struct image *image, enum image_use use)
{
	struct bmfs_extent found[BMFS_PARTITIONS_MAX], place;
	struct bmfs_disk *disk = &image->disk;
	uint8_t head[512] = {0};
	int count;

	/* A machine sees a part of a sector as a whole one. */
	disk->sectors = image->size / disk->sector_size + (image->size % disk->sector_size != 0);
	place = (struct bmfs_extent){0, disk->sectors, 0};
	if (options.has_offset) {
		if (options.offset % disk->sector_size || options.offset >= image->size)
			fail("give a multiple of the sector size that lies on the disk",
			     "--offset %llu is no place on %s", (unsigned long long)options.offset,
			     shown(image->path));
		place.sector = options.offset / disk->sector_size;
		place.sectors -= place.sector;
	} else {
		count = bmfs_find_partitions(disk, found);
		if (count < 0)
			fail_bmfs(shown(image->path), count);
		if (options.partition) {
			int i = 0;

			while (i < count && found[i].number != options.partition)
				i++;
			if (i == count)
				fail("see the numbers with fdisk -l; the type is 7f (MBR) or "
				     "5D4D4642-5346-4D42-8B6D-626D66733031 (GPT)",
				     "%s has no BMFS partition of number %u", shown(image->path),
				     options.partition);
			place = found[i];
		} else if (count > 1) {
			fail("choose one with --partition",
			     "%s has %d BMFS partitions: the first is number %u",
			     shown(image->path), count, found[0].number);
		} else if (count) {
			place = found[0];
		} else if (disk->sectors) {
			/* A table, of which no partition is ours? */
			read_all(image, head, sizeof(head), 0);
			for (unsigned i = 0; i < 4; i++)
				image->has_table |= head[510] == 0x55 && head[511] == 0xaa &&
						    head[446 + 16 * i + 4] != 0;
		}
	}
	if (image->has_table && use == IMAGE_FORMAT && !options.force)
		fail("make one of type 7f (MBR) or 5D4D4642-5346-4D42-8B6D-626D66733031 (GPT), or "
		     "give --force to overwrite the whole disk",
		     "%s has partitions, and none is for BMFS", shown(image->path));
	image->number = place.number;
	image->base = place.sector * disk->sector_size;
	disk->sectors = place.sectors;
}

void image_open(struct image *image, const char *path, enum image_use use)
{
	bool writing = use != IMAGE_READ;
	int flags = (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC;

	*image = (struct image){.path = path};
	image->descriptor = open(path, flags, 0666);
	if (image->descriptor < 0 && errno == ENOENT && use == IMAGE_FORMAT && options.size) {
		image->descriptor = open(path, flags | O_CREAT | O_EXCL, 0666);
		image->made = image->descriptor >= 0;
	}
	if (image->descriptor < 0)
		fail_host(path, errno);
	lock(image, writing);
	find_size(image);
	if (use == IMAGE_FORMAT && options.size && options.size != image->size) {
		if (!image->is_file)
			fail("leave --size out", "%s is a disk, and has a size", shown(path));
		if (image->size && !options.force)
			fail("give --force to change its size, or leave --size out",
			     "%s exists, with %llu bytes", shown(path),
			     (unsigned long long)image->size);
		if (ftruncate(image->descriptor, (off_t)options.size)) {
			int error = errno;

			if (error == EFBIG)
				fail("choose a smaller size, or a place on XFS or tmpfs",
				     "%s: the host's file system has no files of this size",
				     shown(path));
			fail_host(path, error);
		}
		image->enlarged = !image->size;
		image->size = options.size;
	}
	image->disk.ops = &image_ops;
	image->disk.context = image;
	image->disk.alignment = 1;
	image->disk.read_only = !writing;
	image->disk.work_size = WORK_SIZE;
	image->disk.work = aligned_alloc(4096, WORK_SIZE);
	if (!image->disk.work)
		fail_host(path, ENOMEM);
	find_place(image, use);
}

void image_drop(struct image *image)
{
	if (image->made)
		unlink(image->path);
	else if (image->enlarged && ftruncate(image->descriptor, 0))
		tell("%s stays behind: %s", shown(image->path), strerror(errno));
	image->made = image->enlarged = false;
}

void image_close(struct image *image)
{
	if (!image->disk.read_only && fsync(image->descriptor) && errno != EINVAL)
		fail_host(image->path, errno);
	close(image->descriptor);
	free(image->disk.work);
	image->made = image->enlarged = false;
}
