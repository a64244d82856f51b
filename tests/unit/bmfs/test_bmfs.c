/* SPDX-License-Identifier: MIT */
/*
 * libbmfs on a simulated disk: the layout, files, space, errors by name, repairs.
 */
#include "../unit.h"
#include "sim_disk.h"

#define MIB (UINT64_C(1) << 20)

static struct sim_disk sim;
static struct bmfs fs;

static void fresh(uint64_t bytes, uint32_t sector_size)
{
	sim_open(&sim, bytes, sector_size);
	CHECK(bmfs_format(&sim.disk, 0) == 0);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
	CHECK(!fs.damages && !fs.notes);
}

static struct bmfs_file *make(const char *name, uint64_t reserve)
{
	struct bmfs_file *file = NULL;

	CHECK(bmfs_create(&fs, name, strlen(name), reserve, &file) == 0);
	return file;
}

static struct bmfs_file *find(const char *name)
{
	return bmfs_find(&fs, name, strlen(name));
}

static int give_name(struct bmfs_file *file, const char *name)
{
	return bmfs_rename(&fs, file, name, strlen(name));
}

static void fill(uint8_t *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)((i * 31 + seed * 101 + i / 251) >> 1);
}

static void put(struct bmfs_file *file, size_t size, uint64_t offset, unsigned seed)
{
	uint8_t *data = malloc(size);

	fill(data, size, seed);
	CHECK(bmfs_write(&fs, file, data, size, offset) == (long)size);
	free(data);
}

static bool has(struct bmfs_file *file, size_t size, uint64_t offset, unsigned seed)
{
	uint8_t *data = malloc(size + 1), *got = malloc(size + 1);
	bool same;

	fill(data, size, seed);
	same = bmfs_read(&fs, file, got, size, offset) == (long)size && !memcmp(data, got, size);
	free(data);
	free(got);
	return same;
}

static int remount(void)
{
	int error = bmfs_unmount(&fs);

	return error ? error : bmfs_mount(&fs, &sim.disk, 0);
}

static uint64_t number_at(uint64_t byte)
{
	uint8_t bytes[8];

	sim_get(&sim, byte, bytes, 8);
	return bmfs_get64(bytes);
}

static int findings[32], repaired;

static void note_finding(void *context, const struct bmfs_finding *finding)
{
	(void)context;
	findings[finding->problem]++;
	repaired += !!finding->action;
	CHECK(strlen(finding->name) <= 32);
	CHECK(strcmp(bmfs_problem_text(finding->problem), "unknown problem"));
}

static int check(unsigned flags)
{
	memset(findings, 0, sizeof(findings));
	repaired = 0;
	return bmfs_check(&sim.disk, flags, note_finding, NULL);
}

/* ---- Layout ---- */

static void test_layout(uint32_t sector_size)
{
	uint8_t bytes[64];
	struct bmfs_file *file;

	fresh(64 * MIB, sector_size);
	sim_get(&sim, 1024, bytes, 16);
	CHECK(!memcmp(bytes, "BMFS\0\0\0\0\0\0\0\0\0\0\0\0", 16));
	sim_get(&sim, 62 * MIB + 1024, bytes, 5);
	CHECK(!memcmp(bytes, "BMFS", 5));

	file = make("first", 5 * MIB);
	put(file, 10, 0, 1);
	CHECK(bmfs_sync(&fs, file) == 0);
	sim_get(&sim, 4096, bytes, 64);
	CHECK(!strcmp((char *)bytes, "first"));
	CHECK(number_at(4096 + 32) == 1); /* block */
	CHECK(number_at(4096 + 40) == 3); /* of 2 MiB */
	CHECK(number_at(4096 + 48) == 10);
	CHECK(number_at(4096 + 56) == 0);
	CHECK(number_at(4096 + 64) == 0); /* the end */
	sim_get(&sim, 2 * MIB, bytes, 10);
	uint8_t expected[10];
	fill(expected, 10, 1);
	CHECK(!memcmp(bytes, expected, 10));

	CHECK(bmfs_remove(&fs, file) == 0);
	CHECK(bmfs_sync_all(&fs) == 0);
	sim_get(&sim, 4096, bytes, 64);
	CHECK(bytes[0] == 1 && !strcmp((char *)bytes + 1, "irst"));
	sim_get(&sim, 62 * MIB + 4096, bytes, 1);
	CHECK(bytes[0] == 1);
	CHECK(check(0) == 0);
	for (int i = 0; i < 32; i++)
		CHECK(!findings[i]);
	sim_close(&sim);
}

