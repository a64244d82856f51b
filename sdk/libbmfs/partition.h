/* SPDX-License-Identifier: MIT */
/*
 * Where on a disk a BMFS lies: on all of it, or in a partition (MBR or GPT).
 *
 * A disk whose byte 1024 bears the tag is a BMFS as a whole, whatever its boot sector says. In a
 * table only partitions of BMFS's own types count: what an older file system left behind in
 * another's partition is not touched. Tables are hostile: what reaches beyond the disk, overlaps
 * the table or another entry that was taken, or goes round in circles is left out.
 */
#ifndef BMFS_PARTITION_H
#define BMFS_PARTITION_H

#include "bmfs.h"

#define BMFS_MBR_TYPE 0x7f /* for own use, as the list of types has it */
/* 5d4d4642-5346-4d42-8b6d-626d66733031, as it lies in a GPT */
#define BMFS_GPT_TYPE                                                                              \
	{                                                                                          \
		0x42, 0x46, 0x4d, 0x5d, 0x46, 0x53, 0x42, 0x4d, 0x8b, 0x6d, 0x62, 0x6d, 0x66,      \
		    0x73, 0x30, 0x31                                                               \
	}

struct bmfs_extent {
	uint64_t sector, sectors;
	unsigned number; /* as other tools count partitions; 0: all of the disk */
};
#define BMFS_PARTITIONS_MAX 16

/*
 * Find all places that are meant for a BMFS; whether there is one is for bmfs_mount(). Returns how
 * many, at most BMFS_PARTITIONS_MAX, or -BMFS_EIO, -BMFS_ESECTOR, -BMFS_EINVAL. Reads only.
 */
int bmfs_find_partitions(const struct bmfs_disk *disk, struct bmfs_extent *found);

#endif
