/* SPDX-License-Identifier: MIT */
/*
 * ata: disks and optical drives on IDE channels (PIIX and its like). ATA8-ACS, ATA8-APT
 * (protocols); PCI IDE Controller Specification 1.0; Programming Interface for Bus Master IDE
 * Controller 1.0.
 *
 * A channel does one command at a time, for either of its two drives; each drive is a block device.
 * Disks move data by bus-master DMA where firmware has chosen a mode of it, and by the processor
 * (PIO) where not, and where memory lies beyond 4 GiB. Optical drives are read by PIO. Modes and
 * timing are firmware's to set, not this driver's.
 *
 * QEMU: -M pc -drive if=none,id=d,file=F,format=raw -device ide-hd,drive=d,bus=ide.0,unit=0, or
 * -device ide-cd; -device piix4-ide.
 */
#include "device/block.h"
#include <string.h>
#include "ata_command.h"
#include "ata_regs.h"
#include "atapi.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/pci.h"
#include "device/pci_regs.h"
#include "lib/format.h"

/* ---- State ---- */

#define NS_MS         1000000ul
#define READY_NS      (10 * BM_SECOND) /* after a reset; a disk that spins up */
#define SELECT_NS     (2 * NS_MS)      /* a drive that is idle is ready at once */
#define RESET_US      10               /* ATA8-APT 9.2: at least 5 */
#define RESET_NS      (2 * NS_MS)      /* likewise, before the status counts */
#define SETTLE_NS     400              /* ATA8-APT 9.3: the same for a command and a selection */
#define INTERNAL_NS   (10 * BM_SECOND) /* one of our own commands */
#define DEPTH         4                /* commands held for a drive */
#define RUNS          64
#define COMMAND_BYTES (512u << 10) /* most of a command */
#define PIO_BYTES     (64u << 10)  /* the same where the processor moves them */
#define LOOK_NS       1000000      /* at most, between looks at a drive that is still at it */
#define TRIES_MAX     3            /* of a packet that meets an attention */
#define PACKET_COUNT  0xf800u      /* most bytes of a packet's block: whole sectors, even */
#define FLOATING      0x7f         /* nobody drives the bus; bit 7 may be pulled down */

enum phase {
	PHASE_DMA,
	PHASE_NO_DATA,
	PHASE_IN,
	PHASE_OUT,
	PHASE_PACKET,   /* the drive will ask for the packet */
	PHASE_PACKET_IN /* its data */
};

/* What the adapter reads for a command. A table must not cross a border of 64 KiB. */
struct memory {
	struct prd table[RUNS];
	uint8_t trim[ATA_TRIM_BYTES];
};
_Static_assert(sizeof(struct memory) == 1024, "so that none crosses the border of a page");

/* A command. */
struct job {
	struct ata_taskfile taskfile;
	enum phase phase;
	bool to_host;
	uint8_t tries;
	uint8_t packet[ATAPI_PACKET_BYTES];
	uint32_t bytes, left;
	const struct bm_block_segment *first, *segment;
	uint64_t first_offset, offset;
};

struct drive {
	struct channel *channel;
	struct bm_block_device *block;
	struct memory *memory; /* of each job */
	struct job jobs[DEPTH];
	struct ata_identity identity;
	uint32_t index;
	bool packet, dma, lost;
	uint32_t waiting; /* bit N: tag N */
	uint32_t last;    /* tag that was begun */
	uint32_t done;    /* not told yet */
	int32_t results[DEPTH];
	char name[32];
};

struct channel {
	struct bm_device *device;
	uint16_t command, control, master; /* ports; master 0: no DMA */
	uint32_t line;                     /* 0: the device's interrupt */
	bool busy;                         /* the lock of all here, for two drives' queues */
	bool stuck;
	struct drive *current; /* whose command is under way */
	uint32_t tag;
	uint32_t turn;       /* the drive that comes next */
	uint8_t master_keep; /* bits of the bus master's status that are not ours */
	uint8_t selected;    /* what the device register holds of a drive's number */
	uint64_t begun, looked, look_ticks, settle_ticks; /* of the time-stamp counter */
	bool line_open; /* it has not interrupted since it was enabled */
	struct drive *drives[2];
};

