/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.2 (OASIS): transports (chapter 4), status and features (chapters 2 and 6), split rings
 * (section 2.7).
 */
#ifndef DRIVERS_VIRTIO_REGS_H
#define DRIVERS_VIRTIO_REGS_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_VENDOR 0x1af4

/* 2.1 Device status field. */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER      2
#define VIRTIO_STATUS_DRIVER_OK   4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED      128

/* 6 Reserved feature bits. */
#define VIRTIO_F_INDIRECT  (1ul << 28)
#define VIRTIO_F_EVENT_IDX (1ul << 29)
#define VIRTIO_F_VERSION_1 (1ul << 32)
#define VIRTIO_F_PLATFORM  (1ul << 33) /* addresses are translated: by nothing, here */

/* 2.7 Split virtqueues. */
#define VIRTIO_QUEUE_MAX 32768
struct virtq_desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
#define VIRTQ_DESC_NEXT     1
#define VIRTQ_DESC_WRITE    2
#define VIRTQ_DESC_INDIRECT 4
_Static_assert(sizeof(struct virtq_desc) == 16, "2.7.5");

struct virtq_avail {
	uint16_t flags;
	uint16_t index;
	uint16_t ring[]; /* then used_event */
};
#define VIRTQ_AVAIL_NO_INTERRUPT 1

struct virtq_used_elem {
	uint32_t id;
	uint32_t length;
};
struct virtq_used {
	uint16_t flags;
	uint16_t index;
	struct virtq_used_elem ring[]; /* then avail_event */
};
#define VIRTQ_USED_NO_NOTIFY 1
_Static_assert(sizeof(struct virtq_used_elem) == 8, "2.7.8");
_Static_assert(offsetof(struct virtq_used, ring) == 4, "2.7.8");

/* 4.1.4 PCI: structures in register blocks, told by vendor capabilities. */
#define VIRTIO_PCI_CAP_SIZE       16
#define VIRTIO_PCI_CAP_LENGTH     2
#define VIRTIO_PCI_CAP_TYPE       3
#define VIRTIO_PCI_CAP_COMMON     1
#define VIRTIO_PCI_CAP_NOTIFY     2
#define VIRTIO_PCI_CAP_ISR        3
#define VIRTIO_PCI_CAP_DEVICE     4
#define VIRTIO_PCI_CAP_BAR        4
#define VIRTIO_PCI_CAP_OFFSET     8
#define VIRTIO_PCI_CAP_BYTES      12
#define VIRTIO_PCI_CAP_MULTIPLIER 16 /* of NOTIFY */

/* 4.1.4.3 Common configuration. */
#define VIRTIO_COMMON_DEVICE_FEATURE_SELECT 0x00
#define VIRTIO_COMMON_DEVICE_FEATURE        0x04
#define VIRTIO_COMMON_DRIVER_FEATURE_SELECT 0x08
#define VIRTIO_COMMON_DRIVER_FEATURE        0x0c
#define VIRTIO_COMMON_CONFIG_VECTOR         0x10
#define VIRTIO_COMMON_QUEUES                0x12
#define VIRTIO_COMMON_STATUS                0x14
#define VIRTIO_COMMON_GENERATION            0x15
#define VIRTIO_COMMON_QUEUE_SELECT          0x16
#define VIRTIO_COMMON_QUEUE_SIZE            0x18
#define VIRTIO_COMMON_QUEUE_VECTOR          0x1a
#define VIRTIO_COMMON_QUEUE_ENABLE          0x1c
#define VIRTIO_COMMON_QUEUE_NOTIFY_OFF      0x1e
#define VIRTIO_COMMON_QUEUE_DESC            0x20
#define VIRTIO_COMMON_QUEUE_DRIVER          0x28
#define VIRTIO_COMMON_QUEUE_DEVICE          0x30
#define VIRTIO_COMMON_BYTES                 0x38
#define VIRTIO_NO_VECTOR                    0xffff

/* 4.1.4.10 Legacy: ports. */
#define VIRTIO_LEGACY_DEVICE_FEATURES 0x00
#define VIRTIO_LEGACY_DRIVER_FEATURES 0x04
#define VIRTIO_LEGACY_QUEUE_PAGE      0x08
#define VIRTIO_LEGACY_QUEUE_SIZE      0x0c
#define VIRTIO_LEGACY_QUEUE_SELECT    0x0e
#define VIRTIO_LEGACY_QUEUE_NOTIFY    0x10
#define VIRTIO_LEGACY_STATUS          0x12
#define VIRTIO_LEGACY_ISR             0x13
#define VIRTIO_LEGACY_CONFIG_VECTOR   0x14 /* with MSI-X only */
#define VIRTIO_LEGACY_QUEUE_VECTOR    0x16
#define VIRTIO_LEGACY_CONFIG          0x14 /* without MSI-X; 0x18 with it */
#define VIRTIO_LEGACY_CONFIG_MSIX     0x18

/* 4.2.2 and 4.2.4 MMIO; those of version 1 are legacy. */
#define VIRTIO_MMIO_VERSION                0x004
#define VIRTIO_MMIO_DEVICE_FEATURES        0x010
#define VIRTIO_MMIO_DEVICE_FEATURES_SELECT 0x014
#define VIRTIO_MMIO_DRIVER_FEATURES        0x020
#define VIRTIO_MMIO_DRIVER_FEATURES_SELECT 0x024
#define VIRTIO_MMIO_V1_PAGE_SIZE           0x028
#define VIRTIO_MMIO_QUEUE_SELECT           0x030
#define VIRTIO_MMIO_QUEUE_SIZE_MAX         0x034
#define VIRTIO_MMIO_QUEUE_SIZE             0x038
#define VIRTIO_MMIO_V1_QUEUE_ALIGN         0x03c
#define VIRTIO_MMIO_V1_QUEUE_PAGE          0x040
#define VIRTIO_MMIO_QUEUE_READY            0x044
#define VIRTIO_MMIO_QUEUE_NOTIFY           0x050
#define VIRTIO_MMIO_ISR                    0x060
#define VIRTIO_MMIO_ISR_ACKNOWLEDGE        0x064
#define VIRTIO_MMIO_STATUS                 0x070
#define VIRTIO_MMIO_QUEUE_DESC             0x080
#define VIRTIO_MMIO_QUEUE_DRIVER           0x090
#define VIRTIO_MMIO_QUEUE_DEVICE           0x0a0
#define VIRTIO_MMIO_GENERATION             0x0fc
#define VIRTIO_MMIO_CONFIG                 0x100

#define VIRTIO_LEGACY_PAGE 4096 /* alignment and unit of queues */

#endif
