/* SPDX-License-Identifier: MIT */
/*
 * A disk for the tests of libbmfs: in memory, sparse, of any size. It keeps a log of what
 * was written and flushed, and fails when it is told to. A transfer that leaves the disk, overlaps
 * another of its list or is not aligned ends the test: the library must never ask for one.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbmfs/bmfs.h"

#define SIM_PAGE 4096u
#ifndef SIM_BUCKETS
#define SIM_BUCKETS 4096u
#endif

struct sim_page {
	struct sim_page *next;
	uint64_t number;
	uint8_t data[SIM_PAGE];
};

enum sim_kind { SIM_WRITE, SIM_DURABLE, SIM_FLUSH };

struct sim_event {
	enum sim_kind kind;
	uint64_t sector, count;
	uint8_t *data;
};

struct sim_disk {
	struct bmfs_disk disk;
	struct sim_page *buckets[SIM_BUCKETS];
	const struct sim_disk *below; /* what is not written here is read there */
	bool logging;
	struct sim_event *events;
	unsigned event_count, event_room;
	unsigned calls;     /* reads, writes and flushes so far */
	unsigned fail_from; /* the calls from this number on fail; 0: none */
	unsigned fail_until;
	unsigned reads, writes, flushes, durable_writes;
	uint64_t sectors_read, sectors_written;
};

#define SIM_WORK 65536u

#define SIM_REQUIRE(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: asked of the disk: not %s\n", __FILE__, __LINE__,  \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline struct sim_page *sim_find(const struct sim_disk *sim, uint64_t number)
{
	struct sim_page *page = sim->buckets[number % SIM_BUCKETS];

	while (page && page->number != number)
		page = page->next;
	return page;
}

static inline const uint8_t *sim_look(const struct sim_disk *sim, uint64_t number)
{
	for (; sim; sim = sim->below) {
		const struct sim_page *page = sim_find(sim, number);

		if (page)
			return page->data;
	}
	return NULL;
}

static inline uint8_t *sim_touch(struct sim_disk *sim, uint64_t number)
{
	struct sim_page *page = sim_find(sim, number);
	const uint8_t *old;

	if (page)
		return page->data;
	old = sim_look(sim, number);
	page = calloc(1, sizeof(*page));
	SIM_REQUIRE(page);
	page->number = number;
	if (old)
		memcpy(page->data, old, SIM_PAGE);
	page->next = sim->buckets[number % SIM_BUCKETS];
	sim->buckets[number % SIM_BUCKETS] = page;
	return page->data;
}

static inline void sim_get(const struct sim_disk *sim, uint64_t byte, void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t within = (byte + done) % SIM_PAGE;
		size_t piece = SIM_PAGE - within < size - done ? SIM_PAGE - within : size - done;
		const uint8_t *page = sim_look(sim, (byte + done) / SIM_PAGE);

		if (page)
			memcpy((uint8_t *)buffer + done, page + within, piece);
		else
			memset((uint8_t *)buffer + done, 0, piece);
		done += piece;
	}
}

static inline void sim_put(struct sim_disk *sim, uint64_t byte, const void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t within = (byte + done) % SIM_PAGE;
		size_t piece = SIM_PAGE - within < size - done ? SIM_PAGE - within : size - done;

		memcpy(sim_touch(sim, (byte + done) / SIM_PAGE) + within,
		       (const uint8_t *)data + done, piece);
		done += piece;
	}
}

static inline bool sim_fails(struct sim_disk *sim)
{
	sim->calls++;
	return sim->fail_from && sim->calls >= sim->fail_from && sim->calls < sim->fail_until;
}

static inline void sim_log(struct sim_disk *sim, enum sim_kind kind, uint64_t sector,
			   uint64_t count, const void *data)
{
	struct sim_event *event;
	size_t size = count * sim->disk.sector_size;

	if (!sim->logging)
		return;
	if (sim->event_count == sim->event_room) {
		sim->event_room = sim->event_room ? sim->event_room * 2 : 64;
		sim->events = realloc(sim->events, sim->event_room * sizeof(*sim->events));
		SIM_REQUIRE(sim->events);
	}
	event = &sim->events[sim->event_count++];
	*event = (struct sim_event){kind, sector, count, size ? malloc(size) : NULL};
	if (size)
		memcpy(event->data, data, size);
}

static inline void sim_check_list(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
				  unsigned count)
{
	SIM_REQUIRE(count);
	for (unsigned i = 0; i < count; i++) {
		SIM_REQUIRE(list[i].count);
		SIM_REQUIRE(list[i].sector < disk->sectors);
		SIM_REQUIRE(list[i].count <= disk->sectors - list[i].sector);
		SIM_REQUIRE((uintptr_t)list[i].buffer % disk->alignment == 0);
		for (unsigned j = 0; j < i; j++)
			SIM_REQUIRE(list[i].sector >= list[j].sector + list[j].count ||
				    list[j].sector >= list[i].sector + list[i].count);
	}
}

