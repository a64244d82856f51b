/* SPDX-License-Identifier: MIT */
/*
 * A simulated IDE adapter. Contract: channel.h.
 */
#include "channel.h"
#include <stdio.h>
#include <string.h>
#include "cpu/cpu.h"
#include "drivers/block/ata_command.h"
#include "drivers/block/ata_regs.h"
#include "kernel.h"

#define MASTER 0xc000

struct sim_channel channels[2];

/* ---- Drives ---- */

static struct sim_drive *selected(struct sim_channel *c)
{
	return &c->drives[c->selected];
}

static bool is_there(const struct sim_channel *c)
{
	return c->drives[c->selected].disk.present;
}

static void raise(struct sim_channel *c)
{
	c->line = true;
	c->master_status |= MASTER_STATUS_INTERRUPT;
	if (fake.function)
		fake.function(fake.argument);
}

static void end(struct sim_channel *c, struct sim_drive *d, uint8_t status, uint8_t error)
{
	d->status = status | ATA_STATUS_DRDY | (d->keeps_asking ? ATA_STATUS_DRQ : 0);
	d->error = error;
	if (!d->disk.packet || error)
		d->registers[ATA_REG_ERROR] = error;
	d->again_left = d->again_after;
	raise(c);
}

/* Data for PIO, in blocks. */
static void offer(struct sim_channel *c, struct sim_drive *d, uint8_t *data, uint32_t bytes,
		  uint32_t block, bool to_host, bool interrupt)
{
	d->data = data;
	d->bytes = bytes;
	d->at = 0;
	d->block = block;
	d->to_host = to_host;
	d->status = ATA_STATUS_DRDY | ATA_STATUS_DRQ;
	if (interrupt)
		raise(c);
}

/* The table's memory, and a piece of the disk. */
static void do_dma(struct sim_channel *c, struct sim_drive *d, uint8_t *data, uint32_t bytes,
		   bool to_host)
{
	uint32_t moved = 0;
	CHECK(!(c->table & 3));
	CHECK(!(c->master_command & MASTER_COMMAND_TO_HOST) == !to_host);
	for (uint32_t i = 0; moved < bytes; i++) {
		const struct prd *e = (struct prd *)fake_memory(c->table) + i;
		uint32_t size = e->bytes ? e->bytes : 0x10000;
		CHECK((c->table + i * 8) >> 16 == c->table >> 16);
		CHECK(e->address >> 16 == (e->address + size - 1) >> 16 && !(e->address & 1));
		CHECK(size <= bytes - moved);
		size = size < bytes - moved ? size : bytes - moved;
		if (to_host)
			memcpy(fake_memory(e->address), data + moved, size);
		else
			memcpy(data + moved, fake_memory(e->address), size);
		moved += size;
		CHECK(!(e->flags & PRD_LAST) == (moved < bytes));
		if (e->flags & PRD_LAST)
			break;
	}
	CHECK(moved == bytes);
	if (!d->short_dma)
		c->master_status &= ~MASTER_STATUS_ACTIVE;
	if (d->dma_error)
		c->master_status |= MASTER_STATUS_ERROR;
}

