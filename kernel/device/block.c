/* SPDX-License-Identifier: MIT */
/*
 * Requests, from submission to answer. Contract: block.h.
 *
 * A request becomes one command or several (its parts), each under a tag of the queue. A request
 * whose parts do not all have tags waits in the queue's list, and goes on when tags get free. What
 * is answered is gathered while the lock is held, and told when it is open, for `done` may submit.
 */
#include "device/block_queue.h"
#include "cpu/core.h"
#include "cpu/time.h"

/* The compiler shall compute this once, and not anew from what it came from. */
#define ONCE(pointer) __asm__("" : "+r"(pointer))

/* In bm_block_request.waiter: nobody needs to wait any more. */
#define ANSWERED ((void *)1)

/* ---- Answering ---- */

static inline __attribute__((always_inline)) void count_answer(struct block_queue *q,
							       const struct bm_block_request *r)
{
	if (__builtin_expect(r->operation > BM_BLOCK_DISCARD, 0)) {
		q->errors++;
		return;
	}
	q->requests[r->operation]++;
	if (__builtin_expect(r->result, 0))
		q->errors++;
	else
		q->sectors[r->operation] += r->next_sector - r->sector;
}

/* Nothing of it is with the device, and nothing is left to begin. */
static inline __attribute__((always_inline)) void complete(struct block_queue *q,
							   struct bm_block_request *r)
{
	count_answer(q, r);
	r->next = NULL;
	*q->answered_end = r;
	q->answered_end = &r->next;
}

struct bm_block_request *block_take_answered(struct block_queue *q)
{
	struct bm_block_request *first = q->answered;
	q->answered = NULL;
	q->answered_end = &q->answered;
	return first;
}

/* Tell the caller of one request. */
static inline void tell(struct bm_block_request *r)
{
	void (*done)(struct bm_block_request *) = r->done;
	struct bm_task_group *group = __atomic_exchange_n(&r->waiter, ANSWERED, __ATOMIC_SEQ_CST);

	/* Who polls the status may use the request again from here on. */
	__atomic_store_n(&r->status, r->result, __ATOMIC_RELEASE);
	if (done)
		done(r);
	else if (group)
		task_group_done(group);
}

uint32_t block_tell(struct bm_block_request *r)
{
	uint32_t count = 0;
	struct bm_block_request *next;
	for (; r; r = next) {
		next = r->next;
		tell(r);
		count++;
	}
	return count;
}

/* ---- Commands ---- */

static inline __attribute__((always_inline)) void free_tag(struct block_queue *q, uint16_t tag)
{
	q->tags[tag].request = NULL;
	q->tags[tag].next_free = q->free;
	q->free = tag;
	q->under_way--;
}

static void wait_in_list(struct block_queue *q, struct bm_block_request *r)
{
	r->stage |= STAGE_WAITING;
	r->next = NULL;
	*q->waiting_end = r;
	q->waiting_end = &r->next;
	if (r->deadline_ticks < q->earliest)
		q->earliest = r->deadline_ticks;
}

static bool is_left(const struct bm_block_request *r)
{
	return !r->result && r->next_sector < r->end_sector;
}

/* All its parts have come back, and it is in no list: what follows? */
static void go_on(struct block_queue *q, struct bm_block_request *r);

/* It is no plain case any more, for the parts of it that are under way. */
static void fail(struct bm_block_request *r, int error)
{
	r->result = error;
	r->stage |= STAGE_FAILED;
}

void block_answer_tag(struct block_queue *q, uint16_t tag, int status)
{
	struct bm_block_request *r = q->tags[tag].request;
	free_tag(q, tag);
	if (status && !r->result)
		fail(r, status);
	if (!--r->parts && !(r->stage & STAGE_WAITING))
		go_on(q, r);
}

/* Not the plain case. */
static __attribute__((noinline)) int finish_slowly(struct block_queue *q, uint32_t tag, int status)
{
	if (tag >= q->device->driver.depth || !q->tags[tag].request) {
		q->strays++;
		return -BM_EINVAL;
	}
	if (status == -BM_EAGAIN) {
		q->tags[tag].again = true;
		q->wants_reset = true;
		q->earliest = INT64_MIN;
	} else {
		block_answer_tag(q, tag, status < 0 ? status : 0);
	}
	return 0;
}

