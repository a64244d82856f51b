/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the boot filesystem's archive. Fills a tree from it, then walks all of the tree
 * by paths and reads every file. Needs:
 * sdk/libbaremetal/files/{node,tar,tree,boot_fill,path,table,open}.c, included through
 * ../unit/libc/host.h.
 */
#include "../unit/libc/host.h"

#include <stdlib.h>
#include <string.h>

static void ignore(const char *sentence)
{
	if (!*sentence || strlen(sentence) >= 200)
		abort();
}

static void walk(struct node *directory, unsigned depth, const uint8_t *data, size_t size)
{
	struct listing at = {0};
	struct listed entry;
	struct place place;
	char path[8192];

	if (depth > 600 || path_of(directory, path, sizeof(path)) < 0)
		return;
	if (path_find(AT_FDCWD, path, 0, &place) || place.node != directory)
		abort();
	while (directory->ops->list(directory, &at, &entry) == 1) {
		struct node *node, *found = entry.node;
		size_t length = strlen(path);

		if (!entry.length || entry.length > FILES_NAME_MAX ||
		    memchr(entry.name, '/', entry.length))
			abort();
		if (directory->ops->lookup(directory, entry.name, entry.length, &node) ||
		    node != found)
			abort();
		while (found->mounted)
			found = found->mounted;
		if (S_ISDIR(found->mode)) {
			walk(found, depth + 1, data, size);
		} else if (S_ISREG(found->mode)) {
			uint8_t last;
			if (found->size > size)
				abort();
			if (found->size && found->ops->read(found, &last, 1, found->size - 1) != 1)
				abort();
			if (!found->read_only && found->ops->write(found, &last, 1, 0) != 1)
				abort(); /* under ASan: not into the archive's own bytes */
		} else if (length + entry.length + 2 < sizeof(path)) {
			path[length] = '/';
			memcpy(path + length + 1, entry.name, entry.length);
			path[length + 1 + entry.length] = 0;
			path_find(AT_FDCWD, path, PATH_FOLLOW, &place); /* any result, but an end */
			path[length] = 0;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct node *over;

	host_tree = tree_new(1, 42);
	host_tmp = tree_new(2, 24);
	if (!host_tree || !host_tmp || tree_add(tree_root(host_tree), "tmp", 3, S_IFDIR, &over) ||
	    files_mount(tree_root(host_tmp), over))
		abort();
	root = working = NULL;
	boot_fill(tree_root(host_tree), data, size, ignore);
	tree_seal(host_tree);
	walk(path_root(), 0, data, size);
	tree_free(host_tmp);
	tree_free(host_tree);
	return 0;
}
