/* SPDX-License-Identifier: MIT */
/*
 * The block front end with a device that answers late, twice, never, or with nonsense, at random;
 * and with limits of all kinds. Every request is answered exactly once, and what it says is true.
 */
#include "machine.h"

#define SECTORS 4096
#define DEPTH   8
#define QUEUES  2
#define SLOTS   40
#define MEMORY  65536

static unsigned char disk[SECTORS * 512];
static struct bm_block_device *handle;

static struct {
	int late, twice, never, nonsense, fail, again, refuse, bad_reset, interrupts; /* of 1,000 */
	bool reset_fails;
	unsigned resets, flushes, masters_off, started;
} mode;

static struct command {
	struct bm_block_command c;
	struct bm_block_run runs[8];
	bool there, lost;
	unsigned delay;
} commands[QUEUES][DEPTH];

static int chance(int of_1000)
{
	return rand() % 1000 < of_1000;
}

uint32_t worker_count(void)
{
	return CORES_MAX;
}

void pci_master(const struct bm_device *device, bool on)
{
	(void)device;
	mode.masters_off += !on;
}

static struct bm_block_driver driver;

/* The command must be within all that the driver said. */
static void check_limits(const struct bm_block_command *c)
{
	uint64_t bytes = 0;
	CHECK(c->tag < DEPTH);
	CHECK(c->sector + c->sectors <= SECTORS);
	CHECK(c->bytes <= (driver.max_bytes ? driver.max_bytes : 1u << 30));
	if (c->operation > BM_BLOCK_WRITE) {
		CHECK(!c->bytes && !c->run_count);
		return;
	}
	CHECK(c->sectors && c->bytes == c->sectors * driver.sector_size);
	CHECK(c->run_count <= driver.max_runs);
	bool beyond = false;
	for (uint32_t i = 0; i < c->run_count; i++) {
		const struct bm_block_run *r = &c->runs[i];
		bytes += r->bytes;
		CHECK(r->bytes && (!driver.run_bytes || r->bytes <= driver.run_bytes));
		if (driver.run_border)
			CHECK(r->phys / driver.run_border ==
			      (r->phys + r->bytes - 1) / driver.run_border);
		if (i)
			CHECK(!(r->phys & driver.gap_mask) &&
			      !((r[-1].phys + r[-1].bytes) & driver.gap_mask));
		beyond = beyond || (driver.phys_limit && r->phys + r->bytes > driver.phys_limit);
	}
	CHECK(!beyond);
	CHECK(c->run_count ? bytes == c->bytes : driver.phys_limit != 0);
}

static int start(void *state, uint32_t queue, const struct bm_block_command *c)
{
	struct command *at = &commands[queue][c->tag];
	CHECK(state == &mode && queue < driver.queues);
	mode.started++;
	check_limits(c);
	CHECK(!at->there);
	if (chance(mode.refuse))
		return -BM_ENOSPC;
	at->c = *c;
	memcpy(at->runs, c->runs, c->run_count * sizeof *c->runs);
	at->there = true;
	at->lost = chance(mode.never);
	at->delay = chance(mode.late) ? rand() % 20 : 0;
	return 0;
}

static void kick(void *state, uint32_t queue)
{
	(void)state, (void)queue;
}

/* By physical address, as a device does; or by the processor, where that is out of reach. */
static void carry_out(const struct command *at)
{
	unsigned char *place = disk + at->c.sector * driver.sector_size;
	if (at->c.operation == BM_BLOCK_FLUSH)
		mode.flushes++;
	if (at->c.operation > BM_BLOCK_WRITE)
		return;
	for (uint32_t i = 0; i < at->c.run_count; i++)
		for (uint32_t b = 0; b < at->runs[i].bytes; b++) {
			unsigned char *memory = machine_memory(at->runs[i].phys + b);
			if (at->c.operation == BM_BLOCK_READ)
				*memory = *place++;
			else
				*place++ = *memory;
		}
	const struct bm_block_segment *segment = at->c.segments;
	uint64_t offset = at->c.segment_offset;
	for (uint32_t b = 0; !at->c.run_count && b < at->c.bytes; b++, offset++) {
		while (offset >= segment->bytes)
			offset -= segment++->bytes;
		unsigned char *memory = (unsigned char *)segment->address + offset;
		if (at->c.operation == BM_BLOCK_READ)
			*memory = *place++;
		else
			*place++ = *memory;
	}
}