int block_finish(struct bm_block_device *device, uint32_t queue, uint32_t tag, int status)
{
	if (queue >= device->driver.queues)
		return -BM_EINVAL;
	struct block_queue *q = device->queues[queue];
	struct block_tag *t = &q->tags[tag];
	struct bm_block_request *r;
	ONCE(t);
	_Static_assert(offsetof(struct bm_block_request, stage) ==
			   offsetof(struct bm_block_request, parts) + 4,
		       "looked at together");
	if (__builtin_expect(status || tag >= device->driver.depth || !(r = t->request) ||
				 *(const uint64_t *)&r->parts != 1,
			     0))
		return finish_slowly(q, tag, status);
	/* Most: the only part, and nothing comes after it (stage). */
	t->request = NULL;
	t->next_free = q->free;
	q->free = tag;
	q->under_way--;
	uint32_t operation = r->operation;
	q->requests[operation]++;
	q->sectors[operation] += r->next_sector - r->sector;
	r->next = NULL;
	*q->answered_end = r;
	q->answered_end = &r->next;
	return 0;
}

void block_start(struct block_queue *q, uint16_t tag)
{
	struct bm_block_device *d = q->device;
	struct block_tag *t = &q->tags[tag];
	struct bm_block_command *c = &t->command;

	c->bytes = c->run_count = 0;
	if (c->segments) {
		uint64_t sectors = c->sectors;
		int runs =
		    block_make_runs(q, c->operation, c->segments, c->segment_offset, &sectors);
		/* On a second attempt the memory may have been mapped otherwise. */
		if (runs >= 0 && sectors < c->sectors && t->attempts > 1)
			runs = -BM_EFAULT;
		if (runs < 0) {
			block_answer_tag(q, tag, runs);
			return;
		}
		c->sectors = sectors;
		c->bytes = sectors << d->shift;
		c->run_count = runs;
	}
	int error = d->driver.ops->start(d->driver.state, q->index, c);
	if (__builtin_expect(error != 0, 0))
		block_answer_tag(q, tag, error);
}

/* A tag for the next part. */
static uint16_t take_tag(struct block_queue *q, struct bm_block_request *r)
{
	uint16_t tag = q->free;
	struct block_tag *t = &q->tags[tag];
	q->free = t->next_free;
	q->under_way++;
	r->parts++;
	t->request = r;
	t->attempts = 1;
	t->again = false;
	t->deadline = tsc_read() + q->device->timeout_ticks;
	if (r->deadline_ticks < t->deadline)
		t->deadline = r->deadline_ticks;
	if (t->deadline < q->earliest)
		q->earliest = t->deadline;
	return tag;
}

/* Begin as many parts as there are tags for. False: some are left. */
static bool begin(struct block_queue *q, struct bm_block_request *r)
{
	struct bm_block_device *d = q->device;
	/* Too late already: to begin it would only mean a reset. */
	if (!r->result && r->deadline_ticks != NO_DEADLINE &&
	    (int64_t)tsc_read() >= r->deadline_ticks)
		fail(r, -BM_ETIMEDOUT);
	/* So that the answer to the first part does not end the request. */
	r->parts++;
	while (is_left(r) && q->free != NO_TAG) {
		uint16_t tag = take_tag(q, r);
		struct bm_block_command *c = &q->tags[tag].command;
		uint64_t sectors = r->end_sector - r->next_sector;

		c->operation = r->operation;
		c->flags = r->flags & (d->driver.flags & BM_BLOCK_HAS_FUA ? BM_BLOCK_FUA : 0);
		c->sector = r->next_sector;
		c->segment_offset = r->offset;
		c->segments = NULL;
		if (r->stage & STAGE_FLUSH || r->operation == BM_BLOCK_FLUSH) {
			c->operation = BM_BLOCK_FLUSH;
			c->flags = 0;
			c->sectors = 0;
			c->sector = 0;
			block_start(q, tag);
			r->next_sector++;
			continue;
		}
		if (r->operation == BM_BLOCK_DISCARD) {
			uint32_t most = d->driver.max_discard ? d->driver.max_discard : UINT32_MAX;
			sectors = c->sectors = sectors < most ? sectors : most;
			block_start(q, tag);
			r->next_sector += sectors;
			continue;
		}
		c->segments = &r->segments[r->segment];
		c->sectors = sectors < UINT32_MAX ? sectors : UINT32_MAX;
		block_start(q, tag);
		sectors = c->sectors;
		/* A part that was refused has its tag no more; but then the request has a result.
		 */
		if (r->result)
			break;
		r->next_sector += sectors;
		r->offset += sectors << d->shift;
		while (r->next_sector < r->end_sector && r->offset >= r->segments[r->segment].bytes)
			r->offset -= r->segments[r->segment++].bytes;
	}
	r->parts--;
	return !is_left(r);
}

