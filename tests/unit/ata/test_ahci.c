/* SPDX-License-Identifier: MIT */
/*
 * The AHCI driver against a simulated adapter (adapter.h): devices of all kinds, and such as answer
 * late, twice, never, or with nonsense.
 */
#include <stdio.h>
#include <stdlib.h>
#include "drivers/block/ahci.c"
#include "adapter.h"
#include "kernel.h"

const struct bm_driver *driver_under_test = &ahci;

#define SECOND 1000000000ul

static struct sim_port *begin(enum disk_kind kind)
{
	adapter_begin();
	adapter_plug(0, kind);
	CHECK(fake_probe() == 0);
	CHECK(fake.count == 1);
	return &adapter.ports[0];
}

static bool is_on_disk(const struct sim_port *p, uint64_t sector, const uint8_t *data,
		       uint32_t sectors)
{
	return !memcmp(p->disk.data + sector * p->disk.sector_size, data,
		       sectors * p->disk.sector_size);
}

/* Start a read or a write of one run, and kick. */
static void go(uint32_t tag, uint8_t operation, uint64_t sector, uint32_t sectors, uint8_t *buffer)
{
	CHECK(fake_start(0, tag, operation, 0, sector, sectors, buffer, 1) == 0);
	fake_kick(0);
}

static void test_probe(void)
{
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter_plug(1, DISK_LBA28);
	adapter_plug(3, DISK_4096);
	adapter_plug(4, DISK_OPTICAL);
	CHECK(fake_probe() == 0 && fake.count == 4 && fake.master && adapter.resets == 1);
	const struct bm_block_driver *d = &fake.devices[0].driver;
	CHECK(d->sectors == DISK_BYTES / 512 && d->sector_size == 512 && d->depth == 32);
	CHECK(d->flags == (BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_FUA | BM_BLOCK_HAS_DISCARD));
	CHECK(!strncmp(fake.devices[0].model, "a disk ", 7));
	CHECK(!strncmp(fake.devices[0].serial, "serial 7 ", 9));
	CHECK(!strncmp(fake.devices[0].firmware, "1.0 ", 4) && !strcmp(d->name, "ahci"));
	d = &fake.devices[1].driver;
	CHECK(d->depth == 8 && d->max_bytes == 256 * 512 && d->flags == BM_BLOCK_WRITE_CACHE);
	d = &fake.devices[2].driver;
	CHECK(d->sector_size == 4096 && d->sectors == DISK_BYTES / 4096 && d->depth == 32);
	d = &fake.devices[3].driver;
	CHECK(d->sector_size == 2048 && d->sectors == DISK_BYTES / 2048);
	CHECK(d->flags == (BM_BLOCK_READ_ONLY | BM_BLOCK_OPTICAL | BM_BLOCK_REMOVABLE));

	/* No interrupt; fewer slots than the disk could use; no NCQ in the adapter. */
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	fake.interrupts = false;
	adapter.cap = HBA_CAP_64 | HBA_CAP_NCQ | 3 << 8;
	CHECK(fake_probe() == 0 && fake.devices[0].driver.depth == 4);
	CHECK(!fake.devices[0].driver.ops->arm);
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter.cap = HBA_CAP_64 | 31 << 8;
	CHECK(fake_probe() == 0 && fake.devices[0].driver.depth == 8);

	/* Nothing plugged in; and quickly so. */
	adapter_begin();
	uint64_t before = fake.now;
	CHECK(fake_probe() == 0 && fake.count == 0 && fake.now - before < SECOND / 20);
}

