/* SPDX-License-Identifier: MIT */
/*
 * The driver of IDE channels against simulated ones (channel.h): drives of all kinds, and such as
 * answer late, never, twice, or with nonsense.
 */
#include <stdio.h>
#include <stdlib.h>
#include "drivers/block/ata.c"
#include "channel.h"
#include "kernel.h"

const struct bm_driver *driver_under_test = &ata;

#define SECOND 1000000000ul

static int probe_again(void)
{
	legacy_taken[0] = legacy_taken[1] = false;
	return fake_probe();
}

static struct sim_drive *start_with(enum disk_kind kind)
{
	channel_begin();
	channel_plug(0, 0, kind);
	CHECK(probe_again() == 0 && fake.count == 1);
	return &channels[0].drives[0];
}

static bool is_on_disk(const struct sim_drive *d, uint64_t sector, const uint8_t *data,
		       uint32_t sectors)
{
	return !memcmp(d->disk.data + sector * d->disk.sector_size, data,
		       sectors * d->disk.sector_size);
}

static void go(uint32_t device, uint32_t tag, uint8_t operation, uint64_t sector, uint32_t sectors,
	       uint8_t *buffer, uint32_t pieces)
{
	CHECK(fake_start(device, tag, operation, 0, sector, sectors, buffer, pieces) == 0);
	fake_kick(device);
}

/* 64 KiB within the borders of a table's entry, and some before. */
static uint8_t *fake_room(void)
{
	return (uint8_t *)(((uint64_t)fake_buffer(3 * 65536) + 2 * 65536) & -65536ul);
}

static void test_probe(void)
{
	/* Both channels, both drives, all kinds. */
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	channel_plug(0, 1, DISK_OPTICAL);
	channel_plug(1, 0, DISK_LBA28);
	channel_plug(1, 1, DISK_4096);
	CHECK(probe_again() == 0 && fake.count == 4 && fake.master);
	const struct bm_block_driver *b = &fake.devices[0].driver;
	CHECK(b->sectors == DISK_BYTES / 512 && b->run_border == 65536 &&
	      b->phys_limit == 1ul << 32);
	CHECK(b->flags == (BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_DISCARD));
	b = &fake.devices[1].driver;
	CHECK(b->sectors == DISK_BYTES / 2048 && b->sector_size == 2048);
	CHECK(b->flags == (BM_BLOCK_READ_ONLY | BM_BLOCK_OPTICAL | BM_BLOCK_REMOVABLE));
	b = &fake.devices[2].driver;
	CHECK(b->max_bytes == 256 * 512 && b->flags == BM_BLOCK_WRITE_CACHE);
	b = &fake.devices[3].driver;
	CHECK(b->sector_size == 4096 && b->sectors == DISK_BYTES / 4096);

	/* The second drive alone; without a bus master; without interrupts; no mode of DMA chosen.
	 */
	channel_begin();
	channel_plug(1, 1, DISK_LBA48);
	fake.bars[IDE_BAR_MASTER].size = 0;
	fake.interrupts = false;
	CHECK(probe_again() == 0 && fake.count == 1 && !fake.devices[0].driver.ops->arm);
	CHECK(!(fake.devices[0].driver.flags & BM_BLOCK_HAS_DISCARD) && !fake.master);
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	channels[0].drives[0].disk.identity[88] = 0x3f;
	CHECK(probe_again() == 0 && !(fake.devices[0].driver.flags & BM_BLOCK_HAS_DISCARD));

	/* Nothing there, and quickly so: ones, or zeros. */
	for (int i = 0; i < 2; i++) {
		channel_begin();
		channels[0].floating = channels[1].floating = i;
		CHECK(probe_again() == 0 && fake.count == 0 && fake.now < SECOND / 100);
	}
	/* Another adapter wants the same ports. */
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	CHECK(probe_again() == 0 && fake.count == 1);
	CHECK(fake_probe() == 0 && fake.count == 1);
	/* Native, without register blocks. */
	channel_begin();
	fake.device.class_code |= 5;
	CHECK(probe_again() == 0 && fake.count == 0);

	/* A drive that is never ready, beside a good one; one that does not answer IDENTIFY. */
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	channel_plug(0, 1, DISK_LBA48);
	channels[0].drives[1].never_ready = true;
	channels[0].drives[1].status = ATA_STATUS_BSY;
	CHECK(probe_again() == 0 && fake.count == 1 && fake.now < 15 * SECOND);
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	channels[0].drives[0].deaf = true;
	CHECK(probe_again() == 0 && fake.count == 0 && fake.now < 25 * SECOND);
	CHECK(fake.taken == 1);
	/* Identify data of random bytes. */
	for (uint32_t i = 0; i < 300; i++) {
		channel_begin();
		channel_plug(0, 0, i & 1 ? DISK_LBA48 : DISK_OPTICAL);
		uint8_t *bytes = (uint8_t *)channels[0].drives[0].disk.identity;
		for (uint32_t n = 0; n < 512; n++)
			bytes[n] = i < 2 ? 0 : i < 4 ? 0xff : fake_random() * i;
		CHECK(probe_again() == 0 && fake.count <= 1);
	}
	/* Each allocation that fails. */
	for (uint32_t n = 0; n < 8; n++) {
		channel_begin();
		channel_plug(0, 0, DISK_LBA48);
		channel_plug(0, 1, DISK_OPTICAL);
		fake.takes_left = n;
		int error = probe_again();
		CHECK(error == 0 || error == -BM_ENOMEM);
		CHECK(fake.taken == (error ? 0 : 1 + 2 * fake.count));
	}
}

