/* SPDX-License-Identifier: MIT */
/*
 * From a path to a node: components, symbolic links, "..", mounts, the working
 * directory. Interface: files.h.
 */
#include "files.h"

#include <fcntl.h>
#include <string.h>

static struct node *root, *working;

struct node *path_root(void)
{
	if (!root)
		root = files_build_root();
	return root;
}

struct node *path_working(void)
{
	return working ? working : path_root();
}

int path_set_working(struct node *directory)
{
	node_hold(directory);
	if (working)
		node_drop(working);
	working = directory;
	return 0;
}

int files_mount(struct node *top, struct node *over)
{
	if (over->mounted || top->covers)
		return -EBUSY;
	over->mounted = top;
	top->covers = over;
	return 0;
}

static struct node *parent_of(struct node *directory)
{
	struct node *parent;
	struct listed name;

	while (directory->covers)
		directory = directory->covers;
	if (directory == root || directory->ops->parent(directory, &parent, &name))
		return directory == root ? root : NULL;
	return parent;
}

/* Disks are looked for when a path names one, in the root. */
static bool names_disk(const struct node *directory, const char *name, size_t length)
{
	return directory == root && length > 4 && !memcmp(name, "disk", 4) && name[4] >= '0' &&
	       name[4] <= '9';
}

struct walk {
	int links; /* followed so far */
};

/*
 * Walk from a directory. The text need not be terminated. Recursion only for a
 * symbolic link in the middle: at most FILES_LINKS_MAX deep.
 */
static int walk_path(struct walk *walk, struct node *at, const char *path, size_t length, int flags,
		     struct place *place)
{
	const char *end = path + length;
	int error;

	if (path == end)
		return -ENOENT;
again:
	if (*path == '/')
		at = path_root();
	if (!at)
		return -ENOMEM;
	*place = (struct place){.directory = at, .node = at};
	for (;;) {
		while (path < end && *path == '/')
			path++;
		if (path == end)
			return 0;
		const char *name = path;
		while (path < end && *path != '/')
			path++;
		size_t size = (size_t)(path - name);
		const char *rest = path;
		bool last;

		while (rest < end && *rest == '/')
			rest++;
		last = rest == end;
		at = place->node;
		if (!S_ISDIR(at->mode))
			return -ENOTDIR;
		if (size > FILES_NAME_MAX)
			return -ENAMETOOLONG;
		if (size == 1 && name[0] == '.') {
			*place = (struct place){.directory = at, .node = at};
			continue;
		}
		if (size == 2 && name[0] == '.' && name[1] == '.') {
			at = parent_of(at);
			if (!at)
				return -ENOENT;
			*place = (struct place){.directory = at, .node = at};
			continue;
		}
		if (names_disk(at, name, size))
			disks_find(true);
		*place = (struct place){at, name, size, last && path < end, NULL};
		error = at->ops->lookup(at, name, size, &place->node);
		if (error == -ENOENT && last && flags & PATH_MAY_MISS) {
			place->node = NULL;
			return 0;
		}
		if (error)
			return error;
		while (place->node->mounted)
			place->node = place->node->mounted;
		if (S_ISLNK(place->node->mode) && (!last || place->slash || flags & PATH_FOLLOW)) {
			size_t target_size;
			const char *target = place->node->ops->target(place->node, &target_size);

			if (++walk->links > FILES_LINKS_MAX)
				return -ELOOP;
			if (!target_size)
				return -ENOENT;
			if (last) {
				path = target;
				end = target + target_size;
				goto again;
			}
			error = walk_path(walk, at, target, target_size, PATH_FOLLOW, place);
			if (error)
				return error;
		}
	}
}

int path_find(int at, const char *path, int flags, struct place *place)
{
	struct walk walk = {0};
	struct node *start = NULL;
	struct file *file = NULL;
	int error;

	if (!path)
		return -EFAULT;
	if (!path_root())
		return -ENOMEM;
	if (*path == '/' || at == AT_FDCWD) {
		start = path_working();
	} else {
		file = files_get(at);
		if (!file)
			return -EBADF;
		start = file->node;
	}
	if (start)
		error = walk_path(&walk, start, path, strlen(path), flags, place);
	else
		error = -ENOTDIR;
	if (file)
		files_put(file); /* its node lives on while the lock is held and the file open */
	if (!error && place->node && (place->slash || flags & PATH_DIRECTORY) &&
	    !S_ISDIR(place->node->mode))
		return -ENOTDIR;
	return error;
}

int path_of(struct node *directory, char *buffer, size_t size)
{
	size_t at = size;
	struct node *parent;
	struct listed name;

	if (!size)
		return -EINVAL;
	if (!path_root())
		return -ENOMEM;
	buffer[--at] = 0;
	for (;;) {
		while (directory->covers)
			directory = directory->covers;
		if (directory == root)
			break;
		int error = directory->ops->parent(directory, &parent, &name);
		if (error)
			return error;
		if (at < name.length + 1)
			return -ERANGE;
		at -= name.length;
		memcpy(buffer + at, name.name, name.length);
		buffer[--at] = '/';
		directory = parent;
	}
	if (at == size - 1) {
		if (!at)
			return -ERANGE;
		buffer[--at] = '/';
	}
	memmove(buffer, buffer + at, size - at);
	return (int)(size - at);
}
