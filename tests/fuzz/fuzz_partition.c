/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: partition tables. The input is the start of a disk of 1 GiB, in pieces of 512 bytes
 * that each say where they go: the first 2 bytes, in units of 64 KiB, or 0: behind the one before.
 * Needs: sdk/libbmfs.
 */
#define SIM_BUCKETS 64u
#include "../unit/bmfs/sim_disk.h"

#include "libbmfs/partition.h"

static struct sim_disk sim;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmfs_extent found[BMFS_PARTITIONS_MAX];
	uint64_t at = 0;
	int count;

	if (!size)
		return 0;
	sim_open(&sim, UINT64_C(1) << 30, data[0] & 1 ? 4096 : 512);
	data++;
	size--;
	while (size) {
		size_t piece = size < 514 ? size : 514;

		if (piece > 2) {
			unsigned place = data[0] | data[1] << 8;

			at = place ? (uint64_t)place * 65536 % (UINT64_C(1) << 30) : at;
			sim_put(&sim, at, data + 2, piece - 2);
			at += 512;
		}
		data += piece;
		size -= piece;
	}
	count = bmfs_find_partitions(&sim.disk, found);
	if (count > BMFS_PARTITIONS_MAX || sim.reads > 1000)
		abort();
	for (int i = 0; i < count; i++) {
		if (!found[i].sectors || found[i].sector >= sim.disk.sectors ||
		    found[i].sectors > sim.disk.sectors - found[i].sector)
			abort();
		for (int j = 0; j < i; j++)
			if (found[i].sector < found[j].sector + found[j].sectors &&
			    found[j].sector < found[i].sector + found[i].sectors)
				abort();
	}
	sim_close(&sim);
	return 0;
}
