/* SPDX-License-Identifier: MIT */
/*
 * BMFS disks in the file tree: /disk0, /disk1 …
 *
 *   disk.c        which there are; nodes and their operations, on libbmfs
 *   disk_block.c  libbmfs's transfers, on block devices
 *   disk_lock.c   one writer or many readers of a volume
 *
 * Nothing happens before a path names /disk…, or the root is listed: disks_find() in files.h.
 */
#ifndef FILES_DISK_H
#define FILES_DISK_H

#include "files.h"
#include "../system/lock.h"

#include "libbmfs/bmfs.h"

#define DISK_WORK (256u << 10) /* bytes for each volume */

/* ---- disk_lock.c ---- */

/*
 * Shared: transfers between sectors and the caller's memory, any number at a time. Exclusive: all
 * else. Who waits for the one or the other lets other threads run, if there are any; but no task
 * is run meanwhile, for it might want the same lock.
 */
struct disk_lock {
	struct __lock gate;
	uint32_t readers;
};
void disk_lock_shared(struct disk_lock *lock);
void disk_unlock_shared(struct disk_lock *lock);
void disk_lock_exclusive(struct disk_lock *lock);
void disk_unlock_exclusive(struct disk_lock *lock);
/* At the end of the program: not for ever, and readers do no harm. False: it is still held. */
bool disk_lock_for_a_while(struct disk_lock *lock);

/* Whether the caller is a thread that lets others run while it waits. */
bool disk_can_leave(void);
/*
 * Wait until *word is no longer `value`. look() is called again and again, with sleep if the thread
 * is about to leave its core; it may be NULL. Callers look for themselves afterwards.
 */
void disk_wait(const uint32_t *word, uint32_t value, void (*look)(void *argument, bool sleep),
	       void *argument);
void disk_wake(const uint32_t *word);

/* ---- disk_block.c ---- */

/* A part of a block device as libbmfs wants a disk. */
struct disk_part {
	struct bmfs_disk disk;
	uint32_t device;
	uint64_t first; /* sector */
};
/* -ENOMEM, -EIO, or 0. The part is all of the device at first. */
int disk_part_open(struct disk_part *part, uint32_t device);
void disk_part_set(struct disk_part *part, uint64_t first, uint64_t sectors);
void disk_part_close(struct disk_part *part);

#endif
