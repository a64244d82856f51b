/* SPDX-License-Identifier: MIT */
/*
 * Files on BMFS disks, beyond what POSIX has: reservations, and where a file lies.
 *
 *     int file = open("/disk0/table", O_RDWR | O_CREAT, 0666);
 *     struct bm_bmfs_extent at;
 *     if (!bm_bmfs_reserve(file, 100 << 20) && !bm_bmfs_extent(file, &at))
 *             bm_block_read(at.device, at.sector, buffer, sizeof buffer, BM_FOREVER);
 *
 * Part of libbaremetal's files, and so needs the C library. All that other programs need is in
 * POSIX's calls on /disk0, /disk1 …: see the page "BMFS" of the documentation.
 */
#ifndef BAREMETAL_BMFS_H
#define BAREMETAL_BMFS_H

#include <stdint.h>

/** Where a file lies: all in one piece. */
struct bm_bmfs_extent {
	uint32_t device;      /* for bm_block_read() and its kin */
	uint32_t sector_size; /* bytes */
	uint64_t sector;      /* its first one */
	uint64_t sectors;     /* that are reserved for it; its size may be less */
};

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Tell where a file on a BMFS disk lies. From then on it is not moved, until this descriptor and
 * all that were made of it with dup() are closed.
 *
 * Whoever transfers past the file's calls keeps to these rules. Writes count once fsync() has
 * returned 0, which flushes the device. What lies behind the file's size is not part of it: make it
 * as large as needed with ftruncate() first, which writes zeros. read() and write() at the same
 * time see the one or the other.
 *
 * @param descriptor  an open file.
 * @param extent      receives the place.
 * @return 0; -1 with errno EBADF, or EINVAL if it is no file on a BMFS disk. Any core; waits while
 *         the disk is being changed.
 */
int bm_bmfs_extent(int descriptor, struct bm_bmfs_extent *extent);

/**
 * Have room for a file to grow: so many bytes in all, in one piece. Nothing is written, and its
 * size stays as it is: it costs no more than a record, where posix_fallocate() writes zeros. Less
 * than before gives room back, though never what is within the file's size.
 *
 * @param descriptor  an open file, writable or not.
 * @param bytes       rounded up to whole blocks of 2 MiB, at least one.
 * @return 0; -1 with errno EBADF, EINVAL (no file on a BMFS disk), EROFS, EIO, EFBIG, EBUSY (it
 *         would have to be moved, and bm_bmfs_extent() forbids it), or ENOSPC: there is not so much
 *         in one piece, even if other files are moved together, which is tried. Waits for the disk.
 */
int bm_bmfs_reserve(int descriptor, uint64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
