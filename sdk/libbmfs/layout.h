/* SPDX-License-Identifier: MIT */
/*
 * What lies on a BMFS disk: the published layout, version 1. Nothing else is ever written.
 *
 *     block 0      byte 0     boot sector, left to whoever boots from it
 *                  byte 1024  the tag, in a sector of its own that is zero otherwise
 *                  byte 4096  the directory: 64 records
 *                  the rest is free for a boot loader
 *     block 1 …    files, each in blocks that follow each other
 *     last block   copy of block 0; other tools may leave it zero
 *
 * Numbers are little-endian. There is no list of free blocks: what no record reserves is free.
 */
#ifndef BMFS_LAYOUT_H
#define BMFS_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#ifndef BMFS_BLOCK                     /* the fuzzers' is smaller, for speed */
#define BMFS_BLOCK (UINT64_C(1) << 21) /* bytes */
#endif

#define BMFS_TAG_AT       1024u
#define BMFS_TAG_SIZE     512u
#define BMFS_TAG          "BMFS" /* with its zero byte: other tools compare it as a string */
#define BMFS_DIRECTORY_AT 4096u
#define BMFS_RECORDS      64u
#define BMFS_NAME_SIZE    32u /* with the zero at its end */

/* The first byte of a name. */
#define BMFS_NAME_END     0x00 /* no record follows, this one included */
#define BMFS_NAME_DELETED 0x01 /* a record that is not in use */

struct bmfs_record {
	char name[BMFS_NAME_SIZE];
	uint8_t start[8];    /* number of its first block */
	uint8_t reserved[8]; /* blocks */
	uint8_t size[8];     /* bytes */
	uint8_t unused[8];   /* see BMFS_HINT, BMFS_SLIDE */
};
_Static_assert(sizeof(struct bmfs_record) == 64, "a record has 64 bytes");
_Static_assert(offsetof(struct bmfs_record, start) == 32, "start follows the name");
_Static_assert(offsetof(struct bmfs_record, size) == 48, "size follows the reservation");

#define BMFS_DIRECTORY_SIZE (BMFS_RECORDS * 64u)
#define BMFS_HEAD_SIZE      (BMFS_DIRECTORY_AT + BMFS_DIRECTORY_SIZE) /* what is read at mount */

/*
 * In the unused bytes, little-endian, with the number of another record in the low byte: "this
 * record has taken over that one's file, whose own record is to be deleted". Counts only while both
 * name the same blocks; means nothing to other tools. See sdk/docs/bmfs.md.
 */
#define BMFS_HINT      UINT64_C(0x6d766564706c6300) /* "\0clpdevm" */
#define BMFS_HINT_MASK UINT64_C(0xff)

/*
 * There as well, in the upper 24 bits, with two numbers of blocks of 20 bits each: "this file is
 * being moved over itself: the contents from block `split` on lie `gap` blocks higher". See
 * slide.c.
 */
#define BMFS_SLIDE      (UINT64_C(0x736c64) << 40) /* "dls" */
#define BMFS_SLIDE_BITS 20
#define BMFS_SLIDE_MASK UINT64_C(0xfffff)

/* Others' disks may be as small as 3 blocks; format makes none below 16. */
#define BMFS_BLOCKS_MIN        3u
#define BMFS_BLOCKS_FORMAT_MIN 16u

static inline uint64_t bmfs_get64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | bytes[i];
	return value;
}

static inline void bmfs_put64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

#endif