static void test_sizes(void)
{
	static const struct {
		uint64_t bytes;
		uint32_t sector_size;
		int format, mount;
	} cases[] = {
	    {32 * MIB, 512, 0, 0},
	    {32 * MIB - 512, 512, -BMFS_ETOOSMALL, -BMFS_EFORMAT},
	    {6 * MIB, 512, -BMFS_ETOOSMALL, -BMFS_EFORMAT},
	    {4 * MIB, 512, -BMFS_ETOOSMALL, -BMFS_ETOOSMALL},
	    {0, 512, -BMFS_ETOOSMALL, -BMFS_ETOOSMALL},
	    {UINT64_C(64) << 40, 512, 0, 0},
	    {UINT64_C(1) << 62, 4096, 0, 0},
	    {UINT64_C(65) * MIB, 1024, 0, 0},
	    {64 * MIB, 8192, -BMFS_ESECTOR, -BMFS_ESECTOR},
	    {64 * MIB, 256, -BMFS_ESECTOR, -BMFS_ESECTOR},
	    {64 * MIB, 768, -BMFS_ESECTOR, -BMFS_ESECTOR},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sim_open(&sim, cases[i].bytes, cases[i].sector_size);
		sim.disk.ops = &sim_zero_ops;
		CHECK(bmfs_format(&sim.disk, 0) == cases[i].format);
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == cases[i].mount);
		if (!cases[i].mount) {
			struct bmfs_space space;
			struct bmfs_file *file = make("f", 0), *large;

			put(file, 5000, 0, i);
			CHECK(bmfs_sync(&fs, file) == 0);
			CHECK(has(file, 5000, 0, i));
			bmfs_get_space(&fs, &space);
			CHECK(space.total == cases[i].bytes / (2 * MIB) - 2);
			CHECK(space.free == space.total - 1);
			CHECK(space.records_free == 63);
			large = make("large", space.largest * 2 * MIB);
			CHECK(large && large->start + large->reserved <= fs.blocks - 1);
			put(large, 100, large->reserved * 2 * MIB - 100, 9);
			CHECK(remount() == 0);
		}
		sim_close(&sim);
	}
	/* UINT64_MAX sectors are no disk. */
	sim_open(&sim, 64 * MIB, 512);
	sim.disk.sectors = UINT64_MAX;
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == -BMFS_ETOOLARGE);
	sim_close(&sim);
}

/* ---- Files ---- */

static void test_names(void)
{
	static const char *bad[] = {"",     ".",   "..",   "a/b",
				    "a\nb", "\1a", "\x7f", "0123456789012345678901234567890x"};
	char name[40] = "";
	struct bmfs_file *file;

	fresh(64 * MIB, 512);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(bmfs_create(&fs, bad[i], strlen(bad[i]), 0, &file) == -BMFS_ENAME);
	file = make("0123456789012345678901234567890", 0); /* 31 bytes */
	CHECK(find("0123456789012345678901234567890") == file);
	CHECK(!find("012345678901234567890123456789"));
	CHECK(!find("01234567890123456789012345678901"));
	make("...", 0);
	make("gr\xc3\xbc\xc3\x9f", 0);
	CHECK(bmfs_create(&fs, "...", 3, 0, &file) == -BMFS_EEXIST);
	CHECK(give_name(find("..."), "a/b") == -BMFS_ENAME);
	CHECK(give_name(find("..."), "...") == 0);
	for (unsigned i = 0; i < 61; i++) {
		if (!((i + 4) % 28)) { /* the disk is full first: 30 blocks */
			struct bmfs_space space;
			bmfs_get_space(&fs, &space);
		}
		snprintf(name, sizeof(name), "file %u", i);
		int error = bmfs_create(&fs, name, strlen(name), 0, &file);
		CHECK(error == (i < 27 ? 0 : -BMFS_ENOSPC));
		if (error)
			break;
	}
	sim_close(&sim);

	fresh(256 * MIB, 4096);
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "file %u", i);
		make(name, 0);
	}
	CHECK(bmfs_create(&fs, "more", 4, 0, &file) == -BMFS_EFULL);
	CHECK(remount() == 0 && !fs.damages && !fs.notes);
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "file %u", i);
		CHECK(find(name));
		if (i % 3 == 0)
			CHECK(bmfs_remove(&fs, find(name)) == 0);
	}
	make("more", 0);
	CHECK(remount() == 0);
	CHECK(find("more") && !find("file 0") && find("file 1"));
	CHECK(check(0) == 0);
	sim_close(&sim);
}

static void test_contents(uint32_t sector_size)
{
	const size_t big = 5 * MIB + 123;
	uint64_t seed = sector_size;
	struct bmfs_file *file;
	uint8_t *shadow = calloc(1, big), *data = malloc(big), *got = malloc(big);
	uint64_t size = 0;

	fresh(64 * MIB, sector_size);
	/* Leave something behind that must not come to light again. */
	file = make("old", 40 * MIB);
	memset(data, 0xee, big);
	for (unsigned i = 0; i < 7; i++)
		CHECK(bmfs_write(&fs, file, data, big, i * big) == (long)big);
	CHECK(bmfs_remove(&fs, file) == 0);

	file = make("new", 0);
	for (unsigned round = 0; round < 400; round++) {
		uint64_t limit = round % 50 == 49 ? big : 20000;
		uint64_t offset = sim_random(&seed) % limit;
		size_t length = sim_random(&seed) % (limit - offset) + 1;

		if (round % 4 == 0)
			offset -= offset % sector_size;
		if (offset + length > big)
			length = big - offset;
		switch (sim_random(&seed) % 6) {
		case 0:
		case 1:
		case 2:
			for (size_t i = 0; i < length; i++)
				data[i] = (uint8_t)sim_random(&seed);
			if (round % 2) /* not aligned in memory */
				memmove(data + 1, data, length - 1), length--;
			if (!length)
				break;
			CHECK(bmfs_write(&fs, file, data + round % 2, length, offset) ==
			      (long)length);
			if (offset + length > size)
				size = offset + length;
			memcpy(shadow + offset, data + round % 2, length);
			break;
		case 3:
			offset = sim_random(&seed) % limit;
			CHECK(bmfs_resize(&fs, file, offset) == 0);
			if (offset < size)
				memset(shadow + offset, 0, size - offset);
			size = offset;
			break;
		case 4:
			CHECK(bmfs_sync(&fs, file) == 0);
			break;
		default:
			CHECK(remount() == 0);
			file = find("new");
		}
		CHECK(file->size == size);
		offset = size ? sim_random(&seed) % size : 0;
		length = (size_t)(size - offset);
		long n = bmfs_read(&fs, file, got, length + 10, offset);
		CHECK(n == (long)length);
		CHECK(!memcmp(got, shadow + offset, length));
	}
	CHECK(bmfs_read(&fs, file, got, 1, size) == 0);
	CHECK(bmfs_read(&fs, file, got, 1, UINT64_MAX) == 0);
	CHECK(bmfs_write(&fs, file, got, 1, UINT64_MAX) == -BMFS_EFBIG);
	CHECK(bmfs_write(&fs, file, got, 1, INT64_MAX) == -BMFS_EFBIG);
	CHECK(bmfs_write(&fs, file, got, 1, INT64_MAX - 1) == -BMFS_ENOSPC);
	CHECK(bmfs_resize(&fs, file, INT64_MAX) == -BMFS_ENOSPC);
	CHECK(bmfs_resize(&fs, file, UINT64_MAX) == -BMFS_EFBIG);
	CHECK(bmfs_reserve(&fs, file, UINT64_MAX) == -BMFS_EFBIG);
	CHECK(file->size == size);
	CHECK(check(0) == 0);
	sim_close(&sim);
	free(shadow);
	free(data);
	free(got);
}

