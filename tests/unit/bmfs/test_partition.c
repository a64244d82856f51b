/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: those that say where a BMFS is, and those that lie.
 */
#include "../unit.h"
#include "sim_disk.h"

#include "libbmfs/partition.h"

#define MIB     (UINT64_C(1) << 20)
#define SECTORS (512 * MIB / 512)

static struct sim_disk sim;
static struct bmfs_extent found[BMFS_PARTITIONS_MAX];

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void mbr(uint64_t sector, unsigned i, uint8_t type, uint32_t start, uint32_t count)
{
	uint8_t entry[16] = {0};

	entry[4] = type;
	put32(entry + 8, start);
	put32(entry + 12, count);
	sim_put(&sim, sector * sim.disk.sector_size + 446 + i * 16, entry, 16);
	sim_put(&sim, sector * sim.disk.sector_size + 510, "\x55\xaa", 2);
}

static void fresh(uint32_t sector_size)
{
	sim_open(&sim, 512 * MIB, sector_size);
}

static int search(void)
{
	memset(found, 0, sizeof(found));
	return bmfs_find_partitions(&sim.disk, found);
}

static bool is(unsigned i, uint64_t sector, uint64_t sectors, unsigned number)
{
	return found[i].sector == sector && found[i].sectors == sectors &&
	       found[i].number == number;
}

static void test_mbr(void)
{
	fresh(512);
	CHECK(search() == 0);
	mbr(0, 0, 0x83, 2048, 4096);
	CHECK(search() == 0);
	mbr(0, 1, BMFS_MBR_TYPE, 65536, 131072);
	CHECK(search() == 1 && is(0, 65536, 131072, 2));
	mbr(0, 2, BMFS_MBR_TYPE, 65536 + 131071, 131072); /* overlaps */
	CHECK(search() == 1);
	mbr(0, 2, BMFS_MBR_TYPE, 65536 + 131072, 131072);
	CHECK(search() == 2 && is(1, 65536 + 131072, 131072, 3));
	mbr(0, 3, BMFS_MBR_TYPE, SECTORS - 131072, 131073); /* beyond the end */
	CHECK(search() == 2);
	mbr(0, 3, BMFS_MBR_TYPE, UINT32_MAX, UINT32_MAX);
	CHECK(search() == 2);
	mbr(0, 3, BMFS_MBR_TYPE, 0, 131072); /* the table itself */
	CHECK(search() == 2);
	mbr(0, 3, BMFS_MBR_TYPE, SECTORS - 131072, 0);
	CHECK(search() == 2);
	mbr(0, 3, BMFS_MBR_TYPE, SECTORS - 131072, 131072);
	CHECK(search() == 3);
	/* The disk as a whole comes first. */
	sim_put(&sim, 1024, "BMFS\0\0\0\0\0\0\0\0\0\0\0", 16);
	CHECK(search() == 1 && is(0, 0, SECTORS, 0));
	sim_close(&sim);
}

static void test_chain(void)
{
	fresh(512);
	mbr(0, 0, 0x05, 2048, 500000);
	CHECK(search() == 0);
	mbr(2048, 0, 0x83, 2048, 10000);
	mbr(2048, 1, 0x05, 20000, 100000);
	mbr(22048, 0, BMFS_MBR_TYPE, 2048, 65536);
	CHECK(search() == 1 && is(0, 24096, 65536, 6));
	mbr(22048, 1, 0x05, 0, 100000); /* back to the first */
	CHECK(search() == 1);
	mbr(22048, 1, 0x05, 20000, 100000); /* to itself */
	CHECK(search() == 1);
	mbr(22048, 1, 0x05, 499999, 100000);
	mbr(2048 + 499999, 0, BMFS_MBR_TYPE, 1, 131072); /* out of the extended partition */
	CHECK(search() == 1);
	mbr(22048, 1, 0x05, UINT32_MAX, 1);
	CHECK(search() == 1);
	mbr(0, 1, 0x0f, UINT32_MAX, UINT32_MAX);
	CHECK(search() == 1);
	/* A chain that goes up for ever is not followed for ever. */
	for (unsigned i = 0; i < 400; i++) {
		mbr(100000 + i, 0, 0x83, 1, 1);
		mbr(100000 + i, 1, 0x05, 100000 - 2048 + i + 1, 1);
	}
	mbr(22048, 1, 0x05, 100000 - 2048, 100000);
	sim.reads = 0;
	CHECK(search() == 1 && sim.reads < 100);
	sim_close(&sim);
}