/* Both drives of a channel at once, by DMA and by the processor. */
static void test_load(enum disk_kind first, enum disk_kind second, bool dma, uint32_t rounds)
{
	uint8_t *buffers[2][4], *copies[2];
	struct {
		uint64_t sector;
		uint32_t count;
		uint8_t operation;
		bool busy;
	} jobs[2][4] = {0};
	uint32_t left = 0;

	channel_begin();
	channel_plug(0, 0, first);
	channel_plug(0, 1, second);
	if (!dma)
		fake.bars[IDE_BAR_MASTER].size = 0;
	CHECK(probe_again() == 0 && fake.count == 2);
	for (int n = 0; n < 2; n++) {
		copies[n] = malloc(DISK_BYTES);
		memcpy(copies[n], channels[0].drives[n].disk.data, DISK_BYTES);
		for (int i = 0; i < 4; i++)
			buffers[n][i] = fake_room();
	}
	while (rounds || left) {
		uint32_t n = fake_random() % 2, tag = fake_random() % 4;
		struct sim_drive *d = &channels[0].drives[n];
		const struct fake_device *f = &fake.devices[n];
		uint32_t size = d->disk.sector_size, most = 65536 / size;
		d->busy_for = fake_random() % 20;
		if (rounds && !jobs[n][tag].busy) {
			uint64_t part = d->disk.sectors / 4;
			uint32_t count = 1 + fake_random() % most;
			uint64_t sector = part * tag + fake_random() % (part - count % part);
			count =
			    count < part * (tag + 1) - sector ? count : part * (tag + 1) - sector;
			uint8_t operation = d->disk.packet ? BM_BLOCK_READ : fake_random() % 2;
			if (!d->disk.packet && fake_random() % 16 == 0)
				operation = BM_BLOCK_FLUSH;
			if (f->driver.flags & BM_BLOCK_HAS_DISCARD && fake_random() % 16 == 0)
				operation = BM_BLOCK_DISCARD;
			uint8_t *buffer = operation <= BM_BLOCK_WRITE ? buffers[n][tag] : NULL;
			for (uint32_t i = 0; operation == BM_BLOCK_WRITE && i < count * size; i++)
				buffer[i] = fake_random();
			if (operation == BM_BLOCK_FLUSH)
				sector = count = 0;
			/* Sometimes the memory is out of reach. */
			uint32_t pieces = fake_random() % 8 && dma ? 1 + fake_random() % 20 : 0;
			jobs[n][tag].sector = sector;
			jobs[n][tag].count = count;
			jobs[n][tag].operation = operation;
			jobs[n][tag].busy = true;
			left++;
			rounds--;
			go(n, tag, operation, sector, count, buffer, pieces);
		}
		fake.now += fake_random() % 20000;
		fake_poll(n);
		for (uint32_t i = 0; i < 4; i++) {
			if (!jobs[n][i].busy || f->results[i] == PENDING)
				continue;
			uint64_t at = jobs[n][i].sector * size, bytes = jobs[n][i].count * size;
			CHECK(f->results[i] == 0);
			if (jobs[n][i].operation == BM_BLOCK_READ)
				CHECK(!memcmp(buffers[n][i], copies[n] + at, bytes));
			if (jobs[n][i].operation == BM_BLOCK_WRITE)
				memcpy(copies[n] + at, buffers[n][i], bytes);
			jobs[n][i].busy = false;
			left--;
		}
	}
	for (int n = 0; n < 2; n++) {
		CHECK(!memcmp(copies[n], channels[0].drives[n].disk.data, DISK_BYTES));
		free(copies[n]);
	}
	CHECK(channels[0].resets == 1);
}

