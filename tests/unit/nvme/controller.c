/* SPDX-License-Identifier: MIT */
/*
 * The simulated controller, and the kernel around it. Contract: controller.h. Written after the
 * specification, not after the driver: NVM Express Base Specification 1.4.
 */
#include "controller.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "console/log.h"
#include "cpu/core.h"
#include "cpu/time.h"
#include "device/mmio.h"
#include "device/pci.h"
#include "device/pci_regs.h"
#include "check.h"

struct sim sim;

#define BLOCKS_MAX 512
static struct {
	void *memory;
	size_t bytes;
} blocks[BLOCKS_MAX];

/* What pci_map_bar() gave: addresses that only the accessors know. */
static uint8_t registers[0x100000 * 4], table[4096];
static uint64_t mapped; /* bytes of the registers */

/* ---- Memory ---- */

void *dma_take(size_t bytes, size_t align, uint64_t *phys)
{
	uint32_t i = 0;
	CHECK(bytes > 0 && align <= 4096);
	if (!sim.takes_left)
		return NULL;
	sim.takes_left--;
	while (i < BLOCKS_MAX && blocks[i].memory)
		i++;
	if (i == BLOCKS_MAX)
		abort();
	/* Exactly so long, so that ASan sees what is beyond. */
	blocks[i].bytes = bytes;
	align = bytes >= 2048 ? 4096 : align < 64 ? 64 : align;
	if (posix_memalign(&blocks[i].memory, align, bytes))
		abort();
	memset(blocks[i].memory, 0, bytes);
	sim.live++;
	if (phys)
		*phys = sim_phys(blocks[i].memory);
	return blocks[i].memory;
}

void dma_give(void *memory, size_t bytes)
{
	if (!memory)
		return;
	for (uint32_t i = 0; i < BLOCKS_MAX; i++)
		if (blocks[i].memory == memory) {
			CHECK(blocks[i].bytes == bytes);
			free(memory);
			blocks[i].memory = NULL;
			blocks[i].bytes = 0;
			sim.live--;
			return;
		}
	CHECK(!"memory that was never taken");
}

/* ---- Time, cores, log ---- */

uint64_t time_monotonic(void)
{
	return sim.now += BM_SECOND / 1000;
}

uint64_t time_to_ticks(uint64_t ns)
{
	(void)ns;
	return sim.look_ticks;
}

uint32_t worker_count(void)
{
	return sim.cores;
}

void log_line(int level, const char *format, ...)
{
	va_list arguments;
	char text[400];
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments); /* so that ASan sees its strings */
	va_end(arguments);
	sim.warnings += level <= BM_LOG_WARNING;
	if (getenv("VERBOSE"))
		puts(text);
}

const char *device_error(int status)
{
	return bm_strerror(status);
}

/* ---- PCI ---- */

const struct bm_pci_bar *pci_bar(const struct bm_device *device, uint32_t bar)
{
	static struct bm_pci_bar info;
	(void)device;
	info.size = bar == 0 ? sim.bar_size : 0;
	return bar < 6 ? &info : NULL;
}

volatile void *pci_map_bar(const struct bm_device *device, uint32_t bar, uint64_t offset,
			   uint64_t bytes)
{
	(void)device;
	if (bar == 4 && sim.msix_entries)
		return offset == 0 && bytes <= sizeof table ? table : NULL;
	if (bar || offset > sim.bar_size || bytes > sim.bar_size - offset)
		return NULL;
	if (offset + bytes > mapped)
		mapped = offset + bytes;
	return registers + offset;
}

void pci_master(const struct bm_device *device, bool on)
{
	(void)device;
	sim.master = on;
	if (!on)
		memset(sim.queues, 0, sizeof sim.queues);
}

uint32_t pci_capability(const struct bm_device *device, uint8_t id, uint32_t after)
{
	(void)device, (void)after;
	return id == PCI_CAPABILITY_MSIX && sim.msix_entries ? 0x40 : 0;
}

uint32_t pci_config_read(const struct bm_device *device, uint32_t offset, uint32_t size)
{
	(void)device, (void)size;
	if (offset == 0x40 + PCI_MSIX_CONTROL)
		return (sim.msix_entries - 1) | (sim.vectors ? PCI_MSIX_CONTROL_ENABLE : 0);
	return offset == 0x40 + PCI_MSIX_TABLE ? 4 : 0;
}