struct controller {
	struct channel channels[IDE_CHANNELS];
};

static bool legacy_taken[IDE_CHANNELS]; /* the ISA bus's ports are there once */

static void lock(struct channel *c)
{
	while (__atomic_test_and_set(&c->busy, __ATOMIC_ACQUIRE))
		cpu_relax();
}

static void unlock(struct channel *c)
{
	__atomic_clear(&c->busy, __ATOMIC_RELEASE);
}

/* ---- Register access ---- */

static uint8_t get(const struct channel *c, uint16_t reg)
{
	return in8(c->command + reg);
}

static void set(const struct channel *c, uint16_t reg, uint8_t value)
{
	out8(c->command + reg, value);
}

/* Without withdrawing the interrupt. */
static uint8_t alternate_status(const struct channel *c)
{
	return in8(c->control);
}

/* ATA8-APT 9.3: 400 ns until the status counts; each read takes 100 at least. */
static void settle(const struct channel *c)
{
	for (int i = 0; i < 4; i++)
		alternate_status(c);
}

static bool is_floating(uint8_t status)
{
	return (status & FLOATING) == FLOATING;
}

static bool await_clear(const struct channel *c, uint8_t bits, uint64_t ns)
{
	uint64_t end = time_monotonic() + ns;
	while (alternate_status(c) & bits) {
		if (is_floating(alternate_status(c)) || time_monotonic() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static void select_drive(struct channel *c, uint32_t index, uint8_t device)
{
	uint8_t second = index ? ATA_DEVICE_SECOND : 0;
	set(c, ATA_REG_DEVICE, device | ATA_DEVICE_OBSOLETE | second);
	if (second != c->selected)
		settle(c);
	c->selected = second;
}

/* ATA8-ACS 4.1: the registers take two bytes each, the upper one first. */
static void write_taskfile(const struct drive *d, const struct ata_taskfile *t)
{
	const struct channel *c = d->channel;
	if (t->extended) {
		set(c, ATA_REG_FEATURES, t->features >> 8);
		set(c, ATA_REG_COUNT, t->count >> 8);
		set(c, ATA_REG_LBA_LOW, t->lba >> 24);
		set(c, ATA_REG_LBA_MID, t->lba >> 32);
		set(c, ATA_REG_LBA_HIGH, t->lba >> 40);
	}
	set(c, ATA_REG_FEATURES, t->features);
	set(c, ATA_REG_COUNT, t->count);
	set(c, ATA_REG_LBA_LOW, t->lba);
	set(c, ATA_REG_LBA_MID, t->lba >> 8);
	set(c, ATA_REG_LBA_HIGH, t->lba >> 16);
	set(c, ATA_REG_COMMAND, t->command);
}

/* ---- Moving data: PIO ---- */

static void pio_step(const struct channel *c, bool to_host, void *memory, uint32_t bytes)
{
	if (to_host)
		in16_many(c->command + ATA_REG_DATA, memory, bytes / 2);
	else
		out16_many(c->command + ATA_REG_DATA, memory, bytes / 2);
}

/* So many bytes, even, not more than are left, between the drive and the request's memory. */
static void pio(const struct channel *c, struct job *job, uint32_t bytes)
{
	job->left -= bytes;
	while (bytes) {
		if (job->offset == job->segment->bytes) {
			job->segment++;
			job->offset = 0;
		}
		uint64_t room = job->segment->bytes - job->offset;
		uint32_t step = room < bytes ? room : bytes;
		pio_step(c, job->to_host, (uint8_t *)job->segment->address + job->offset, step);
		job->offset += step;
		bytes -= step;
	}
	settle(c);
}

/* More than was asked for: nobody wants it. */
static void drain(const struct channel *c, uint32_t bytes)
{
	while (bytes) {
		in16(c->command + ATA_REG_DATA);
		bytes -= 2;
	}
}

/* ---- Data path ---- */

/* BMIDE 3.1, steps 1 and 2. */
static void prepare_master(const struct channel *c, const struct job *job,
			   const struct memory *memory)
{
	out8(c->master + MASTER_COMMAND, job->to_host ? MASTER_COMMAND_TO_HOST : 0);
	out32(c->master + MASTER_TABLE, dma_phys(memory->table));
	out8(c->master + MASTER_STATUS,
	     c->master_keep | MASTER_STATUS_INTERRUPT | MASTER_STATUS_ERROR);
}

static void stop_master(const struct channel *c)
{
	if (c->master)
		out8(c->master + MASTER_COMMAND, 0);
}

/* Hand a command to its drive. False: the drive is not idle, though it should be. */
static bool begin(struct channel *c, struct drive *d, uint32_t tag)
{
	struct job *job = &d->jobs[tag];

	job->left = job->bytes;
	job->segment = job->first;
	job->offset = job->first_offset;
	/* ATA8-APT 9.3, host idle: select, and see that it is ready. An old interrupt goes away. */
	select_drive(c, d->index, job->taskfile.device);
	if (get(c, ATA_REG_STATUS) & (ATA_STATUS_BSY | ATA_STATUS_DRQ) &&
	    !await_clear(c, ATA_STATUS_BSY | ATA_STATUS_DRQ, SELECT_NS))
		return false;
	if (job->phase == PHASE_DMA)
		prepare_master(c, job, &d->memory[tag]);
	write_taskfile(d, &job->taskfile);
	if (job->phase == PHASE_DMA) /* BMIDE 3.1, step 4 */
		out8(c->master + MASTER_COMMAND,
		     MASTER_COMMAND_START | (job->to_host ? MASTER_COMMAND_TO_HOST : 0));
	return true;
}

static int end_status(uint8_t status)
{
	/* A drive that is still at it must be reset before its command's memory is given back. */
	if (status & (ATA_STATUS_BSY | ATA_STATUS_DRQ))
		return -BM_EAGAIN;
	return status & (ATA_STATUS_ERR | ATA_STATUS_DF) ? -BM_EIO : 0;
}

#define UNDER_WAY 1

/* BMIDE 3.1, steps 5 and 6, and 3.2. */
static int look_at_dma(const struct channel *c)
{
	uint8_t master = in8(c->master + MASTER_STATUS);
	if (!(master & MASTER_STATUS_INTERRUPT))
		return UNDER_WAY;
	stop_master(c);
	int result = end_status(get(c, ATA_REG_STATUS));
	/* Still active: the drive has moved less than the table holds. */
	if (!result && master & (MASTER_STATUS_ERROR | MASTER_STATUS_ACTIVE))
		result = -BM_EIO;
	return result;
}

/* ATA8-APT 9.6 and 9.7: a block for each time that the drive asks. */
static int look_at_pio(const struct channel *c, const struct drive *d, struct job *job)
{
	if (alternate_status(c) & ATA_STATUS_BSY)
		return UNDER_WAY;
	uint8_t status = get(c, ATA_REG_STATUS);
	if (status & (ATA_STATUS_ERR | ATA_STATUS_DF))
		return status & ATA_STATUS_DRQ ? -BM_EAGAIN : -BM_EIO;
	if (job->left && status & ATA_STATUS_DRQ) {
		pio(c, job, d->identity.sector_size);
		if (job->left || !job->to_host)
			return UNDER_WAY;
		/* The last block of a read is its end. */
		status = get(c, ATA_REG_STATUS);
		return end_status(status & ~ATA_STATUS_BSY);
	}
	/* A drive that asks for nothing, and has not got all: it may be late. */
	return job->left ? UNDER_WAY : end_status(status);
}

/* ATA8-APT 9.10: first the packet, then blocks of the drive's choice. */
static int look_at_packet(const struct channel *c, struct job *job)
{
	if (alternate_status(c) & ATA_STATUS_BSY)
		return UNDER_WAY;
	uint8_t status = get(c, ATA_REG_STATUS);
	if (status & (ATA_STATUS_ERR | ATA_STATUS_DF))
		return -BM_EIO;
	if (job->phase == PHASE_PACKET) {
		if (!(status & ATA_STATUS_DRQ))
			return UNDER_WAY;
		job->phase = PHASE_PACKET_IN;
		pio_step(c, false, job->packet, 12);
		settle(c);
		return UNDER_WAY;
	}
	if (!(status & ATA_STATUS_DRQ))
		return job->left ? -BM_EIO : 0;
	uint32_t bytes = get(c, ATA_REG_LBA_MID) | get(c, ATA_REG_LBA_HIGH) << 8;
	uint32_t wanted = bytes < job->left ? bytes : job->left;
	if (!bytes || bytes & 1)
		return -BM_EAGAIN; /* nonsense: nobody knows where the drive is now */
	pio(c, job, wanted);
	drain(c, bytes - wanted);
	return bytes > wanted ? -BM_EAGAIN : UNDER_WAY;
}

static int look(struct channel *c, struct drive *d, struct job *job)
{
	switch (job->phase) {
	case PHASE_DMA:
		return look_at_dma(c);
	case PHASE_NO_DATA:
		if (alternate_status(c) & ATA_STATUS_BSY)
			return UNDER_WAY;
		return end_status(get(c, ATA_REG_STATUS));
	case PHASE_IN:
	case PHASE_OUT:
		return look_at_pio(c, d, job);
	default:
		return look_at_packet(c, job);
	}
}

static void store(struct drive *d, uint32_t tag, int result)
{
	d->results[tag] = result;
	d->done |= 1u << tag;
}

/* An optical drive that was reset, or has a new medium, says so once, instead of reading. */
static bool is_worth_again(const struct channel *c, const struct drive *d, struct job *job,
			   int result)
{
	return d->packet && result == -BM_EIO &&
	       ATA_ERROR_SENSE(get(c, ATA_REG_ERROR)) == ATAPI_SENSE_ATTENTION &&
	       ++job->tries < TRIES_MAX;
}

/*
 * The status does not count at once. And ports cost a virtual machine much, and cores may poll
 * without a pause: the longer a command takes already, the longer until the next look, an eighth of
 * it.
 */
static bool is_too_early(const struct channel *c, uint64_t now)
{
	if (now - c->begun < c->settle_ticks)
		return true;
	uint64_t gap = (c->looked - c->begun) / 8;
	return now - c->looked < (gap < c->look_ticks ? gap : c->look_ticks);
}

/* All that the channel can do now. Its lock is held. */
static void advance(struct channel *c)
{
	for (;;) {
		if (c->stuck)
			return;
		if (c->current) {
			struct drive *d = c->current;
			struct job *job = &d->jobs[c->tag];
			uint32_t left = job->left;
			enum phase phase = job->phase;
			uint64_t now = tsc_read();
			if (is_too_early(c, now))
				return;
			int result = look(c, d, job);
			if (result == UNDER_WAY && left == job->left && phase == job->phase) {
				c->looked = now;
				return;
			}
			if (result == UNDER_WAY) {
				c->begun = c->looked = now; /* its next block */
				continue;
			}
			c->current = NULL;
			if (phase == PHASE_PACKET_IN)
				job->phase = PHASE_PACKET;
			if (is_worth_again(c, d, job, result))
				d->waiting |= 1u << c->tag;
			else
				store(d, c->tag, result);
			c->stuck = result == -BM_EAGAIN;
			continue;
		}
		struct drive *d = c->drives[c->turn];
		if (!d || !d->waiting)
			d = c->drives[c->turn ^= 1];
		if (!d || !d->waiting)
			return;
		/* In turn: the lowest one first would let others wait for ever. */
		uint32_t later = d->waiting & ~((2u << d->last) - 1);
		uint32_t tag = __builtin_ctz(later ? later : d->waiting);
		d->last = tag;
		d->waiting &= ~(1u << tag);
		c->turn = d->index ^ 1;
		if (begin(c, d, tag)) {
			c->current = d;
			c->tag = tag;
			c->begun = c->looked = tsc_read();
		} else {
			c->stuck = true;
			store(d, tag, -BM_EAGAIN);
		}
	}
}

/* Tables from runs: within 64 KiB borders, as the kernel was told. */
static void make_table(struct memory *memory, const struct bm_block_run *runs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		memory->table[i] =
		    (struct prd){runs[i].phys, runs[i].bytes, i + 1 == count ? PRD_LAST : 0};
}

static int start(void *state, uint32_t queue, const struct bm_block_command *command)
{
	struct drive *d = state;
	struct job *job = &d->jobs[command->tag];
	struct memory *memory = &d->memory[command->tag];
	bool dma = d->dma && command->run_count;

	(void)queue;
	if (d->lost)
		return -BM_ENODEV;
	job->bytes = command->bytes;
	job->first = command->segments;
	job->first_offset = command->segment_offset;
	job->to_host = command->operation == BM_BLOCK_READ;
	job->tries = 0;
	if (d->packet) {
		job->taskfile =
		    (struct ata_taskfile){.command = ATA_PACKET, .lba = PACKET_COUNT << 8};
		atapi_make_read(command->sector, command->sectors, job->packet);
		job->phase = PHASE_PACKET;
	} else {
		ata_make_taskfile(&d->identity, command, dma ? ATA_DMA : ATA_PIO, &job->taskfile);
		job->phase = !command->bytes ? PHASE_NO_DATA
			     : dma           ? PHASE_DMA
			     : job->to_host  ? PHASE_IN
					     : PHASE_OUT;
	}
	if (command->operation == BM_BLOCK_DISCARD) {
		struct bm_block_run run = {dma_phys(memory->trim), ATA_TRIM_BYTES, 0};
		ata_make_trim(command->sector, command->sectors, memory->trim);
		make_table(memory, &run, 1);
		job->phase = PHASE_DMA;
	} else if (dma) {
		make_table(memory, command->runs, command->run_count);
	}
	lock(d->channel);
	d->waiting |= 1u << command->tag;
	unlock(d->channel);
	return 0;
}

static void kick(void *state, uint32_t queue)
{
	struct drive *d = state;
	(void)queue;
	lock(d->channel);
	if (!d->channel->current)
		advance(d->channel);
	unlock(d->channel);
}

static void poll(void *state, uint32_t queue)
{
	struct drive *d = state;
	struct channel *c = d->channel;
	int32_t results[DEPTH];

	(void)queue;
	lock(c);
	advance(c);
	/* All that waits for a channel that needs a reset says so. */
	for (uint32_t left = c->stuck ? d->waiting : 0; left; left &= left - 1)
		store(d, __builtin_ctz(left), -BM_EAGAIN);
	if (c->stuck)
		d->waiting = 0;
	uint32_t done = d->done;
	memcpy(results, d->results, sizeof results);
	d->done = 0;
	struct drive *other = c->drives[!d->index];
	bool tell = other && (other->done || (c->stuck && other->waiting));
	unlock(c);
	for (; done; done &= done - 1)
		block_finish(d->block, 0, __builtin_ctz(done), results[__builtin_ctz(done)]);
	if (tell && other->block)
		block_notify(other->block, 0);
}

/* ---- Interrupt ---- */

static void interrupt(void *argument)
{
	struct channel *c = argument;
	__atomic_store_n(&c->line_open, false, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < 2; i++)
		if (c->drives[i] && c->drives[i]->block)
			block_notify(c->drives[i]->block, 0);
}

/* Of both channels of a native adapter. */
static void interrupt_native(void *argument)
{
	struct controller *controller = argument;
	for (uint32_t i = 0; i < IDE_CHANNELS; i++)
		interrupt(&controller->channels[i]);
}

static int arm(void *state, uint32_t queue)
{
	struct drive *d = state;
	struct channel *c = d->channel;
	bool more;

	(void)queue;
	if (!__atomic_exchange_n(&c->line_open, true, __ATOMIC_SEQ_CST)) {
		if (c->line)
			interrupt_line_enable(c->line);
		else
			interrupts_enable(c->device);
	}
	lock(c);
	more = d->done || c->stuck;
	if (!more && c->current && c->current->jobs[c->tag].phase == PHASE_DMA)
		more = in8(c->master + MASTER_STATUS) & MASTER_STATUS_INTERRUPT;
	else if (!more)
		more = !c->current || !(alternate_status(c) & ATA_STATUS_BSY);
	unlock(c);
	return more;
}

/* ---- Reset ---- */

/* ATA8-APT 9.2: both drives. Returns which of them have become ready, bit N: drive N. */
static uint32_t reset_channel(struct channel *c)
{
	uint32_t ready = 0;
	stop_master(c);
	out8(c->control, ATA_CONTROL_RESET);
	time_delay_us(RESET_US);
	out8(c->control, 0);
	uint64_t end = time_monotonic() + RESET_NS;
	while (time_monotonic() < end)
		cpu_relax();
	for (uint32_t i = 0; i < 2; i++) {
		select_drive(c, i, 0);
		if (!is_floating(alternate_status(c)) && await_clear(c, ATA_STATUS_BSY, READY_NS))
			ready |= 1u << i;
	}
	return ready;
}

static int reset(void *state)
{
	struct drive *d = state;
	struct channel *c = d->channel;
	struct drive *other = c->drives[!d->index];

	lock(c);
	/* The other drive's command is the kernel's matter when its time comes: begin it again. */
	if (c->current && c->current == other)
		other->waiting |= 1u << c->tag;
	d->waiting = d->done = 0;
	c->current = NULL;
	c->stuck = false;
	uint32_t ready = d->lost ? ~0u : reset_channel(c);
	for (uint32_t i = 0; i < 2; i++) {
		struct drive *drive = c->drives[i];
		if (!drive || drive->lost || ready >> i & 1)
			continue;
		log_warning("%s: does not become ready: lost", drive->name);
		drive->lost = true;
		for (; drive->waiting; drive->waiting &= drive->waiting - 1)
			store(drive, __builtin_ctz(drive->waiting), -BM_ENODEV);
	}
	unlock(c);
	return 0;
}

static const struct bm_block_ops ops = {start, kick, poll, arm, reset};
static const struct bm_block_ops ops_by_time = {start, kick, poll, NULL, reset};

/* ---- Our own commands, while drives are found ---- */

/* Wait for a block of data, or for the end. Returns the status; 0: its time is over, or no drive.
 */
static uint8_t await_end(const struct channel *c)
{
	if (!alternate_status(c) || !await_clear(c, ATA_STATUS_BSY, INTERNAL_NS))
		return 0;
	return get(c, ATA_REG_STATUS);
}

static int identify(struct drive *d)
{
	struct channel *c = d->channel;
	struct ata_taskfile t = {.command = d->packet ? ATA_IDENTIFY_PACKET : ATA_IDENTIFY_DEVICE};
	uint16_t words[ATA_IDENTIFY_WORDS];

	select_drive(c, d->index, 0);
	write_taskfile(d, &t);
	settle(c);
	uint8_t status = await_end(c);
	if (!(status & ATA_STATUS_DRQ) || status & (ATA_STATUS_ERR | ATA_STATUS_DF))
		return -BM_ENODEV;
	in16_many(c->command + ATA_REG_DATA, words, ATA_IDENTIFY_WORDS);
	settle(c);
	if (!await_clear(c, ATA_STATUS_BSY | ATA_STATUS_DRQ, INTERNAL_NS))
		return -BM_EIO;
	get(c, ATA_REG_STATUS);
	return d->packet ? ata_identify_packet(words, &d->identity)
			 : ata_identify_disk(words, &d->identity);
}

static int carry(void *state, const uint8_t packet[ATAPI_PACKET_BYTES], uint8_t *answer,
		 uint32_t bytes, uint32_t *got)
{
	struct drive *d = state;
	struct channel *c = d->channel;
	struct bm_block_segment segment = {answer, bytes};
	struct job job = {
	    .phase = PHASE_PACKET, .to_host = true, .left = bytes, .segment = &segment};
	uint64_t end = time_monotonic() + INTERNAL_NS;
	int result;

	job.taskfile = (struct ata_taskfile){.command = ATA_PACKET, .lba = PACKET_COUNT << 8};
	memcpy(job.packet, packet, sizeof job.packet);
	select_drive(c, d->index, 0);
	if (!await_clear(c, ATA_STATUS_BSY | ATA_STATUS_DRQ, SELECT_NS))
		return -BM_EIO;
	write_taskfile(d, &job.taskfile);
	settle(c);
	while ((result = look_at_packet(c, &job)) == UNDER_WAY) {
		if (time_monotonic() > end)
			return -BM_ETIMEDOUT;
		cpu_relax();
	}
	*got = bytes - job.left;
	uint8_t error = get(c, ATA_REG_ERROR);
	if (result == -BM_EIO && !(get(c, ATA_REG_STATUS) & ATA_STATUS_ERR))
		return 0; /* less than was asked for */
	if (result == -BM_EIO && ATA_ERROR_SENSE(error))
		return ATA_ERROR_SENSE(error);
	return result;
}

/* ---- Probe and initialisation ---- */

static int describe_optical(struct drive *d, struct bm_block_driver *b)
{
	struct atapi_drive drive = {carry, d, d->name};
	if (!d->identity.optical || d->identity.packet_bytes != 12)
		return -BM_ENODEV;
	d->identity.sector_size = 512; /* of no meaning there */
	b->max_bytes = PIO_BYTES;
	b->flags = BM_BLOCK_READ_ONLY | BM_BLOCK_OPTICAL | BM_BLOCK_REMOVABLE;
	return atapi_find_medium(&drive, &b->sectors, &b->sector_size);
}

static void describe_disk(struct drive *d, struct bm_block_driver *b)
{
	const struct ata_identity *i = &d->identity;
	uint32_t most = i->lba48 ? ATA_MOST_48 : ATA_MOST_28, bytes;
	bool reached = dma_phys(d->memory) + DEPTH * sizeof *d->memory <= 1ul << 32;

	d->dma = d->channel->master && i->dma && i->dma_mode && reached;
	bytes = d->dma ? COMMAND_BYTES : PIO_BYTES;
	b->max_bytes = most < bytes / i->sector_size ? most * i->sector_size : bytes;
	b->sectors = i->sectors;
	b->sector_size = i->sector_size;
	b->physical_sector_size = i->physical_sector_size;
	/* FUA is not used: PIO has none. TRIM goes by DMA alone. */
	b->flags = (i->write_cache ? BM_BLOCK_WRITE_CACHE : 0) |
		   (i->trim && d->dma ? BM_BLOCK_HAS_DISCARD : 0);
	b->max_discard = ATA_TRIM_MOST;
}

static int add_drive(struct drive *d, bool interrupts)
{
	struct bm_block_driver b = {.ops = interrupts ? &ops : &ops_by_time,
				    .state = d,
				    .device = d->channel->device,
				    .name = "ata",
				    .queues = 1,
				    .depth = DEPTH,
				    .max_runs = RUNS,
				    .run_bytes = PRD_BORDER,
				    .run_border = PRD_BORDER,
				    .phys_limit = 1ul << 32};
	int error = identify(d);
	if (error)
		return error;
	if (d->packet)
		error = describe_optical(d, &b);
	else
		describe_disk(d, &b);
	if (error)
		return error;
	b.model = d->identity.model;
	b.serial = d->identity.serial;
	b.firmware = d->identity.firmware;
	log_debug("%s: %s", d->name, d->dma ? "DMA" : "PIO");
	d->channel->look_ticks = time_to_ticks(LOOK_NS);
	d->channel->settle_ticks = time_to_ticks(SETTLE_NS);
	d->channel->drives[d->index] = d;
	error = block_add(&b, &d->block);
	if (error < 0)
		d->channel->drives[d->index] = NULL;
	return error < 0 ? error : 0;
}

enum kind { NOTHING, DISK, PACKET };

/* What a reset has left in the registers: ATA8-ACS, 4.3. Commands to the other drive change it. */
static enum kind signature(struct channel *c, uint32_t index)
{
	select_drive(c, index, 0);
	uint16_t kind = get(c, ATA_REG_LBA_MID) | get(c, ATA_REG_LBA_HIGH) << 8;
	if (get(c, ATA_REG_COUNT) != ATA_SIGNATURE_COUNT ||
	    get(c, ATA_REG_LBA_LOW) != ATA_SIGNATURE_LOW)
		return NOTHING;
	return kind == ATA_SIGNATURE_PACKET ? PACKET : kind == ATA_SIGNATURE_DISK ? DISK : NOTHING;
}

static void take_drive(struct channel *c, uint32_t index, bool packet, bool interrupts)
{
	int error = -BM_ENOMEM;
	struct drive *d = dma_take(sizeof *d, 64, NULL);
	struct memory *memory = dma_take(DEPTH * sizeof *memory, 4096, NULL);
	if (d && memory) {
		d->channel = c;
		d->memory = memory;
		d->index = index;
		d->packet = packet;
		format_text(d->name, sizeof d->name, "%s ata 0x%x drive %u", c->device->name,
			    c->command, index);
		error = add_drive(d, interrupts);
	}
	if (!error)
		return;
	if (error != -BM_ENODEV)
		log_warning("%s: IDE drive %u at port 0x%x does not work: %s", c->device->name,
			    index, c->command, device_error(error));
	dma_give(d, sizeof *d);
	dma_give(memory, DEPTH * sizeof *memory);
}

/* Do the registers hold what is written there? Where no drive is, they do not. */
static bool has_registers(struct channel *c)
{
	for (uint32_t i = 0; i < 2; i++) {
		select_drive(c, i, 0);
		if (alternate_status(c) & ATA_STATUS_BSY && !is_floating(alternate_status(c)))
			return true; /* at work: later */
		set(c, ATA_REG_COUNT, 0x55);
		set(c, ATA_REG_LBA_LOW, 0xaa);
		if (get(c, ATA_REG_COUNT) == 0x55 && get(c, ATA_REG_LBA_LOW) == 0xaa)
			return true;
	}
	return false;
}

/* PCI IDE 1.0, sections 2 and 3: where a channel's ports are. False: it has none. */
static bool find_ports(struct channel *c, uint32_t index)
{
	struct bm_device *device = c->device;
	if (device->class_code & IDE_NATIVE(index)) {
		c->command = pci_ports(device, IDE_BAR_COMMAND(index), ATA_REG_BYTES);
		c->control = pci_ports(device, IDE_BAR_CONTROL(index), IDE_BAR_CONTROL_OFFSET + 1);
		c->control += c->control ? IDE_BAR_CONTROL_OFFSET : 0;
	} else if (!legacy_taken[index]) {
		legacy_taken[index] = true;
		c->command = IDE_LEGACY_COMMAND(index);
		c->control = IDE_LEGACY_CONTROL(index);
		c->line = IDE_LEGACY_LINE(index);
	}
	c->master = pci_ports(device, IDE_BAR_MASTER, IDE_CHANNELS * IDE_MASTER_BYTES);
	c->master += c->master ? index * IDE_MASTER_BYTES : 0;
	return c->command && c->control;
}

static int probe(struct bm_device *device)
{
	struct controller *controller = dma_take(sizeof *controller, 64, NULL);
	void *argument = controller;
	int native = 0;

	if (!controller)
		return -BM_ENOMEM;
	pci_config_write(device, PCI_COMMAND, 2,
			 pci_config_read(device, PCI_COMMAND, 2) | PCI_COMMAND_IO);
	for (uint32_t i = 0; i < IDE_CHANNELS; i++) {
		struct channel *c = &controller->channels[i];
		bool interrupts;
		c->device = device;
		if (!find_ports(c, i) || !has_registers(c))
			continue;
		stop_master(c);
		if (c->master) {
			c->master_keep = in8(c->master + MASTER_STATUS) & MASTER_STATUS_KEEP;
			pci_master(device, true);
		}
		if (c->line)
			interrupts = interrupt_line_take(c->line, interrupt, c) > 0;
		else {
			if (!native)
				native = interrupts_take(device, 1, interrupt_native, &argument);
			interrupts = native > 0;
		}
		uint32_t ready = reset_channel(c);
		enum kind kinds[2];
		for (uint32_t n = 0; n < 2; n++)
			kinds[n] = ready >> n & 1 ? signature(c, n) : NOTHING;
		for (uint32_t n = 0; n < 2; n++)
			if (kinds[n] != NOTHING)
				take_drive(c, n, kinds[n] == PACKET, interrupts);
	}
	device->state = controller;
	return 0;
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {BM_MATCH_PCI_CLASS(IDE_CLASS, IDE_CLASS_MASK)};
static const struct bm_driver ata = {"ata", matches, 1, probe};
DRIVER(ata);
