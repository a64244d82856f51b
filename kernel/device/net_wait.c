/* SPDX-License-Identifier: MIT */
/*
 * Waiting for frames: who arms gives a task; an interrupt queues it, or the watch, which looks at
 * armed queue pairs from time to time, and keeps the time of net_wait().
 *
 * `armed` goes IDLE → ARMED (arm) → FIRED (interrupt or watch, by exchange, so once) → IDLE (the
 * task begins). The lock of the rest is not for interrupts.
 */
#include "cpu/core.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/net_device.h"

#define WATCH_NS   BM_SECOND /* where interrupts come, for those that are lost, and the link */
#define NO_LINE_NS 1000000         /* where none can */

static void run_armed(void *queue)
{
	struct net_queue *n = queue;

	net_lock(&n->busy);
	void (*function)(void *) = n->function;
	void *argument = n->argument;
	n->deadline_ns = BM_FOREVER;
	__atomic_store_n(&n->armed, NET_IDLE, __ATOMIC_SEQ_CST);
	net_unlock(&n->busy);
	function(argument);
}

/* From one state to another; false if it is in neither. */
static bool change(struct net_queue *n, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&n->armed, &from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

bool net_fire(struct net_queue *n)
{
	if (!change(n, NET_ARMED, NET_FIRED))
		return false;
	if (task_submit_shared(run_armed, n))
		__atomic_store_n(&n->armed, NET_ARMED,
				 __ATOMIC_SEQ_CST); /* the watch will see it */
	return true;
}

void net_notify(struct bm_net_device *device, uint32_t queue)
{
	for (uint32_t i = 0; i < device->driver.queues; i++) {
		struct net_queue *n = device->queues[i];
		if ((queue == BM_NET_ALL_QUEUES || queue == i) && net_fire(n))
			n->q.interrupts++;
	}
}

/* ---- The watch ---- */

static bool is_ready(const struct net_queue *n, uint32_t what)
{
	const struct bm_net_device *d = n->q.device;
	return net_state(d) != NET_LIVE || d->driver.ops->ready(&n->q, what);
}

static uint64_t watch_period(const struct bm_net_device *d)
{
	return d->driver.ops->arm ? WATCH_NS : NO_LINE_NS;
}

static int set_watch(const struct net_queue *n, uint64_t now);

/* Its next look, of those that are armed still. */
static void watch_queue(struct net_queue *n, uint64_t now, const struct net_queue **next)
{
	if (__atomic_load_n(&n->armed, __ATOMIC_SEQ_CST) != NET_ARMED)
		return;
	if (is_ready(n, n->what) || now >= n->deadline_ns ||
	    n->link_changes != n->q.device->link.changes)
		net_fire(n);
	else
		*next = n;
}

static void watch(void *unused)
{
	uint64_t now = time_monotonic();

	(void)unused;
	for (uint32_t i = 0; i < net_device_count; i++) {
		struct bm_net_device *d = net_devices[i];
		const struct net_queue *next = NULL;
		bool armed = false;
		for (uint32_t n = 0; n < d->driver.queues; n++)
			armed = armed || d->queues[n]->armed == NET_ARMED;
		if (!armed)
			continue;
		net_lock(&d->busy);
		net_look_at_link(d);
		net_unlock(&d->busy);
		for (uint32_t n = 0; n < d->driver.queues; n++) {
			watch_queue(d->queues[n], now, &next);
			if (next)
				set_watch(next, now);
			next = NULL;
		}
	}
}

/* One a core: the earliest one asked for stays. */
static int set_watch(const struct net_queue *n, uint64_t now)
{
	uint64_t at = now + watch_period(n->q.device);
	return timer_set_alarm(n->alarm, at < n->deadline_ns ? at : n->deadline_ns, watch);
}

/* ---- Arming ---- */

static int arm(struct net_queue *n, uint32_t what, void (*function)(void *), void *argument,
	       uint64_t deadline_ns, uint32_t alarm)
{
	struct bm_net_device *d = n->q.device;
	int more;

	net_lock(&n->busy);
	n->function = function;
	n->argument = argument;
	n->what = what;
	n->alarm = alarm;
	n->deadline_ns = deadline_ns;
	n->link_changes = d->link.changes;
	change(n, NET_IDLE, NET_ARMED);
	net_unlock(&n->busy);
	more = is_ready(n, what);
	if (!more && d->driver.ops->arm)
		more = d->driver.ops->arm(&n->q, what);
	/* Unless its task is on the way already. */
	if (more)
		return change(n, NET_ARMED, NET_IDLE);
	/* After that, for a watch that finds nothing armed ends. One that is on its way will see this
	 * as well; the first one may look for a timer for a while. */
	if (deadline_ns == BM_FOREVER && d->driver.ops->arm && timer_has_alarm(alarm))
		return 0;
	if (set_watch(n, time_monotonic()) && (!d->driver.ops->arm || deadline_ns != BM_FOREVER) &&
	    change(n, NET_ARMED, NET_IDLE))
		return -BM_ENODEV;
	return 0;
}

int net_arm(struct bm_net_queue *queue, uint32_t what, void (*function)(void *), void *argument)
{
	uint32_t alarm = what & BM_NET_QUIET ? ALARM_NET_QUIET : ALARM_NET;
	what &= ~(uint32_t)BM_NET_QUIET;
	if (!queue || !function || !what || what & ~(BM_NET_RECEIVE | BM_NET_SEND))
		return -BM_EINVAL;
	if (net_state(queue->device) == NET_FAILED)
		return -BM_ENODEV;
	return arm((struct net_queue *)queue, what, function, argument, BM_FOREVER, alarm);
}

/* ---- Waiting ---- */

static void wake_waiter(void *group)
{
	task_group_done(group);
}

int net_wait(struct bm_net_queue *queue, uint32_t what, uint64_t deadline_ns)
{
	struct net_queue *n = (struct net_queue *)queue;
	struct bm_task_group group = {1};

	if (!queue || !what || what & ~(BM_NET_RECEIVE | BM_NET_SEND))
		return -BM_EINVAL;
	if (net_state(queue->device) == NET_FAILED)
		return -BM_ENODEV;
	if (is_ready(n, what))
		return 0;
	if (deadline_ns != BM_FOREVER && time_monotonic() >= deadline_ns)
		return -BM_ETIMEDOUT;
	int result = arm(n, what, wake_waiter, &group, deadline_ns, ALARM_NET);
	if (result == 0) {
		task_wait(&group);
	} else if (result < 0) {
		/* Neither timer nor interrupts. */
		while (!is_ready(n, what) && time_monotonic() < deadline_ns)
			if (!task_run_one())
				cpu_relax();
	}
	if (net_state(queue->device) == NET_FAILED)
		return -BM_ENODEV;
	return !is_ready(n, what) && time_monotonic() >= deadline_ns ? -BM_ETIMEDOUT : 0;
}
