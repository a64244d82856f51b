/* SPDX-License-Identifier: MIT */
/*
 * Block devices: the front end between requests (<baremetal/block.h>) and drivers
 * (<baremetal/driver.h>, struct bm_block_driver: the driver's whole contract).
 *
 * The front end checks requests, makes commands of them that are within the device's limits, with
 * physical addresses; knows what is under way (a tag each), so that every answer counts once and
 * nonsense is noticed; and it keeps time: a device that does not answer is reset. So a driver
 * starts commands, tells what is done, and resets.
 *
 * Locks: one a queue, a spin lock that no interrupt takes: a driver's interrupt function calls
 * block_notify() and nothing else.
 */
#ifndef KERNEL_DEVICE_BLOCK_H
#define KERNEL_DEVICE_BLOCK_H

#include "device/driver.h"
#include <baremetal/block.h>

/* For drivers. */
int block_add(const struct bm_block_driver *driver, struct bm_block_device **handle);
int block_finish(struct bm_block_device *device, uint32_t queue, uint32_t tag, int status);
void block_notify(struct bm_block_device *device, uint32_t queue);

/* The API's. */
int block_count(void);
int block_info(uint32_t device, struct bm_block_info *info);
int block_submit(uint32_t device, struct bm_block_request *const *requests, uint32_t count);
int block_poll(uint32_t device, uint32_t queue);
int block_arm(uint32_t device, uint32_t queue);
int block_wait(uint32_t device, struct bm_block_request *request);
int block_wait_alone(uint32_t device, struct bm_block_request *request);
int block_set_timeout(uint32_t device, uint64_t timeout_ns);

#endif
