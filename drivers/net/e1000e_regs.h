/* SPDX-License-Identifier: MIT */
/*
 * Intel 82574: what differs from the 8254x (e1000_regs.h). Chapters: Intel 82574 GbE Controller
 * Family Datasheet (317694): 7.1 receive, 7.4 interrupts, 10 registers.
 */
#ifndef DRIVERS_E1000E_REGS_H
#define DRIVERS_E1000E_REGS_H

#include "e1000_regs.h"

/* ---- 10.2: registers ---- */

#define E1000E_EECD              0x0010
#define E1000E_EECD_AUTO_RD      (1u << 9) /* what stands in the NVM is in the registers */
#define E1000E_EERD_DONE         (1u << 1)
#define E1000E_EERD_ADDRESS(n)   ((uint32_t)(n) << 2)
#define E1000E_CTRL_EXT          0x0018
#define E1000E_CTRL_EXT_DRV_LOAD (1u << 28)  /* tells manageability firmware of a driver */
#define E1000E_CTRL_EXT_PBA      (1u << 31)  /* MSI-X: pending bits clear themselves */
#define E1000E_EIAC              0x00dc      /* causes that a message clears */
#define E1000E_IVAR              0x00e4      /* which message a cause sends */
#define E1000E_IVAR_ALL_FIRST    0x00088888u /* each of the five is valid, and sends the first */
#define E1000E_INT_RXQ0          (1u << 20)  /* ICR, with MSI-X */
#define E1000E_INT_TXQ0          (1u << 22)
#define E1000E_INT_OTHER         (1u << 24)
#define E1000E_EXTCNF_CTRL       0x0f00
#define E1000E_EXTCNF_CTRL_MDIO  (1u << 5) /* software may use the PHY, firmware not */
#define E1000E_RXDCTL            0x2828
#define E1000E_TXDCTL            0x3828
#define E1000E_DCTL_GRAN         (1u << 24) /* thresholds count descriptors */
#define E1000E_TXDCTL_COUNT      (1u << 22) /* shall be 1 */
#define E1000E_TCTL_MULR         (1u << 28) /* several requests at once */
#define E1000E_RFCTL             0x5008
#define E1000E_RFCTL_EXSTEN      (1u << 15) /* extended receive descriptors */
#define E1000E_MRQC              0x5818     /* several receive queues; 0: one */

/* ---- 7.1: extended receive descriptor, as the device writes it ---- */

#define E1000E_RX_DD           (1ul << 0)
#define E1000E_RX_EOP          (1ul << 1)
#define E1000E_RX_IXSM         (1ul << 2)
#define E1000E_RX_TCPCS        (1ul << 5)
#define E1000E_RX_CE           (1ul << 24)
#define E1000E_RX_SE           (1ul << 25)
#define E1000E_RX_SEQ          (1ul << 26)
#define E1000E_RX_CXE          (1ul << 28)
#define E1000E_RX_TCPE         (1ul << 29)
#define E1000E_RX_RXE          (1ul << 31)
#define E1000E_RX_LENGTH_SHIFT 32 /* 16 bits */
#define E1000E_RX_DAMAGED                                                                          \
	(E1000E_RX_CE | E1000E_RX_SE | E1000E_RX_SEQ | E1000E_RX_CXE | E1000E_RX_RXE)

/* ---- PCI Express Base Specification, 7.8.7 ---- */

#define E1000E_PCIE_LINK_CONTROL      0x10 /* in the capability */
#define E1000E_PCIE_LINK_CONTROL_ASPM 3u

#endif