static void test_bad_adapters(void)
{
	/* Registers that are all ones; no register block; one that is too small. */
	adapter_begin();
	adapter.gone_ones = true;
	CHECK(fake_probe() < 0 && !fake.taken);
	adapter_begin();
	fake.bars[AHCI_BAR].size = 0;
	CHECK(fake_probe() < 0 && !fake.taken);
	adapter_begin();
	fake.bars[AHCI_BAR].size = PORT(0);
	CHECK(fake_probe() < 0 && !fake.taken);
	/* Ports said to be there, beyond the register block. */
	adapter_begin();
	adapter_plug(1, DISK_NCQ);
	adapter.pi = ~0u;
	CHECK(fake_probe() == 0 && fake.count == 1);
	/* A reset without end. */
	adapter_begin();
	adapter.reset_after = UINT32_MAX;
	CHECK(fake_probe() == -BM_EIO && fake.now < 3 * SECOND && !fake.taken);
	/* One that comes late. */
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter.reset_after = 1000;
	CHECK(fake_probe() == 0 && fake.count == 1);
	/* Firmware that lets go at once, late, and never. */
	for (uint32_t i = 0; i < 3; i++) {
		adapter_begin();
		adapter_plug(0, DISK_NCQ);
		adapter.cap2 = HBA_CAP2_HANDOFF;
		adapter.bohc = HBA_BOHC_BIOS | (i == 1 ? HBA_BOHC_BUSY : 0);
		adapter.firmware_after = i == 0 ? 3 : i == 1 ? 5000 : 0;
		CHECK(fake_probe() == 0 && fake.count == 1 && adapter.bohc & HBA_BOHC_OS);
		CHECK(fake.now < 4 * SECOND && fake.warnings == (i == 2));
	}
	/* Each allocation that fails: nothing leaks, nothing is touched afterwards. */
	for (uint32_t n = 0; n < 16; n++) {
		adapter_begin();
		adapter_plug(0, DISK_NCQ);
		adapter_plug(1, DISK_OPTICAL);
		fake.takes_left = n;
		int error = fake_probe();
		CHECK(error == 0 || error == -BM_ENOMEM);
		CHECK(fake.taken == (error ? 0 : 1 + 5 * fake.count));
	}
}

static void test_bad_devices(void)
{
	/* A device that never gets ready, with a good one beside it. */
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter_plug(1, DISK_NCQ);
	adapter.ports[0].never_ready = true;
	CHECK(fake_probe() == 0 && fake.count == 1 && fake.warnings && fake.now < 15 * SECOND);
	/* One that gets ready late; one that does not answer IDENTIFY. */
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter.ports[0].ready_after = 100000;
	CHECK(fake_probe() == 0 && fake.count == 1);
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter.ports[0].deaf = true;
	CHECK(fake_probe() == 0 && fake.count == 0 && fake.now < 30 * SECOND);
	CHECK(fake.taken == 1); /* of the adapter */
	/* Identify data of random bytes, and of zeros and ones. */
	for (uint32_t i = 0; i < 300; i++) {
		adapter_begin();
		adapter_plug(0, i & 1 ? DISK_NCQ : DISK_OPTICAL);
		uint8_t *bytes = (uint8_t *)adapter.ports[0].disk.identity;
		for (uint32_t n = 0; n < 512; n++)
			bytes[n] = i < 2 ? 0 : i < 4 ? 0xff : fake_random() * i;
		CHECK(fake_probe() == 0 && fake.count <= 1);
	}
}

