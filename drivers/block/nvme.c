/* SPDX-License-Identifier: MIT */
/*
 * nvme: NVM Express over PCI Express. NVM Express Base Specification, revision 1.4.
 *
 * Each active namespace of the NVM command set is a block device, with queue pairs of its own: one
 * a core, as far as the controller has so many. Blocks of 512 to 4,096 bytes without metadata.
 * Flush, forced unit access, write cache, discard (dataset management, else write zeroes).
 *
 * A namespace that does not answer is reset by deleting its queues, which leaves the others alone;
 * if that fails, the controller is reset, and the other namespaces notice that theirs are gone
 * (generation). Left out: metadata and protection information, zoned and key-value command sets,
 * controller memory buffers, events.
 *
 * QEMU: -drive if=none,id=d,file=F,format=raw -device nvme,serial=S,drive=d; several namespaces:
 * -device nvme,serial=S,id=n -device nvme-ns,bus=n,drive=d[,nsid=N][,logical_block_size=4096].
 */
#include "nvme.h"
#include <string.h>
#include "console/log.h"
#include "cpu/time.h"
#include "device/pci_regs.h"

#define POLLS_UNMASKED 8
#define NO_TAG         UINT32_MAX

/* ---- Data path ---- */

/*
 * 4.3: where the data are, page by page. The first entry may begin within a page; what follows are
 * whole pages (gap_mask), of which the last one may be used in part. Two entries stand in the
 * command itself, else the second is the list. max_bytes bounds it.
 */
static __attribute__((noinline)) void set_pages(struct nvme_command *e, uint64_t *list,
						const struct bm_block_run *run, uint32_t run_count)
{
	uint64_t page = run->phys, end = page + run->bytes;
	uint32_t count = 0;

	page = (page & -NVME_PAGE) + NVME_PAGE;
	for (;;) {
		for (; page < end; page += NVME_PAGE)
			list[count++] = page;
		if (!--run_count)
			break;
		page = (++run)->phys;
		end = page + run->bytes;
	}
	e->prp2 = count > 1 ? dma_phys(list) : count ? list[0] : 0;
}

/* Flushes and discards. */
static __attribute__((noinline)) void start_other(const struct nvme_namespace *ns,
						  struct nvme_command *e, void *list,
						  const struct bm_block_command *command)
{
	uint32_t id = NVME_CDW0_ID(command->tag);
	e->prp1 = e->prp2 = e->cdw10 = e->cdw12 = 0;
	if (command->operation == BM_BLOCK_FLUSH) {
		e->cdw0 = NVME_FLUSH | id;
	} else if (ns->dataset) {
		*(struct nvme_range *)list =
		    (struct nvme_range){0, command->sectors, command->sector};
		e->cdw0 = NVME_DATASET | id;
		e->prp1 = dma_phys(list);
		e->cdw10 = NVME_CDW10(0, NVME_DATASET_DEALLOCATE); /* one range */
	} else {
		e->cdw0 = NVME_WRITE_ZEROES | id;
		e->cdw10 = command->sector;
		e->cdw12 = (command->sectors - 1) | NVME_CDW12_DEALLOCATE;
	}
	e->nsid = ns->id;
}

static int start(void *state, uint32_t queue, const struct bm_block_command *command)
{
	struct nvme_namespace *ns = state;
	struct queue *q = ns->queues[queue];
	/* There is room: it has more entries than there are tags. */
	struct nvme_command *e = &q->sq[q->sq_tail];
	uint32_t operation = command->operation, tag = command->tag;

	_Static_assert(NVME_READ - BM_BLOCK_READ == 2 && NVME_READ - BM_BLOCK_WRITE == NVME_WRITE &&
			   BM_BLOCK_FUA << 30 == NVME_CDW12_FUA,
		       "arithmetic instead of conditions");
	if (__builtin_expect(operation <= BM_BLOCK_WRITE, 1)) {
		const struct bm_block_run *run = command->runs;
		uint64_t phys = run->phys;
		e->cdw0_nsid = (NVME_CDW0_ID(tag) + (NVME_READ - operation)) | q->namespace;
		e->prp1 = phys;
		e->prp2 = 0;
		if (command->run_count != 1 || (phys & (NVME_PAGE - 1)) + run->bytes > NVME_PAGE)
			set_pages(e, (void *)(q->lists + tag * q->list_bytes), run,
				  command->run_count);
		e->cdw10 = command->sector;
		e->cdw12 = (command->sectors - 1) + ((uint32_t)command->flags << 30);
	} else {
		start_other(ns, e, q->lists + tag * q->list_bytes, command);
	}
	q->in_use[tag] = 1;
	uint32_t tail = q->sq_tail + 1;
	q->sq_tail = tail == q->sq_entries ? 0 : tail;
	return 0;
}

