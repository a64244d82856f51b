/* SPDX-License-Identifier: MIT */
/*
 * Moving a file over its own blocks (slide.c): one growing file beside others reaches all of the
 * disk; a power cut at each write and flush, and an error at each call, leaves the contents as they
 * were, also on a disk that is mounted read-only then. Blocks are of 64 KiB here.
 */
#include "../unit.h"
#include "sim_disk.h"

#define BLOCKS UINT64_C(32) /* of the disk: 30 for files */

static struct sim_disk sim, flushed, crashed;
static struct bmfs fs;
static uint8_t wanted[BLOCKS * BMFS_BLOCK], got[BLOCKS * BMFS_BLOCK];

static void fresh(uint32_t sector_size)
{
	sim_open(&sim, BLOCKS * BMFS_BLOCK, sector_size);
	CHECK(bmfs_format(&sim.disk, 0) == 0);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
}

static struct bmfs_file *find(const char *name)
{
	return bmfs_find(&fs, name, strlen(name));
}

static struct bmfs_file *make(const char *name, uint64_t blocks)
{
	struct bmfs_file *file = NULL;

	CHECK(bmfs_create(&fs, name, strlen(name), blocks * BMFS_BLOCK, &file) == 0);
	return file;
}

static void drop(const char *name)
{
	CHECK(bmfs_remove(&fs, find(name)) == 0);
}

static bool has(const char *name, const void *data, uint64_t size)
{
	struct bmfs_file *file = find(name);

	memset(got, 0xee, size);
	return file && file->size == size &&
	       bmfs_read(&fs, file, got, sizeof(got), 0) == (long)size && !memcmp(got, data, size);
}

static uint64_t free_blocks(void)
{
	struct bmfs_space space;

	bmfs_get_space(&fs, &space);
	return space.free;
}

/* ---- All of the disk ---- */

static uint64_t grow_to_the_end(const char *name, uint64_t size)
{
	struct bmfs_file *file = find(name);

	for (;; size += BMFS_BLOCK / 2) {
		long n = bmfs_write(&fs, file, wanted + size, BMFS_BLOCK / 2, size);

		if (n == -BMFS_ENOSPC)
			return size;
		CHECK(n == BMFS_BLOCK / 2);
		if (n < 0)
			return size;
	}
}

/* One growing file, and small ones where some were made before it, and after it. */
static void test_one_grows(unsigned before, unsigned after, unsigned at)
{
	char name[] = "small0";
	struct bmfs_file *file;
	uint64_t size;

	fresh(512);
	if (at)
		make("until", at);
	for (unsigned i = 0; i < before; i++, name[5]++)
		CHECK(bmfs_write(&fs, make(name, 1 + i % 2), name, 6, 0) == 6);
	if (at)
		drop("until");
	file = make("grows", 0);
	CHECK(bmfs_write(&fs, file, wanted, 100, 0) == 100);
	for (unsigned i = 0; i < after; i++, name[5]++)
		CHECK(bmfs_write(&fs, make(name, 0), name, 6, 0) == 6);
	size = grow_to_the_end("grows", 0);
	CHECK(free_blocks() == 0 && size == find("grows")->reserved * BMFS_BLOCK);
	for (unsigned pass = 0; pass < 2; pass++) {
		CHECK(has("grows", wanted, size));
		for (name[5] = '0'; name[5] < (char)('0' + before + after); name[5]++)
			CHECK(has(name, name, 6));
		CHECK(bmfs_unmount(&fs) == 0);
		CHECK(bmfs_check(&sim.disk, 0, NULL, NULL) == 0);
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
	}
	sim_close(&sim);
}

/* Two that grow by turns; then one ends, or goes. */
static void test_two_grow(bool goes)
{
	uint64_t size = 0;

	fresh(512);
	make("a", 0);
	make("b", 0);
	for (; size < 10 * BMFS_BLOCK; size += BMFS_BLOCK) {
		CHECK(bmfs_write(&fs, find("a"), wanted + size, BMFS_BLOCK, size) > 0);
		CHECK(bmfs_write(&fs, find("b"), wanted + size, BMFS_BLOCK, size) > 0);
	}
	size = grow_to_the_end("b", size);
	CHECK(size == 20 * BMFS_BLOCK && free_blocks() == 0);
	CHECK(has("a", wanted, 10 * BMFS_BLOCK) && has("b", wanted, size));
	if (goes) {
		drop("a"); /* smaller than the other, and before it */
		size = grow_to_the_end("b", size);
		CHECK(size == 30 * BMFS_BLOCK && has("b", wanted, size));
	}
	sim_close(&sim);
}

/* ---- Power cuts and errors ---- */

