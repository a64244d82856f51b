/* SPDX-License-Identifier: MIT */
/* The i8042 keyboard controller (IBM PS/2 technical reference, keyboard and auxiliary device). */
#ifndef KERNEL_CONSOLE_PS2_REGS_H
#define KERNEL_CONSOLE_PS2_REGS_H

#define PS2_DATA                 0x60
#define PS2_STATUS               0x64 /* read */
#define PS2_STATUS_OUTPUT        0x01 /* a byte for us in PS2_DATA … */
#define PS2_STATUS_AUXILIARY     0x20 /* … from the second port */
#define PS2_STATUS_INPUT         0x02 /* our last byte is not taken yet */
#define PS2_COMMAND              0x64 /* write */
#define PS2_COMMAND_READ_CONFIG  0x20
#define PS2_COMMAND_WRITE_CONFIG 0x60
#define PS2_COMMAND_DISABLE_2ND  0xa7
#define PS2_COMMAND_DISABLE_1ST  0xad
#define PS2_COMMAND_ENABLE_1ST   0xae

#define PS2_CONFIG_IRQS      0x03 /* both ports' */
#define PS2_CONFIG_TRANSLATE 0x40 /* the first port's codes into set 1 */

#define PS2_KEYBOARD_ENABLE 0xf4 /* a command to the keyboard itself */

/* Scan codes, set 1. */
#define KEY_RELEASED    0x80 /* or-ed to any */
#define KEY_EXTENDED    0xe0 /* before the code of a key that the first keyboards lacked */
#define KEY_ENTER       0x1c
#define KEY_CONTROL     0x1d
#define KEY_LEFT_SHIFT  0x2a
#define KEY_SLASH       0x35
#define KEY_RIGHT_SHIFT 0x36
#define KEY_CAPS_LOCK   0x3a
#define KEY_PAD_FIRST   0x47

#endif
