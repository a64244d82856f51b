/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.2, section 5.1: network device.
 */
#ifndef DRIVERS_VIRTIO_NET_REGS_H
#define DRIVERS_VIRTIO_NET_REGS_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_NET_DEVICE_TYPE      1
#define VIRTIO_NET_PCI              0x1041
#define VIRTIO_NET_PCI_TRANSITIONAL 0x1000

/* 5.1.3 Feature bits. */
#define VIRTIO_NET_F_CSUM          (1ul << 0)
#define VIRTIO_NET_F_GUEST_CSUM    (1ul << 1)
#define VIRTIO_NET_F_MTU           (1ul << 3)
#define VIRTIO_NET_F_MAC           (1ul << 5)
#define VIRTIO_NET_F_GUEST_TSO4    (1ul << 7)
#define VIRTIO_NET_F_GUEST_TSO6    (1ul << 8)
#define VIRTIO_NET_F_HOST_TSO4     (1ul << 11)
#define VIRTIO_NET_F_HOST_TSO6     (1ul << 12)
#define VIRTIO_NET_F_MRG_RXBUF     (1ul << 15)
#define VIRTIO_NET_F_STATUS        (1ul << 16)
#define VIRTIO_NET_F_CTRL_VQ       (1ul << 17)
#define VIRTIO_NET_F_CTRL_RX       (1ul << 18)
#define VIRTIO_NET_F_MQ            (1ul << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR (1ul << 23)
#define VIRTIO_F_ANY_LAYOUT        (1ul << 27) /* 6.3, legacy devices */
#define VIRTIO_NET_F_SPEED_DUPLEX  (1ul << 63)

/* 5.1.4 Device configuration layout. */
#define VIRTIO_NET_MAC           0
#define VIRTIO_NET_STATUS        6
#define VIRTIO_NET_STATUS_LINK   1
#define VIRTIO_NET_MAX_PAIRS     8
#define VIRTIO_NET_MTU           10
#define VIRTIO_NET_SPEED         12
#define VIRTIO_NET_SPEED_UNKNOWN 0xffffffffu
#define VIRTIO_NET_DUPLEX        16
#define VIRTIO_NET_DUPLEX_FULL   1

/* 5.1.2 Queues: receive and transmit by turns, then control. */
#define VIRTIO_NET_QUEUE_RX(pair)       (2 * (pair))
#define VIRTIO_NET_QUEUE_TX(pair)       (2 * (pair) + 1)
#define VIRTIO_NET_QUEUE_CONTROL(pairs) (2 * (pairs))
#define VIRTIO_NET_PAIRS_MAX            0x8000

/* 5.1.6 Before each frame. Legacy devices without MRG_RXBUF lack the last member. */
struct virtio_net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t header_bytes;
	uint16_t gso_size;
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint16_t buffers;
};
#define VIRTIO_NET_HEADER_LEGACY  10
#define VIRTIO_NET_HDR_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_DATA_VALID 2
#define VIRTIO_NET_HDR_GSO_NONE   0
#define VIRTIO_NET_HDR_GSO_TCPV4  1
#define VIRTIO_NET_HDR_GSO_TCPV6  4
#define VIRTIO_NET_HDR_GSO_ECN    0x80
_Static_assert(sizeof(struct virtio_net_header) == 12, "5.1.6");
_Static_assert(offsetof(struct virtio_net_header, buffers) == VIRTIO_NET_HEADER_LEGACY, "5.1.6.1");

/* 5.1.6.5 Control. */
struct virtio_net_control {
	uint8_t class;
	uint8_t command;
};
#define VIRTIO_NET_OK                   0
#define VIRTIO_NET_CTRL_RX              0
#define VIRTIO_NET_CTRL_RX_PROMISC      0
#define VIRTIO_NET_CTRL_RX_ALLMULTI     1
#define VIRTIO_NET_CTRL_MAC             1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET   0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET    1
#define VIRTIO_NET_CTRL_MQ              4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0

#endif