static void go_on(struct block_queue *q, struct bm_block_request *r)
{
	if (r->stage & STAGE_FUA && !r->result) {
		/* One more part, that moves no sector. Later: the driver is in its poll() now. */
		r->stage = STAGE_FLUSH;
		r->end_sector++;
		wait_in_list(q, r);
		return;
	}
	if (r->stage & STAGE_FLUSH || r->operation == BM_BLOCK_FLUSH)
		r->next_sector = r->end_sector - 1; /* for the count of bytes */
	complete(q, r);
}

void block_pump(struct block_queue *q)
{
	while (q->waiting) {
		struct bm_block_request *r = q->waiting;
		if (!begin(q, r))
			return;
		q->waiting = r->next;
		if (!q->waiting)
			q->waiting_end = &q->waiting;
		r->stage &= ~STAGE_WAITING;
		if (!r->parts)
			go_on(q, r);
	}
}

void block_expire_waiting(struct block_queue *q, int64_t now, int error)
{
	for (struct bm_block_request *r = q->waiting; r; r = r->next) {
		if (!r->result && (error || now >= r->deadline_ticks))
			fail(r, error ? error : -BM_ETIMEDOUT);
	}
	/* Those with a result are in the list still; take them out, in order. */
	struct bm_block_request *list = q->waiting, *next;
	q->waiting = NULL;
	q->waiting_end = &q->waiting;
	for (; list; list = next) {
		next = list->next;
		list->stage &= ~STAGE_WAITING;
		if (!list->result)
			wait_in_list(q, list);
		else if (!list->parts)
			go_on(q, list);
	}
}

void block_kick(struct block_queue *q)
{
	const struct bm_block_driver *driver = &q->device->driver;
	driver->ops->kick(driver->state, q->index);
}

/* ---- Submitting ---- */

static int64_t deadline_ticks(const struct bm_block_request *r)
{
	if (!r->deadline_ns || r->deadline_ns == BM_FOREVER)
		return NO_DEADLINE;
	uint64_t now = time_monotonic(), ticks = 0;
	if (r->deadline_ns > now)
		ticks = time_to_ticks(r->deadline_ns - now);
	int64_t tsc = tsc_read();
	return ticks < (uint64_t)(NO_DEADLINE - tsc) ? tsc + (int64_t)ticks : NO_DEADLINE;
}

/* Prepare the kernel's part. An error is the request's answer. */
static int check(const struct bm_block_device *d, struct bm_block_request *r)
{
	uint64_t bytes = 0, mask = d->driver.sector_size - 1;

	r->next_sector = r->sector;
	r->end_sector = r->sector;
	if (__builtin_expect(d->failed, 0))
		return -BM_ENODEV;
	if (r->operation == BM_BLOCK_FLUSH) {
		r->end_sector++;
		if (r->segment_count || r->flags || r->sector || r->sectors)
			return -BM_EINVAL;
		if (!(d->driver.flags & BM_BLOCK_WRITE_CACHE))
			r->next_sector++; /* nothing to do */
		return 0;
	}
	if (r->operation > BM_BLOCK_DISCARD || r->flags & ~BM_BLOCK_FUA || r->reserved ||
	    (r->flags && r->operation != BM_BLOCK_WRITE))
		return -BM_EINVAL;
	if (r->operation != BM_BLOCK_READ && d->driver.flags & BM_BLOCK_READ_ONLY)
		return -BM_EROFS;
	if (r->operation == BM_BLOCK_DISCARD) {
		if (!(d->driver.flags & BM_BLOCK_HAS_DISCARD))
			return -BM_ENOSYS;
		if (r->segment_count)
			return -BM_EINVAL;
		bytes = r->sectors;
	} else {
		if (!r->segment_count || !r->segments || r->sectors)
			return -BM_EINVAL;
		for (uint32_t i = 0; i < r->segment_count; i++) {
			const struct bm_block_segment *s = &r->segments[i];
			if (s->bytes & mask || (uint64_t)s->address % BM_BLOCK_ALIGN || !s->bytes ||
			    s->bytes > INT64_MAX - bytes)
				return -BM_EINVAL;
			bytes += s->bytes;
		}
		bytes >>= d->shift;
	}
	if (!bytes || r->sector > d->driver.sectors || bytes > d->driver.sectors - r->sector)
		return -BM_EINVAL;
	r->end_sector = r->sector + bytes;
	return 0;
}

