/* SPDX-License-Identifier: MIT */
/*
 * The calls on paths.
 */
#include "files.h"
#include "../system/posix.h"

#include <fcntl.h>
#include <limits.h>
#include <reent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

static mode_t creation_mask = 022;

static int unlock_result(long result)
{
	files_unlock();
	return (int)files_result(result);
}

/* Why no name may be made or removed in a directory, or 0. */
static int change_error(const struct node *directory)
{
	return directory->read_only ? -EROFS : 0;
}

static int open_locked(int at, const char *path, int flags, mode_t mode)
{
	int follow = flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? 0 : PATH_FOLLOW;
	struct place place;
	struct file *file;
	int error = path_find(at, path, follow | (flags & O_CREAT ? PATH_MAY_MISS : 0), &place);

	if (error)
		return error;
	if (!place.node) {
		error = place.slash ? -EISDIR : change_error(place.directory);
		if (!error)
			error = place.directory->ops->create(
			    place.directory, place.name, place.length,
			    S_IFREG | (mode & ~creation_mask & ALLPERMS), NULL, &place.node);
	} else if (flags & O_CREAT) {
		error = flags & O_EXCL ? -EEXIST : S_ISDIR(place.node->mode) ? -EISDIR : 0;
	}
	if (error)
		return error;
	error = files_open(place.node, flags, &file);
	if (error)
		return error;
	error = files_attach(file, 0, flags & O_CLOEXEC);
	if (error < 0)
		files_put(file);
	return error;
}

POSIX int openat(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list list;

	if (flags & O_CREAT) {
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	cancel_point();
	files_lock();
	return unlock_result(open_locked(at, path, flags, mode));
}

int _open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list list;

	if (flags & O_CREAT) {
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	files_lock();
	return unlock_result(open_locked(AT_FDCWD, path, flags, mode));
}

POSIX int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list list;

	if (flags & O_CREAT) {
		va_start(list, flags);
		mode = va_arg(list, mode_t);
		va_end(list);
	}
	cancel_point();
	return _open(path, flags, mode);
}

static int stat_path(int at, const char *path, int follow, struct stat *status)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(at, path, follow, &place);
	if (!error)
		node_stat(place.node, status);
	return unlock_result(error);
}

POSIX int fstatat(int at, const char *restrict path, struct stat *restrict status, int flags)
{
	return stat_path(at, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW, status);
}

int _stat(const char *restrict path, struct stat *restrict status)
{
	return stat_path(AT_FDCWD, path, PATH_FOLLOW, status);
}
POSIX_ALIAS(stat)

POSIX int lstat(const char *restrict path, struct stat *restrict status)
{
	return stat_path(AT_FDCWD, path, 0, status);
}

POSIX int faccessat(int at, const char *path, int mode, int flags)
{
	struct place place;
	int error;

	if (mode & ~(R_OK | W_OK | X_OK))
		return (int)files_result(-EINVAL);
	files_lock();
	error = path_find(at, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW, &place);
	if (!error && mode & W_OK && place.node->read_only && !place.node->device)
		error = -EROFS;
	if (!error && mode & X_OK && !S_ISDIR(place.node->mode) && !(place.node->mode & 0111))
		error = -EACCES;
	return unlock_result(error);
}

POSIX int access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

