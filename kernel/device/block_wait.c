/* SPDX-License-Identifier: MIT */
/*
 * Waiting for answers: interrupts that queue a task which polls, and a watch by time, which notices
 * answers that no interrupt told, and time that has passed.
 */
#include "cpu/core.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/block_queue.h"
#include <baremetal/task.h>

#define WATCH_NS   10000000 /* armed queues are looked at so often anyway */
#define NO_LINE_NS 500000   /* and those that cannot interrupt */
#define ROUNDS     16       /* polls in one task */

/* ---- The task that polls ---- */

static void poll_task(void *queue);

static void notify(struct block_queue *q)
{
	if (!__atomic_exchange_n(&q->notified, true, __ATOMIC_SEQ_CST) &&
	    task_submit_shared(poll_task, q))
		__atomic_store_n(&q->notified, false, __ATOMIC_SEQ_CST); /* the watch will see it */
}

/* Under the lock. 1: there is something already. */
static int arm(struct block_queue *q)
{
	const struct bm_block_driver *driver = &q->device->driver;
	q->armed = true;
	if (q->device->failed)
		return 1;
	return driver->ops->arm ? driver->ops->arm(driver->state, q->index) : 0;
}

static void poll_task(void *queue)
{
	struct block_queue *q = queue;
	int more = 1;

	__atomic_store_n(&q->notified, false, __ATOMIC_SEQ_CST);
	for (int i = 0; i < ROUNDS && more; i++) {
		block_poll_queue(q);
		block_lock(q);
		if (block_is_idle(q)) {
			q->armed = false;
			more = 0;
		} else {
			more = arm(q);
		}
		block_unlock(q);
	}
	if (more)
		notify(q);
}

/* Cores that sleep for the queue see to it themselves. False: there are none. */
static bool rouse(struct block_queue *q)
{
	if (!__atomic_load_n(&q->dozers, __ATOMIC_SEQ_CST))
		return false;
	for (uint32_t word = 0; word < (worker_count() + 63) / 64; word++) {
		uint64_t mask = __atomic_load_n(&q->dozing[word], __ATOMIC_SEQ_CST);
		for (; mask; mask &= mask - 1)
			worker_rouse(word * 64 + __builtin_ctzl(mask));
	}
	return true;
}

/*
 * Why no interrupt is lost, whoever polls: a queue that is armed, and not idle, has a device that
 * will interrupt, for no poll undoes that, or a core that is about to arm it. The interrupt takes
 * the former away, and finds `armed` set: it rouses those that doze, each of which polls and arms
 * before it sleeps again, or sees at its end that the queue is still armed; or it queues the task.
 */
void block_notify(struct bm_block_device *device, uint32_t queue)
{
	/* After what the driver stored to have no more interrupts: who arms meanwhile is seen. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < device->driver.queues; i++) {
		struct block_queue *q = device->queues[i];
		if (queue != BM_BLOCK_ALL_QUEUES && queue != i)
			continue;
		/* Whoever polls by himself needs no task. */
		if (!__atomic_load_n(&q->armed, __ATOMIC_SEQ_CST))
			continue;
		q->interrupts++;
		if (!rouse(q))
			notify(q);
	}
}

/* ---- The watch ---- */

static uint64_t watch_period(const struct bm_block_device *d)
{
	return d->driver.ops->arm ? WATCH_NS : NO_LINE_NS;
}

static int set_watch(uint64_t period);

static void watch(void *unused)
{
	uint64_t period = 0;

	(void)unused;
	for (uint32_t i = 0; i < block_device_count; i++) {
		struct bm_block_device *d = block_devices[i];
		for (uint32_t n = 0; n < d->driver.queues; n++) {
			struct block_queue *q = d->queues[n];
			if (!__atomic_load_n(&q->armed, __ATOMIC_SEQ_CST))
				continue;
			poll_task(q);
			if (__atomic_load_n(&q->armed, __ATOMIC_SEQ_CST) &&
			    (!period || watch_period(d) < period))
				period = watch_period(d);
		}
	}
	if (period)
		set_watch(period);
}

/* One a core: if it is set already, it comes soon enough, unless that is the slow one. */
static int set_watch(uint64_t period)
{
	const struct core *core = core_self();
	if (period == WATCH_NS && core->alarms[ALARM_DEVICES].function)
		return 0;
	return timer_set_alarm(ALARM_DEVICES, time_monotonic() + period, watch);
}

int block_arm(uint32_t device, uint32_t queue)
{
	struct bm_block_device *d = block_device(device);
	if (!d || queue >= d->driver.queues)
		return -BM_EINVAL;
	struct block_queue *q = d->queues[queue];
	int result = 1;

	if (block_is_idle(q))
		return 1;
	block_lock(q);
	if (!block_is_idle(q))
		result = arm(q);
	block_unlock(q);
	/* After that, for a watch that finds nothing armed ends. The first one may look for a timer
	 * for a while. */
	if (set_watch(watch_period(d)) && !d->driver.ops->arm) {
		__atomic_store_n(&q->armed, false, __ATOMIC_SEQ_CST);
		return -BM_ENODEV;
	}
	if (result == 1 && q->armed)
		notify(q);
	return result;
}

