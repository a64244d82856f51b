/* SPDX-License-Identifier: MIT */
/*
 * The registry: devices that were found, and drivers that take them.
 *
 * Nothing happens at boot. The first function of the API that is about devices calls
 * devices_start(): it finds all buses, and asks each driver about each device that it matches. The
 * structs stand in <baremetal/driver.h>, for an app's own drivers have the same.
 *
 *     static const struct bm_driver nvme = {"nvme", matches, 1, probe};
 *     DRIVER(nvme);
 */
#ifndef KERNEL_DEVICE_DRIVER_H
#define KERNEL_DEVICE_DRIVER_H

#include "device/interrupt.h"
#include "memory/dma.h"
#include <baremetal/driver.h>
#include <stdbool.h>

/* Put a driver into the kernel's list: a linker section that is kept, so the build alone decides.
 */
#define DRIVER(variable)                                                                           \
	static const struct bm_driver *const variable##_entry                                      \
	    __attribute__((section(".drivers"), used)) = &variable

/* Find devices and start drivers, once; others wait until it is done. Not for interrupts. */
void devices_start(void);

/* The API's driver_register. */
int driver_register(const struct bm_driver *driver);

/* A status code in words, for the log. */
const char *device_error(int status);

/* Add a device that was found. The record stays. Only while devices are being found. */
void device_add(struct bm_device *device);

#endif
