/* SPDX-License-Identifier: MIT */
/*
 * Filling a tree from a tar archive. Interface: boot.h.
 *
 * Paths count from the root, whether they begin with '/' or not; ".." at the
 * root is refused. An entry replaces an older one of its name. Names and data
 * stay in the archive. Where a filesystem is mounted already, the entries go
 * into that one; a device that is there stays.
 */
#include "boot.h"
#include "tar.h"

#include <stdio.h>
#include <string.h>

#define REPORTS_MAX 8 /* problems told one by one */

struct fill {
	struct node *root;
	void (*report)(const char *sentence);
	uint64_t problems;
};

static void tell(struct fill *fill, const struct tar_entry *entry, const char *what)
{
	char sentence[200], path[101];
	size_t length = 0;

	if (++fill->problems > REPORTS_MAX)
		return;
	for (int part = 0; part < 2; part++) {
		const struct tar_text *text = &entry->path[part];

		if (length && length < sizeof(path) - 1)
			path[length++] = '/';
		for (size_t i = 0; i < text->length && length < sizeof(path) - 1; i++)
			path[length++] = (uint8_t)text->text[i] < ' ' ? '?' : text->text[i];
	}
	path[length] = 0;
	snprintf(sentence, sizeof(sentence), "boot filesystem: '%s' left out: %s", path, what);
	fill->report(sentence);
}

/* A path's last name, and the directory that it is in. */
struct target {
	struct node *directory;
	const char *name; /* NULL: the path means the directory itself */
	size_t length;
};

/*
 * Walk texts (with '/' between) without following links. With make, directories
 * on the way are made. Returns NULL or what is wrong.
 */
static const char *locate(struct fill *fill, const struct tar_text *texts, int count, bool make,
			  struct target *target)
{
	struct node *at = fill->root, *parent;
	struct listed unused;

	*target = (struct target){.directory = at};
	for (int part = 0; part < count; part++) {
		const char *p = texts[part].text, *end = p + texts[part].length;

		while (p < end) {
			const char *name = p;

			while (p < end && *p != '/')
				p++;
			size_t length = (size_t)(p - name);
			while (p < end && *p == '/')
				p++;
			if (!length || (length == 1 && name[0] == '.'))
				continue;
			if (length > FILES_NAME_MAX)
				return "a name is longer than 255 bytes";
			if (memchr(name, 0, length))
				return "a name holds a zero byte";
			if (target->name) { /* what we took for the last name is a directory */
				struct node *next;
				int error =
				    at->ops->lookup(at, target->name, target->length, &next);

				if (error && make)
					error = tree_add(at, target->name, target->length,
							 S_IFDIR | 0755, &next);
				if (error)
					return error == -ENOENT ? "there is no such path"
								: "out of memory";
				if (!S_ISDIR(next->mode))
					return "its path leads through something that is no "
					       "directory";
				while (next->mounted)
					next = next->mounted;
				at = next;
			}
			if (length == 2 && name[0] == '.' && name[1] == '.') {
				if (at == fill->root)
					return "its path leads out of the filesystem";
				while (at->covers)
					at = at->covers;
				if (at->ops->parent(at, &parent, &unused))
					return "its path leads nowhere";
				at = parent;
				*target = (struct target){.directory = at};
				continue;
			}
			*target = (struct target){at, name, length};
		}
	}
	return NULL;
}

static const char *add(struct fill *fill, const struct tar_entry *entry)
{
	static const uint32_t types[] = {
	    [TAR_FILE] = S_IFREG, [TAR_DIRECTORY] = S_IFDIR, [TAR_SYMLINK] = S_IFLNK};
	struct target target, source;
	struct node *node = NULL, *old;
	const char *wrong;
	int error;

	if (entry->type == TAR_OTHER)
		return "neither a file, a directory nor a link (or a sparse file)";
	wrong = locate(fill, entry->path, 2, true, &target);
	if (wrong)
		return wrong;
	if (target.name &&
	    !target.directory->ops->lookup(target.directory, target.name, target.length, &old)) {
		if (old->device)
			return "a device bears its name";
		if (old->mounted) /* which keeps its own mode and time */
			return entry->type == TAR_DIRECTORY ? NULL : "a directory bears its name";
	}
	if (!target.name) {
		if (entry->type != TAR_DIRECTORY)
			return "it has no name";
		node = target.directory;
		if (node->covers)
			return NULL;
		node->mode = S_IFDIR | entry->mode;
	} else if (entry->type == TAR_HARD_LINK) {
		wrong = locate(fill, &entry->link, 1, false, &source);
		if (wrong || !source.name ||
		    source.directory->ops->lookup(source.directory, source.name, source.length,
						  &node) ||
		    S_ISDIR(node->mode) || node->device)
			return "the file that it is a hard link to does not come before it";
		error = tree_add_link(target.directory, target.name, target.length, node);
		return error == -EISDIR ? "a directory bears its name"
		       : error          ? "out of memory"
					: NULL;
	} else {
		if (entry->type == TAR_SYMLINK && !entry->link.length)
			return "a symbolic link to nothing";
		error = tree_add(target.directory, target.name, target.length,
				 types[entry->type] | entry->mode, &node);
		if (error)
			return error == -ENOTEMPTY ? "a directory bears its name" : "out of memory";
	}
	node->mtime_ns = node->atime_ns = node->ctime_ns = entry->mtime_ns;
	if (entry->type == TAR_FILE)
		tree_set_data(node, entry->data, entry->size);
	else if (entry->type == TAR_SYMLINK)
		tree_set_target(node, entry->link.text, entry->link.length);
	return NULL;
}

uint64_t boot_fill(struct node *root, const void *archive, uint64_t size,
		   void (*report)(const char *sentence))
{
	struct fill fill = {root, report, 0};
	struct tar_reader reader;
	struct tar_entry entry;
	char sentence[200];

	tar_open(&reader, archive, size);
	while (tar_next(&reader, &entry)) {
		const char *wrong = add(&fill, &entry);

		if (wrong)
			tell(&fill, &entry, wrong);
	}
	if (fill.problems > REPORTS_MAX) {
		snprintf(sentence, sizeof(sentence), "boot filesystem: %llu more entries left out",
			 (unsigned long long)(fill.problems - REPORTS_MAX));
		report(sentence);
	}
	if (reader.problem) {
		snprintf(sentence, sizeof(sentence), "boot filesystem: damaged at byte %llu: %s",
			 (unsigned long long)reader.offset, reader.problem);
		report(sentence);
		return BOOT_DAMAGED;
	}
	return fill.problems;
}