/*
 * What most requests are: a read or a write of one segment without a deadline, that is one command
 * with one run. The same as the long way below, in a third of the instructions. False: take that
 * one.
 */
static inline __attribute__((always_inline)) bool
take_simple(struct block_queue *q, struct bm_block_request *r, uint16_t tag)
{
	const struct bm_block_device *d = q->device;
	struct block_tag *t = &q->tags[tag];
	ONCE(t);
	struct bm_block_command *c = &t->command;
	const struct bm_block_segment *segment = r->segments;
	uint64_t bytes, sectors, phys;

	/* operation 0 or 1, no flags, one segment, nothing reserved. */
	_Static_assert(BM_BLOCK_READ == 0 && BM_BLOCK_WRITE == 1, "one bit tells");
	_Static_assert(offsetof(struct bm_block_request, segment_count) == 2, "bits 16 to 31");
	uint64_t kind = *(const uint64_t *)r, write = kind & 1;
	if (kind - write != 1ul << 16 || r->deadline_ns + 1 > 1 || r->sectors || !segment)
		return false;
	bytes = segment->bytes;
	if (bytes - 1 >= d->simple_bytes[write] || bytes & d->sector_mask ||
	    (uint64_t)segment->address % BM_BLOCK_ALIGN)
		return false;
	sectors = bytes >> d->shift;
	/* simple_bytes is no more than the whole device. */
	if (r->sector > d->driver.sectors - sectors)
		return false;
	phys = page_span_large(&q->spans, (uint64_t)segment->address, bytes, !write);
	if (__builtin_expect(phys == SPAN_NONE, 0))
		return false;

	r->status = BM_BLOCK_PENDING;
	r->queue = q->index;
	r->result = 0;
	r->parts = 1;
	r->stage = 0;
	r->next_sector = r->end_sector = r->sector + sectors;
	r->deadline_ticks = NO_DEADLINE;
	r->waiter = NULL;

	struct bm_block_run *run = q->runs;
	run->phys = phys;
	run->bytes = bytes;
	_Static_assert(offsetof(struct bm_block_command, flags) == 1, "one store for both");
	*(uint16_t *)&c->operation = write;
	c->sectors = sectors;
	c->sector = r->sector;
	c->bytes = bytes;
	c->run_count = 1;
	c->segments = segment;
	c->segment_offset = 0;
	t->request = r;
	t->attempts = 1;
	t->again = false;
	t->deadline = tsc_read() + d->timeout_ticks;
	if (__builtin_expect(t->deadline < q->earliest, 0))
		q->earliest = t->deadline;
	q->free = t->next_free;
	q->under_way++;
	int error = d->driver.ops->start(d->driver.state, q->index, c);
	if (__builtin_expect(error != 0, 0))
		block_answer_tag(q, tag, error);
	return true;
}

static __attribute__((noinline)) bool take_plainly(struct block_queue *q,
						   struct bm_block_request *r)
{
	return take_simple(q, r, q->free);
}

/* False: no tag is free, the request was not touched. */
static bool take(struct block_queue *q, struct bm_block_request *r)
{
	if (q->free == NO_TAG)
		return false;
	if (take_plainly(q, r))
		return true;
	r->status = BM_BLOCK_PENDING;
	r->queue = q->index;
	r->parts = 0;
	r->stage = 0;
	r->segment = 0;
	r->offset = 0;
	r->waiter = NULL;
	r->deadline_ticks = deadline_ticks(r);
	r->result = check(q->device, r);
	if (r->flags && !r->result &&
	    (q->device->driver.flags & (BM_BLOCK_WRITE_CACHE | BM_BLOCK_HAS_FUA)) ==
		BM_BLOCK_WRITE_CACHE)
		r->stage = STAGE_FUA;
	if (!begin(q, r))
		wait_in_list(q, r);
	else if (!r->parts)
		go_on(q, r);
	return true;
}

