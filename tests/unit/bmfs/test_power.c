/* SPDX-License-Identifier: MIT */
/*
 * The promise of libbmfs: random small workloads, cut at every write and flush.
 *
 * The disk's log says what was written when. For each place in it the disk is made as a power cut
 * may leave it: what was flushed is there; of what was not, each sector has any of the versions
 * that were written since, or none. It is mounted then, and must say of every file what was true
 * when it was synced last, or what was made true since; and of names, what was before a change or
 * after.
 *
 *     test_power [WORKLOADS [FIRST_SEED]]
 */
#include "../unit.h"
#include "sim_disk.h"

#define MIB       (UINT64_C(1) << 20)
#define FILES     64
#define OPS       48
#define CONTENT   6000u /* bytes of a file at most */
#define NAMES     8
#define RANDOMS   10   /* random states at each place */
#define BOUND_MAX 4096 /* sectors that are written between two flushes */

static struct sim_disk sim;
static struct bmfs fs;

/* What is true of one file after an operation. */
struct state {
	bool exists;
	char name[BMFS_NAME_SIZE];
	uint32_t size;
	uint8_t *content;
};

/* After each operation, the states of all files; and which events it made. */
static struct step {
	struct state states[FILES];
	unsigned before, after; /* events */
	int synced;             /* a file's number, -1: none, -2: all */
	int replaced, by;       /* rename over another file; or -1 */
	int cut;                /* a file that was made shorter, or -1, */
	uint32_t cut_to;
} steps[OPS + 2]; /* the last one may be two */
static unsigned step_count, file_count;
static struct bmfs_file *handles[FILES];
static uint64_t seed;

static unsigned below(unsigned limit)
{
	return sim_random(&seed) % limit;
}

/* ---- The workload ---- */

static uint8_t *contents[4 * OPS]; /* to be freed */
static unsigned content_count;

static void set_content(struct state *state, const uint8_t *content, uint32_t size)
{
	SIM_REQUIRE(content_count < sizeof(contents) / sizeof(*contents));
	contents[content_count] = malloc(size + 1);
	state->content = memcpy(contents[content_count++], content, size);
	state->size = size;
}

static struct step *begin_step(void)
{
	struct step *step = &steps[step_count], *last = step - 1;

	memset(step, 0, sizeof(*step));
	step->synced = step->replaced = step->by = step->cut = -1;
	if (step_count)
		memcpy(step->states, last->states, sizeof(step->states));
	step->before = sim.event_count;
	return step;
}

static void end_step(struct step *step)
{
	step->after = sim.event_count;
	step_count++;
}

/* A living file's number, or -1. */
static int some_file(void)
{
	unsigned start = file_count ? below(file_count) : 0;

	for (unsigned i = 0; i < file_count; i++)
		if (handles[(start + i) % file_count])
			return (int)((start + i) % file_count);
	return -1;
}

static int file_named(const char *name)
{
	for (unsigned i = 0; i < file_count; i++)
		if (handles[i] && !strcmp(bmfs_name(&fs, handles[i]), name))
			return (int)i;
	return -1;
}

/* The first 16 bytes of a file say which it is; the rest differs in each write. */
static uint8_t byte_of(unsigned file, unsigned offset, unsigned generation)
{
	static const char head[] = "file number ";

	if (offset < 12)
		return (uint8_t)head[offset];
	if (offset < 16)
		return (uint8_t)('0' + file / 8 % 8 * (offset == 12) + file % 8 * (offset == 13));
	return (uint8_t)(generation * 37 + offset * 11 + file * 3 + 1);
}

static void write_file(struct step *step, unsigned file, unsigned offset, unsigned size)
{
	struct state *state = &step->states[file];
	uint8_t content[CONTENT] = {0};
	uint32_t end;

	memcpy(content, state->content, state->size);
	for (unsigned i = offset; i < offset + size; i++)
		content[i] = byte_of(file, i, step_count);
	CHECK(bmfs_write(&fs, handles[file], content + offset, size, offset) == (long)size);
	end = offset + size > state->size ? offset + size : state->size;
	set_content(state, content, end);
}

