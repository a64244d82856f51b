/* SPDX-License-Identifier: MIT */
/*
 * Drivers that an app brings: one for QEMU's teaching device "edu" (its specification is
 * docs/specs/ edu.txt of QEMU), registered at run time, with registers, DMA and interrupts; and a
 * disk in memory that does not keep to anything: late, twice, never, nonsense, and refusals.
 */
#include <baremetal/baremetal.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"

/* ---- edu ---- */

#define EDU_ID        0x00
#define EDU_ID_VALUE  0x010000ed
#define EDU_LIVENESS  0x04
#define EDU_RAISE     0x60
#define EDU_ACK       0x64
#define EDU_STATUS    0x24
#define EDU_DMA_FROM  0x80
#define EDU_DMA_TO    0x88
#define EDU_DMA_COUNT 0x90
#define EDU_DMA_GO    0x98
#define EDU_BUFFER    0x40000

static volatile uint32_t *edu;
static volatile unsigned edu_interrupts;
static struct bm_device *edu_device;
static unsigned edu_probes;

static void edu_interrupt(void *argument)
{
	edu_interrupts += *(unsigned *)argument;
	edu[EDU_ACK / 4] = edu[EDU_STATUS / 4];
}

static int edu_probe(struct bm_device *device)
{
	static unsigned one = 1;
	void *arguments[] = {&one};

	edu_probes++;
	CHECK(device->vendor == 0x1234 && device->device == 0x11e8 && device->bus == BM_BUS_PCI);
	edu = (volatile uint32_t *)bm_pci_map(device->pci, 0);
	if (!edu)
		return -BM_ENOMEM;
	if (edu[EDU_ID / 4] != EDU_ID_VALUE)
		return -BM_ENODEV;
	uint32_t command;
	bm_pci_read(device->pci, 4, 2, &command);
	bm_pci_write(device->pci, 4, 2, command | 4); /* master the bus */
	edu_device = device;
	device->state = &edu_device;
	return bm_interrupts_take(device, 1, edu_interrupt, arguments) == 1 ? 0 : -BM_EIO;
}

static const struct bm_match edu_matches[] = {BM_MATCH_PCI(0x1234, 0x11e8)};
static const struct bm_driver edu_driver = {"edu", edu_matches, 1, edu_probe};

static void wait_for_edu(unsigned count)
{
	uint64_t end = bm_time_monotonic() + 10 * BM_SECOND;
	while (edu_interrupts < count && bm_time_monotonic() < end)
		bm_sleep_until(bm_time_monotonic() + BM_SECOND / 1000);
}

static void check_edu(void)
{
	struct bm_pci_info info;
	int found = 0;

	CHECK(bm_driver_register(NULL) == -BM_EINVAL);
	CHECK(bm_driver_register(&edu_driver) == 0 && edu_probes == 0); /* nothing is found yet */
	CHECK(bm_pci_count() > 0 && edu_probes == 1);
	CHECK(bm_driver_register(&edu_driver) == 0 && edu_probes == 1); /* it is taken */
	for (int i = 0; i < bm_pci_count(); i++)
		if (!bm_pci_info(i, &info) && info.vendor == 0x1234 && info.device == 0x11e8)
			found += info.driver && !strcmp(info.driver, "edu");
	CHECK(found == 1);
	if (!edu_device)
		return;
	edu[EDU_LIVENESS / 4] = 0x12345678;
	CHECK(edu[EDU_LIVENESS / 4] == ~0x12345678u);
	for (unsigned i = 1; i <= 10; i++) {
		bm_interrupts_enable(edu_device);
		edu[EDU_RAISE / 4] = i;
		wait_for_edu(i);
		CHECK(edu_interrupts == i);
	}

	/* To the device's buffer, and back to another place. */
	uint64_t phys, other;
	uint8_t *memory = bm_dma_take(4096, 4096, &phys), *back = bm_dma_take(100, 64, &other);
	CHECK(memory && back && phys % 4096 == 0 && other % 64 == 0);
	for (int i = 0; i < 100; i++) {
		CHECK(back[i] == 0);
		memory[i] = i * 3;
	}
	*(volatile uint64_t *)&edu[EDU_DMA_FROM / 4] = phys;
	*(volatile uint64_t *)&edu[EDU_DMA_TO / 4] = EDU_BUFFER;
	*(volatile uint64_t *)&edu[EDU_DMA_COUNT / 4] = 100;
	*(volatile uint64_t *)&edu[EDU_DMA_GO / 4] = 1 | 4; /* and interrupt */
	wait_for_edu(11);
	*(volatile uint64_t *)&edu[EDU_DMA_FROM / 4] = EDU_BUFFER;
	*(volatile uint64_t *)&edu[EDU_DMA_TO / 4] = other;
	*(volatile uint64_t *)&edu[EDU_DMA_COUNT / 4] = 100;
	*(volatile uint64_t *)&edu[EDU_DMA_GO / 4] = 1 | 2 | 4;
	wait_for_edu(12);
	CHECK(edu_interrupts == 12 && !memcmp(memory, back, 100));
	bm_dma_give(memory, 4096);
	bm_dma_give(back, 100);
	CHECK(bm_dma_take(4096, 4096, &other) == memory && other == phys); /* it is used again */
	CHECK(!bm_dma_take(0, 1, NULL) && !bm_dma_take(1, 3, NULL) && !bm_dma_take(1, 8192, NULL));
	CHECK(!bm_dma_take(1ul << 31, 1, NULL));
}

