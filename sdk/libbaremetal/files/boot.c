/* SPDX-License-Identifier: MIT */
/*
 * The root of all paths, made at the first use of one: the boot filesystem from
 * the archive that the loader hands over, /tmp and /dev. The archive's entries
 * below /tmp and /dev go into these.
 */
#include "boot.h"
#include "device.h"

#include <baremetal/random.h>
#include <baremetal/system.h>

#include "../start/start.h"

enum { FILESYSTEM_BOOT = 1, FILESYSTEM_TMP = 2, FILESYSTEM_DEV = 3 };

static void report(const char *sentence)
{
	bm_log(BM_LOG_ERROR, sentence);
}

/* A directory of the root for a filesystem to cover. */
static struct node *mount_point(struct node *root, const char *name, size_t length)
{
	struct node *node;
	int error = tree_add(root, name, length, S_IFDIR | 0755, &node);

	return error ? NULL : node;
}

static int mount_tree(struct node *root, const char *name, size_t length, struct tree *tree,
		      uint32_t mode)
{
	struct node *over = tree ? mount_point(root, name, length) : NULL;

	if (!over)
		return -ENOMEM;
	tree_root(tree)->mode = S_IFDIR | mode;
	tree_root(tree)->mtime_ns = tree_root(tree)->atime_ns = tree_root(tree)->ctime_ns =
	    files_now();
	return files_mount(tree_root(tree), over);
}

struct node *files_build_root(void)
{
	const struct bm_start *start = start_data;
	struct tree *boot, *tmp, *dev;
	uint64_t seed;
	struct node *root;

	if (bm_random(&seed, sizeof(seed)))
		seed = (uintptr_t)start; /* harms no one: only speed is at stake */
	boot = tree_new(FILESYSTEM_BOOT, seed);
	if (!boot)
		return NULL;
	root = tree_root(boot);
	root->mtime_ns = root->atime_ns = root->ctime_ns = files_now();
	tmp = tree_new(FILESYSTEM_TMP, seed);
	if (mount_tree(root, "tmp", 3, tmp, 01777))
		report("no /tmp: out of memory");
	dev = tree_new(FILESYSTEM_DEV, seed);
	if (mount_tree(root, "dev", 3, dev, 0755) || device_fill(tree_root(dev)))
		report("no /dev: out of memory");
	/* A program must not go on with half of its files and end in success. */
	if (start->boot_filesystem &&
	    boot_fill(root, start->boot_filesystem, start->boot_filesystem_size, report) ==
		BOOT_DAMAGED)
		bm_crash("the boot filesystem is damaged: make the image again");
	if (dev)
		tree_seal(dev);
	tree_seal(boot);
	return root;
}