POSIX int eaccess(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

POSIX int euidaccess(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

/* Make a directory or a symbolic link. */
static int make(int at, const char *path, mode_t mode, const char *target)
{
	struct place place;
	struct node *made;
	int error;

	files_lock();
	error = path_find(at, path, PATH_MAY_MISS, &place);
	if (!error && place.node)
		error = -EEXIST;
	if (!error && place.slash && !S_ISDIR(mode))
		error = -ENOENT;
	if (!error)
		error = change_error(place.directory);
	if (!error)
		error = place.directory->ops->create(place.directory, place.name, place.length,
						     mode, target, &made);
	return unlock_result(error);
}

POSIX int mkdirat(int at, const char *path, mode_t mode)
{
	return make(at, path, S_IFDIR | (mode & ~creation_mask & ALLPERMS), NULL);
}

int _mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
POSIX_ALIAS(mkdir)

POSIX int symlinkat(const char *target, int at, const char *path)
{
	if (!*target)
		return (int)files_result(-ENOENT);
	return make(at, path, S_IFLNK | 0777, target);
}

POSIX int symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

POSIX int mknodat(int at, const char *path, mode_t mode, dev_t device)
{
	(void)device;
	if ((mode & S_IFMT) != S_IFREG && mode & S_IFMT)
		return (int)files_result(-EPERM);
	return make(at, path, S_IFREG | (mode & ~creation_mask & ALLPERMS), NULL);
}

POSIX int mknod(const char *path, mode_t mode, dev_t device)
{
	return mknodat(AT_FDCWD, path, mode, device);
}

POSIX int mkfifoat(int at, const char *path, mode_t mode)
{
	return mknodat(at, path, S_IFIFO | mode, 0);
}

POSIX int mkfifo(const char *path, mode_t mode)
{
	return mkfifoat(AT_FDCWD, path, mode);
}

static int remove_path(int at, const char *path, bool directory)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(at, path, 0, &place);
	if (!error && directory && !S_ISDIR(place.node->mode))
		error = -ENOTDIR;
	if (!error && !directory && S_ISDIR(place.node->mode))
		error = -EISDIR;
	if (!error && !place.name)
		error = place.node == path_root() ? -EBUSY : -EINVAL;
	if (!error && place.node->covers)
		error = -EBUSY;
	if (!error)
		error = change_error(place.directory);
	if (!error)
		error = place.directory->ops->remove(place.directory, place.name, place.length);
	return unlock_result(error);
}

POSIX int unlinkat(int at, const char *path, int flags)
{
	return remove_path(at, path, flags & AT_REMOVEDIR);
}

int _unlink(const char *path)
{
	return remove_path(AT_FDCWD, path, false);
}
POSIX_ALIAS(unlink)

POSIX int rmdir(const char *path)
{
	return remove_path(AT_FDCWD, path, true);
}

/* ISO C's remove() takes directories too; Newlib's does not. */
POSIX int remove(const char *path)
{
	struct stat status;

	if (!lstat(path, &status) && S_ISDIR(status.st_mode))
		return rmdir(path);
	return _unlink(path);
}

int _remove_r(struct _reent *reent, const char *path)
{
	(void)reent;
	return remove(path);
}

POSIX int linkat(int at, const char *path, int new_at, const char *new_path, int flags)
{
	struct place old, new;
	int error;

	files_lock();
	error = path_find(at, path, flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0, &old);
	if (!error)
		error = path_find(new_at, new_path, PATH_MAY_MISS, &new);
	if (!error && S_ISDIR(old.node->mode))
		error = -EPERM;
	if (!error && new.node)
		error = -EEXIST;
	if (!error && new.slash)
		error = -ENOENT;
	if (!error && old.node->filesystem != new.directory->filesystem)
		error = -EXDEV;
	if (!error && old.node->links >= LINK_MAX)
		error = -EMLINK;
	if (!error)
		error = change_error(new.directory);
	if (!error)
		error = new.directory->ops->link(new.directory, new.name, new.length, old.node);
	return unlock_result(error);
}

int _link(const char *path, const char *new_path)
{
	return linkat(AT_FDCWD, path, AT_FDCWD, new_path, 0);
}
POSIX_ALIAS(link)

/* Whether a directory is another, or below it. */
static bool is_within(struct node *directory, const struct node *above)
{
	struct node *parent;
	struct listed name;

	while (directory != above) {
		if (directory->covers || directory->ops->parent(directory, &parent, &name))
			return false;
		directory = parent;
	}
	return true;
}

static int rename_locked(int at, const char *path, int new_at, const char *new_path)
{
	struct place old, new;
	int error = path_find(at, path, 0, &old);

	if (!error)
		error = path_find(new_at, new_path, PATH_MAY_MISS, &new);
	if (error)
		return error;
	if (!old.name || (!new.name &&new.node))
		return -EBUSY;
	if (old.node->covers || (new.node &&new.node->covers))
		return -EBUSY;
	if (old.directory->filesystem != new.directory->filesystem)
		return -EXDEV;
	error = change_error(old.directory);
	if (error)
		return error;
	if (new.node == old.node)
		return 0;
	if (S_ISDIR(old.node->mode)) {
		if (new.node && !S_ISDIR(new.node->mode))
			return -ENOTDIR;
		if (is_within(new.directory, old.node))
			return -EINVAL;
	} else {
		if (new.node && S_ISDIR(new.node->mode))
			return -EISDIR;
		if (new.slash)
			return -ENOTDIR;
	}
	return old.directory->ops->rename(old.directory, old.name, old.length, new.directory,
					  new.name, new.length);
}

POSIX int renameat(int at, const char *path, int new_at, const char *new_path)
{
	files_lock();
	return unlock_result(rename_locked(at, path, new_at, new_path));
}

int _rename(const char *path, const char *new_path)
{
	files_lock();
	return unlock_result(rename_locked(AT_FDCWD, path, AT_FDCWD, new_path));
}

POSIX ssize_t readlinkat(int at, const char *restrict path, char *restrict buffer, size_t size)
{
	struct place place;
	size_t length = 0;
	const char *target;
	int error;

	files_lock();
	error = path_find(at, path, 0, &place);
	if (!error && !S_ISLNK(place.node->mode))
		error = -EINVAL;
	if (!error) {
		target = place.node->ops->target(place.node, &length);
		length = length < size ? length : size;
		length = length < INT_MAX ? length : INT_MAX;
		memcpy(buffer, target, length);
	}
	return unlock_result(error ? error : (long)length);
}

POSIX ssize_t readlink(const char *restrict path, char *restrict buffer, size_t size)
{
	return readlinkat(AT_FDCWD, path, buffer, size);
}

POSIX int chdir(const char *path)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &place);
	if (!error)
		error = path_set_working(place.node);
	return unlock_result(error);
}