/* Many commands under way, which end in any order. */
static void test_load(enum disk_kind kind, uint32_t rounds)
{
	struct sim_port *p = begin(kind);
	struct fake_device *d = &fake.devices[0];
	uint32_t size = p->disk.sector_size, most = 65536 / size, depth = d->driver.depth;
	uint8_t *buffers[32], *copy = malloc(DISK_BYTES);
	uint64_t sectors[32];
	uint32_t counts[32], flushes = 0, discards = 0;
	uint8_t operations[32];
	uint32_t busy = 0;

	memcpy(copy, p->disk.data, DISK_BYTES);
	for (uint32_t i = 0; i < depth; i++)
		buffers[i] = fake_buffer(65536);
	p->hold = true;
	while (rounds || busy) {
		for (uint32_t tag = 0; rounds && tag < depth; tag++) {
			if (busy >> tag & 1 || fake_random() % 3)
				continue;
			uint32_t count = 1 + fake_random() % most;
			/* A part of the disk for each tag: no two overlap. */
			uint64_t part = p->disk.sectors / depth;
			uint64_t sector = part * tag + fake_random() % (part - count % part);
			count =
			    count < part * (tag + 1) - sector ? count : part * (tag + 1) - sector;
			operations[tag] = kind == DISK_OPTICAL ? BM_BLOCK_READ : fake_random() % 2;
			if (kind != DISK_OPTICAL && fake_random() % 16 == 0)
				operations[tag] = BM_BLOCK_FLUSH;
			else if (d->driver.flags & BM_BLOCK_HAS_DISCARD && fake_random() % 16 == 0)
				operations[tag] = BM_BLOCK_DISCARD;
			sectors[tag] = sector;
			counts[tag] = count;
			uint8_t flags =
			    operations[tag] == BM_BLOCK_WRITE && d->driver.flags & BM_BLOCK_HAS_FUA
				? fake_random() % 2
				: 0;
			if (operations[tag] == BM_BLOCK_WRITE)
				for (uint32_t i = 0; i < count * size; i++)
					buffers[tag][i] = fake_random();
			flushes += operations[tag] == BM_BLOCK_FLUSH;
			discards += operations[tag] == BM_BLOCK_DISCARD;
			bool data = operations[tag] <= BM_BLOCK_WRITE;
			CHECK(fake_start(0, tag, operations[tag], flags,
					 operations[tag] == BM_BLOCK_FLUSH ? 0 : sector,
					 operations[tag] == BM_BLOCK_FLUSH ? 0 : count,
					 data ? buffers[tag] : NULL, 1 + fake_random() % 20) == 0);
			busy |= 1u << tag;
			rounds--;
		}
		fake_kick(0);
		/* Any one of those that the device has. */
		for (uint32_t tries = 0; p->held && tries < 4; tries++) {
			uint32_t tag = fake_random() % 32;
			if (p->held >> tag & 1)
				adapter_do(0, tag);
		}
		if (fake_random() % 8 == 0)
			fake.now += 2000000;
		fake_poll(0);
		for (uint32_t tag = 0; tag < depth; tag++) {
			if (!(busy >> tag & 1) || d->results[tag] == PENDING)
				continue;
			CHECK(d->results[tag] == 0);
			uint64_t at = sectors[tag] * size, bytes = counts[tag] * size;
			if (operations[tag] == BM_BLOCK_READ)
				CHECK(!memcmp(buffers[tag], copy + at, bytes));
			if (operations[tag] == BM_BLOCK_WRITE)
				memcpy(copy + at, buffers[tag], bytes);
			busy &= ~(1u << tag);
		}
	}
	CHECK(!memcmp(copy, p->disk.data, DISK_BYTES));
	CHECK(p->disk.flushes == flushes && (!discards || p->disk.trimmed));
	CHECK(!p->held && !p->ci && !p->sact);
	free(copy);
}

/* One that waits longest comes next, however many others come. */
static void test_in_turn(void)
{
	struct sim_port *p = begin(DISK_LBA48);
	uint8_t *buffer = fake_buffer(512);
	p->hold = true;
	for (uint32_t tag = 0; tag < 8; tag++)
		go(tag, BM_BLOCK_READ, tag, 1, buffer);
	for (uint32_t i = 0; i < 64; i++) {
		CHECK(p->held && !(p->held & (p->held - 1)));
		uint32_t tag = __builtin_ctz(p->held);
		CHECK(tag == i % 8);
		adapter_do(0, tag);
		CHECK(fake_wait(0, tag, SECOND) == 0);
		go(tag, BM_BLOCK_READ, tag, 1, buffer);
	}
}

