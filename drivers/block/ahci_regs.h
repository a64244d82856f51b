/* SPDX-License-Identifier: MIT */
/*
 * AHCI 1.3.1: registers (chapter 3), structures in memory (chapter 4), and the FISes that travel
 * (Serial ATA 3.1, section 10.5).
 */
#ifndef DRIVERS_BLOCK_AHCI_REGS_H
#define DRIVERS_BLOCK_AHCI_REGS_H

#include <stddef.h>
#include <stdint.h>

#define AHCI_CLASS 0x010601 /* mass storage, SATA, AHCI */
#define AHCI_BAR   5
#define AHCI_PORTS 32

/* 3.1: of the whole adapter. */
#define HBA_CAP    0x00
#define  HBA_CAP_64        (1u << 31)
#define  HBA_CAP_NCQ       (1u << 30)
#define  HBA_CAP_SPIN_UP   (1u << 27) /* staggered */
#define  HBA_CAP_SLOTS(cap) (((cap) >> 8 & 31) + 1)
#define HBA_GHC    0x04
#define  HBA_GHC_RESET     (1u << 0)
#define  HBA_GHC_INTERRUPT (1u << 1)
#define  HBA_GHC_AHCI      (1u << 31)
#define HBA_IS     0x08
#define HBA_PI     0x0c
#define HBA_VS     0x10
#define HBA_CAP2   0x24
#define  HBA_CAP2_HANDOFF  (1u << 0)
#define HBA_BOHC   0x28
#define  HBA_BOHC_BIOS     (1u << 0)
#define  HBA_BOHC_OS       (1u << 1)
#define  HBA_BOHC_BUSY     (1u << 4)
#define HBA_BYTES  0x100

/* 3.3: of a port. */
#define PORT(n)    (HBA_BYTES + PORT_BYTES * (n))
#define PORT_BYTES 0x80
#define PORT_CLB   0x00
#define PORT_CLBU  0x04
#define PORT_FB    0x08
#define PORT_FBU   0x0c
#define PORT_IS    0x10
#define  PORT_IS_D2H       (1u << 0)
#define  PORT_IS_SDB       (1u << 3)
#define  PORT_IS_CONNECT   (1u << 6)
#define  PORT_IS_PHY       (1u << 22)
#define  PORT_IS_OVERFLOW  (1u << 24)
#define  PORT_IS_NOT_FATAL (1u << 26)
#define  PORT_IS_FATAL     (1u << 27) /* interface */
#define  PORT_IS_BUS_DATA  (1u << 28)
#define  PORT_IS_BUS_FATAL (1u << 29)
#define  PORT_IS_TASK_FILE (1u << 30)
#define PORT_IE    0x14
#define PORT_CMD   0x18
#define  PORT_CMD_START    (1u << 0)
#define  PORT_CMD_SPIN_UP  (1u << 1)
#define  PORT_CMD_POWER    (1u << 2)
#define  PORT_CMD_FIS      (1u << 4)
#define  PORT_CMD_FIS_RUNS (1u << 14)
#define  PORT_CMD_RUNS     (1u << 15)
#define  PORT_CMD_ATAPI    (1u << 24)
#define  PORT_CMD_ICC_MASK (15u << 28)
#define  PORT_CMD_ACTIVE   (1u << 28)
#define PORT_TFD   0x20
#define  PORT_TFD_ERROR(tfd) ((tfd) >> 8 & 0xff)
#define PORT_SIG   0x24
#define  PORT_SIG_DISK       0x00000101
#define  PORT_SIG_PACKET     0xeb140101
#define  PORT_SIG_MULTIPLIER 0x96690101
#define PORT_SSTS  0x28
#define  PORT_SSTS_DET(ssts) ((ssts) & 15)
#define   DET_NONE          0
#define   DET_NO_LINK       1 /* something is there */
#define   DET_LINK          3
#define   DET_OFF           4
#define PORT_SCTL  0x2c
#define  PORT_SCTL_DET_MASK  15u
#define  PORT_SCTL_COMRESET  1u
#define  PORT_SCTL_NO_SLEEP  (3u << 8) /* neither Partial nor Slumber */
#define PORT_SERR  0x30
#define PORT_SACT  0x34
#define PORT_CI    0x38

/* 4.2.2: a command's header. */
struct ahci_header {
	uint16_t flags;
	uint16_t table_length; /* entries of its table's list */
	uint32_t transferred;  /* the adapter's */
	uint32_t table, table_high;
	uint32_t reserved[4];
};
#define AHCI_HEADER_FIS_DWORDS 5 /* of a command FIS */
#define AHCI_HEADER_ATAPI      (1 << 5)
#define AHCI_HEADER_WRITE      (1 << 6)
_Static_assert(sizeof(struct ahci_header) == 32, "AHCI 1.3.1, figure 11");

/* 4.2.3.3: a piece of memory. */
struct ahci_run {
	uint32_t address, address_high;
	uint32_t reserved;
	uint32_t bytes; /* less one; must be odd */
};
#define AHCI_RUN_MOST (4u << 20)
_Static_assert(sizeof(struct ahci_run) == 16, "AHCI 1.3.1, figure 15");

/* SATA 10.5.5: Register FIS, host to device. */
struct fis_command {
	uint8_t type;
	uint8_t flags;
	uint8_t command, features;
	uint8_t lba0, lba1, lba2, device;
	uint8_t lba3, lba4, lba5, features_high;
	uint8_t count, count_high, icc, control;
	uint8_t auxiliary[4];
};
#define FIS_COMMAND       0x27
#define FIS_COMMAND_FLAG  0x80 /* the command register was written */
_Static_assert(sizeof(struct fis_command) == 4 * AHCI_HEADER_FIS_DWORDS, "SATA 3.1, figure 182");

/* 4.2.3: a command's table. Aligned to 128 bytes. */
#define AHCI_TABLE_RUNS 56
struct ahci_table {
	struct fis_command fis;
	uint8_t unused[44];
	uint8_t packet[16];
	uint8_t reserved[48];
	struct ahci_run runs[AHCI_TABLE_RUNS];
};
_Static_assert(offsetof(struct ahci_table, packet) == 0x40, "AHCI 1.3.1, figure 12");
_Static_assert(offsetof(struct ahci_table, runs) == 0x80, "AHCI 1.3.1, figure 12");
_Static_assert(sizeof(struct ahci_table) == 1024, "so that each is aligned");

#define AHCI_LIST_BYTES     1024 /* 32 headers; aligned likewise */
#define AHCI_RECEIVED_BYTES 256  /* 4.2.1: FISes of the device's; aligned likewise */
#define  RECEIVED_D2H        0x40 /* where each kind's first byte is, the type */
#define  RECEIVED_SDB        0x58 /* Set Device Bits: queued commands are done */

#endif
