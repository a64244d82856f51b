/* SPDX-License-Identifier: MIT */
/*
 * IDE channels on PCI: PCI IDE Controller Specification 1.0; Programming Interface for Bus Master IDE
 * Controller 1.0 (BMIDE); the registers of a channel: ATA8-APT, table 1 (ATA/ATAPI-6, section 7).
 */
#ifndef DRIVERS_BLOCK_ATA_REGS_H
#define DRIVERS_BLOCK_ATA_REGS_H

#include <stdint.h>

#define IDE_CLASS      0x010100
#define IDE_CLASS_MASK 0xffff00 /* the interface says how */
#define  IDE_NATIVE(channel) (1u << 2 * (channel))

#define IDE_CHANNELS 2

/* Channels that are where they were on the ISA bus. */
#define IDE_LEGACY_COMMAND(channel) ((channel) ? 0x170 : 0x1f0)
#define IDE_LEGACY_CONTROL(channel) ((channel) ? 0x376 : 0x3f6)
#define IDE_LEGACY_LINE(channel)    ((channel) ? 15u : 14u)

/* Base address registers of native ones, and of both channels' bus master. */
#define IDE_BAR_COMMAND(channel) (2 * (channel))
#define IDE_BAR_CONTROL(channel) (2 * (channel) + 1)
#define  IDE_BAR_CONTROL_OFFSET   2
#define IDE_BAR_MASTER           4
#define  IDE_MASTER_BYTES         8 /* of a channel */

/* The command block. */
#define ATA_REG_DATA     0 /* 16 bits wide */
#define ATA_REG_FEATURES 1 /* when written */
#define ATA_REG_ERROR    1 /* when read */
#define ATA_REG_COUNT    2
#define ATA_REG_LBA_LOW  3
#define ATA_REG_LBA_MID  4
#define ATA_REG_LBA_HIGH 5
#define ATA_REG_DEVICE   6
#define ATA_REG_COMMAND  7 /* when written */
#define ATA_REG_STATUS   7 /* when read: withdraws the interrupt */
#define ATA_REG_BYTES    8

/* The control register: when read, the status, and the interrupt stays. */
#define ATA_CONTROL_RESET 0x04

/* What the registers hold after a reset: ATA8-ACS, table 58. */
#define ATA_SIGNATURE_COUNT      1
#define ATA_SIGNATURE_LOW        1
#define ATA_SIGNATURE_PACKET     0xeb14 /* LBA high and mid */
#define ATA_SIGNATURE_DISK       0x0000

/* BMIDE 2. */
#define MASTER_COMMAND   0
#define  MASTER_COMMAND_START   0x01
#define  MASTER_COMMAND_TO_HOST 0x08
#define MASTER_STATUS    2
#define  MASTER_STATUS_ACTIVE    0x01
#define  MASTER_STATUS_ERROR     0x02
#define  MASTER_STATUS_INTERRUPT 0x04
#define  MASTER_STATUS_KEEP      0x60 /* firmware's */
#define MASTER_TABLE     4

/* BMIDE 1.2: a piece of memory within 64 KiB. */
struct prd {
	uint32_t address;
	uint16_t bytes; /* 0: 64 KiB */
	uint16_t flags;
};
#define PRD_LAST   0x8000
#define PRD_BORDER 0x10000u
_Static_assert(sizeof(struct prd) == 8, "BMIDE 1.2");

#endif