/* A bad sector among many commands: its command fails, the others do not. */
static void test_queue_error(enum log_kind log, bool logs)
{
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	struct sim_port *p = &adapter.ports[0];
	if (!logs)
		p->disk.identity[84] = p->disk.identity[87] = 0x4000;
	p->log = log;
	CHECK(fake_probe() == 0 && fake.count == 1);
	struct fake_device *d = &fake.devices[0];
	uint8_t *buffers[16];
	p->disk.bad_first = 5 * 8 + 3;
	p->disk.bad_count = 1;
	p->disk.bad_times = UINT32_MAX;
	p->hold = true;
	uint32_t resets = p->resets;
	for (uint32_t tag = 0; tag < 16; tag++) {
		buffers[tag] = fake_buffer(4096);
		memset(buffers[tag], (int)tag, 4096);
		CHECK(fake_start(0, tag, tag & 1 ? BM_BLOCK_WRITE : BM_BLOCK_READ, 0, tag * 8, 8,
				 buffers[tag], 3) == 0);
	}
	/* And one that does not go by the queue. */
	CHECK(fake_start(0, 20, BM_BLOCK_FLUSH, 0, 0, 0, NULL, 0) == 0);
	fake_kick(0);
	/* Held while those that are queued have the device, or the other way round. */
	if (p->held == 1u << 20) {
		adapter_do(0, 20);
		fake_poll(0);
	}
	CHECK(p->held == 0xffff);
	adapter_do(0, 2);
	adapter_do(0, 9);
	CHECK(!adapter_do(0, 5));
	p->hold = false;
	uint64_t start = fake.now;
	for (uint32_t tag = 0; tag < 16; tag++)
		CHECK(fake_wait(0, tag, 60 * SECOND) == (tag == 5 ? -BM_EIO : 0));
	CHECK(fake_wait(0, 20, 60 * SECOND) == 0);
	CHECK(d->answers == 17);
	CHECK(fake.now - start < (log == LOG_NEVER ? 15 : 3) * SECOND);
	for (uint32_t tag = 0; tag < 16; tag++)
		if (tag != 5)
			CHECK(is_on_disk(p, tag * 8, buffers[tag], 8));
	CHECK(logs ? p->logs_read > 0 : p->logs_read == 0);
	/* A log that can be read makes a reset of the link needless. */
	CHECK((p->resets == resets) == (logs && log != LOG_FAILS && log != LOG_NEVER));
	/* All goes on. */
	go(5, BM_BLOCK_READ, 900, 8, buffers[5]);
	CHECK(fake_wait(0, 5, SECOND) == 0 && is_on_disk(p, 900, buffers[5], 8));
}

/* Errors of commands that have the device to themselves. */
static void test_plain_error(void)
{
	struct sim_port *p = begin(DISK_LBA48);
	uint8_t *buffer = fake_buffer(4096);
	p->disk.bad_first = 100;
	p->disk.bad_count = 1;
	p->disk.bad_times = UINT32_MAX;
	for (uint32_t tag = 0; tag < 8; tag++)
		CHECK(fake_start(0, tag, BM_BLOCK_READ, 0, 97 + tag, 1, buffer + tag * 512, 1) ==
		      0);
	fake_kick(0);
	for (uint32_t tag = 0; tag < 8; tag++)
		CHECK(fake_wait(0, tag, 5 * SECOND) == (tag == 3 ? -BM_EIO : 0));
	CHECK(fake.devices[0].answers == 8);

	/* A flush that fails, on a disk with a queue. */
	p = begin(DISK_NCQ);
	p->disk.bad_count = UINT64_MAX;
	p->disk.bad_times = 1;
	CHECK(fake_start(0, 3, BM_BLOCK_FLUSH, 0, 0, 0, NULL, 0) == 0);
	go(4, BM_BLOCK_READ, 7, 1, fake_buffer(512));
	CHECK(fake_wait(0, 3, 5 * SECOND) == -BM_EIO && fake_wait(0, 4, 5 * SECOND) == 0);
	CHECK(fake_start(0, 3, BM_BLOCK_FLUSH, 0, 0, 0, NULL, 0) == 0);
	fake_kick(0);
	CHECK(fake_wait(0, 3, 5 * SECOND) == 0);

	/* A device fault without the error bit. */
	p = begin(DISK_LBA48);
	p->hold = true;
	CHECK(fake_start(0, 0, BM_BLOCK_FLUSH, 0, 0, 0, NULL, 0) == 0);
	fake_kick(0);
	adapter_do(0, 0);
	p->tfd |= ATA_STATUS_DF;
	CHECK(fake_wait(0, 0, 5 * SECOND) == -BM_EIO);
}