static void poll(void *state, uint32_t queue)
{
	(void)state;
	for (uint32_t tag = 0; tag < DEPTH; tag++) {
		struct command *at = &commands[queue][tag];
		if (chance(mode.nonsense)) {
			uint32_t wrong = rand() % 2 ? (uint32_t)rand() : DEPTH;
			CHECK(block_finish(handle, queue, wrong | DEPTH, rand() % 100 - 50) ==
			      -BM_EINVAL);
			CHECK(block_finish(handle, queue + driver.queues, tag, 0) == -BM_EINVAL);
		}
		if (!at->there || at->lost)
			continue;
		if (at->delay) {
			at->delay--;
			continue;
		}
		if (chance(mode.again)) {
			at->lost = true;
			CHECK(block_finish(handle, queue, tag, -BM_EAGAIN) == 0);
			continue;
		}
		int status = chance(mode.fail) ? -BM_EIO : 0;
		if (!status)
			carry_out(at);
		at->there = false;
		CHECK(block_finish(handle, queue, tag, status) == 0);
		if (chance(mode.twice) && !at->there)
			CHECK(block_finish(handle, queue, tag, status) == -BM_EINVAL);
	}
}

static int arm(void *state, uint32_t queue)
{
	(void)state, (void)queue;
	return chance(mode.interrupts);
}

static int reset(void *state)
{
	(void)state;
	mode.resets++;
	memset(commands, 0, sizeof commands);
	return mode.reset_fails ? -BM_EIO : 0;
}

static const struct bm_block_ops ops = {start, kick, poll, arm, reset};
static const struct bm_block_ops ops_by_time = {start, kick, poll, NULL, reset};

static void idle(void)
{
	if (chance(mode.interrupts))
		block_notify(handle, rand() % 2 ? BM_BLOCK_ALL_QUEUES : 0);
}

static int add(void)
{
	memset(commands, 0, sizeof commands);
	driver.ops = driver.ops ? driver.ops : &ops;
	driver.state = &mode;
	driver.name = "test";
	driver.sector_size = driver.sector_size ? driver.sector_size : 512;
	driver.sectors = SECTORS * 512 / driver.sector_size;
	driver.depth = DEPTH;
	driver.max_runs = driver.max_runs ? driver.max_runs : 8;
	int number = block_add(&driver, &handle);
	CHECK(number >= 0);
	CHECK(block_set_timeout(number, 1000000) == 0); /* a millisecond */
	return number;
}

/* ---- A random load ---- */

static struct slot {
	struct bm_block_request r;
	struct bm_block_segment segments[6];
	unsigned char *memory, *saved;
	bool busy;
	unsigned calls;
	uint32_t bytes;
} slots[SLOTS];
static unsigned char shadow[SECTORS * 512];
static bool known[SECTORS * 512 / 512];
static unsigned failures; /* requests */

static void called(struct bm_block_request *r)
{
	((struct slot *)r->user)->calls++;
}

static bool overlaps(uint64_t first, uint64_t count)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].busy &&
		    first < slots[i].r.sector + slots[i].bytes / driver.sector_size &&
		    slots[i].r.sector < first + count)
			return true;
	return false;
}