int interrupts_take(struct bm_device *device, uint32_t wanted, void (*function)(void *),
		    void *const *arguments)
{
	uint32_t most = sim.msix_entries ? sim.msix_entries : sim.line ? 1 : 0;
	CHECK(wanted > 0 && wanted <= 64);
	if (!most)
		return -BM_ENODEV;
	sim.vectors = wanted < most ? wanted : most;
	sim.function = function;
	memcpy(sim.arguments, arguments, sim.vectors * sizeof *arguments);
	if (sim.line)
		device->line = &sim;
	return (int)sim.vectors;
}

void interrupts_enable(struct bm_device *device)
{
	sim.enabled_lines += device->line != NULL;
}

/* ---- The front end ---- */

int block_add(const struct bm_block_driver *driver, struct bm_block_device **handle)
{
	struct sim_device *d = &sim.devices[sim.device_count];
	if (sim.add_error)
		return sim.add_error;
	CHECK(driver->queues >= 1 && driver->queues <= 256 && driver->depth >= 1 &&
	      driver->depth <= 64 && driver->max_runs >= 2 && driver->max_runs <= 256);
	CHECK(driver->max_bytes && driver->max_bytes % driver->sector_size == 0);
	d->driver = *driver;
	snprintf(d->model, sizeof d->model, "%s", driver->model);
	snprintf(d->serial, sizeof d->serial, "%s", driver->serial);
	snprintf(d->firmware, sizeof d->firmware, "%s", driver->firmware);
	*handle = (struct bm_block_device *)d;
	return sim.device_count++;
}

int block_finish(struct bm_block_device *device, uint32_t queue, uint32_t tag, int status)
{
	struct sim_device *d = (struct sim_device *)device;
	CHECK(queue < d->driver.queues && status <= 0);
	if (tag >= d->driver.depth || !d->in_use[queue][tag]) {
		d->strays++;
		return -BM_EINVAL;
	}
	d->status[queue][tag] = status;
	if (status == -BM_EAGAIN) {
		d->again++;
		return 0;
	}
	d->in_use[queue][tag] = false;
	d->finished++;
	return 0;
}

void block_notify(struct bm_block_device *device, uint32_t queue)
{
	struct sim_device *d = (struct sim_device *)device;
	CHECK(queue < d->driver.queues);
	d->notified[queue]++;
}

/* ---- Completions ---- */

bool sim_has_room(uint32_t queue)
{
	const struct sim_queue *q = &sim.queues[queue];
	return q->cq_live && (q->cq_tail + 1) % q->cq_entries != q->cq_head;
}

void sim_complete(uint32_t queue, uint32_t sq, uint32_t id, uint32_t status)
{
	struct sim_queue *q = &sim.queues[queue];
	CHECK(q->cq_live);
	/* 4.1.1: a full one would make the controller wait; the driver promises that it never is.
	 */
	CHECK(sim_has_room(queue));
	if (!sim_has_room(queue))
		return;
	struct nvme_completion *e = (struct nvme_completion *)sim_memory(q->cq) + q->cq_tail;
	e->dw2 = sq << 16 | sim.queues[sq % SIM_QUEUES].head;
	e->dw3 = status << 17 | (q->phase ? NVME_DW3_PHASE : 0) | (id & 0xffff);
	if (++q->cq_tail == q->cq_entries) {
		q->cq_tail = 0;
		q->phase = !q->phase;
	}
}

static void answer_admin(const struct nvme_command *c, uint32_t status, uint32_t result)
{
	struct sim_queue *q = &sim.queues[0];
	enum sim_answer how = SIM_GOOD;
	uint32_t id = c->cdw0 >> 16;
	if (sim.answers_left)
		sim.answers_left--;
	else
		how = sim.answers[c->cdw0 & 0xff];
	((struct nvme_completion *)sim_memory(q->cq) + q->cq_tail)->result = result;
	switch (how) {
	case SIM_SILENT:
		return;
	case SIM_FATAL:
		sim.status |= NVME_CSTS_CFS;
		return;
	case SIM_WRONG_ID:
		sim_complete(0, 0, id + 1, status);
		return;
	case SIM_WRONG_QUEUE:
		sim_complete(0, 7, id, status);
		return;
	case SIM_TWICE:
		sim_complete(0, 0, id, status);
		((struct nvme_completion *)sim_memory(q->cq) + q->cq_tail)->result = ~result;
		break;
	case SIM_REFUSE:
		status = 2;
		break;
	case SIM_GOOD:
		break;
	}
	sim_complete(0, 0, id, status);
}

