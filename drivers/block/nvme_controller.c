/* SPDX-License-Identifier: MIT */
/*
 * nvme: the controller. Contract: nvme.h. NVM Express Base Specification, revision 1.4.
 *
 * Admin commands are run one at a time and waited for: there are few, at the start and in resets.
 */
#include "nvme.h"
#include <string.h>
#include "console/log.h"
#include "cpu/core.h"
#include "cpu/time.h"

#define SQ_ENTRIES    128
#define CQ_ENTRIES    256
#define ADMIN_ENTRIES 16
#define BYTES_MAX     (1u << 20) /* of a command: what one list of pages holds */
#define LIST_LEAST    64
#define QUEUES_MAX    256 /* of a controller */
#define ADMIN_NS      (10 * BM_SECOND)
#define LOOK_NS       (BM_SECOND / 20) /* how often a waiting queue looks whether all is well */

void nvme_warn(const struct controller *c, const char *text)
{
	log_warning("%s: nvme: %s", c->device->name, text);
}

/* ---- Admin commands: one at a time, under the controller's lock ---- */

/* Take the next entry if it is new. */
static bool take_admin(struct controller *c, struct nvme_completion *entry)
{
	volatile struct nvme_completion *e = &c->admin_cq[c->admin_head];
	entry->dw3 = e->dw3;
	if ((entry->dw3 & NVME_DW3_PHASE) != c->admin_phase)
		return false;
	mmio_order();
	entry->dw2 = e->dw2;
	entry->result = e->result;
	if (++c->admin_head == ADMIN_ENTRIES) {
		c->admin_head = 0;
		c->admin_phase ^= NVME_DW3_PHASE;
	}
	mmio_write32(c->doorbells + NVME_DOORBELL_CQ(0, c->stride), c->admin_head);
	return true;
}

/*
 * Run a command. 0; above 0: the status with which the controller refuses it; -BM_EIO or
 * -BM_ETIMEDOUT: no answer, and only a reset makes sure that none comes later.
 */
static int admin(struct controller *c, struct nvme_command *command, uint32_t *result)
{
	uint64_t end = time_monotonic() + ADMIN_NS;
	struct nvme_completion entry;
	uint16_t id = ++c->admin_id;

	command->cdw0 |= NVME_CDW0_ID(id);
	c->admin_sq[c->admin_tail] = *command;
	c->admin_tail = (c->admin_tail + 1) % ADMIN_ENTRIES;
	mmio_write32(c->doorbells + NVME_DOORBELL_SQ(0, c->stride), c->admin_tail);
	for (;;) {
		/* What answers something else is skipped; time bounds that, too. */
		if (take_admin(c, &entry)) {
			if (NVME_DW3_ID(entry.dw3) == id && !NVME_DW2_QUEUE(entry.dw2))
				break;
			nvme_warn(c, "an answer to no admin command: ignored");
		}
		if (is_dead(reg_read(c, NVME_CSTS)))
			return -BM_EIO;
		if (time_monotonic() > end)
			return -BM_ETIMEDOUT;
		cpu_relax();
	}
	if (result)
		*result = entry.result;
	return (int)NVME_DW3_STATUS(entry.dw3);
}

/* 5.15: into the buffer. */
int nvme_identify(struct controller *c, uint32_t what, uint32_t nsid)
{
	struct nvme_command command = {
	    .cdw0 = NVME_ADMIN_IDENTIFY, .nsid = nsid, .prp1 = dma_phys(c->buffer), .cdw10 = what};
	memset(c->buffer, 0, NVME_IDENTIFY_BYTES);
	return admin(c, &command, NULL);
}

/* ---- The controller ---- */

/* Wait for CSTS.RDY, as long as the controller says that it may take. */
static int wait_ready(const struct controller *c, uint32_t ready)
{
	uint64_t end = time_monotonic() + c->ready_ns;
	for (;;) {
		uint32_t status = reg_read(c, NVME_CSTS);
		if (status == NVME_CSTS_GONE || (ready && status & NVME_CSTS_CFS))
			return -BM_EIO;
		if ((status & NVME_CSTS_RDY) == ready)
			return 0;
		if (time_monotonic() > end)
			return -BM_ETIMEDOUT;
		cpu_relax();
	}
}

/* 7.3.2, 7.6.2: once RDY is 0, it touches no memory. */
int nvme_disable(const struct controller *c)
{
	uint32_t config = reg_read(c, NVME_CC);
	/* 3.1.5: EN may not change while it starts. If it never starts, it is tried all the same.
	 */
	if (config & NVME_CC_EN && !(reg_read(c, NVME_CSTS) & NVME_CSTS_RDY))
		wait_ready(c, NVME_CSTS_RDY);
	reg_write(c, NVME_CC, config & ~NVME_CC_EN);
	return wait_ready(c, 0);
}

