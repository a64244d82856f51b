/* SPDX-License-Identifier: MIT */
/*
 * ahci: SATA disks and optical drives behind an AHCI adapter. AHCI 1.3.1; ACS-4; Serial ATA 3.1.
 *
 * A port is a block device with one queue. Disks with a queue of their own (NCQ) have as many
 * commands under way as they can; other commands (flush, TRIM, packets, disks without a queue) have
 * the device to themselves, one at a time: so an error is always that one's. After an error the
 * port is stopped, the device told or asked what has failed, and the others are begun again: step()
 * is that machine. No port multipliers, no hot-plug of what was not there at the start.
 *
 * QEMU: -M q35 -drive if=none,id=d,file=F,format=raw -device ide-hd,drive=d,bus=ide.0, or -device
 * ide-cd; on other machines -device ich9-ahci,id=a … bus=a.0. It has no sectors of 4,096 bytes.
 */
#include "device/block.h"
#include <string.h>
#include "ahci_regs.h"
#include "ata_command.h"
#include "atapi.h"
#include "console/log.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/mmio.h"
#include "device/pci.h"
#include "lib/format.h"

/* ---- State ---- */

#define NS_MS            1000000ul
#define HANDOFF_NS       (25 * NS_MS)     /* 10.6.3 */
#define HANDOFF_BUSY_NS  (2000 * NS_MS)   /* 10.6.3, while the firmware is busy */
#define HBA_RESET_NS     (1000 * NS_MS)   /* 10.4.3 */
#define STOP_NS          (500 * NS_MS)    /* 10.3.2 */
#define COMRESET_NS      (1 * NS_MS)      /* 10.4.2 */
#define APPEAR_NS        (15 * NS_MS)     /* SATA 3.1, 8.4.1: 10 ms until COMINIT */
#define RETURN_NS        (1000 * NS_MS)   /* the same for what was there before */
#define READY_NS         (10 * BM_SECOND) /* a disk that spins up */
#define INTERNAL_NS      (10 * BM_SECOND) /* one of our own commands */
#define DEPTH_PLAIN      8                /* commands held for a device without a queue */
#define COMMAND_BYTES    (4u << 20)       /* most of a disk's command */
#define COMMAND_BYTES_CD (128u << 10)
#define BOUNCE_BYTES     (64u << 10) /* a slot, where the adapter reaches 4 GiB only */
#define TRIES_MAX        3           /* of a command, by ourselves, after others' errors */
#define LOOK_NS          NS_MS       /* registers are read so often, whatever memory says */
#define GONE             0xffffffffu /* what is read where nothing is */

struct slot {
	struct ahci_table table;
	uint8_t trim[ATA_TRIM_BYTES];
};
_Static_assert(sizeof(struct slot) % 128 == 0,
	       "AHCI 1.3.1, 4.2.2: tables are aligned to 128 bytes");

/* One of the driver's own commands. */
struct internal {
	struct ahci_table table;
	uint8_t answer[ATA_IDENTIFY_BYTES];
};

enum port_state {
	RUNNING,
	STOPPING,  /* the engine was told to stop */
	RESETTING, /* COMRESET is on the wire */
	LINKING,   /* until the device has shown itself */
	ASKING,    /* which command has failed? */
	STUCK,     /* only ops->reset() helps */
	LOST       /* for good */
};

struct port {
	struct hba *hba;
	volatile uint8_t *registers;
	uint32_t index;
	struct bm_block_device *block;
	struct ata_identity identity;
	bool packet;
	uint32_t depth;
	struct ahci_header *headers;
	uint8_t *received;
	struct slot *slots;
	struct internal *internal;
	uint8_t *bounce; /* of all slots, or NULL */
	char name[24];

	/* Bit N: tag N. */
	uint32_t waiting; /* prepared, not with the device */
	uint32_t issued;
	uint32_t queued; /* goes by NCQ */
	uint32_t alone;  /* of those that wait: one after the other, before all else */
	bool plain_was_last;
	uint32_t last_plain; /* tag */
	uint64_t looked, look_ticks; /* of the time-stamp counter */

	/* Recovery. */
	enum port_state state;
	uint64_t until, appear_until;
	uint32_t generation; /* the adapter's reset that this port has seen */
	uint32_t failed;     /* tags known to have failed */
	uint32_t suspects;   /* issued when an error came that no tag was named for */
	bool reset_link;
	bool ask;
	struct ahci_header saved;
	uint32_t task_file; /* after one of our own commands */
	uint8_t tries[32];
	uint32_t bytes[32]; /* of each command */
	const struct bm_block_segment *segments[32];
	uint64_t offsets[32];
};

struct hba {
	struct bm_device *device;
	volatile uint8_t *registers;
	uint32_t cap;
	uint32_t implemented;
	uint32_t generation; /* counts resets */
	bool busy;           /* the lock of a reset */
	struct port *ports[AHCI_PORTS];
};

/* ---- Register access ---- */

static uint32_t hba_read(const struct hba *hba, uint32_t reg)
{
	return mmio_read32(hba->registers + reg);
}

static void hba_write(const struct hba *hba, uint32_t reg, uint32_t value)
{
	mmio_write32(hba->registers + reg, value);
}

static uint32_t port_read(const struct port *p, uint32_t reg)
{
	return mmio_read32(p->registers + reg);
}

static void port_write(const struct port *p, uint32_t reg, uint32_t value)
{
	mmio_write32(p->registers + reg, value);
}

