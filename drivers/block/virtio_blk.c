/* SPDX-License-Identifier: MIT */
/*
 * virtio_blk: virtio block devices. Virtio 1.2, section 5.2.
 *
 * Flush, write cache, read-only, sectors of 512 to 4,096 bytes, discard, several queues. A command
 * with one run of memory is a chain of three descriptors, prepared but for the data's; one with
 * more is a table of its own (indirect), where the device knows these.
 *
 * QEMU: -drive if=none,id=d,file=F,format=raw -device virtio-blk-pci,drive=d[,disable-legacy=on |
 * ,disable-modern=on][,num-queues=N][,logical_block_size=4096]; on microvm -device
 * virtio-blk-device,drive=d.
 */
#include "device/block.h"
#include "console/log.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "drivers/virtio/virtio.h"
#include "virtio_blk_regs.h"
#include <string.h>

/* The compiler shall compute this once, and not anew from what it came from. */
#define ONCE(pointer) __asm__("" : "+r"(pointer))

/* ---- State ---- */

#define SLOTS           64 /* commands of a queue */
#define RUNS            26 /* of a command, with descriptors in a table of its own */
#define RUNS_DIRECT     14 /* where the device knows no such tables */
#define QUEUES_MAX      16
#define STRIDE_INDIRECT 4 /* descriptors of a slot: header, data, status; a power of two */
#define HEADER          0 /* descriptors of a slot: header, data …, status */
#define DATA            1
#define IDENTIFY_NS     (5 * BM_SECOND)
#define STATUS_NONE     0xff

/* What a command needs besides its descriptors. The device reads and writes it. */
struct slot {
	struct virtio_blk_header header;
	struct virtio_blk_discard discard;
	uint8_t status;
	uint8_t unused[31];
	struct virtq_desc table[RUNS + 2];
};
_Static_assert(sizeof(struct slot) == 512,
	       "a power of two: found by a shift; and no table crosses a page");

struct queue {
	struct virtq ring;
	struct slot *slots;
	bool chained[SLOTS]; /* the slot's descriptors are header, one run, status */
} __attribute__((aligned(256)));
_Static_assert(sizeof(struct queue) == 256, "found by a shift");

struct disk {
	struct virtio virtio;
	struct bm_block_device *block;
	struct interrupt {
		struct disk *disk;
		uint32_t queue;
	} interrupts[QUEUES_MAX];
	uint32_t vectors;
	uint32_t queue_count;
	uint32_t units; /* of 512 bytes in a sector */
	uint32_t slot_count;
	bool indirect;
	struct queue queues[QUEUES_MAX];
};

/* In two stores: length, flags and next are 64 bits together. */
static inline void set_desc(volatile struct virtq_desc *desc, uint64_t address, uint32_t length,
			    uint64_t flags, uint64_t next)
{
	desc->address = address;
	*(volatile uint64_t *)&desc->length = length | flags << 32 | next << 48;
}

/* ---- Data path ---- */

/* Header, one run, status: what does not change from command to command of a slot. */
static __attribute__((noinline)) void chain_slot(struct queue *q, uint16_t tag)
{
	uint16_t first = tag * q->ring.stride, last = first + q->ring.stride - 1;
	struct slot *slot = &q->slots[tag];
	set_desc(&q->ring.descs[first + HEADER], dma_phys(&slot->header), sizeof slot->header,
		 VIRTQ_DESC_NEXT, first + DATA);
	q->ring.descs[first + DATA].next = last;
	set_desc(&q->ring.descs[last], dma_phys(&slot->status), 1, VIRTQ_DESC_WRITE, 0);
	q->chained[tag] = true;
}

/* The most frequent command: one run, in a slot that is chained for it. */
static void start_one(struct queue *q, uint16_t tag, const struct bm_block_run *run, uint16_t flags)
{
	uint32_t first = tag * q->ring.stride, last = first + q->ring.stride - 1;
	if (__builtin_expect(!q->chained[tag], 0))
		chain_slot(q, tag);
	set_desc(&q->ring.descs[first + DATA], run->phys, run->bytes, flags | VIRTQ_DESC_NEXT,
		 last);
}

