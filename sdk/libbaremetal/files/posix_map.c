/* SPDX-License-Identifier: MIT */
/*
 * mmap() and its kin. What they do is in map.c; what they do not do, in <sys/mman.h>.
 */
#include "map.h"
#include "../system/posix.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <baremetal/system.h>
#include <baremetal/time.h>

#define PATIENCE (5 * BM_SECOND) /* at the end of the program */

/* The file behind a descriptor may be mapped so, or an error. */
static int file_error(const struct file *file, int rights, bool shared)
{
	int mode = file->flags & O_ACCMODE;

	if (!file->node || file->ops != &node_file_ops || !S_ISREG(file->node->mode))
		return -ENODEV;
	if (mode == O_WRONLY || (shared && rights & PROT_WRITE && mode != O_RDWR))
		return -EACCES;
	return 0;
}

POSIX void *mmap(void *address, size_t length, int rights, int flags, int descriptor, off_t offset)
{
	int kind = flags & (MAP_SHARED | MAP_PRIVATE);
	bool shared = kind == MAP_SHARED;
	struct file *file = NULL;
	void *made = MAP_FAILED;
	int error = 0;

	(void)address;
	if (!length || (kind != MAP_SHARED && kind != MAP_PRIVATE) ||
	    flags & ~(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE |
		      MAP_POPULATE) ||
	    rights & ~(PROT_READ | PROT_WRITE | PROT_EXEC) || offset < 0 || offset % MAP_PAGE)
		error = -EINVAL;
	else if (flags & MAP_FIXED || rights & PROT_EXEC)
		error = -ENOTSUP;
	if (!error && !(flags & MAP_ANONYMOUS)) {
		file = files_get(descriptor);
		error = file ? file_error(file, rights, shared) : -EBADF;
	}
	if (!error) {
		files_lock();
		error = map_add(file ? file->node : NULL, file ? (uint64_t)offset : 0, length,
				shared, rights & PROT_WRITE, &made);
		files_unlock();
	}
	if (file)
		files_put(file);
	return files_result(error) ? MAP_FAILED : made;
}

/* The pages that a range touches, or an error. */
static int whole_pages(void *address, size_t *length)
{
	if ((uintptr_t)address % MAP_PAGE || *length > SIZE_MAX - MAP_PAGE ||
	    (uintptr_t)address + *length < (uintptr_t)address)
		return -EINVAL;
	*length = (*length + MAP_PAGE - 1) & ~(size_t)(MAP_PAGE - 1);
	return 0;
}

POSIX int munmap(void *address, size_t length)
{
	int error = length ? whole_pages(address, &length) : -EINVAL;

	if (!error) {
		files_lock();
		error = map_remove(address, length);
		files_unlock();
	}
	return (int)files_result(error);
}

POSIX int msync(void *address, size_t length, int flags)
{
	int error = whole_pages(address, &length);

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC))
		error = -EINVAL;
	if (!error) {
		files_lock();
		error = map_write_back(address, length, flags & MS_SYNC);
		files_unlock();
	}
	return (int)files_result(error);
}

/* All memory is readable and writable, and stays so. */
POSIX int mprotect(void *address, size_t length, int rights)
{
	int error = whole_pages(address, &length);

	if (!error && rights & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
		error = -EINVAL;
	if (!error && rights & PROT_EXEC)
		error = -ENOTSUP;
	return (int)files_result(error);
}

/* The program ends, whatever holds the lock. */
void files_end_maps(void)
{
	uint64_t deadline = bm_time_monotonic() + PATIENCE;

	while (!files_try_lock())
		if (bm_time_monotonic() > deadline)
			return;
	if (map_flush_all())
		bm_log(BM_LOG_ERROR,
		       "mmap: what is in shared maps could not be written to its file");
	files_unlock();
}

POSIX int mlock(const void *address, size_t length)
{
	(void)address, (void)length;
	return 0;
}

POSIX int munlock(const void *address, size_t length)
{
	(void)address, (void)length;
	return 0;
}

POSIX int mlockall(int flags)
{
	return (int)files_result(!flags || flags & ~(MCL_CURRENT | MCL_FUTURE) ? -EINVAL : 0);
}

POSIX int munlockall(void)
{
	return 0;
}

POSIX int posix_madvise(void *address, size_t length, int advice)
{
	(void)address, (void)length;
	return advice < POSIX_MADV_NORMAL || advice > POSIX_MADV_DONTNEED ? EINVAL : 0;
}

POSIX int madvise(void *address, size_t length, int advice)
{
	/* MADV_DONTNEED elsewhere throws contents away: programs rely on that, so it is not here.
	 */
	return (int)files_result(
	    advice == POSIX_MADV_DONTNEED ? -EINVAL : -posix_madvise(address, length, advice));
}
