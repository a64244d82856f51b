/* SPDX-License-Identifier: MIT */
/*
 * A simulated AHCI adapter. Contract: adapter.h.
 */
#include "adapter.h"
#include <stdio.h>
#include <string.h>
#include "device/mmio.h"
#include "drivers/block/ahci_regs.h"
#include "drivers/block/ata_command.h"
#include "kernel.h"

#define BASE 0x1000000ul

struct adapter adapter;

/* ---- The device's side ---- */

static struct ahci_header *header_of(const struct sim_port *p, uint32_t tag)
{
	return (struct ahci_header *)fake_memory(p->clb | (uint64_t)p->clbu << 32) + tag;
}

static void receive(struct sim_port *p, uint32_t offset, uint8_t type)
{
	uint8_t *received = fake_memory(p->fb | (uint64_t)p->fbu << 32);
	CHECK(p->cmd & PORT_CMD_FIS);
	received[offset] = type;
}

static void update_interrupt(void)
{
	uint32_t before = adapter.is;
	for (uint32_t i = 0; i < PORTS; i++)
		if (adapter.ports[i].is & adapter.ports[i].ie)
			adapter.is |= 1u << i;
	if (adapter.is & ~before && adapter.ghc & HBA_GHC_INTERRUPT && fake.function)
		fake.function(fake.argument);
}

static void tell_plain(struct sim_port *p, uint32_t tag, uint8_t status, uint8_t error)
{
	p->tfd = status | error << 8;
	if (!(status & ATA_STATUS_ERR))
		p->ci &= ~(1u << tag);
	else
		p->is |= PORT_IS_TASK_FILE;
	p->is |= PORT_IS_D2H;
	receive(p, RECEIVED_D2H, 0x34);
	update_interrupt();
}

/* Data between a command's runs and memory of ours. Returns how much there was room for. */
static uint32_t move(struct sim_port *p, uint32_t tag, uint8_t *data, uint32_t bytes, bool to_host)
{
	struct ahci_header *h = header_of(p, tag);
	const struct ahci_table *table = fake_memory(h->table | (uint64_t)h->table_high << 32);
	uint32_t moved = 0;
	CHECK(h->table_length <= AHCI_TABLE_RUNS);
	CHECK(!(h->flags & AHCI_HEADER_WRITE) == to_host);
	for (uint32_t i = 0; i < h->table_length && moved < bytes; i++) {
		const struct ahci_run *run = &table->runs[i];
		uint32_t size = run->bytes + 1;
		uint64_t phys = run->address | (uint64_t)run->address_high << 32;
		CHECK(run->bytes & 1 && size <= AHCI_RUN_MOST && !(phys & 1) && !run->reserved);
		CHECK(!p->mem_to || (phys >= p->mem_from && phys + size <= p->mem_to));
		size = size < bytes - moved ? size : bytes - moved;
		if (to_host)
			memcpy(fake_memory(phys), data + moved, size);
		else
			memcpy(data + moved, fake_memory(phys), size);
		moved += size;
	}
	h->transferred = moved;
	return moved;
}

static uint64_t fis_lba(const struct fis_command *f, bool extended)
{
	uint64_t low = f->lba0 | f->lba1 << 8 | (uint64_t)f->lba2 << 16;
	return extended ? low | (uint64_t)f->lba3 << 24 | (uint64_t)f->lba4 << 32 |
			      (uint64_t)f->lba5 << 40
			: low | (uint64_t)(f->device & 15) << 24;
}

static bool do_queued(struct sim_port *p, uint32_t tag, const struct fis_command *f)
{
	struct sim_disk *d = &p->disk;
	uint32_t count = f->features | f->features_high << 8;
	uint64_t lba = fis_lba(f, true);

	CHECK(f->device & ATA_DEVICE_LBA && f->count == tag << 3);
	count = count ? count : 65536;
	CHECK(lba + count <= d->sectors);
	if (disk_fails(d, lba, count)) {
		p->queue_error |= 1u << tag;
		p->tfd = ATA_STATUS_DRDY | ATA_STATUS_ERR | 0x40 << 8;
		p->is |= PORT_IS_TASK_FILE | PORT_IS_SDB;
		receive(p, RECEIVED_SDB, 0xa1);
		update_interrupt();
		return false;
	}
	uint32_t bytes = count * d->sector_size;
	CHECK(move(p, tag, d->data + lba * d->sector_size, bytes,
		   f->command == ATA_READ_FPDMA_QUEUED) == bytes);
	p->sact &= ~(1u << tag);
	p->is |= PORT_IS_SDB;
	p->tfd = ATA_STATUS_DRDY;
	receive(p, RECEIVED_SDB, 0xa1);
	update_interrupt();
	return true;
}