/* A log that grows by small pieces reads nothing once it has begun. */
static void test_cost(void)
{
	struct bmfs_file *file, *other;
	uint8_t line[100] = {1};

	fresh(64 * MIB, 512);
	file = make("log", 0);
	sim.reads = sim.writes = sim.flushes = 0;
	for (unsigned i = 0; i < 1000; i++)
		CHECK(bmfs_write(&fs, file, line, 100, i * 100) == 100);
	CHECK(sim.reads == 0);
	CHECK(sim.writes == 1000);
	sim.writes = sim.durable_writes = 0;
	CHECK(bmfs_sync(&fs, file) == 0);
	CHECK(sim.flushes == 1 && sim.writes == 1 && sim.durable_writes == 1);
	CHECK(bmfs_sync(&fs, file) == 0); /* nothing left to do */
	CHECK(sim.flushes == 1 && sim.writes == 1);
	CHECK(bmfs_write(&fs, file, line, 100, 50) == 100);
	CHECK(bmfs_sync(&fs, file) == 0); /* its size is as it was */
	CHECK(sim.flushes == 2);
	/* Large pieces go as they are. */
	uint8_t *data = aligned_alloc(4096, 4 * MIB);
	memset(data, 1, 4 * MIB);
	other = make("large", 8 * MIB);
	sim.writes = sim.reads = 0;
	CHECK(bmfs_write(&fs, other, data, 4 * MIB, 0) == (long)(4 * MIB));
	CHECK(sim.writes == 1 && !sim.reads);
	CHECK(bmfs_read(&fs, other, data, 4 * MIB, 0) == (long)(4 * MIB));
	CHECK(sim.reads == 1);
	uint64_t sector;
	CHECK(bmfs_direct(&fs, other, 512, 1024, &sector) && sector == other->start * 4096 + 1);
	CHECK(!bmfs_direct(&fs, other, 511, 1024, &sector));
	CHECK(!bmfs_direct(&fs, other, 512, 1023, &sector));
	CHECK(!bmfs_direct(&fs, other, 512, 4 * MIB, &sector));
	CHECK(!bmfs_direct(&fs, other, UINT64_MAX - 511, 512, &sector));
	free(data);
	sim_close(&sim);
}

/* ---- Space ---- */