/* 5.2.6.1: more than one run, or none: the chain in the slot's own table. */
static void start_indirect(struct queue *q, uint16_t tag, const struct bm_block_run *runs,
			   uint32_t count, uint16_t flags)
{
	struct slot *slot = &q->slots[tag];
	struct virtq_desc *desc = slot->table;
	q->chained[tag] = false;
	set_desc(desc, dma_phys(&slot->header), sizeof slot->header, VIRTQ_DESC_NEXT, 1);
	for (uint32_t i = 0; i < count; i++)
		set_desc(++desc, runs[i].phys, runs[i].bytes, flags | VIRTQ_DESC_NEXT, i + 2);
	set_desc(++desc, dma_phys(&slot->status), 1, VIRTQ_DESC_WRITE, 0);
	set_desc(&q->ring.descs[tag * q->ring.stride], dma_phys(slot->table),
		 (count + 2) * sizeof *desc, VIRTQ_DESC_INDIRECT, 0);
}

/* The slot's own descriptors, of which it has enough. */
static void start_direct(struct queue *q, uint16_t tag, const struct bm_block_run *runs,
			 uint32_t count, uint16_t flags)
{
	uint16_t first = tag * q->ring.stride, last = first + q->ring.stride - 1;
	struct slot *slot = &q->slots[tag];
	volatile struct virtq_desc *desc = &q->ring.descs[first];
	chain_slot(q, tag); /* the last command may have been indirect */
	q->chained[tag] = false;
	set_desc(desc, dma_phys(&slot->header), sizeof slot->header, VIRTQ_DESC_NEXT,
		 count ? first + DATA : last);
	for (uint32_t i = 0; i < count; i++)
		set_desc(desc + DATA + i, runs[i].phys, runs[i].bytes, flags | VIRTQ_DESC_NEXT,
			 i + 1 < count ? first + DATA + i + 1 : last);
}

/* Flush and discard. */
static __attribute__((noinline)) void start_other(const struct disk *disk, struct queue *q,
						  const struct bm_block_command *command)
{
	struct slot *slot = &q->slots[command->tag];
	struct bm_block_run run;

	if (command->operation == BM_BLOCK_FLUSH) {
		slot->header.type = VIRTIO_BLK_T_FLUSH;
		start_direct(q, command->tag, NULL, 0, 0);
		return;
	}
	slot->header.type = VIRTIO_BLK_T_DISCARD;
	slot->discard =
	    (struct virtio_blk_discard){slot->header.sector, command->sectors * disk->units, 0};
	slot->header.sector = 0;
	run = (struct bm_block_run){dma_phys(&slot->discard), sizeof slot->discard, 0};
	start_one(q, command->tag, &run, 0);
}

static __attribute__((noinline)) void
start_many(struct queue *q, const struct bm_block_command *command, uint16_t flags)
{
	if (command->run_count == 1)
		start_one(q, command->tag, command->runs, flags);
	else if (command->run_count + 2 > q->ring.stride)
		start_indirect(q, command->tag, command->runs, command->run_count, flags);
	else
		start_direct(q, command->tag, command->runs, command->run_count, flags);
}

static __attribute__((noinline)) int start_slowly(struct disk *disk, struct queue *q,
						  const struct bm_block_command *command)
{
	struct slot *slot = &q->slots[command->tag];

	slot->status = STATUS_NONE;
	slot->header.type = command->operation;
	slot->header.sector = command->sector * disk->units;
	if (command->operation > BM_BLOCK_WRITE)
		start_other(disk, q, command);
	else
		start_many(q, command, command->operation == BM_BLOCK_READ ? VIRTQ_DESC_WRITE : 0);
	virtq_push(&q->ring, command->tag);
	return 0;
}

