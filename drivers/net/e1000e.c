/* SPDX-License-Identifier: MIT */
/*
 * e1000e: Intel 82574L and 82574IT Gigabit Ethernet. 82574 GbE Controller Family Datasheet
 * (317694): its chapters are given; what it shares with the 8254x has that manual's sections
 * (e1000_nic.c).
 *
 * Extended receive descriptors, checksums both ways, TCP segmentation over IPv4 and IPv6, MSI-X.
 * One queue pair of the two. Left out: VLAN tags (they stay in the frame), header split, time
 * stamps, wake-up; the 82571 to 82573, which nobody here has seen.
 *
 * QEMU: -netdev user,id=n -device e1000e,netdev=n on pc, q35 and microvm,pcie=on.
 */
#include "e1000.h"
#include "device/pci_regs.h"
#include "e1000e_regs.h"

#define MASTER_NS 100000000u
#define OWNER_NS  50000000u
#define NVM_NS    50000000u
#define TCTL      (E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_CT | E1000_TCTL_COLD | E1000E_TCTL_MULR)

/* ---- Data path ---- */

static __attribute__((noinline)) int receive_frames(struct bm_net_queue *queue,
						    struct bm_net_buffer **frames, uint32_t count)
{
	static const struct e1000_form form = {
	    .done = E1000E_RX_DD,
	    .end = E1000E_RX_EOP,
	    .damaged = E1000E_RX_DAMAGED,
	    .sum_mask = E1000E_RX_IXSM | E1000E_RX_TCPCS | E1000E_RX_TCPE,
	    .sum_good = E1000E_RX_TCPCS,
	    .length_shift = E1000E_RX_LENGTH_SHIFT,
	};
	return e1000_receive(queue, frames, count, form);
}

static int receive(struct bm_net_queue *queue, struct bm_net_buffer **frames, uint32_t count)
{
	return e1000_is_empty(queue->state, E1000E_RX_DD) ? 0
							  : receive_frames(queue, frames, count);
}

static const struct bm_net_ops ops = {E1000_OPS, .arm = e1000_arm};
static const struct bm_net_ops ops_by_time = {E1000_OPS};

/* ---- Initialisation ---- */

/* 4.6: nothing of its own is under way on PCI Express, and the PHY is ours meanwhile. */
static void before_reset(struct e1000_nic *n)
{
	uint32_t ctrl = e1000_read(n, E1000_CTRL) & ~E1000_CTRL_RST;
	e1000_write(n, E1000_CTRL, ctrl | E1000_CTRL_NO_MASTER);
	e1000_wait(n, E1000_STATUS, E1000_STATUS_MASTER, 0, MASTER_NS);
	e1000_write(n, E1000E_EXTCNF_CTRL,
		    e1000_read(n, E1000E_EXTCNF_CTRL) | E1000E_EXTCNF_CTRL_MDIO);
	e1000_wait(n, E1000E_EXTCNF_CTRL, E1000E_EXTCNF_CTRL_MDIO, E1000E_EXTCNF_CTRL_MDIO,
		   OWNER_NS);
}

static int after_reset(struct e1000_nic *n)
{
	e1000_write(n, E1000E_EXTCNF_CTRL,
		    e1000_read(n, E1000E_EXTCNF_CTRL) & ~E1000E_EXTCNF_CTRL_MDIO);
	/* Without an NVM it never says so; then there is no address either. */
	int error = e1000_wait(n, E1000E_EECD, E1000E_EECD_AUTO_RD, E1000E_EECD_AUTO_RD, NVM_NS);
	e1000_write(n, E1000_CTRL, e1000_read(n, E1000_CTRL) & ~E1000_CTRL_NO_MASTER);
	return error == -BM_ENODEV ? error : 0;
}

static void set_up(struct e1000_nic *n)
{
	uint32_t ext = e1000_read(n, E1000E_CTRL_EXT) | E1000E_CTRL_EXT_DRV_LOAD;

	/* 7.4: with MSI-X all causes send the one message; they are cleared in arm(). */
	e1000_write(n, E1000E_CTRL_EXT, ext | E1000E_CTRL_EXT_PBA);
	e1000_write(n, E1000E_IVAR, E1000E_IVAR_ALL_FIRST);
	e1000_write(n, E1000E_EIAC, 0);
	/* 7.1: one queue, extended descriptors. */
	e1000_write(n, E1000E_MRQC, 0);
	e1000_write(n, E1000E_RFCTL, E1000E_RFCTL_EXSTEN);
	/* 10.2: no thresholds: each descriptor is reported at once. */
	e1000_write(n, E1000E_RXDCTL, E1000E_DCTL_GRAN);
	e1000_write(n, E1000E_TXDCTL, E1000E_DCTL_GRAN | E1000E_TXDCTL_COUNT);
}

#define CHIP(offered)                                                                              \
	{                                                                                          \
		.name = "e1000e_", .ops = &ops, .ops_by_time = &ops_by_time, .flags = (offered),   \
		.piece_most = 8192, .eerd_done = E1000E_EERD_DONE, .eerd_shift = 2,                \
		.rx_causes = E1000_INT_RXT0 | E1000_INT_RXO | E1000E_INT_RXQ0 | E1000E_INT_OTHER,  \
		.tx_causes = E1000_INT_TXDW | E1000E_INT_TXQ0, .rx_done = E1000E_RX_DD,            \
		.before_reset = before_reset, .after_reset = after_reset, .set_up = set_up,        \
		.tctl = TCTL,                                                                      \
		.tipg = E1000_TIPG_IPGT(8) | E1000_TIPG_IPGR1(8) | E1000_TIPG_IPGR2(6),            \
	}
static const struct e1000_chip chip_82574 = CHIP(BM_NET_CAN_SEGMENT_TCP4 | BM_NET_CAN_SEGMENT_TCP6);
/*
 * QEMU's, which no card's subsystem number tells: before its version 8 it cuts a large frame to
 * fragments of IP, and those of IPv6 are wrong.
 */
static const struct e1000_chip chip_qemu = CHIP(BM_NET_CAN_SEGMENT_TCP4);

static int probe(struct bm_device *device)
{
	/* Specification update: it may hang while its link to the host sleeps (ASPM). */
	uint32_t at = pci_capability(device, PCI_CAPABILITY_PCIE, 0);
	if (at) {
		at += E1000E_PCIE_LINK_CONTROL;
		pci_config_write(device, at, 2,
				 pci_config_read(device, at, 2) & ~E1000E_PCIE_LINK_CONTROL_ASPM);
	}
	return e1000_probe(device, device->subsystem ? &chip_82574 : &chip_qemu, false);
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {
    BM_MATCH_PCI(E1000_VENDOR, 0x10d3), /* 82574L, 82574IT */
    BM_MATCH_PCI(E1000_VENDOR, 0x10f6), /* 82574L with manageability off */
};
static const struct bm_driver e1000e = {"e1000e", matches, sizeof matches / sizeof *matches, probe};
DRIVER(e1000e);