static void kick(void *state, uint32_t queue)
{
	struct queue *q = ((struct nvme_namespace *)state)->queues[queue];
	mmio_write32(q->sq_doorbell, q->sq_tail);
}

/* 4.6.1. */
static int status_of(uint32_t dw3)
{
	switch (NVME_DW3_STATUS(dw3)) {
	case 0:
		return 0;
	case NVME_STATUS_CAPACITY:
		return -BM_ENOSPC;
	case NVME_STATUS_WRITE_PROTECTED:
	case NVME_STATUS_READ_ONLY:
		return -BM_EROFS;
	default:
		return -BM_EIO;
	}
}

static void mask(struct controller *c, struct queue *q, bool on)
{
	/* A message of several queues stays on once it is: nobody knows who else waits. */
	if (on && !c->own_vectors)
		return;
	q->unmasked = !on;
	if (c->msix)
		mmio_write32(
		    &c->msix[q->vector * (PCI_MSIX_ENTRY / 4) + PCI_MSIX_ENTRY_CONTROL / 4],
		    on ? NVME_MSIX_MASKED : 0);
	else if (!c->device->line)
		reg_write(c, on ? NVME_INTMS : NVME_INTMC, 1u << q->vector);
}

/* Nothing has come. Is the controller still well? Its register is slow to read, so seldom. */
static __attribute__((noinline)) void look(struct nvme_namespace *ns, uint32_t queue)
{
	struct controller *c = ns->controller;
	struct queue *q = ns->queues[queue];
	uint64_t now = tsc_read();
	bool alive = are_queues_alive(ns);

	if (alive && now - q->looked < c->look_ticks)
		return;
	q->looked = now;
	if (alive && !is_dead(reg_read(c, NVME_CSTS)))
		return;
	for (uint32_t tag = 0; tag < c->depth; tag++)
		if (q->in_use[tag])
			block_finish(ns->block, queue, tag, -BM_EAGAIN);
}

/* A completion that does not say success, or that nothing was asked for. */
static __attribute__((noinline)) void finish_other(struct nvme_namespace *ns, uint32_t queue,
						   uint64_t word)
{
	struct queue *q = ns->queues[queue];
	uint32_t dw3 = word >> 32, id = NVME_DW3_ID(dw3);
	if (id < NVME_DEPTH && NVME_DW2_QUEUE((uint32_t)word) == q->id) {
		q->in_use[id] = 0;
		block_finish(ns->block, queue, id, status_of(dw3));
	} else {
		block_finish(ns->block, queue, NO_TAG, 0);
	}
}

/* Something has been taken. */
static __attribute__((noinline)) void report(struct nvme_namespace *ns, struct queue *q)
{
	/*
	 * 4.1: the device has to know which entries are free, but there are many more of them than
	 * commands: it is told in time, and not each time.
	 */
	if (q->unreported >= q->report) {
		q->unreported = 0;
		mmio_write32(q->cq_doorbell, q->cq_head);
	}
	if (q->unmasked && ++q->busy_polls > POLLS_UNMASKED)
		mask(ns->controller, q, true);
}

