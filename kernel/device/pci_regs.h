/* SPDX-License-Identifier: MIT */
/*
 * Configuration space: PCI Local Bus Specification 3.0, chapter 6 and section 3.2.2.3.2 (ports);
 * PCI- to-PCI Bridge Architecture Specification 1.2, chapter 3; PCI Express Base
 * Specification, 7.2.2 (ECAM).
 */
#ifndef KERNEL_DEVICE_PCI_REGS_H
#define KERNEL_DEVICE_PCI_REGS_H

#define PCI_PORT_ADDRESS        0xcf8
#define PCI_PORT_ADDRESS_ENABLE 0x80000000u
#define PCI_PORT_DATA           0xcfc

#define PCI_VENDOR              0x00
#define PCI_VENDOR_NONE         0xffff
#define PCI_DEVICE              0x02
#define PCI_COMMAND             0x04
#define PCI_COMMAND_IO          (1 << 0)
#define PCI_COMMAND_MEMORY      (1 << 1)
#define PCI_COMMAND_MASTER      (1 << 2)
#define PCI_COMMAND_NO_LINE     (1 << 10)
#define PCI_STATUS              0x06
#define PCI_STATUS_CAPABILITIES (1 << 4)
#define PCI_REVISION            0x08 /* and the class code above it */
#define PCI_HEADER_TYPE         0x0e
#define PCI_HEADER_TYPE_MASK    0x7f
#define PCI_HEADER_TYPE_MULTI   0x80
#define PCI_HEADER_TYPE_DEVICE  0
#define PCI_HEADER_TYPE_BRIDGE  1
#define PCI_HEADER_TYPE_CARDBUS 2
#define PCI_BAR(n)              (0x10 + 4 * (n))
#define PCI_BAR_IO              1u
#define PCI_BAR_IO_MASK         0xfffffffcu
#define PCI_BAR_TYPE            6u
#define PCI_BAR_TYPE_32         0u
#define PCI_BAR_TYPE_64         4u
#define PCI_BAR_PREFETCH        8u
#define PCI_BAR_MASK            0xfffffff0u
#define PCI_SUBSYSTEM_VENDOR    0x2c
#define PCI_SUBSYSTEM           0x2e
#define PCI_CAPABILITIES        0x34 /* CardBus bridges: 0x14 */
#define PCI_INTERRUPT_LINE      0x3c
#define PCI_INTERRUPT_PIN       0x3d
#define PCI_CONFIG_SIZE         256
#define PCI_CONFIG_SIZE_ECAM    4096

/* Bridges. */
#define PCI_PRIMARY_BUS         0x18
#define PCI_SECONDARY_BUS       0x19
#define PCI_SUBORDINATE_BUS     0x1a
#define PCI_MEMORY_BASE         0x20 /* bits 31 to 20, in the register's upper 12 */
#define PCI_MEMORY_LIMIT        0x22
#define PCI_PREFETCH_BASE       0x24
#define PCI_PREFETCH_LIMIT      0x26
#define PCI_PREFETCH_64         1u
#define PCI_PREFETCH_BASE_HIGH  0x28
#define PCI_PREFETCH_LIMIT_HIGH 0x2c
#define PCI_WINDOW_MASK         0xfff0u
#define PCI_WINDOW_UNIT         0x100000u

/* Capabilities. */
#define PCI_CAPABILITY_MSI    0x05
#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_PCIE   0x10
#define PCI_CAPABILITY_MSIX   0x11
#define PCI_CAPABILITY_SATA   0x12

#define PCI_MSI_CONTROL                2
#define PCI_MSI_CONTROL_ENABLE         (1 << 0)
#define PCI_MSI_CONTROL_CAPABLE(value) (1u << ((value) >> 1 & 7))
#define PCI_MSI_CONTROL_COUNT          (7 << 4)
#define PCI_MSI_CONTROL_64             (1 << 7)
#define PCI_MSI_ADDRESS                4
#define PCI_MSI_DATA_32                8
#define PCI_MSI_DATA_64                12

#define PCI_MSIX_CONTROL        2
#define PCI_MSIX_CONTROL_SIZE   0x7ff
#define PCI_MSIX_CONTROL_MASK   (1 << 14)
#define PCI_MSIX_CONTROL_ENABLE (1 << 15)
#define PCI_MSIX_TABLE          4
#define PCI_MSIX_TABLE_BAR      7u
#define PCI_MSIX_ENTRY          16u
#define PCI_MSIX_ENTRY_ADDRESS  0
#define PCI_MSIX_ENTRY_DATA     8
#define PCI_MSIX_ENTRY_CONTROL  12

#endif
