/* SPDX-License-Identifier: MIT */
/*
 * Start-up: what the rest of the library may use of it.
 */
#ifndef START_START_H
#define START_START_H

#include <baremetal/api.h>

/* What the kernel handed over. */
extern const struct bm_start *start_data;

#endif