/* One that can be done, most of the time. Returns what must come of it: 0, or its error. */
static bool make(struct slot *s)
{
	uint32_t size = driver.sector_size;
	memset(&s->r, 0, sizeof s->r);
	s->r.status = 77;
	s->bytes = 0;
	s->calls = 0;
	s->r.user = s;
	if (rand() % 2)
		s->r.done = called;
	if (rand() % 20 == 0) {
		s->r.operation = BM_BLOCK_FLUSH;
		return true;
	}
	uint32_t count = 1 + rand() % 6, at = 4 * (rand() % 1024);
	if (rand() % 3 == 0)
		count = 1, at = 4096 * (rand() % 2);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t bytes = (1 + rand() % 12) * size;
		if (at + bytes > MEMORY)
			break;
		s->segments[i] = (struct bm_block_segment){s->memory + at, bytes};
		s->bytes += bytes;
		at += bytes + 4 * (rand() % 3);
		s->r.segment_count = i + 1;
	}
	s->r.segments = s->segments;
	s->r.sector = rand() % (SECTORS * 512 / size - s->bytes / size);
	if (overlaps(s->r.sector, s->bytes / size))
		return false;
	s->r.operation = rand() % 2 ? BM_BLOCK_READ : BM_BLOCK_WRITE;
	if (s->r.operation == BM_BLOCK_WRITE) {
		s->r.flags = rand() % 4 ? 0 : BM_BLOCK_FUA;
		for (uint32_t i = 0; i < s->r.segment_count; i++)
			for (size_t b = 0; b < s->segments[i].bytes; b++)
				((unsigned char *)s->segments[i].address)[b] = rand();
	} else {
		memset(s->memory, 0xee, MEMORY);
	}
	if (rand() % 30 == 0)
		s->r.deadline_ns = machine_tsc + rand() % 3000000;
	else if (rand() % 4 == 0)
		s->r.deadline_ns = BM_FOREVER;
	return true;
}

/* Answered: is it true? */
static void settle(struct slot *s)
{
	uint64_t at = s->r.sector * driver.sector_size;
	int status = s->r.status;
	CHECK(s->r.done ? s->calls == 1 : s->calls == 0);
	CHECK(status <= 0);
	CHECK(status == 0 || status == -BM_EIO || status == -BM_ETIMEDOUT || status == -BM_ENOSPC ||
	      (handle->failed && status == -BM_ENODEV));
	bool may_fail = mode.fail || mode.again || mode.never || mode.refuse || mode.late ||
			mode.reset_fails || s->r.deadline_ns;
	CHECK(status == 0 || may_fail);
	failures += status != 0;
	for (uint32_t i = 0; i < s->r.segment_count; i++)
		for (size_t b = 0; b < s->segments[i].bytes; b++, at++) {
			unsigned char byte = ((unsigned char *)s->segments[i].address)[b];
			if (s->r.operation == BM_BLOCK_WRITE) {
				shadow[at] = byte;
				known[at / 512] = status == 0;
			} else if (status == 0 && known[at / 512] && shadow[at] != byte) {
				CHECK(shadow[at] == byte);
				return;
			}
		}
	s->busy = false;
}

static bool is_answered(const struct slot *s)
{
	return s->r.done ? s->calls > 0 : s->r.status != BM_BLOCK_PENDING;
}

static void collect(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].busy && is_answered(&slots[i]))
			settle(&slots[i]);
}

/* It runs no task. */
static int wait_alone(int device, struct bm_block_request *r)
{
	unsigned tasks = machine_task_count;
	int status = block_wait_alone(device, r);

	CHECK(machine_task_count >= tasks);
	CHECK(!handle->queues[r->queue]->dozers);
	return status;
}

static void load(int device, unsigned rounds)
{
	struct bm_block_info before, after;
	unsigned taken_in_all = 0, failures_before = failures;
	block_info(device, &before);
	memset(known, 0, sizeof known);
	for (unsigned round = 0; round < rounds; round++) {
		struct bm_block_request *batch[8];
		struct slot *of[8];
		unsigned n = 0;
		for (int i = 0; i < SLOTS && n < 8 && n < 1u + rand() % 8; i++)
			if (!slots[i].busy && make(&slots[i])) {
				slots[i].busy = true;
				of[n] = &slots[i];
				batch[n++] = &slots[i].r;
			}
		simulated_core.index = rand() % 5;
		int taken = block_submit(device, batch, n);
		CHECK(taken >= 0 && (unsigned)taken <= n);
		for (unsigned i = taken; i < n; i++) {
			CHECK(of[i]->r.status == 77 && !of[i]->calls); /* not touched */
			of[i]->busy = false;
		}
		taken_in_all += taken;
		switch (rand() % 4) {
		case 0:
			for (int i = 0; i < SLOTS; i++)
				if (slots[i].busy && !slots[i].r.done) {
					int status = rand() % 2 ? block_wait(device, &slots[i].r)
								: wait_alone(device, &slots[i].r);
					CHECK(status == slots[i].r.status && status <= 0);
					break;
				}
			break;
		case 1:
			block_arm(device, rand() % driver.queues);
			idle();
			task_run_one();
			break;
		default:
			block_poll(device,
				   rand() % 2 ? BM_BLOCK_ALL_QUEUES : rand() % driver.queues);
		}
		collect();
	}
	for (unsigned i = 0; i < 2000000; i++) {
		bool left = false;
		block_poll(device, BM_BLOCK_ALL_QUEUES);
		collect();
		for (int n = 0; n < SLOTS; n++)
			left = left || slots[n].busy;
		if (!left)
			break;
		CHECK(i < 1999999);
	}
	block_info(device, &after);
	CHECK(after.reads + after.writes + after.flushes -
		  (before.reads + before.writes + before.flushes) ==
	      taken_in_all);
	CHECK(after.errors - before.errors == failures - failures_before);
	for (uint32_t q = 0; q < driver.queues; q++) {
		const struct block_queue *queue = handle->queues[q];
		unsigned free = 0;
		CHECK(!queue->under_way && !queue->waiting && !queue->answered && !queue->busy);
		for (uint16_t tag = queue->free; tag != NO_TAG; tag = queue->tags[tag].next_free)
			free++;
		CHECK(free == DEPTH);
	}
}

