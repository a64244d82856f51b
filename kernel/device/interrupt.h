/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of devices: messages (MSI-X, MSI), and lines, through the I/O APIC or the legacy
 * controller. Contract: <baremetal/driver.h>, bm_interrupts_take().
 *
 * Vectors are few; when they run out, devices share them: a vector's functions are then all called.
 * Which line a PCI device's pin leads to, only AML tells in full, and there is no interpreter here:
 * firmware leaves the legacy controller's line in the interrupt line register on PCs, and that is
 * what is used. Without it, the kernel polls by time.
 */
#ifndef KERNEL_DEVICE_INTERRUPT_H
#define KERNEL_DEVICE_INTERRUPT_H

#include <baremetal/driver.h>

int interrupts_take(struct bm_device *device, uint32_t wanted, void (*function)(void *argument),
		    void *const *arguments);
void interrupts_enable(struct bm_device *device);

/*
 * The same for a line that is no bm_device's (ISA: the primary and secondary ATA channels' 14 and
 * 15). Edge-triggered, as on the ISA bus. Masked when it has interrupted, until it is enabled.
 */
int interrupt_line_take(uint32_t line, void (*function)(void *argument), void *argument);
void interrupt_line_enable(uint32_t line);

#endif