static void test_errors(void)
{
	uint8_t *buffer;
	/* A bad sector, by DMA and by the processor: that command fails, no other. */
	for (uint32_t pieces = 0; pieces < 2; pieces++) {
		struct sim_drive *d = start_with(DISK_LBA48);
		buffer = fake_room();
		d->disk.bad_first = 10;
		d->disk.bad_count = 1;
		d->disk.bad_times = UINT32_MAX;
		for (uint32_t tag = 0; tag < 4; tag++)
			go(0, tag, tag & 1 ? BM_BLOCK_WRITE : BM_BLOCK_READ, tag * 8, 8,
			   buffer + tag * 8192, pieces);
		for (uint32_t tag = 0; tag < 4; tag++)
			CHECK(fake_wait(0, tag, SECOND) == (tag == 1 ? -BM_EIO : 0));
		CHECK(fake.devices[0].answers == 4 && channels[0].resets == 1);
	}
	/* Less data than the table holds; an error of the bus. */
	struct sim_drive *d = start_with(DISK_LBA48);
	buffer = fake_room();
	d->short_dma = true;
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, 1);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO);
	d->short_dma = false;
	d->dma_error = true;
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, 1);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO);
	d->dma_error = false;
	/* A drive that still asks when all is done: nobody knows where it is. */
	for (uint32_t pieces = 0; pieces < 2; pieces++) {
		d->keeps_asking = true;
		go(0, 0, BM_BLOCK_WRITE, 0, 8, buffer, pieces);
		go(0, 1, BM_BLOCK_READ, 64, 8, buffer + 8192, pieces);
		CHECK(fake_wait(0, 0, SECOND) == AGAIN && fake_wait(0, 1, SECOND) == AGAIN);
		d->keeps_asking = false;
		CHECK(fake_reset(0) == 0);
		go(0, 1, BM_BLOCK_READ, 64, 8, buffer, pieces);
		CHECK(fake_wait(0, 1, SECOND) == 0 && is_on_disk(d, 64, buffer, 8));
	}
	/* And by a packet device. */
	for (enum packet_mood mood = PACKET_ODD; mood <= PACKET_SHORT; mood++) {
		d = start_with(DISK_OPTICAL);
		buffer = fake_room();
		d->mood = mood;
		go(0, 2, BM_BLOCK_READ, 3, 8, buffer, 0);
		CHECK(fake_wait(0, 2, SECOND) == (mood == PACKET_SHORT ? -BM_EIO : AGAIN));
		d->mood = PACKET_GOOD;
		CHECK(fake_reset(0) == 0);
		go(0, 2, BM_BLOCK_READ, 3, 8, buffer, 0);
		CHECK(fake_wait(0, 2, SECOND) == 0 && is_on_disk(d, 3, buffer, 8));
	}
	d->disk.attentions = 1000;
	go(0, 2, BM_BLOCK_READ, 3, 8, buffer, 0);
	CHECK(fake_wait(0, 2, SECOND) == -BM_EIO);
	d->disk.attentions = 0;
	d->disk.no_medium = true;
	go(0, 2, BM_BLOCK_READ, 3, 8, buffer, 0);
	CHECK(fake_wait(0, 2, SECOND) == -BM_EIO);

	/* Media: none, late, never. */
	for (uint32_t i = 0; i < 3; i++) {
		channel_begin();
		channel_plug(0, 0, DISK_OPTICAL);
		channels[0].drives[0].disk.no_medium = i == 0;
		channels[0].drives[0].disk.not_ready = i == 1 ? 20 : i == 2 ? UINT32_MAX : 0;
		CHECK(probe_again() == 0 && fake.count == 1 && fake.now < 15 * SECOND);
		CHECK(fake.devices[0].driver.sectors == (i == 1 ? DISK_BYTES / 2048 : 0));
	}
}