/* 7.6.1, from the second step on; the controller is disabled. */
static int enable(struct controller *c)
{
	memset(c->admin_sq, 0, ADMIN_ENTRIES * sizeof *c->admin_sq);
	memset((void *)c->admin_cq, 0, ADMIN_ENTRIES * sizeof *c->admin_cq);
	c->admin_tail = c->admin_head = 0;
	c->admin_phase = NVME_DW3_PHASE;
	/* 3.1.8 to 3.1.10. */
	reg_write(c, NVME_AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
	mmio_write64(c->registers + NVME_ASQ, dma_phys(c->admin_sq));
	mmio_write64(c->registers + NVME_ACQ, dma_phys(c->admin_cq));
	/* Steps 3 and 4: arbitration, page size, command set. */
	uint32_t config = NVME_CC_CSS_NVM | NVME_CC_MPS_4K | NVME_CC_AMS_ROUND_ROBIN |
			  NVME_CC_IOSQES_64 | NVME_CC_IOCQES_16;
	reg_write(c, NVME_CC, config);
	/* Steps 5 and 6. */
	reg_write(c, NVME_CC, config | NVME_CC_EN);
	return wait_ready(c, NVME_CSTS_RDY);
}

/* 7.4: how many pairs may be made. Before any is. */
static int ask_for_queues(struct controller *c, uint32_t wanted, uint32_t *given)
{
	struct nvme_command command = {
	    .cdw0 = NVME_ADMIN_SET_FEATURES,
	    .cdw10 = NVME_CDW10(NVME_FEATURE_QUEUES, (wanted - 1) << 16 | (wanted - 1))};
	uint32_t result = 0;
	int error = admin(c, &command, &result);
	uint32_t submission = (result & 0xffff) + 1, completion = (result >> 16) + 1;
	*given = submission < completion ? submission : completion;
	*given = *given < wanted ? *given : wanted;
	return error;
}

void nvme_forget_queues(struct controller *c)
{
	__atomic_add_fetch(&c->generation, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < c->namespace_count; i++) {
		struct nvme_namespace *ns = c->namespaces[i];
		for (uint32_t n = 0; n < ns->queue_count; n++)
			ns->queues[n]->sq_doorbell = ns->queues[n]->cq_doorbell = &c->nowhere;
	}
}

/* Everything anew: 7.3.2. All queues are gone after that, of all namespaces. */
int nvme_restart(struct controller *c)
{
	uint32_t given;
	nvme_forget_queues(c);
	int error = nvme_disable(c);
	if (!error)
		error = enable(c);
	if (!error)
		error = ask_for_queues(c, c->queues_total, &given);
	if (!error && given < c->queues_total)
		error = -BM_EIO;
	return error > 0 ? -BM_EIO : error;
}

/* ---- Queues ---- */

static int delete_queue(struct controller *c, uint8_t opcode, uint16_t id)
{
	struct nvme_command command = {.cdw0 = opcode, .cdw10 = id};
	return admin(c, &command, NULL);
}

/* 7.3.3, 7.4.3: submission queues first. After that, their commands touch no memory. */
int nvme_delete_queues(struct nvme_namespace *ns)
{
	int error = 0;
	for (uint32_t i = 0; i < ns->queue_count && !error; i++)
		error = delete_queue(ns->controller, NVME_ADMIN_DELETE_SQ, ns->queues[i]->id);
	for (uint32_t i = 0; i < ns->queue_count && !error; i++)
		error = delete_queue(ns->controller, NVME_ADMIN_DELETE_CQ, ns->queues[i]->id);
	return error;
}

static int create_queue(struct controller *c, struct queue *q)
{
	struct nvme_command cq = {
	    .cdw0 = NVME_ADMIN_CREATE_CQ,
	    .prp1 = dma_phys(q->cq),
	    .cdw10 = NVME_CDW10((c->cq_entries - 1) << 16 | q->id,
				(uint32_t)q->vector << 16 | NVME_QUEUE_CONTIGUOUS |
				    (c->vector_count ? NVME_QUEUE_INTERRUPTS : 0))};
	struct nvme_command sq = {.cdw0 = NVME_ADMIN_CREATE_SQ,
				  .prp1 = dma_phys(q->sq),
				  .cdw10 =
				      NVME_CDW10((c->sq_entries - 1) << 16 | q->id,
						 (uint32_t)q->id << 16 | NVME_QUEUE_CONTIGUOUS)};

	memset(q->sq, 0, c->sq_entries * sizeof *q->sq);
	memset((void *)q->cq, 0, c->cq_entries * sizeof *q->cq);
	memset(q->in_use, 0, sizeof q->in_use);
	q->sq_tail = q->cq_head = q->unreported = 0;
	q->expected = NVME_EXPECTED(q->id, NVME_DW3_PHASE);
	q->looked = 0;
	int error = admin(c, &cq, NULL);
	if (!error)
		error = admin(c, &sq, NULL);
	if (!error) {
		q->sq_doorbell = c->doorbells + NVME_DOORBELL_SQ(q->id, c->stride);
		q->cq_doorbell = c->doorbells + NVME_DOORBELL_CQ(q->id, c->stride);
	}
	return error;
}

int nvme_create_queues(struct nvme_namespace *ns)
{
	struct controller *c = ns->controller;
	for (uint32_t i = 0; i < ns->queue_count; i++) {
		int error = create_queue(c, ns->queues[i]);
		if (error)
			return error;
	}
	__atomic_store_n(&ns->generation, c->generation, __ATOMIC_SEQ_CST);
	return 0;
}

/* ---- Initialisation: 7.6.1 ---- */

static void copy_text(char *to, const uint8_t *from, uint32_t bytes)
{
	memcpy(to, from, bytes);
	to[bytes] = 0;
}

/* Is there a volatile write cache, and is it on (5.21.1.6)? One that does not tell is taken for on.
 */
static int find_write_cache(struct controller *c, bool present)
{
	struct nvme_command command = {.cdw0 = NVME_ADMIN_GET_FEATURES,
				       .cdw10 = NVME_FEATURE_WRITE_CACHE};
	uint32_t result = 0;
	c->write_cache = present;
	if (!present)
		return 0;
	int error = admin(c, &command, &result);
	if (!error && !(result & NVME_WRITE_CACHE_ENABLED))
		c->write_cache = false;
	return error < 0 ? error : 0;
}

/* Figure 247. *most: number of the last namespace that there may be. */
static int identify_controller(struct controller *c, uint32_t *most)
{
	const uint8_t *data = c->buffer;
	int error = nvme_identify(c, NVME_IDENTIFY_CONTROLLER, 0);
	if (error)
		return error > 0 ? -BM_EIO : error;
	copy_text(c->serial, data + NVME_CTRL_SERIAL, NVME_CTRL_SERIAL_BYTES);
	copy_text(c->model, data + NVME_CTRL_MODEL, NVME_CTRL_MODEL_BYTES);
	copy_text(c->firmware, data + NVME_CTRL_FIRMWARE, NVME_CTRL_FIRMWARE_BYTES);
	uint8_t sqes = data[NVME_CTRL_SQES], cqes = data[NVME_CTRL_CQES];
	if (NVME_CTRL_ES_LEAST(sqes) > 6 || NVME_CTRL_ES_MOST(sqes) < 6 ||
	    NVME_CTRL_ES_LEAST(cqes) > 4 || NVME_CTRL_ES_MOST(cqes) < 4) {
		nvme_warn(c, "it takes no queue entries of 64 and 16 bytes");
		return -BM_EIO;
	}
	/* The least page is of 4 KiB here, see nvme_open(). */
	uint8_t mdts = data[NVME_CTRL_MDTS];
	c->max_bytes = BYTES_MAX;
	if (mdts && mdts < 20 && NVME_PAGE << mdts < BYTES_MAX)
		c->max_bytes = NVME_PAGE << mdts;
	c->list_bytes = c->max_bytes / NVME_PAGE * sizeof(uint64_t);
	if (c->list_bytes < LIST_LEAST)
		c->list_bytes = LIST_LEAST;
	*most = get32(data + NVME_CTRL_NN);
	c->commands = get16(data + NVME_CTRL_ONCS);
	return find_write_cache(c, data[NVME_CTRL_VWC] & NVME_CTRL_VWC_PRESENT);
}

/* Queue pairs for so many namespaces; fewer if the controller, or its registers, do not reach. */
int nvme_share_queues(struct controller *c, uint32_t namespaces, uint32_t *each)
{
	uint32_t wanted = namespaces * worker_count(), given;
	wanted = wanted < QUEUES_MAX ? wanted : QUEUES_MAX;
	int error = ask_for_queues(c, wanted, &given);
	if (error)
		return error > 0 ? -BM_EIO : error;
	uint64_t room = pci_bar(c->device, NVME_PCI_BAR)->size - NVME_REGISTERS;
	uint64_t fit = room / (2 * c->stride); /* pairs of doorbells, the admin queue's too */
	if (fit < 2) {
		nvme_warn(c, "it has doorbells for the admin queue alone");
		return -BM_EIO;
	}
	given = given < fit - 1 ? given : (uint32_t)fit - 1;
	*each = given / namespaces;
	*each = *each ? *each : 1;
	c->queues_total = *each * namespaces < given ? *each * namespaces : given;
	c->doorbells = pci_map_bar(c->device, NVME_PCI_BAR, NVME_REGISTERS,
				   NVME_DOORBELL_SQ(c->queues_total + 1, c->stride));
	return c->doorbells ? 0 : -BM_EIO;
}

/* What the capabilities say (3.1.1). False: this driver cannot use it. */
static bool read_capabilities(struct controller *c)
{
	uint64_t cap = mmio_read64(c->registers + NVME_CAP);
	uint32_t entries = NVME_CAP_MQES(cap) + 1, to = NVME_CAP_TO(cap);

	c->version = reg_read(c, NVME_VS);
	if (cap == UINT64_MAX || entries < 2) {
		nvme_warn(c, "its registers make no sense");
		return false;
	}
	if (!(cap & NVME_CAP_CSS_NVM)) {
		nvme_warn(c, "it has no NVM command set");
		return false;
	}
	if (NVME_CAP_MPSMIN(cap)) {
		nvme_warn(c, "its smallest page is larger than 4 KiB");
		return false;
	}
	c->ready_ns = (to ? to : 1ul) * NVME_CAP_TO_MS * (BM_SECOND / 1000);
	c->stride = 4u << NVME_CAP_DSTRD(cap);
	c->sq_entries = entries < SQ_ENTRIES ? entries : SQ_ENTRIES;
	c->cq_entries = entries < CQ_ENTRIES ? entries : CQ_ENTRIES;
	c->depth = c->sq_entries - 1 < NVME_DEPTH ? c->sq_entries - 1 : NVME_DEPTH;
	c->report = (c->cq_entries - c->depth) / 2;
	c->report = c->report ? c->report : 1;
	return true;
}

int nvme_open(struct controller *c, uint32_t *most)
{
	struct bm_device *device = c->device;

	c->registers = pci_map_bar(device, NVME_PCI_BAR, 0, NVME_REGISTERS);
	if (!c->registers)
		nvme_warn(c, "its registers have no address, or are too few");
	if (!c->registers || !read_capabilities(c))
		return -BM_EIO;
	/* The admin queue's doorbells; the others' when their number is known. */
	c->doorbells =
	    pci_map_bar(device, NVME_PCI_BAR, NVME_REGISTERS, NVME_DOORBELL_SQ(1, c->stride));
	c->admin_sq = dma_take(ADMIN_ENTRIES * sizeof *c->admin_sq, NVME_PAGE, NULL);
	c->admin_cq = dma_take(ADMIN_ENTRIES * sizeof *c->admin_cq, NVME_PAGE, NULL);
	c->buffer = dma_take(NVME_IDENTIFY_BYTES, NVME_PAGE, NULL);
	if (!c->doorbells) {
		nvme_warn(c, "its doorbells lie beyond its registers");
		return -BM_EIO;
	}
	if (!c->admin_sq || !c->admin_cq || !c->buffer)
		return -BM_ENOMEM;
	c->look_ticks = time_to_ticks(LOOK_NS);
	/* 7.6.1, step 1; firmware may have used it. */
	int error = nvme_disable(c);
	if (!error) {
		pci_master(device, true);
		error = enable(c);
	}
	if (error) {
		log_warning("%s: nvme: %s within %lu ms, as it promises", device->name,
			    error == -BM_EIO ? "in a fatal state, instead of ready" : "not ready",
			    c->ready_ns / (BM_SECOND / 1000));
		return error;
	}
	/* Steps 7 to 10. */
	error = identify_controller(c, most);
	return error > 0 ? -BM_EIO : error;
}

void nvme_close(struct controller *c)
{
	dma_give(c->admin_sq, ADMIN_ENTRIES * sizeof *c->admin_sq);
	dma_give((void *)c->admin_cq, ADMIN_ENTRIES * sizeof *c->admin_cq);
	dma_give(c->buffer, NVME_IDENTIFY_BYTES);
	c->admin_sq = NULL;
	c->admin_cq = NULL;
	c->buffer = NULL;
}