static int start(void *state, uint32_t queue, const struct bm_block_command *command)
{
	struct disk *disk = state;
	struct queue *q = &disk->queues[queue];
	uint32_t operation = command->operation, tag = command->tag;
	const struct bm_block_run *run = command->runs;
	struct slot *slot = &q->slots[tag];
	ONCE(q);

	_Static_assert(VIRTIO_BLK_T_IN == BM_BLOCK_READ && VIRTIO_BLK_T_OUT == BM_BLOCK_WRITE,
		       "the same numbers");
	if (__builtin_expect(
		operation > BM_BLOCK_WRITE || command->run_count != 1 || !q->chained[tag], 0))
		return start_slowly(disk, q, command);
	/* The most frequent command: one run, in a slot that is chained for it. */
	volatile struct virtq_desc *desc = &q->ring.descs[(tag << q->ring.shift) + DATA];
	slot->status = STATUS_NONE;
	slot->header.type = operation;
	slot->header.sector = command->sector * disk->units;
	desc->address = run->phys;
	desc->length = run->bytes;
	_Static_assert(VIRTQ_DESC_NEXT == 1 && VIRTQ_DESC_WRITE == 2, "3 to read, 1 to write");
	desc->flags = 3 - 2 * operation;
	virtq_push(&q->ring, tag);
	return 0;
}

static void kick(void *state, uint32_t queue)
{
	struct virtq *ring = &((struct disk *)state)->queues[queue].ring;
	ONCE(ring);
	virtq_kick(ring);
}

static int status_of(const struct slot *slot)
{
	uint8_t status = *(const volatile uint8_t *)&slot->status;
	return __builtin_expect(status == VIRTIO_BLK_S_OK, 1) ? 0
	       : status == VIRTIO_BLK_S_UNSUPP                ? -BM_ENOSYS
							      : -BM_EIO;
}

static void poll(void *state, uint32_t queue)
{
	struct disk *disk = state;
	struct queue *q = &disk->queues[queue];
	uint32_t length;
	ONCE(q);

	/* At most 65,535, however much nonsense that is. */
	uint32_t count = virtq_done(&q->ring);
	while (count--) {
		int tag = virtq_pop(&q->ring, &length);
		if (__builtin_expect(tag < 0, 0))
			block_finish(disk->block, queue, UINT32_MAX, 0); /* counted */
		else
			block_finish(disk->block, queue, tag, status_of(&q->slots[tag]));
	}
}

/* ---- Interrupt ---- */

static void interrupt(void *argument)
{
	struct interrupt *i = argument;
	struct disk *disk = i->disk;
	/* One message may stand for several queues. */
	bool all = disk->vectors < disk->queue_count;
	if (!disk->block)
		return; /* while it is set up, its driver polls */
	/* Here, where the line is masked: who arms a queue would withdraw what tells of another. */
	if (disk->virtio.device->line)
		virtio_acknowledge(&disk->virtio);
	for (uint32_t n = 0; n < disk->queue_count; n++)
		if (all || n == i->queue)
			virtq_disarm(&disk->queues[n].ring);
	block_notify(disk->block, all ? BM_BLOCK_ALL_QUEUES : i->queue);
}

static int arm(void *state, uint32_t queue)
{
	struct disk *disk = state;
	int more;
	more = virtq_arm(&disk->queues[queue].ring);
	interrupts_enable(disk->virtio.device);
	return more;
}

/* ---- Probe and initialisation ---- */

static int reset(void *state)
{
	struct disk *disk = state;
	int error = virtio_restart(&disk->virtio);
	for (uint32_t i = 0; i < disk->queue_count && !error; i++) {
		struct queue *q = &disk->queues[i];
		error = virtq_remake(&q->ring, disk->vectors ? i % disk->vectors : 0);
		for (uint16_t tag = 0; tag < q->ring.slots; tag++)
			chain_slot(q, tag);
	}
	if (error)
		virtio_fail(&disk->virtio);
	else
		virtio_ready(&disk->virtio);
	return error;
}

static const struct bm_block_ops ops = {start, kick, poll, arm, reset};
static const struct bm_block_ops ops_by_time = {start, kick, poll, NULL, reset};

static int make_queue(struct disk *disk, uint32_t index, uint16_t stride)
{
	struct queue *q = &disk->queues[index];
	int error = virtq_make(&q->ring, &disk->virtio, index, SLOTS, stride,
			       disk->vectors ? index % disk->vectors : 0);
	if (error)
		return error;
	q->slots = dma_take(q->ring.slots * sizeof *q->slots, 64, NULL);
	if (!q->slots) {
		virtq_free(&q->ring);
		return -BM_ENOMEM;
	}
	for (uint16_t tag = 0; tag < q->ring.slots; tag++)
		chain_slot(q, tag);
	return 0;
}

