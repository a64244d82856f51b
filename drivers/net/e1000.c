/* SPDX-License-Identifier: MIT */
/*
 * e1000: Intel 8254x Gigabit Ethernet, copper: 82540EM and EP, 82544EI and GC, 82545EM and GM,
 * 82546EB and GB. PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual
 * (317453): its sections are given.
 *
 * Checksums both ways, TCP segmentation over IPv4. Not over IPv6: the 82544 has none of it (3.1),
 * and the others write a payload length that counts IPv6's header as well (3.5.9.1). Left out: VLAN
 * tags (they stay in the frame), fibre, wake-up; the 82541 and 82547, with another EEPROM and PHY.
 *
 * QEMU: -netdev user,id=n -device e1000,netdev=n (82540EM), e1000-82544gc or e1000-82545em, on pc,
 * q35 and microvm,pcie=on.
 */
#include "e1000.h"

#define TIPG(ipgt) (E1000_TIPG_IPGT(ipgt) | E1000_TIPG_IPGR1(8) | E1000_TIPG_IPGR2(6))
#define TCTL       (E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_CT | E1000_TCTL_COLD)

/* ---- Data path ---- */

static __attribute__((noinline)) int receive_frames(struct bm_net_queue *queue,
						    struct bm_net_buffer **frames, uint32_t count)
{
	static const struct e1000_form form = {
	    .done = E1000_RX_DD,
	    .end = E1000_RX_EOP,
	    .damaged = E1000_RX_DAMAGED,
	    .sum_mask = E1000_RX_IXSM | E1000_RX_TCPCS | E1000_RX_TCPE,
	    .sum_good = E1000_RX_TCPCS,
	    .length_shift = E1000_RX_LENGTH_SHIFT,
	};
	return e1000_receive(queue, frames, count, form);
}

static int receive(struct bm_net_queue *queue, struct bm_net_buffer **frames, uint32_t count)
{
	return e1000_is_empty(queue->state, E1000_RX_DD) ? 0 : receive_frames(queue, frames, count);
}

static const struct bm_net_ops ops = {E1000_OPS, .arm = e1000_arm};
static const struct bm_net_ops ops_by_time = {E1000_OPS};

/* ---- Probe ---- */

/* 13.4.34: another gap for the 82544. */
#define CHIP(gap)                                                                                  \
	{                                                                                          \
		.name = "e1000_", .ops = &ops, .ops_by_time = &ops_by_time,                        \
		.flags = BM_NET_CAN_SEGMENT_TCP4, .piece_most = 4096,                              \
		.eerd_done = E1000_EERD_DONE, .eerd_shift = 8,                                     \
		.rx_causes = E1000_INT_RXT0 | E1000_INT_RXO, .tx_causes = E1000_INT_TXDW,          \
		.rx_done = E1000_RX_DD, .tctl = TCTL, .tipg = TIPG(gap),                           \
	}
static const struct e1000_chip chip_82540 = CHIP(10), chip_82544 = CHIP(8);

#define I82540EM_LOM 0x1015
#define I82540EM     0x100e
#define I82540EP_LOM 0x1016
#define I82540EP     0x1017
#define I82540EP_LP  0x101e
#define I82544EI     0x1008
#define I82544GC     0x100c
#define I82544GC_LOM 0x100d
#define I82545EM     0x100f
#define I82545GM     0x1026
#define I82546EB     0x1010
#define I82546GB     0x1079

static int probe(struct bm_device *device)
{
	uint16_t id = device->device;
	bool old = id == I82544EI || id == I82544GC || id == I82544GC_LOM;
	/* Specification updates of both, erratum 23: no access across a multiple of 64 KiB. */
	bool narrow = id == I82545EM || id == I82546EB;
	return e1000_probe(device, old ? &chip_82544 : &chip_82540, narrow);
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {
    BM_MATCH_PCI(E1000_VENDOR, I82540EM),    BM_MATCH_PCI(E1000_VENDOR, I82540EM_LOM),
    BM_MATCH_PCI(E1000_VENDOR, I82540EP),    BM_MATCH_PCI(E1000_VENDOR, I82540EP_LOM),
    BM_MATCH_PCI(E1000_VENDOR, I82540EP_LP), BM_MATCH_PCI(E1000_VENDOR, I82544EI),
    BM_MATCH_PCI(E1000_VENDOR, I82544GC),    BM_MATCH_PCI(E1000_VENDOR, I82544GC_LOM),
    BM_MATCH_PCI(E1000_VENDOR, I82545EM),    BM_MATCH_PCI(E1000_VENDOR, I82545GM),
    BM_MATCH_PCI(E1000_VENDOR, I82546EB),    BM_MATCH_PCI(E1000_VENDOR, I82546GB),
};
static const struct bm_driver e1000 = {"e1000", matches, sizeof matches / sizeof *matches, probe};
DRIVER(e1000);
