/* SPDX-License-Identifier: MIT */
/*
 * Time: a command that is not answered makes its device be reset. What was under way is begun anew,
 * and what has been begun too often, or whose caller does not want to wait longer, is answered.
 */
#include "console/log.h"
#include "device/block_queue.h"
#include "device/pci.h"

/* What a device does that is given up. */
static int start_gone(void *state, uint32_t queue, const struct bm_block_command *command)
{
	(void)state, (void)queue, (void)command;
	return -BM_ENODEV;
}
static void nothing(void *state, uint32_t queue)
{
	(void)state, (void)queue;
}
static int reset_gone(void *state)
{
	(void)state;
	return -BM_ENODEV;
}
static const struct bm_block_ops gone = {start_gone, nothing, nothing, NULL, reset_gone};

static void lock_all(struct bm_block_device *d)
{
	for (uint32_t i = 0; i < d->driver.queues; i++)
		block_lock(d->queues[i]);
}

static void unlock_all(struct bm_block_device *d)
{
	for (uint32_t i = d->driver.queues; i--;)
		block_unlock(d->queues[i]);
}

/* Is a reset due? Also sets when to look again. */
static bool is_due(struct block_queue *q, int64_t now, uint32_t depth)
{
	bool due = q->wants_reset;
	q->earliest = NO_DEADLINE;
	for (uint32_t i = 0; i < depth; i++) {
		if (!q->tags[i].request)
			continue;
		due = due || now >= q->tags[i].deadline;
		if (q->tags[i].deadline < q->earliest)
			q->earliest = q->tags[i].deadline;
	}
	for (const struct bm_block_request *r = q->waiting; r; r = r->next)
		if (r->deadline_ticks < q->earliest)
			q->earliest = r->deadline_ticks;
	return due;
}

static void begin_anew(struct block_queue *q, int64_t now)
{
	const struct bm_block_device *d = q->device;
	for (uint32_t i = 0; i < d->driver.depth; i++) {
		struct block_tag *t = &q->tags[i];
		if (!t->request)
			continue;
		bool late = now >= t->deadline || t->again;
		if (d->failed) {
			block_answer_tag(q, i, -BM_ENODEV);
		} else if (now >= t->request->deadline_ticks ||
			   (late && t->attempts >= BM_BLOCK_ATTEMPTS)) {
			block_answer_tag(q, i, t->again ? -BM_EIO : -BM_ETIMEDOUT);
		} else if (t->request->result) {
			block_answer_tag(q, i, 0); /* another part of it has failed */
		} else {
			t->attempts += late;
			t->again = false;
			t->deadline = now + d->timeout_ticks;
			if (t->request->deadline_ticks < t->deadline)
				t->deadline = t->request->deadline_ticks;
			q->retries++;
			block_start(q, i);
		}
	}
}

uint32_t block_check_time(struct bm_block_device *d)
{
	uint32_t count = 0;
	bool due = false;
	int64_t now;

	/* Another core is at it: it will see this queue, too. */
	if (__atomic_test_and_set(&d->resetting, __ATOMIC_ACQUIRE))
		return 0;
	lock_all(d);
	now = tsc_read();
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		struct block_queue *q = d->queues[i];
		block_expire_waiting(q, now, d->failed ? -BM_ENODEV : 0);
		if (!d->failed) /* what has come in the last moment counts */
			d->driver.ops->poll(d->driver.state, i);
		due = is_due(q, now, d->driver.depth) || due;
	}
	if (due && !d->failed) {
		d->resets++;
		log_warning("%s: no answer in time, or a wrong state: reset", d->name);
		int error = d->driver.ops->reset(d->driver.state);
		if (error) {
			d->failed = true;
			d->simple_bytes[0] = d->simple_bytes[1] = 0;
			d->driver.ops = &gone;
			if (d->driver.device && d->driver.device->bus == BM_BUS_PCI)
				pci_master(d->driver.device, false);
			log_error("%s: does not come back from a reset (%s): given up", d->name,
				  device_error(error));
		}
		now = tsc_read();
	}
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		struct block_queue *q = d->queues[i];
		if (due) {
			q->wants_reset = false;
			begin_anew(q, now);
			if (d->failed)
				block_expire_waiting(q, now, -BM_ENODEV);
		}
		block_pump(q);
		block_kick(q);
		is_due(q, now, d->driver.depth);
	}
	unlock_all(d);
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		struct block_queue *q = d->queues[i];
		block_lock(q);
		struct bm_block_request *answered = block_take_answered(q);
		block_unlock(q);
		if (answered)
			count += block_tell(answered);
	}
	__atomic_clear(&d->resetting, __ATOMIC_RELEASE);
	return count;
}