static void poll(void *state, uint32_t queue)
{
	struct nvme_namespace *ns = state;
	struct queue *q = ns->queues[queue];
	uint64_t expected = q->expected, word;
	uint32_t head = q->cq_head, count = 0;

	/* A wrong device may go on for ever: no more than there can be. */
	for (; count < NVME_DEPTH; count++) {
		word = q->cq[head].dw2_dw3;
		if (__builtin_expect(((word ^ expected) & NVME_EXPECTED_MASK) != 0, 0)) {
			if ((word ^ expected) >> 32 & NVME_DW3_PHASE)
				break;
			finish_other(ns, queue, word);
		} else {
			uint32_t id = word >> 32 & (NVME_DEPTH - 1);
			mmio_order(); /* the data have come before */
			q->in_use[id] = 0;
			block_finish(ns->block, queue, id, 0);
		}
		if (++head == q->cq_entries) {
			head = 0;
			expected ^= (uint64_t)NVME_DW3_PHASE << 32;
		}
	}
	if (!count) {
		look(ns, queue);
		return;
	}
	q->expected = expected;
	q->cq_head = head;
	q->unreported += count;
	if (__builtin_expect(q->unreported >= q->report || q->unmasked, 0))
		report(ns, q);
}

/* ---- Interrupt ---- */

static void interrupt(void *argument)
{
	const struct vector *v = argument;
	struct controller *c = v->controller;
	uint32_t count = __atomic_load_n(&c->namespace_count, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < count; i++) {
		struct nvme_namespace *ns = c->namespaces[i];
		for (uint32_t n = 0; n < ns->queue_count && ns->block; n++)
			if (ns->queues[n]->vector == v->index)
				block_notify(ns->block, n);
	}
}

static int arm(void *state, uint32_t queue)
{
	struct nvme_namespace *ns = state;
	struct queue *q = ns->queues[queue];
	q->busy_polls = 0;
	if (!q->unmasked)
		mask(ns->controller, q, false);
	interrupts_enable(ns->controller->device);
	mmio_store_load_order();
	return !((q->cq[q->cq_head].dw2_dw3 ^ q->expected) >> 32 & NVME_DW3_PHASE);
}

/* ---- Reset ---- */

static int reset(void *state)
{
	struct nvme_namespace *ns = state;
	struct controller *c = ns->controller;
	int error = -BM_ENODEV;

	nvme_lock(c);
	if (!c->failed) {
		/* If another namespace has reset the controller, these are gone already. */
		error = are_queues_alive(ns) ? nvme_delete_queues(ns) : 0;
		if (!error)
			error = nvme_create_queues(ns);
		if (error) {
			nvme_warn(c, "reset of the whole controller");
			error = nvme_restart(c);
			if (!error)
				error = nvme_create_queues(ns);
		}
		if (error) {
			error = error > 0 ? -BM_EIO : error;
			c->failed = true;
			nvme_forget_queues(c);
			nvme_disable(c);
		}
	}
	nvme_unlock(c);
	return error;
}

static const struct bm_block_ops ops = {start, kick, poll, arm, reset};
static const struct bm_block_ops ops_by_time = {start, kick, poll, NULL, reset};

/* ---- Namespaces ---- */

static void leave_out(const struct controller *c, uint32_t nsid, const char *why)
{
	log_warning("%s: nvme: namespace %u is left out: %s", c->device->name, nsid, why);
}

/*
 * Does FUA do what it says? QEMU's controller (hw/nvme/ctrl.c, up to 7.2 at least) answers a write
 * with FUA as any other, while the data are in the host's cache: only a flush is passed on. So it
 * is treated as one without FUA, and the block layer has a flush follow.
 */
static bool has_fua(const struct bm_device *device)
{
	return !(device->vendor == NVME_QEMU_VENDOR && device->device == NVME_QEMU_DEVICE) &&
	       !(device->vendor == NVME_QEMU_OLD_VENDOR && device->device == NVME_QEMU_OLD_DEVICE);
}