static void test_growth(void)
{
	struct bmfs_file *a, *b, *c;
	struct bmfs_space space;
	uint64_t start;

	fresh(64 * MIB, 512); /* 30 blocks for files */
	a = make("a", 0);
	b = make("b", 0);
	CHECK(a->start == 1 && b->start > 10); /* both can grow */
	start = a->start;
	put(a, 6 * MIB, 0, 1);
	CHECK(a->start == start && a->reserved == 3);
	put(b, 1000, 0, 2);
	/* In the way: what has less in it is moved. */
	c = make("c", 2 * MIB);
	CHECK(c->start == 4);
	put(c, 10, 0, 3);
	put(a, 2 * MIB, 6 * MIB, 4);
	CHECK(a->start == start && a->reserved == 4 && c->start != 4);
	CHECK(has(a, 6 * MIB, 0, 1) && has(a, 2 * MIB, 6 * MIB, 4) && has(c, 10, 0, 3));
	/* More than is free in one piece, though not more than is free. */
	bmfs_get_space(&fs, &space);
	CHECK(space.largest < 20 && space.free == 24);
	CHECK(bmfs_reserve(&fs, c, 20 * 2 * MIB) == 0);
	CHECK(has(a, 6 * MIB, 0, 1) && has(b, 1000, 0, 2) && has(c, 10, 0, 3));
	CHECK(remount() == 0);
	a = find("a"), b = find("b"), c = find("c");
	CHECK(c->reserved == 20);
	CHECK(has(a, 6 * MIB, 0, 1) && has(b, 1000, 0, 2) && has(c, 10, 0, 3));
	CHECK(bmfs_reserve(&fs, c, 200 * MIB) == -BMFS_ENOSPC);
	CHECK(bmfs_reserve(&fs, c, 0) == 0 && c->reserved == 1);
	CHECK(bmfs_reserve(&fs, a, 0) == 0 && a->reserved == 4);
	/* All of the disk. */
	bmfs_get_space(&fs, &space);
	CHECK(space.free == 24);
	CHECK(bmfs_resize(&fs, c, (space.free + 1) * 2 * MIB) == 0);
	bmfs_get_space(&fs, &space);
	CHECK(space.free == 0 && space.largest == 0);
	uint8_t byte = 1;
	CHECK(bmfs_write(&fs, c, &byte, 1, c->size) == -BMFS_ENOSPC);
	CHECK(has(c, 10, 0, 3));
	CHECK(bmfs_remove(&fs, a) == 0);
	CHECK(bmfs_write(&fs, c, &byte, 1, c->size) == 1);
	CHECK(check(0) == 0);

	/* What is pinned stays. */
	uint64_t place = c->start;
	bmfs_pin(c);
	CHECK(bmfs_remove(&fs, b) == 0);
	CHECK(bmfs_reserve(&fs, c, c->size) == 0);
	CHECK(bmfs_reserve(&fs, c, 4 * MIB) == 0 && c->start == place);
	CHECK(bmfs_reserve(&fs, c, 58 * MIB) == -BMFS_EBUSY && c->start == place);
	bmfs_unpin(c);
	sim_close(&sim);
}

/* Whether a file can have so many bytes: nothing is pinned, so what is free is in one piece if it
 * must be. */
static bool is_room(const struct bmfs_file *file, uint64_t bytes)
{
	struct bmfs_space space;

	bmfs_get_space(&fs, &space);
	return bytes <= (space.free + file->reserved) * BMFS_BLOCK;
}

/* Random growth on a small disk, against a shadow. */
static void test_random_space(unsigned seed_number)
{
	enum { FILES = 9 };
	uint64_t seed = seed_number, sizes[FILES] = {0};
	uint8_t marks[FILES] = {0};
	char name[8];

	fresh(48 * MIB, 512);
	sim.disk.ops = &sim_zero_ops;
	for (unsigned round = 0; round < 600; round++) {
		unsigned i = sim_random(&seed) % FILES;
		struct bmfs_file *file;
		int error;

		snprintf(name, sizeof(name), "f%u", i);
		file = find(name);
		if (!file) {
			if (bmfs_create(&fs, name, 2, sim_random(&seed) % 3 * 3 * MIB, &file))
				continue;
			sizes[i] = 0;
			marks[i] = (uint8_t)(round | 1);
		}
		switch (sim_random(&seed) % 5) {
		case 0:
			CHECK(bmfs_remove(&fs, file) == 0);
			continue;
		case 1: {
			uint64_t bytes = sim_random(&seed) % (12 * MIB);
			bool room = is_room(file, bytes);

			error = bmfs_reserve(&fs, file, bytes);
			CHECK(error == (room ? 0 : -BMFS_ENOSPC));
			break;
		}
		case 2:
			CHECK(bmfs_sync(&fs, file) == 0);
			break;
		default: {
			/* A mark at the end of each block. */
			uint64_t end = sizes[i] + (sim_random(&seed) % 2 + 1) * 2 * MIB;

			bool room = is_room(file, end);

			error = (int)bmfs_write(&fs, file, &marks[i], 1, end - 1);
			CHECK(error == (room ? 1 : -BMFS_ENOSPC));
			if (error == 1)
				sizes[i] = end;
		}
		}
		for (unsigned j = 0; j < FILES; j++) {
			uint8_t got;

			snprintf(name, sizeof(name), "f%u", j);
			file = find(name);
			if (!file || !sizes[j])
				continue;
			CHECK(file->size == sizes[j]);
			CHECK(bmfs_read(&fs, file, &got, 1, sizes[j] - 1) == 1 && got == marks[j]);
		}
	}
	CHECK(remount() == 0 && !fs.damages && !fs.notes);
	CHECK(check(0) == 0);
	sim_close(&sim);
}

/* All that is free, whatever lies in between: files are moved together. */
static void test_pack(void)
{
	static const uint64_t sizes[] = {1, 3, 2, 5, 1, 4, 2};
	struct bmfs_space space;
	struct bmfs_file *file;
	char name[2] = "a";

	for (unsigned round = 0; round < 7; round++) {
		fresh(64 * MIB, 512); /* 30 blocks for files, of which 18 are used */
		for (unsigned i = 0; i < 7; i++) {
			name[0] = (char)('a' + i);
			file = make(name, sizes[i] * 2 * MIB);
			put(file, 5000 + i, 0, i);
			if (i % 2 == round % 2) { /* leave a gap behind it */
				file = make("gap", (1 + i % 3) * 2 * MIB);
				bmfs_hold(file);
				CHECK(bmfs_remove(&fs, file) == 0);
			}
		}
		for (unsigned i = 0; i < BMFS_FILES; i++)
			if (fs.files[i].used && fs.files[i].record < 0)
				CHECK(bmfs_release(&fs, &fs.files[i]) == 0);
		bmfs_get_space(&fs, &space);
		CHECK(space.free == 12 && space.largest < 12);
		name[0] = (char)('a' + round);
		if (round % 3) {
			CHECK(bmfs_reserve(&fs, find(name), (sizes[round] + 12) * 2 * MIB) == 0);
		} else {
			CHECK(bmfs_create(&fs, "all", 3, 12 * 2 * MIB, &file) == 0);
		}
		bmfs_get_space(&fs, &space);
		CHECK(space.free == 0);
		CHECK(remount() == 0 && !fs.damages);
		for (unsigned i = 0; i < 7; i++) {
			name[0] = (char)('a' + i);
			CHECK(find(name) && has(find(name), 5000 + i, 0, i));
		}
		CHECK(check(0) == 0);
		sim_close(&sim);
	}
}

