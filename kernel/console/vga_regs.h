/* SPDX-License-Identifier: MIT */
/* VGA registers that text mode needs (IBM VGA technical reference; FreeVGA). */
#ifndef KERNEL_CONSOLE_VGA_REGS_H
#define KERNEL_CONSOLE_VGA_REGS_H

#define VGA_MEMORY      0xb8000 /* colour text */
#define VGA_MEMORY_SIZE 0x8000

#define VGA_GC_INDEX         0x3ce
#define VGA_GC_DATA          0x3cf
#define VGA_GC_MISC          6    /* index */
#define VGA_GC_MISC_GRAPHICS 0x01 /* not a text mode */
#define VGA_GC_MISC_MAP      0x0c /* which addresses the memory answers at … */
#define VGA_GC_MISC_MAP_TEXT 0x0c /* … those of colour text */

#define VGA_CRTC_INDEX        0x3d4 /* the data port follows: one 16-bit write sets both */
#define VGA_CRTC_CURSOR_START 0x0a
#define VGA_CRTC_CURSOR_END   0x0b
#define VGA_CRTC_START_HIGH   0x0c /* of the picture, in cells */
#define VGA_CRTC_START_LOW    0x0d
#define VGA_CRTC_CURSOR_HIGH  0x0e /* in cells */
#define VGA_CRTC_CURSOR_LOW   0x0f

#endif
