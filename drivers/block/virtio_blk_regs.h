/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices: virtio 1.2, section 5.2.
 */
#ifndef DRIVERS_VIRTIO_BLK_REGS_H
#define DRIVERS_VIRTIO_BLK_REGS_H

#include <stdint.h>

#define VIRTIO_BLK_DEVICE_TYPE      2
#define VIRTIO_BLK_PCI              0x1042
#define VIRTIO_BLK_PCI_TRANSITIONAL 0x1001

/* 5.2.3 Feature bits. */
#define VIRTIO_BLK_F_SIZE_MAX   (1ul << 1)
#define VIRTIO_BLK_F_SEG_MAX    (1ul << 2)
#define VIRTIO_BLK_F_RO         (1ul << 5)
#define VIRTIO_BLK_F_BLK_SIZE   (1ul << 6)
#define VIRTIO_BLK_F_FLUSH      (1ul << 9)
#define VIRTIO_BLK_F_TOPOLOGY   (1ul << 10)
#define VIRTIO_BLK_F_CONFIG_WCE (1ul << 11)
#define VIRTIO_BLK_F_MQ         (1ul << 12)
#define VIRTIO_BLK_F_DISCARD    (1ul << 13)

/* 5.2.4 Device configuration. */
#define VIRTIO_BLK_CAPACITY            0 /* 8 bytes; in units of 512 */
#define VIRTIO_BLK_SIZE_MAX            8
#define VIRTIO_BLK_SEG_MAX             12
#define VIRTIO_BLK_BLK_SIZE            20
#define VIRTIO_BLK_PHYSICAL_EXP        24 /* 1 byte */
#define VIRTIO_BLK_WRITEBACK           32 /* 1 byte */
#define VIRTIO_BLK_NUM_QUEUES          34 /* 2 bytes */
#define VIRTIO_BLK_MAX_DISCARD_SECTORS 36

/* 5.2.6 Requests. */
struct virtio_blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector; /* in units of 512 */
};
_Static_assert(sizeof(struct virtio_blk_header) == 16, "5.2.6");
#define VIRTIO_BLK_T_IN      0
#define VIRTIO_BLK_T_OUT     1
#define VIRTIO_BLK_T_FLUSH   4
#define VIRTIO_BLK_T_GET_ID  8
#define VIRTIO_BLK_ID_BYTES  20
#define VIRTIO_BLK_T_DISCARD 11

struct virtio_blk_discard {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};
_Static_assert(sizeof(struct virtio_blk_discard) == 16, "5.2.6");

#define VIRTIO_BLK_S_OK     0
#define VIRTIO_BLK_S_IOERR  1
#define VIRTIO_BLK_S_UNSUPP 2

#define VIRTIO_BLK_UNIT 512

#endif
