/* SPDX-License-Identifier: MIT */
/*
 * What ATA devices tell about themselves: ATA8-ACS 7.16 and 7.17, ACS-4 7.13 and 9.11. Pure
 * functions of hostile data, for drivers/block/ahci.c and ata.c.
 */
#ifndef DRIVERS_BLOCK_ATA_IDENTIFY_H
#define DRIVERS_BLOCK_ATA_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define ATA_IDENTIFY_BYTES 512
#define ATA_IDENTIFY_WORDS (ATA_IDENTIFY_BYTES / 2)

struct ata_identity {
	char model[41], serial[21], firmware[9]; /* trimmed at the end by the kernel */
	/* Of disks. */
	uint64_t sectors;
	uint32_t sector_size, physical_sector_size;
	uint8_t queue_depth; /* commands that it can queue (NCQ), 1 to 32; 0: it has no queue */
	bool lba48;          /* has the EXT commands */
	bool fua;            /* WRITE DMA FUA EXT; and so the bit in WRITE FPDMA QUEUED is heeded */
	bool write_cache;    /* a volatile one, switched on */
	bool flush_ext;      /* FLUSH CACHE EXT, else FLUSH CACHE */
	bool trim;
	bool logs; /* READ LOG EXT */
	/* Of both kinds. */
	bool dma;      /* can do DMA */
	bool dma_mode; /* a mode of DMA has been chosen (by firmware) */
	/* Of packet devices. */
	uint8_t packet_bytes; /* 12 or 16 */
	bool optical;         /* command set of CD, DVD and Blu-ray drives */
	bool removable;
	bool dma_direction; /* PACKET wants to be told which way the data go */
};

/* Read IDENTIFY DEVICE's data. 0; -BM_EIO: it makes no sense, or is no disk that can be used. */
int ata_identify_disk(const uint16_t words[ATA_IDENTIFY_WORDS], struct ata_identity *identity);

/* Read IDENTIFY PACKET DEVICE's data. Likewise. */
int ata_identify_packet(const uint16_t words[ATA_IDENTIFY_WORDS], struct ata_identity *identity);

#endif
