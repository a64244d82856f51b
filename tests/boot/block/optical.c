/* SPDX-License-Identifier: MIT */
/*
 * An optical drive: optical DRIVER [none]
 *
 * Every sector of the medium is read, in pieces of all sizes, several under way, and holds its
 * number (meson.build makes it). What cannot be is refused. `none`: there is no medium, and that is
 * told.
 */
#include <baremetal/block.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"

#define SIZE  2048
#define SLOTS 6
#define MOST  150 /* sectors: more than one command of the drive's */

static struct bm_block_info info;

static int is_right(const uint32_t *memory, uint64_t sector, uint32_t sectors)
{
	for (uint32_t i = 0; i < sectors * (SIZE / 4); i++)
		if (memory[i] != sector + i / (SIZE / 4))
			return 0;
	return 1;
}

/* All of it, with requests of 1, 2, 3 … sectors. Returns how many. */
static unsigned read_all(uint32_t device)
{
	static struct bm_block_request requests[SLOTS];
	static struct bm_block_segment segments[SLOTS][2];
	static char *memory[SLOTS];
	uint64_t next = 0;
	unsigned count = 0, sectors[SLOTS] = {0}, left = 0;

	for (int i = 0; i < SLOTS; i++)
		memory[i] = (char *)malloc((MOST + 2) * SIZE) + 4 * (i * 37);
	do {
		for (int i = 0; i < SLOTS; i++) {
			struct bm_block_request *r = &requests[i], *list[] = {r};
			if (sectors[i] && r->status != BM_BLOCK_PENDING) {
				CHECK(r->status == 0);
				CHECK(is_right((uint32_t *)memory[i], r->sector, sectors[i]));
				sectors[i] = 0;
				left--;
			}
			if (sectors[i] || next == info.sectors)
				continue;
			sectors[i] = 1 + count++ % MOST;
			if (sectors[i] > info.sectors - next)
				sectors[i] = info.sectors - next;
			memset(memory[i], 0xee, sectors[i] * SIZE);
			/* Two pieces, where there is more than one sector. */
			uint32_t first = (sectors[i] + 1) / 2 * SIZE, all = sectors[i] * SIZE;
			segments[i][0] = (struct bm_block_segment){memory[i], first};
			segments[i][1] = (struct bm_block_segment){memory[i] + first, all - first};
			memset(r, 0, sizeof *r);
			r->sector = next;
			r->segments = segments[i];
			r->segment_count = all > first ? 2 : 1;
			next += sectors[i];
			int taken; /* 0 while the drive has as many as it takes */
			while ((taken = bm_block_submit(device, list, 1)) == 0)
				bm_block_poll(device, BM_BLOCK_ALL_QUEUES);
			CHECK(taken == 1);
			left++;
		}
		bm_block_poll(device, BM_BLOCK_ALL_QUEUES);
	} while (left || next < info.sectors);
	return count;
}

int main(int argc, char **argv)
{
	int none = argc > 2 && !strcmp(argv[2], "none");
	char *memory = aligned_alloc(4096, 4096);
	uint32_t device = 0;

	CHECK(bm_block_info(0, &info) == 0);
	printf("%s: %lu sectors, model \"%s\", flags %#x\n", info.name, (unsigned long)info.sectors,
	       info.model, info.flags);
	CHECK(argc > 1 && !strncmp(info.name, argv[1], strlen(argv[1])));
	CHECK(info.flags == (BM_BLOCK_READ_ONLY | BM_BLOCK_REMOVABLE | BM_BLOCK_OPTICAL));
	CHECK(info.sector_size == SIZE);
	CHECK((info.sectors == 0) == none);
	CHECK(bm_block_write(device, 0, memory, SIZE, 0, BM_FOREVER) == -BM_EROFS);
	CHECK(bm_block_flush(device, BM_FOREVER) == 0);
	CHECK(bm_block_read(device, info.sectors, memory, SIZE, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(device, 0, memory, SIZE / 2, BM_FOREVER) == -BM_EINVAL);
	if (none)
		return check_status();
	/* Sleeping meanwhile, too. */
	CHECK(bm_block_read(device, info.sectors - 1, memory, SIZE, BM_FOREVER) == 0);
	CHECK(is_right((uint32_t *)memory, info.sectors - 1, 1));
	printf("%u requests\n", read_all(device));
	CHECK(bm_block_info(device, &info) == 0);
	CHECK(info.bytes_read == (info.sectors + 1) * SIZE);
	CHECK(info.resets == 0 && info.strays == 0);
	return check_status();
}
