/* SPDX-License-Identifier: MIT */
/*
 * Which blocks are free. Nothing on the disk says so: they are those that no file has, between the
 * first block and the last.
 *
 * Files that are going to grow get the middle of the largest gap, so that they can, and
 * what lies before them as well; those that say how large they will be get the smallest gap that
 * holds them. If there is none, other files are moved away, those with the least in them; and if
 * that does not help, all are moved together: so what is free is usable, wherever it lies. A file
 * that is larger than each free piece is moved over itself then: slide.c.
 */
#include "internal.h"

/* A gap in which it is worth while to leave room on both sides: 32 MiB. */
#define ROOM 16u

struct extent {
	uint64_t start, end; /* blocks; end is the first behind it */
	struct bmfs_file *file;
};

struct map {
	unsigned count;
	struct extent used[BMFS_FILES + 2]; /* by start; the last is the end of the disk */
};

static void add(struct map *map, uint64_t start, uint64_t end, struct bmfs_file *file)
{
	unsigned i = map->count++;

	while (i && map->used[i - 1].start > start) {
		map->used[i] = map->used[i - 1];
		i--;
	}
	map->used[i] = (struct extent){start, end, file};
}

static void make_map(const struct bmfs *fs, struct map *map, const struct bmfs_file *without)
{
	map->count = 0;
	for (unsigned i = 0; i < BMFS_FILES; i++) {
		const struct bmfs_file *file = &fs->files[i];

		if (file->used && file->reserved && file != without)
			add(map, file->start, file->start + file->reserved,
			    (struct bmfs_file *)file);
	}
	add(map, fs->blocks - 1, fs->blocks, NULL);
	/* Where files overlap, which is to be mended: what none of them has lies behind all. */
	for (unsigned i = 1; i < map->count; i++)
		if (map->used[i].end < map->used[i - 1].end)
			map->used[i].end = map->used[i - 1].end;
}

/* The gap before an extent. */
static struct extent gap_before(const struct map *map, unsigned i)
{
	struct extent gap = {i ? map->used[i - 1].end : 1, map->used[i].start, NULL};

	if (gap.end < gap.start)
		gap.end = gap.start; /* files overlap, or one lies in the last block */
	return gap;
}

uint64_t bmfs_find_space(const struct bmfs *fs, uint64_t count, bool growing)
{
	struct map map;
	struct extent best = {0, 0, NULL};

	make_map(fs, &map, NULL);
	for (unsigned i = 0; i < map.count; i++) {
		struct extent gap = gap_before(&map, i);
		uint64_t size = gap.end - gap.start, best_size = best.end - best.start;

		if (size >= count &&
		    (!best_size || (growing ? size > best_size : size < best_size)))
			best = gap;
	}
	uint64_t slack = best.end - best.start - count;

	if (best.start == best.end)
		return 0;
	if (growing && best.start > 1 && slack >= ROOM)
		return best.start + slack / 2;
	return best.start;
}

bool bmfs_is_free(const struct bmfs *fs, uint64_t start, uint64_t count)
{
	if (!start || start >= fs->blocks - 1 || count > fs->blocks - 1 - start)
		return false;
	for (unsigned i = 0; i < BMFS_FILES; i++) {
		const struct bmfs_file *file = &fs->files[i];

		if (file->used && file->reserved && start < file->start + file->reserved &&
		    file->start < start + count)
			return false;
	}
	return true;
}

void bmfs_get_space(const struct bmfs *fs, struct bmfs_space *space)
{
	struct map map;

	*space = (struct bmfs_space){.total = fs->blocks - 2};
	make_map(fs, &map, NULL);
	for (unsigned i = 0; i < map.count; i++) {
		struct extent gap = gap_before(&map, i);

		space->free += gap.end - gap.start;
		if (gap.end - gap.start > space->largest)
			space->largest = gap.end - gap.start;
	}
	for (unsigned i = 0; i < BMFS_RECORDS; i++)
		space->records_free += !bmfs_is_live(&fs->directory[i]);
}

/* ---- Making room ---- */

/* Files that are to be moved, and where to; the largest first. */
struct plan {
	uint64_t cost; /* blocks with contents */
	unsigned count;
	struct {
		struct bmfs_file *file;
		uint64_t to;
	} moves[BMFS_FILES];
};