/* ---- A disk in memory ---- */

#define SECTORS 2048
#define DEPTH   4

static char disk[SECTORS * 512];
static struct bm_block_device *handle;
static struct {
	struct bm_block_command command;
	struct bm_block_run runs[8];
	int waiting;
} commands[2][DEPTH];

static struct {
	int silent;    /* answers to swallow */
	int twice;     /* answers to give twice */
	int nonsense;  /* tags that are none, before each answer */
	int late;      /* polls until there is an answer */
	int refuse;    /* start() fails */
	int again;     /* answers -BM_EAGAIN */
	int fail;      /* answers -BM_EIO */
	int reset_bad; /* reset() fails */
	unsigned resets, flushes, started, discarded;
	unsigned largest, most_runs;
} mode;

static int start(void *state, uint32_t queue, const struct bm_block_command *command)
{
	(void)state;
	mode.started++;
	if (mode.refuse)
		return -BM_ENOSPC;
	CHECK(!commands[queue][command->tag].waiting);
	commands[queue][command->tag].command = *command;
	memcpy(commands[queue][command->tag].runs, command->runs,
	       command->run_count * sizeof *command->runs);
	commands[queue][command->tag].waiting = 1;
	mode.largest = command->bytes > mode.largest ? command->bytes : mode.largest;
	mode.most_runs = command->run_count > mode.most_runs ? command->run_count : mode.most_runs;
	return 0;
}

static void kick(void *state, uint32_t queue)
{
	(void)state, (void)queue;
}

/* Move the data by address, for physical memory is not within reach here; check the runs against
 * it. */
static void carry_out(const struct bm_block_command *c, const struct bm_block_run *runs)
{
	const struct bm_block_segment *segment = c->segments;
	uint64_t offset = c->segment_offset, at = c->sector * 512, run_bytes = 0;

	if (c->operation == BM_BLOCK_FLUSH) {
		mode.flushes++;
		return;
	}
	if (c->operation == BM_BLOCK_DISCARD) {
		mode.discarded += c->sectors;
		return;
	}
	for (uint32_t i = 0; i < c->run_count; i++)
		run_bytes += runs[i].bytes;
	CHECK(run_bytes == c->bytes && c->bytes == c->sectors * 512);
	uint64_t run_offset = 0;
	uint32_t run = 0;
	for (uint64_t left = c->bytes; left; left -= 4) {
		while (offset == segment->bytes) {
			segment++;
			offset = 0;
		}
		if (offset % 4096 == 0 || run_offset == 0) {
			uint64_t phys;
			bm_phys((char *)segment->address + offset, &phys);
			CHECK(phys == runs[run].phys + run_offset);
		}
		char *memory = (char *)segment->address + offset;
		memcpy(c->operation == BM_BLOCK_READ ? memory : disk + at,
		       c->operation == BM_BLOCK_READ ? disk + at : memory, 4);
		offset += 4;
		at += 4;
		run_offset += 4;
		if (run_offset == runs[run].bytes) {
			run++;
			run_offset = 0;
		}
	}
}