static uint32_t crc(const uint8_t *data, size_t size)
{
	uint32_t value = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		value ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
	}
	return ~value;
}

/* A GPT of 128 entries, of which some are BMFS's; copy: at the end of the disk. */
static void gpt(bool copy, uint64_t first, uint64_t last, unsigned index, bool spoil)
{
	static const uint8_t type[16] = BMFS_GPT_TYPE;
	uint32_t size = sim.disk.sector_size, entry_sectors = 128 * 128 / size;
	uint8_t header[512] = "EFI PART\0\0\1", entries[128 * 128] = {0};
	uint64_t at = copy ? sim.disk.sectors - 1 : 1;
	uint64_t entries_at = copy ? at - entry_sectors : 2;

	memcpy(entries + index * 128, type, 16);
	entries[index * 128 + 16] = 1;
	bmfs_put64(entries + index * 128 + 32, first);
	bmfs_put64(entries + index * 128 + 40, last);
	put32(header + 12, 92);
	bmfs_put64(header + 24, at);
	bmfs_put64(header + 32, copy ? 1 : sim.disk.sectors - 1);
	bmfs_put64(header + 40, 2 + entry_sectors);
	bmfs_put64(header + 48, sim.disk.sectors - 2 - entry_sectors);
	bmfs_put64(header + 72, entries_at);
	put32(header + 80, 128);
	put32(header + 84, 128);
	put32(header + 88, crc(entries, sizeof(entries)));
	put32(header + 16, crc(header, 92));
	entries[5] ^= spoil;
	sim_put(&sim, at * size, header, sizeof(header));
	sim_put(&sim, entries_at * size, entries, sizeof(entries));
	mbr(0, 0, 0xee, 1, UINT32_MAX);
}

static void test_gpt(uint32_t sector_size)
{
	uint64_t part = 100 * MIB / sector_size, from = 4 * MIB / sector_size;

	fresh(sector_size);
	gpt(false, from, from + part - 1, 3, false);
	CHECK(search() == 1 && is(0, from, part, 4));
	gpt(false, from, from + part - 1, 127, false);
	CHECK(search() == 1 && is(0, from, part, 128));
	gpt(false, from, from + part - 1, 3, true);
	CHECK(search() == 0);
	gpt(true, from, from + part - 1, 3, false); /* the copy helps */
	CHECK(search() == 1 && is(0, from, part, 4));
	/* Also where the first cannot be read: the call after the first sectors, or one of those for the
	 * entries. Without a copy, nobody knows. */
	for (unsigned call = 1; call <= 3; call++) {
		gpt(false, from, from + part - 1, 5, false);
		sim.fail_from = sim.calls + call;
		sim.fail_until = sim.fail_from + 1;
		CHECK(call == 1 ? search() == -BMFS_EIO : search() == 1 && is(0, from, part, 4));
		sim_put(&sim, (sim.disk.sectors - 1) * sector_size, "x", 1);
		sim.fail_from = sim.calls + call;
		sim.fail_until = sim.fail_from + 1;
		CHECK(search() == -BMFS_EIO);
		sim.fail_until = UINT32_MAX;
		sim.fail_from = sim.calls + call;
		CHECK(search() == -BMFS_EIO);
		sim.fail_from = 0;
		CHECK(search() == 1 && is(0, from, part, 6));
		gpt(true, from, from + part - 1, 3, false);
	}
	gpt(false, 0, part, 0, false);
	CHECK(search() == 0);
	gpt(false, from, UINT64_MAX, 0, false);
	CHECK(search() == 0);
	gpt(false, from + part, from, 0, false);
	CHECK(search() == 0);
	gpt(false, from, sim.disk.sectors, 0, false);
	CHECK(search() == 0);
	sim_close(&sim);
}

static void test_errors(void)
{
	fresh(512);
	mbr(0, 0, BMFS_MBR_TYPE, 2048, 131072);
	sim.fail_from = 1;
	sim.fail_until = 100;
	CHECK(search() == -BMFS_EIO);
	sim.fail_from = 0;
	sim.disk.sector_size = 8192;
	CHECK(search() == -BMFS_ESECTOR);
	sim_close(&sim);
	sim_open(&sim, 1 * MIB, 512);
	CHECK(search() == 0);
	sim_close(&sim);
}

int main(void)
{
	test_mbr();
	test_chain();
	test_gpt(512);
	test_gpt(4096);
	test_errors();
	return unit_status();
}