static void test_removed(void)
{
	struct bmfs_file *a, *b;
	struct bmfs_space space;

	fresh(64 * MIB, 512);
	a = make("a", 0);
	put(a, 1000, 0, 1);
	bmfs_hold(a);
	CHECK(bmfs_remove(&fs, a) == 0);
	CHECK(!find("a") && !*bmfs_name(&fs, a));
	CHECK(bmfs_remove(&fs, a) == -BMFS_ENOENT && give_name(a, "x") == -BMFS_ENOENT);
	b = make("a", 0);
	CHECK(b->start != a->start);
	put(b, 1000, 0, 2);
	put(a, 9 * MIB, 500, 3); /* it can still grow, and move */
	CHECK(has(a, 9 * MIB, 500, 3) && has(b, 1000, 0, 2));
	CHECK(bmfs_sync(&fs, a) == 0);
	bmfs_get_space(&fs, &space);
	CHECK(space.free == 30 - 1 - a->reserved);
	CHECK(bmfs_release(&fs, a) == 0);
	bmfs_get_space(&fs, &space);
	CHECK(space.free == 29);

	/* Over one that is open, in the same sector and in another. */
	for (unsigned i = 0; i < 12; i++) {
		char name[8];
		snprintf(name, sizeof(name), "n%u", i);
		make(name, 0);
	}
	for (unsigned i = 1; i < 12; i += 10) {
		char name[8];
		snprintf(name, sizeof(name), "n%u", i);
		a = find(name), b = find("n0");
		put(a, 100, 0, 5);
		put(b, 100, 0, 6);
		bmfs_hold(a);
		bmfs_hold(b);
		CHECK(give_name(b, name) == 0);
		CHECK(find(name) == b && !find("n0"));
		CHECK(has(a, 100, 0, 5) && has(b, 100, 0, 6));
		CHECK(bmfs_release(&fs, a) == 0);
		CHECK(bmfs_release(&fs, b) == 0);
		CHECK(has(b, 100, 0, 6));
		make("n0", 0);
		CHECK(remount() == 0 && !fs.damages && !fs.notes);
		CHECK(find(name) && has(find(name), 100, 0, 6));
	}
	CHECK(check(0) == 0);

	/* So many removed and open files, and not one more. */
	for (unsigned i = 0; i < 64; i++) {
		int error = bmfs_create(&fs, "temporary", 9, 0, &a);
		if (error == -BMFS_ENOSPC)
			break;
		bmfs_hold(a);
		CHECK(bmfs_remove(&fs, a) == 0);
	}
	sim_close(&sim);
	fresh(512 * MIB, 512);
	for (unsigned i = 0; i < 64; i++) {
		a = make("temporary", 0);
		bmfs_hold(a);
		CHECK(bmfs_remove(&fs, a) == 0);
	}
	a = make("temporary", 0);
	bmfs_hold(a);
	CHECK(bmfs_remove(&fs, a) == -BMFS_EBUSY && find("temporary") == a);
	b = make("other", 0);
	CHECK(give_name(b, "temporary") == -BMFS_EBUSY && find("temporary") == a);
	CHECK(remount() == 0 && find("temporary") && find("other"));
	sim_close(&sim);
}

/* ---- What disks say ---- */

static void test_read_only(void)
{
	struct bmfs_file *file;
	uint8_t byte = 0;

	fresh(64 * MIB, 512);
	put(make("a", 0), 100, 0, 1);
	CHECK(bmfs_unmount(&fs) == 0);
	for (int by_disk = 0; by_disk < 2; by_disk++) {
		sim.disk.read_only = by_disk;
		CHECK(bmfs_mount(&fs, &sim.disk, by_disk ? 0 : BMFS_READ_ONLY) == 0);
		CHECK(has(find("a"), 100, 0, 1));
		sim.writes = sim.flushes = 0;
		CHECK(bmfs_create(&fs, "b", 1, 0, &file) == -BMFS_EROFS);
		CHECK(bmfs_write(&fs, find("a"), &byte, 1, 0) == -BMFS_EROFS);
		CHECK(bmfs_resize(&fs, find("a"), 0) == -BMFS_EROFS);
		CHECK(bmfs_reserve(&fs, find("a"), 0) == -BMFS_EROFS);
		CHECK(bmfs_remove(&fs, find("a")) == -BMFS_EROFS);
		CHECK(give_name(find("a"), "b") == -BMFS_EROFS);
		CHECK(bmfs_sync(&fs, find("a")) == 0);
		CHECK(bmfs_unmount(&fs) == 0);
		CHECK(!sim.writes && !sim.flushes);
	}
	CHECK(bmfs_check(&sim.disk, BMFS_REPAIR, NULL, NULL) == -BMFS_EROFS);
	CHECK(bmfs_format(&sim.disk, 0) == -BMFS_EROFS);
	sim_close(&sim);
}