/* Errors of the interface, that tell of no command: tried again, but not for ever. */
static void test_interface_error(uint32_t times, enum disk_kind kind)
{
	struct sim_port *p = begin(kind);
	uint8_t *buffer = fake_buffer(4096);
	p->hold = true;
	for (uint32_t tag = 0; tag < 4; tag++)
		go(tag, BM_BLOCK_READ, tag, 1, buffer + tag * 512);
	for (uint32_t i = 0; i < times; i++) {
		for (uint32_t n = 0; !p->held && n < 1000; n++) {
			fake.now += 1000000;
			fake_poll(0);
		}
		if (p->held)
			adapter_interface_error(0);
		fake_poll(0);
		p->held = 0;
	}
	for (uint32_t n = 0; n < 2000 && !p->held && fake.devices[0].answers < 4; n++) {
		fake.now += 1000000;
		fake_poll(0);
	}
	p->hold = false;
	if (p->held)
		for (uint32_t tag = 0; tag < 4; tag++)
			if (p->held >> tag & 1)
				adapter_do(0, tag);
	uint32_t errors = 0;
	for (uint32_t tag = 0; tag < 4; tag++) {
		int result = fake_wait(0, tag, 30 * SECOND);
		CHECK(result == 0 || result == -BM_EIO);
		CHECK(result || is_on_disk(p, tag, buffer + tag * 512, 1));
		errors += result != 0;
	}
	/* Three times each; the first is one of all in the queue. */
	CHECK(errors == (kind == DISK_NCQ ? (times - 1) / 2 : times / 3));
	CHECK(fake.devices[0].answers == 4 && p->resets > 0);
}

/* No answer at all: the kernel resets; nothing of old touches memory afterwards. */
static void test_never(enum disk_kind kind)
{
	struct sim_port *p = begin(kind);
	uint8_t *buffer = fake_buffer(4096);
	p->deaf = true;
	go(0, BM_BLOCK_READ, 0, 1, buffer);
	go(1, BM_BLOCK_READ, 1, 1, buffer + 2048);
	CHECK(fake_wait(0, 0, 40 * SECOND) == PENDING);
	uint64_t start = fake.now;
	CHECK(fake_reset(0) == 0 && fake.now - start < 2 * SECOND && p->resets == 1);
	CHECK(!p->ci && !p->sact);
	p->deaf = false;
	/* Begun again, under other tags. */
	go(1, BM_BLOCK_READ, 3, 1, buffer);
	CHECK(fake_wait(0, 1, SECOND) == 0 && is_on_disk(p, 3, buffer, 1));

	/* A device that is busy for ever, even after that. */
	p->deaf = p->never_ready = true;
	go(2, BM_BLOCK_READ, 3, 1, buffer);
	start = fake.now;
	CHECK(fake_reset(0) == 0 && fake.now - start < 15 * SECOND);
	CHECK(fake_start(0, 2, BM_BLOCK_READ, 0, 0, 1, buffer, 1) == -BM_ENODEV);
	CHECK(fake_reset(0) == 0);
}

/* An engine that does not stop: the adapter is reset, and the other port's disk goes on. */
static void test_stuck(void)
{
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter_plug(1, DISK_NCQ);
	CHECK(fake_probe() == 0 && fake.count == 2 && adapter.resets == 1);
	struct sim_port *p = adapter.ports, *other = &adapter.ports[1];
	uint8_t *buffer = fake_buffer(8192);
	p->hold = other->hold = true;
	p->never_stops = true;
	go(0, BM_BLOCK_READ, 0, 1, buffer);
	CHECK(fake_start(1, 7, BM_BLOCK_READ, 0, 9, 1, buffer + 4096, 1) == 0);
	fake_kick(1);
	adapter_interface_error(0);
	CHECK(fake_wait(0, 0, 5 * SECOND) == AGAIN && adapter.resets == 1);
	p->hold = other->hold = false;
	CHECK(fake_reset(0) == 0 && adapter.resets == 2);
	go(0, BM_BLOCK_READ, 0, 1, buffer);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(p, 0, buffer, 1));
	/* The other one has lost its command, and says so. */
	CHECK(fake_wait(1, 7, 5 * SECOND) == AGAIN);
	CHECK(fake_reset(1) == 0 && adapter.resets == 2);
	CHECK(fake_start(1, 7, BM_BLOCK_READ, 0, 9, 1, buffer + 4096, 1) == 0);
	fake_kick(1);
	CHECK(fake_wait(1, 7, SECOND) == 0 && is_on_disk(other, 9, buffer + 4096, 1));
	/* One that does not even come back from that. */
	p->never_stops = true;
	adapter.reset_after = UINT32_MAX;
	go(0, BM_BLOCK_FLUSH, 0, 0, NULL);
	CHECK(fake_reset(0) < 0);
}