/* A command's time has come. */
static void carry_out(struct sim_channel *c, struct sim_drive *d)
{
	struct sim_disk *disk = &d->disk;
	uint8_t *at = disk->data + d->lba * disk->sector_size;
	uint32_t bytes = d->count * disk->sector_size;
	bool write = false;

	switch (d->command) {
	case ATA_IDENTIFY_DEVICE:
	case ATA_IDENTIFY_PACKET:
		if (disk->packet != (d->command == ATA_IDENTIFY_PACKET))
			end(c, d, ATA_STATUS_ERR, ATA_ERROR_ABRT);
		else
			offer(c, d, (uint8_t *)disk->identity, 512, 512, true, true);
		return;
	case ATA_FLUSH_CACHE:
	case ATA_FLUSH_CACHE_EXT:
		disk->flushes++;
		end(c, d, 0, 0);
		return;
	case ATA_DATA_SET_MANAGEMENT: {
		uint8_t block[512];
		CHECK(d->registers[ATA_REG_FEATURES] == ATA_DATA_SET_TRIM);
		do_dma(c, d, block, 512, false);
		disk_trim(disk, block);
		end(c, d, 0, 0);
		return;
	}
	case ATA_PACKET:
		d->wants_packet = true;
		offer(c, d, d->answer, 12, 12, false, false);
		return;
	case ATA_WRITE_SECTORS:
	case ATA_WRITE_SECTORS_EXT:
	case ATA_WRITE_DMA:
	case ATA_WRITE_DMA_EXT:
		write = true;
	}
	CHECK(d->lba + d->count <= disk->sectors);
	/* Stopped because of an interrupt that was none of its own: no data, until it is reset. */
	if (d->dma && d->again_after && !(c->master_command & MASTER_COMMAND_START))
		return;
	if (disk_fails(disk, d->lba, d->count)) {
		if (d->dma)
			c->master_status &= ~MASTER_STATUS_ACTIVE;
		end(c, d, ATA_STATUS_ERR, 0x40);
		return;
	}
	if (d->dma) {
		CHECK(c->master_command & MASTER_COMMAND_START);
		do_dma(c, d, at, bytes, !write);
		end(c, d, 0, 0);
	} else {
		offer(c, d, at, bytes, disk->sector_size, !write, !write);
	}
}

/* A block has gone over. */
static void next_block(struct sim_channel *c, struct sim_drive *d)
{
	uint32_t bytes = 0;
	if (d->wants_packet) {
		uint8_t packet[16] = {0};
		memcpy(packet, d->answer, 12);
		d->wants_packet = false;
		uint8_t key = disk_packet(&d->disk, packet, d->answer, &bytes);
		if (key) {
			end(c, d, ATA_STATUS_ERR, key << 4);
			return;
		}
		if (d->mood == PACKET_SHORT && bytes > 2048)
			bytes -= 2048;
		d->data = d->answer;
		d->bytes = bytes;
		d->at = 0;
		d->to_host = true;
	}
	if (d->disk.packet && d->command == ATA_PACKET) {
		uint32_t left = d->bytes - d->at, most = d->high[0] << 8 | d->high[1];
		d->block = left < most ? left : most & ~1u;
		if (!left) {
			end(c, d, 0, 0);
			return;
		}
		uint32_t told = d->mood == PACKET_ODD        ? d->block | 1
				: d->mood == PACKET_NOTHING  ? 0
				: d->mood == PACKET_TOO_MUCH ? d->block + 4096
							     : d->block;
		d->registers[ATA_REG_LBA_MID] = told;
		d->registers[ATA_REG_LBA_HIGH] = told >> 8;
		d->status = ATA_STATUS_DRDY | ATA_STATUS_DRQ;
		raise(c);
		return;
	}
	if (d->at < d->bytes) {
		d->status = ATA_STATUS_DRDY | ATA_STATUS_DRQ;
		raise(c);
	} else if (d->to_host) {
		d->status = ATA_STATUS_DRDY | (d->keeps_asking ? ATA_STATUS_DRQ : 0);
		d->again_left = d->again_after;
	} else {
		end(c, d, 0, 0);
	}
}

static void begin_command(struct sim_channel *c, struct sim_drive *d, uint8_t command)
{
	const uint8_t *r = d->registers, *h = d->high;
	CHECK(!(d->status & (ATA_STATUS_BSY | ATA_STATUS_DRQ)));
	bool extended = command == ATA_READ_SECTORS_EXT || command == ATA_WRITE_SECTORS_EXT ||
			command == ATA_READ_DMA_EXT || command == ATA_WRITE_DMA_EXT ||
			command == ATA_DATA_SET_MANAGEMENT || command == ATA_FLUSH_CACHE_EXT;
	d->commands++;
	d->data = NULL;
	d->command = command;
	d->dma = command == ATA_READ_DMA || command == ATA_WRITE_DMA ||
		 command == ATA_READ_DMA_EXT || command == ATA_WRITE_DMA_EXT;
	d->lba = r[ATA_REG_LBA_LOW] | r[ATA_REG_LBA_MID] << 8 | (uint64_t)r[ATA_REG_LBA_HIGH] << 16;
	d->count = r[ATA_REG_COUNT];
	if (extended) {
		d->lba |= (uint64_t)h[ATA_REG_LBA_LOW] << 24 | (uint64_t)h[ATA_REG_LBA_MID] << 32 |
			  (uint64_t)h[ATA_REG_LBA_HIGH] << 40;
		d->count |= h[ATA_REG_COUNT] << 8;
		d->count = d->count ? d->count : 65536;
	} else {
		d->lba |= (uint64_t)(r[ATA_REG_DEVICE] & 15) << 24;
		d->count = d->count ? d->count : 256;
	}
	if (command == ATA_PACKET) {
		d->high[0] = r[ATA_REG_LBA_HIGH];
		d->high[1] = r[ATA_REG_LBA_MID];
		CHECK(!(r[ATA_REG_FEATURES] & 1));
	}
	d->status = ATA_STATUS_BSY;
	d->busy_left = d->busy_for;
	c->line = false;
}