/* What a namespace is, from its identify data (figure 245). False: it cannot be used. */
static bool describe(const struct controller *c, uint32_t nsid, struct bm_block_driver *d)
{
	const uint8_t *data = c->buffer;
	uint32_t index = data[NVME_NS_FORMAT] & NVME_NS_FORMAT_INDEX;
	uint32_t format = get32(data + NVME_NS_LBAF(index));
	uint32_t shift = NVME_NS_LBAF_SHIFT(format);

	d->sectors = get64(data + NVME_NS_SIZE);
	if (!d->sectors)
		return false; /* not active */
	if (index > data[NVME_NS_FORMATS]) {
		leave_out(c, nsid, "its format is none of those that it lists");
		return false;
	}
	if (NVME_NS_LBAF_METADATA(format)) {
		leave_out(c, nsid,
			  "it is formatted with metadata; format it without (nvme format --ms=0)");
		return false;
	}
	if (shift < 9 || shift > 12) {
		leave_out(c, nsid, "its blocks are not of 512 to 4,096 bytes");
		return false;
	}
	if (d->sectors > (uint64_t)INT64_MAX >> shift) {
		leave_out(c, nsid, "its size makes no sense");
		return false;
	}
	d->sector_size = 1u << shift;
	if (data[NVME_NS_FEATURES] & NVME_NS_FEATURES_OPTIMAL)
		d->physical_sector_size = (get16(data + NVME_NS_PREFERRED) + 1) << shift;
	if (d->physical_sector_size & (d->physical_sector_size - 1))
		d->physical_sector_size = 0;
	d->flags = (has_fua(c->device) ? BM_BLOCK_HAS_FUA : 0) |
		   (c->write_cache ? BM_BLOCK_WRITE_CACHE : 0);
	if (data[NVME_NS_ATTRIBUTES] & NVME_NS_ATTRIBUTES_PROTECTED)
		d->flags |= BM_BLOCK_READ_ONLY;
	else if (c->commands & NVME_CTRL_ONCS_DATASET)
		d->flags |= BM_BLOCK_HAS_DISCARD;
	else if (c->commands & NVME_CTRL_ONCS_ZEROES &&
		 data[NVME_NS_DLFEAT] & NVME_NS_DLFEAT_DEALLOCATE) {
		d->flags |= BM_BLOCK_HAS_DISCARD;
		d->max_discard = NVME_BLOCKS_MAX;
	}
	return true;
}

/*
 * Is it of another command set (zones, keys)? Only newer controllers tell. 1: yes; 0: no, or it
 * does not say; below 0: no answer.
 */
static int is_other_set(struct controller *c, uint32_t nsid)
{
	int error =
	    c->version >= NVME_VS_1_3 ? nvme_identify(c, NVME_IDENTIFY_DESCRIPTORS, nsid) : 0;
	if (error || c->version < NVME_VS_1_3)
		return error < 0 ? error : 0;
	for (uint32_t at = 0; at + NVME_DESCRIPTOR_HEAD < NVME_IDENTIFY_BYTES;) {
		const uint8_t *d = c->buffer + at;
		if (!d[NVME_DESCRIPTOR_BYTES])
			break;
		if (d[NVME_DESCRIPTOR_TYPE] == NVME_DESCRIPTOR_SET &&
		    d[NVME_DESCRIPTOR_HEAD] != NVME_SET_NVM) {
			leave_out(c, nsid, "it is not of the NVM command set");
			return 1;
		}
		at += NVME_DESCRIPTOR_HEAD + d[NVME_DESCRIPTOR_BYTES];
	}
	return 0;
}

static void free_namespace(struct nvme_namespace *ns)
{
	const struct controller *c = ns->controller;
	for (uint32_t i = 0; i < ns->queue_count && ns->queues[i]; i++) {
		struct queue *q = ns->queues[i];
		dma_give(q->sq, c->sq_entries * sizeof *q->sq);
		dma_give((void *)q->cq, c->cq_entries * sizeof *q->cq);
		dma_give(q->lists, c->depth * c->list_bytes);
		dma_give(q, sizeof *q);
	}
	dma_give(ns, sizeof *ns + ns->queue_count * sizeof *ns->queues);
}