static void port_change(const struct port *p, uint32_t reg, uint32_t clear, uint32_t set)
{
	port_write(p, reg, (port_read(p, reg) & ~clear) | set);
}

/* Wait until bits of an adapter's register read 0. */
static bool hba_await_clear(const struct hba *hba, uint32_t reg, uint32_t bits, uint64_t ns)
{
	uint64_t end = time_monotonic() + ns;
	while (hba_read(hba, reg) & bits) {
		if (time_monotonic() > end)
			return false;
		cpu_relax();
	}
	return true;
}

/* ---- Making commands ---- */

static struct ahci_run make_run(uint64_t phys, uint32_t bytes)
{
	return (struct ahci_run){phys, phys >> 32, 0, bytes - 1};
}

/* 4.2.3.1 and SATA 10.5.5. */
static void make_fis(struct fis_command *fis, const struct ata_taskfile *t)
{
	*fis = (struct fis_command){
	    .type = FIS_COMMAND,
	    .flags = FIS_COMMAND_FLAG,
	    .command = t->command,
	    .features = t->features,
	    .lba0 = t->lba,
	    .lba1 = t->lba >> 8,
	    .lba2 = t->lba >> 16,
	    .device = t->device,
	    .count = t->count,
	};
	if (t->extended) {
		fis->lba3 = t->lba >> 24;
		fis->lba4 = t->lba >> 32;
		fis->lba5 = t->lba >> 40;
		fis->features_high = t->features >> 8;
		fis->count_high = t->count >> 8;
	}
}

static void make_header(struct ahci_header *header, const struct ahci_table *table, uint32_t runs,
			uint16_t flags)
{
	uint64_t phys = dma_phys(table);
	*header = (struct ahci_header){
	    .flags = AHCI_HEADER_FIS_DWORDS | flags,
	    .table_length = runs,
	    .table = phys,
	    .table_high = phys >> 32,
	};
}

/* PACKET by DMA: ACS-4 7.21, and AHCI 5.3.7. */
static void make_packet_taskfile(const struct port *p, struct ata_taskfile *t)
{
	*t = (struct ata_taskfile){.command = ATA_PACKET, .features = ATA_PACKET_DMA};
	if (p->identity.dma_direction)
		t->features |= ATA_PACKET_TO_HOST;
}

/* ---- Memory beyond the adapter's reach ---- */

/* Copy between a slot's own memory and the request's. */
static void bounce(struct port *p, uint16_t tag, bool to_request)
{
	const struct bm_block_segment *s = p->segments[tag];
	uint64_t offset = p->offsets[tag], left = p->bytes[tag];
	uint8_t *at = p->bounce + (size_t)tag * BOUNCE_BYTES;

	while (left) {
		if (offset == s->bytes) {
			s++;
			offset = 0;
		}
		uint64_t step = s->bytes - offset < left ? s->bytes - offset : left;
		if (to_request)
			memcpy((uint8_t *)s->address + offset, at, step);
		else
			memcpy(at, (uint8_t *)s->address + offset, step);
		at += step;
		offset += step;
		left -= step;
	}
}

/* ---- Data path ---- */

static int start(void *state, uint32_t queue, const struct bm_block_command *command)
{
	struct port *p = state;
	uint32_t bit = 1u << command->tag, count = command->run_count;
	struct slot *slot = &p->slots[command->tag];
	struct ahci_table *table = &slot->table;
	bool write = command->operation == BM_BLOCK_WRITE, queued = false;
	uint16_t flags = write ? AHCI_HEADER_WRITE : 0;
	struct ata_taskfile t;

	(void)queue;
	if (p->state == LOST)
		return -BM_ENODEV;
	p->tries[command->tag] = 0;
	p->bytes[command->tag] = command->bytes;
	p->segments[command->tag] = NULL;
	for (uint32_t i = 0; i < count; i++)
		table->runs[i] = make_run(command->runs[i].phys, command->runs[i].bytes);
	if (command->bytes && !count) {
		if (!p->bounce)
			return -BM_EFAULT;
		p->segments[command->tag] = command->segments;
		p->offsets[command->tag] = command->segment_offset;
		if (write)
			bounce(p, command->tag, false);
		table->runs[0] =
		    make_run(dma_phys(p->bounce) + command->tag * BOUNCE_BYTES, command->bytes);
		count = 1;
	}
	if (p->packet) {
		make_packet_taskfile(p, &t);
		atapi_make_read(command->sector, command->sectors, table->packet);
		flags |= AHCI_HEADER_ATAPI;
	} else {
		queued = p->identity.queue_depth && command->bytes;
		ata_make_taskfile(&p->identity, command, queued ? ATA_QUEUED : ATA_DMA, &t);
	}
	if (command->operation == BM_BLOCK_DISCARD) {
		ata_make_trim(command->sector, command->sectors, slot->trim);
		table->runs[0] = make_run(dma_phys(slot->trim), ATA_TRIM_BYTES);
		flags |= AHCI_HEADER_WRITE;
		count = 1;
	}
	make_fis(&table->fis, &t);
	make_header(&p->headers[command->tag], table, count, flags);
	p->queued = queued ? p->queued | bit : p->queued & ~bit;
	p->waiting |= bit;
	return 0;
}