static void do_step(void)
{
	struct step *step = begin_step();
	char name[BMFS_NAME_SIZE] = "";
	int file = some_file(), other;
	struct state *state;

	snprintf(name, sizeof(name), "n%u", below(NAMES));
	other = file_named(name);
	switch (file < 0 ? 0 : below(14)) {
	case 0:
	case 1:
		if (other >= 0 || file_count == FILES ||
		    bmfs_create(&fs, name, strlen(name), below(3) * 3 * MIB,
				&handles[file_count])) {
			handles[file_count] = NULL;
			break;
		}
		state = &step->states[file_count++];
		state->exists = true;
		strcpy(state->name, name);
		set_content(state, (const uint8_t *)"", 0);
		break;
	case 2:
	case 3:
	case 4: {
		unsigned have = step->states[file].size;
		unsigned at = have < 16 ? 0 : below(3) ? have : 16 + below(have);
		unsigned size = below(8) ? 1 + below(700) : 1 + below(3000);

		size = at < 16 && size < 16 ? 16 : size;
		if (at + size <= CONTENT)
			write_file(step, (unsigned)file, at, size);
		break;
	}
	case 5:
	case 6:
		CHECK(bmfs_sync(&fs, handles[file]) == 0);
		step->synced = file;
		break;
	case 7:
		CHECK(bmfs_sync_all(&fs) == 0);
		step->synced = -2;
		break;
	case 8:
	case 9:
		if (other == file)
			break;
		CHECK(bmfs_rename(&fs, handles[file], name, strlen(name)) == 0);
		strcpy(step->states[file].name, name);
		if (other >= 0) {
			step->states[other].exists = false;
			step->replaced = other;
			step->by = file;
			handles[other] = NULL;
		}
		break;
	case 10:
		CHECK(bmfs_remove(&fs, handles[file]) == 0);
		step->states[file].exists = false;
		handles[file] = NULL;
		break;
	case 11:
	case 12: {
		uint8_t content[CONTENT] = {0};
		unsigned size;

		state = &step->states[file];
		if (state->size < 16)
			break;
		size = 16 + below(below(3) ? state->size : 3000);
		if (size < state->size) {
			step->cut = file;
			step->cut_to = size;
		}
		CHECK(bmfs_resize(&fs, handles[file], size) == 0);
		if (below(3) == 0) { /* closed: a record that is not flushed */
			bmfs_hold(handles[file]);
			CHECK(bmfs_release(&fs, handles[file]) == 0);
		}
		memcpy(content, state->content, size < state->size ? size : state->size);
		set_content(state, content, size);
		if (!below(2) || size + 300 > CONTENT)
			break;
		end_step(step);
		step = begin_step();
		write_file(step, (unsigned)file, size, 1 + below(300));
		break;
	}
	default:
		/* Growing past its neighbours moves this file, or them. */
		if (bmfs_reserve(&fs, handles[file], below(5) * 5 * MIB) && 0)
			break;
	}
	end_step(step);
}

/* ---- A power cut ---- */

/* What a sector may have become since it was last flushed. */
struct bound {
	uint64_t sector;
	unsigned count;
	const uint8_t *versions[24];
};
static struct bound bounds[BOUND_MAX];
static unsigned bound_count;
static struct sim_disk flushed, crashed;
static unsigned states_seen, cuts;

static struct bound *bound_of(uint64_t sector)
{
	for (unsigned i = 0; i < bound_count; i++)
		if (bounds[i].sector == sector)
			return &bounds[i];
	SIM_REQUIRE(bound_count < BOUND_MAX);
	bounds[bound_count] = (struct bound){.sector = sector};
	return &bounds[bound_count++];
}

static void settle(uint64_t sector, const uint8_t *data)
{
	struct bound *bound = bound_of(sector);

	sim_put(&flushed, sector * flushed.disk.sector_size, data, flushed.disk.sector_size);
	bound->count = 0;
}

