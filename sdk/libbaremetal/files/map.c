/* SPDX-License-Identifier: MIT */
/*
 * Maps of files in memory. Interface: map.h.
 *
 * The processor's page tables play no part: a segment is heap memory. So nothing
 * says which pages were stored to; writing back compares with the file instead, and
 * writes what differs.
 */
#include "map.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BACK_PIECE 65536u /* bytes compared at a time */

struct segment {
	struct segment *next; /* of its node, if it is shared */
	bool shared;
	struct node *node;   /* NULL: not shared, once it is filled */
	uint64_t offset;     /* in the node */
	size_t length;       /* a multiple of MAP_PAGE */
	uint8_t *bytes;      /* page-aligned */
	uint32_t references; /* maps */
	bool writable;       /* its maps may hold what the node does not */
};

struct map {
	struct map *next;
	struct segment *segment;
	uint8_t *address; /* within the segment */
	size_t length;
};

static struct map *maps;

static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* Write to the file what it does not have of a part of a segment. */
static int write_back(struct segment *segment, size_t from, size_t to)
{
	static uint8_t there[WRITE_BACK_PIECE]
	    __attribute__((aligned(MAP_PAGE))); /* under files_lock() */
	struct node *node = segment->node;
	uint64_t size = node->size > segment->offset ? node->size - segment->offset : 0;

	to = to < size ? to : (size_t)size;
	while (from < to) {
		size_t piece = to - from < sizeof(there) ? to - from : sizeof(there);
		size_t first = 0, last = piece;
		long n = node->ops->read(node, there, piece, segment->offset + from);

		if (n < 0)
			return (int)n;
		if ((size_t)n < piece)
			return -EIO;
		while (first < last && there[first] == segment->bytes[from + first])
			first++;
		while (last > first && there[last - 1] == segment->bytes[from + last - 1])
			last--;
		while (first < last) {
			n = node->ops->write(node, segment->bytes + from + first, last - first,
					     segment->offset + from + first);
			if (n <= 0)
				return n ? (int)n : -EIO;
			first += (size_t)n;
		}
		from += piece;
	}
	return 0;
}

/* Read [from, to) of a segment from its file; what lies behind the file's end stays. */
static int read_in(struct segment *segment, size_t from, size_t to)
{
	struct node *node = segment->node;

	while (from < to) {
		long n = node_read(node, segment->bytes + from, to - from, segment->offset + from);

		if (n <= 0)
			return (int)n;
		from += (size_t)n;
	}
	return 0;
}

static void set_segments(struct node *node, struct segment *first)
{
	__atomic_store_n(&node->segments, first, __ATOMIC_SEQ_CST);
}

static void segment_free(struct segment *segment)
{
	if (segment->shared) {
		struct segment *other = segment->node->segments;

		if (other == segment) {
			set_segments(segment->node, segment->next);
		} else {
			while (other->next != segment)
				other = other->next;
			other->next = segment->next;
		}
		node_drop(segment->node);
	}
	free(segment->bytes);
	free(segment);
}

/* A segment, filled from a node unless that is NULL. */
static int segment_new(struct node *node, uint64_t offset, size_t length, bool shared,
		       struct segment **made)
{
	struct segment *segment = calloc(1, sizeof(*segment));
	int error = 0;

	if (!segment)
		return -ENOMEM;
	*segment = (struct segment){
	    .node = node, .offset = offset, .length = length, .shared = node && shared};
	segment->bytes = memalign(MAP_PAGE, length);
	if (!segment->bytes) {
		free(segment);
		return -ENOMEM;
	}
	memset(segment->bytes, 0, length);
	if (segment->shared) { /* before it is read: node.c says why */
		segment->next = node->segments;
		set_segments(node, segment);
		node_hold(node);
	}
	if (node)
		error = read_in(segment, 0, length);
	if (error) {
		segment_free(segment);
		return error;
	}
	if (!segment->shared)
		segment->node = NULL;
	*made = segment;
	return 0;
}

/* The shared segment for a range of a node, which may be one that is there. */
static int segment_share(struct node *node, uint64_t offset, size_t length, bool writable,
			 struct segment **found)
{
	struct segment *segment;

	for (segment = node->segments; segment; segment = segment->next) {
		if (offset >= segment->offset && offset - segment->offset <= segment->length &&
		    length <= segment->length - (offset - segment->offset)) {
			*found = segment;
			break;
		}
	}
	for (struct segment *other = node->segments; other; other = other->next)
		if (other != segment && (writable || other->writable) &&
		    overlap(offset, length, other->offset, other->length))
			return -ENOTSUP;
	return segment ? 0 : segment_new(node, offset, length, true, found);
}

int map_add(struct node *node, uint64_t offset, size_t length, bool shared, bool writable,
	    void **address)
{
	struct segment *segment;
	struct map *map;
	int error;

	if (length > SIZE_MAX / 2)
		return -ENOMEM;
	length = (length + MAP_PAGE - 1) & ~(size_t)(MAP_PAGE - 1);
	if (length > INT64_MAX - offset)
		return -EOVERFLOW;
	map = malloc(sizeof(*map));
	if (!map)
		return -ENOMEM;
	if (node && shared)
		error = segment_share(node, offset, length, writable, &segment);
	else
		error = segment_new(node, offset, length, false, &segment);
	if (error) {
		free(map);
		return error;
	}
	segment->references++;
	segment->writable |= writable && segment->shared;
	*map = (struct map){maps, segment, segment->bytes + (offset - segment->offset), length};
	maps = map;
	*address = map->address;
	return 0;
}