static inline int sim_read(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
			   unsigned count)
{
	struct sim_disk *sim = disk->context;

	sim_check_list(disk, list, count);
	sim->reads++;
	if (sim_fails(sim))
		return -BMFS_EIO;
	for (unsigned i = 0; i < count; i++) {
		sim_get(sim, list[i].sector * disk->sector_size, list[i].buffer,
			list[i].count * disk->sector_size);
		sim->sectors_read += list[i].count;
	}
	return 0;
}

static inline int sim_write(const struct bmfs_disk *disk, const struct bmfs_transfer *list,
			    unsigned count, bool durable)
{
	struct sim_disk *sim = disk->context;

	sim_check_list(disk, list, count);
	SIM_REQUIRE(!disk->read_only);
	sim->writes++;
	sim->durable_writes += durable;
	if (sim_fails(sim))
		return -BMFS_EIO;
	for (unsigned i = 0; i < count; i++) {
		sim_put(sim, list[i].sector * disk->sector_size, list[i].buffer,
			list[i].count * disk->sector_size);
		sim_log(sim, durable ? SIM_DURABLE : SIM_WRITE, list[i].sector, list[i].count,
			list[i].buffer);
		sim->sectors_written += list[i].count;
	}
	return 0;
}

static inline int sim_flush(const struct bmfs_disk *disk)
{
	struct sim_disk *sim = disk->context;

	SIM_REQUIRE(!disk->read_only);
	sim->flushes++;
	if (sim_fails(sim))
		return -BMFS_EIO;
	sim_log(sim, SIM_FLUSH, 0, 0, NULL);
	return 0;
}

/* For disks of which much is zeroed. Not logged. */
static inline int sim_zero(const struct bmfs_disk *disk, uint64_t sector, uint64_t count)
{
	struct sim_disk *sim = disk->context;
	uint64_t from = sector * disk->sector_size, to = (sector + count) * disk->sector_size;
	static const uint8_t zeros[SIM_PAGE];

	SIM_REQUIRE(!disk->read_only && !sim->logging && !sim->below);
	SIM_REQUIRE(count && sector < disk->sectors && count <= disk->sectors - sector);
	if (sim_fails(sim))
		return -BMFS_EIO;
	for (unsigned i = 0; i < SIM_BUCKETS; i++) {
		for (struct sim_page *page = sim->buckets[i]; page; page = page->next) {
			uint64_t start = page->number * SIM_PAGE, end = start + SIM_PAGE;
			uint64_t a = start > from ? start : from, b = end < to ? end : to;

			if (a < b)
				sim_put(sim, a, zeros, b - a);
		}
	}
	return 0;
}

static const struct bmfs_disk_ops sim_zero_ops = {
    .read = sim_read,
    .write = sim_write,
    .flush = sim_flush,
    .zero = sim_zero,
};

static const struct bmfs_disk_ops sim_ops = {
    .read = sim_read,
    .write = sim_write,
    .flush = sim_flush,
};

static inline void sim_open(struct sim_disk *sim, uint64_t bytes, uint32_t sector_size)
{
	memset(sim, 0, sizeof(*sim));
	sim->disk = (struct bmfs_disk){
	    .ops = &sim_ops,
	    .context = sim,
	    .sectors = bytes / sector_size,
	    .sector_size = sector_size,
	    .alignment = 4,
	    .work = aligned_alloc(4096, SIM_WORK),
	    .work_size = SIM_WORK,
	};
	SIM_REQUIRE(sim->disk.work);
}

/* What was written since is on top of another disk, which stays as it is. */
static inline void sim_drop_pages(struct sim_disk *sim)
{
	for (unsigned i = 0; i < SIM_BUCKETS; i++) {
		for (struct sim_page *page = sim->buckets[i], *next; page; page = next) {
			next = page->next;
			free(page);
		}
		sim->buckets[i] = NULL;
	}
}

static inline void sim_forget_log(struct sim_disk *sim)
{
	for (unsigned i = 0; i < sim->event_count; i++)
		free(sim->events[i].data);
	sim->event_count = 0;
}

static inline void sim_close(struct sim_disk *sim)
{
	sim_drop_pages(sim);
	sim_forget_log(sim);
	free(sim->events);
	free(sim->disk.work);
}

/* A small random generator: the same numbers everywhere. */
static inline uint32_t sim_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#endif
