/* SPDX-License-Identifier: MIT */
/*
 * Intel Gigabit Ethernet: registers and descriptors of the 8254x, and of the 82574, which has most
 * of them at the same places. Sections: PCI/PCI-X Family of Gigabit Ethernet Controllers Software
 * Developer's Manual (317453). What the 82574 alone has: e1000e_regs.h.
 */
#ifndef DRIVERS_E1000_REGS_H
#define DRIVERS_E1000_REGS_H

#include <stddef.h>
#include <stdint.h>

#define E1000_VENDOR    0x8086
#define E1000_BAR       0
#define E1000_REGISTERS 0x20000     /* 4.1: 128 KiB */
#define E1000_GONE      0xffffffffu /* what a device that is not there reads as */

/* ---- 13.4: registers ---- */

#define E1000_CTRL             0x0000 /* 13.4.1 */
#define E1000_CTRL_FD          (1u << 0)
#define E1000_CTRL_NO_MASTER   (1u << 2) /* 82574: start no more requests of its own */
#define E1000_CTRL_LRST        (1u << 3) /* link reset */
#define E1000_CTRL_ASDE        (1u << 5) /* speed as the PHY has it */
#define E1000_CTRL_SLU         (1u << 6) /* set link up */
#define E1000_CTRL_ILOS        (1u << 7) /* invert loss of signal */
#define E1000_CTRL_FRCSPD      (1u << 11)
#define E1000_CTRL_FRCDPLX     (1u << 12)
#define E1000_CTRL_RST         (1u << 26)
#define E1000_CTRL_RFCE        (1u << 27) /* obey PAUSE frames */
#define E1000_CTRL_TFCE        (1u << 28) /* send them */
#define E1000_CTRL_VME         (1u << 30) /* take VLAN tags out of frames */
#define E1000_CTRL_PHY_RST     (1u << 31)
#define E1000_STATUS           0x0008 /* 13.4.2 */
#define E1000_STATUS_FD        (1u << 0)
#define E1000_STATUS_LU        (1u << 1)
#define E1000_STATUS_SPEED     (3u << 6)
#define E1000_STATUS_SPEED_10  (0u << 6)
#define E1000_STATUS_SPEED_100 (1u << 6)  /* other values: 1,000 */
#define E1000_STATUS_MASTER    (1u << 19) /* 82574: requests of its own may be under way */
#define E1000_EERD             0x0014     /* 13.4.4 */
#define E1000_EERD_START       (1u << 0)
#define E1000_EERD_DONE        (1u << 4)
#define E1000_EERD_ADDRESS(n)  ((uint32_t)(n) << 8)
#define E1000_EERD_DATA(value) ((value) >> 16)
#define E1000_MDIC             0x0020 /* 13.4.7 */
#define E1000_MDIC_DATA        0xffffu
#define E1000_MDIC_REGISTER(n) ((uint32_t)(n) << 16)
#define E1000_MDIC_PHY_1       (1u << 21)
#define E1000_MDIC_WRITE       (1u << 26)
#define E1000_MDIC_READ        (2u << 26)
#define E1000_MDIC_READY       (1u << 28)
#define E1000_MDIC_ERROR       (1u << 30)
#define E1000_FCAL             0x0028 /* 13.4.8 to 13.4.10: flow control, by which frames */
#define E1000_FCAH             0x002c
#define E1000_FCT              0x0030
#define E1000_ICR              0x00c0 /* 13.4.17: causes; reading, or writing ones, clears them */
#define E1000_ITR              0x00c4 /* 13.4.18: least time between interrupts; 0: none */
#define E1000_IMS              0x00d0 /* 13.4.20: ones enable causes */
#define E1000_IMC              0x00d8 /* 13.4.21: ones disable causes */
#define E1000_INT_TXDW         (1u << 0) /* of these four: a descriptor with RS is done */
#define E1000_INT_LSC          (1u << 2) /* the link has changed */
#define E1000_INT_RXO          (1u << 6) /* frames were lost for want of room */
#define E1000_INT_RXT0         (1u << 7) /* a frame has been received, RDTR ago */
#define E1000_INT_ALL          0xffffffffu
#define E1000_RCTL             0x0100 /* 13.4.22 */
#define E1000_RCTL_EN          (1u << 1)
#define E1000_RCTL_UPE         (1u << 3)  /* all unicast addresses */
#define E1000_RCTL_MPE         (1u << 4)  /* all multicast addresses */
#define E1000_RCTL_MO_47_36    (0u << 12) /* which bits of an address the multicast table takes */
#define E1000_RCTL_BAM         (1u << 15) /* broadcast */
#define E1000_RCTL_BSIZE_2048  (0u << 16)
#define E1000_RCTL_SECRC       (1u << 26) /* leave the FCS out */
#define E1000_FCTTV            0x0170
#define E1000_TCTL             0x0400 /* 13.4.33 */
#define E1000_TCTL_EN          (1u << 1)
#define E1000_TCTL_PSP         (1u << 3)     /* pad to 64 bytes */
#define E1000_TCTL_CT          (0x0fu << 4)  /* attempts after collisions, as IEEE 802.3 has it */
#define E1000_TCTL_COLD        (0x40u << 12) /* collision window for full duplex, in byte times */
#define E1000_TIPG             0x0410        /* 13.4.34: gaps between frames */
#define E1000_TIPG_IPGT(n)     (n)
#define E1000_TIPG_IPGR1(n)    ((n) << 10)
#define E1000_TIPG_IPGR2(n)    ((n) << 20)
#define E1000_RDBAL            0x2800 /* 13.4.25 and on: the receive ring */
#define E1000_RDBAH            0x2804
#define E1000_RDLEN            0x2808 /* bytes, a multiple of 128 */
#define E1000_RDH              0x2810
#define E1000_RDT              0x2818
#define E1000_RDTR             0x2820 /* delay of RXT0 */
#define E1000_RADV             0x282c /* its bound */
#define E1000_TDBAL            0x3800 /* 13.4.36 and on: the transmit ring */
#define E1000_TDBAH            0x3804
#define E1000_TDLEN            0x3808
#define E1000_TDH              0x3810
#define E1000_TDT              0x3818
#define E1000_TIDV             0x3820 /* delay of TXDW */
#define E1000_RXCSUM           0x5000 /* what is summed in received frames */
#define E1000_RXCSUM_IPOFL     (1u << 8)
#define E1000_RXCSUM_TUOFL     (1u << 9)
#define E1000_MTA(n)           (0x5200 + 4 * (n)) /* 13.5.1: a bit for each value of 12 bits */
#define E1000_MTA_ENTRIES      128
#define E1000_RAL(n)           (0x5400 + 8 * (n)) /* 13.5.2, 13.5.3: addresses; the first: its own */
#define E1000_RAH(n)           (0x5404 + 8 * (n))
#define E1000_RAH_AV           (1u << 31)
#define E1000_RA_ENTRIES       16