uint64_t bmfs_contents(const struct bmfs_file *file)
{
	return bmfs_blocks_for(file->size);
}

/* Lay one file into the smallest gap of a map that holds it; 0: there is none. */
static uint64_t lay(struct map *map, struct bmfs_file *file)
{
	struct extent best = {0, 0, NULL};

	for (unsigned i = 0; i < map->count; i++) {
		struct extent gap = gap_before(map, i);
		uint64_t size = gap.end - gap.start;

		if (size >= file->reserved && (!best.start || size < best.end - best.start))
			best = gap;
	}
	if (best.start)
		add(map, best.start, best.start + file->reserved, file);
	return best.start;
}

/*
 * What it takes to empty a window. The files in it go into gaps that are free now, and not where
 * another file is leaving: so the moves can be made in any order.
 */
static bool make_plan(const struct map *map, struct extent window, struct plan *plan)
{
	struct map rest = {0};
	struct extent closed = window;

	plan->cost = plan->count = 0;
	for (unsigned i = 0; i < map->count; i++) {
		const struct extent *extent = &map->used[i];
		unsigned at = plan->count;

		if (extent->end <= window.start || extent->start >= window.end) {
			add(&rest, extent->start, extent->end, extent->file);
			continue;
		}
		if (!extent->file || extent->file->pins)
			return false;
		closed.start = bmfs_min(closed.start, extent->start);
		closed.end = extent->end > closed.end ? extent->end : closed.end;
		plan->cost += bmfs_contents(extent->file);
		while (at && plan->moves[at - 1].file->reserved < extent->file->reserved) {
			plan->moves[at] = plan->moves[at - 1];
			at--;
		}
		plan->moves[at].file = extent->file;
		plan->count++;
	}
	add(&rest, closed.start, closed.end, NULL);
	for (unsigned i = 0; i < plan->count; i++) {
		plan->moves[i].to = lay(&rest, plan->moves[i].file);
		if (!plan->moves[i].to)
			return false;
	}
	return true;
}

/* The lowest gap that holds a file and ends before it, or the highest; 0: none. Not the file
 * itself. */
static uint64_t gap_for(const struct bmfs *fs, const struct bmfs_file *file, bool lowest)
{
	struct map map;
	uint64_t found = 0;

	make_map(fs, &map, NULL);
	for (unsigned i = 0; i < map.count; i++) {
		struct extent gap = gap_before(&map, i);

		if (gap.end - gap.start < file->reserved)
			continue;
		if (lowest)
			return gap.end <= file->start ? gap.start : 0;
		found = gap.end - file->reserved;
	}
	return found;
}

/* Where the free blocks directly before a file begin; its own start: there are none. */
static uint64_t room_before(const struct bmfs *fs, const struct bmfs_file *file)
{
	struct map map;

	make_map(fs, &map, NULL);
	for (unsigned i = 0; i < map.count; i++)
		if (map.used[i].file == file)
			return gap_before(&map, i).start;
	return file->start;
}

/*
 * Lay one file lower; if what is free before it is smaller than it, by way of a place above, or if
 * there is none, over itself.
 */
static int lower(struct bmfs *fs, struct bmfs_file *file, bool *moved)
{
	uint64_t to = gap_for(fs, file, true), before;
	int error;

	if (!to && file->start > 1 && bmfs_is_free(fs, file->start - 1, 1)) {
		to = gap_for(fs, file, false);
		if (!to || to < file->start) {
			to = room_before(fs, file);
			if (to >= file->start)
				return 0; /* cannot be, if no files overlap */
			error = bmfs_slide(fs, file, to);
			*moved |= !error;
			return error == -BMFS_ENOSPC ? 0 : error;
		}
		before = file->start;
		error = bmfs_move(fs, file, to, file->reserved);
		if (error)
			return error;
		to = gap_for(fs, file, true);
		if (!to || to >= before)
			return 0; /* cannot be: it was free, and there is more of it now */
	}
	if (!to)
		return 0;
	*moved = true;
	return bmfs_move(fs, file, to, file->reserved);
}

