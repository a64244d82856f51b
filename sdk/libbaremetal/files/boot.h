/* SPDX-License-Identifier: MIT */
/*
 * Filling a tree from a tar archive.
 */
#ifndef FILES_BOOT_H
#define FILES_BOOT_H

#include "tree.h"

#define BOOT_DAMAGED UINT64_MAX

/*
 * Entries below a directory that another tree is mounted on go into that tree.
 * What is readable of a damaged archive is kept. report() gets one sentence per
 * problem, the first few in full and the rest as a number. Returns how many
 * entries were left out, or BOOT_DAMAGED if the archive is cut or lies.
 */
uint64_t boot_fill(struct node *root, const void *archive, uint64_t size,
		   void (*report)(const char *sentence));

#endif