/* ---- */

static void check_registration(void)
{
	struct bm_block_driver good = {.ops = &ops,
				       .name = "good",
				       .sectors = 1,
				       .sector_size = 512,
				       .queues = 1,
				       .depth = 1,
				       .max_runs = 2};
	struct bm_block_device *h;
	int count = block_count();
	for (int i = 0; i < 16; i++) {
		struct bm_block_driver bad = good;
		struct bm_block_ops some = ops;
		switch (i) { /* clang-format off */
		case 0: bad.ops = NULL; break;
		case 1: bad.name = NULL; break;
		case 2: bad.name = "a_name_too_long"; break;
		case 3: bad.sector_size = 0; break;
		case 4: bad.sector_size = 513; break;
		case 5: bad.sector_size = 8192; break;
		case 6: bad.queues = 0; break;
		case 7: bad.depth = 0; break;
		case 8: bad.depth = 1025; break;
		case 9: bad.max_runs = 1; break;
		case 10: bad.max_runs = 257; break;
		case 11: bad.max_bytes = 1000; break;
		case 12: bad.run_border = 5000; break;
		case 13: bad.gap_mask = 4094; break;
		case 14: bad.sectors = UINT64_MAX; break;
		case 15: some.kick = NULL; bad.ops = &some; break;
		}
		CHECK(block_add(&bad, &h) == -BM_EINVAL);
	}
	CHECK(block_add(NULL, &h) == -BM_EINVAL && block_add(&good, NULL) == -BM_EINVAL);
	CHECK(block_count() == count);
	/* No memory: nothing is left behind. */
	size_t out = machine_dma_out, used = machine_dma_used;
	struct bm_block_driver large = good;
	large.depth = 1024;
	large.queues = 1000;
	CHECK(block_add(&large, &h) == -BM_ENOMEM && machine_dma_out == out);
	machine_dma_used = used;
	struct bm_block_info info;
	good.model = "  a model\001 of \377  ";
	good.serial = "0123456789012345678901234567890123456789";
	int n = block_add(&good, &h);
	CHECK(n == count && !block_info(n, &info));
	CHECK(!strcmp(info.model, "a model? of ?") && strlen(info.serial) == sizeof info.serial - 1);
	CHECK(!strcmp(info.name, "good0") && !strcmp(info.address, "app"));
	CHECK(info.max_transfer == 1u << 30 && info.physical_sector_size == 512);
}