/*
 * A file of 9 blocks and some bytes that must be moved over itself, by so many: down, so that it
 * can grow; or up, so that what lies before it can.
 */
static uint64_t prepare(uint64_t gap, bool up, uint32_t sector_size)
{
	uint64_t size = 9 * BMFS_BLOCK + 700;

	fresh(sector_size);
	CHECK(bmfs_write(&fs, make("first", 1), "first", 5, 0) == 5);
	make("gap", up ? 30 - 11 - gap : gap);
	CHECK(bmfs_write(&fs, make("slides", 10), wanted, size, 0) == (long)size);
	if (!up)
		make("last", 30 - 11 - gap);
	drop("gap");
	if (up)
		make("last", 30 - 11 - gap);
	CHECK(bmfs_write(&fs, find("last"), "last", 4, 0) == 4);
	CHECK(bmfs_sync_all(&fs) == 0);
	CHECK(find("slides")->start == (up ? 2 + 19 - gap : 2 + gap) && free_blocks() == gap);
	return size;
}

/* What makes it move. */
static int grow(uint64_t gap, bool up)
{
	struct bmfs_file *file = find(up ? "last" : "slides");

	return bmfs_reserve(&fs, file, (file->reserved + gap) * BMFS_BLOCK);
}

static void check_all(uint64_t size)
{
	CHECK(!fs.damages);
	CHECK(has("slides", wanted, size) && has("first", "first", 5) && has("last", "last", 4));
	CHECK(find("slides") && find("slides")->reserved >= 10);
}

/* `crashed` as it is now. */
static unsigned examine(uint64_t size)
{
	unsigned slid;

	CHECK(bmfs_mount(&fs, &crashed.disk, BMFS_READ_ONLY) == 0);
	slid = find("slides") && find("slides")->gap;
	check_all(size);
	CHECK(bmfs_check(&crashed.disk, 0, NULL, NULL) == 0);
	CHECK(bmfs_mount(&fs, &crashed.disk, 0) == 0);
	CHECK(find("slides") && !find("slides")->gap);
	check_all(size);
	CHECK(bmfs_unmount(&fs) == 0);
	CHECK(bmfs_mount(&fs, &crashed.disk, 0) == 0);
	check_all(size);
	sim_drop_pages(&crashed);
	return slid;
}

static void test_cuts(uint64_t gap, bool up, uint32_t sector_size)
{
	uint64_t size = prepare(gap, up, sector_size), seed = gap;
	unsigned pending = 0, slid = 0, failures = unit_failures;

	sim_open(&flushed, BLOCKS * BMFS_BLOCK, sector_size);
	sim_open(&crashed, BLOCKS * BMFS_BLOCK, sector_size);
	crashed.below = &flushed;
	for (unsigned i = 0; i < SIM_BUCKETS; i++)
		for (struct sim_page *page = sim.buckets[i]; page; page = page->next)
			sim_put(&flushed, page->number * SIM_PAGE, page->data, SIM_PAGE);
	sim.logging = true;
	CHECK(grow(gap, up) == 0);
	CHECK(find("slides")->start == (up ? 21 : 2) && free_blocks() == 0);
	sim.logging = false;

	for (unsigned cut = 0; cut <= sim.event_count && unit_failures == failures; cut++) {
		const struct sim_event *now = &sim.events[cut];

		/* Of what is not flushed: nothing, all, some sectors. */
		for (unsigned kind = 0; kind < 4; kind++) {
			for (unsigned i = pending; i < cut && kind; i++) {
				const struct sim_event *event = &sim.events[i];

				for (uint64_t s = 0; s < event->count; s++)
					if (event->kind == SIM_WRITE &&
					    (kind == 1 || sim_random(&seed) % 2))
						sim_put(&crashed, (event->sector + s) * sector_size,
							event->data + s * sector_size, sector_size);
			}
			slid += examine(size);
		}
		if (cut == sim.event_count)
			break;
		if (now->kind == SIM_DURABLE)
			sim_put(&flushed, now->sector * sector_size, now->data,
				now->count * sector_size);
		for (; now->kind == SIM_FLUSH && pending < cut; pending++)
			if (sim.events[pending].kind == SIM_WRITE)
				sim_put(&flushed, sim.events[pending].sector * sector_size,
					sim.events[pending].data,
					sim.events[pending].count * sector_size);
	}
	if (unit_failures > failures)
		fprintf(stderr, "by %u blocks, %s, sectors of %u bytes\n", (unsigned)gap,
			up ? "up" : "down", sector_size);
	CHECK(slid); /* that is what is tested */
	crashed.below = NULL;
	sim_close(&crashed);
	sim_close(&flushed);
	sim_close(&sim);
}

/* Each call of the disk fails in turn; what there is can be read, renamed and changed all the same.
 */
