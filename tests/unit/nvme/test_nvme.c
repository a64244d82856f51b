/* SPDX-License-Identifier: MIT */
/*
 * The NVM Express driver on a simulated controller that answers late, twice, never, out of order,
 * or with nonsense. The driver's file is part of this one, for its table of operations.
 */
#include "controller.h"
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "../../../drivers/block/nvme.c"

unsigned checks, failures;

static struct bm_device device;
static uint16_t vendor, device_id; /* as PCI tells them */

/* ---- Doing requests as the front end would ---- */

#define PIECES 256
static uint8_t *pages; /* PIECES pages, in an order that is not theirs */

static uint64_t random_state = 88172645463325252;
static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static int begin(void)
{
	memset(&device, 0, sizeof device);
	strcpy(device.name, "pci 00:04.0");
	device.vendor = vendor;
	device.device = device_id;
	return probe(&device);
}

static const struct sim_device *disk(int n)
{
	CHECK(n < sim.device_count);
	return &sim.devices[n];
}

static void *state_of(int n)
{
	return disk(n)->driver.state;
}

/* The id of the first queue of a device: those before have the lower ones. */
static uint32_t first_queue(int n)
{
	return ((struct nvme_namespace *)state_of(n))->queues[0]->id;
}

static void submit(int n, uint32_t queue, uint16_t tag, uint8_t operation, uint8_t flags,
		   uint64_t sector, uint32_t sectors, const struct bm_block_run *runs,
		   uint32_t run_count)
{
	const struct bm_block_driver *d = &disk(n)->driver;
	struct bm_block_command command = {
	    .operation = operation,
	    .flags = flags,
	    .tag = tag,
	    .sector = sector,
	    .sectors = sectors,
	    .bytes = run_count ? sectors * d->sector_size : 0,
	    .run_count = run_count,
	    .runs = runs,
	};
	CHECK(!sim.devices[n].in_use[queue][tag]);
	sim.devices[n].in_use[queue][tag] = true;
	sim.devices[n].status[queue][tag] = 1;
	CHECK(d->ops->start(d->state, queue, &command) == 0);
}

static void do_poll(int n, uint32_t queue)
{
	disk(n)->driver.ops->poll(state_of(n), queue);
}

/* Submit one, let the controller do it, see its status. */
static int run(int n, uint32_t queue, uint8_t operation, uint8_t flags, uint64_t sector,
	       uint32_t sectors, const struct bm_block_run *runs, uint32_t run_count)
{
	uint16_t tag = next_random() % disk(n)->driver.depth;
	submit(n, queue, tag, operation, flags, sector, sectors, runs, run_count);
	disk(n)->driver.ops->kick(state_of(n), queue);
	CHECK(sim.held_count == 1);
	if (sim.held_count)
		sim_do(0);
	do_poll(n, queue);
	CHECK(!disk(n)->in_use[queue][tag]);
	return disk(n)->status[queue][tag];
}

/* A read of one sector into the first page. */
static struct bm_block_run one(int n)
{
	return (struct bm_block_run){sim_phys(pages), disk(n)->driver.sector_size, 0};
}

static void read_one(int n, uint32_t queue, uint16_t tag)
{
	struct bm_block_run run = one(n);
	submit(n, queue, tag, BM_BLOCK_READ, 0, tag, 1, &run, 1);
}

static void kick_it(int n, uint32_t queue)
{
	disk(n)->driver.ops->kick(state_of(n), queue);
}

/* ---- What works ---- */

static void test_found(void)
{
	sim_begin();
	sim.cores = 4;
	CHECK(begin() == 0);
	CHECK(sim.device_count == 2 && sim.master && sim.warnings == 0);
	for (int i = 0; i < 2; i++) {
		const struct bm_block_driver *d = &disk(i)->driver;
		CHECK(d->sector_size == (i ? 4096 : 512));
		CHECK(d->sectors == SIM_DISK / d->sector_size);
		CHECK(d->queues == 4 && d->depth == 64 && d->max_bytes == 512 << 10);
		CHECK(d->gap_mask == 4095 && d->device == &device && !strcmp(d->name, "nvme"));
		CHECK(d->flags == (BM_BLOCK_HAS_FUA | BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_DISCARD));
		CHECK(!strcmp(disk(i)->model, "A simulated controller                  "));
		CHECK(!strcmp(disk(i)->serial, "  SERIAL 0123456789 "));
		CHECK(!strcmp(disk(i)->firmware, "1.0     "));
	}
	CHECK(sim.vectors == 8 && sim.created == 8);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(sim.msix_control[i] == NVME_MSIX_MASKED && sim.queues[i + 1].vector == i);
	sim_end();
}