/* An event has been carried out. */
static void carry_out(const struct sim_event *event)
{
	uint32_t size = flushed.disk.sector_size;

	if (event->kind == SIM_FLUSH) {
		for (unsigned i = 0; i < bound_count; i++)
			if (bounds[i].count)
				sim_put(&flushed, bounds[i].sector * size,
					bounds[i].versions[bounds[i].count - 1], size);
		bound_count = 0;
	}
	for (uint64_t i = 0; i < event->count; i++) {
		if (event->kind == SIM_DURABLE) {
			settle(event->sector + i, event->data + i * size);
		} else {
			struct bound *bound = bound_of(event->sector + i);

			if (bound->count == 24) { /* some are as good as all */
				memmove(bound->versions, bound->versions + 1,
					23 * sizeof(*bound->versions));
				bound->count--;
			}
			bound->versions[bound->count++] = event->data + i * size;
		}
	}
}

static void fail(unsigned cut, const char *what, unsigned file)
{
	unit_failures++;
	fprintf(stderr, "cut at event %u of %u: file %u: %s\n", cut, sim.event_count, file, what);
}

/* Which file a content belongs to, or -1. */
static int identify(const uint8_t *content, size_t size)
{
	if (size < 16 || memcmp(content, "file number ", 12))
		return -1;
	return (content[12] - '0') * 8 + (content[13] - '0');
}

struct seen {
	bool there;
	char name[BMFS_NAME_SIZE];
};

static bool was(unsigned file, unsigned from, unsigned to, unsigned at, uint8_t byte)
{
	for (unsigned i = from; i <= to; i++) {
		const struct state *state = &steps[i].states[file];

		if (state->exists && at < state->size && state->content[at] == byte)
			return true;
	}
	return false;
}

/* Where a file was cut, it has what was there before or what came after, never a mixture. */
static void check_cut(unsigned cut, unsigned file, unsigned from, unsigned to,
		      const uint8_t *content, uint64_t size)
{
	for (unsigned k = from + 1; k <= to; k++) {
		bool before = false, after = false;

		if (steps[k].cut != (int)file)
			continue;
		for (unsigned o = steps[k].cut_to; o < size; o++) {
			before |= !was(file, k, to, o, content[o]);
			after |= !was(file, from, k - 1, o, content[o]);
		}
		if (before && after)
			fail(cut, "has bytes from before it was cut beside later ones", file);
	}
}

static void check_content(unsigned cut, unsigned file, unsigned from, unsigned to,
			  const uint8_t *content, uint64_t size)
{
	bool size_good = false;

	for (unsigned i = from; i <= to; i++)
		size_good |= steps[i].states[file].exists && steps[i].states[file].size == size;
	if (!size_good)
		fail(cut, "has a size that it never had since it was synced", file);
	for (unsigned o = 0; o < size; o++) {
		if (!was(file, from, to, o, content[o])) {
			fail(cut, "has a byte that was not written to it", file);
			return;
		}
	}
	check_cut(cut, file, from, to, content, size);
}

static unsigned from[FILES]; /* the step in which a file was synced last, or 0 */

static bool must_exist(unsigned file, unsigned begun)
{
	for (unsigned i = from[file]; i <= begun; i++)
		if (!steps[i].states[file].exists)
			return false;
	return true;
}

/*
 * Empty files do not say which they are. Each must be one that may be empty and had that name, no
 * two the same; and those that must exist must be among them: two matchings, and then there is
 * one that is both.
 */
static struct empties {
	unsigned count;
	const char *names[BMFS_RECORDS];
	int of_name[BMFS_RECORDS], of_file[FILES]; /* the matching; -1: none */
	bool tried[BMFS_RECORDS > FILES ? BMFS_RECORDS : FILES];
} empties;