POSIX char *getcwd(char *buffer, size_t size)
{
	char *made = NULL;
	int result;

	if (!buffer) {
		size = size ? size : PATH_MAX;
		buffer = made = malloc(size);
		if (!buffer)
			return NULL;
	}
	files_lock();
	result = path_working() ? path_of(path_working(), buffer, size) : -ENOMEM;
	if (unlock_result(result) < 0) {
		free(made);
		return NULL;
	}
	return buffer;
}

POSIX char *getwd(char *buffer)
{
	return getcwd(buffer, PATH_MAX);
}

POSIX char *get_current_dir_name(void)
{
	return getcwd(NULL, 0);
}

POSIX char *realpath(const char *restrict path, char *restrict resolved)
{
	char *buffer = resolved ? resolved : malloc(PATH_MAX);
	struct place place;
	int result;

	if (!buffer)
		return NULL;
	files_lock();
	result = path_find(AT_FDCWD, path, PATH_FOLLOW, &place);
	if (!result) {
		bool directory = S_ISDIR(place.node->mode);

		result = path_of(directory ? place.node : place.directory, buffer, PATH_MAX);
		if (result > 0 && !directory) {
			size_t at = (size_t)result - 1;

			if (at == 1)
				at = 0; /* the root's own slash */
			if (at + 1 + place.length + 1 > PATH_MAX) {
				result = -ENAMETOOLONG;
			} else {
				buffer[at] = '/';
				memcpy(buffer + at + 1, place.name, place.length);
				buffer[at + 1 + place.length] = 0;
			}
		}
		if (result == -ERANGE)
			result = -ENAMETOOLONG;
	}
	if (unlock_result(result) < 0) {
		if (!resolved)
			free(buffer);
		return NULL;
	}
	return buffer;
}

POSIX int truncate(const char *path, off_t length)
{
	struct place place;
	int error;

	if (length < 0)
		return (int)files_result(-EINVAL);
	files_lock();
	error = path_find(AT_FDCWD, path, PATH_FOLLOW, &place);
	if (!error && S_ISDIR(place.node->mode))
		error = -EISDIR;
	else if (!error && !S_ISREG(place.node->mode))
		error = -EINVAL;
	else if (!error && place.node->read_only)
		error = -EROFS;
	if (!error)
		error = node_resize(place.node, (uint64_t)length);
	return unlock_result(error);
}