/* ---- Admin commands ---- */

static uint32_t create_cq(const struct nvme_command *c)
{
	uint32_t id = c->cdw10 & 0xffff, entries = (c->cdw10 >> 16 & 0xffff) + 1;
	struct sim_queue *q = &sim.queues[id % SIM_QUEUES];
	CHECK(id >= 1 && id <= sim.give_queues && !q->cq_live);
	CHECK(entries >= 2 && entries <= NVME_CAP_MQES(sim.cap) + 1);
	CHECK(c->cdw10 >> 32 & NVME_QUEUE_CONTIGUOUS && c->prp1 % 4096 == 0);
	q->cq_live = true;
	q->cq = c->prp1;
	q->cq_entries = entries;
	q->cq_tail = q->cq_head = 0;
	q->phase = 1;
	q->vector = c->cdw10 >> 48;
	q->interrupts = c->cdw10 >> 32 & NVME_QUEUE_INTERRUPTS;
	CHECK(q->interrupts == (sim.vectors > 0) && (!q->interrupts || q->vector < sim.vectors));
	for (uint32_t i = 0; i < entries; i++) /* 4.6: the phases must be 0 at first */
		CHECK(!(((struct nvme_completion *)sim_memory(q->cq))[i].dw3 & NVME_DW3_PHASE));
	return 0;
}

static uint32_t create_sq(const struct nvme_command *c)
{
	uint32_t id = c->cdw10 & 0xffff, entries = (c->cdw10 >> 16 & 0xffff) + 1;
	uint32_t cq = c->cdw10 >> 48;
	struct sim_queue *q = &sim.queues[id % SIM_QUEUES];
	CHECK(id >= 1 && id <= sim.give_queues && !q->sq_live && cq < SIM_QUEUES);
	CHECK(sim.queues[cq % SIM_QUEUES].cq_live && c->prp1 % 4096 == 0);
	CHECK(entries >= 2 && entries <= NVME_CAP_MQES(sim.cap) + 1);
	q->sq_live = true;
	q->sq = c->prp1;
	q->sq_entries = entries;
	q->head = q->tail = 0;
	q->completion = cq;
	sim.created++;
	return 0;
}

static uint32_t delete_queue(const struct nvme_command *c, bool completion)
{
	uint32_t id = c->cdw10 & 0xffff;
	struct sim_queue *q = &sim.queues[id % SIM_QUEUES];
	if (!id || id >= SIM_QUEUES || !(completion ? q->cq_live : q->sq_live))
		return 0x101; /* invalid queue identifier */
	if (completion) {
		CHECK(!q->sq_live); /* 5.5: submission queues first */
		q->cq_live = false;
		return 0;
	}
	q->sq_live = false;
	for (uint32_t i = 0; i < sim.held_count;)
		if (sim.held[i].queue == id)
			sim_drop(i);
		else
			i++;
	return 0;
}