static void record(unsigned i, const char *name, uint64_t start, uint64_t reserved, uint64_t size)
{
	uint8_t bytes[64] = {0};

	memcpy(bytes, name, strlen(name) < 32 ? strlen(name) : 32);
	bmfs_put64(bytes + 32, start);
	bmfs_put64(bytes + 40, reserved);
	bmfs_put64(bytes + 48, size);
	sim_put(&sim, 4096 + i * 64, bytes, 64);
}

struct damage {
	enum bmfs_problem problem;
	struct {
		const char *name;
		uint64_t start, reserved, size;
	} records[3];
	int left;         /* after repair */
	const char *then; /* a file that is there then */
	uint64_t then_size;
};

static void test_damage(void)
{
	static const struct damage damages[] = {
	    {BMFS_UNTERMINATED,
	     {{"0123456789012345678901234567890x", 1, 1, 5}},
	     0,
	     "0123456789012345678901234567890",
	     5},
	    {BMFS_BAD_NAME, {{"a/b", 1, 1, 5}, {"a_b", 2, 1, 6}}, 0, "a_b~1", 5},
	    {BMFS_BAD_NAME, {{"..", 1, 1, 5}}, 0, "..~1", 5},
	    {BMFS_TWICE, {{"a", 1, 1, 5}, {"a", 2, 1, 6}, {"a~1", 3, 1, 7}}, 0, "a~2", 6},
	    {BMFS_OUTSIDE, {{"a", 0, 1, 5}, {"b", 2, 1, 6}}, 0, "b", 6},
	    {BMFS_OUTSIDE, {{"a", 32, 1, 5}, {"b", 2, 1, 6}}, 0, "b", 6},
	    {BMFS_OUTSIDE, {{"a", UINT64_MAX, UINT64_MAX, UINT64_MAX}, {"b", 2, 1, 6}}, 0, "b", 6},
	    {BMFS_CUT, {{"a", 30, 5, 8 << 20}, {"b", 2, 1, 6}}, 0, "a", 4 << 20},
	    {BMFS_CUT, {{"a", 1, UINT64_MAX, 5}}, 0, "a", 5},
	    {BMFS_OVERLAPS, {{"a", 1, 3, 5}, {"b", 3, 3, 6}}, 0, "b", 6},
	    {BMFS_OVERLAPS, {{"a", 1, 3, 5}, {"b", 1, 3, 6}, {"c", 2, 1, 7}}, 0, "c", 7},
	    {BMFS_OVERLAPS, {{"a", 1, 20, 5}, {"b", 1, 20, 6}}, 0, "b", 6}, /* less is reserved */
	    {BMFS_OVERLAPS, {{"a", 1, 30, 60 << 20}, {"b", 1, 30, 60 << 20}}, 1, NULL, 0},
	    /* No room for b, but for a, which lies in the last block as well. */
	    {BMFS_OVERLAPS, {{"a", 30, 2, 4 << 20}, {"b", 10, 21, 42 << 20}}, 0, "b", 42 << 20},
	    {BMFS_TOO_LONG, {{"a", 1, 1, 3 << 20}, {"b", 3, 1, 6}}, 0, "a", 3 << 20},
	    {BMFS_TOO_LONG, {{"a", 1, 1, 3 << 20}, {"b", 2, 1, 6}}, 0, "a", 2 << 20},
	    {BMFS_TOO_LONG, {{"a", 1, 1, UINT64_MAX}}, 0, "a", 2 << 20},
	    {BMFS_TOO_LONG, {{"a", 1, 0, 5}}, 0, "a", 5},
	    {BMFS_NO_BLOCK, {{"a", 0, 0, 0}, {"b", 2, 1, 6}}, 0, "a", 0},
	    {BMFS_IN_COPY, {{"a", 30, 2, 2 << 20}}, 0, "a", 2 << 20},
	    {BMFS_IN_COPY, {{"a", 31, 1, 5}}, 0, "a", 5},
	    {BMFS_IN_COPY, {{"a", 1, 31, UINT64_C(62) << 20}}, 0, "a", UINT64_C(62) << 20},
	};
	struct bmfs_file *file;

	for (unsigned i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		const struct damage *d = &damages[i];
		bool damage = bmfs_problem_is_damage(d->problem);
		unsigned failures_before = unit_failures;
		uint8_t byte = 1;

		sim_open(&sim, 64 * MIB, i % 2 ? 512 : 4096);
		CHECK(bmfs_format(&sim.disk, 0) == 0);
		for (unsigned r = 0; r < 3 && d->records[r].name; r++)
			record(r, d->records[r].name, d->records[r].start, d->records[r].reserved,
			       d->records[r].size);
		/* Mounted, it can be read, and is not written if it is damaged. */
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
		CHECK(damage == !!fs.damages);
		CHECK(damage || fs.notes);
		sim.writes = 0;
		for (unsigned r = 0; r < 64; r++) {
			file = bmfs_at(&fs, r);
			if (file && file->size)
				CHECK(bmfs_read(&fs, file, &byte, 1, file->size - 1) == 1);
		}
		if (damage) {
			CHECK(bmfs_create(&fs, "new", 3, 0, &file) == -BMFS_EDAMAGED);
			for (unsigned r = 0; r < 3; r++) {
				file = bmfs_at(&fs, r);
				if (file)
					CHECK(bmfs_write(&fs, file, &byte, 1, 0) == -BMFS_EDAMAGED);
			}
			CHECK(!sim.writes);
		} else {
			int error = bmfs_create(&fs, "new", 3, 0, &file);
			CHECK(!error || error == -BMFS_ENOSPC);
			if (!error)
				CHECK(bmfs_remove(&fs, file) == 0);
		}
		CHECK(bmfs_unmount(&fs) == 0);

		sim.writes = 0;
		int left = check(0);
		CHECK(!sim.writes);
		CHECK(findings[d->problem] && !repaired);
		CHECK(damage ? left > 0 : left == 0);
		CHECK(check(BMFS_REPAIR) == d->left);
		CHECK(findings[d->problem]);
		left = check(0);
		CHECK(left == d->left);
		if (!d->left && !(d->problem == BMFS_IN_COPY && d->records[0].reserved == 31))
			CHECK(!findings[d->problem]);
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !!fs.damages == !!d->left);
		if (d->then) {
			file = find(d->then);
			CHECK(file && file->size == d->then_size);
		}
		if (unit_failures > failures_before)
			fprintf(stderr, "in damage %u\n", i);
		sim_close(&sim);
	}
}