/* QEMU's controllers do not heed FUA: the block layer is to have a flush follow. */
static void test_no_fua(void)
{
	static const uint16_t ids[][2] = {{0x1b36, 0x0010}, {0x8086, 0x5845}};

	for (int i = 0; i < 2; i++) {
		sim_begin();
		vendor = ids[i][0];
		device_id = ids[i][1];
		CHECK(begin() == 0);
		CHECK(disk(0)->driver.flags == (BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_DISCARD));
		sim_end();
	}
	vendor = device_id = 0;
}

/* Data of every shape that the contract allows, compared byte by byte. */
static void transfer(int n, uint32_t most)
{
	struct bm_block_run runs[256];
	const struct bm_block_driver *d = &disk(n)->driver;
	uint32_t size = d->sector_size;
	uint64_t bytes = (1 + next_random() % (most / size)) * size, left = bytes;
	uint64_t sector = next_random() % (d->sectors - bytes / size + 1);
	bool write = next_random() & 1;
	uint8_t *flat = malloc(bytes), *at = sim.disks[n] + sector * size;
	uint32_t count = 0, free_pages = PIECES;
	uint64_t offset = next_random() % 4 ? 4 * (next_random() % 1024) : 0;
	int status;

	/* The first run may begin anywhere; all others at pages, and all but the last end at one.
	 */
	for (uint64_t done = 0; left; done += runs[count++].bytes) {
		uint32_t length = 1 + next_random() % 8;
		length = length < free_pages ? length : free_pages;
		CHECK(length > 0);
		free_pages -= length;
		uint8_t *memory = pages + free_pages * 4096ul + offset;
		uint64_t part = length * 4096ul - offset;
		part = part < left ? part : left;
		runs[count] = (struct bm_block_run){sim_phys(memory), (uint32_t)part, 0};
		for (uint64_t i = 0; i < part; i++)
			memory[i] = flat[done + i] = (uint8_t)next_random();
		left -= part;
		offset = 0;
	}
	if (!write)
		memcpy(flat, at, bytes);
	status =
	    run(n, next_random() % d->queues, write ? BM_BLOCK_WRITE : BM_BLOCK_READ,
		write && next_random() & 1 ? BM_BLOCK_FUA : 0, sector, bytes / size, runs, count);
	CHECK(status == 0);
	if (write)
		CHECK(!memcmp(at, flat, bytes));
	for (uint32_t i = 0, done = 0; i < count; done += runs[i++].bytes)
		CHECK(!memcmp(sim_memory(runs[i].phys), flat + done, runs[i].bytes));
	free(flat);
}

static void test_transfers(void)
{
	for (int mdts = 0; mdts < 10; mdts++) {
		sim_begin();
		sim_fill();
		sim.cores = 3;
		sim.controller[NVME_CTRL_MDTS] = mdts;
		CHECK(begin() == 0);
		uint32_t most = disk(0)->driver.max_bytes;
		CHECK(most == (mdts && mdts < 8 ? 4096u << mdts : 1u << 20));
		/* As many pages as there are; what begins within one needs one more. */
		most = most < (PIECES - 1) * 4096 ? most : (PIECES - 1) * 4096;
		for (int i = 0; i < 60; i++)
			transfer(i % 2, most);
		sim_end();
	}
}

/* A megabyte that begins within a page has 257 of them: the longest list. */
static void test_longest(void)
{
	sim_begin();
	sim_fill();
	sim.controller[NVME_CTRL_MDTS] = 0;
	CHECK(begin() == 0);
	uint8_t *memory = aligned_alloc(4096, (1 << 20) + 4096);
	struct bm_block_run whole = {sim_phys(memory + 4092), 1 << 20, 0};
	for (int i = 0; i < 64; i++) {
		memset(memory, 0, (1 << 20) + 4096);
		CHECK(run(0, 0, BM_BLOCK_READ, 0, 2048, 2048, &whole, 1) == 0);
		CHECK(!memcmp(memory + 4092, sim.disks[0] + (1 << 20), 1 << 20));
		CHECK(memory[4091] == 0 && memory[4092 + (1 << 20)] == 0);
	}
	free(memory);
	sim_end();
}

