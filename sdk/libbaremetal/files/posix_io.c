/* SPDX-License-Identifier: MIT */
/*
 * The calls on descriptors that stdio needs, and the programs' names of these.
 */
#include "files.h"
#include "../system/posix.h"

#include <limits.h>
#include <unistd.h>

/* The file behind a descriptor in a call under way; errno is set if there is none. */
#define WITH_FILE(file, descriptor)                                                                \
	struct file *file = files_get(descriptor);                                                 \
	if (!file)                                                                                 \
	return files_result(-EBADF)

_READ_WRITE_RETURN_TYPE _read(int descriptor, void *buffer, size_t size)
{
	WITH_FILE(file, descriptor);
	long result = -EBADF;

	if (file->ops->read)
		result = file->ops->read(file, buffer, size < SSIZE_MAX ? size : SSIZE_MAX);
	files_put(file);
	if (result == -ECANCELED) /* while it waited */
		cancel_point();
	return files_result(result);
}

POSIX _READ_WRITE_RETURN_TYPE read(int descriptor, void *buffer, size_t size)
{
	cancel_point();
	return _read(descriptor, buffer, size);
}

_READ_WRITE_RETURN_TYPE _write(int descriptor, const void *data, size_t size)
{
	WITH_FILE(file, descriptor);
	long result = -EBADF;

	if (file->ops->write)
		result = file->ops->write(file, data, size < SSIZE_MAX ? size : SSIZE_MAX);
	files_put(file);
	if (result == -ECANCELED)
		cancel_point();
	return files_result(result);
}

POSIX _READ_WRITE_RETURN_TYPE write(int descriptor, const void *data, size_t size)
{
	cancel_point();
	return _write(descriptor, data, size);
}

off_t _lseek(int descriptor, off_t offset, int whence)
{
	WITH_FILE(file, descriptor);
	int64_t result = -ESPIPE;

	files_lock();
	if (file->ops->seek)
		result = file->ops->seek(file, offset, whence);
	files_unlock();
	files_put(file);
	return files_result(result);
}
POSIX_ALIAS(lseek)

int _close(int descriptor)
{
	int result;

	files_lock();
	result = files_close(descriptor);
	files_unlock();
	return (int)files_result(result);
}

POSIX int close(int descriptor)
{
	cancel_point();
	return _close(descriptor);
}

int _fstat(int descriptor, struct stat *status)
{
	WITH_FILE(file, descriptor);
	int result = 0;

	files_lock();
	if (file->ops->stat)
		result = file->ops->stat(file, status);
	else if (file->node)
		node_stat(file->node, status);
	else
		*status =
		    (struct stat){.st_mode = S_IFCHR | 0666, .st_nlink = 1, .st_blksize = 1024};
	files_unlock();
	files_put(file);
	return (int)files_result(result);
}
POSIX_ALIAS(fstat)

int _isatty(int descriptor)
{
	WITH_FILE(file, descriptor);
	bool terminal = file->ops->terminal;

	files_put(file);
	if (!terminal)
		errno = ENOTTY;
	return terminal;
}
POSIX_ALIAS(isatty)