POSIX int fchmodat(int at, const char *path, mode_t mode, int flags)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(at, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW, &place);
	if (!error && place.node->read_only)
		error = -EROFS;
	if (!error)
		place.node->mode = (place.node->mode & S_IFMT) | (mode & ALLPERMS);
	return unlock_result(error);
}

POSIX int chmod(const char *path, mode_t mode)
{
	return fchmodat(AT_FDCWD, path, mode, 0);
}

POSIX int fchownat(int at, const char *path, uid_t owner, gid_t group, int flags)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(at, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW, &place);
	if (!error && ((owner && owner != (uid_t)-1) || (group && group != (gid_t)-1)))
		error = -EPERM; /* there are no users but 0 */
	return unlock_result(error);
}

POSIX int chown(const char *path, uid_t owner, gid_t group)
{
	return fchownat(AT_FDCWD, path, owner, group, 0);
}

POSIX int lchown(const char *path, uid_t owner, gid_t group)
{
	return fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

POSIX mode_t umask(mode_t mask)
{
	mode_t old = creation_mask;

	creation_mask = mask & 0777;
	return old;
}

/* NULL times: now. Seconds beyond what nanoseconds in 64 bits hold are refused. */
static int set_times(struct node *node, const struct timespec *times)
{
	int64_t now = files_now();
	int64_t *fields[2] = {&node->atime_ns, &node->mtime_ns};

	if (node->read_only)
		return -EROFS;
	for (int i = 0; times && i < 2; i++)
		if (times[i].tv_nsec != UTIME_NOW && times[i].tv_nsec != UTIME_OMIT &&
		    (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000 ||
		     times[i].tv_sec >= INT64_MAX / 1000000000 ||
		     times[i].tv_sec <= INT64_MIN / 1000000000))
			return -EINVAL;
	for (int i = 0; i < 2; i++) {
		if (!times || times[i].tv_nsec == UTIME_NOW)
			*fields[i] = now;
		else if (times[i].tv_nsec != UTIME_OMIT)
			*fields[i] = times[i].tv_sec * INT64_C(1000000000) + times[i].tv_nsec;
	}
	node->ctime_ns = now;
	return 0;
}

POSIX int utimensat(int at, const char *path, const struct timespec *times, int flags)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(at, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW, &place);
	if (!error)
		error = set_times(place.node, times);
	return unlock_result(error);
}

POSIX int futimens(int descriptor, const struct timespec *times)
{
	struct file *file = files_get(descriptor);
	int error;

	if (!file)
		return (int)files_result(-EBADF);
	files_lock();
	error = file->node ? set_times(file->node, times) : -EINVAL;
	files_unlock();
	files_put(file);
	return (int)files_result(error);
}

POSIX int futimesat(int at, const char *path, const struct timeval times[2])
{
	struct timespec exact[2];

	for (int i = 0; times && i < 2; i++)
		exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
	return utimensat(at, path, times ? exact : NULL, 0);
}

POSIX int utimes(const char *path, const struct timeval *times)
{
	return futimesat(AT_FDCWD, path, times);
}

POSIX int lutimes(const char *path, const struct timeval *times)
{
	struct timespec exact[2];

	for (int i = 0; times && i < 2; i++)
		exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
	return utimensat(AT_FDCWD, path, times ? exact : NULL, AT_SYMLINK_NOFOLLOW);
}

POSIX int futimes(int descriptor, const struct timeval *times)
{
	struct timespec exact[2];

	for (int i = 0; times && i < 2; i++)
		exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
	return futimens(descriptor, times ? exact : NULL);
}

POSIX int utime(const char *path, const struct utimbuf *times)
{
	struct timespec exact[2];

	if (times) {
		exact[0] = (struct timespec){times->actime, 0};
		exact[1] = (struct timespec){times->modtime, 0};
	}
	return utimensat(AT_FDCWD, path, times ? exact : NULL, 0);
}