static void free_queues(struct disk *disk)
{
	for (uint32_t i = 0; i < disk->queue_count; i++) {
		dma_give(disk->queues[i].slots, disk->queues[i].ring.slots * sizeof(struct slot));
		virtq_free(&disk->queues[i].ring);
	}
}

/* 5.2.6.1 GET_ID: 20 characters. Left empty if there is no answer. */
static bool identify(struct disk *disk, char text[VIRTIO_BLK_ID_BYTES + 1])
{
	struct queue *q = &disk->queues[0];
	uint64_t end = time_monotonic() + IDENTIFY_NS, phys;
	char *buffer = dma_take(VIRTIO_BLK_ID_BYTES, 64, &phys);
	struct bm_block_run run = {phys, VIRTIO_BLK_ID_BYTES, 0};
	uint32_t length;
	int tag;

	if (!buffer)
		return true;
	q->slots[0].status = STATUS_NONE;
	q->slots[0].header = (struct virtio_blk_header){VIRTIO_BLK_T_GET_ID, 0, 0};
	start_one(q, 0, &run, VIRTQ_DESC_WRITE);
	virtq_push(&q->ring, 0);
	virtq_kick(&q->ring);
	while (!virtq_done(&q->ring)) {
		if (time_monotonic() > end)
			return false; /* it may write there still */
		cpu_relax();
	}
	tag = virtq_pop(&q->ring, &length);
	if (tag == 0 && q->slots[0].status == VIRTIO_BLK_S_OK)
		memcpy(text, buffer, VIRTIO_BLK_ID_BYTES);
	dma_give(buffer, VIRTIO_BLK_ID_BYTES);
	return true;
}

/* Sizes and flags, from features and configuration. False if they make no sense. */
static bool describe(const struct disk *disk, struct bm_block_driver *d)
{
	const struct virtio *v = &disk->virtio;
	uint64_t capacity = virtio_config(v, VIRTIO_BLK_CAPACITY, 8);
	uint32_t segments = disk->indirect ? RUNS : RUNS_DIRECT;

	d->sector_size = VIRTIO_BLK_UNIT;
	if (v->features & VIRTIO_BLK_F_BLK_SIZE)
		d->sector_size = virtio_config(v, VIRTIO_BLK_BLK_SIZE, 4);
	if (d->sector_size < 512 || d->sector_size > 4096 || d->sector_size & (d->sector_size - 1))
		return false;
	d->sectors = capacity / (d->sector_size / VIRTIO_BLK_UNIT);
	if (v->features & VIRTIO_BLK_F_TOPOLOGY) {
		uint32_t exponent = virtio_config(v, VIRTIO_BLK_PHYSICAL_EXP, 1);
		d->physical_sector_size = d->sector_size << (exponent < 16 ? exponent : 0);
	}
	if (v->features & VIRTIO_BLK_F_SEG_MAX) {
		uint32_t most = virtio_config(v, VIRTIO_BLK_SEG_MAX, 4);
		segments = most && most < segments ? most : segments;
	}
	if (v->features & VIRTIO_BLK_F_SIZE_MAX) {
		uint32_t most = virtio_config(v, VIRTIO_BLK_SIZE_MAX, 4);
		if (most && most < 4096)
			return false;
		d->run_bytes = most & -4096u;
	}
	if (segments < 2) {
		/* One run a command: a page at most. */
		segments = 2;
		d->run_bytes = 4096;
		d->max_bytes = 4096;
		d->gap_mask = 4095;
	}
	d->max_runs = segments;
	if (v->features & VIRTIO_BLK_F_RO)
		d->flags |= BM_BLOCK_READ_ONLY;
	/* 5.2.5.1: without FLUSH, writes are durable when answered. */
	if (v->features & VIRTIO_BLK_F_FLUSH &&
	    (!(v->features & VIRTIO_BLK_F_CONFIG_WCE) || virtio_config(v, VIRTIO_BLK_WRITEBACK, 1)))
		d->flags |= BM_BLOCK_WRITE_CACHE;
	if (v->features & VIRTIO_BLK_F_DISCARD && !(v->features & VIRTIO_BLK_F_RO)) {
		d->flags |= BM_BLOCK_HAS_DISCARD;
		d->max_discard = virtio_config(v, VIRTIO_BLK_MAX_DISCARD_SECTORS, 4) / disk->units;
	}
	return true;
}

