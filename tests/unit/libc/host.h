/* SPDX-License-Identifier: MIT */
/*
 * The file library on the host: what the rest of the SDK gives it. Includes its sources.
 */
#ifndef HOST_H
#define HOST_H

#include "files/files.h"
#include "files/boot.h"

static struct tree *host_tree, *host_tmp __attribute__((unused));
static int64_t host_now = 1700000000000000000;

void files_lock(void)
{
}

void files_unlock(void)
{
}

int64_t files_now(void)
{
	return ++host_now;
}

void disks_find(bool complain)
{
	(void)complain;
}

void lock_acquire(struct __lock *lock)
{
	lock->depth++;
}

void lock_release(struct __lock *lock)
{
	lock->depth--;
}

const struct file_ops console_file_ops = {.terminal = true};

struct node *files_build_root(void)
{
	return host_tree ? tree_root(host_tree) : NULL;
}

#include "files/node.c"
#include "files/tar.c"
#include "files/tree.c"
#include "files/boot_fill.c"
#include "files/path.c"
#include "files/table.c"
#include "files/open.c"

#endif