static void test_unplugged(void)
{
	struct sim_port *p = begin(DISK_NCQ);
	uint8_t *buffer = fake_buffer(4096);
	p->hold = true;
	for (uint32_t tag = 0; tag < 4; tag++)
		go(tag, BM_BLOCK_READ, tag, 1, buffer + tag * 512);
	adapter_do(0, 1);
	adapter_unplug(0);
	uint64_t start = fake.now;
	for (uint32_t tag = 0; tag < 4; tag++)
		CHECK(fake_wait(0, tag, 10 * SECOND) == (tag == 1 ? 0 : -BM_ENODEV));
	CHECK(fake.now - start < 3 * SECOND && fake.devices[0].answers == 4);
	CHECK(fake_start(0, 0, BM_BLOCK_READ, 0, 0, 1, buffer, 1) == -BM_ENODEV);
	CHECK(fake_reset(0) == 0);

	/* The whole adapter: all ones, or all zeros. */
	for (int ones = 0; ones < 2; ones++) {
		p = begin(DISK_NCQ);
		buffer = fake_buffer(4096);
		p->hold = true;
		for (uint32_t tag = 0; tag < 4; tag++)
			go(tag, BM_BLOCK_READ, tag, 1, buffer + tag * 512);
		adapter.gone_ones = ones;
		adapter.gone_zeros = !ones;
		for (uint32_t tag = 0; tag < 4; tag++)
			CHECK(fake_wait(0, tag, SECOND) == -BM_ENODEV);
		CHECK(fake_start(0, 0, BM_BLOCK_READ, 0, 0, 1, buffer, 1) == -BM_ENODEV);
		fake_reset(0);
		/* Before anything was noticed. */
		p = begin(DISK_NCQ);
		adapter.gone_ones = true;
		CHECK(fake_reset(0) < 0);
	}
	/* A link that is lost for a moment. */
	p = begin(DISK_NCQ);
	buffer = fake_buffer(4096);
	p->hold = true;
	go(0, BM_BLOCK_READ, 3, 1, buffer);
	p->is |= PORT_IS_PHY;
	fake.now += 10000000;
	fake_poll(0);
	p->hold = false;
	CHECK(fake_wait(0, 0, 5 * SECOND) == 0 && is_on_disk(p, 3, buffer, 1) && p->resets == 1);
}

/* What the device never was asked for; what it says twice. */
static void test_nonsense(void)
{
	struct sim_port *p = begin(DISK_NCQ);
	struct fake_device *d = &fake.devices[0];
	uint8_t *buffer = fake_buffer(4096);
	p->hold = true;
	for (uint32_t i = 0; i < 2000; i++) {
		uint32_t tag = fake_random() % 32;
		if (!d->in_use[tag])
			go(tag, BM_BLOCK_READ, fake_random() % 100, 1, buffer);
		if (fake_random() % 2)
			adapter_tell_again(0);
		tag = fake_random() % 32;
		if (p->held >> tag & 1)
			adapter_do(0, tag);
		/* Bits of tags that nobody has. */
		for (uint32_t n = 0; n < 32; n++)
			if (!d->in_use[n] && fake_random() % 8 == 0)
				p->sact ^= 1u << n;
		fake_poll(0);
		for (uint32_t n = 0; n < 32; n++)
			if (!d->in_use[n])
				p->sact &= ~(1u << n);
	}
	/* Errors about nothing; with and without something under way. */
	for (uint32_t i = 0; i < 50; i++) {
		p->hold = fake_random() % 2;
		p->is |= 1u << fake_random() % 31;
		adapter_tell_again(0);
		for (uint32_t n = 0; n < 50; n++) {
			fake.now += 1000000;
			fake_poll(0);
		}
		for (uint32_t tag = 0; tag < 32; tag++)
			if (p->held >> tag & 1)
				adapter_do(0, tag);
	}
	p->hold = false;
	for (uint32_t tag = 0; tag < 32; tag++)
		if (p->held >> tag & 1)
			adapter_do(0, tag);
	for (uint32_t tag = 0; tag < 32; tag++)
		if (d->in_use[tag]) {
			int result = fake_wait(0, tag, 20 * SECOND);
			CHECK(result == 0 || result == -BM_EIO || result == -BM_ENODEV);
		}
}