static void test_commands(void)
{
	struct bm_block_run first;
	sim_begin();
	sim_fill();
	CHECK(begin() == 0);
	for (int n = 0; n < 2; n++) {
		uint32_t size = disk(n)->driver.sector_size;
		first = one(n);
		/* What was in an entry of the ring before must not show. */
		for (int i = 0; i < 130; i++)
			CHECK(run(n, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
		CHECK(run(n, 0, BM_BLOCK_FLUSH, 0, 0, 0, NULL, 0) == 0);
		CHECK(run(n, 0, BM_BLOCK_DISCARD, 0, 3, 5, NULL, 0) == 0);
		for (uint32_t i = 3 * size; i < 8 * size; i++)
			CHECK(sim.disks[n][i] == 0);
		CHECK(sim.disks[n][3 * size - 1] | sim.disks[n][3 * size - 2]);
		CHECK(run(n, 0, BM_BLOCK_READ, 0, 7, 1, &first, 1) == 0);
	}
	first = one(0);
	submit(0, 0, 5, BM_BLOCK_WRITE, BM_BLOCK_FUA, 9, 1, &first, 1);
	kick_it(0, 0);
	CHECK(sim.held[0].command.cdw12 == NVME_CDW12_FUA && sim.held[0].command.cdw10 == 9);
	sim_do(0);
	do_poll(0, 0);
	sim_end();

	/* Discard by write zeroes, at most 65,536 blocks; and none at all. */
	sim_begin();
	sim.controller[NVME_CTRL_ONCS] = NVME_CTRL_ONCS_ZEROES;
	sim.namespaces[0][NVME_NS_DLFEAT] = NVME_NS_DLFEAT_DEALLOCATE;
	sim_fill();
	CHECK(begin() == 0);
	CHECK(disk(0)->driver.flags & BM_BLOCK_HAS_DISCARD && disk(0)->driver.max_discard == 65536);
	CHECK(!(disk(1)->driver.flags & BM_BLOCK_HAS_DISCARD));
	submit(0, 0, 0, BM_BLOCK_DISCARD, 0, 8, 16, NULL, 0);
	kick_it(0, 0);
	CHECK(sim.held[0].command.cdw12 == (NVME_CDW12_DEALLOCATE | 15));
	sim_do(0);
	do_poll(0, 0);
	CHECK(disk(0)->status[0][0] == 0 && sim.disks[0][8 * 512] == 0);
	sim_end();

	/* Write cache: none; there but off; does not tell. Write protection. */
	for (int i = 0; i < 4; i++) {
		sim_begin();
		sim.controller[NVME_CTRL_VWC] = i != 0;
		sim.write_cache = i != 1;
		if (i == 2)
			sim.answers[NVME_ADMIN_GET_FEATURES] = SIM_REFUSE;
		if (i == 3)
			sim.namespaces[0][NVME_NS_ATTRIBUTES] = NVME_NS_ATTRIBUTES_PROTECTED;
		CHECK(begin() == 0);
		CHECK(!(disk(0)->driver.flags & BM_BLOCK_WRITE_CACHE) == (i < 2));
		CHECK(!(disk(0)->driver.flags & BM_BLOCK_READ_ONLY) == (i != 3));
		CHECK(!(disk(0)->driver.flags & BM_BLOCK_HAS_DISCARD) == (i == 3));
		sim_end();
	}
}

/* Rings of every size wrap; the completion queue is never full; any order. */
static void test_rings(void)
{
	static const uint32_t sizes[] = {2, 3, 5, 64, 65, 66, 127, 200, 256, 300, 65536};
	for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		sim_begin();
		sim.cap = (sim.cap & ~0xfffful) | (sizes[s] - 1);
		CHECK(begin() == 0);
		uint32_t depth = disk(0)->driver.depth, done = 0;
		CHECK(depth == (sizes[s] - 1 < 64 ? sizes[s] - 1 : 64));
		for (int round = 0; round < 400; round++) {
			for (uint16_t tag = 0; tag < depth; tag++)
				if (!disk(0)->in_use[0][tag] && next_random() % 2)
					read_one(0, 0, tag);
			kick_it(0, 0);
			while (sim.held_count && next_random() % 8) {
				sim_do(next_random() % sim.held_count);
				done++;
			}
			do_poll(0, 0);
			CHECK(disk(0)->finished == done);
		}
		CHECK(done > 100 && disk(0)->strays == 0);
		sim_end();
	}
}

static void test_statuses(void)
{
	static const struct {
		uint32_t status;
		int error;
	} statuses[] = {
	    {0x281, -BM_EIO},   {0x80, -BM_EIO},   {0x81, -BM_ENOSPC}, {0x20, -BM_EROFS},
	    {0x182, -BM_EROFS}, {0x4281, -BM_EIO}, {0x7ff, -BM_EIO},   {0x2000 | 0x81, -BM_ENOSPC}};
	sim_begin();
	CHECK(begin() == 0);
	for (unsigned i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		read_one(0, 0, i);
		kick_it(0, 0);
		sim_fail(0, statuses[i].status);
		do_poll(0, 0);
		CHECK(disk(0)->status[0][i] == statuses[i].error);
	}
	sim_end();
}

/* ---- Answers that are wrong ---- */

static void test_nonsense(void)
{
	sim_begin();
	CHECK(begin() == 0);
	uint32_t q = first_queue(0);
	read_one(0, 0, 3);
	kick_it(0, 0);
	/* Nothing was asked; ids that are none; another queue's. */
	sim_complete(q, q, 4, 0);
	sim_complete(q, q, 64, 0);
	sim_complete(q, q, 0xffff, 0);
	sim_complete(q, q + 1, 3, 0);
	sim_complete(q, 0, 3, 0);
	do_poll(0, 0);
	CHECK(disk(0)->strays == 5 && disk(0)->finished == 0 && disk(0)->in_use[0][3]);
	/* The true one; and once more. */
	sim_do(0);
	sim_complete(q, q, 3, 0);
	do_poll(0, 0);
	CHECK(disk(0)->finished == 1 && disk(0)->strays == 6 && disk(0)->status[0][3] == 0);
	/* All is well after that. */
	struct bm_block_run first = one(0);
	CHECK(run(0, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	sim_end();

	/* The whole queue written with one phase and then the other: a poll ends. */
	sim_begin();
	CHECK(begin() == 0);
	for (int i = 0; i < 1000; i++) {
		struct nvme_completion *e = sim_memory(sim.queues[q].cq);
		for (uint32_t n = 0; n < sim.queues[q].cq_entries; n++)
			e[n].dw3 = i & 1 ? NVME_DW3_PHASE : 0;
		do_poll(0, 0);
	}
	CHECK(disk(0)->finished == 0 && disk(0)->strays > 0);
	sim_end();

	/* Random entries, for a long time. */
	sim_begin();
	CHECK(begin() == 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t *e = sim_memory(sim.queues[q].cq), tag = next_random() % 64;
		e[next_random() % (sim.queues[q].cq_entries * 4)] = (uint32_t)next_random();
		if (!disk(0)->in_use[0][tag])
			read_one(0, 0, tag);
		if (i % 8 == 0)
			kick_it(0, 0);
		if (sim.held_count > 500)
			sim.held_count = 0;
		do_poll(0, 0);
	}
	sim_end();
}

/* The controller's fatal state, and its absence: noticed, reset, and the other disk comes back,
 * too. */
static void test_fatal(void)
{
	for (int gone = 0; gone < 2; gone++) {
		sim_begin();
		CHECK(begin() == 0);
		/* One that has been answered is not told again. */
		read_one(0, 0, 3);
		kick_it(0, 0);
		sim_do(0);
		do_poll(0, 0);
		CHECK(disk(0)->finished == 1);
		sim.devices[0].finished = 0;
		read_one(0, 0, 1);
		read_one(0, 0, 2);
		read_one(1, 0, 7);
		kick_it(0, 0);
		kick_it(1, 0);
		do_poll(0, 0);
		CHECK(disk(0)->again == 0);
		if (gone)
			sim.gone = true;
		else
			sim.status |= NVME_CSTS_CFS;
		do_poll(0, 0);
		CHECK(disk(0)->again == 2 && disk(0)->in_use[0][1] && disk(0)->finished == 0);
		CHECK(disk(0)->strays == 0);
		uint32_t enables = sim.enables;
		int error = disk(0)->driver.ops->reset(state_of(0));
		CHECK(error == (gone ? -BM_EIO : 0));
		CHECK(sim.enables == enables + !gone);
		/* The other one's queues are gone, and it is told so. */
		do_poll(1, 0);
		CHECK(disk(1)->again == 1 && disk(1)->status[0][7] == -BM_EAGAIN);
		error = disk(1)->driver.ops->reset(state_of(1));
		CHECK(error == (gone ? -BM_ENODEV : 0));
		CHECK(sim.enables == enables + !gone); /* not once more */
		if (!gone)
			for (int n = 0; n < 2; n++) {
				struct bm_block_run first = one(n);
				memset(sim.devices[n].in_use, 0, sizeof sim.devices[n].in_use);
				CHECK(run(n, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
			}
		sim_end();
	}
}

/* It does not look at the register at each poll. */
static void test_look(void)
{
	sim_begin();
	sim.look_ticks = UINT64_MAX;
	CHECK(begin() == 0);
	read_one(0, 0, 0);
	kick_it(0, 0);
	sim.status |= NVME_CSTS_CFS;
	for (int i = 0; i < 100; i++)
		do_poll(0, 0);
	CHECK(disk(0)->again == 0);
	sim_end();
}

/* One that never answers: its queues are deleted, and those of the others are not touched. */
static void test_reset_queues(void)
{
	sim_begin();
	sim.cores = 2;
	CHECK(begin() == 0);
	/* Completions of before are there when the memory is used again. */
	for (int i = 0; i < 5; i++) {
		struct bm_block_run first = one(0);
		CHECK(run(0, 1, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	}
	sim.devices[0].finished = 0;
	for (int n = 0; n < 2; n++)
		for (uint32_t q = 0; q < 2; q++) {
			read_one(n, q, 10);
			kick_it(n, q);
		}
	CHECK(sim.held_count == 4);
	uint32_t enables = sim.enables;
	CHECK(disk(0)->driver.ops->reset(state_of(0)) == 0);
	CHECK(sim.enables == enables && sim.held_count == 2);
	/* An answer that came before the deletion is not seen any more. */
	memset(sim.devices[0].in_use, 0, sizeof sim.devices[0].in_use);
	do_poll(0, 0);
	CHECK(disk(0)->finished == 0 && disk(0)->strays == 0);
	sim_do(0);
	sim_do(0);
	do_poll(1, 0);
	do_poll(1, 1);
	CHECK(disk(1)->finished == 2);
	struct bm_block_run first = one(0);
	for (uint32_t q = 0; q < 2; q++)
		CHECK(run(0, q, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	sim_end();
}

/* Deleting does not work, in every way there is: the whole controller; and that may fail as well.
 */
static void test_reset_controller(void)
{
	static const uint8_t opcodes[] = {NVME_ADMIN_DELETE_SQ, NVME_ADMIN_DELETE_CQ,
					  NVME_ADMIN_CREATE_CQ, NVME_ADMIN_CREATE_SQ};
	for (unsigned i = 0; i < sizeof opcodes; i++)
		for (int how = SIM_REFUSE; how <= SIM_FATAL; how++) {
			sim_begin();
			CHECK(begin() == 0);
			read_one(0, 0, 1);
			kick_it(0, 0);
			sim.answers[opcodes[i]] = how;
			sim.answers_left = 0;
			uint64_t start = sim.now;
			uint32_t enables = sim.enables;
			int error = disk(0)->driver.ops->reset(state_of(0));
			if (how == SIM_TWICE)
				CHECK(error == 0);
			else if (i < 2)
				CHECK(error == 0 && sim.enables == enables + 1);
			else
				CHECK(error < 0);
			/* Two admin commands that time out, a reset and two more. */
			CHECK(sim.now - start < 60 * BM_SECOND);
			if (error) {
				CHECK(!(sim.config & NVME_CC_EN));
				CHECK(disk(1)->driver.ops->reset(state_of(1)) == -BM_ENODEV);
				/* No doorbell of what is gone. */
				kick_it(1, 0);
				do_poll(1, 0);
			} else {
				struct bm_block_run first = one(0);
				memset(sim.devices[0].in_use, 0, sizeof sim.devices[0].in_use);
				CHECK(run(0, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
			}
			sim_end();
		}
	/* It never stops; never starts; gives fewer queues than before. */
	for (int i = 0; i < 3; i++) {
		sim_begin();
		CHECK(begin() == 0);
		sim.status |= NVME_CSTS_CFS;
		sim.stop_after = i == 0 ? SIM_NEVER : 0;
		sim.ready_after = i == 1 ? SIM_NEVER : 0;
		sim.give_queues = i == 2 ? 1 : 64;
		uint64_t start = sim.now;
		CHECK(disk(0)->driver.ops->reset(state_of(0)) ==
		      (i == 2 ? -BM_EIO : -BM_ETIMEDOUT));
		CHECK(sim.now - start < 40 * BM_SECOND);
		sim_end();
	}
}

/* ---- Controllers that do not come up ---- */

/* A probe that must fail thus, with all memory given back and the bus not mastered. */
static void refuse(int expected)
{
	uint64_t start = sim.now;
	int error = begin();
	CHECK(error == expected);
	CHECK(sim.device_count == 0 && !sim.master);
	CHECK(sim.live == (sim.vectors != 0));
	CHECK(!expected || sim.warnings);
	CHECK(sim.now - start < 300 * BM_SECOND);
	sim_end();
}

static void test_refused(void)
{
	sim_begin();
	sim.ready_after = SIM_NEVER;
	refuse(-BM_ETIMEDOUT);
	CHECK(sim.now < 20 * BM_SECOND); /* CAP.TO: 7.5 s, for each half */
	sim_begin();
	sim.cap |= 0xfful << 24;
	sim.ready_after = 100000; /* ms: within 127.5 s */
	CHECK(begin() == 0);
	sim_end();
	sim_begin();
	sim.cap &= ~(0xfful << 24); /* no time at all: half a second is granted */
	sim.ready_after = 100;
	CHECK(begin() == 0);
	sim_end();
	sim_begin();
	sim.fatal_at_start = true;
	refuse(-BM_EIO);
	sim_begin();
	sim.gone = true;
	refuse(-BM_EIO);
	sim_begin();
	sim.cap &= ~NVME_CAP_CSS_NVM;
	refuse(-BM_EIO);
	sim_begin();
	sim.cap &= ~0xfffful; /* queues of one entry */
	refuse(-BM_EIO);
	sim_begin();
	sim.cap |= 1ul << 48; /* pages of 8 KiB at least */
	refuse(-BM_EIO);
	sim_begin();
	sim.bar_size = 0x800;
	refuse(-BM_EIO);
	sim_begin();
	sim.bar_size = 0x1000;
	refuse(-BM_EIO);
	sim_begin();
	sim.bar_size = 0x1008; /* doorbells of the admin queue alone */
	refuse(-BM_EIO);
	sim_begin();
	sim.cap |= 15ul << 32; /* doorbells 128 KiB apart, beyond the register block */
	refuse(-BM_EIO);
	sim_begin();
	sim.controller[NVME_CTRL_SQES] = 0x77;
	refuse(-BM_EIO);
	sim_begin();
	sim.controller[NVME_CTRL_CQES] = 0x33;
	refuse(-BM_EIO);

	/* Firmware has used it; it is in the middle of starting; it never stops. */
	for (int i = 0; i < 3; i++) {
		sim_begin();
		sim.config = NVME_CC_EN;
		sim.status = i == 0 || i == 2 ? NVME_CSTS_RDY : 0;
		sim.reads_left = 50;
		sim.stop_after = i == 2 ? SIM_NEVER : 20;
		if (i == 2) {
			refuse(-BM_ETIMEDOUT);
			continue;
		}
		CHECK(begin() == 0);
		sim_end();
	}

	/* Doorbells elsewhere; few of them. */
	for (uint32_t stride = 0; stride < 4; stride++) {
		sim_begin();
		sim.cap |= (uint64_t)stride << 32;
		sim.bar_size = 0x1000 + 2 * (4 << stride) * 4; /* of three queues */
		sim.cores = 8;
		CHECK(begin() == 0);
		CHECK(sim.device_count == 2 && disk(0)->driver.queues == 1);
		struct bm_block_run first = one(0);
		CHECK(run(0, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
		sim_end();
	}
}

/* Each admin command of the start answered in each wrong way, at each time. */
static void test_admin(void)
{
	for (uint32_t nth = 0; nth < 13; nth++)
		for (int how = SIM_REFUSE; how <= SIM_FATAL; how++) {
			sim_begin();
			for (int i = 0; i < 256; i++)
				sim.answers[i] = how;
			sim.answers_left = nth;
			uint64_t start = sim.now;
			int error = begin();
			CHECK(sim.now - start < 300 * BM_SECOND);
			if (how == SIM_TWICE) {
				/* The later ones are told apart, and nothing comes of it. */
				CHECK(error == 0 && sim.device_count == 2);
			} else if (how != SIM_REFUSE && nth < 12) {
				CHECK(error < 0 && !sim.master);
				/* Disks that were there already fail in an orderly way. */
				for (int i = 0; i < sim.device_count; i++) {
					CHECK(sim.devices[i].driver.ops->reset(state_of(i)) ==
					      -BM_ENODEV);
					do_poll(i, 0);
				}
			}
			/* The interrupts' arguments stay. */
			if (!sim.device_count)
				CHECK(sim.live == (sim.vectors != 0));
			sim_end();
		}
}

/* ---- Identify data that make no sense ---- */

static void test_namespaces(void)
{
	static const struct {
		uint32_t at, bytes;
		uint64_t value;
		int left; /* devices that remain */
	} cases[] = {
	    {NVME_NS_SIZE, 8, 0, 1},           {NVME_NS_SIZE, 8, UINT64_MAX, 1},
	    {NVME_NS_SIZE, 8, 1ul << 54, 1},   {NVME_NS_SIZE, 8, (1ul << 54) - 1, 2},
	    {NVME_NS_SIZE, 8, 1, 2},           {NVME_NS_FORMAT, 1, 3, 1}, /* beyond the list */
	    {NVME_NS_FORMAT, 1, 15, 1},        {NVME_NS_LBAF(0), 4, 9 << 16 | 8, 1}, /* metadata */
	    {NVME_NS_LBAF(0), 4, 0, 1},        {NVME_NS_LBAF(0), 4, 8 << 16, 1},
	    {NVME_NS_LBAF(0), 4, 13 << 16, 1}, {NVME_NS_LBAF(0), 4, 255 << 16, 1},
	    {NVME_NS_LBAF(0), 4, 10 << 16, 2},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		sim_begin();
		/* Formats that are good, but none that it lists. */
		for (int n = 1; n < 16; n++)
			sim.namespaces[0][NVME_NS_LBAF(n) + 2] = 9;
		memcpy(sim.namespaces[0] + cases[i].at, &cases[i].value, cases[i].bytes);
		CHECK(begin() == 0);
		CHECK(sim.device_count == cases[i].left);
		CHECK(disk(sim.device_count - 1)->driver.sector_size == 4096);
		CHECK(i == 0 || sim.warnings == 2u - cases[i].left);
		sim_end();
	}
	/* Command sets: NVM, zones; behind another descriptor; lengths that lead beyond the data.
	 */
	static const uint8_t descriptors[][16] = {
	    {4, 1, 0, 0, 0}, {4, 1, 0, 0, 2}, {2, 3, 0, 0, 9, 9, 9, 4, 1, 0, 0, 2},
	    {2, 255, 0, 0},  {0, 0, 0, 0},    {4, 0, 0, 0, 2}};
	static const int of_set[] = {2, 1, 1, 2, 2, 2};
	for (int i = 0; i < 7; i++) {
		sim_begin();
		if (i < 6)
			memcpy(sim.descriptors[0], descriptors[i], 16);
		else
			memset(sim.descriptors[0], 255, 4096);
		CHECK(begin() == 0);
		CHECK(sim.device_count == (i < 6 ? of_set[i] : 2));
		sim_end();
	}
	/* The last one at the very end: four bytes of head, nothing behind. */
	for (int last = 4090; last < 4096; last++) {
		sim_begin();
		uint8_t *d = sim.descriptors[0];
		int at = 0;
		for (; last - at > 5 + 250; at += 4 + 250)
			d[at + 1] = 250;
		d[at + 1] = last - at - 4;
		d[last] = 4;
		if (last + 1 < 4096)
			d[last + 1] = 1;
		CHECK(begin() == 0 && sim.device_count == 2);
		sim_end();
	}
	/* Write granularity: 8 blocks; one that is no power of two. */
	for (int i = 0; i < 2; i++) {
		sim_begin();
		sim.namespaces[0][NVME_NS_FEATURES] = NVME_NS_FEATURES_OPTIMAL;
		sim.namespaces[0][NVME_NS_PREFERRED] = i ? 8 : 7;
		CHECK(begin() == 0);
		CHECK(disk(0)->driver.physical_sector_size == (i ? 0 : 4096));
		sim_end();
	}
	/* Lists: cyclic, descending, with ids that do not answer, all of one id, the reserved one.
	 */
	static const uint32_t lists[][5] = {{1, 1, 1, 1, 1}, {2, 1, 0, 0, 0},
					    {1, 2, 1, 2, 1}, {1, 2, 900, 901, 0xffffffff},
					    {0, 1, 2, 0, 0}, {0xffffffff, 1, 0, 0, 0}};
	static const int found[] = {1, 1, 2, 2, 0, 0};
	for (int i = 0; i < 6; i++) {
		sim_begin();
		memcpy(sim.active, lists[i], sizeof lists[i]);
		CHECK(begin() == 0);
		CHECK(sim.device_count == found[i]);
		CHECK(found[i] || (!sim.master && sim.live == 0 && sim.warnings));
		sim_end();
	}
	/* 1,024 of them, of which four answer. */
	sim_begin();
	for (uint32_t i = 0; i < 1024; i++)
		((uint32_t *)sim.active)[i] = i + 1;
	CHECK(begin() == 0 && sim.device_count == 2);
	sim_end();
	/* Revision 1.0 has no list: all numbers, of which there may be very many. */
	for (int i = 0; i < 2; i++) {
		sim_begin();
		sim.version = i ? 0x10000 : 0x10400;
		sim.answers[0] = SIM_GOOD;
		memset(sim.active, 0xff, sizeof sim.active);
		memset(sim.controller + NVME_CTRL_NN, i ? 0xff : 4, 4);
		CHECK(begin() == 0);
		CHECK(sim.device_count == (i ? 2 : 0));
		sim_end();
	}
	/* Random data in all that it tells of itself. */
	for (int i = 0; i < 1500; i++) {
		sim_begin();
		for (int n = 0; n < 4096; n++) {
			if (next_random() % 4 == 0)
				sim.controller[n] = (uint8_t)next_random();
			if (next_random() % 64 == 0)
				sim.active[n] = (uint8_t)next_random();
			if (next_random() % 8 == 0)
				sim.namespaces[i % 4][n] = (uint8_t)next_random();
			sim.descriptors[i % 4][n] = (uint8_t)next_random();
		}
		if (i % 2) {
			sim.controller[NVME_CTRL_SQES] = 0x66;
			sim.controller[NVME_CTRL_CQES] = 0x44;
		}
		begin();
		sim_end();
	}
	/* And in the capabilities. */
	for (int i = 0; i < 300; i++) {
		sim_begin();
		sim.cap ^= 1ul << next_random() % 64 ^ 1ul << next_random() % 64;
		begin();
		sim_end();
	}
}

static void test_queue_counts(void)
{
	static const struct {
		uint32_t cores, give, raw, devices, each;
	} cases[] = {
	    {1, 64, 0, 2, 1},          {4, 64, 0, 2, 4},          {4, 8, 0, 2, 4},
	    {4, 7, 0, 2, 3},           {4, 2, 0, 2, 1},           {4, 1, 0, 1, 1},
	    {64, 64, 0, 2, 32},        {4, 64, 0x0007ffff, 2, 4}, /* 8 completion queues */
	    {4, 64, 0xffffffff, 2, 4},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		sim_begin();
		sim.cores = cases[i].cores;
		sim.give_queues = cases[i].give;
		sim.give_raw = cases[i].raw;
		CHECK(begin() == 0);
		CHECK(sim.device_count == (int)cases[i].devices);
		CHECK(disk(0)->driver.queues == cases[i].each);
		CHECK(sim.warnings == 2 - cases[i].devices);
		sim_end();
	}
}

/* Memory ends at each place in turn. */
static void test_no_memory(void)
{
	uint32_t i = 0;
	for (int error = 1; error; i++) {
		sim_begin();
		sim.takes_left = i;
		sim.cores = 2;
		error = begin();
		CHECK(error == 0 || error == -BM_ENOMEM);
		if (error)
			CHECK(sim.live == 0 && sim.device_count == 0 && !sim.master);
		else if (sim.device_count == 2)
			CHECK(i > 10);
		sim_end();
		if (sim.device_count < 2)
			error = 1;
	}
	CHECK(i > 15);
	/* No room for more devices. */
	sim_begin();
	sim.add_error = -BM_ENOSPC;
	CHECK(begin() == 0 && sim.device_count == 0 && !sim.master);
	for (uint32_t n = 1; n < SIM_QUEUES; n++)
		CHECK(!sim.queues[n].sq_live && !sim.queues[n].cq_live);
	sim_end();
}

/* ---- Interrupts ---- */

static void test_interrupts(void)
{
	sim_begin();
	sim.cores = 2;
	CHECK(begin() == 0);
	const struct bm_block_ops *o = disk(1)->driver.ops;
	CHECK(o->arm != NULL && sim.vectors == 4);
	/* Only who waits is interrupted. */
	read_one(1, 1, 0);
	kick_it(1, 1);
	CHECK(o->arm(state_of(1), 1) == 0);
	CHECK(!sim.msix_control[3] && sim.msix_control[0] && sim.msix_control[1] &&
	      sim.msix_control[2]);
	sim.function(sim.arguments[3]);
	CHECK(disk(1)->notified[1] == 1 && disk(1)->notified[0] == 0 && disk(0)->notified[0] == 0);
	/* What is there already is told. */
	sim_do(0);
	CHECK(o->arm(state_of(1), 1) == 1);
	do_poll(1, 1);
	CHECK(disk(1)->finished == 1 && o->arm(state_of(1), 1) == 0);
	/* Whoever polls for long without arming is not interrupted any more. */
	for (int i = 0; i < 20; i++) {
		struct bm_block_run first = one(1);
		CHECK(sim.msix_control[3] == (i > POLLS_UNMASKED ? NVME_MSIX_MASKED : 0));
		CHECK(run(1, 1, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	}
	CHECK(o->arm(state_of(1), 1) == 0 && !sim.msix_control[3]);
	sim_end();

	/* Fewer messages than queues: each tells all of its queues, and stays. */
	sim_begin();
	sim.cores = 4;
	sim.msix_entries = 3;
	CHECK(begin() == 0);
	CHECK(sim.vectors == 3);
	sim.function(sim.arguments[1]);
	CHECK(disk(0)->notified[1] == 1 && disk(1)->notified[0] == 1 && disk(1)->notified[3] == 1);
	CHECK(disk(0)->notified[0] == 0 && disk(1)->notified[1] == 0);
	disk(0)->driver.ops->arm(state_of(0), 1);
	for (int i = 0; i < 20; i++) {
		struct bm_block_run first = one(0);
		CHECK(run(0, 1, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	}
	CHECK(!sim.msix_control[1]);
	sim_end();

	/* A line: the device is told of each completion, so that it withdraws it. */
	sim_begin();
	sim.msix_entries = 0;
	sim.line = true;
	CHECK(begin() == 0);
	CHECK(sim.vectors == 1);
	struct bm_block_run first = one(0);
	CHECK(run(0, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	CHECK(sim.queues[1].cq_head == sim.queues[1].cq_tail);
	disk(0)->driver.ops->arm(state_of(0), 0);
	CHECK(sim.enabled_lines == 1);
	sim_end();

	/* None: polled by time. */
	sim_begin();
	sim.msix_entries = 0;
	CHECK(begin() == 0);
	CHECK(disk(0)->driver.ops->arm == NULL);
	first = one(0);
	CHECK(run(0, 0, BM_BLOCK_READ, 0, 1, 1, &first, 1) == 0);
	sim_end();
}

int main(void)
{
	pages = aligned_alloc(4096, PIECES * 4096ul);
	test_found();
	test_no_fua();
	test_transfers();
	test_longest();
	test_commands();
	test_rings();
	test_statuses();
	test_nonsense();
	test_fatal();
	test_look();
	test_reset_queues();
	test_reset_controller();
	test_refused();
	test_admin();
	test_namespaces();
	test_queue_counts();
	test_no_memory();
	test_interrupts();
	free(pages);
	printf("%u checks, %u failed\n", checks, failures);
	return failures || !checks;
}