static bool may_be(unsigned file, const char *name, unsigned begun, const struct seen *seen)
{
	if (seen[file].there || steps[from[file]].states[file].size)
		return false;
	for (unsigned i = from[file]; i <= begun; i++)
		if (steps[i].states[file].exists && !strcmp(steps[i].states[file].name, name))
			return true;
	return false;
}

static bool match_name(unsigned n, unsigned begun, const struct seen *seen)
{
	for (unsigned f = 0; f < file_count; f++) {
		if (empties.tried[f] || !may_be(f, empties.names[n], begun, seen))
			continue;
		empties.tried[f] = true;
		if (empties.of_file[f] < 0 ||
		    match_name((unsigned)empties.of_file[f], begun, seen)) {
			empties.of_file[f] = (int)n;
			return true;
		}
	}
	return false;
}

static bool match_file(unsigned f, unsigned begun, const struct seen *seen)
{
	for (unsigned n = 0; n < empties.count; n++) {
		if (empties.tried[n] || !may_be(f, empties.names[n], begun, seen))
			continue;
		empties.tried[n] = true;
		if (empties.of_name[n] < 0 ||
		    match_file((unsigned)empties.of_name[n], begun, seen)) {
			empties.of_name[n] = (int)f;
			return true;
		}
	}
	return false;
}

static void check_empties(unsigned cut, unsigned begun, const struct seen *seen)
{
	memset(empties.of_file, -1, sizeof(empties.of_file));
	memset(empties.of_name, -1, sizeof(empties.of_name));
	for (unsigned n = 0; n < empties.count; n++) {
		memset(empties.tried, 0, sizeof(empties.tried));
		if (!match_name(n, begun, seen))
			fail(cut, "is empty, and no file that was ever there", n);
	}
	for (unsigned f = 0; f < file_count; f++) {
		memset(empties.tried, 0, sizeof(empties.tried));
		if (!seen[f].there && must_exist(f, begun) && !match_file(f, begun, seen))
			fail(cut, "was synced, and is gone", f);
	}
}

/* Look at the crashed disk. `done`: steps that are complete; `begun`: the last one begun. */
static void examine(unsigned cut, unsigned done, unsigned begun)
{
	struct seen seen[FILES] = {0};
	uint8_t content[CONTENT + 1];
	struct bmfs_file *file;
	int error = bmfs_mount(&fs, &crashed.disk, 0);

	states_seen++;
	unit_checks++;
	if (error || fs.damages) {
		fail(cut, error ? bmfs_strerror(error) : "damaged", 999);
		return;
	}
	for (unsigned f = 0; f < file_count; f++) {
		from[f] = 0;
		for (unsigned i = 0; i < done; i++)
			if (steps[i].synced == (int)f || steps[i].synced == -2)
				from[f] = i;
	}
	empties.count = 0;
	for (unsigned r = 0; r < BMFS_RECORDS; r++) {
		const char *name;
		long size;
		int id;

		file = bmfs_at(&fs, r);
		name = file ? bmfs_name(&fs, file) : "";
		if (name[0] != 'n')
			continue;
		size = bmfs_read(&fs, file, content, sizeof(content), 0);
		if (size == 0) {
			empties.names[empties.count++] = name;
			continue;
		}
		id = size > 0 && size <= (long)CONTENT ? identify(content, (size_t)size) : -1;
		if (id < 0 || id >= (int)file_count) {
			fail(cut, "has the contents of no file", r);
			continue;
		}
		if (seen[id].there)
			fail(cut, "is there twice", (unsigned)id);
		seen[id].there = true;
		strcpy(seen[id].name, name);
		check_content(cut, (unsigned)id, from[id], begun, content, (uint64_t)size);
	}
	check_empties(cut, begun, seen);
	for (unsigned f = 0; f < file_count; f++) {
		bool good = !seen[f].there;

		for (unsigned i = from[f]; i <= begun; i++)
			good |= steps[i].states[f].exists &&
				!strcmp(steps[i].states[f].name, seen[f].name);
		if (!good)
			fail(cut, "has a name that it never had since it was synced", f);
	}
	/* A file that was replaced goes in the moment in which the other takes its name. */
	for (unsigned i = 1; i <= begun; i++) {
		int old = steps[i].replaced, new = steps[i].by;
		bool good = false;

		if (old < 0 || seen[old].there || !steps[from[old]].states[old].size ||
		    !steps[from[old]].states[old].exists || from[old] >= i)
			continue;
		for (unsigned j = i; j <= begun; j++) {
			const struct state *state = &steps[j].states[new];

			good |= !state->exists;
			good |= seen[new].there && !strcmp(state->name, seen[new].name);
			for (unsigned n = 0; n < empties.count && !seen[new].there; n++)
				good |= !strcmp(state->name, empties.names[n]);
		}
		if (!good)
			fail(cut, "was replaced, but the other has not its name", (unsigned)old);
	}
	/* And it can be used: what is reserved now takes nothing from what is there. */
	if (states_seen % 8 == 0) {
		uint8_t noise[3000];

		memset(noise, 0xa5, sizeof(noise));
		for (unsigned i = 0; i < 3; i++) {
			char name[] = {'p', (char)('0' + i), 0};

			if (bmfs_create(&fs, name, 2, 5 * MIB, &file))
				break;
			CHECK(bmfs_write(&fs, file, noise, 3000, 0) == 3000);
		}
		CHECK(bmfs_unmount(&fs) == 0);
		CHECK(bmfs_check(&crashed.disk, 0, NULL, NULL) == 0);
		CHECK(bmfs_mount(&fs, &crashed.disk, 0) == 0 && !fs.damages);
		for (unsigned f = 0; f < file_count; f++) {
			if (!seen[f].there)
				continue;
			file = bmfs_find(&fs, seen[f].name, strlen(seen[f].name));
			long size = file ? bmfs_read(&fs, file, content, sizeof(content), 0) : -1;
			CHECK(size == 0 || identify(content, (size_t)size) == (int)f);
			if (size > 0)
				check_content(cut, f, from[f], begun, content, (uint64_t)size);
		}
	}
}