/* Its queues have the ids from `first` on. */
static struct nvme_namespace *make_namespace(struct controller *c, uint32_t nsid,
					     uint32_t queue_count, uint32_t first)
{
	struct nvme_namespace *ns =
	    dma_take(sizeof *ns + queue_count * sizeof *ns->queues, 64, NULL);
	if (!ns)
		return NULL;
	ns->controller = c;
	ns->id = nsid;
	ns->queue_count = queue_count;
	ns->dataset = c->commands & NVME_CTRL_ONCS_DATASET;
	for (uint32_t i = 0; i < queue_count; i++) {
		struct queue *q = ns->queues[i] = dma_take(sizeof *q, 64, NULL);
		if (!q) {
			free_namespace(ns);
			return NULL;
		}
		q->id = first + i;
		q->vector = c->vector_count ? (q->id - 1) % c->vector_count : 0;
		q->namespace = (uint64_t)nsid << 32;
		q->sq_doorbell = q->cq_doorbell = &c->nowhere;
		q->sq_entries = c->sq_entries;
		q->cq_entries = c->cq_entries;
		q->list_bytes = c->list_bytes;
		q->report = c->report;
		q->sq = dma_take(c->sq_entries * sizeof *q->sq, NVME_PAGE, NULL);
		q->cq = dma_take(c->cq_entries * sizeof *q->cq, NVME_PAGE, NULL);
		q->lists = dma_take(c->depth * c->list_bytes, NVME_PAGE, NULL);
		if (!q->sq || !q->cq || !q->lists) {
			free_namespace(ns);
			return NULL;
		}
	}
	return ns;
}

/* Make a block device of a namespace. 0, or an error that concerns it alone; `c->failed`: all. */
static int add_namespace(struct controller *c, uint32_t nsid, struct bm_block_driver *d,
			 uint32_t queue_count, uint32_t first)
{
	struct nvme_namespace *ns = make_namespace(c, nsid, queue_count, first);
	if (!ns)
		return -BM_ENOMEM;
	int error = nvme_create_queues(ns);
	if (error) {
		c->failed = true; /* it has memory of ours, so all must stop */
		c->unfinished = ns;
		return error > 0 ? -BM_EIO : error;
	}
	d->ops = c->vector_count ? &ops : &ops_by_time;
	d->state = ns;
	d->device = c->device;
	d->name = "nvme";
	d->model = c->model;
	d->serial = c->serial;
	d->firmware = c->firmware;
	d->queues = queue_count;
	d->depth = c->depth;
	d->max_bytes = c->max_bytes;
	d->max_runs = 256;
	d->gap_mask = NVME_PAGE - 1;
	/* Interrupts may come as soon as it is known. */
	c->namespaces[c->namespace_count] = ns;
	__atomic_store_n(&c->namespace_count, c->namespace_count + 1, __ATOMIC_RELEASE);
	error = block_add(d, &ns->block);
	if (error >= 0)
		return 0;
	__atomic_store_n(&c->namespace_count, c->namespace_count - 1, __ATOMIC_RELEASE);
	if (nvme_delete_queues(ns)) {
		c->failed = true;
		c->unfinished = ns;
	} else {
		free_namespace(ns);
	}
	return error;
}

/*
 * Which namespaces are active, in order: 5.15.2.3 for revision 1.1 and later, else all numbers
 * there are. How many; below 0: no answer.
 */
static int list_namespaces(struct controller *c, uint32_t most, uint32_t *ids)
{
	uint32_t count = 0, last = 0;
	int error = c->version >= NVME_VS_1_1 ? nvme_identify(c, NVME_IDENTIFY_ACTIVE, 0) : 1;

	if (error < 0)
		return error;
	for (uint32_t i = 0; !error && i < NVME_IDENTIFY_BYTES / 4; i++) {
		uint32_t id = get32(c->buffer + 4 * i);
		/* Ids ascend, which bounds what a wrong list can do. */
		if (!id || id <= last || id == NVME_ALL_NAMESPACES)
			break;
		last = id;
		if (count == NVME_NAMESPACES) {
			leave_out(c, id, "there are too many");
			break;
		}
		ids[count++] = id;
	}
	for (uint32_t id = 1; error && id <= most && count < NVME_NAMESPACES; id++)
		ids[count++] = id;
	return (int)count;
}

/* ---- Probe ---- */