/* 5.5.1 and 5.6.4.1: hand prepared commands to the adapter. */
static void hand_over(struct port *p, uint32_t bits)
{
	for (uint32_t left = bits; left; left &= left - 1) {
		uint32_t tag = __builtin_ctz(left);
		p->slots[tag].table.fis.type = FIS_COMMAND; /* see restart() */
		p->headers[tag].transferred = 0;
	}
	p->waiting &= ~bits;
	p->alone &= ~bits;
	p->issued |= bits;
	if (bits & p->queued)
		port_write(p, PORT_SACT, bits);
	port_write(p, PORT_CI, bits);
}

/* What may begin now? Queued commands and others never share the device (ACS-4 4.13.1). */
static void issue(struct port *p)
{
	uint32_t queued = p->waiting & p->queued, plain = p->waiting & ~p->queued;

	if (p->state != RUNNING || !p->waiting || p->issued & ~p->queued)
		return;
	if (p->alone) {
		if (!p->issued)
			hand_over(p, p->alone & -p->alone);
	} else if (plain && (!queued || !p->plain_was_last)) {
		/* Those that are queued in the device come to their end first. */
		if (!p->issued) {
			/* In turn: the lowest one first would let others wait for ever. */
			uint32_t later = plain & ~((2u << p->last_plain) - 1);
			p->last_plain = __builtin_ctz(later ? later : plain);
			p->plain_was_last = true;
			hand_over(p, 1u << p->last_plain);
		}
	} else if (queued) {
		p->plain_was_last = false;
		hand_over(p, queued);
	}
}

static void kick(void *state, uint32_t queue)
{
	(void)queue;
	issue(state);
}

static void finish(struct port *p, uint32_t tag, int status)
{
	uint32_t bit = 1u << tag;
	p->issued &= ~bit;
	p->waiting &= ~bit;
	p->alone &= ~bit;
	if (!status && p->segments[tag] && !(p->headers[tag].flags & AHCI_HEADER_WRITE))
		bounce(p, tag, true);
	block_finish(p->block, 0, tag, status);
}

static void finish_all(struct port *p, uint32_t tags, int status)
{
	for (; tags; tags &= tags - 1)
		finish(p, __builtin_ctz(tags), status);
}

/* ---- Errors: 6.2.2 ---- */

#define ERRORS                                                                                     \
	(PORT_IS_TASK_FILE | PORT_IS_BUS_FATAL | PORT_IS_BUS_DATA | PORT_IS_FATAL |                \
	 PORT_IS_OVERFLOW | PORT_IS_PHY | PORT_IS_CONNECT)
#define ARMED (ERRORS | PORT_IS_NOT_FATAL | PORT_IS_D2H | PORT_IS_SDB)

static void stop(struct port *p)
{
	port_change(p, PORT_CMD, PORT_CMD_START, 0);
	p->state = STOPPING;
	p->until = time_monotonic() + STOP_NS;
}

/* One more attempt by itself; too many are an error. */
static void suspect(struct port *p, uint32_t tag)
{
	if (++p->tries[tag] < TRIES_MAX) {
		p->issued &= ~(1u << tag);
		p->waiting |= 1u << tag;
		p->alone |= 1u << tag;
	} else {
		finish(p, tag, -BM_EIO);
	}
}

static void lose(struct port *p, const char *why)
{
	log_warning("%s: %s: lost", p->name, why);
	p->state = LOST;
	if (p->block)
		finish_all(p, p->issued | p->waiting, -BM_ENODEV);
}

static void get_stuck(struct port *p)
{
	p->state = STUCK;
	if (p->block)
		finish_all(p, p->issued | p->waiting, -BM_EAGAIN);
	p->issued = p->waiting = p->alone = 0;
}

/* The device has told of an error; `is` says how. What was issued is stopped, in the queue or not.
 */
static void begin_recovery(struct port *p, uint32_t is)
{
	bool told = is & PORT_IS_TASK_FILE; /* by the device itself, about a command */

	p->ask = false;
	p->failed = 0;
	p->reset_link = !told || is & ~PORT_IS_TASK_FILE & ERRORS;
	if (!(p->issued & (p->issued - 1))) {
		/* The only one. */
		uint32_t tag = p->issued ? __builtin_ctz(p->issued) : 0;
		uint8_t error = PORT_TFD_ERROR(port_read(p, PORT_TFD));
		bool again = p->packet && ATAPI_SENSE_ATTENTION == ATA_ERROR_SENSE(error);
		if (told && !(again && p->tries[tag] + 1 < TRIES_MAX))
			p->failed = p->issued;
	}
	if (p->issued & p->queued && told) {
		/*
		 * ACS-4 4.13.4: the device takes nothing else until its log was read, or until it
		 * was reset. QEMU's has no log: there all are suspects, and tried one by one.
		 */
		p->ask = p->identity.logs;
		p->reset_link = p->reset_link || !p->ask;
	} else if (p->identity.queue_depth) {
		/* QEMU's would tell of this error again with the next queued command. */
		p->reset_link = true;
	}
	p->suspects = p->issued & ~p->failed;
	stop(p);
}

/* 10.4.2 */
static void begin_link_reset(struct port *p)
{
	port_change(p, PORT_SCTL, PORT_SCTL_DET_MASK, PORT_SCTL_COMRESET);
	p->reset_link = false;
	p->state = RESETTING;
	p->until = time_monotonic() + COMRESET_NS;
}

static void begin_linking(struct port *p, uint64_t appear_ns)
{
	p->state = LINKING;
	p->appear_until = time_monotonic() + appear_ns;
	p->until = time_monotonic() + READY_NS;
}