static void test_foreign(void)
{
	uint8_t bytes[64] = {0};
	struct bmfs_file *file;

	/* The last block left zero, and records behind the directory's end. */
	fresh(64 * MIB, 512);
	make("a", 0);
	CHECK(bmfs_unmount(&fs) == 0);
	sim_put(&sim, 62 * MIB + 1024, bytes, 8);
	sim_put(&sim, 62 * MIB + 4096, bytes, 64);
	record(2, "junk", 1, 1, 5);
	record(20, "junk", 1, 1, 5);
	CHECK(check(0) == 0 && findings[BMFS_COPY_ZERO] == 1 && findings[BMFS_JUNK] == 1);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
	CHECK(!find("junk"));
	make("b", 0);
	make("c", 0);
	make("d", 0);
	for (unsigned i = 0; i < 8; i++)
		make((char[]){(char)('e' + i), 0}, 0);
	CHECK(!find("junk"));
	CHECK(remount() == 0 && !find("junk") && !fs.damages && !fs.notes);
	CHECK(check(0) == 0 && !findings[BMFS_COPY_ZERO] && !findings[BMFS_COPY_DIFFERS]);

	/* Bytes that other tools keep in a record stay. */
	sim_get(&sim, 4096, bytes, 64);
	memcpy(bytes + 56, "others'", 8);
	sim_put(&sim, 4096, bytes, 64);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
	file = find("a");
	put(file, 100, 0, 1);
	CHECK(bmfs_sync(&fs, file) == 0);
	CHECK(give_name(file, "renamed") == 0);
	sim_get(&sim, 4096, bytes, 64);
	CHECK(!memcmp(bytes + 56, "others'", 8) && !strcmp((char *)bytes, "renamed"));

	/* The tag gone: the copy brings it back. */
	CHECK(bmfs_unmount(&fs) == 0);
	memset(bytes, 0xaa, sizeof(bytes));
	sim_put(&sim, 1024, bytes, 64);
	sim_put(&sim, 4096, bytes, 64);
	sim_put(&sim, 0, bytes, 64);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == -BMFS_ECOPY);
	CHECK(check(0) == 1 && findings[BMFS_NO_TAG]);
	CHECK(check(BMFS_REPAIR) == 0);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && has(find("renamed"), 100, 0, 1));
	sim_get(&sim, 0, bytes, 1);
	CHECK(bytes[0] == 0xaa); /* somebody's boot sector */
	CHECK(bmfs_unmount(&fs) == 0);
	CHECK(bmfs_format(&sim.disk, BMFS_KEEP_BOOT) == 0);
	sim_get(&sim, 0, bytes, 1);
	CHECK(bytes[0] == 0xaa);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !find("renamed"));
	CHECK(bmfs_format(&sim.disk, 0) == 0);
	sim_get(&sim, 0, bytes, 1);
	CHECK(bytes[0] == 0);
	sim_close(&sim);

	/* Version 2 of the format is something else. */
	fresh(64 * MIB, 512);
	bmfs_put64(bytes, 512);
	sim_put(&sim, 1024 + 8, bytes, 8);
	sim_put(&sim, 62 * MIB + 1024 + 8, bytes, 8);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == -BMFS_EFORMAT);
	sim_close(&sim);

	/* A disk that shrank: a file is cut, another is gone; and one that grew. */
	fresh(128 * MIB, 512);
	make("low", 4 * MIB);
	make("middle", 40 * MIB);
	make("high", 60 * MIB);
	CHECK(bmfs_unmount(&fs) == 0);
	sim.disk.sectors /= 4;
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && fs.damages == 2);
	CHECK(find("low") && find("middle") && !find("high"));
	CHECK(check(BMFS_REPAIR) == 0);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
	sim.disk.sectors *= 16;
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
	make("new", 300 * MIB);
	CHECK(bmfs_unmount(&fs) == 0);
	CHECK(check(0) == 0 && !findings[BMFS_COPY_DIFFERS]);
	sim_close(&sim);

	/* Random bytes. */
	for (unsigned round = 0; round < 200; round++) {
		uint64_t seed = round + 1;
		uint8_t noise[8192];

		sim_open(&sim, 64 * MIB, 512);
		for (unsigned i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)sim_random(&seed);
		if (round % 2)
			memcpy(noise + 1024, "BMFS\0\0\0\0\0\0\0\0\0\0\0", 16);
		sim_put(&sim, 0, noise, sizeof(noise));
		int error = bmfs_mount(&fs, &sim.disk, 0);
		CHECK(error == (round % 2 ? 0 : -BMFS_EFORMAT));
		CHECK(error || fs.damages || !bmfs_at(&fs, 0));
		if (!error) {
			CHECK(check(BMFS_REPAIR) == 0);
			CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
		}
		sim_close(&sim);
	}
}