static void do_admin(const struct nvme_command *c)
{
	uint8_t *to = sim_memory(c->prp1);
	uint32_t status = 0, result = 0, pairs = sim.give_queues - 1;
	switch (c->cdw0 & 0xff) {
	case NVME_ADMIN_IDENTIFY:
		CHECK(c->prp1 % 4096 == 0);
		if ((c->cdw10 & 0xff) == NVME_IDENTIFY_CONTROLLER)
			memcpy(to, sim.controller, 4096);
		else if ((c->cdw10 & 0xff) == NVME_IDENTIFY_ACTIVE && sim.version >= 0x10100)
			memcpy(to, sim.active, 4096);
		else if ((c->cdw10 & 0xff) == NVME_IDENTIFY_NAMESPACE && c->nsid >= 1 &&
			 c->nsid <= 4)
			memcpy(to, sim.namespaces[c->nsid - 1], 4096);
		else if ((c->cdw10 & 0xff) == NVME_IDENTIFY_DESCRIPTORS && c->nsid <= 4)
			memcpy(to, sim.descriptors[c->nsid - 1], 4096);
		else if ((c->cdw10 & 0xff) == NVME_IDENTIFY_NAMESPACE)
			status = 0xb;
		else
			status = 2;
		break;
	case NVME_ADMIN_CREATE_CQ:
		status = create_cq(c);
		break;
	case NVME_ADMIN_CREATE_SQ:
		status = create_sq(c);
		break;
	case NVME_ADMIN_DELETE_SQ:
		status = delete_queue(c, false);
		break;
	case NVME_ADMIN_DELETE_CQ:
		status = delete_queue(c, true);
		break;
	case NVME_ADMIN_SET_FEATURES:
		CHECK((c->cdw10 & 0xff) == NVME_FEATURE_QUEUES);
		for (uint32_t i = 1; i < SIM_QUEUES; i++) /* 5.21.1.7: before any queue */
			CHECK(!sim.queues[i].cq_live);
		result = sim.give_raw ? sim.give_raw : pairs << 16 | pairs;
		break;
	case NVME_ADMIN_GET_FEATURES:
		CHECK((c->cdw10 & 0xff) == NVME_FEATURE_WRITE_CACHE);
		result = sim.write_cache;
		break;
	default:
		CHECK(!"an unknown admin command");
		status = 1;
	}
	answer_admin(c, status, result);
}

/* ---- I/O commands ---- */

/* 4.3: walk the pages of a transfer. */
static void move(const struct nvme_command *c, uint8_t *disk, uint64_t bytes, bool to_memory)
{
	uint64_t page = c->prp1, length = 4096 - page % 4096, done = 0, list = 0;
	CHECK(page % 4 == 0);
	for (uint32_t n = 0; done < bytes; n++) {
		length = length < bytes - done ? length : bytes - done;
		void *memory = sim_memory(page);
		if (to_memory)
			memcpy(memory, disk + done, length);
		else
			memcpy(disk + done, memory, length);
		done += length;
		if (done == bytes)
			break;
		uint64_t left = bytes - done;
		if (n == 0 && left <= 4096) {
			page = c->prp2;
		} else {
			if (n == 0) {
				list = c->prp2;
				CHECK(list % 8 == 0);
			}
			/* The last entry in a page leads to the next list. */
			if (list % 4096 == 4088 && left > 4096)
				list = *(uint64_t *)sim_memory(list);
			page = *(uint64_t *)sim_memory(list);
			list += 8;
		}
		CHECK(page % 4096 == 0);
		length = 4096;
	}
}

void sim_drop(uint32_t held)
{
	sim.held_count--;
	memmove(&sim.held[held], &sim.held[held + 1], (sim.held_count - held) * sizeof sim.held[0]);
}

void sim_fail(uint32_t held, uint32_t status)
{
	struct sim_command c = sim.held[held];
	sim_drop(held);
	sim_complete(sim.queues[c.queue].completion, c.queue, c.command.cdw0 >> 16, status);
}

void sim_do(uint32_t held)
{
	struct nvme_command c = sim.held[held].command;
	uint32_t shift, opcode = c.cdw0 & 0xff;
	CHECK(c.nsid >= 1 && c.nsid <= 4 && sim.disks[c.nsid - 1]);
	shift = sim.namespaces[c.nsid - 1][NVME_NS_LBAF(0) + 2];
	uint8_t *disk = sim.disks[c.nsid - 1];
	uint64_t start = c.cdw10, blocks_ = (c.cdw12 & 0xffff) + 1;
	if (opcode == NVME_DATASET) {
		const struct nvme_range *range = sim_memory(c.prp1);
		CHECK(c.prp1 % 4 == 0 && c.cdw10 >> 32 == NVME_DATASET_DEALLOCATE &&
		      (c.cdw10 & 0xff) == 0 && range->attributes == 0);
		start = range->start;
		blocks_ = range->blocks;
	}
	if (opcode != NVME_FLUSH)
		CHECK((start + blocks_) << shift <= SIM_DISK);
	switch (opcode) {
	case NVME_READ:
	case NVME_WRITE:
		CHECK(blocks_ << shift <= (sim.controller[NVME_CTRL_MDTS]
					       ? 4096ul << sim.controller[NVME_CTRL_MDTS]
					       : 1ul << 32));
		move(&c, disk + (start << shift), blocks_ << shift, opcode == NVME_READ);
		break;
	case NVME_WRITE_ZEROES:
	case NVME_DATASET:
		memset(disk + (start << shift), 0, blocks_ << shift);
		break;
	case NVME_FLUSH:
		CHECK(!c.cdw10 && !c.cdw12 && !c.prp1);
		break;
	default:
		CHECK(!"an unknown command");
	}
	CHECK(!c.metadata && !c.reserved && !c.cdw13 && !c.cdw14 && !c.cdw15);
	sim_fail(held, 0);
}