/* The disk with one choice for each sector: 0 is what was flushed, n its nth version. */
static void crash(unsigned cut, unsigned done, unsigned begun, const uint8_t *choices)
{
	uint32_t size = flushed.disk.sector_size;

	for (unsigned i = 0; i < bound_count; i++)
		if (choices[i])
			sim_put(&crashed, bounds[i].sector * size,
				bounds[i].versions[choices[i] - 1], size);
	examine(cut, done, begun);
	sim_drop_pages(&crashed);
}

static bool is_directory(uint64_t sector)
{
	uint64_t byte = sector * flushed.disk.sector_size;

	return byte >= BMFS_DIRECTORY_AT && byte < BMFS_HEAD_SIZE;
}

/* All states of the directory's sectors if they are few, each with data old, new and mixed. */
static void crash_directory(unsigned cut, unsigned done, unsigned begun)
{
	static uint8_t choices[BOUND_MAX];
	unsigned product = 1;

	for (unsigned i = 0; i < bound_count; i++)
		if (is_directory(bounds[i].sector) && product <= 64)
			product *= bounds[i].count + 1;
	if (product > 64)
		product = 64; /* some of them */
	for (unsigned n = 0; n < product; n++) {
		unsigned rest = n;

		for (unsigned i = 0; i < bound_count; i++) {
			unsigned count = bounds[i].count;

			if (is_directory(bounds[i].sector)) {
				choices[i] = (uint8_t)(rest % (count + 1));
				rest /= count + 1;
			} else {
				choices[i] = (uint8_t)(n % 3 == 0   ? 0
						       : n % 3 == 1 ? count
								    : below(count + 1));
			}
		}
		crash(cut, done, begun, choices);
	}
}