static void check_faults(void)
{
	driver = (struct bm_block_driver){.queues = 1};
	int d = add();
	unsigned char *memory = aligned_alloc(8192, 32768);
	struct bm_block_segment segments[2] = {{memory, 4096}, {memory + 8192, 4096}};
	struct bm_block_request r, *list[] = {&r};
	unsigned started = mode.started;

	for (int i = 0; i < 4; i++) {
		memset(&r, 0, sizeof r);
		r.operation = i % 2 ? BM_BLOCK_WRITE : BM_BLOCK_READ;
		r.segments = segments;
		r.segment_count = 2;
		simulated_unmapped = i < 2 ? memory + 8192 : NULL;
		simulated_read_only = i < 2 ? NULL : memory + 8192;
		CHECK(block_submit(d, list, 1) == 1);
		int status = block_wait(d, &r);
		CHECK(status == (i == 3 ? 0 : -BM_EFAULT));
		CHECK(mode.started == started + (i == 3));
	}
	simulated_unmapped = simulated_read_only = NULL;
	/* Larger than the device, and at its end. */
	memset(&r, 0, sizeof r);
	r.segments = segments;
	r.segment_count = 1;
	r.sector = SECTORS - 7;
	CHECK(block_submit(d, list, 1) == 1 && r.status == -BM_EINVAL);
	r.sector = UINT64_MAX - 3;
	CHECK(block_submit(d, list, 1) == 1 && r.status == -BM_EINVAL);
	r.sector = SECTORS - 8;
	CHECK(block_submit(d, list, 1) == 1 && block_wait(d, &r) == 0);
	segments[0].bytes = UINT64_MAX & -512ul;
	CHECK(block_submit(d, list, 1) == 1 && r.status == -BM_EINVAL);
	segments[0].bytes = segments[1].bytes = 1ul << 62;
	r.segment_count = 2;
	CHECK(block_submit(d, list, 1) == 1 && r.status == -BM_EINVAL);
	free(memory);
}

/* Whose time has passed already is answered, and not begun: so there is no reset. */
static void check_late(void)
{
	driver = (struct bm_block_driver){.queues = 1};
	int d = add();
	unsigned char *memory = aligned_alloc(8192, 8192);
	struct bm_block_segment segment = {memory, 4096};
	struct bm_block_request r, *list[] = {&r};
	unsigned started = mode.started, resets = mode.resets;

	for (int i = 0; i < 3; i++) {
		memset(&r, 0, sizeof r);
		r.operation = i % 2 ? BM_BLOCK_WRITE : BM_BLOCK_READ;
		r.segments = &segment;
		r.segment_count = 1;
		r.deadline_ns = i == 2 ? machine_tsc + 1000000 : machine_tsc - 1;
		CHECK(block_submit(d, list, 1) == 1);
		CHECK(block_wait(d, &r) == (i == 2 ? 0 : -BM_ETIMEDOUT));
		CHECK(mode.started == started + (i == 2) && mode.resets == resets);
	}
	free(memory);
}

/* ---- A core dozes, and another one polls the same queue ---- */

/* It interrupts once each time that it was armed, some time after the answer. */
static struct {
	uint32_t left; /* commands that it has not done, in the order of their tags */
	uint32_t done; /* and that nobody has seen */
	bool armed, interrupting;
	int device;
} sleeper;

static int sleeper_start(void *state, uint32_t queue, const struct bm_block_command *c)
{
	(void)state, (void)queue;
	sleeper.left |= 1u << c->tag;
	return 0;
}

static void sleeper_poll(void *state, uint32_t queue)
{
	(void)state;
	uint32_t done = sleeper.done;
	sleeper.done = 0;
	for (; done; done &= done - 1)
		CHECK(block_finish(handle, queue, __builtin_ctz(done), 0) == 0);
}

static int sleeper_arm(void *state, uint32_t queue)
{
	(void)state, (void)queue;
	sleeper.armed = true;
	return sleeper.done != 0;
}

static int sleeper_reset(void *state)
{
	(void)state;
	return -BM_EIO;
}

static const struct bm_block_ops sleeper_ops = {sleeper_start, kick, sleeper_poll, sleeper_arm,
						sleeper_reset};

/* The other core, and the device, while one dozes: until it is roused, or nothing is left to do. */
static void others(void)
{
	while (machine_dozes && (sleeper.left || sleeper.interrupting)) {
		switch (rand() % 3) {
		case 0:
			if (!sleeper.left)
				break;
			sleeper.done |= sleeper.left & -sleeper.left;
			sleeper.left &= sleeper.left - 1;
			sleeper.interrupting = sleeper.interrupting || sleeper.armed;
			sleeper.armed = false;
			break;
		case 1:
			if (!sleeper.interrupting)
				break;
			sleeper.interrupting = false;
			block_notify(handle, 0);
			break;
		default:
			simulated_core.index = 1;
			block_poll(sleeper.device, 0);
			simulated_core.index = 0;
		}
	}
}

