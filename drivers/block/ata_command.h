/* SPDX-License-Identifier: MIT */
/*
 * ATA commands, as both kinds of controllers carry them (ATA8-ACS chapter 7, ACS-4 chapter 7; NCQ:
 * ACS-4 4.13), and the status that comes back. Pure, for drivers/block/ahci.c and ata.c.
 */
#ifndef DRIVERS_BLOCK_ATA_COMMAND_H
#define DRIVERS_BLOCK_ATA_COMMAND_H

#include "ata_identify.h"
#include <baremetal/driver.h>

/* The status register: ATA8-ACS 6.2. */
#define ATA_STATUS_ERR  0x01
#define ATA_STATUS_DRQ  0x08
#define ATA_STATUS_DF   0x20
#define ATA_STATUS_DRDY 0x40
#define ATA_STATUS_BSY  0x80
/* The error register: 6.3. Of packet devices, bits 7 to 4 are the sense key. */
#define ATA_ERROR_ABRT       0x04
#define ATA_ERROR_SENSE(e)   ((e) >> 4 & 15)

/* The device register. */
#define ATA_DEVICE_LBA      0x40
#define ATA_DEVICE_SECOND   0x10 /* the second device of a channel */
#define ATA_DEVICE_OBSOLETE 0xa0 /* bits that old devices want to be ones */
#define ATA_DEVICE_FUA      0x80 /* of WRITE FPDMA QUEUED */

#define ATA_READ_SECTORS          0x20
#define ATA_READ_SECTORS_EXT      0x24
#define ATA_READ_DMA              0xc8
#define ATA_READ_DMA_EXT          0x25
#define ATA_READ_FPDMA_QUEUED     0x60
#define ATA_READ_LOG_EXT          0x2f
#define ATA_WRITE_SECTORS         0x30
#define ATA_WRITE_SECTORS_EXT     0x34
#define ATA_WRITE_DMA             0xca
#define ATA_WRITE_DMA_EXT         0x35
#define ATA_WRITE_DMA_FUA_EXT     0x3d
#define ATA_WRITE_FPDMA_QUEUED    0x61
#define ATA_DATA_SET_MANAGEMENT   0x06
#define  ATA_DATA_SET_TRIM         0x01 /* features */
#define ATA_FLUSH_CACHE           0xe7
#define ATA_FLUSH_CACHE_EXT       0xea
#define ATA_IDENTIFY_DEVICE       0xec
#define ATA_IDENTIFY_PACKET       0xa1
#define ATA_PACKET                0xa0
#define  ATA_PACKET_DMA            0x01 /* features */
#define  ATA_PACKET_TO_HOST        0x04

/* ACS-4 9.3: the log that tells which queued command has failed. */
#define ATA_LOG_NCQ_ERROR 0x10
#define  NCQ_ERROR_TAG      0  /* a byte */
#define   NCQ_ERROR_TAG_MASK 0x1f
#define   NCQ_ERROR_NOT_QUEUED 0x80
#define  NCQ_ERROR_ERROR    3

#define ATA_TRIM_BYTES 512 /* one block of ranges */
#define ATA_TRIM_MOST  (ATA_TRIM_BYTES / 8 * 0xfffful) /* sectors */

/* Most sectors of a command: the count's bits, where 0 stands for all of them. */
#define ATA_MOST_28 256
#define ATA_MOST_48 65536
#define ATA_END_28  (1ul << 28) /* the short form's addresses end here */

/* A command's registers. */
struct ata_taskfile {
	uint8_t command, device;
	uint16_t features, count;
	uint64_t lba;
	bool extended; /* the upper halves of features, count and lba are written as well */
};

/* How the data travel. */
enum ata_way { ATA_PIO, ATA_DMA, ATA_QUEUED };

/* Make the registers of a command. FUA only where the identity has it, and not with ATA_PIO. */
void ata_make_taskfile(const struct ata_identity *identity, const struct bm_block_command *command,
		       enum ata_way way, struct ata_taskfile *taskfile);

/* The block that goes with a TRIM: at most ATA_TRIM_MOST sectors. */
void ata_make_trim(uint64_t sector, uint32_t sectors, uint8_t block[ATA_TRIM_BYTES]);

#endif