static int set_up(struct disk *disk)
{
	struct virtio *v = &disk->virtio;
	struct bm_block_driver d = {.state = disk, .device = v->device, .name = "virtio_blk"};
	char id[VIRTIO_BLK_ID_BYTES + 1] = "";
	void *arguments[QUEUES_MAX];
	uint32_t wanted = 1;

	/* 3.1.1, steps 4 to 6. */
	int error = virtio_negotiate(
	    v, VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SIZE_MAX |
		   VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |
		   VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_CONFIG_WCE |
		   VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_DISCARD);
	if (error)
		return error;
	disk->indirect = v->features & VIRTIO_F_INDIRECT;
	if (v->features & VIRTIO_BLK_F_MQ)
		wanted = virtio_config(v, VIRTIO_BLK_NUM_QUEUES, 2);
	wanted = wanted < worker_count() ? wanted : worker_count();
	wanted = wanted < QUEUES_MAX ? wanted : QUEUES_MAX;
	wanted = wanted ? wanted : 1;

	/* Step 7. */
	for (uint32_t i = 0; i < wanted; i++) {
		disk->interrupts[i] = (struct interrupt){disk, i};
		arguments[i] = &disk->interrupts[i];
	}
	int vectors = virtio_interrupts(v, wanted, interrupt, arguments);
	disk->vectors = vectors > 0 ? vectors : 0;
	for (; disk->queue_count < wanted; disk->queue_count++) {
		error = make_queue(disk, disk->queue_count,
				   disk->indirect ? STRIDE_INDIRECT : RUNS_DIRECT + 2);
		if (error && disk->queue_count)
			break; /* fewer will do */
		if (error)
			return error;
	}
	d.ops = vectors > 0 ? &ops : &ops_by_time;
	d.queues = disk->queue_count;
	d.depth = disk->queues[0].ring.slots;
	for (uint32_t i = 1; i < disk->queue_count; i++)
		if (disk->queues[i].ring.slots < d.depth)
			d.depth = disk->queues[i].ring.slots;
	d.sector_size = VIRTIO_BLK_UNIT;
	if (v->features & VIRTIO_BLK_F_BLK_SIZE)
		disk->units = virtio_config(v, VIRTIO_BLK_BLK_SIZE, 4) / VIRTIO_BLK_UNIT;
	disk->units = disk->units ? disk->units : 1;
	if (!describe(disk, &d))
		return -BM_EIO;

	/* Step 8. */
	virtio_ready(v);
	if (!identify(disk, id))
		return -BM_ETIMEDOUT;
	d.model = "virtio";
	d.serial = id;
	error = block_add(&d, &disk->block);
	return error < 0 ? error : 0;
}

static int probe(struct bm_device *device)
{
	struct disk *disk = dma_take(sizeof *disk, 256, NULL);
	if (!disk)
		return -BM_ENOMEM;
	int error = virtio_open(&disk->virtio, device);
	if (!error) {
		error = set_up(disk);
		if (!error) {
			device->state = disk;
			return 0;
		}
		/* The interrupts stay with this memory, so it stays as well. */
		virtio_fail(&disk->virtio);
		free_queues(disk);
		return error;
	}
	dma_give(disk, sizeof *disk);
	return error;
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {
    BM_MATCH_PCI(VIRTIO_VENDOR, VIRTIO_BLK_PCI),
    BM_MATCH_PCI(VIRTIO_VENDOR, VIRTIO_BLK_PCI_TRANSITIONAL),
    BM_MATCH_VIRTIO_MMIO(VIRTIO_BLK_DEVICE_TYPE),
};
static const struct bm_driver virtio_blk = {"virtio_blk", matches, sizeof matches / sizeof *matches,
					    probe};
DRIVER(virtio_blk);
