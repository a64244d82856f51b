/* SPDX-License-Identifier: MIT */
/*
 * <sys/statvfs.h>.
 */
#include "files.h"
#include "../system/posix.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <baremetal/memory.h>

static int fill(struct node *node, struct statvfs *status)
{
	struct bm_memory_info memory;
	const uint64_t page = 4096;

	if (node->ops->statvfs) {
		return node->ops->statvfs(node, status);
	}
	bm_memory_info(&memory);
	*status = (struct statvfs){
	    .f_bsize = page,
	    .f_frsize = page,
	    .f_blocks = memory.heap_limit / page,
	    .f_bfree = (memory.heap_limit - memory.heap_used) / page,
	    .f_fsid = node->filesystem,
	    .f_flag = node->read_only ? ST_RDONLY : 0,
	    .f_namemax = FILES_NAME_MAX,
	};
	if (node->read_only)
		status->f_bfree = 0;
	status->f_bavail = status->f_bfree;
	return 0;
}

POSIX int statvfs(const char *restrict path, struct statvfs *restrict status)
{
	struct place place;
	int error;

	files_lock();
	error = path_find(AT_FDCWD, path, PATH_FOLLOW, &place);
	if (!error)
		error = fill(place.node, status);
	files_unlock();
	return (int)files_result(error);
}

POSIX int fstatvfs(int descriptor, struct statvfs *status)
{
	struct file *file = files_get(descriptor);

	if (!file)
		return (int)files_result(-EBADF);
	int error = file->node ? 0 : -ENOSYS; /* the console */

	if (file->node)
		error = fill(file->node, status);
	files_put(file);
	return (int)files_result(error);
}
