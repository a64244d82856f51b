/* SPDX-License-Identifier: MIT */
/*
 * ATA commands. Contract: ata_command.h.
 */
#include "ata_command.h"
#include <string.h>

static uint8_t read_command(enum ata_way way, bool extended)
{
	if (way == ATA_PIO)
		return extended ? ATA_READ_SECTORS_EXT : ATA_READ_SECTORS;
	return extended ? ATA_READ_DMA_EXT : ATA_READ_DMA;
}

static uint8_t write_command(enum ata_way way, bool extended, bool fua)
{
	if (way == ATA_PIO)
		return extended ? ATA_WRITE_SECTORS_EXT : ATA_WRITE_SECTORS;
	if (fua)
		return ATA_WRITE_DMA_FUA_EXT;
	return extended ? ATA_WRITE_DMA_EXT : ATA_WRITE_DMA;
}

void ata_make_taskfile(const struct ata_identity *identity, const struct bm_block_command *command,
		       enum ata_way way, struct ata_taskfile *t)
{
	bool write = command->operation == BM_BLOCK_WRITE;
	bool fua = write && command->flags & BM_BLOCK_FUA && identity->fua;

	memset(t, 0, sizeof *t);
	switch (command->operation) {
	case BM_BLOCK_FLUSH:
		t->extended = identity->flush_ext;
		t->command = t->extended ? ATA_FLUSH_CACHE_EXT : ATA_FLUSH_CACHE;
		return;
	case BM_BLOCK_DISCARD:
		t->command = ATA_DATA_SET_MANAGEMENT;
		t->features = ATA_DATA_SET_TRIM;
		t->device = ATA_DEVICE_LBA;
		t->count = 1; /* block of ranges */
		t->extended = true;
		return;
	}
	t->device = ATA_DEVICE_LBA;
	t->lba = command->sector;
	t->count = command->sectors; /* all of them is 0 */
	/* The shorter form where it does: fewer registers to write. */
	t->extended = fua || command->sectors > ATA_MOST_28 ||
		      command->sector + command->sectors > ATA_END_28;
	if (way == ATA_QUEUED) {
		t->extended = true;
		/* ACS-4 7.22.3: the count is in the features, for the tag has its place. */
		t->command = write ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED;
		t->features = t->count;
		t->count = command->tag << 3;
		t->device |= fua ? ATA_DEVICE_FUA : 0;
		return;
	}
	t->command = write ? write_command(way, t->extended, fua) : read_command(way, t->extended);
	if (!t->extended)
		t->device |= t->lba >> 24 & 15;
}

void ata_make_trim(uint64_t sector, uint32_t sectors, uint8_t block[ATA_TRIM_BYTES])
{
	/* ACS-4 7.5.3.3: 48 bits of address, 16 of length; length 0: no range. */
	memset(block, 0, ATA_TRIM_BYTES);
	for (uint32_t at = 0; at < ATA_TRIM_BYTES && sectors; at += 8) {
		uint32_t step = sectors < 0xffff ? sectors : 0xffff;
		uint64_t range = sector | (uint64_t)step << 48;
		memcpy(block + at, &range, sizeof range);
		sector += step;
		sectors -= step;
	}
}
