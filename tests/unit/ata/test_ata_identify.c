/* SPDX-License-Identifier: MIT */
/*
 * IDENTIFY data, and the registers of commands.
 */
#include <stdio.h>
#include <string.h>
#include "drivers/block/ata_command.h"
#include "unit.h"

static uint16_t w[256];
static struct ata_identity i;

/* A disk of 1,000,000 sectors that has all there is. */
static void good(void)
{
	memset(w, 0, sizeof w);
	w[0] = 0x0040;
	w[10] = 'S' << 8 | '1';
	w[23] = 'F' << 8 | '1';
	w[27] = 'M' << 8 | '1';
	w[46] = 'X' << 8 | 'Y';
	w[49] = 0x0300;
	w[60] = 1000000 & 0xffff;
	w[61] = 1000000 >> 16;
	w[75] = 31;
	w[76] = 0x0100;
	w[83] = 0x7400;
	w[84] = w[87] = 0x4060;
	w[85] = 0x0020;
	w[88] = 0x203f;
	w[100] = 1000000 & 0xffff;
	w[101] = 1000000 >> 16;
	w[169] = 1;
}

static int disk(void)
{
	memset(&i, 0xee, sizeof i);
	return ata_identify_disk(w, &i);
}

static void test_disk(void)
{
	good();
	CHECK(disk() == 0 && i.sectors == 1000000 && i.sector_size == 512);
	CHECK(i.physical_sector_size == 512 && i.queue_depth == 32);
	CHECK(i.lba48 && i.fua && i.write_cache && i.flush_ext && i.trim && i.logs && i.dma &&
	      i.dma_mode);
	CHECK(!memcmp(i.model, "M1", 2) && !memcmp(i.model + 38, "XY", 3));
	CHECK(!memcmp(i.serial, "S1", 2) && !i.serial[20] && !memcmp(i.firmware, "F1", 2));
	CHECK(ata_identify_packet(w, &i) == -BM_EIO);

	/* What does not count is not believed. */
	good();
	w[87] = 0x0060;
	w[84] = 0xc060;
	CHECK(disk() == 0 && !i.write_cache && !i.fua && !i.logs);
	good();
	w[76] = 0xffff;
	CHECK(disk() == 0 && !i.queue_depth);
	good();
	w[85] = 0;
	CHECK(disk() == 0 && !i.write_cache);
	good();
	w[63] = 7;
	w[88] = 0x3f;
	CHECK(disk() == 0 && !i.dma_mode);
	/* Without 48 bits there is no queue, no FUA and no TRIM, whatever is said. */
	good();
	w[83] = 0;
	CHECK(disk() == 0 && !i.lba48 && !i.queue_depth && !i.fua && !i.trim &&
	      i.sectors == 1000000);

	/* Sizes. */
	good();
	w[106] = 0x6003;
	CHECK(disk() == 0 && i.sector_size == 512 && i.physical_sector_size == 4096);
	good();
	w[106] = 0x5000;
	w[117] = 2048;
	CHECK(disk() == 0 && i.sector_size == 4096 && i.physical_sector_size == 4096);
	w[106] = 0x1000;
	CHECK(disk() == 0 && i.sector_size == 512); /* not valid: does not count */
	for (unsigned words = 0; words < 70000; words += words < 3000 ? 7 : 1021) {
		good();
		w[106] = 0x5000;
		w[117] = words;
		w[118] = words >> 16;
		CHECK(
		    disk() ==
		    (words == 2048 || words == 1024 || words == 512 || words == 256 ? 0 : -BM_EIO));
	}
	good();
	w[69] = 8;
	w[230] = 5;
	CHECK(disk() == 0 && i.sectors == 5);

	/* No disk, or none that can be used. */
	good();
	w[100] = w[101] = 0;
	CHECK(disk() == -BM_EIO);
	w[103] = 1; /* 2^48 */
	CHECK(disk() == 0 && i.sectors == 1ul << 48);
	w[100] = 1;
	CHECK(disk() == -BM_EIO);
	good();
	w[83] = 0;
	w[61] = 0x1000;
	CHECK(disk() == -BM_EIO);
	good();
	w[49] = 0x0100;
	CHECK(disk() == -BM_EIO);
	good();
	w[0] |= 0x0004;
	CHECK(disk() == -BM_EIO);
	good();
	w[0] = 0x8580;
	CHECK(disk() == -BM_EIO);

	/* A sum, where there is one. */
	good();
	uint8_t sum = 0xa5;
	for (int n = 0; n < 255; n++)
		sum += w[n] + (w[n] >> 8);
	w[255] = 0xa5 | (uint8_t)-sum << 8;
	CHECK(disk() == 0);
	w[255] += 0x100;
	CHECK(disk() == -BM_EIO);
}