static void cut_at(unsigned cut)
{
	static uint8_t choices[BOUND_MAX];
	unsigned done = 0, begun = 0, kept = bound_count;

	/* The event before the cut is under way: it may have happened, or a part of it. */
	while (done < step_count && steps[done].after + 1 <= cut)
		done++;
	while (begun + 1 < step_count && steps[begun + 1].before < cut)
		begun++;
	if (cut && sim.events[cut - 1].kind != SIM_FLUSH) {
		struct sim_event under_way = sim.events[cut - 1];

		under_way.kind = SIM_WRITE;
		carry_out(&under_way);
	}
	cuts++;
	memset(choices, 0, sizeof(choices));
	crash(cut, done, begun, choices);
	for (unsigned i = 0; i < bound_count; i++)
		choices[i] = (uint8_t)bounds[i].count;
	crash(cut, done, begun, choices);
	crash_directory(cut, done, begun);
	for (unsigned n = 0; n < RANDOMS && bound_count; n++) {
		for (unsigned i = 0; i < bound_count; i++)
			choices[i] = (uint8_t)below(bounds[i].count + 1);
		crash(cut, done, begun, choices);
	}
	/* Take it back: it is carried out for good by the caller. */
	if (cut && sim.events[cut - 1].kind != SIM_FLUSH) {
		for (uint64_t i = 0; i < sim.events[cut - 1].count; i++)
			bound_of(sim.events[cut - 1].sector + i)->count--;
		bound_count = kept;
	}
}

static void run(uint64_t number, uint32_t sector_size)
{
	struct bmfs_file *file;
	unsigned failures = unit_failures;

	seed = number * 977 + 5;
	sim_open(&sim, 64 * MIB, sector_size);
	sim_open(&flushed, 64 * MIB, sector_size);
	sim_open(&crashed, 64 * MIB, sector_size);
	crashed.below = &flushed;
	bound_count = step_count = file_count = 0;
	memset(handles, 0, sizeof(handles));
	CHECK(bmfs_format(&sim.disk, 0) == 0);
	CHECK(bmfs_mount(&fs, &sim.disk, 0) == 0);
	/* Others between, so that records lie in several sectors. */
	for (unsigned i = 0; i < 20; i++) {
		char name[8];

		snprintf(name, sizeof(name), "x%u", i);
		CHECK(bmfs_create(&fs, name, strlen(name), 0, &file) == 0);
	}
	for (unsigned i = 0; i < 20; i++) {
		char name[8];

		snprintf(name, sizeof(name), "x%u", i);
		if (i % 4 == 0 || below(8) == 0)
			CHECK(bmfs_remove(&fs, bmfs_find(&fs, name, strlen(name))) == 0);
	}
	CHECK(bmfs_sync_all(&fs) == 0);
	for (unsigned i = 0; i < SIM_BUCKETS; i++)
		for (struct sim_page *page = sim.buckets[i]; page; page = page->next)
			sim_put(&flushed, page->number * SIM_PAGE, page->data, SIM_PAGE);

	sim.logging = true;
	end_step(begin_step());
	while (step_count < OPS)
		do_step();

	for (unsigned cut = 0; cut <= sim.event_count; cut++) {
		cut_at(cut);
		if (cut && cut <= sim.event_count)
			carry_out(&sim.events[cut - 1]);
		if (unit_failures > failures + 10)
			break;
	}
	if (unit_failures > failures)
		fprintf(stderr, "in workload %u, sectors of %u bytes\n", (unsigned)number,
			sector_size);
	while (content_count)
		free(contents[--content_count]);
	crashed.below = NULL;
	sim_close(&crashed);
	sim_close(&flushed);
	sim_close(&sim);
}

int main(int argc, char **argv)
{
	unsigned workloads = argc > 1 ? (unsigned)atoi(argv[1]) : 40;
	unsigned first = argc > 2 ? (unsigned)atoi(argv[2]) : 1;

	for (unsigned i = 0; i < workloads; i++)
		run(first + i, (first + i) % 4 == 0 ? 4096 : (first + i) % 7 == 0 ? 1024 : 512);
	printf("%u power cuts, %u states of the disk\n", cuts, states_seen);
	CHECK(cuts > 20 * workloads);
	return unit_status();
}
