/* SPDX-License-Identifier: MIT */
/*
 * What is the same for the nodes of every filesystem.
 */
#include "files.h"
#include "map.h"

#include <stdlib.h>

static struct timespec to_timespec(int64_t ns)
{
	int64_t seconds = ns / 1000000000 - (ns % 1000000000 < 0);

	return (struct timespec){.tv_sec = seconds, .tv_nsec = (long)(ns - seconds * 1000000000)};
}

void node_stat(const struct node *node, struct stat *status)
{
	*status = (struct stat){
	    .st_dev = node->filesystem,
	    .st_ino = node->number,
	    .st_mode = node->mode,
	    .st_nlink = (nlink_t)node->links,
	    .st_size = (off_t)node->size,
	    .st_atim = to_timespec(node->atime_ns),
	    .st_mtim = to_timespec(node->mtime_ns),
	    .st_ctim = to_timespec(node->ctime_ns),
	    .st_blksize = 4096,
	    .st_blocks = (blkcnt_t)(node->size / 512 + !!(node->size % 512)),
	};
}

void node_hold(struct node *node)
{
	node->references++;
}

int node_drop(struct node *node)
{
	return --node->references || !node->ops->release ? 0 : node->ops->release(node);
}

static void enter(const struct node *node)
{
	if (!node->ops->own_lock)
		files_lock();
}

static void leave(const struct node *node)
{
	if (!node->ops->own_lock)
		files_unlock();
}

/* Whoever maps a node shows that before reading it: who wrote unmapped then either finds out here,
 * or its data were read. */
static bool is_mapped(const struct node *node)
{
	return __atomic_load_n(&node->segments, __ATOMIC_SEQ_CST);
}

long node_read(struct node *node, void *buffer, size_t size, uint64_t offset)
{
	long result;

	enter(node);
	result = node->ops->read(node, buffer, size, offset);
	leave(node);
	if (result > 0 && is_mapped(node)) {
		files_lock();
		map_overlay(node, buffer, (size_t)result, offset);
		files_unlock();
	}
	return result;
}

static long write_mapped(struct node *node, const void *data, size_t size, uint64_t offset)
{
	long result;

	files_lock();
	result = node->ops->write(node, data, size, offset);
	if (result > 0)
		map_wrote(node, data, (size_t)result,
			  offset == FILES_APPEND ? node->size - (uint64_t)result : offset);
	files_unlock();
	return result;
}

long node_write(struct node *node, const void *data, size_t size, uint64_t offset)
{
	uint64_t size_before;
	long result;

	if (is_mapped(node))
		return write_mapped(node, data, size, offset);
	size_before = node->size;
	enter(node);
	result = node->ops->write(node, data, size, offset);
	leave(node);
	if (result > 0 && is_mapped(node)) {
		/* Others may have written as well, and have done so later. */
		files_lock();
		if (offset == FILES_APPEND)
			map_refresh(node, size_before, node->size);
		else
			map_refresh(node, offset, offset + (uint64_t)result);
		files_unlock();
	}
	return result;
}

int node_resize(struct node *node, uint64_t size)
{
	bool mapped = is_mapped(node);
	int error;

	if (mapped)
		files_lock();
	enter(node);
	error = node->ops->resize(node, size);
	leave(node);
	if (!error && is_mapped(node)) {
		files_lock();
		map_resized(node, size);
		files_unlock();
	}
	if (mapped)
		files_unlock();
	return error;
}

int node_sync(struct node *node)
{
	int error = 0;

	if (is_mapped(node)) {
		files_lock();
		error = map_flush(node);
		files_unlock();
	}
	if (error || !node->ops->sync)
		return error;
	enter(node);
	error = node->ops->sync(node);
	leave(node);
	return error;
}

int files_release(struct file *file)
{
	int error;

	if (!file->node)
		return 0; /* the console's, which is static */
	if (file->lock)
		files_unlock_node(file);
	if (file->pinned)
		file->node->ops->pin(file->node, false);
	error = node_drop(file->node);
	free(file);
	return error;
}