/* ---- Registers ---- */

static void ring_sq(uint32_t id, uint32_t tail)
{
	struct sim_queue *q = &sim.queues[id];
	/* 7.3: one that is not there is an error event, no more. */
	if (!(sim.status & NVME_CSTS_RDY) || sim.status & NVME_CSTS_CFS || !q->sq_live)
		return;
	CHECK(tail < q->sq_entries);
	for (; q->head != tail; q->head = (q->head + 1) % q->sq_entries) {
		struct nvme_command c = ((struct nvme_command *)sim_memory(q->sq))[q->head];
		if (!id) {
			do_admin(&c);
		} else if (sim.held_count < SIM_HELD) {
			sim.held[sim.held_count++] = (struct sim_command){id, c};
		}
	}
}

static void write_doorbell(uint64_t offset, uint32_t value)
{
	uint64_t stride = 4ul << NVME_CAP_DSTRD(sim.cap), n = offset / stride;
	CHECK(offset % stride == 0 && n / 2 < SIM_QUEUES);
	struct sim_queue *q = &sim.queues[n / 2 % SIM_QUEUES];
	if (n % 2 == 0) {
		ring_sq(n / 2 % SIM_QUEUES, value);
	} else if (q->cq_live) {
		CHECK(value < q->cq_entries);
		q->cq_head = value;
	}
}

static void set_config(uint32_t value)
{
	bool was = sim.config & NVME_CC_EN, is = value & NVME_CC_EN;
	sim.config = value;
	if (was == is)
		return;
	sim.reads_left = is ? sim.ready_after : sim.stop_after;
	if (!is)
		return;
	sim.enables++;
	CHECK(sim.master);
	/* 3.1.5: entry sizes, pages of 4 KiB, the NVM command set; 3.1.8. */
	CHECK((value >> 16 & 0xff) == 0x46 && (value & 0x3ff0) == 0);
	CHECK(sim.asq % 4096 == 0 && sim.acq % 4096 == 0);
	sim.queues[0] = (struct sim_queue){.sq_live = true,
					   .cq_live = true,
					   .sq = sim.asq,
					   .cq = sim.acq,
					   .sq_entries = (sim.aqa & 0xfff) + 1,
					   .cq_entries = (sim.aqa >> 16 & 0xfff) + 1,
					   .phase = 1};
	if (sim.fatal_at_start)
		sim.status |= NVME_CSTS_CFS;
}

/* The status changes when it has been looked at often enough. */
static uint32_t get_status(void)
{
	bool enabled = sim.config & NVME_CC_EN;
	if (enabled == (sim.status & NVME_CSTS_RDY) || sim.reads_left == SIM_NEVER)
		return sim.status;
	if (sim.reads_left) {
		sim.reads_left--;
		return sim.status;
	}
	sim.status ^= NVME_CSTS_RDY;
	if (!enabled) {
		sim.status &= ~NVME_CSTS_CFS;
		memset(sim.queues, 0, sizeof sim.queues);
		sim.held_count = 0;
	}
	return sim.status;
}

static uint64_t offset_of(const volatile void *at)
{
	uint64_t offset = (uint64_t)at - (uint64_t)registers;
	CHECK(offset % 4 == 0 && offset + 4 <= mapped);
	return offset;
}