/* No answer: a reset, which the other drive's command survives. */
static void test_never(bool dma)
{
	channel_begin();
	channel_plug(0, 0, DISK_LBA48);
	channel_plug(0, 1, DISK_LBA48);
	if (!dma)
		fake.bars[IDE_BAR_MASTER].size = 0;
	CHECK(probe_again() == 0 && fake.count == 2);
	struct sim_drive *d = channels[0].drives;
	uint8_t *buffer = fake_room();
	d[0].deaf = true;
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, dma);
	go(1, 0, BM_BLOCK_READ, 40, 8, buffer + 8192, dma);
	CHECK(fake_wait(0, 0, 40 * SECOND) == PENDING && fake_wait(1, 0, SECOND) == PENDING);
	uint64_t start = fake.now;
	CHECK(fake_reset(0) == 0 && fake.now - start < SECOND);
	CHECK(fake_wait(1, 0, SECOND) == 0 && is_on_disk(&d[1], 40, buffer + 8192, 8));
	d[0].deaf = false;
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, dma);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(&d[0], 0, buffer, 8));

	/* The other drive's reset, while this one is at work. */
	d[0].busy_for = 1000000;
	go(0, 0, BM_BLOCK_READ, 5, 8, buffer, dma);
	memset(buffer + 8192, 0, 8192);
	go(1, 0, BM_BLOCK_READ, 40, 8, buffer + 8192, dma);
	d[0].busy_for = 2;
	CHECK(fake_reset(1) == 0);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(&d[0], 5, buffer, 8));

	/* Never ready again: lost; the other one goes on. */
	d[0].deaf = d[0].never_ready = true;
	go(0, 1, BM_BLOCK_READ, 0, 8, buffer, dma);
	start = fake.now;
	CHECK(fake_reset(0) == 0 && fake.now - start < 15 * SECOND);
	CHECK(fake_start(0, 1, BM_BLOCK_READ, 0, 0, 8, buffer, dma) == -BM_ENODEV);
	go(1, 1, BM_BLOCK_READ, 80, 8, buffer, dma);
	CHECK(fake_wait(1, 1, SECOND) == 0 && is_on_disk(&d[1], 80, buffer, 8));

	/* The bus floats: the adapter is gone. */
	go(1, 1, BM_BLOCK_READ, 80, 8, buffer, dma);
	channels[0].floating = true;
	fake.now += 10000000;
	fake_poll(1);
	fake_reset(1);
	CHECK(fake_start(1, 2, BM_BLOCK_READ, 0, 0, 8, buffer, dma) == -BM_ENODEV);
}