static void poll(void *state, uint32_t queue)
{
	(void)state;
	if (mode.late) {
		mode.late--;
		return;
	}
	for (int tag = 0; tag < DEPTH; tag++) {
		if (!commands[queue][tag].waiting)
			continue;
		if (mode.nonsense) {
			mode.nonsense--;
			CHECK(bm_block_finish(handle, queue, DEPTH, 0) == -BM_EINVAL);
			CHECK(bm_block_finish(handle, queue, UINT32_MAX, 0) == -BM_EINVAL);
			CHECK(bm_block_finish(handle, 77, tag, 0) == -BM_EINVAL);
		}
		if (commands[queue][tag].waiting == 2)
			continue;
		if (mode.silent) {
			mode.silent--;
			commands[queue][tag].waiting = 2;
			continue;
		}
		if (mode.again) {
			mode.again--;
			commands[queue][tag].waiting = 2;
			CHECK(bm_block_finish(handle, queue, tag, -BM_EAGAIN) == 0);
			continue;
		}
		int status = 0;
		if (mode.fail) {
			mode.fail--;
			status = -BM_EIO;
		} else {
			carry_out(&commands[queue][tag].command, commands[queue][tag].runs);
		}
		commands[queue][tag].waiting = 0;
		CHECK(bm_block_finish(handle, queue, tag, status) == 0);
		if (mode.twice) {
			mode.twice--;
			CHECK(bm_block_finish(handle, queue, tag, status) == -BM_EINVAL);
		}
	}
}

static int reset(void *state)
{
	(void)state;
	mode.resets++;
	memset(commands, 0, sizeof commands);
	return mode.reset_bad ? -BM_EIO : 0;
}

static const struct bm_block_ops ops = {start, kick, poll, NULL, reset};

static int add(uint32_t flags, uint32_t queues)
{
	struct bm_block_driver driver = {
	    .ops = &ops,
	    .name = "ram",
	    .model = "  memory  ",
	    .sectors = SECTORS,
	    .sector_size = 512,
	    .flags = flags,
	    .queues = queues,
	    .depth = DEPTH,
	    .max_bytes = 16384,
	    .max_runs = 5,
	};
	return bm_block_add(&driver, &handle);
}

static char *buffer, *other;

static int write_sectors(int device, uint64_t sector, size_t bytes, uint32_t flags, int seed)
{
	for (size_t i = 0; i < bytes; i++)
		buffer[i] = seed + i / 512 + i % 509;
	return bm_block_write(device, sector, buffer, bytes, flags, BM_FOREVER);
}

static int is_there(int device, uint64_t sector, size_t bytes)
{
	memset(other, 0, bytes);
	return bm_block_read(device, sector, other, bytes, BM_FOREVER) == 0 &&
	       !memcmp(buffer, other, bytes);
}