static void test_errors(uint64_t gap, bool up, unsigned what)
{
	unsigned slid = 0;

	for (unsigned fail = 1, failed = 1; failed; fail++) {
		uint64_t size = prepare(gap, up, 512);
		struct bmfs_file *file = find("slides");
		int error;

		sim.fail_from = sim.calls + fail;
		sim.fail_until = sim.fail_from + 1;
		error = grow(gap, up);
		failed = sim.calls >= sim.fail_from;
		CHECK(!failed || error == -BMFS_EIO);
		sim.fail_from = 0;
		slid += file->gap != 0;
		check_all(size);
		CHECK(bmfs_check(&sim.disk, 0, NULL, NULL) == 0);
		if (what == 1) {
			CHECK(bmfs_rename(&fs, file, "slides", 6) == 0);
			CHECK(bmfs_rename(&fs, file, "last", 4) == 0);
			CHECK(bmfs_rename(&fs, file, "slides", 6) == 0);
			CHECK(bmfs_write(&fs, make("last", 2), "last", 4, 0) == 4);
		} else if (what == 2) {
			bmfs_sync_all(&fs); /* tells of a loss, perhaps */
			CHECK(bmfs_resize(&fs, file, size - 3 * BMFS_BLOCK) == 0);
			size -= 3 * BMFS_BLOCK;
			CHECK(!file->gap);
		}
		check_all(size);
		bmfs_sync_all(&fs);
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
		check_all(size);
		CHECK(bmfs_check(&sim.disk, 0, NULL, NULL) == 0);
		sim_close(&sim);
	}
	CHECK(slid);
}

/* Removed while it is open: it has no record, and the one on the disk must not come back in part.
 */
static void test_removed(void)
{
	uint64_t size = prepare(3, false, 512);
	struct bmfs_file *file = find("slides");

	bmfs_hold(file);
	sim.logging = true;
	drop("slides");
	CHECK(bmfs_reserve(&fs, file, 13 * BMFS_BLOCK) == 0 && file->start == 2);
	sim.logging = false;
	/* The removal is flushed before anything is written over the contents. */
	CHECK(sim.events[0].kind == SIM_WRITE && sim.events[1].kind == SIM_FLUSH);
	CHECK(bmfs_read(&fs, file, got, sizeof(got), 0) == (long)size &&
	      !memcmp(got, wanted, size));
	CHECK(bmfs_release(&fs, file) == 0 && free_blocks() == 13);
	CHECK(bmfs_unmount(&fs) == 0 && bmfs_check(&sim.disk, 0, NULL, NULL) == 0);
	sim_close(&sim);
}

/* What others left in the unused bytes is no move, nor becomes one. */
static void test_hint(uint64_t gap, uint64_t moved, bool counts)
{
	uint8_t bytes[8];
	uint64_t size = prepare(2, false, 512);

	(void)size;
	bmfs_put64(bytes, BMFS_SLIDE | gap << BMFS_SLIDE_BITS | moved);
	for (unsigned i = 0; i < BMFS_RECORDS; i++)
		if (bmfs_at(&fs, i) == find("slides"))
			sim_put(&sim, BMFS_DIRECTORY_AT + i * 64 + 56, bytes, 8);
	CHECK(bmfs_mount(&fs, &sim.disk, BMFS_READ_ONLY) == 0);
	CHECK((find("slides")->gap != 0) == counts);
	if (!counts) {
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
		check_all(size);
		CHECK(bmfs_reserve(&fs, find("slides"), 12 * BMFS_BLOCK) == 0);
		CHECK(bmfs_unmount(&fs) == 0 && bmfs_mount(&fs, &sim.disk, 0) == 0);
		check_all(size);
	}
	sim_close(&sim);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(wanted); i++)
		wanted[i] = (uint8_t)((i * 31 + i / 251 + i / 65537 * 7) >> 1);
	for (unsigned before = 0; before < 4; before++)
		for (unsigned after = 0; after < 3; after++)
			for (unsigned at = 0; at < 26; at += 5)
				test_one_grows(before, after, at);
	test_two_grow(false);
	test_two_grow(true);
	for (uint64_t gap = 1; gap<10; gap += gap> 3 ? 4 : 1)
		for (unsigned up = 0; up < 2; up++)
			test_cuts(gap, up, gap % 2 ? 512 : 4096);
	for (unsigned what = 0; what < 3; what++)
		for (unsigned up = 0; up < 2; up++)
			test_errors(1 + 2 * what, up, what);
	test_removed();
	test_hint(1, 3, false);
	test_hint(0, 0, false);
	test_hint(BMFS_SLIDE_MASK, 0, false);
	return unit_status();
}
