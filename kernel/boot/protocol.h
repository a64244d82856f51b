/* SPDX-License-Identifier: MIT */
/*
 * Numbers that entry.S and C share: how the kernel was entered, and selectors.
 */
#ifndef KERNEL_BOOT_PROTOCOL_H
#define KERNEL_BOOT_PROTOCOL_H

#define PROTOCOL_MULTIBOOT2 0x36d76289 /* eax at entry (Multiboot2, section 3.3) */
#define PROTOCOL_PVH        0x336ec578 /* start_info's magic; PVH itself leaves eax free */

#define GDT_CODE 0x08
#define GDT_DATA 0x10
#define GDT_TSS  0x18
#define GDT_CODE32 0x18 /* the trampoline's own table */

#define CORE_STACK_TOP 32 /* offset in struct core */

#endif