uint32_t simulated_read32(const volatile void *at)
{
	switch (offset_of(at) | (sim.gone ? 1 : 0)) {
	case NVME_CAP:
		return (uint32_t)sim.cap;
	case NVME_CAP + 4:
		return sim.cap >> 32;
	case NVME_VS:
		return sim.version;
	case NVME_CC:
		return sim.config;
	case NVME_CSTS:
		return get_status();
	default:
		CHECK(sim.gone); /* no other register is to be read */
		return ~0u;
	}
}

void simulated_write32(volatile void *at, uint32_t value)
{
	uint8_t *where = (uint8_t *)at;
	if (where >= table && where < table + sizeof table) {
		uint32_t entry = (where - table) / 16;
		CHECK((where - table) % 16 == PCI_MSIX_ENTRY_CONTROL && entry < sim.vectors);
		sim.msix_control[entry] = value;
		return;
	}
	/* Doorbells of queues that are gone are plain memory. */
	for (uint32_t i = 0; i < BLOCKS_MAX; i++)
		if (where >= (uint8_t *)blocks[i].memory &&
		    where < (uint8_t *)blocks[i].memory + blocks[i].bytes) {
			*(volatile uint32_t *)at = value;
			return;
		}
	uint64_t offset = offset_of(at);
	if (sim.gone)
		return;
	if (offset >= NVME_REGISTERS) {
		write_doorbell(offset - NVME_REGISTERS, value);
		return;
	}
	switch (offset) {
	case NVME_CC:
		set_config(value);
		break;
	case NVME_AQA:
		CHECK(!(sim.status & NVME_CSTS_RDY));
		sim.aqa = value;
		break;
	case NVME_ASQ:
		sim.asq = (sim.asq & ~0xfffffffful) | value;
		break;
	case NVME_ASQ + 4:
		sim.asq = (uint32_t)sim.asq | (uint64_t)value << 32;
		break;
	case NVME_ACQ:
		sim.acq = (sim.acq & ~0xfffffffful) | value;
		break;
	case NVME_ACQ + 4:
		sim.acq = (uint32_t)sim.acq | (uint64_t)value << 32;
		break;
	case NVME_INTMS:
		CHECK(!sim.msix_entries);
		sim.mask |= value;
		break;
	case NVME_INTMC:
		CHECK(!sim.msix_entries);
		sim.mask &= ~value;
		break;
	default:
		CHECK(!"a register that is not to be written");
	}
}

/* ---- The test's ---- */

void sim_begin(void)
{
	memset(&sim, 0, sizeof sim);
	mapped = 0;
	sim.cap = 2047 | 1ul << 16 | 15ul << 24 | NVME_CAP_CSS_NVM;
	sim.version = 0x10400;
	sim.give_queues = 64;
	sim.bar_size = 0x4000;
	sim.msix_entries = 64;
	sim.cores = 1;
	sim.takes_left = UINT32_MAX;
	sim.write_cache = 1;
	uint8_t *c = sim.controller;
	memcpy(c + 4, "  SERIAL 0123456789 ", 20);
	memcpy(c + 24, "A simulated controller                  ", 40);
	memcpy(c + 64, "1.0     ", 8);
	c[NVME_CTRL_MDTS] = 7;
	c[NVME_CTRL_SQES] = 0x66;
	c[NVME_CTRL_CQES] = 0x44;
	c[NVME_CTRL_NN] = 4;
	c[NVME_CTRL_ONCS] = NVME_CTRL_ONCS_DATASET;
	c[NVME_CTRL_VWC] = 1;
	sim.active[0] = 1;
	sim.active[4] = 2;
	for (int i = 0; i < 2; i++) {
		uint8_t *ns = sim.namespaces[i];
		uint64_t size = SIM_DISK >> (i ? 12 : 9);
		memcpy(ns, &size, 8);
		ns[NVME_NS_LBAF(0) + 2] = i ? 12 : 9;
		sim.disks[i] = calloc(1, SIM_DISK);
	}
}

void sim_fill(void)
{
	for (int i = 0; i < 2; i++)
		for (uint32_t n = 0; n < SIM_DISK; n++)
			sim.disks[i][n] = (uint8_t)(n * 2654435761u >> 13) + i;
}

void sim_end(void)
{
	for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
		free(blocks[i].memory);
		blocks[i].memory = NULL;
		blocks[i].bytes = 0;
	}
	for (int i = 0; i < 4; i++)
		free(sim.disks[i]);
}