static void test_packet(void)
{
	good();
	w[0] = 0x8580;
	CHECK(ata_identify_packet(w, &i) == 0 && i.optical && i.removable && i.packet_bytes == 12);
	CHECK(i.dma && !i.dma_direction);
	w[0] = 0x8101;
	w[62] = 0x8000;
	CHECK(ata_identify_packet(w, &i) == 0 && !i.optical && i.packet_bytes == 16 &&
	      i.dma_direction);
	w[0] = 0x8582;
	CHECK(ata_identify_packet(w, &i) == -BM_EIO);
	w[0] = 0xc580;
	CHECK(ata_identify_packet(w, &i) == -BM_EIO);
}

static struct ata_taskfile make(uint8_t operation, uint8_t flags, uint64_t sector, uint32_t sectors,
				enum ata_way way)
{
	struct bm_block_command c = {.operation = operation,
				     .flags = flags,
				     .tag = 21,
				     .sector = sector,
				     .sectors = sectors};
	struct ata_taskfile t;
	memset(&t, 0xee, sizeof t);
	ata_make_taskfile(&i, &c, way, &t);
	return t;
}

static void test_commands(void)
{
	good();
	disk();
	struct ata_taskfile t = make(BM_BLOCK_READ, 0, 0x1234567, 8, ATA_DMA);
	CHECK(t.command == 0xc8 && !t.extended && t.device == (0x40 | 1) && t.lba == 0x1234567 &&
	      t.count == 8);
	t = make(BM_BLOCK_WRITE, 0, 0xfffffff, 2, ATA_DMA);
	CHECK(t.command == 0x35 && t.extended && t.device == 0x40 && t.lba == 0xfffffff);
	t = make(BM_BLOCK_WRITE, 0, 0xffffffe, 2, ATA_DMA);
	CHECK(t.command == 0xca && !t.extended && t.device == 0x4f);
	t = make(BM_BLOCK_READ, 0, 5, 256, ATA_DMA);
	CHECK(t.command == 0xc8 && (uint8_t)t.count == 0);
	t = make(BM_BLOCK_READ, 0, 5, 257, ATA_DMA);
	CHECK(t.command == 0x25 && t.extended && t.count == 257);
	t = make(BM_BLOCK_READ, 0, 5, 65536, ATA_DMA);
	CHECK(t.command == 0x25 && t.count == 0);
	t = make(BM_BLOCK_WRITE, BM_BLOCK_FUA, 5, 8, ATA_DMA);
	CHECK(t.command == 0x3d && t.extended);
	t = make(BM_BLOCK_READ, 0, 5, 8, ATA_PIO);
	CHECK(t.command == 0x20);
	t = make(BM_BLOCK_WRITE, 0, 1ul << 40, 8, ATA_PIO);
	CHECK(t.command == 0x34 && t.lba == 1ul << 40);
	t = make(BM_BLOCK_READ, 0, 1ul << 40, 300, ATA_QUEUED);
	CHECK(t.command == 0x60 && t.features == 300 && t.count == 21 << 3 && t.device == 0x40 &&
	      t.extended);
	t = make(BM_BLOCK_WRITE, BM_BLOCK_FUA, 7, 65536, ATA_QUEUED);
	CHECK(t.command == 0x61 && t.features == 0 && t.device == 0xc0 && t.extended);
	t = make(BM_BLOCK_FLUSH, 0, 0, 0, ATA_DMA);
	CHECK(t.command == 0xea && t.extended && t.count == 0);
	t = make(BM_BLOCK_DISCARD, 0, 9, 9, ATA_DMA);
	CHECK(t.command == 0x06 && t.features == 1 && t.count == 1 && t.lba == 0);
	i.lba48 = i.fua = i.flush_ext = false;
	t = make(BM_BLOCK_FLUSH, 0, 0, 0, ATA_DMA);
	CHECK(t.command == 0xe7 && !t.extended);
	t = make(BM_BLOCK_WRITE, BM_BLOCK_FUA, 5, 8, ATA_DMA);
	CHECK(t.command == 0xca && !t.extended);
}

static void test_trim(void)
{
	uint8_t block[512];
	uint64_t range;
	memset(block, 0xee, sizeof block);
	ata_make_trim(0x123456789abc, 70000, block);
	memcpy(&range, block, 8);
	CHECK(range == (0xfffful << 48 | 0x123456789abc));
	memcpy(&range, block + 8, 8);
	CHECK(range == ((70000 - 65535ul) << 48 | (0x123456789abc + 65535)));
	memcpy(&range, block + 16, 8);
	CHECK(range == 0);
	ata_make_trim(0, ATA_TRIM_MOST, block);
	memcpy(&range, block + 504, 8);
	CHECK(range == (0xfffful << 48 | 63 * 65535ul));
}

int main(void)
{
	test_disk();
	test_packet();
	test_commands();
	test_trim();
	return unit_status();
}
