/* SPDX-License-Identifier: MIT */
/*
 * Reading directories: <dirent.h>.
 */
#include "files.h"
#include "../system/posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct __directory {
	int descriptor;
	int dots; /* 0: next is ".", 1: "..", 2: the real entries */
	struct listing at;
	struct dirent entry;
};

POSIX DIR *fdopendir(int descriptor)
{
	struct stat status;
	DIR *stream;

	if (fstat(descriptor, &status))
		return NULL;
	if (!S_ISDIR(status.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	stream = calloc(1, sizeof(*stream));
	if (stream)
		stream->descriptor = descriptor;
	return stream;
}

DIR *_opendir(const char *path)
{
	int descriptor = _open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream;

	if (descriptor < 0)
		return NULL;
	stream = fdopendir(descriptor);
	if (!stream)
		_close(descriptor);
	return stream;
}
POSIX_ALIAS(opendir)

int _closedir(DIR *stream)
{
	int result = _close(stream->descriptor);

	free(stream);
	return result;
}
POSIX_ALIAS(closedir)

POSIX int fdclosedir(DIR *stream)
{
	int descriptor = stream->descriptor;

	free(stream);
	return descriptor;
}

static void fill(struct dirent *entry, const struct node *node, const char *name, size_t length)
{
	entry->d_ino = node->number;
	entry->d_type = (unsigned char)((node->mode & S_IFMT) >> 12);
	memcpy(entry->d_name, name, length);
	entry->d_name[length] = 0;
}

/* 1 and stream->entry, 0 at the end, or an error. */
static int next(DIR *stream)
{
	struct file *file = files_get(stream->descriptor);
	struct node *directory, *node;
	struct listed listed;
	struct place up;
	int result = 1;

	if (!file)
		return -EBADF;
	files_lock();
	directory = file->node;
	if (stream->dots == 0) {
		fill(&stream->entry, directory, ".", 1);
		stream->dots++;
	} else if (stream->dots == 1) {
		node = path_find(stream->descriptor, "..", 0, &up) ? directory : up.node;
		fill(&stream->entry, node, "..", 2);
		stream->dots++;
	} else {
		if (directory == path_root() && !stream->at.order)
			disks_find(false);
		result = directory->ops->list(directory, &stream->at, &listed);
		if (result == 1) {
			for (node = listed.node; node->mounted;)
				node = node->mounted;
			fill(&stream->entry, node, listed.name, listed.length);
		}
	}
	files_unlock();
	files_put(file);
	return result;
}

struct dirent *_readdir(DIR *stream)
{
	int result = next(stream);

	if (result < 0)
		errno = -result;
	return result == 1 ? &stream->entry : NULL;
}
POSIX_ALIAS(readdir)

POSIX int readdir_r(DIR *restrict stream, struct dirent *restrict entry,
		    struct dirent **restrict result)
{
	int found = next(stream);

	*result = NULL;
	if (found < 0)
		return -found;
	if (found) {
		*entry = stream->entry;
		*result = entry;
	}
	return 0;
}

POSIX long telldir(DIR *stream)
{
	return stream->dots < 2 ? stream->dots : (long)stream->at.order + 2;
}

POSIX void seekdir(DIR *stream, long place)
{
	if (place < 0)
		return;
	stream->dots = place < 2 ? (int)place : 2;
	stream->at = (struct listing){.order = place < 2 ? 0 : (uint64_t)place - 2};
}

POSIX void rewinddir(DIR *stream)
{
	seekdir(stream, 0);
}

POSIX int dirfd(DIR *stream)
{
	return stream->descriptor;
}

POSIX int alphasort(const struct dirent **a, const struct dirent **b)
{
	return strcoll((*a)->d_name, (*b)->d_name);
}

POSIX int versionsort(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int scan(DIR *stream, struct dirent ***list, int (*filter)(const struct dirent *),
		int (*compare)(const struct dirent **, const struct dirent **))
{
	struct dirent **names = NULL, **more;
	size_t count = 0, room = 0;
	struct dirent *entry;
	int error = 0;

	if (!stream)
		return -1;
	errno = 0;
	while ((entry = readdir(stream))) {
		if (filter && !filter(entry))
			continue;
		if (count == room) {
			room = room ? room * 2 : 16;
			more = realloc(names, room * sizeof(*names));
			if (!more)
				goto fail;
			names = more;
		}
		names[count] = malloc(sizeof(**names));
		if (!names[count])
			goto fail;
		*names[count++] = *entry;
		errno = 0;
	}
	if (errno)
		goto fail;
	closedir(stream);
	if (compare && count)
		qsort(names, count, sizeof(*names), (int (*)(const void *, const void *))compare);
	*list = names ? names : malloc(1);
	return (int)count;
fail:
	error = errno ? errno : ENOMEM;
	while (count)
		free(names[--count]);
	free(names);
	closedir(stream);
	errno = error;
	return -1;
}

POSIX int scandir(const char *path, struct dirent ***list, int (*filter)(const struct dirent *),
		  int (*compare)(const struct dirent **, const struct dirent **))
{
	return scan(opendir(path), list, filter, compare);
}

POSIX int scandirat(int at, const char *path, struct dirent ***list,
		    int (*filter)(const struct dirent *),
		    int (*compare)(const struct dirent **, const struct dirent **))
{
	int descriptor = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = descriptor < 0 ? NULL : fdopendir(descriptor);

	if (!stream && descriptor >= 0)
		_close(descriptor);
	return scan(stream, list, filter, compare);
}