/* Take [from, to), which lies in a map, out of it. */
static int take_out(struct map **link, uint8_t *from, uint8_t *to)
{
	struct map *map = *link, *rest;
	struct segment *segment = map->segment;
	uint8_t *end = map->address + map->length;
	int error = 0;

	if (map->address < from && to < end) { /* the middle: two are left */
		rest = malloc(sizeof(*rest));
		if (!rest)
			return -ENOMEM;
		*rest = (struct map){map->next, segment, to, (size_t)(end - to)};
		segment->references++;
		map->next = rest;
	}
	if (segment->writable)
		error = write_back(segment, (size_t)(from - segment->bytes),
				   (size_t)(to - segment->bytes));
	if (map->address < from) {
		map->length = (size_t)(from - map->address);
	} else if (to < end) {
		map->address = to;
		map->length = (size_t)(end - to);
	} else {
		*link = map->next;
		free(map);
		if (!--segment->references)
			segment_free(segment);
	}
	return error;
}

/* The map to take the byte at *from out of, or the next one that begins before TO; *from is moved
 * there. Several maps may have one address, and one of them is meant: the one of that very range,
 * if any. */
static struct map **find_map(uint8_t **from, uint8_t *to)
{
	struct map **best = NULL;
	uint8_t *best_start = to;

	for (struct map **link = &maps; *link; link = &(*link)->next) {
		struct map *map = *link;
		uint8_t *start = map->address > *from ? map->address : *from;

		if (map->address == *from && map->address + map->length == to)
			return link;
		if (start < best_start && start < map->address + map->length) {
			best = link;
			best_start = start;
		}
	}
	*from = best_start;
	return best;
}

int map_remove(uint8_t *address, size_t length)
{
	uint8_t *to = address + length;
	struct map **link;
	int first_error = 0;

	while (address < to && (link = find_map(&address, to))) {
		uint8_t *end = (*link)->address + (*link)->length;
		int error;

		end = end < to ? end : to;
		error = take_out(link, address, end);
		if (error && !first_error)
			first_error = error;
		address = end;
	}
	return first_error;
}

int map_write_back(uint8_t *address, size_t length, bool sync)
{
	uint8_t *to = address + length;
	size_t mapped = 0;
	int error;

	/* Several maps may share one address; each byte has to have one. */
	for (uint8_t *page = address; page < to; page += MAP_PAGE) {
		struct map *map = maps;

		while (map && (page < map->address || page >= map->address + map->length))
			map = map->next;
		mapped += map ? MAP_PAGE : 0;
	}
	if (mapped < length)
		return -ENOMEM;
	for (struct map *map = maps; map; map = map->next) {
		struct segment *segment = map->segment;
		uint8_t *start = map->address > address ? map->address : address;
		uint8_t *end = map->address + map->length < to ? map->address + map->length : to;

		if (start >= end || !segment->writable)
			continue;
		error = write_back(segment, (size_t)(start - segment->bytes),
				   (size_t)(end - segment->bytes));
		if (!error && sync && segment->node->ops->sync)
			error = segment->node->ops->sync(segment->node);
		if (error)
			return error;
	}
	return 0;
}

/* The part of a segment that a range of its node overlaps: from which byte of each, and how many.
 */
static size_t common(const struct segment *segment, uint64_t offset, size_t size,
		     size_t *in_segment, size_t *in_range)
{
	uint64_t from = offset > segment->offset ? offset : segment->offset;
	uint64_t to = segment->offset + segment->length;

	to = offset + size < to ? offset + size : to;
	if (from >= to)
		return 0;
	*in_segment = (size_t)(from - segment->offset);
	*in_range = (size_t)(from - offset);
	return (size_t)(to - from);
}

void map_overlay(struct node *node, void *buffer, size_t size, uint64_t offset)
{
	size_t at, from;

	for (struct segment *segment = node->segments; segment; segment = segment->next) {
		size_t length = segment->writable ? common(segment, offset, size, &at, &from) : 0;

		if (length)
			memmove((uint8_t *)buffer + from, segment->bytes + at, length);
	}
}

void map_wrote(struct node *node, const void *data, size_t size, uint64_t offset)
{
	size_t at, from;

	for (struct segment *segment = node->segments; segment; segment = segment->next) {
		size_t length = common(segment, offset, size, &at, &from);

		if (length)
			memmove(segment->bytes + at, (const uint8_t *)data + from, length);
	}
}

void map_refresh(struct node *node, uint64_t from, uint64_t to)
{
	size_t at, unused;

	for (struct segment *segment = node->segments; segment; segment = segment->next) {
		size_t length = from < to ? common(segment, from, to - from, &at, &unused) : 0;

		if (!length)
			continue;
		/* Not node_read(), which would lay over what there is to be replaced. */
		while (length) {
			long n = node->ops->read(node, segment->bytes + at, length,
						 segment->offset + at);

			if (n <= 0)
				break;
			at += (size_t)n;
			length -= (size_t)n;
		}
	}
}

/* What is behind the end is zero, also when the file grows again. */
void map_resized(struct node *node, uint64_t size)
{
	for (struct segment *segment = node->segments; segment; segment = segment->next) {
		uint64_t kept = size > segment->offset ? size - segment->offset : 0;

		if (kept < segment->length)
			memset(segment->bytes + kept, 0, segment->length - (size_t)kept);
	}
}

int map_flush(struct node *node)
{
	for (struct segment *segment = node->segments; segment; segment = segment->next) {
		int error = segment->writable ? write_back(segment, 0, segment->length) : 0;

		if (error)
			return error;
	}
	return 0;
}

int map_flush_all(void)
{
	int first_error = 0;

	for (struct map *map = maps; map; map = map->next) {
		struct segment *segment = map->segment;
		int error = segment->writable ? write_back(segment, 0, segment->length) : 0;

		if (error && !first_error)
			first_error = error;
	}
	return first_error;
}
