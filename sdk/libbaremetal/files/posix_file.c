/* SPDX-License-Identifier: MIT */
/*
 * The other calls on descriptors.
 */
#include "files.h"
#include "../system/posix.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* The lock is held, and the file stays open, until end_file(). NULL: EBADF. */
static struct file *begin_file(int descriptor)
{
	struct file *file = files_get(descriptor);

	if (file)
		files_lock();
	return file;
}

static long end_file(struct file *file, long result)
{
	if (!file)
		return files_result(-EBADF);
	files_unlock();
	files_put(file);
	return files_result(result);
}

static bool may(const struct file *file, int wanted)
{
	int mode = file->flags & O_ACCMODE;

	return mode == O_RDWR || mode == wanted;
}

POSIX int dup(int descriptor)
{
	int result;

	files_lock();
	result = files_duplicate(descriptor, 0, false, false);
	files_unlock();
	return (int)files_result(result);
}

POSIX int dup2(int descriptor, int wanted)
{
	int result;

	files_lock();
	result = files_duplicate(descriptor, wanted, true, false);
	files_unlock();
	return (int)files_result(result);
}

POSIX int dup3(int descriptor, int wanted, int flags)
{
	int result = -EINVAL;

	files_lock();
	if (descriptor != wanted && !(flags & ~O_CLOEXEC))
		result = files_duplicate(descriptor, wanted, true, flags & O_CLOEXEC);
	files_unlock();
	return (int)files_result(result);
}

/* Record locks belong to a process, and never stand in the way of their own: all that remains of
 * them is which requests are refused. */
static int record_error(const struct file *file, const struct flock *record, bool set)
{
	if (record->l_type != F_RDLCK && record->l_type != F_WRLCK && record->l_type != F_UNLCK)
		return -EINVAL;
	if (record->l_whence != SEEK_SET && record->l_whence != SEEK_CUR &&
	    record->l_whence != SEEK_END)
		return -EINVAL;
	if (record->l_whence == SEEK_SET && record->l_start < 0)
		return -EINVAL;
	if (!file->node || !S_ISREG(file->node->mode))
		return -EINVAL;
	if (set && ((record->l_type == F_RDLCK && !may(file, O_RDONLY)) ||
		    (record->l_type == F_WRLCK && !may(file, O_WRONLY))))
		return -EBADF;
	return 0;
}

int _fcntl(int descriptor, int request, ...)
{
	const int settable = O_APPEND | O_NONBLOCK | O_SYNC;
	struct file *file = begin_file(descriptor);
	struct flock *record;
	va_list list;
	long argument, result = 0;
	bool *flag;

	if (!file)
		return (int)end_file(file, 0);
	va_start(list, request);
	argument = va_arg(list, long);
	va_end(list);
	flag = files_close_on_exec(descriptor);
	switch (request) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		result =
		    files_duplicate(descriptor, (int)argument, false, request == F_DUPFD_CLOEXEC);
		break;
	case F_GETFD:
		result = flag && *flag ? FD_CLOEXEC : 0;
		break;
	case F_SETFD:
		if (flag)
			*flag = argument & FD_CLOEXEC;
		break;
	case F_GETFL:
		result = file->flags & (O_ACCMODE | settable);
		break;
	case F_SETFL:
		file->flags = (file->flags & ~settable) | ((int)argument & settable);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		record = (struct flock *)argument;
		result = record_error(file, record, request != F_GETLK);
		if (!result && request == F_GETLK)
			record->l_type = F_UNLCK;
		break;
	default:
		result = -EINVAL;
	}
	return (int)end_file(file, result);
}
POSIX_ALIAS(fcntl)

POSIX int ioctl(int descriptor, unsigned long request, ...)
{
	struct file *file = files_get(descriptor);
	int result = -ENOTTY;
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (!file)
		return (int)files_result(-EBADF);
	if (file->ops->control)
		result = file->ops->control(file, (int)request, argument);
	files_put(file);
	return (int)files_result(result);
}

/* Positional reading and writing is for regular files alone. */
static long positional_error(const struct file *file, off_t offset, int wanted)
{
	if (!file->node || file->ops != &node_file_ops)
		return -ESPIPE;
	if (!may(file, wanted))
		return -EBADF;
	if (S_ISDIR(file->node->mode))
		return -EISDIR;
	return offset < 0 ? -EINVAL : 0;
}

/* The end of a call that held no lock for all of its time. */
static long put_file(struct file *file, long result)
{
	files_put(file);
	return files_result(result);
}

POSIX ssize_t pread(int descriptor, void *buffer, size_t size, off_t offset)
{
	cancel_point();
	struct file *file = files_get(descriptor);
	long result;

	if (!file)
		return files_result(-EBADF);
	result = positional_error(file, offset, O_RDONLY);
	if (!result)
		result = node_read(file->node, buffer, size, (uint64_t)offset);
	return put_file(file, result);
}

POSIX ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
	cancel_point();
	struct file *file = files_get(descriptor);
	long result;

	if (!file)
		return files_result(-EBADF);
	result = positional_error(file, offset, O_WRONLY);
	if (!result && size > (uint64_t)(INT64_MAX - offset))
		result = -EFBIG;
	if (!result) {
		struct node *node = file->node;

		result = node_write(node, data, size, (uint64_t)offset);
		if (result > 0 && file->flags & O_SYNC) {
			int error = node_sync(node);

			result = error ? error : result;
		}
	}
	return put_file(file, result);
}

