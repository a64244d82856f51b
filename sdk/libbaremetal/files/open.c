/* SPDX-License-Identifier: MIT */
/*
 * A node of a filesystem as an open file: offset, append mode, device files.
 */
#include "files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool may(const struct file *file, int wanted)
{
	int mode = file->flags & O_ACCMODE;

	return mode == O_RDWR || mode == wanted;
}

/* Reads and writes of one open file come one after the other, for they share its offset. */
static void begin(struct file *file)
{
	if (file->node->ops->own_lock)
		lock_acquire(&file->position);
	else
		files_lock();
}

static void end(struct file *file)
{
	if (file->node->ops->own_lock)
		lock_release(&file->position);
	else
		files_unlock();
}

static long node_file_read(struct file *file, void *buffer, size_t size)
{
	long result;

	if (!may(file, O_RDONLY))
		return -EBADF;
	if (S_ISDIR(file->node->mode))
		return -EISDIR;
	begin(file);
	result = node_read(file->node, buffer, size, file->offset);
	if (result > 0)
		file->offset += (uint64_t)result;
	end(file);
	return result;
}

static long node_file_write(struct file *file, const void *data, size_t size)
{
	struct node *node = file->node;
	uint64_t offset;
	long result;

	if (!may(file, O_WRONLY))
		return -EBADF;
	begin(file);
	if (file->flags & O_APPEND)
		file->offset = node->size;
	offset = file->flags & O_APPEND && node->ops->own_lock ? FILES_APPEND : file->offset;
	if (size > INT64_MAX - file->offset)
		result = -EFBIG;
	else
		result = node_write(node, data, size, offset);
	if (result > 0) {
		/* Another open file may have appended as well: then this is near enough. */
		if (offset == FILES_APPEND)
			file->offset = node->size - (uint64_t)result;
		file->offset += (uint64_t)result;
		if (file->flags & O_SYNC) {
			int error = node_sync(node);

			result = error ? error : result;
		}
	}
	end(file);
	return result;
}

static int64_t node_file_seek(struct file *file, int64_t offset, int whence)
{
	int64_t base;

	switch (whence) {
	case SEEK_SET:
		base = 0;
		break;
	case SEEK_CUR:
		base = (int64_t)file->offset;
		break;
	case SEEK_END:
		base = (int64_t)file->node->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return -EINVAL;
	file->offset = (uint64_t)base;
	return base;
}

const struct file_ops node_file_ops = {
    .read = node_file_read,
    .write = node_file_write,
    .seek = node_file_seek,
    .close = files_release,
};

int files_open(struct node *node, int flags, struct file **opened)
{
	int mode = flags & O_ACCMODE;
	struct file *file;
	int error;

	if (mode != O_RDONLY && mode != O_WRONLY && mode != O_RDWR)
		return -EINVAL;
	if (S_ISLNK(node->mode))
		return -ELOOP; /* O_NOFOLLOW */
	if (S_ISDIR(node->mode) && (mode != O_RDONLY || flags & O_TRUNC))
		return -EISDIR;
	if (flags & O_DIRECTORY && !S_ISDIR(node->mode))
		return -ENOTDIR;
	if (node->read_only && !node->device && (mode != O_RDONLY || flags & O_TRUNC))
		return -EROFS;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	if (flags & O_TRUNC && S_ISREG(node->mode)) {
		error = node_resize(node, 0);
		if (error) {
			free(file);
			return error;
		}
	}
	node_hold(node);
	file->ops = node->device ? node->device : &node_file_ops;
	file->node = node;
	file->flags = flags;
	file->references = 1;
	*opened = file;
	return 0;
}
