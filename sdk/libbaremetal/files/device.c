/* SPDX-License-Identifier: MIT */
/*
 * The files of /dev: null, zero, full, urandom, console, stdin and the like.
 */
#include "device.h"
#include "tree.h"

#include <string.h>

#include <baremetal/random.h>

static long read_nothing(struct file *file, void *buffer, size_t size)
{
	(void)file, (void)buffer, (void)size;
	return 0;
}

static long read_zeros(struct file *file, void *buffer, size_t size)
{
	(void)file;
	memset(buffer, 0, size);
	return (long)size;
}

static long read_random(struct file *file, void *buffer, size_t size)
{
	(void)file;
	return bm_random(buffer, size) ? -EIO : (long)size;
}

static long write_anything(struct file *file, const void *data, size_t size)
{
	(void)file, (void)data;
	return (long)size;
}

static long write_full(struct file *file, const void *data, size_t size)
{
	(void)file, (void)data, (void)size;
	return -ENOSPC;
}

static int64_t seek_nowhere(struct file *file, int64_t offset, int whence)
{
	(void)file, (void)offset, (void)whence;
	return 0;
}

#define DEVICE_OPS(reader, writer)                                                                 \
	{                                                                                          \
		.read = reader, .write = writer, .seek = seek_nowhere, .close = files_release      \
	}
static const struct file_ops null_ops = DEVICE_OPS(read_nothing, write_anything);
static const struct file_ops zero_ops = DEVICE_OPS(read_zeros, write_anything);
static const struct file_ops full_ops = DEVICE_OPS(read_zeros, write_full);
static const struct file_ops random_ops = DEVICE_OPS(read_random, write_anything);

int device_fill(struct node *directory)
{
	static const struct {
		const char *name;
		const struct file_ops *ops;
	} devices[] = {
	    {"null", &null_ops},           {"zero", &zero_ops},
	    {"full", &full_ops},           {"urandom", &random_ops},
	    {"random", &random_ops},       {"console", &console_file_ops},
	    {"tty", &console_file_ops},    {"stdin", &console_file_ops},
	    {"stdout", &console_file_ops}, {"stderr", &console_file_ops},
	};
	struct node *node;
	int error = 0;

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices) && !error; i++) {
		error = tree_add(directory, devices[i].name, strlen(devices[i].name),
				 S_IFCHR | 0666, &node);
		if (!error)
			node->device = devices[i].ops;
	}
	return error;
}