/* Interrupts, all of them masked until somebody waits. */
static void take_interrupts(struct controller *c)
{
	struct bm_device *device = c->device;
	void *arguments[NVME_VECTORS];
	uint32_t wanted = c->queues_total < NVME_VECTORS ? c->queues_total : NVME_VECTORS;

	for (uint32_t i = 0; i < wanted; i++) {
		c->vectors[i] = (struct vector){c, i};
		arguments[i] = &c->vectors[i];
	}
	int taken = interrupts_take(device, wanted, interrupt, arguments);
	c->vector_count = taken > 0 ? (uint32_t)taken : 0;
	c->own_vectors = c->vector_count >= c->queues_total;
	if (device->line)
		c->report = 1; /* else the line stays asserted */
	uint32_t at = pci_capability(device, PCI_CAPABILITY_MSIX, 0);
	if (!c->vector_count || !at ||
	    !(pci_config_read(device, at + PCI_MSIX_CONTROL, 2) & PCI_MSIX_CONTROL_ENABLE)) {
		if (c->vector_count && !device->line)
			reg_write(c, NVME_INTMS, ~0u);
		return;
	}
	uint32_t where = pci_config_read(device, at + PCI_MSIX_TABLE, 4);
	c->msix = pci_map_bar(device, where & PCI_MSIX_TABLE_BAR, where & ~PCI_MSIX_TABLE_BAR,
			      c->vector_count * PCI_MSIX_ENTRY);
	for (uint32_t i = 0; c->msix && i < c->vector_count; i++)
		mmio_write32(&c->msix[i * (PCI_MSIX_ENTRY / 4) + PCI_MSIX_ENTRY_CONTROL / 4],
			     NVME_MSIX_MASKED);
}

static int add_namespaces(struct controller *c, uint32_t most)
{
	uint32_t ids[NVME_NAMESPACES], usable = 0, each, next = 1;
	struct bm_block_driver *drivers = dma_take(NVME_NAMESPACES * sizeof *drivers, 64, NULL);
	int error = drivers ? 0 : -BM_ENOMEM;
	int listed = error ? error : list_namespaces(c, most, ids);

	for (int i = 0; i < listed && !error; i++) {
		error = nvme_identify(c, NVME_IDENTIFY_NAMESPACE, ids[i]);
		if (!error && describe(c, ids[i], &drivers[usable])) {
			error = is_other_set(c, ids[i]);
			if (!error)
				ids[usable++] = ids[i];
		}
		if (error > 0)
			error = 0; /* of another command set, or not there */
	}
	error = listed < 0 ? listed : error;
	if (!error && usable)
		error = nvme_share_queues(c, usable, &each);
	if (!error && usable)
		take_interrupts(c);
	for (uint32_t i = 0; i < usable && !error; i++) {
		if (next + each - 1 > c->queues_total) {
			leave_out(c, ids[i], "the controller has no queues left");
			continue;
		}
		error = add_namespace(c, ids[i], &drivers[i], each, next);
		next += each;
		if (error && !c->failed) {
			leave_out(c, ids[i], device_error(error));
			error = 0;
		}
	}
	dma_give(drivers, NVME_NAMESPACES * sizeof *drivers);
	if (!error && !c->namespace_count) {
		nvme_warn(c, "no namespace that can be used");
		error = -BM_ENODEV;
	}
	return error;
}

static int probe(struct bm_device *device)
{
	struct controller *c = dma_take(sizeof *c, 64, NULL);
	uint32_t most;
	if (!c)
		return -BM_ENOMEM;
	c->device = device;
	/* 7.6.1: its steps 1 to 8 are there. */
	int error = nvme_open(c, &most);
	if (!error)
		error = add_namespaces(c, most);
	if (!error) {
		device->state = c;
		return 0;
	}
	/* Namespaces that are in use notice it: their queues are gone. */
	nvme_lock(c);
	c->failed = true;
	nvme_forget_queues(c);
	if (c->registers)
		nvme_disable(c);
	pci_master(device, false); /* from here on it touches no memory, whatever its state */
	nvme_unlock(c);
	nvme_close(c);
	if (c->unfinished)
		free_namespace(c->unfinished);
	c->unfinished = NULL;
	/* Interrupts stay, with this memory. */
	if (!c->vector_count && !c->namespace_count)
		dma_give(c, sizeof *c);
	/* One without a disk works as well as it can. */
	return error == -BM_ENODEV ? 0 : error;
}

/* ---- Identifiers and registration ---- */

static const struct bm_match matches[] = {BM_MATCH_PCI_CLASS(NVME_PCI_CLASS, 0xffffff)};
static const struct bm_driver nvme = {"nvme", matches, sizeof matches / sizeof *matches, probe};
DRIVER(nvme);