static void check_ram(void)
{
	struct bm_block_info info;
	struct bm_block_driver wrong = {.ops = &ops, .name = "x"};
	int d = add(BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_DISCARD, 2);

	CHECK(bm_block_add(&wrong, &handle) == -BM_EINVAL);
	CHECK(d >= 0 && bm_block_info(d, &info) == 0);
	CHECK(!strcmp(info.name, "ram0") && !strcmp(info.address, "app") &&
	      !strcmp(info.model, "memory") && info.max_transfer == 16384);
	CHECK(bm_block_set_timeout(d, BM_SECOND / 50) == 0);

	/* Larger than a command: parts, and more parts than tags. */
	CHECK(write_sectors(d, 7, 300000 / 512 * 512, 0, 1) == 0);
	CHECK(is_there(d, 7, 300000 / 512 * 512));
	CHECK(mode.largest <= 16384 && mode.most_runs <= 5 && mode.largest > 512);
	/* At odd places. */
	char *old = buffer;
	buffer += 4092;
	CHECK(write_sectors(d, 100, 50 * 512, 0, 9) == 0 && is_there(d, 100, 50 * 512));
	buffer = old;

	/* FUA, which this device does not know: a flush follows. */
	unsigned flushes = mode.flushes;
	CHECK(write_sectors(d, 0, 512, BM_BLOCK_FUA, 3) == 0 && mode.flushes == flushes + 1);
	CHECK(write_sectors(d, 0, 100 * 512, BM_BLOCK_FUA, 4) == 0 && mode.flushes == flushes + 2);
	CHECK(bm_block_flush(d, BM_FOREVER) == 0 && mode.flushes == flushes + 3);

	/* Nonsense, and an answer twice: counted, ignored. */
	mode.nonsense = 2;
	mode.twice = 1;
	CHECK(write_sectors(d, 5, 2 * 512, 0, 5) == 0 && is_there(d, 5, 2 * 512));
	bm_block_info(d, &info);
	CHECK(info.strays >= 3 && info.errors == 0 && info.resets == 0);

	/* Late, but in time; then never, twice: reset and begun anew; then never for ever. */
	mode.late = 50;
	CHECK(is_there(d, 5, 2 * 512) && mode.resets == 0);
	mode.silent = BM_BLOCK_ATTEMPTS - 1;
	CHECK(is_there(d, 5, 2 * 512) && mode.resets == BM_BLOCK_ATTEMPTS - 1);
	mode.silent = BM_BLOCK_ATTEMPTS;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_ETIMEDOUT);
	CHECK(mode.silent == 0 && is_there(d, 5, 2 * 512));
	/* A part of a large one never comes: one answer, and the others have been carried out. */
	mode.silent = 100;
	CHECK(bm_block_read(d, 0, other, 100 * 512, BM_FOREVER) == -BM_ETIMEDOUT);
	mode.silent = 0;
	CHECK(is_there(d, 5, 2 * 512));
	/* A deadline of the caller's. */
	mode.silent = 1;
	uint64_t now = bm_time_monotonic();
	bm_block_set_timeout(d, 100 * BM_SECOND);
	CHECK(bm_block_read(d, 5, other, 512, now + BM_SECOND / 50) == -BM_ETIMEDOUT);
	CHECK(bm_time_monotonic() - now < 50 * BM_SECOND);
	bm_block_set_timeout(d, BM_SECOND / 50);

	/* The device wants a reset. */
	unsigned resets = mode.resets;
	mode.again = 1;
	CHECK(is_there(d, 5, 2 * 512) && mode.resets == resets + 1);
	mode.again = 100;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_EIO);
	mode.again = 0;

	/* Errors and refusals reach who asked, and nobody else. */
	mode.fail = 1;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_EIO && is_there(d, 5, 2 * 512));
	mode.fail = 1;
	CHECK(bm_block_read(d, 5, other, 200 * 512, BM_FOREVER) == -BM_EIO);
	mode.refuse = 1;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_ENOSPC);
	CHECK(bm_block_read(d, 5, other, 200 * 512, BM_FOREVER) == -BM_ENOSPC);
	mode.refuse = 0;
	CHECK(is_there(d, 5, 2 * 512));

	/* Discard, in one. */
	struct bm_block_request r = {
	    .operation = BM_BLOCK_DISCARD, .sector = 1000, .sectors = 1000};
	CHECK(bm_block_run(d, &r) == 0 && mode.discarded == 1000);

	/* More at once than there are tags: the rest is for later. */
	struct bm_block_request many[20], *list[20];
	struct bm_block_segment segment = {other, 512};
	int taken, sum = 0;
	for (int i = 0; i < 20; i++) {
		many[i] = (struct bm_block_request){.operation = BM_BLOCK_READ,
						    .sector = i,
						    .segments = &segment,
						    .segment_count = 1};
		list[i] = &many[i];
	}
	taken = bm_block_submit(d, list, 20);
	CHECK(taken == DEPTH);
	for (sum = taken; sum < 20; sum += taken) {
		bm_block_poll(d, BM_BLOCK_ALL_QUEUES);
		taken = bm_block_submit(d, list + sum, 20 - sum);
		CHECK(taken >= 0);
	}
	for (int i = 0; i < 20; i++)
		CHECK(bm_block_wait(d, &many[i]) == 0);

	/* Given up: named, at once, and for ever. */
	mode.silent = 1;
	mode.reset_bad = 1;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_ENODEV);
	unsigned started = mode.started;
	CHECK(bm_block_read(d, 5, other, 512, BM_FOREVER) == -BM_ENODEV && mode.started == started);
	bm_block_info(d, &info);
	CHECK(info.flags & BM_BLOCK_FAILED);
	mode.reset_bad = mode.silent = 0;

	/* A device without a write cache: flush and FUA cost nothing. */
	memset(commands, 0, sizeof commands);
	d = add(0, 1);
	flushes = mode.flushes;
	CHECK(bm_block_flush(d, BM_FOREVER) == 0 && write_sectors(d, 0, 512, BM_BLOCK_FUA, 8) == 0);
	CHECK(mode.flushes == flushes);
	CHECK(bm_block_run(d, &r) == -BM_ENOSYS);
	bm_block_info(d, &info);
	CHECK(!strcmp(info.name, "ram1"));
}

int main(void)
{
	buffer = aligned_alloc(4096, 400000);
	other = aligned_alloc(4096, 400000);
	check_edu();
	check_ram();
	return check_status();
}