static void do_log(struct sim_port *p, uint32_t tag, const struct fis_command *f)
{
	uint8_t log[512] = {0}, sum = 0;
	uint32_t failed = p->queue_error ? __builtin_ctz(p->queue_error) : 0;
	CHECK(f->lba0 == ATA_LOG_NCQ_ERROR && f->count == 1 && !f->lba1 && !f->count_high);
	p->logs_read++;
	if (p->log == LOG_NEVER)
		return;
	p->queue_error = 0;
	if (p->log == LOG_FAILS) {
		tell_plain(p, tag, ATA_STATUS_DRDY | ATA_STATUS_ERR, ATA_ERROR_ABRT);
		return;
	}
	log[0] = p->log == LOG_OTHER_TAG ? (failed + 17) % 32 : failed;
	log[0] |= p->log == LOG_NOT_QUEUED ? 0x80 : 0;
	log[2] = 0x41;
	for (int i = 0; i < 511; i++)
		sum += log[i];
	log[511] = -sum + (p->log == LOG_BAD_SUM);
	move(p, tag, log, sizeof log, true);
	tell_plain(p, tag, ATA_STATUS_DRDY, 0);
}

static bool do_packet(struct sim_port *p, uint32_t tag, const struct ahci_table *table)
{
	static uint8_t answer[256 << 10];
	uint32_t bytes = 0;
	CHECK(header_of(p, tag)->flags & AHCI_HEADER_ATAPI);
	uint8_t key = disk_packet(&p->disk, table->packet, answer, &bytes);
	if (key) {
		tell_plain(p, tag, ATA_STATUS_DRDY | ATA_STATUS_ERR, key << 4);
		return false;
	}
	bytes -= bytes > p->short_by ? p->short_by : 0;
	move(p, tag, answer, bytes, true);
	header_of(p, tag)->transferred = bytes;
	tell_plain(p, tag, ATA_STATUS_DRDY, 0);
	return true;
}

static bool carry_out(struct sim_port *p, uint32_t tag)
{
	struct sim_disk *d = &p->disk;
	struct ahci_header *h = header_of(p, tag);
	uint64_t at = h->table | (uint64_t)h->table_high << 32;
	const struct ahci_table *table = fake_memory(at);
	const struct fis_command *f = &table->fis;
	bool extended = true, write = false;

	CHECK(!(at & 127) && (h->flags & 31) == AHCI_HEADER_FIS_DWORDS);
	CHECK(f->type == FIS_COMMAND && f->flags == FIS_COMMAND_FLAG);
	if (f->command != ATA_PACKET)
		CHECK(!(h->flags & AHCI_HEADER_ATAPI));
	switch (f->command) {
	case ATA_READ_FPDMA_QUEUED:
	case ATA_WRITE_FPDMA_QUEUED:
		return do_queued(p, tag, f);
	case ATA_IDENTIFY_DEVICE:
	case ATA_IDENTIFY_PACKET:
		CHECK(d->packet == (f->command == ATA_IDENTIFY_PACKET));
		move(p, tag, (uint8_t *)d->identity, 512, true);
		break;
	case ATA_READ_LOG_EXT:
		do_log(p, tag, f);
		return true;
	case ATA_PACKET:
		return do_packet(p, tag, table);
	case ATA_FLUSH_CACHE:
	case ATA_FLUSH_CACHE_EXT:
		d->flushes++;
		if (disk_fails(d, d->bad_first, d->bad_count == UINT64_MAX)) {
			tell_plain(p, tag, ATA_STATUS_DRDY | ATA_STATUS_ERR, 0x04);
			return false;
		}
		break;
	case ATA_DATA_SET_MANAGEMENT: {
		uint8_t block[512];
		CHECK(f->features == ATA_DATA_SET_TRIM && f->count == 1);
		CHECK(move(p, tag, block, 512, false) == 512);
		disk_trim(d, block);
		break;
	}
	case ATA_WRITE_DMA:
	case ATA_READ_DMA:
		extended = false;
		/* fall through */
	case ATA_READ_DMA_EXT:
	case ATA_WRITE_DMA_EXT:
	case ATA_WRITE_DMA_FUA_EXT: {
		uint32_t count = f->count | (extended ? f->count_high << 8 : 0);
		uint64_t lba = fis_lba(f, extended);
		write = f->command != ATA_READ_DMA && f->command != ATA_READ_DMA_EXT;
		count = count ? count : extended ? 65536 : 256;
		CHECK(lba + count <= d->sectors);
		if (disk_fails(d, lba, count)) {
			tell_plain(p, tag, ATA_STATUS_DRDY | ATA_STATUS_ERR, 0x40);
			return false;
		}
		uint32_t bytes = count * d->sector_size;
		CHECK(move(p, tag, d->data + lba * d->sector_size, bytes, !write) == bytes);
		break;
	}
	default:
		CHECK(!"a command that is known");
	}
	tell_plain(p, tag, ATA_STATUS_DRDY, 0);
	return true;
}

