/* SPDX-License-Identifier: MIT */
/*
 * Network devices: adding, starting, configuring and describing them. Contract: net.h.
 *
 * Resetting a device that makes no sense needs it for oneself, and queue pairs have no lock. So the
 * functions of all its queue pairs are exchanged for ones that only note that their user has come
 * by (park); those asleep are woken; the last user to come resets it.
 */
#include "console/log.h"
#include "cpu/time.h"
#include "device/net_device.h"
#include "device/pci.h"
#include "lib/format.h"
#include <string.h>

#define STORE_MOST  256 /* buffers in a queue pair's store */
#define FAULTS_MOST 8   /* so many within FAULTS_NS, and the device is given up */
#define FAULTS_NS   (10 * BM_SECOND)
#define MTU_LEAST   68
#define MTU_MOST    65521

struct bm_net_device *net_devices[NET_DEVICES_MAX];
uint32_t net_device_count;

static struct bm_net_device *device_of(uint32_t number)
{
	devices_start();
	return number < __atomic_load_n(&net_device_count, __ATOMIC_ACQUIRE) ? net_devices[number]
									     : NULL;
}

/* ---- What queue pairs do while their device does not work ---- */

static int receive_gone(struct bm_net_queue *q, struct bm_net_buffer **frames, uint32_t count)
{
	(void)q, (void)frames, (void)count;
	return -BM_ENODEV;
}
static int send_gone(struct bm_net_queue *q, struct bm_net_buffer *const *frames, uint32_t count)
{
	(void)q, (void)frames, (void)count;
	return -BM_ENODEV;
}
static int reclaim_gone(struct bm_net_queue *q)
{
	(void)q;
	return -BM_ENODEV;
}
static const struct bm_net_ops gone = {
    .receive = receive_gone, .send = send_gone, .reclaim = reclaim_gone};

static int park(struct bm_net_queue *q);
static int receive_parked(struct bm_net_queue *q, struct bm_net_buffer **frames, uint32_t count)
{
	(void)frames, (void)count;
	return park(q);
}
static int send_parked(struct bm_net_queue *q, struct bm_net_buffer *const *frames, uint32_t count)
{
	(void)frames, (void)count;
	return park(q);
}
static const struct bm_net_ops parked = {
    .receive = receive_parked, .send = send_parked, .reclaim = park};

static void set_functions(struct bm_net_device *d, uint32_t first, uint32_t end,
			  const struct bm_net_ops *ops)
{
	for (uint32_t i = first; i < end; i++) {
		struct bm_net_queue *q = &d->queues[i]->q;
		__atomic_store_n(&q->receive, ops->receive, __ATOMIC_RELEASE);
		__atomic_store_n(&q->send, ops->send, __ATOMIC_RELEASE);
		__atomic_store_n(&q->reclaim, ops->reclaim, __ATOMIC_RELEASE);
	}
}

/* ---- Starting and stopping, under the device's lock ---- */

static void fail(struct bm_net_device *d, const char *what, int error)
{
	set_functions(d, 0, d->driver.queues, &gone);
	__atomic_store_n(&d->state, NET_FAILED, __ATOMIC_RELEASE);
	if (d->driver.device && d->driver.device->bus == BM_BUS_PCI)
		pci_master(d->driver.device, false);
	log_error("%s: %s (%s): given up", d->name, what, device_error(error));
	net_notify(d, BM_NET_ALL_QUEUES);
}

static int start(struct bm_net_device *d)
{
	struct bm_net_queue *queues[NET_QUEUES_MAX];
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		queues[i] = &d->queues[i]->q;
		d->queues[i]->parked = false;
	}
	int error = d->driver.ops->start(d->driver.state, &d->setup, queues);
	if (!error) {
		set_functions(d, 0, d->setup.queues, d->driver.ops);
		set_functions(d, d->setup.queues, d->driver.queues, &gone);
		__atomic_store_n(&d->state, NET_LIVE, __ATOMIC_RELEASE);
		net_look_at_link(d);
	}
	return error;
}