/* What came in memory is seen, or is of no more use. */
static void forget_received(struct port *p)
{
	__atomic_store_n(&p->received[RECEIVED_SDB], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&p->received[RECEIVED_D2H], 0, __ATOMIC_SEQ_CST);
}

/* 10.3.1. Then one of our own commands, or all the others. */
static void restart(struct port *p)
{
	/* 10.1.2: old errors keep new ones from being told. */
	port_write(p, PORT_SERR, ~0u);
	port_write(p, PORT_IS, ~0u);
	/*
	 * 3.3.14: stopping has emptied this. QEMU before 8.1 keeps what is there and begins it
	 * again: let it find nothing.
	 */
	for (uint32_t left = port_read(p, PORT_CI); left; left &= left - 1)
		if ((uint32_t)__builtin_ctz(left) < p->depth)
			p->slots[__builtin_ctz(left)].table.fis.type = 0;
	p->internal->table.fis.type = 0;
	forget_received(p);
	port_change(p, PORT_CMD, PORT_CMD_ICC_MASK,
		    PORT_CMD_ACTIVE | PORT_CMD_START | (p->packet ? PORT_CMD_ATAPI : 0));
	p->state = RUNNING;
}

/* ---- Our own commands ---- */

/* In slot 0, which is not in use; its header is put back by end_internal(). */
static void begin_internal(struct port *p, const struct ata_taskfile *t, const uint8_t *packet,
			   uint32_t bytes)
{
	struct ahci_table *table = &p->internal->table;
	make_fis(&table->fis, t);
	if (packet)
		memcpy(table->packet, packet, ATAPI_PACKET_BYTES);
	table->runs[0] = make_run(dma_phys(p->internal->answer), bytes);
	p->saved = p->headers[0];
	make_header(&p->headers[0], table, bytes != 0, packet ? AHCI_HEADER_ATAPI : 0);
	p->until = time_monotonic() + INTERNAL_NS;
	port_write(p, PORT_CI, 1);
}

/* 1: still at it. 0: done. -1: failed, or its time is over. */
static int look_at_internal(struct port *p)
{
	uint32_t active = port_read(p, PORT_CI), is = port_read(p, PORT_IS);
	if (is == GONE || is & ERRORS)
		return -1;
	if (!(active & 1))
		return port_read(p, PORT_TFD) & (ATA_STATUS_ERR | ATA_STATUS_DF) ? -1 : 0;
	return time_monotonic() < p->until ? 1 : -1;
}

static void end_internal(struct port *p)
{
	p->headers[0] = p->saved;
	port_write(p, PORT_IS, ~0u);
	forget_received(p);
}

/* ACS-4 9.3: what the log says. The failed one's bit, 0 if it makes no sense. */
static uint32_t read_log(const struct port *p)
{
	const volatile uint8_t *log = p->internal->answer;
	uint8_t sum = 0;
	for (uint32_t i = 0; i < ATA_IDENTIFY_BYTES; i++)
		sum += log[i];
	uint8_t tag = log[NCQ_ERROR_TAG];
	if (sum || tag & NCQ_ERROR_NOT_QUEUED)
		return 0;
	return 1u << (tag & NCQ_ERROR_TAG_MASK) & p->suspects;
}

/* What is known now is known: the failed ones are answered, the others begin again. */
static void end_recovery(struct port *p)
{
	uint32_t others = p->suspects & ~p->failed;
	if (p->failed) {
		p->issued &= ~others;
		p->waiting |= others;
	} else {
		for (; others; others &= others - 1)
			suspect(p, __builtin_ctz(others));
	}
	finish_all(p, p->failed, -BM_EIO);
	p->failed = p->suspects = 0;
	p->ask = false;
}

/* ---- The machine ---- */

static void step_linking(struct port *p)
{
	uint32_t det = PORT_SSTS_DET(port_read(p, PORT_SSTS));
	uint64_t now = time_monotonic();

	if (det == DET_LINK && !(port_read(p, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ))) {
		restart(p);
		if (!p->block)
			return;
		if (p->ask) {
			struct ata_taskfile t = {.command = ATA_READ_LOG_EXT,
						 .device = ATA_DEVICE_LBA,
						 .count = 1,
						 .lba = ATA_LOG_NCQ_ERROR,
						 .extended = true};
			p->state = ASKING;
			memset(p->internal->answer, 0xff, sizeof p->internal->answer);
			begin_internal(p, &t, NULL, ATA_IDENTIFY_BYTES);
			return;
		}
		end_recovery(p);
	} else if (det != DET_LINK && det != DET_NO_LINK && now > p->appear_until) {
		if (p->block)
			lose(p, "unplugged");
		p->state = LOST;
	} else if (now > p->until) {
		lose(p, "does not become ready");
	}
}

static void step_asking(struct port *p)
{
	int result = look_at_internal(p);
	if (result > 0)
		return;
	end_internal(p);
	p->ask = false;
	if (!result) {
		p->failed |= read_log(p);
		p->state = RUNNING;
		end_recovery(p);
	} else {
		/* It cannot tell, and is not asked again. Then only a reset makes it go on. */
		p->identity.logs = false;
		p->reset_link = true;
		stop(p);
	}
}