bool adapter_do(uint32_t port, uint32_t tag)
{
	struct sim_port *p = &adapter.ports[port];
	CHECK(p->held >> tag & 1);
	/* ACS-4 4.13.4: a device that has told of an error does nothing until its log was read. */
	const struct ahci_table *table = fake_memory(header_of(p, tag)->table);
	if (p->queue_error && table->fis.command != ATA_READ_LOG_EXT)
		return false;
	p->held &= ~(1u << tag);
	return carry_out(p, tag);
}

void adapter_interface_error(uint32_t port)
{
	struct sim_port *p = &adapter.ports[port];
	p->is |= PORT_IS_FATAL;
	p->serr |= 1 << 9;
	receive(p, RECEIVED_D2H, 0x34);
	update_interrupt();
}

void adapter_tell_again(uint32_t port)
{
	struct sim_port *p = &adapter.ports[port];
	p->is |= PORT_IS_SDB | PORT_IS_D2H;
	receive(p, RECEIVED_SDB, 0xa1);
	receive(p, RECEIVED_D2H, 0x34);
	update_interrupt();
}

/* ---- The adapter's side ---- */

static void stop_engine(struct sim_port *p)
{
	p->cmd &= ~PORT_CMD_RUNS;
	p->ci = p->sact = p->held = 0;
}

static void link_reset(struct sim_port *p)
{
	p->resets++;
	p->queue_error = 0;
	p->sact = p->ci = p->held = 0;
	if (!p->link || p->never_links)
		return;
	p->tfd = ATA_STATUS_BSY;
	p->serr |= 1u << 26; /* exchanged */
	p->is |= PORT_IS_CONNECT;
	if (p->disk.packet)
		p->disk.attentions++;
}

static void issue(struct sim_port *p, uint32_t bits)
{
	CHECK(p->cmd & PORT_CMD_START && p->cmd & PORT_CMD_RUNS);
	CHECK(!(p->ci & bits) && !(p->tfd & (ATA_STATUS_BSY | ATA_STATUS_DRQ)));
	CHECK(!p->queue_error || p->disk.packet ||
	      ((struct ahci_table *)fake_memory(header_of(p, __builtin_ctz(bits))->table))
		      ->fis.command == ATA_READ_LOG_EXT);
	p->ci |= bits;
	for (; bits; bits &= bits - 1) {
		uint32_t tag = __builtin_ctz(bits), bit = 1u << tag;
		const struct ahci_table *table = fake_memory(header_of(p, tag)->table);
		bool queued = table->fis.command == ATA_READ_FPDMA_QUEUED ||
			      table->fis.command == ATA_WRITE_FPDMA_QUEUED;
		p->commands++;
		CHECK(!(p->held & bit));
		/* 5.6.4.1, and ACS-4 4.13.1. */
		CHECK(queued == (p->sact >> tag & 1));
		CHECK(queued || !p->sact);
		CHECK(!queued || !(p->ci & ~p->sact));
		if (p->deaf)
			continue;
		if (queued)
			p->ci &= ~bit;
		p->held |= bit;
		if (!p->hold)
			adapter_do(p - adapter.ports, tag);
	}
}

