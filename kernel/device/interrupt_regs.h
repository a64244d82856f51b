/* SPDX-License-Identifier: MIT */
/*
 * Registers of the interrupt controllers outside of the processor: the 8259 pair (Intel 8259A data
 * sheet), the I/O APIC (Intel 82093AA data sheet, section 3), and the form of messages (Intel SDM
 * volume 3, section 11.11).
 */
#ifndef KERNEL_DEVICE_INTERRUPT_REGS_H
#define KERNEL_DEVICE_INTERRUPT_REGS_H

#define PIC_COMMAND(line)    ((line) < 8 ? 0x20 : 0xa0)
#define PIC_COMMAND_EOI      0x20
#define PIC_COMMAND_READ_ISR 0x0b
#define PIC_MASK(line)       ((line) < 8 ? 0x21 : 0xa1)
#define PIC_LINES            16
#define PIC_CASCADE          2

#define IO_APIC_SIZE                0x20
#define IO_APIC_SELECT              0x00
#define IO_APIC_WINDOW              0x10
#define IO_APIC_VERSION             1
#define IO_APIC_VERSION_LAST(value) ((value) >> 16 & 0xff)
#define IO_APIC_ENTRY(n)            (0x10 + 2 * (n)) /* low half; the high one follows */
#define IO_APIC_ENTRY_LEVEL         (1 << 15)
#define IO_APIC_ENTRY_MASKED        (1 << 16)
#define IO_APIC_ENTRY_TARGET(apic)  ((uint32_t)(apic) << 24) /* of the high half */

#define MESSAGE_ADDRESS(apic) (0xfee00000u | (uint32_t)(apic) << 12)

#define APIC_LVT_LINT0  0x350
#define APIC_LVT_EXTINT (7 << 8)

#endif