/* One step of what is not the normal state. */
static void step(struct port *p)
{
	switch (p->state) {
	case STOPPING:
		if (!(port_read(p, PORT_CMD) & PORT_CMD_RUNS)) {
			if (p->reset_link ||
			    port_read(p, PORT_TFD) & (ATA_STATUS_BSY | ATA_STATUS_DRQ))
				begin_link_reset(p);
			else
				begin_linking(p, 0);
		} else if (time_monotonic() > p->until) {
			get_stuck(p);
		}
		break;
	case RESETTING:
		if (time_monotonic() > p->until) {
			port_change(p, PORT_SCTL, PORT_SCTL_DET_MASK, 0);
			begin_linking(p, RETURN_NS);
		}
		break;
	case LINKING:
		step_linking(p);
		break;
	case ASKING:
		step_asking(p);
		break;
	default:
		break;
	}
}

/* ---- Answers ---- */

/* The device says that a plain command is done. */
static int plain_status(const struct port *p, uint32_t tag)
{
	/* 3.3.8: PxIS tells of the error bit alone, not of a device fault. */
	if (port_read(p, PORT_TFD) & (ATA_STATUS_ERR | ATA_STATUS_DF))
		return -BM_EIO;
	/* A packet may move less than was asked for. */
	if (p->packet && p->headers[tag].transferred != p->bytes[tag])
		return -BM_EIO;
	return 0;
}

/* `told`: memory said that there is something to see. */
static void look(struct port *p, bool told)
{
	/* In this order: what is no longer active was so before any error that is seen now. */
	uint32_t active = port_read(p, PORT_CI);
	if (p->issued & p->queued)
		active |= port_read(p, PORT_SACT);
	uint32_t is = port_read(p, PORT_IS), done = p->issued & ~active;

	/* Where the adapter was, now all is ones, or nothing at all, which looks as if all were
	 * done. */
	if (is == GONE || (done && !told && !(port_read(p, PORT_CMD) & PORT_CMD_START))) {
		lose(p, "the adapter does not answer");
		return;
	}
	if (is & ERRORS) {
		finish_all(p, done & p->queued, 0);
		begin_recovery(p, is);
		return;
	}
	for (; done; done &= done - 1) {
		uint32_t tag = __builtin_ctz(done);
		finish(p, tag, p->queued >> tag & 1 ? 0 : plain_status(p, tag));
	}
}

/*
 * Reading registers costs a virtual machine much. The adapter stores what the device sends in
 * memory first (5.3.6); what comes without that, or in between, is seen a little later.
 */
static void look_if_worth_it(struct port *p)
{
	uint64_t now = tsc_read();
	bool told = __atomic_load_n(&p->received[RECEIVED_SDB], __ATOMIC_RELAXED) ||
		    __atomic_load_n(&p->received[RECEIVED_D2H], __ATOMIC_RELAXED);
	if (!told && now - p->looked < p->look_ticks)
		return;
	p->looked = now;
	forget_received(p);
	look(p, told);
}

static void poll(void *state, uint32_t queue)
{
	struct port *p = state;
	(void)queue;
	if (p->state == LOST)
		return;
	if (p->generation != __atomic_load_n(&p->hba->generation, __ATOMIC_ACQUIRE)) {
		/* Another port needed a reset of the whole adapter. */
		get_stuck(p);
		return;
	}
	if (p->state == RUNNING && p->issued)
		look_if_worth_it(p);
	for (enum port_state before = RUNNING; p->state != before && p->state != RUNNING;) {
		before = p->state;
		step(p);
	}
	issue(p);
}

/* ---- Interrupt ---- */

/* One for all ports. Each is told once, until it is armed again. */
static void interrupt(void *argument)
{
	struct hba *hba = argument;
	uint32_t is = hba_read(hba, HBA_IS);
	for (uint32_t left = is == GONE ? 0 : is & hba->implemented; left; left &= left - 1) {
		struct port *p = hba->ports[__builtin_ctz(left)];
		bool told = p && p->block;
		if (told)
			port_write(p, PORT_IE, 0);
		/* Before anybody hears of it and arms anew: the next bit would go with this one. */
		hba_write(hba, HBA_IS, left & -left);
		if (told)
			block_notify(p->block, 0);
	}
}

static int arm(void *state, uint32_t queue)
{
	struct port *p = state;
	(void)queue;
	if (p->state != RUNNING)
		return 0; /* time drives it: the watch */
	/* Errors stay to be seen. 10.7.2.1: a message comes when the adapter's bit becomes 1. */
	port_write(p, PORT_IS, ARMED & ~ERRORS);
	hba_write(p->hba, HBA_IS, 1u << p->index);
	port_write(p, PORT_IE, ARMED);
	interrupts_enable(p->hba->device);
	return p->issued && p->issued & ~(port_read(p, PORT_CI) | port_read(p, PORT_SACT));
}

/* ---- Probe and initialisation: 10.1.2 ---- */

/* 10.6: firmware that still has the adapter gives it away. */
static void take_over(const struct hba *hba)
{
	if (!(hba_read(hba, HBA_CAP2) & HBA_CAP2_HANDOFF) ||
	    !(hba_read(hba, HBA_BOHC) & HBA_BOHC_BIOS))
		return;
	hba_write(hba, HBA_BOHC, hba_read(hba, HBA_BOHC) | HBA_BOHC_OS);
	if (hba_await_clear(hba, HBA_BOHC, HBA_BOHC_BIOS, HANDOFF_NS))
		return;
	if (!(hba_read(hba, HBA_BOHC) & HBA_BOHC_BUSY) ||
	    !hba_await_clear(hba, HBA_BOHC, HBA_BOHC_BIOS, HANDOFF_BUSY_NS))
		log_warning("%s: firmware does not give it away: taken anyway", hba->device->name);
}