static void write_command(struct sim_port *p, uint32_t value)
{
	uint32_t before = p->cmd;
	p->cmd = (value & ~(PORT_CMD_RUNS | PORT_CMD_FIS_RUNS)) |
		 (before & (PORT_CMD_RUNS | PORT_CMD_FIS_RUNS));
	if (value & PORT_CMD_FIS) {
		p->cmd |= PORT_CMD_FIS_RUNS;
	} else {
		CHECK(!(p->cmd & PORT_CMD_START));
		p->cmd &= ~PORT_CMD_FIS_RUNS;
	}
	if (value & PORT_CMD_START && !(before & PORT_CMD_START)) {
		/* 10.3.1 */
		CHECK(p->cmd & PORT_CMD_FIS_RUNS);
		CHECK(p->link && !(p->tfd & (ATA_STATUS_BSY | ATA_STATUS_DRQ)));
		p->cmd |= PORT_CMD_RUNS;
	}
	if (!(value & PORT_CMD_START) && before & PORT_CMD_START && !p->never_stops)
		stop_engine(p);
}

static uint32_t read_port(struct sim_port *p, uint32_t reg)
{
	switch (reg) {
	case PORT_CLB:
		return p->clb;
	case PORT_IS:
		return p->is;
	case PORT_IE:
		return p->ie;
	case PORT_CMD:
		return p->cmd;
	case PORT_TFD:
		if (p->tfd & ATA_STATUS_BSY && !p->never_ready &&
		    (p->ready_after == 0 || --p->ready_after == 0))
			p->tfd = ATA_STATUS_DRDY;
		return p->tfd;
	case PORT_SIG:
		return p->disk.packet ? PORT_SIG_PACKET : PORT_SIG_DISK;
	case PORT_SSTS:
		return p->link && !p->never_links ? DET_LINK | 0x120 : DET_NONE;
	case PORT_SCTL:
		return p->sctl;
	case PORT_SERR:
		return p->serr;
	case PORT_SACT:
		return p->sact;
	case PORT_CI:
		return p->ci;
	}
	CHECK(!"a port's register that is read");
	return 0;
}

static void write_port(struct sim_port *p, uint32_t reg, uint32_t value)
{
	switch (reg) {
	case PORT_CLB:
		CHECK(!(value & 1023) && !(p->cmd & PORT_CMD_RUNS));
		p->clb = value;
		break;
	case PORT_CLBU:
		p->clbu = value;
		break;
	case PORT_FB:
		CHECK(!(value & 255) && !(p->cmd & PORT_CMD_FIS_RUNS));
		p->fb = value;
		break;
	case PORT_FBU:
		p->fbu = value;
		break;
	case PORT_IS:
		p->is &= ~value;
		if (p->serr & 1u << 26)
			p->is |= PORT_IS_CONNECT;
		break;
	case PORT_IE:
		p->ie = value;
		update_interrupt();
		break;
	case PORT_CMD:
		write_command(p, value);
		break;
	case PORT_SCTL:
		CHECK(!(value & 15) || !(p->cmd & PORT_CMD_RUNS));
		if ((p->sctl & 15) == 1 && !(value & 15))
			link_reset(p);
		p->sctl = value;
		break;
	case PORT_SERR:
		p->serr &= ~value;
		break;
	case PORT_SACT:
		CHECK(p->cmd & PORT_CMD_START);
		p->sact |= value;
		break;
	case PORT_CI:
		issue(p, value);
		break;
	default:
		CHECK(!"a port's register that is written");
	}
}