/* As high as it goes where it is. */
static int raise(struct bmfs *fs, struct bmfs_file *file, bool *moved)
{
	struct map map;
	uint64_t to = 0;
	int error;

	make_map(fs, &map, NULL);
	for (unsigned i = 0; i + 1 < map.count; i++)
		if (map.used[i].file == file && map.used[i + 1].start > file->reserved)
			to = map.used[i + 1].start - file->reserved;
	if (to <= file->start)
		return 0;
	error = bmfs_slide(fs, file, to);
	*moved |= !error;
	return error == -BMFS_ENOSPC ? 0 : error;
}

/*
 * All files as low as they go, one after the other, with `last` behind the others; or, if it cannot
 * be brought there, those behind it as high as they go. What is free is in one piece then, behind
 * `last`, save for what pinned files keep apart.
 */
static int pack(struct bmfs *fs, struct bmfs_file *last)
{
	bool moved = true;
	int error = 0;

	if (last && last->reserved && !last->pins) {
		uint64_t top = gap_for(fs, last, false);

		if (top > last->start)
			error = bmfs_move(fs, last, top, last->reserved);
	}
	while (moved && !error) {
		struct map map;

		moved = false;
		make_map(fs, &map, NULL);
		for (unsigned i = 0; i < map.count && !error; i++) {
			struct bmfs_file *file = map.used[i].file;

			if (!file || file == last || file->pins)
				continue;
			if (last && last->reserved && file->start > last->start)
				error = raise(fs, file, &moved);
			else
				error = lower(fs, file, &moved);
		}
	}
	if (last && last->reserved && !last->pins && !error)
		error = lower(fs, last, &moved);
	return error;
}

/* Whether so much is free at all. */
static bool is_enough(const struct bmfs *fs, const struct bmfs_file *for_file, uint64_t count)
{
	struct bmfs_space space;

	bmfs_get_space(fs, &space);
	return count <= space.free + (for_file ? for_file->reserved : 0);
}

static int choose(struct bmfs *fs, struct bmfs_file *for_file, uint64_t count, uint64_t below,
		  uint64_t *start)
{
	struct map map;
	struct plan plan, best = {.cost = below};
	uint64_t limit = fs->blocks - 1;
	int error;

	if (count > limit - 1)
		return -BMFS_ENOSPC;
	make_map(fs, &map, NULL);
	/* A window begins where a file ends, or ends where one begins, or lies around the file. */
	for (unsigned i = 0, rounds = 2 * map.count + 1; i <= rounds; i++) {
		struct extent window;

		if (i == rounds) {
			if (!for_file || !for_file->reserved)
				continue;
			window = (struct extent){for_file->start, for_file->start + count, NULL};
			if (window.end > limit)
				continue;
			/* Its own place is no obstacle, and no gap either: inside of the window. */
			make_map(fs, &map, for_file);
			if (!make_plan(&map, window, &plan))
				continue;
		} else if (for_file && for_file->pins) {
			continue;
		} else {
			if (i + 1 == rounds)
				window.start = 1;
			else if (i % 2)
				window.start = map.used[i / 2].end;
			else if (map.used[i / 2].start > count)
				window.start = map.used[i / 2].start - count;
			else
				continue;
			window.end = window.start + count;
			window.file = NULL;
			if (window.end > limit)
				continue;
			if (!make_plan(&map, window, &plan))
				continue;
			if (for_file)
				plan.cost += bmfs_contents(for_file);
		}
		if (plan.cost < best.cost) {
			best = plan;
			*start = window.start;
		}
	}
	if (best.cost == below)
		return -BMFS_ENOSPC;
	for (unsigned i = 0; i < best.count; i++) {
		error = bmfs_move(fs, best.moves[i].file, best.moves[i].to,
				  best.moves[i].file->reserved);
		if (error)
			return error;
	}
	return 0;
}

int bmfs_make_room(struct bmfs *fs, struct bmfs_file *for_file, uint64_t count, uint64_t below,
		   uint64_t *start)
{
	int error = choose(fs, for_file, count, below, start);

	/* No single window can be emptied at once: then all is moved together. */
	if (error != -BMFS_ENOSPC || below != UINT64_MAX || !is_enough(fs, for_file, count))
		return error;
	error = pack(fs, for_file);
	return error ? error : choose(fs, for_file, count, below, start);
}