/* Time passes for the drives as the status is read. */
static void look(struct sim_channel *c)
{
	for (int i = 0; i < 2; i++) {
		struct sim_drive *d = &c->drives[i];
		if (d->again_left && !--d->again_left)
			raise(c);
		if (!d->disk.present || !(d->status & ATA_STATUS_BSY) || d->never_ready ||
		    (d->deaf && d->command))
			continue;
		if (d->busy_left) {
			d->busy_left--;
			continue;
		}
		if (!d->command) {
			d->status = d->disk.packet ? 0 : ATA_STATUS_DRDY; /* after a reset */
		} else {
			carry_out(c, d);
		}
	}
}

static void reset_drives(struct sim_channel *c)
{
	c->resets++;
	c->line = false;
	c->selected = 0;
	for (int i = 0; i < 2; i++) {
		struct sim_drive *d = &c->drives[i];
		memset(d->registers, 0, sizeof d->registers);
		memset(d->high, 0, sizeof d->high);
		d->data = NULL;
		d->command = 0;
		d->wants_packet = false;
		d->status = ATA_STATUS_BSY;
		d->busy_left = d->busy_for;
		d->registers[ATA_REG_COUNT] = d->registers[ATA_REG_LBA_LOW] = 1;
		if (d->disk.packet) {
			d->registers[ATA_REG_LBA_MID] = 0x14;
			d->registers[ATA_REG_LBA_HIGH] = 0xeb;
			d->disk.attentions++;
		}
	}
}

/* ---- Ports ---- */

static struct sim_channel *find(uint16_t port, uint16_t *reg, bool *control)
{
	for (uint32_t i = 0; i < 2; i++) {
		*control = port == IDE_LEGACY_CONTROL(i);
		*reg = port - IDE_LEGACY_COMMAND(i);
		if (*control || *reg < ATA_REG_BYTES)
			return &channels[i];
	}
	CHECK(!"a port that is known");
	return &channels[0];
}

static struct sim_channel *find_master(uint16_t port, uint16_t *reg)
{
	if (port < MASTER || port >= MASTER + 16)
		return NULL;
	*reg = port & 7;
	return &channels[port >> 3 & 1];
}

uint8_t in8(uint16_t port)
{
	uint16_t reg;
	bool control;
	struct sim_channel *c = find_master(port, &reg);
	fake.now += 300;
	if (c) {
		look(c);
		return reg == MASTER_STATUS ? c->master_status : c->master_command;
	}
	c = find(port, &reg, &control);
	if (c->floating)
		return 0xff;
	if (!is_there(c))
		return 0;
	struct sim_drive *d = selected(c);
	if (control) {
		look(c);
		return d->status;
	}
	if (reg == ATA_REG_STATUS) {
		look(c);
		c->line = false;
		return d->status;
	}
	return d->registers[reg];
}

