/* SPDX-License-Identifier: MIT */
/*
 * The linear framebuffer that the boot loader set up: checked, mapped, and lent to
 * the app. Text on it is the console's (console/framebuffer.c). Contract of info,
 * take and release: <baremetal/display.h>.
 */
#ifndef KERNEL_DEVICE_DISPLAY_H
#define KERNEL_DEVICE_DISPLAY_H

#include <baremetal/display.h>

#define DISPLAY_SIDE_MAX 16384 /* pixels */

struct boot_info;

/* Map the framebuffer that the loader tells of, if it can be. Before console_init(). */
void display_init(const struct boot_info *info);

/* The framebuffer, or NULL. Its geometry and colours keep what <baremetal/display.h> says. */
const struct bm_display *display_found(void);

/* Make all of it black. Only if there is one. */
void display_clear(void);

int display_info(struct bm_display *info);
int display_take(struct bm_display *info, uint32_t text_rows);
void display_release(void);

#endif