/* Every call of the disk fails once: the error is told, and what was synced is there. */
static void test_failures(uint32_t sector_size, unsigned length)
{
	unsigned failures = 0;

	for (unsigned n = 1; n < 400; n++) {
		struct bmfs_file *a, *b, *c;
		int errors = 0;
		uint8_t *data = malloc(3 * MIB);

		fresh(48 * MIB, sector_size);
		a = make("a", 0);
		put(a, 3000, 0, 1);
		b = make("b", 0);
		for (unsigned i = 0; i < 12; i++)
			make((char[]){(char)('m' + i), 0}, 0);
		put(b, 3000, 0, 2);
		CHECK(bmfs_sync(&fs, a) == 0 && bmfs_sync(&fs, b) == 0);

		unsigned before = sim.calls;
		sim.fail_from = before + n;
		sim.fail_until = sim.fail_from + length;
		fill(data, 3 * MIB, 3);
#define TRY(call)                                                                                  \
	do {                                                                                       \
		long result = (call);                                                              \
		CHECK(result >= 0 || result == -BMFS_EIO);                                         \
		errors += result < 0;                                                              \
	} while (0)
		if (bmfs_create(&fs, "c", 1, 0, &c) == 0) {
			TRY(bmfs_write(&fs, c, data, 3 * MIB, 7));
			TRY(bmfs_sync(&fs, c));
			TRY(give_name(c, "m")); /* another sector, if they are small */
		} else {
			errors++;
		}
		TRY(bmfs_write(&fs, a, data, 3000, 3000));
		TRY(bmfs_sync(&fs, a));
		TRY(bmfs_remove(&fs, find("n")));
		TRY(bmfs_reserve(&fs, b, 10 * MIB));
		TRY(bmfs_sync(&fs, b));
		TRY(give_name(b, "b2"));
		TRY(bmfs_sync_all(&fs));
		if (sim.calls < sim.fail_from) {
			free(data);
			sim_close(&sim);
			CHECK(n > 20);
			break;
		}
		failures++;
		/* A failed read of the last block's copy harms nobody. */
		CHECK(errors || length == 1);
		/* The disk is well again. */
		sim.fail_from = 0;
		CHECK(bmfs_sync_all(&fs) == 0 || bmfs_sync_all(&fs) == 0);
		CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0 && !fs.damages);
		a = find("a");
		b = find("b") ? find("b") : find("b2");
		CHECK(a && has(a, 3000, 0, 1));
		CHECK(b && has(b, 3000, 0, 2));
		CHECK(!(find("b") && find("b2")));
		CHECK(find("m") && find("o"));
		CHECK(check(0) == 0);
		free(data);
		sim_close(&sim);
	}
	CHECK(failures > 20);
}

/* A flush that failed is told to each file once, and records are written again. */
static void test_lost_flush(void)
{
	struct bmfs_file *a, *b;

	fresh(64 * MIB, 512);
	a = make("a", 0);
	b = make("b", 0);
	put(a, 100, 0, 1);
	put(b, 100, 0, 2);
	CHECK(bmfs_sync_all(&fs) == 0);
	put(a, 100, 0, 3);
	put(b, 100, 0, 4);
	sim.fail_from = sim.calls + 1;
	sim.fail_until = sim.fail_from + 1;
	CHECK(bmfs_sync(&fs, a) == -BMFS_EIO);
	CHECK(bmfs_sync(&fs, a) == 0);
	CHECK(bmfs_sync(&fs, b) == -BMFS_EIO); /* its data may be what was lost */
	CHECK(bmfs_sync(&fs, b) == 0);
	CHECK(bmfs_sync_all(&fs) == -BMFS_EIO);
	CHECK(bmfs_sync_all(&fs) == 0);
	CHECK(bmfs_sync(&fs, make("c", 0)) == 0);
	sim_close(&sim);
}

int main(void)
{
	test_layout(512);
	test_layout(4096);
	test_sizes();
	test_names();
	test_contents(512);
	test_contents(1024);
	test_contents(4096);
	test_cost();
	test_growth();
	for (unsigned i = 1; i < 6; i++)
		test_random_space(i);
	test_pack();
	test_removed();
	test_read_only();
	test_damage();
	test_foreign();
	test_failures(512, 1);
	test_failures(512, 3);
	test_failures(512, 1000);
	test_failures(4096, 1);
	test_lost_flush();
	CHECK(!strcmp(bmfs_strerror(0), "success") && !strcmp(bmfs_strerror(5), "success"));
	CHECK(strstr(bmfs_strerror(-BMFS_ENOSPC), "room"));
	CHECK(!strcmp(bmfs_strerror(-1000), "unknown error"));
	return unit_status();
}