static void test_interrupts(void)
{
	struct sim_port *p = begin(DISK_NCQ);
	struct fake_device *d = &fake.devices[0];
	uint8_t *buffer = fake_buffer(4096);
	p->hold = true;
	go(0, BM_BLOCK_READ, 0, 1, buffer);
	go(1, BM_BLOCK_READ, 1, 1, buffer + 512);
	adapter_do(0, 0);
	CHECK(d->notified == 0); /* not armed */
	CHECK(fake_wait(0, 0, SECOND) == 0);
	CHECK(d->driver.ops->arm(d->driver.state, 0) == 0 && fake.lines_enabled == 1);
	adapter_do(0, 1);
	CHECK(d->notified == 1);
	adapter_tell_again(0);
	CHECK(d->notified == 1); /* until it is armed again */
	CHECK(fake_wait(0, 1, SECOND) == 0);
	/* Done before it is armed: told at once. */
	go(2, BM_BLOCK_READ, 0, 1, buffer);
	adapter_do(0, 2);
	CHECK(d->driver.ops->arm(d->driver.state, 0) == 1 || d->notified == 2);
	CHECK(fake_wait(0, 2, SECOND) == 0);
	/* An error interrupts as well. */
	p->disk.bad_count = 1;
	p->disk.bad_times = 1;
	go(2, BM_BLOCK_READ, 0, 1, buffer);
	d->driver.ops->arm(d->driver.state, 0);
	uint32_t before = d->notified;
	CHECK(!adapter_do(0, 2) && d->notified == before + 1);
	p->hold = false;
	CHECK(fake_wait(0, 2, SECOND) == -BM_EIO);
	/* An adapter that is gone, while it interrupts. */
	adapter.gone_ones = true;
	fake.function(fake.argument);
}