/* 13.7: counters; reading clears. */
#define E1000_CRCERRS 0x4000
#define E1000_RXERRC  0x400c
#define E1000_MPC     0x4010 /* frames lost for want of room */
#define E1000_CEXTERR 0x403c
#define E1000_RFC     0x40a8 /* fragments */
#define E1000_ROC     0x40ac /* too long */
#define E1000_RJC     0x40b0 /* too long, and damaged */

/* EEPROM (5.6), in words of 16 bits. */
#define E1000_EEPROM_MAC 0 /* three */

/* IEEE 802.3, 22.2.4: PHY. */
#define E1000_PHY_BMCR         0
#define E1000_PHY_BMCR_RESTART (1u << 9) /* negotiation */
#define E1000_PHY_BMCR_ISOLATE (1u << 10)
#define E1000_PHY_BMCR_DOWN    (1u << 11)
#define E1000_PHY_BMCR_AUTO    (1u << 12) /* negotiation is on */
#define E1000_PHY_BMCR_LOOP    (1u << 14)

/* ---- 3.2.3: receive descriptor ---- */

/* Also of transmit descriptors: an address and 64 bits that are read and written at once. */
struct e1000_desc {
	volatile uint64_t address;
	volatile uint64_t word;
};
_Static_assert(sizeof(struct e1000_desc) == 16, "3.2.3, 3.3.3");
_Static_assert(offsetof(struct e1000_desc, word) == 8, "3.2.3, 3.3.3");

#define E1000_RX_LENGTH_SHIFT 0           /* 16 bits */
#define E1000_RX_DD           (1ul << 32) /* 3.2.3.1: status */
#define E1000_RX_EOP          (1ul << 33)
#define E1000_RX_IXSM         (1ul << 34) /* no checksum was looked at */
#define E1000_RX_TCPCS        (1ul << 37) /* the one of TCP or UDP was */
#define E1000_RX_CE           (1ul << 40) /* 3.2.3.2: errors: FCS */
#define E1000_RX_SE           (1ul << 41) /* symbol */
#define E1000_RX_SEQ          (1ul << 42)
#define E1000_RX_CXE          (1ul << 44)
#define E1000_RX_TCPE         (1ul << 45) /* the checksum is wrong */
#define E1000_RX_RXE          (1ul << 47)
#define E1000_RX_DAMAGED      (E1000_RX_CE | E1000_RX_SE | E1000_RX_SEQ | E1000_RX_CXE | E1000_RX_RXE)

/* ---- 3.3.3, 3.3.6, 3.3.7: transmit descriptors ---- */

#define E1000_TX_EOP    (1ul << 24)                 /* legacy and data: the frame's last one */
#define E1000_TX_IFCS   (1ul << 25)                 /* add the FCS */
#define E1000_TX_TSE    (1ul << 26)                 /* segmentation; context: as well */
#define E1000_TX_RS     (1ul << 27)                 /* report when it is done */
#define E1000_TX_DEXT   (1ul << 29)                 /* not a legacy one */
#define E1000_TX_DATA   (1ul << 20 | E1000_TX_DEXT) /* DTYP 1 */
#define E1000_TX_DD     (1ul << 32)                 /* done */
#define E1000_TX_EC     (1ul << 33)                 /* lost to collisions */
#define E1000_TX_LC     (1ul << 34)                 /* to a late one */
#define E1000_TX_IXSM   (1ul << 40)                 /* data: insert IP's checksum */
#define E1000_TX_TXSM   (1ul << 41)                 /* TCP's or UDP's */
#define E1000_TX_LENGTH 0xfffffu
/* Context: the address' place. Where a sum starts, where it is stored, its last byte (0: all). */
#define E1000_TXC_IP(start, at, last)                                                              \
	((uint64_t)(start) | (uint64_t)(at) << 8 | (uint64_t)(last) << 16)
#define E1000_TXC_TU(start, at) ((uint64_t)(start) << 32 | (uint64_t)(at) << 40)
/* And the other word. */
#define E1000_TXC_TCP         (1ul << 24)
#define E1000_TXC_IPV4        (1ul << 25)
#define E1000_TXC_HDRLEN(n)   ((uint64_t)(n) << 40)
#define E1000_TXC_MSS(n)      ((uint64_t)(n) << 48)
#define E1000_TXC_OFFSET_MOST 255 /* fields of 8 bits */

#define E1000_FRAME_LEAST 17 /* 3.3.3: shorter ones are not padded by TCTL.PSP */

#endif