/* 10.4.3. All ports have to be begun anew. */
static int reset_hba(struct hba *hba)
{
	hba_write(hba, HBA_GHC, HBA_GHC_AHCI);
	hba_write(hba, HBA_GHC, HBA_GHC_AHCI | HBA_GHC_RESET);
	if (!hba_await_clear(hba, HBA_GHC, HBA_GHC_RESET, HBA_RESET_NS))
		return -BM_EIO;
	hba_write(hba, HBA_GHC, HBA_GHC_AHCI);
	/* 3.1.4: firmware's to set, and kept. Some adapters forget. */
	if (!hba_read(hba, HBA_PI))
		hba_write(hba, HBA_PI, hba->implemented);
	__atomic_fetch_add(&hba->generation, 1, __ATOMIC_RELEASE);
	hba_write(hba, HBA_IS, ~0u);
	hba_write(hba, HBA_GHC, HBA_GHC_AHCI | HBA_GHC_INTERRUPT);
	return 0;
}

/* 10.3: where a port's memory is; spin up; receive. The engine does not run. */
static void open_port(struct port *p)
{
	uint64_t list = dma_phys(p->headers), received = dma_phys(p->received);
	port_write(p, PORT_IE, 0);
	port_write(p, PORT_CLB, list);
	port_write(p, PORT_CLBU, list >> 32);
	port_write(p, PORT_FB, received);
	port_write(p, PORT_FBU, received >> 32);
	port_change(p, PORT_SCTL, PORT_SCTL_DET_MASK, PORT_SCTL_NO_SLEEP);
	port_change(p, PORT_CMD, PORT_CMD_START | PORT_CMD_ICC_MASK,
		    PORT_CMD_FIS | PORT_CMD_SPIN_UP | PORT_CMD_POWER | PORT_CMD_ACTIVE);
	port_write(p, PORT_SERR, ~0u);
	port_write(p, PORT_IS, ~0u);
}

/* Have the machine come to its end: RUNNING, or LOST. Each of its states has a bound. */
static void settle(struct port *p)
{
	while (p->state != RUNNING && p->state != LOST && p->state != STUCK) {
		step(p);
		cpu_relax();
	}
}

static int reset_adapter(struct hba *hba, const struct port *p)
{
	int error = 0;
	while (__atomic_test_and_set(&hba->busy, __ATOMIC_ACQUIRE))
		cpu_relax();
	/* Another port may have done it meanwhile. */
	if (p->generation == hba->generation) {
		log_warning("%s: does not stop: reset of the adapter", p->name);
		error = reset_hba(hba);
	}
	__atomic_clear(&hba->busy, __ATOMIC_RELEASE);
	return error;
}

static int reset(void *state)
{
	struct port *p = state;
	int error = 0;

	/* Their tags are the kernel's to begin again. */
	p->waiting = p->issued = p->alone = p->failed = p->suspects = 0;
	p->ask = false;
	for (uint32_t i = 0; i < p->depth; i++)
		p->slots[i].table.fis.type = 0;
	if (p->state == LOST)
		return 0; /* start() says so to each */
	if (port_read(p, PORT_CMD) == GONE) {
		lose(p, "the adapter does not answer");
		return -BM_ENODEV;
	}
	if (p->state != STUCK && p->generation == p->hba->generation) {
		p->reset_link = true;
		stop(p);
		settle(p);
	} else {
		p->state = STUCK;
	}
	if (p->state == STUCK) {
		error = reset_adapter(p->hba, p);
		if (error) {
			p->state = LOST;
			return error;
		}
		p->generation = p->hba->generation;
		open_port(p);
		begin_link_reset(p);
		settle(p);
		if (p->state == STUCK)
			lose(p, "does not stop");
	}
	return 0;
}

static const struct bm_block_ops ops = {start, kick, poll, arm, reset};
static const struct bm_block_ops ops_by_time = {start, kick, poll, NULL, reset};

/* Carry out one of our own commands, and wait. Returns the bytes, or -BM_EIO: see task_file; or
 * -BM_ENODEV. */
static int run_internal(struct port *p, const struct ata_taskfile *t, const uint8_t *packet,
			uint32_t bytes)
{
	int result;
	if (p->state != RUNNING)
		return -BM_ENODEV;
	begin_internal(p, t, packet, bytes);
	while ((result = look_at_internal(p)) > 0)
		cpu_relax();
	uint32_t transferred = p->headers[0].transferred;
	p->task_file = port_read(p, PORT_TFD);
	end_internal(p);
	if (!result)
		return transferred <= bytes ? (int)transferred : -BM_EIO;
	/* The engine stops at an error. A device that is still busy is reset. */
	p->reset_link = p->task_file & (ATA_STATUS_BSY | ATA_STATUS_DRQ);
	stop(p);
	settle(p);
	return p->state == RUNNING ? -BM_EIO : -BM_ENODEV;
}

static int carry(void *state, const uint8_t packet[ATAPI_PACKET_BYTES], uint8_t *answer,
		 uint32_t bytes, uint32_t *got)
{
	struct port *p = state;
	struct ata_taskfile t;

	make_packet_taskfile(p, &t);
	if (!bytes)
		t.features = 0;
	int result = run_internal(p, &t, packet, bytes);
	if (result == -BM_EIO) {
		uint8_t error = PORT_TFD_ERROR(p->task_file);
		return ATA_ERROR_SENSE(error) ? ATA_ERROR_SENSE(error) : -BM_EIO;
	}
	if (result < 0)
		return result;
	*got = result;
	if (bytes)
		memcpy(answer, p->internal->answer, bytes);
	return 0;
}