static void reset(struct bm_net_device *d)
{
	uint64_t now = time_monotonic();

	if (now - d->faults_since > FAULTS_NS) {
		d->faults_since = now;
		d->faults = 0;
	}
	log_warning("%s: %s: reset", d->name, d->reason);
	d->resets++;
	d->driver.ops->stop(d->driver.state);
	int error = ++d->faults > FAULTS_MOST ? -BM_EIO : start(d);
	if (error)
		fail(d,
		     d->faults > FAULTS_MOST ? "makes no sense again and again"
					     : "does not come back from a reset",
		     error);
}

/* A user of a queue pair has come by, and is in none of the driver's functions. */
static int park(struct bm_net_queue *q)
{
	struct net_queue *n = (struct net_queue *)q;
	struct bm_net_device *d = q->device;
	bool all = true;

	__atomic_store_n(&n->parked, true, __ATOMIC_SEQ_CST);
	net_lock(&d->busy);
	for (uint32_t i = 0; i < d->setup.queues; i++)
		all = all && (!d->queues[i]->opened ||
			      __atomic_load_n(&d->queues[i]->parked, __ATOMIC_SEQ_CST));
	if (all && d->state == NET_FAULTY)
		reset(d);
	net_unlock(&d->busy);
	return net_state(d) == NET_FAILED ? -BM_ENODEV : 0;
}

