/* SPDX-License-Identifier: MIT */
/*
 * What the files of the network front end share.
 *
 *   net.c       devices: adding, starting, configuring, describing them; faults and resets
 *   net_pool.c  buffers
 *   net_wait.c  arming, sleeping, the watch
 */
#ifndef KERNEL_DEVICE_NET_DEVICE_H
#define KERNEL_DEVICE_NET_DEVICE_H

#include "cpu/cpu.h"
#include "device/net.h"

#define NET_DEVICES_MAX 32
#define NET_QUEUES_MAX  64

/* net_queue.armed */
enum {
	NET_IDLE,
	NET_ARMED, /* the next event queues a task */
	NET_FIRED  /* it is queued, and has not begun */
};

struct net_queue {
	struct bm_net_queue q; /* first: what the app has */
	bool opened;           /* somebody has it */
	bool parked;           /* its user has seen that the device is to be reset */
	bool busy;             /* the lock of what follows, but for `armed` */
	uint32_t armed;        /* interrupts change it from NET_ARMED to NET_FIRED */
	uint32_t what;
	uint32_t alarm;        /* the watch's, of who has armed it */
	uint32_t link_changes; /* seen when it was armed */
	uint64_t deadline_ns;  /* of net_wait(), else BM_FOREVER */
	void (*function)(void *);
	void *argument;
};

/* bm_net_device.state */
enum { NET_STOPPED, NET_LIVE, NET_FAULTY, NET_FAILED };

struct bm_net_device {
	struct bm_net_driver driver;
	char name[16];
	bool busy; /* the lock of setup, link, starting and stopping */
	uint32_t state;
	struct bm_net_setup setup;
	uint8_t multicast[BM_NET_FILTER_MAX][6];
	struct bm_net_link link;
	uint64_t resets;
	uint64_t faults_since; /* ns, the first of those that `faults` counts */
	uint32_t faults;
	const char *reason;
	struct net_queue *queues[];
};

extern struct bm_net_device *net_devices[NET_DEVICES_MAX];
extern uint32_t net_device_count;

/* The pool's numbers. */
void net_pool_info(struct bm_net_info *info);

/* Look at the link, under the device's lock. */
void net_look_at_link(struct bm_net_device *d);

/* Queue the task of who has armed it, if somebody has. May be called in an interrupt. */
bool net_fire(struct net_queue *n);

static inline void net_lock(bool *busy)
{
	while (__builtin_expect(__atomic_test_and_set(busy, __ATOMIC_ACQUIRE), 0))
		cpu_relax();
}

static inline void net_unlock(bool *busy)
{
	__atomic_clear(busy, __ATOMIC_RELEASE);
}

static inline uint32_t net_state(const struct bm_net_device *d)
{
	return __atomic_load_n(&d->state, __ATOMIC_ACQUIRE);
}

#endif