static void check_doze(void)
{
	driver = (struct bm_block_driver){.ops = &sleeper_ops, .queues = 1};
	int d = add();
	unsigned char *memory = aligned_alloc(8192, 8192);
	struct bm_block_segment segment = {memory, 4096};
	struct bm_block_request r[5], *list[5];
	unsigned before = machine_dozed;

	sleeper.device = d;
	CHECK(block_set_timeout(d, 3600 * BM_SECOND) == 0);
	machine_idle = others;
	simulated_core.index = 0;
	for (int round = 0; round < 2000; round++) {
		unsigned count = 1 + rand() % 5, mine = rand() % count;
		memset(r, 0, sizeof r);
		for (unsigned i = 0; i < count; i++) {
			r[i].segments = &segment;
			r[i].segment_count = 1;
			list[i] = &r[i];
		}
		CHECK(block_submit(d, list, count) == (int)count);
		CHECK(block_wait_alone(d, list[mine]) == 0);
		for (unsigned i = 0; i < count; i++)
			CHECK(block_wait_alone(d, list[i]) == 0);
		CHECK(!sleeper.left && !sleeper.done);
		while (task_run_one())
			;
	}
	/* The watch ended none. */
	CHECK(machine_dozed == before);
	machine_idle = idle;
	free(memory);
}

/* Too late for the rest of it, while the device still does the first parts: an error, that counts. */
static void check_late_rest(void)
{
	driver = (struct bm_block_driver){.queues = 1, .max_bytes = 512};
	int d = add();
	unsigned char *memory = aligned_alloc(8192, 8192);
	struct bm_block_segment segment = {memory, (DEPTH + 2) * 512};
	struct bm_block_request r = {.segments = &segment, .segment_count = 1}, *list[] = {&r};
	struct bm_block_info info;

	r.deadline_ns = machine_tsc + 100000;
	CHECK(block_submit(d, list, 1) == 1 && handle->queues[0]->under_way == DEPTH);
	for (uint32_t tag = 1; tag < DEPTH; tag++)
		commands[0][tag].delay = 1;
	machine_tsc += 100000;
	CHECK(block_poll(d, 0) == 1 && r.status == -BM_ETIMEDOUT);
	block_info(d, &info);
	CHECK(info.errors == 1 && info.reads == 1 && !info.bytes_read && !info.resets);
	free(memory);
}

/* FUA: the device's own, or a flush behind the write, whose answer is the request's; or not needed. */
static void check_fua(void)
{
	static const uint32_t flags[] = {0, BM_BLOCK_WRITE_CACHE, BM_BLOCK_HAS_FUA,
					 BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_FUA};
	unsigned char *memory = aligned_alloc(8192, 8192);
	struct bm_block_segment segment = {memory, 4096};

	for (unsigned i = 0; i < 16; i++) {
		bool fua = i & 4, fails = i & 8, flush = fua && i % 4 == 1;
		struct bm_block_request r = {.operation = BM_BLOCK_WRITE, .segments = &segment,
					     .segment_count = 1, .flags = fua ? BM_BLOCK_FUA : 0};
		struct bm_block_request *list[] = {&r};

		driver = (struct bm_block_driver){.queues = 1, .flags = flags[i % 4]};
		int d = add();
		unsigned started = mode.started, flushes = mode.flushes;
		CHECK(block_submit(d, list, 1) == 1 && mode.started == started + 1);
		CHECK(commands[0][0].c.operation == BM_BLOCK_WRITE);
		CHECK(commands[0][0].c.flags == (fua && i & 2 ? BM_BLOCK_FUA : 0));
		block_poll(d, 0);
		CHECK(mode.started == started + 1 + flush);
		CHECK(flush ? r.status == BM_BLOCK_PENDING : r.status == 0);
		mode.fail = fails ? 1000 : 0;
		CHECK(block_wait(d, &r) == (flush && fails ? -BM_EIO : 0));
		CHECK(mode.flushes == flushes + (flush && !fails));
		mode.fail = 0;
	}
	free(memory);
}

