/* SPDX-License-Identifier: MIT */
/* The kernel's API table: <baremetal/api.h>. */
#ifndef KERNEL_APP_API_H
#define KERNEL_APP_API_H

#include <baremetal/system.h>
#include "boot/boot_info.h"

extern const struct bm_api api_table;

/* Fill what bm_system_info() tells. The strings must stay. */
void api_init(const struct boot_info *info, const char *command_line, uint64_t boot_tsc);

#endif
