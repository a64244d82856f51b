/* SPDX-License-Identifier: MIT */
/*
 * Maps of files in memory: who keeps them alike, and when they reach the file.
 *
 * A *segment* is a range of a node, copied into memory; a *map* is what mmap() gave:
 * a part of a segment. Shared maps of one range share a segment, a private one has
 * its own, and an anonymous one a segment without a node. node_read() and its kin
 * call the functions map_… here for nodes that have shared segments, so that the
 * node, the segments and what read() returns are always one content.
 *
 * All run under files_lock(), which they do not take. Only mmap() brings map.c into
 * a program.
 */
#ifndef FILES_MAP_H
#define FILES_MAP_H

#include "files.h"

#define MAP_PAGE 4096u

/* node NULL: no file. offset and the address are multiples of MAP_PAGE. -ENOTSUP: see mman.h. */
int map_add(struct node *node, uint64_t offset, size_t length, bool shared, bool writable,
	    void **address);
int map_remove(uint8_t *address, size_t length); /* what overlaps; an error of writing */
int map_write_back(uint8_t *address, size_t length,
		   bool sync); /* -ENOMEM: not all of it is mapped */

int map_flush_all(void); /* every one; the first error */

/* For node.c, and only for nodes whose segments is not NULL. */
#define MAP_HOOK __attribute__((weak, visibility("hidden")))
void map_overlay(struct node *node, void *buffer, size_t size, uint64_t offset) MAP_HOOK;
void map_wrote(struct node *node, const void *data, size_t size, uint64_t offset) MAP_HOOK;
/* The same for a write that did not know of the map, maybe after others of the same range. */
void map_refresh(struct node *node, uint64_t from, uint64_t to) MAP_HOOK;
void map_resized(struct node *node, uint64_t size) MAP_HOOK;
int map_flush(struct node *node) MAP_HOOK;

#endif