static int identify(struct port *p)
{
	struct ata_taskfile t = {.command = p->packet ? ATA_IDENTIFY_PACKET : ATA_IDENTIFY_DEVICE};
	uint16_t words[ATA_IDENTIFY_WORDS];
	memset(p->internal->answer, 0, sizeof p->internal->answer);
	int result = run_internal(p, &t, NULL, ATA_IDENTIFY_BYTES);
	if (result < 0)
		return result;
	memcpy(words, p->internal->answer, sizeof words);
	return p->packet ? ata_identify_packet(words, &p->identity)
			 : ata_identify_disk(words, &p->identity);
}

/* How many commands, how large, and what the disk can. */
static void describe_disk(struct port *p, struct bm_block_driver *d)
{
	struct ata_identity *i = &p->identity;
	uint32_t most = i->lba48 ? ATA_MOST_48 : ATA_MOST_28;
	uint32_t slots = HBA_CAP_SLOTS(p->hba->cap);

	if (!(p->hba->cap & HBA_CAP_NCQ) || i->queue_depth == 1)
		i->queue_depth = 0;
	p->depth = i->queue_depth ? i->queue_depth : DEPTH_PLAIN;
	p->depth = p->depth < slots ? p->depth : slots;
	d->sectors = i->sectors;
	d->sector_size = i->sector_size;
	d->physical_sector_size = i->physical_sector_size;
	d->max_bytes =
	    most < COMMAND_BYTES / i->sector_size ? most * i->sector_size : COMMAND_BYTES;
	d->flags = (i->write_cache ? BM_BLOCK_WRITE_CACHE : 0) | (i->fua ? BM_BLOCK_HAS_FUA : 0) |
		   (i->trim ? BM_BLOCK_HAS_DISCARD : 0);
	d->max_discard = ATA_TRIM_MOST;
}

static int describe_optical(struct port *p, struct bm_block_driver *d)
{
	struct atapi_drive drive = {carry, p, p->name};
	p->depth = DEPTH_PLAIN;
	if (!p->identity.optical || !p->identity.dma)
		return -BM_ENODEV;
	d->max_bytes = COMMAND_BYTES_CD;
	d->flags = BM_BLOCK_READ_ONLY | BM_BLOCK_OPTICAL | BM_BLOCK_REMOVABLE;
	return atapi_find_medium(&drive, &d->sectors, &d->sector_size);
}

static int add_device(struct port *p, bool interrupts)
{
	struct bm_block_driver d = {.ops = interrupts ? &ops : &ops_by_time,
				    .state = p,
				    .device = p->hba->device,
				    .name = "ahci",
				    .queues = 1,
				    .max_runs = AHCI_TABLE_RUNS,
				    .run_bytes = AHCI_RUN_MOST};
	int error = identify(p);
	if (error)
		return error;
	if (p->packet)
		error = describe_optical(p, &d);
	else
		describe_disk(p, &d);
	if (error)
		return error;
	d.depth = p->depth;
	p->look_ticks = time_to_ticks(LOOK_NS);
	d.model = p->identity.model;
	d.serial = p->identity.serial;
	d.firmware = p->identity.firmware;
	if (!(p->hba->cap & HBA_CAP_64)) {
		/* Not each machine has memory up there; where it has, data are copied. */
		d.phys_limit = 1ul << 32;
		d.max_bytes = d.max_bytes < BOUNCE_BYTES ? d.max_bytes : BOUNCE_BYTES;
		p->bounce = dma_take((size_t)p->depth * BOUNCE_BYTES, 4096, NULL);
		if (p->bounce && dma_phys(p->bounce) + p->depth * BOUNCE_BYTES > d.phys_limit) {
			dma_give(p->bounce, (size_t)p->depth * BOUNCE_BYTES);
			p->bounce = NULL;
		}
	}
	error = block_add(&d, &p->block);
	return error < 0 ? error : 0;
}

static void free_port(struct port *p)
{
	if (!p)
		return;
	dma_give(p->headers, AHCI_LIST_BYTES);
	dma_give(p->received, AHCI_RECEIVED_BYTES);
	dma_give(p->slots, sizeof(struct slot) * AHCI_PORTS);
	dma_give(p->internal, sizeof *p->internal);
	if (p->bounce)
		dma_give(p->bounce, (size_t)p->depth * BOUNCE_BYTES);
	dma_give(p, sizeof *p);
}

static struct port *make_port(struct hba *hba, uint32_t index)
{
	struct port *p = dma_take(sizeof *p, 64, NULL);
	if (!p)
		return NULL;
	p->hba = hba;
	p->index = index;
	p->registers = hba->registers + PORT(index);
	p->generation = hba->generation;
	p->headers = dma_take(AHCI_LIST_BYTES, AHCI_LIST_BYTES, NULL);
	p->received = dma_take(AHCI_RECEIVED_BYTES, AHCI_RECEIVED_BYTES, NULL);
	p->slots = dma_take(sizeof(struct slot) * AHCI_PORTS, 128, NULL);
	p->internal = dma_take(sizeof *p->internal, 128, NULL);
	if (!p->headers || !p->received || !p->slots || !p->internal) {
		free_port(p);
		return NULL;
	}
	format_text(p->name, sizeof p->name, "%s port %u", hba->device->name, index);
	return p;
}