static void test_optical(void)
{
	struct sim_port *p = begin(DISK_OPTICAL);
	uint8_t *buffer = fake_buffer(131072);
	uint32_t most = fake.devices[0].driver.max_bytes / 2048;
	go(0, BM_BLOCK_READ, 100, most, buffer);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(p, 100, buffer, most));
	/* An attention, in between: tried again. For ever: not. */
	p->disk.attentions = 2;
	go(0, BM_BLOCK_READ, 5, 1, buffer);
	CHECK(fake_wait(0, 0, SECOND) == 0 && is_on_disk(p, 5, buffer, 1));
	p->disk.attentions = 1000;
	go(0, BM_BLOCK_READ, 5, 1, buffer);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO);
	p->disk.attentions = 0;
	/* A bad sector; fewer bytes than were asked for; the medium taken out. */
	p->disk.bad_first = 9;
	p->disk.bad_count = 1;
	p->disk.bad_times = UINT32_MAX;
	go(0, BM_BLOCK_READ, 8, 4, buffer);
	go(1, BM_BLOCK_READ, 20, 4, buffer + 8192);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO && fake_wait(0, 1, SECOND) == 0);
	p->short_by = 2048;
	go(0, BM_BLOCK_READ, 20, 4, buffer);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO);
	p->short_by = 0;
	p->disk.no_medium = true;
	go(0, BM_BLOCK_READ, 20, 4, buffer);
	CHECK(fake_wait(0, 0, SECOND) == -BM_EIO);
	test_never(DISK_OPTICAL);

	/* No medium; one that gets ready late, and never; sectors of an odd size; many attentions.
	 */
	adapter_begin();
	adapter_plug(0, DISK_OPTICAL);
	adapter.ports[0].disk.no_medium = true;
	CHECK(fake_probe() == 0 && fake.count == 1 && fake.devices[0].driver.sectors == 0);
	adapter_begin();
	adapter_plug(0, DISK_OPTICAL);
	adapter.ports[0].disk.not_ready = 20;
	CHECK(fake_probe() == 0 && fake.count == 1 && fake.devices[0].driver.sectors == 1024);
	adapter_begin();
	adapter_plug(0, DISK_OPTICAL);
	adapter.ports[0].disk.not_ready = UINT32_MAX;
	CHECK(fake_probe() == 0 && fake.count == 1 && !fake.devices[0].driver.sectors);
	CHECK(fake.now < 15 * SECOND);
	adapter_begin();
	adapter_plug(0, DISK_OPTICAL);
	adapter.ports[0].disk.sector_size = 2352;
	CHECK(fake_probe() == 0 && fake.count == 1 && !fake.devices[0].driver.sectors);
	adapter_begin();
	adapter_plug(0, DISK_OPTICAL);
	adapter.ports[0].disk.attentions = UINT32_MAX;
	CHECK(fake_probe() == 0 && fake.now < 15 * SECOND);
}

/* An adapter that reaches 4 GiB only: what lies beyond goes through memory of the driver's. */
static void test_bounce(void)
{
	adapter_begin();
	adapter_plug(0, DISK_NCQ);
	adapter.cap &= ~HBA_CAP_64;
	CHECK(fake_probe() == 0 && fake.count == 1);
	struct sim_port *p = &adapter.ports[0];
	CHECK(fake.devices[0].driver.phys_limit == 1ul << 32);
	CHECK(fake.devices[0].driver.max_bytes == 65536);
	uint8_t *buffer = fake_buffer(65536 + 512) + 512;
	for (uint32_t i = 0; i < 65536; i++)
		buffer[i] = fake_random();
	CHECK(fake_start(0, 31, BM_BLOCK_WRITE, 0, 40, 127, buffer, 0) == 0);
	fake_kick(0);
	CHECK(fake_wait(0, 31, SECOND) == 0 && is_on_disk(p, 40, buffer, 127));
	memset(buffer, 0, 65536);
	CHECK(fake_start(0, 3, BM_BLOCK_READ, 0, 50, 77, buffer, 0) == 0);
	fake_kick(0);
	CHECK(fake_wait(0, 3, SECOND) == 0 && is_on_disk(p, 50, buffer, 77) && !buffer[77 * 512]);
	/* Where it is not limited, the kernel never asks for that. */
	begin(DISK_NCQ);
	CHECK(fake_start(0, 0, BM_BLOCK_READ, 0, 0, 1, fake_buffer(1024) + 512, 0) == -BM_EFAULT);
}

int main(void)
{
	test_probe();
	test_bad_adapters();
	test_bad_devices();
	test_load(DISK_NCQ, 4000);
	test_load(DISK_LBA48, 1000);
	test_load(DISK_LBA28, 1000);
	test_load(DISK_4096, 2000);
	test_load(DISK_OPTICAL, 500);
	test_in_turn();
	for (enum log_kind log = LOG_GOOD; log <= LOG_NEVER; log++)
		test_queue_error(log, true);
	test_queue_error(LOG_GOOD, false);
	test_plain_error();
	for (uint32_t times = 1; times < 8; times++) {
		test_interface_error(times, DISK_NCQ);
		test_interface_error(times, DISK_LBA28);
	}
	test_never(DISK_NCQ);
	test_never(DISK_LBA28);
	test_stuck();
	test_unplugged();
	test_nonsense();
	test_interrupts();
	test_optical();
	test_bounce();
	printf("%u checks, %u failed\n", checks, failures);
	return failures || !checks;
}