/*
 * A second interrupt for a command that has ended: before that is seen, when nothing is under way,
 * or while the next is. It answers nothing: each command is answered once, and when its data is
 * there; or the channel is to be reset, and the command made again.
 */
static void test_twice(uint32_t after, uint8_t operation, uint32_t pieces)
{
	struct sim_drive *d = start_with(DISK_LBA48);
	struct fake_device *f = &fake.devices[0];
	uint8_t *buffer = fake_room();
	uint32_t tries = 0;

	d->busy_for = 10;
	for (uint32_t i = 0; i < 60 && failures == 0; i++) {
		int results[2] = {AGAIN, AGAIN};
		d->again_after = after;
		for (uint32_t round = 0; round < 10 && (results[0] || results[1]); round++) {
			for (uint32_t tag = 0; tag < 2; tag++) {
				uint8_t *mine = buffer + tag * 8192;
				if (!results[tag])
					continue;
				tries++;
				memset(mine, operation == BM_BLOCK_READ ? 0xa5 : (int)(i + tag),
				       4096);
				go(0, tag, operation, (i % 4 + tag) * 8, 8, mine, pieces);
			}
			if (i % 3 == 0) /* armed: the interrupt is told, which makes a poll */
				f->driver.ops->arm(f->driver.state, 0);
			for (uint32_t tag = 0; tag < 2; tag++)
				if (results[tag])
					results[tag] = fake_wait(0, tag, SECOND);
			if (results[0] || results[1])
				CHECK(fake_reset(0) == 0);
			CHECK(f->answers == tries);
			d->again_after = round < 5 ? after : 0;
		}
		for (uint32_t tag = 0; tag < 2; tag++)
			CHECK(!results[tag] &&
			      is_on_disk(d, (i % 4 + tag) * 8, buffer + tag * 8192, 8));
		for (uint32_t looks = 0; looks < 40; looks++) { /* and the late ones, while idle */
			alternate_status(&((struct controller *)fake.device.state)->channels[0]);
			fake_poll(0);
		}
		CHECK(f->answers == tries);
	}
}

static void test_interrupts(void)
{
	struct sim_drive *d = start_with(DISK_LBA48);
	struct fake_device *f = &fake.devices[0];
	uint8_t *buffer = fake_room();
	d->busy_for = 50;
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, 1);
	CHECK(f->driver.ops->arm(f->driver.state, 0) == 0 && fake.lines_enabled == 1);
	while (!f->notified && fake.now < 10 * SECOND)
		alternate_status(&((struct controller *)fake.device.state)->channels[0]);
	CHECK(f->notified == 1);
	/* Done: told at once, whoever asks. */
	CHECK(f->driver.ops->arm(f->driver.state, 0) == 1);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(d, 0, buffer, 8));
	/* The line is enabled when it has interrupted, not each time. */
	go(0, 0, BM_BLOCK_READ, 0, 8, buffer, 1);
	uint32_t before = fake.lines_enabled;
	f->driver.ops->arm(f->driver.state, 0);
	f->driver.ops->arm(f->driver.state, 0);
	CHECK(fake.lines_enabled <= before + 1);
}

int main(void)
{
	test_probe();
	test_load(DISK_LBA48, DISK_LBA28, true, 3000);
	test_load(DISK_LBA48, DISK_4096, false, 800);
	test_load(DISK_OPTICAL, DISK_LBA48, true, 1500);
	test_errors();
	test_never(true);
	test_never(false);
	for (uint32_t after = 1; after < 30; after += 1 + after / 6)
		for (uint32_t pieces = 0; pieces < 2; pieces++) {
			test_twice(after, BM_BLOCK_READ, pieces);
			test_twice(after, BM_BLOCK_WRITE, pieces);
		}
	test_interrupts();
	printf("%u checks, %u failed\n", checks, failures);
	return failures || !checks;
}