static void reset_adapter(void)
{
	adapter.resets++;
	adapter.is = 0;
	for (uint32_t i = 0; i < PORTS; i++) {
		struct sim_port *p = &adapter.ports[i];
		p->clb = p->clbu = p->fb = p->fbu = p->is = p->ie = p->cmd = p->sctl = p->serr = 0;
		p->sact = p->ci = p->held = p->queue_error = 0;
		p->tfd = p->link ? ATA_STATUS_BSY : 0x7f;
		p->never_stops = false;
	}
}

uint32_t mmio_read32(const volatile void *at)
{
	uint32_t reg = (uint64_t)at - BASE;
	fake.now += 300;
	if (adapter.gone_ones)
		return ~0u;
	if (adapter.gone_zeros)
		return 0;
	if (reg >= PORT(0)) {
		CHECK(reg < PORT(PORTS));
		return read_port(&adapter.ports[(reg - PORT(0)) / PORT_BYTES % PORTS],
				 reg % PORT_BYTES);
	}
	switch (reg) {
	case HBA_CAP:
		return adapter.cap;
	case HBA_GHC:
		if (adapter.ghc & HBA_GHC_RESET && adapter.reset_after && !--adapter.reset_after) {
			adapter.ghc = 0;
			reset_adapter();
		}
		return adapter.ghc;
	case HBA_IS:
		return adapter.is;
	case HBA_PI:
		return adapter.pi;
	case HBA_CAP2:
		return adapter.cap2;
	case HBA_BOHC:
		if (adapter.bohc & HBA_BOHC_OS && adapter.firmware_after &&
		    !--adapter.firmware_after)
			adapter.bohc &= ~(HBA_BOHC_BIOS | HBA_BOHC_BUSY);
		return adapter.bohc;
	}
	CHECK(!"a register that is read");
	return 0;
}

void mmio_write32(volatile void *at, uint32_t value)
{
	uint32_t reg = (uint64_t)at - BASE;
	fake.now += 300;
	if (adapter.gone_ones || adapter.gone_zeros)
		return;
	if (reg >= PORT(0)) {
		CHECK(reg < PORT(PORTS));
		write_port(&adapter.ports[(reg - PORT(0)) / PORT_BYTES % PORTS], reg % PORT_BYTES,
			   value);
		return;
	}
	switch (reg) {
	case HBA_GHC:
		adapter.ghc = value;
		if (value & HBA_GHC_RESET && !adapter.reset_after)
			adapter.reset_after = 1;
		break;
	case HBA_IS:
		adapter.is &= ~value;
		update_interrupt();
		break;
	case HBA_PI:
		adapter.pi = value;
		break;
	case HBA_BOHC:
		adapter.bohc = value;
		break;
	default:
		CHECK(!"a register that is written");
	}
}

/* ---- For tests ---- */

void adapter_begin(void)
{
	uint8_t *data[PORTS];
	for (uint32_t i = 0; i < PORTS; i++)
		data[i] = adapter.ports[i].disk.data;
	fake_begin();
	memset(&adapter, 0, sizeof adapter);
	for (uint32_t i = 0; i < PORTS; i++)
		adapter.ports[i].disk.data = data[i];
	adapter.cap = HBA_CAP_64 | HBA_CAP_NCQ | 31 << 8 | (PORTS - 1);
	adapter.pi = (1u << PORTS) - 1;
	fake.bars[AHCI_BAR] = (struct bm_pci_bar){0xfebf0000, PORT(PORTS), 0, 0};
	fake.device.class_code = AHCI_CLASS;
}

void adapter_plug(uint32_t port, enum disk_kind kind)
{
	struct sim_port *p = &adapter.ports[port];
	disk_make(&p->disk, kind);
	p->link = true;
	p->tfd = ATA_STATUS_DRDY;
	if (kind == DISK_OPTICAL)
		p->disk.attentions = 1;
}

void adapter_unplug(uint32_t port)
{
	struct sim_port *p = &adapter.ports[port];
	p->link = false;
	p->held = 0;
	p->deaf = true;
	p->serr |= 1u << 16;
	p->is |= PORT_IS_PHY;
	update_interrupt();
}