/* What is never answered, or to be begun again for ever, ends after so many attempts. */
static void check_attempts(void)
{
	unsigned char *memory = aligned_alloc(8192, 8192);
	struct bm_block_segment segment = {memory, 4096};

	for (int again = 0; again < 2; again++) {
		struct bm_block_request r = {.segments = &segment, .segment_count = 1};
		struct bm_block_request *list[] = {&r};
		unsigned started = mode.started, resets = mode.resets;

		driver = (struct bm_block_driver){.queues = 1};
		int d = add();
		*(again ? &mode.again : &mode.never) = 1000;
		CHECK(block_submit(d, list, 1) == 1);
		for (int i = 0; i < 100000 && r.status == BM_BLOCK_PENDING; i++)
			block_poll(d, 0);
		CHECK(r.status == (again ? -BM_EIO : -BM_ETIMEDOUT));
		CHECK(mode.started == started + BM_BLOCK_ATTEMPTS);
		CHECK(mode.resets == resets + BM_BLOCK_ATTEMPTS);
		mode.again = mode.never = 0;
	}
	mode.resets = 0;
	free(memory);
}

static void run(const char *name, unsigned rounds)
{
	unsigned before = unit_failures;
	int d = add();
	load(d, rounds);
	if (unit_failures != before)
		fprintf(stderr, "in: %s\n", name);
}

int main(void)
{
	srand(7);
	machine_idle = idle;
	for (int i = 0; i < SLOTS; i++)
		slots[i].memory = aligned_alloc(8192, MEMORY + 8192);
	check_registration();
	check_faults();
	check_late();
	check_late_rest();
	check_fua();
	check_attempts();
	check_doze();

	driver = (struct bm_block_driver){.queues = 1};
	run("a plain device", 2000);
	driver = (struct bm_block_driver){.queues = 2, .flags = BM_BLOCK_WRITE_CACHE};
	run("a write cache, two queues", 2000);
	CHECK(mode.flushes > 0);
	driver = (struct bm_block_driver){.queues = 1,
					  .flags = BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_FUA};
	run("FUA", 1000);
	driver = (struct bm_block_driver){.queues = 1, .sector_size = 4096};
	run("4,096 bytes", 1000);
	driver = (struct bm_block_driver){.queues = 1, .max_bytes = 2048, .max_runs = 2};
	run("small commands", 1000);
	driver = (struct bm_block_driver){.queues = 1, .run_border = 65536, .run_bytes = 65536};
	run("borders", 1000);
	driver = (struct bm_block_driver){.queues = 1, .run_bytes = 4096, .max_bytes = 65536};
	run("short runs", 1000);
	driver = (struct bm_block_driver){.queues = 2, .gap_mask = 4095};
	run("no gaps", 1000);
	driver = (struct bm_block_driver){.queues = 1, .sector_size = 4096, .gap_mask = 4095,
					  .max_runs = 2};
	run("no gaps, 4,096 bytes", 1000);
	driver = (struct bm_block_driver){.queues = 1, .phys_limit = (uint64_t)slots[20].memory};
	run("memory out of reach", 1000);

	mode.interrupts = 300;
	driver = (struct bm_block_driver){.queues = 2, .flags = BM_BLOCK_WRITE_CACHE};
	run("interrupts", 1000);
	driver.ops = &ops_by_time;
	run("without interrupts", 1000);
	driver.ops = NULL;
	mode.nonsense = 200;
	mode.twice = 300;
	run("nonsense and twice", 2000);
	CHECK(mode.resets == 0);
	mode.late = 300;
	run("late", 1000);
	mode.never = 10;
	run("never", 500);
	CHECK(mode.resets > 0);
	mode.fail = 50;
	mode.refuse = 20;
	mode.again = 20;
	run("all at once", 1000);
	driver.max_bytes = 4096;
	driver.max_runs = 2;
	run("all at once, in small commands", 1000);
	/* It does not come back. */
	struct bm_device pci = {.bus = BM_BUS_PCI, .name = "pci 00:01.0"};
	driver.device = &pci;
	mode.reset_fails = true;
	mode.never = 200;
	run("given up", 500);
	CHECK(mode.masters_off == 1 && handle->failed);
	CHECK(machine_dozed > 0);
	return unit_status();
}