/* Is all of the port's memory where the adapter reaches? */
static bool is_reached(const struct port *p)
{
	const void *parts[] = {p->headers, p->received, p->slots, p->internal};
	for (uint32_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!(p->hba->cap & HBA_CAP_64) && dma_phys(parts[i]) + 0x10000 > 1ul << 32)
			return false;
	return true;
}

/* Something is at this port. */
static int take_port(struct hba *hba, uint32_t index, bool interrupts)
{
	struct port *p = make_port(hba, index);
	int error = 0;

	if (!p)
		return -BM_ENOMEM;
	if (!is_reached(p)) {
		log_warning("%s: the adapter cannot reach memory beyond 4 GiB", p->name);
		error = -BM_ENOMEM;
		goto out;
	}
	open_port(p);
	begin_linking(p, RETURN_NS);
	settle(p);
	if (p->state != RUNNING) {
		error = -BM_ETIMEDOUT;
		goto out;
	}
	uint32_t signature = port_read(p, PORT_SIG);
	p->packet = signature == PORT_SIG_PACKET;
	if (signature != PORT_SIG_DISK && signature != PORT_SIG_PACKET) {
		log_info("%s: %s", p->name,
			 signature == PORT_SIG_MULTIPLIER ? "port multipliers are not supported"
							  : "neither a disk nor an optical drive");
		error = -BM_ENODEV;
		goto out;
	}
	hba->ports[index] = p;
	error = add_device(p, interrupts);
	if (!error)
		return 0;
	hba->ports[index] = NULL;
out:
	/* 10.3.2, 10.3.3: neither commands nor FISes, before the memory goes. */
	port_change(p, PORT_CMD, PORT_CMD_START, 0);
	port_change(p, PORT_CMD, PORT_CMD_FIS, 0);
	uint64_t end = time_monotonic() + STOP_NS;
	while (port_read(p, PORT_CMD) & (PORT_CMD_RUNS | PORT_CMD_FIS_RUNS)) {
		if (time_monotonic() > end)
			return error; /* the memory stays */
		cpu_relax();
	}
	free_port(p);
	return error;
}

/* Ports of these where nothing is. */
static uint32_t missing(const struct hba *hba)
{
	uint32_t result = 0;
	for (uint32_t left = hba->implemented; left; left &= left - 1) {
		uint32_t n = __builtin_ctz(left);
		uint32_t det = PORT_SSTS_DET(hba_read(hba, PORT(n) + PORT_SSTS));
		if (det != DET_LINK && det != DET_NO_LINK)
			result |= 1u << n;
	}
	return result;
}

/* 10.1.2, step 5, and 10.10: have disks spin up, and see which ports have one. */
static uint32_t find_devices(const struct hba *hba, uint32_t before)
{
	uint64_t begin = time_monotonic();
	for (uint32_t left = hba->implemented; left; left &= left - 1) {
		uint32_t command = PORT(__builtin_ctz(left)) + PORT_CMD;
		hba_write(hba, command, hba_read(hba, command) | PORT_CMD_SPIN_UP | PORT_CMD_POWER);
	}
	for (;;) {
		uint32_t none = missing(hba);
		uint64_t since = time_monotonic() - begin;
		if (!none || since > RETURN_NS || (!(none & before) && since > APPEAR_NS))
			return hba->implemented & ~none;
		timer_wait(NS_MS);
	}
}

static int probe(struct bm_device *device)
{
	const struct bm_pci_bar *bar = pci_bar(device, AHCI_BAR);
	struct hba *hba = dma_take(sizeof *hba, 64, NULL);
	void *argument = hba;
	int error = -BM_EIO;

	if (!hba)
		return -BM_ENOMEM;
	hba->device = device;
	hba->registers = pci_map_bar(device, AHCI_BAR, 0, 0);
	if (!hba->registers || bar->size < PORT(1))
		goto out;
	/* Steps 1 to 3: it is ours, in AHCI mode; what it has. */
	hba_write(hba, HBA_GHC, hba_read(hba, HBA_GHC) | HBA_GHC_AHCI);
	take_over(hba);
	hba->cap = hba_read(hba, HBA_CAP);
	hba->implemented = hba_read(hba, HBA_PI);
	if (hba->cap == GONE)
		goto out;
	for (uint32_t n = 0; n < AHCI_PORTS; n++)
		if (PORT(n) + PORT_BYTES > bar->size)
			hba->implemented &= ~(1u << n);
	uint32_t before = hba->implemented & ~missing(hba);
	error = reset_hba(hba);
	if (error)
		goto out;
	pci_master(device, true);
	bool interrupts = interrupts_take(device, 1, interrupt, &argument) > 0;

	for (uint32_t left = find_devices(hba, before); left; left &= left - 1) {
		uint32_t n = __builtin_ctz(left);
		error = take_port(hba, n, interrupts);
		if (error && error != -BM_ENODEV)
			log_warning("%s port %u: does not work: %s", device->name, n,
				    device_error(error));
	}
	device->state = hba;
	return 0;
out:
	dma_give(hba, sizeof *hba);
	return error;
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {BM_MATCH_PCI_CLASS(AHCI_CLASS, 0xffffff)};
static const struct bm_driver ahci = {"ahci", matches, 1, probe};
DRIVER(ahci);