/* An error, or 0; never EBADF for a file of another kind. */
static long resize_file(struct file *file, off_t length, bool shrink)
{
	long result = positional_error(file, length, O_WRONLY);

	if (result)
		return result == -EBADF ? result : -EINVAL;
	if (!file->node->ops->own_lock)
		files_lock();
	if (shrink || (uint64_t)length > file->node->size)
		result = node_resize(file->node, (uint64_t)length);
	if (!file->node->ops->own_lock)
		files_unlock();
	return result;
}

POSIX int ftruncate(int descriptor, off_t length)
{
	struct file *file = files_get(descriptor);

	if (!file)
		return (int)files_result(-EBADF);
	return (int)put_file(file, resize_file(file, length, true));
}

POSIX int posix_fallocate(int descriptor, off_t offset, off_t length)
{
	struct file *file;
	long result;
	off_t end;

	if (offset < 0 || length <= 0)
		return EINVAL;
	if (__builtin_add_overflow(offset, length, &end))
		return EFBIG;
	file = files_get(descriptor);
	if (!file)
		return EBADF;
	if (!file->node || file->ops != &node_file_ops || S_ISDIR(file->node->mode))
		result = file->node ? -ENODEV : -ESPIPE;
	else
		result = resize_file(file, end, false);
	files_put(file);
	return (int)-result;
}

POSIX int fsync(int descriptor)
{
	cancel_point();
	struct file *file = files_get(descriptor);
	long result = 0;

	if (!file)
		return (int)files_result(-EBADF);
	if (!file->node)
		result = -EINVAL;
	else
		result = node_sync(file->node);
	return (int)put_file(file, result);
}

POSIX int fdatasync(int descriptor)
{
	return fsync(descriptor);
}

POSIX int fchmod(int descriptor, mode_t mode)
{
	struct file *file = begin_file(descriptor);
	long result = 0;

	if (file && !file->node)
		result = -EINVAL;
	else if (file && file->node->read_only)
		result = -EROFS;
	else if (file)
		file->node->mode = (file->node->mode & S_IFMT) | (mode & ALLPERMS);
	return (int)end_file(file, result);
}

/* There are no users: all belongs to 0, and may be given to nobody else. */
POSIX int fchown(int descriptor, uid_t owner, gid_t group)
{
	struct file *file = begin_file(descriptor);
	long result = (owner && owner != (uid_t)-1) || (group && group != (gid_t)-1) ? -EPERM : 0;

	return (int)end_file(file, result);
}

POSIX int fchdir(int descriptor)
{
	struct file *file = begin_file(descriptor);
	long result = 0;

	if (file && (!file->node || !S_ISDIR(file->node->mode)))
		result = -ENOTDIR;
	else if (file)
		result = path_set_working(file->node);
	return (int)end_file(file, result);
}

/* Files that take all pieces at once do; the others are read and written piece by piece. True:
 * done. */
static bool transfer(int descriptor, const struct iovec *pieces, int count, bool out,
		     ssize_t *result)
{
	struct file *file;
	bool done = true;
	long moved = 0;

	cancel_point();
	if (count < 0 || count > IOV_MAX) {
		*result = files_result(-EINVAL);
		return true;
	}
	file = files_get(descriptor);
	if (!file) {
		*result = files_result(-EBADF);
		return true;
	}
	if (out && file->ops->writev)
		moved = file->ops->writev(file, pieces, count);
	else if (!out && file->ops->readv)
		moved = file->ops->readv(file, pieces, count);
	else
		done = false;
	files_put(file);
	if (moved == -ECANCELED)
		cancel_point();
	if (done)
		*result = files_result(moved);
	return done;
}

POSIX ssize_t readv(int descriptor, const struct iovec *pieces, int count)
{
	ssize_t total = 0;

	if (transfer(descriptor, pieces, count, false, &total))
		return total;
	for (int i = 0; i < count; i++) {
		ssize_t n = read(descriptor, pieces[i].iov_base, pieces[i].iov_len);

		if (n < 0)
			return total ? total : n;
		total += n;
		if ((size_t)n < pieces[i].iov_len)
			break;
	}
	return total;
}

POSIX ssize_t writev(int descriptor, const struct iovec *pieces, int count)
{
	ssize_t total = 0;

	if (transfer(descriptor, pieces, count, true, &total))
		return total;
	for (int i = 0; i < count; i++) {
		ssize_t n = write(descriptor, pieces[i].iov_base, pieces[i].iov_len);

		if (n < 0)
			return total ? total : n;
		total += n;
		if ((size_t)n < pieces[i].iov_len)
			break;
	}
	return total;
}

POSIX int ttyname_r(int descriptor, char *buffer, size_t size)
{
	static const char name[] = "/dev/console";

	if (!isatty(descriptor))
		return errno;
	if (size < sizeof(name))
		return ERANGE;
	memcpy(buffer, name, sizeof(name));
	return 0;
}

POSIX char *ttyname(int descriptor)
{
	static char name[32];
	int error = ttyname_r(descriptor, name, sizeof(name));

	if (error)
		errno = error;
	return error ? NULL : name;
}

POSIX int getdtablesize(void)
{
	return FILES_OPEN_MAX;
}

POSIX void sync(void)
{
	if (files_sync_disks)
		files_sync_disks();
}