/* Those that were answered at once. */
static __attribute__((noinline)) int unlock_and_tell(struct block_queue *q, uint32_t taken)
{
	struct bm_block_request *answered = block_take_answered(q);
	block_unlock(q);
	block_tell(answered);
	return taken;
}

/* Not one simple request; the lock is held. */
static __attribute__((noinline)) int
submit_many(struct block_queue *q, struct bm_block_request *const *requests, uint32_t count)
{
	uint32_t taken = 0;

	/* What waits comes first. */
	if (q->waiting)
		block_pump(q);
	if (!q->waiting)
		while (taken < count && take(q, requests[taken]))
			taken++;
	block_kick(q);
	if (q->answered)
		return unlock_and_tell(q, taken);
	block_unlock(q);
	return taken;
}

/* The first call of all finds devices. */
static __attribute__((noinline)) int
submit_first(uint32_t device, struct bm_block_request *const *requests, uint32_t count)
{
	return block_device(device) ? block_submit(device, requests, count) : -BM_EINVAL;
}

int block_submit(uint32_t device, struct bm_block_request *const *requests, uint32_t count)
{
	if (__builtin_expect(device >= __atomic_load_n(&block_device_count, __ATOMIC_ACQUIRE), 0))
		return submit_first(device, requests, count);
	const struct bm_block_device *d = block_devices[device];
	struct block_queue *q = d->queues[0];
	if (__builtin_expect(d->driver.queues > 1, 0))
		q = d->queues[core_self()->index % d->driver.queues];
	block_lock(q);
	if (__builtin_expect(count != 1 || q->waiting || q->free == NO_TAG ||
				 !take_simple(q, requests[0], q->free),
			     0))
		return submit_many(q, requests, count);
	d->driver.ops->kick(d->driver.state, q->index);
	if (__builtin_expect(q->answered != NULL, 0))
		return unlock_and_tell(q, 1);
	block_unlock(q);
	return 1;
}

/* ---- Polling ---- */

static inline uint32_t poll_queue(struct block_queue *q)
{
	struct bm_block_device *d = q->device;

	if (block_is_idle(q))
		return 0;
	block_lock(q);
	d->driver.ops->poll(d->driver.state, q->index);
	if (__builtin_expect(q->waiting != NULL, 0)) {
		block_pump(q);
		block_kick(q);
	}
	if (__builtin_expect(q->armed, 0) && block_is_idle(q))
		q->armed = false;
	struct bm_block_request *answered = block_take_answered(q);
	bool late = (int64_t)tsc_read() >= q->earliest;
	block_unlock(q);
	if (__builtin_expect(late, 0))
		return block_tell(answered) + block_check_time(d);
	if (__builtin_expect(!answered, 0))
		return 0;
	if (__builtin_expect(answered->next != NULL, 0))
		return block_tell(answered);
	tell(answered);
	return 1;
}

uint32_t block_poll_queue(struct block_queue *q)
{
	return poll_queue(q);
}

/* All queues, or the first call of all. */
static __attribute__((noinline)) int poll_slowly(uint32_t device, uint32_t queue)
{
	struct bm_block_device *d = block_device(device);
	uint32_t count = 0;

	if (!d || (queue >= d->driver.queues && queue != BM_BLOCK_ALL_QUEUES))
		return -BM_EINVAL;
	for (uint32_t i = 0; i < d->driver.queues; i++)
		if (queue == i || queue == BM_BLOCK_ALL_QUEUES)
			count += block_poll_queue(d->queues[i]);
	return count;
}

int block_poll(uint32_t device, uint32_t queue)
{
	if (__builtin_expect(device < __atomic_load_n(&block_device_count, __ATOMIC_ACQUIRE), 1)) {
		const struct bm_block_device *d = block_devices[device];
		if (__builtin_expect(queue < d->driver.queues, 1))
			return poll_queue(d->queues[queue]);
	}
	return poll_slowly(device, queue);
}