/* ---- Waiting ---- */

/*
 * To spin before sleeping pays where the device answers within that time. Where it seldom does (a
 * slow disk; a busy host that emulates the device on this very processor), a wait sleeps at once,
 * and only now and then one tries again.
 */
#define SPIN_MOST  16
#define SPIN_MISS  4 /* so it pays as long as four of five answers come in time */
#define SPIN_TRIAL 16

static bool spin_pays(struct block_queue *q)
{
	uint8_t trial = __atomic_add_fetch(&q->spin_trials, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&q->spin_misses, __ATOMIC_RELAXED) < SPIN_MOST ||
	       trial % SPIN_TRIAL == 0;
}

/* Waits of several cores may overwrite each other's: it is only a measure. */
static void note_spin(struct block_queue *q, bool answered)
{
	uint8_t misses = __atomic_load_n(&q->spin_misses, __ATOMIC_RELAXED);
	if (!answered)
		misses = misses + SPIN_MISS < SPIN_MOST ? misses + SPIN_MISS : SPIN_MOST;
	else if (misses)
		misses--;
	__atomic_store_n(&q->spin_misses, misses, __ATOMIC_RELAXED);
}

static bool is_done(const struct bm_task_group *group)
{
	return !(uint32_t)__atomic_load_n(&group->state, __ATOMIC_ACQUIRE);
}

/* Poll, and see to it that an interrupt tells of what comes next. False: there is something. */
static bool poll_and_arm(struct block_queue *q)
{
	bool quiet = false;

	block_poll_queue(q);
	block_lock(q);
	if (!block_is_idle(q))
		quiet = !arm(q);
	block_unlock(q);
	return quiet;
}

/*
 * Sleep until `group` is done, and run no task: so this core itself polls when the device
 * interrupts, and now and then anyway.
 */
static void doze(struct block_queue *q, struct bm_task_group *group)
{
	uint32_t core = core_self()->index;
	uint64_t bit = 1ul << core % 64;

	worker_wait_for(group);
	__atomic_fetch_or(&q->dozing[core / 64], bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&q->dozers, 1, __ATOMIC_SEQ_CST);
	while (!is_done(group)) {
		worker_about_to_doze();
		if (!poll_and_arm(q) || is_done(group) || timer_bound(watch_period(q->device)))
			worker_rouse(core);
		worker_doze();
	}
	__atomic_fetch_sub(&q->dozers, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&q->dozing[core / 64], ~bit, __ATOMIC_SEQ_CST);
	/* Others may count on interrupts that were told to this core alone. */
	if (__atomic_load_n(&q->armed, __ATOMIC_SEQ_CST) && !block_is_idle(q))
		notify(q);
}

/* Sleep until it is answered. False: no interrupt would end that. */
static bool sleep_for(uint32_t device, struct block_queue *q, struct bm_block_request *r,
		      bool alone)
{
	struct bm_task_group group = {1};
	void *none = NULL;

	if (!alone && block_arm(device, r->queue) == -BM_ENODEV)
		return false;
	if (!__atomic_compare_exchange_n(&r->waiter, &none, &group, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return true;
	if (alone)
		doze(q, &group);
	else
		task_wait(&group);
	return true;
}

static inline __attribute__((always_inline)) int wait(uint32_t device, struct bm_block_request *r,
						      bool alone)
{
	struct bm_block_device *d = block_device(device);

	if (!d || r->queue >= d->driver.queues || r->done)
		return -BM_EINVAL;
	struct block_queue *q = d->queues[r->queue];
	uint64_t start = tsc_read(), limit = spin_pays(q) ? d->poll_ticks : 0;
	bool spins = limit;
	while (__atomic_load_n(&r->status, __ATOMIC_ACQUIRE) == BM_BLOCK_PENDING) {
		block_poll_queue(q);
		if (__atomic_load_n(&r->status, __ATOMIC_ACQUIRE) != BM_BLOCK_PENDING)
			break;
		if (tsc_read() - start < limit) {
			/* To a hypervisor, a pause is a reason to take the processor away. */
			if ((alone || !task_run_one()) && !cpu_features.hypervisor)
				cpu_relax();
			continue;
		}
		if (spins)
			note_spin(q, false);
		spins = false;
		if (!sleep_for(device, q, r, alone)) {
			task_run_one();
			cpu_relax();
			continue;
		}
		/* Another core is about to store the status. */
		limit = UINT64_MAX;
	}
	if (spins)
		note_spin(q, true);
	return r->status;
}

int block_wait(uint32_t device, struct bm_block_request *r)
{
	return wait(device, r, false);
}

int block_wait_alone(uint32_t device, struct bm_block_request *r)
{
	return wait(device, r, true);
}