void out8(uint16_t port, uint8_t value)
{
	uint16_t reg;
	bool control;
	struct sim_channel *c = find_master(port, &reg);
	fake.now += 300;
	if (c && reg == MASTER_COMMAND) {
		if (value & MASTER_COMMAND_START && !(c->master_command & MASTER_COMMAND_START))
			c->master_status |= MASTER_STATUS_ACTIVE;
		if (!(value & MASTER_COMMAND_START))
			c->master_status &= ~MASTER_STATUS_ACTIVE;
		c->master_command = value;
		return;
	}
	if (c) {
		CHECK(reg == MASTER_STATUS);
		c->master_status &= ~(value & (MASTER_STATUS_INTERRUPT | MASTER_STATUS_ERROR));
		return;
	}
	c = find(port, &reg, &control);
	if (c->floating)
		return;
	if (control) {
		CHECK(!(value & ~ATA_CONTROL_RESET));
		if (c->reset && !(value & ATA_CONTROL_RESET))
			reset_drives(c);
		c->reset = value & ATA_CONTROL_RESET;
		return;
	}
	if (reg == ATA_REG_DEVICE)
		c->selected = value & ATA_DEVICE_SECOND ? 1 : 0;
	if (reg == ATA_REG_COMMAND) {
		if (is_there(c))
			begin_command(c, selected(c), value);
		return;
	}
	/* Both drives take what is written. */
	for (int i = 0; i < 2; i++) {
		c->drives[i].high[reg] = c->drives[i].registers[reg];
		c->drives[i].registers[reg] = value;
	}
}

void out32(uint16_t port, uint32_t value)
{
	uint16_t reg;
	struct sim_channel *c = find_master(port, &reg);
	CHECK(c && reg == MASTER_TABLE);
	if (c)
		c->table = value;
}

/* Data: only as much as the drive asks for. */
static void transfer(uint16_t port, uint8_t *memory, uint64_t words, bool to_host)
{
	uint16_t reg;
	bool control;
	struct sim_channel *c = find(port, &reg, &control);
	struct sim_drive *d = selected(c);
	CHECK(!control && reg == ATA_REG_DATA);
	if (c->floating || !is_there(c) || !(d->status & ATA_STATUS_DRQ) || !d->data) {
		CHECK(d->mood == PACKET_TOO_MUCH || d->keeps_asking);
		return;
	}
	CHECK(d->to_host == to_host);
	for (uint64_t i = 0; i < words; i++) {
		if (d->at + 2 > d->bytes) {
			CHECK(d->mood == PACKET_TOO_MUCH);
			return;
		}
		if (to_host)
			memcpy(memory + 2 * i, d->data + d->at, 2);
		else
			memcpy(d->data + d->at, memory + 2 * i, 2);
		d->at += 2;
		if (d->at % d->block == 0 || d->at == d->bytes) {
			CHECK(i + 1 == words || d->mood == PACKET_TOO_MUCH ||
			      d->command == ATA_PACKET);
			next_block(c, d);
		}
	}
}

uint16_t in16(uint16_t port)
{
	uint16_t value = 0;
	transfer(port, (uint8_t *)&value, 1, true);
	return value;
}

void in16_many(uint16_t port, void *to, uint64_t count)
{
	fake.now += count * 300;
	transfer(port, to, count, true);
}

void out16_many(uint16_t port, const void *from, uint64_t count)
{
	fake.now += count * 300;
	transfer(port, (uint8_t *)(uint64_t)from, count, false);
}

/* ---- For tests ---- */

void channel_begin(void)
{
	uint8_t *data[4];
	for (int i = 0; i < 4; i++)
		data[i] = channels[i / 2].drives[i % 2].disk.data;
	fake_begin();
	memset(channels, 0, sizeof channels);
	for (int i = 0; i < 4; i++)
		channels[i / 2].drives[i % 2].disk.data = data[i];
	fake.bars[IDE_BAR_MASTER] = (struct bm_pci_bar){MASTER, 16, BM_PCI_BAR_IO, 0};
	fake.device.class_code = IDE_CLASS | 0x80;
	strcpy(fake.device.name, "pci 00:01.1");
}

void channel_plug(uint32_t channel, uint32_t drive, enum disk_kind kind)
{
	struct sim_drive *d = &channels[channel].drives[drive];
	disk_make(&d->disk, kind);
	d->status = ATA_STATUS_DRDY;
	d->busy_for = 2;
	d->registers[ATA_REG_COUNT] = d->registers[ATA_REG_LBA_LOW] = 1;
}