void net_fault(struct bm_net_device *d, const char *reason)
{
	uint32_t expected = NET_LIVE;
	if (!__atomic_compare_exchange_n(&d->state, &expected, NET_FAULTY, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	d->reason = reason;
	set_functions(d, 0, d->setup.queues, &parked);
	net_notify(d, BM_NET_ALL_QUEUES);
}

/* ---- Adding ---- */

static bool is_valid(const struct bm_net_driver *d)
{
	const struct bm_net_ops *o = d->ops;
	return o && o->receive && o->send && o->reclaim && o->ready && o->link && o->start &&
	       o->stop && d->name && d->name[0] && strlen(d->name) <= 11 && !(d->mac[0] & 1) &&
	       d->mtu >= MTU_LEAST && d->mtu <= MTU_MOST && d->queues >= 1 &&
	       d->queues <= NET_QUEUES_MAX && d->max_parts >= BM_NET_PARTS && d->max_parts <= 64 &&
	       d->receive_ring >= 1 && d->receive_ring <= 4096 && d->send_ring >= 1 &&
	       d->send_ring <= 4096 &&
	       (d->max_bytes || !(d->flags & (BM_NET_CAN_SEGMENT_TCP4 | BM_NET_CAN_SEGMENT_TCP6)));
}

static size_t size_of(const struct bm_net_driver *driver)
{
	return sizeof(struct bm_net_device) + driver->queues * sizeof(struct net_queue *);
}

static void give_back(struct bm_net_device *d)
{
	for (uint32_t i = 0; i < d->driver.queues; i++)
		dma_give(d->queues[i], sizeof *d->queues[i]);
	dma_give(d, size_of(&d->driver));
}

static struct bm_net_device *make(const struct bm_net_driver *driver)
{
	struct bm_net_device *d = dma_take(size_of(driver), 64, NULL);
	if (!d)
		return NULL;
	d->driver = *driver;
	d->driver.flags &= ~(BM_NET_CAN_FILTER | BM_NET_CAN_SET_MAC | BM_NET_FAILED);
	d->driver.flags |= driver->ops->filter ? BM_NET_CAN_FILTER : 0;
	d->driver.flags |= driver->ops->set_mac ? BM_NET_CAN_SET_MAC : 0;
	d->setup.queues = 1;
	d->setup.filter = BM_NET_ALL_MULTICAST;
	d->setup.multicast = d->multicast;
	memcpy(d->setup.mac, driver->mac, sizeof d->setup.mac);
	for (uint32_t i = 0; i < driver->queues; i++) {
		struct net_queue *n = dma_take(sizeof *n, 64, NULL);
		if (!n) {
			give_back(d);
			return NULL;
		}
		n->q.device = d;
		n->q.index = i;
		n->q.free_most = STORE_MOST;
		n->deadline_ns = BM_FOREVER;
		d->queues[i] = n;
	}
	set_functions(d, 0, driver->queues, &gone);
	return d;
}

int net_add(const struct bm_net_driver *driver, struct bm_net_device **handle)
{
	static bool busy; /* an app's drivers may add devices on any core */
	uint32_t same = 0;

	if (!driver || !handle || !is_valid(driver))
		return -BM_EINVAL;
	struct bm_net_device *d = make(driver);
	if (!d)
		return -BM_ENOMEM;
	net_lock(&busy);
	int number = net_device_count;
	if (number < NET_DEVICES_MAX) {
		for (int i = 0; i < number; i++)
			same += !strcmp(net_devices[i]->driver.name, driver->name);
		format_text(d->name, sizeof d->name, "%s%u", driver->name, same);
		net_devices[number] = d;
		*handle = d;
		__atomic_store_n(&net_device_count, number + 1, __ATOMIC_RELEASE);
	} else {
		give_back(d);
		number = -BM_ENOSPC;
	}
	net_unlock(&busy);
	if (number >= 0)
		log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, queue pairs: %u", d->name,
			 driver->mac[0], driver->mac[1], driver->mac[2], driver->mac[3],
			 driver->mac[4], driver->mac[5], driver->mtu, driver->queues);
	return number;
}

/* ---- The API's ---- */

int net_count(void)
{
	devices_start();
	return __atomic_load_n(&net_device_count, __ATOMIC_ACQUIRE);
}

void net_look_at_link(struct bm_net_device *d)
{
	struct bm_net_link link = {.changes = d->link.changes};
	if (d->state == NET_FAILED)
		link.speed = 0;
	else
		d->driver.ops->link(d->driver.state, &link);
	link.changes = d->link.changes + (link.up != d->link.up);
	d->link = link;
}

int net_link(uint32_t device, struct bm_net_link *link)
{
	struct bm_net_device *d = device_of(device);
	if (!d || !link)
		return -BM_EINVAL;
	net_lock(&d->busy);
	net_look_at_link(d);
	*link = d->link;
	net_unlock(&d->busy);
	return net_state(d) == NET_FAILED ? -BM_ENODEV : 0;
}

int net_info(uint32_t device, struct bm_net_info *info)
{
	struct bm_net_device *d = device_of(device);
	uint32_t stored = 0;

	if (!d || !info)
		return -BM_EINVAL;
	net_lock(&d->busy);
	net_look_at_link(d);
	bool active = d->state == NET_LIVE || d->state == NET_FAULTY;
	*info = (struct bm_net_info){
	    .mtu = d->driver.mtu,
	    .flags = d->driver.flags | (d->state == NET_FAILED ? BM_NET_FAILED : 0),
	    .accepted = d->setup.accept,
	    .queues = d->driver.queues,
	    .active = active ? d->setup.queues : 0,
	    .max_parts = d->driver.max_parts,
	    .max_bytes = d->driver.max_bytes,
	    .receive_ring = active ? d->driver.receive_ring : 0,
	    .send_ring = active ? d->driver.send_ring : 0,
	    .link = d->link,
	    .resets = d->resets,
	};
	memcpy(info->mac, d->setup.mac, sizeof info->mac);
	net_unlock(&d->busy);
	memcpy(info->name, d->name, sizeof info->name);
	format_text(info->address, sizeof info->address, "%s",
		    d->driver.device ? d->driver.device->name : "app");
	if (active && d->queues[0]->q.receive_ring)
		info->receive_ring = d->queues[0]->q.receive_ring;
	if (active && d->queues[0]->q.send_ring)
		info->send_ring = d->queues[0]->q.send_ring;
	for (uint32_t i = 0; i < d->driver.queues; i++) {
		const struct bm_net_queue *q = &d->queues[i]->q;
		info->received_frames += q->received_frames;
		info->received_bytes += q->received_bytes;
		info->received_errors += q->received_errors;
		info->received_drops += q->received_drops;
		info->sent_frames += q->sent_frames;
		info->sent_bytes += q->sent_bytes;
		info->sent_errors += q->sent_errors;
		info->refused += q->refused;
		info->strays += q->strays;
		info->interrupts += q->interrupts;
	}
	for (uint32_t i = 0; i < net_device_count; i++)
		for (uint32_t n = 0; n < net_devices[i]->driver.queues; n++)
			stored += net_devices[i]->queues[n]->q.free_count;
	net_pool_info(info);
	info->buffers_free += stored;
	return 0;
}

int net_configure(uint32_t device, uint32_t queues, uint32_t accept)
{
	struct bm_net_device *d = device_of(device);
	int error = -BM_ENODEV;

	if (!d || queues < 1 || queues > d->driver.queues ||
	    accept & ~(BM_NET_ACCEPT_CHECKSUM | BM_NET_ACCEPT_LARGE))
		return -BM_EINVAL;
	if (!(accept & BM_NET_ACCEPT_CHECKSUM))
		accept = 0;
	net_lock(&d->busy);
	struct bm_net_setup before = d->setup;
	if (d->state != NET_FAILED) {
		if (d->state != NET_STOPPED)
			d->driver.ops->stop(d->driver.state);
		d->state = NET_STOPPED;
		d->setup.queues = queues;
		d->setup.accept = accept & d->driver.flags;
		error = start(d);
		if (error == -BM_ENOMEM) {
			d->setup = before;
			if (start(d))
				fail(d, "does not start", error);
		} else if (error) {
			fail(d, "does not start", error);
		}
	}
	net_unlock(&d->busy);
	return error;
}

struct bm_net_queue *net_open(uint32_t device, uint32_t queue)
{
	struct bm_net_device *d = device_of(device);
	struct bm_net_queue *q = NULL;

	if (!d)
		return NULL;
	net_lock(&d->busy);
	if (d->state == NET_STOPPED) {
		int error = start(d);
		if (error == -BM_ENOMEM)
			log_error(
			    "%s: not enough memory for its buffers: give the machine more, or "
			    "open it earlier",
			    d->name);
		else if (error)
			fail(d, "does not start", error);
	}
	if ((d->state == NET_LIVE || d->state == NET_FAULTY) && queue < d->setup.queues) {
		d->queues[queue]->opened = true;
		q = &d->queues[queue]->q;
	}
	net_unlock(&d->busy);
	return q;
}

int net_filter(uint32_t device, uint32_t flags, const uint8_t (*multicast)[6], uint32_t count)
{
	struct bm_net_device *d = device_of(device);
	int error = 0;

	if (!d || flags & ~(BM_NET_PROMISCUOUS | BM_NET_ALL_MULTICAST) ||
	    count > BM_NET_FILTER_MAX || (count && !multicast))
		return -BM_EINVAL;
	for (uint32_t i = 0; i < count; i++)
		if (!(multicast[i][0] & 1))
			return -BM_EINVAL;
	net_lock(&d->busy);
	d->setup.filter = flags;
	d->setup.multicast_count = count;
	if (count)
		memcpy(d->multicast, multicast, count * sizeof *multicast);
	if (d->state == NET_FAILED)
		error = -BM_ENODEV;
	else if (d->state == NET_LIVE && d->driver.ops->filter)
		error = d->driver.ops->filter(d->driver.state, &d->setup);
	net_unlock(&d->busy);
	return error;
}

int net_set_mac(uint32_t device, const uint8_t mac[6])
{
	struct bm_net_device *d = device_of(device);
	uint8_t any = 0, before[6];
	int error = 0;

	for (int i = 0; mac && i < 6; i++)
		any |= mac[i];
	if (!d || !any || mac[0] & 1)
		return -BM_EINVAL;
	if (!d->driver.ops->set_mac)
		return -BM_ENOSYS;
	net_lock(&d->busy);
	memcpy(before, d->setup.mac, sizeof before);
	memcpy(d->setup.mac, mac, sizeof before);
	if (d->state == NET_FAILED)
		error = -BM_ENODEV;
	else if (d->state == NET_LIVE)
		error = d->driver.ops->set_mac(d->driver.state, &d->setup);
	if (error)
		memcpy(d->setup.mac, before, sizeof before);
	net_unlock(&d->busy);
	return error;
}
