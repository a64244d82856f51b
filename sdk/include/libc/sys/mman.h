/* SPDX-License-Identifier: MIT */
/*
 * Memory maps: of files, and of memory alone.
 *
 * A map of a file is a copy in memory, filled with one read, so it costs its length. What is
 * written to the file by calls shows in every map of it. Stores into a MAP_SHARED map show in
 * other maps and in read() at once, and reach the file with msync(), munmap(), fsync() and at
 * exit().
 *
 * Not as on other systems: rights are not enforced, so keep to them; behind the file's end there are zeros and no SIGBUS; two
 * shared maps that overlap, one of them for writing, must lie one in the other, the larger one made
 * first; they may have the same address, and each munmap() takes one away. There is no MAP_FIXED
 * and no PROT_EXEC.
 */
#ifndef _SYS_MMAN_H
#define _SYS_MMAN_H

#include <sys/types.h>

#define PROT_NONE  0
#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4 /* refused: ENOTSUP */

#define MAP_SHARED    0x01
#define MAP_PRIVATE   0x02
#define MAP_FIXED     0x10 /* refused: ENOTSUP */
#define MAP_ANONYMOUS 0x20
#define MAP_ANON      MAP_ANONYMOUS
#define MAP_FILE      0
#define MAP_NORESERVE 0x40 /* no effect */
#define MAP_POPULATE  0x80 /* no effect: all of it is there */

#define MAP_FAILED ((void *)-1)

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

#define MCL_CURRENT 1
#define MCL_FUTURE  2

#define POSIX_MADV_NORMAL     0
#define POSIX_MADV_RANDOM     1
#define POSIX_MADV_SEQUENTIAL 2
#define POSIX_MADV_WILLNEED   3
#define POSIX_MADV_DONTNEED   4
#define MADV_NORMAL           POSIX_MADV_NORMAL
#define MADV_RANDOM           POSIX_MADV_RANDOM
#define MADV_SEQUENTIAL       POSIX_MADV_SEQUENTIAL
#define MADV_WILLNEED         POSIX_MADV_WILLNEED

#ifdef __cplusplus
extern "C" {
#endif

/* EACCES, EBADF, EINVAL, ENODEV (not a regular file), ENOMEM, ENOTSUP, EOVERFLOW, and what reading
 * the file gives. The address is a hint, and is not heeded. */
void *mmap(void *address, size_t length, int rights, int flags, int descriptor, off_t offset);
/* What could not be written to the file is an error here; the map is gone all the same. */
int munmap(void *address, size_t length);
int msync(void *address, size_t length, int flags);
int mprotect(void *address, size_t length, int rights); /* checks its arguments, and does nothing */

/* Memory never leaves the machine, and advice changes nothing. */
int mlock(const void *address, size_t length);
int munlock(const void *address, size_t length);
int mlockall(int flags);
int munlockall(void);
int posix_madvise(void *address, size_t length, int advice);
int madvise(void *address, size_t length, int advice);

#ifdef __cplusplus
}
#endif

#endif
