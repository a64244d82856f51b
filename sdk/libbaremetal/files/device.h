/* SPDX-License-Identifier: MIT */
/*
 * The files of /dev.
 */
#ifndef FILES_DEVICE_H
#define FILES_DEVICE_H

#include "files.h"

int device_fill(struct node *directory);

#endif
