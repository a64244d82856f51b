/* SPDX-License-Identifier: MIT */
/*
 * All subjects of the kernel API at once. Each header also compiles alone.
 */
#ifndef BAREMETAL_BAREMETAL_H
#define BAREMETAL_BAREMETAL_H

#include <baremetal/api.h>
#include <baremetal/block.h>
#include <baremetal/console.h>
#include <baremetal/display.h>
#include <baremetal/driver.h>
#include <baremetal/error.h>
#include <baremetal/memory.h>
#include <baremetal/net.h>
#include <baremetal/pci.h>
#include <baremetal/random.h>
#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

#endif
