/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a BMFS disk of any content, looked at, mended and used. Input: 1 byte of options,
 * the tag's presence among them; operations, up to a zero byte; then what stands at byte 4096 of
 * the disk, and behind that what stands in its last block. Whatever comes, no transfer leaves the
 * disk, a file that is written changes no other, and what was mended has no damage. Needs:
 * sdk/libbmfs.
 */
#define SIM_BUCKETS 64u
#include "../unit/bmfs/sim_disk.h"

#define MIB (BMFS_BLOCK / 2) /* as if blocks were of 2 MiB; they are smaller here */

static struct sim_disk sim;
static struct bmfs fs;

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "not %s\n", #condition);                                   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void ignore(void *context, const struct bmfs_finding *finding)
{
	REQUIRE(strlen(finding->name) <= 32);
	*(unsigned *)context += !finding->action && bmfs_problem_is_damage(finding->problem);
}

/* All that can be read is read, at its ends. */
static void read_all(void)
{
	uint8_t data[700];

	for (unsigned i = 0; i < BMFS_RECORDS; i++) {
		struct bmfs_file *file = bmfs_at(&fs, i);
		long n;

		if (!file)
			continue;
		REQUIRE(strlen(bmfs_name(&fs, file)) < BMFS_NAME_SIZE);
		REQUIRE(!file->reserved || (file->start && file->start < fs.blocks));
		REQUIRE(file->size <= file->reserved * BMFS_BLOCK);
		n = bmfs_read(&fs, file, data, sizeof(data),
			      file->size > 100 ? file->size - 100 : 0);
		REQUIRE(n == (long)(file->size < 100 ? file->size : 100) || n < 0);
	}
}

/* No two files have a block in common, when it is sound. */
static void check_apart(void)
{
	const struct bmfs_file *used[BMFS_FILES];
	unsigned count = 0;

	for (unsigned i = 0; i < BMFS_FILES; i++)
		if (fs.files[i].used && fs.files[i].reserved)
			used[count++] = &fs.files[i];
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			REQUIRE(used[i]->start >= used[j]->start + used[j]->reserved ||
				used[j]->start >= used[i]->start + used[i]->reserved);
}

static void operate(const uint8_t *operations, size_t count)
{
	static uint8_t data[3 * MIB];
	struct bmfs_file *held = NULL;
	char name[] = "name 0";

	for (size_t i = 0; i + 1 < count; i += 2) {
		struct bmfs_file *file = bmfs_at(&fs, operations[i + 1] % 64);
		unsigned amount = operations[i + 1] / 16;
		int error = 0;

		name[5] = (char)('0' + operations[i + 1] % 8);
		switch (operations[i] % 10) {
		case 1:
			error = bmfs_create(&fs, name, 6, amount * MIB, &file);
			break;
		case 2:
			error = file ? bmfs_remove(&fs, file) : 0;
			break;
		case 3:
			error = file ? bmfs_rename(&fs, file, name, 6) : 0;
			break;
		case 4:
			error = file ? (int)bmfs_write(&fs, file, data, MIB / 100 * amount * amount,
						       file->size > 3 * MIB ? 100 : file->size)
				     : 0;
			break;
		case 5:
			error = file ? bmfs_reserve(&fs, file, amount * 3 * MIB) : 0;
			break;
		case 6:
			error = file ? bmfs_resize(&fs, file, amount * (MIB / 10)) : 0;
			break;
		case 7:
			error = file ? bmfs_sync(&fs, file) : bmfs_sync_all(&fs);
			break;
		case 8:
			if (held)
				bmfs_release(&fs, held);
			held = file;
			if (held)
				bmfs_hold(held);
			break;
		default:
			sim.fail_from = sim.calls + amount + 1;
			sim.fail_until = sim.fail_from + 1;
		}
		REQUIRE(strcmp(bmfs_strerror(error), "unknown error"));
	}
	if (!fs.damages)
		check_apart();
	if (held)
		bmfs_release(&fs, held);
	sim.fail_from = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t options = size ? data[0] : 0;
	const uint8_t *end, *operations = data + 1;
	size_t count, part;
	unsigned left = 0;
	int error, damages;

	if (!size)
		return 0;
	size--;
	end = memchr(operations, 0, size);
	count = end ? (size_t)(end - operations) : size;
	data = operations + count + (end != NULL);
	size -= count + (end != NULL);

	sim_open(&sim, (options & 8 ? 32 : 70) * MIB, options & 1 ? 4096 : 512);
	sim.disk.ops = &sim_zero_ops;
	if (!(options & 2))
		sim_put(&sim, 1024, "BMFS\0\0\0\0\0\0\0\0\0\0\0", 16);
	part = size < 4096 ? size : 4096;
	sim_put(&sim, 4096, data, part);
	if (options & 4)
		sim_put(&sim,
			(sim.disk.sectors * sim.disk.sector_size / (2 * MIB) - 1) * 2 * MIB + 1024,
			"BMFS\0\0\0\0\0\0\0\0\0\0\0", 16);
	sim_put(&sim, (sim.disk.sectors * sim.disk.sector_size / (2 * MIB) - 1) * 2 * MIB + 4096,
		data + part, size - part < 4096 ? size - part : 4096);

	damages = bmfs_check(&sim.disk, 0, ignore, &left);
	REQUIRE(damages < 0 || (unsigned)damages == left);
	if (!bmfs_mount(&fs, &sim.disk, options & 16 ? BMFS_READ_ONLY : 0)) {
		read_all();
		if (options & 32)
			operate(operations, count);
		bmfs_unmount(&fs);
		bmfs_unmount(&fs); /* an error from before is told once */
	}
	left = 0;
	damages = bmfs_check(&sim.disk, BMFS_REPAIR, ignore, &left);
	REQUIRE(damages < 0 || (unsigned)damages == left);
	error = bmfs_mount(&fs, &sim.disk, 0);
	REQUIRE(!error == (damages >= 0));
	if (!error) {
		REQUIRE(!fs.damages == !damages);
		read_all();
		if (!fs.damages)
			check_apart();
		operate(operations, count);
		read_all();
		bmfs_unmount(&fs);
		if (!damages)
			REQUIRE(bmfs_check(&sim.disk, 0, NULL, NULL) == 0);
	}
	sim_close(&sim);
	return 0;
}
