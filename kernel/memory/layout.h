/* SPDX-License-Identifier: MIT */
/*
 * The address space, lowest address first. One address space for kernel and app.
 *
 *   0x0000_0000_0000_0000  unmapped: page 0 and all below the kernel
 *   0x0000_0000_0010_0000  kernel image, identity-mapped
 *   0x0000_0080_0000_0000  slot 1: app image at a random page (first half),
 *                          main stack at a random place (second half)
 *   0x0000_0100_0000_0000  heap window
 *   0x0000_2000_0000_0000  cores: an area each, with its stacks (cpu/core.c)
 *   0x0000_3000_0000_0000  memory of the heap once more, between unmapped pages: stacks
 *   0x0000_4000_0000_0000  device registers: + physical address
 *   0x0000_6000_0000_0000  firmware tables, loader data, modules: + physical address, read-only
 *   0xffff_ff80_0000_0000  page tables (recursive slot 511)
 */
#ifndef KERNEL_MEMORY_LAYOUT_H
#define KERNEL_MEMORY_LAYOUT_H

#define LAYOUT_KERNEL     0x100000
#define LAYOUT_APP        0x008000000000ul
#define LAYOUT_APP_SIZE   0x004000000000ul /* 256 GiB to choose a base in */
#define LAYOUT_STACK      0x00c000000000ul
#define LAYOUT_HEAP       0x010000000000ul
#define LAYOUT_CORES      0x200000000000ul
#define LAYOUT_CORE_SIZE  0x1000000ul /* 16 MiB of addresses for each */
#define LAYOUT_GUARDED    0x300000002000ul /* the pages before stay unmapped */
#define LAYOUT_DEVICES    0x400000000000ul
#define LAYOUT_FIRMWARE   0x600000000000ul
#define LAYOUT_PHYS_LIMIT 0x200000000000ul /* 32 TiB: the two windows above hold no more */
/* RAM ends below here, for the heap window to hold it all: that begins within its first GiB. */
#define LAYOUT_RAM_LIMIT  (LAYOUT_CORES - LAYOUT_HEAP - 0x40000000ul)
#define LAYOUT_TABLES     0xffffff8000000000ul

#endif
