/* SPDX-License-Identifier: MIT */
/*
 * lwIP's timers, in place of its core/timeouts.c, which wakes the machine some twenty times a
 * second whether there is something to do or not.
 *
 * What is done each second is done in one go; what is done more often, only while it is needed:
 * TCP's timer while there are connections, those of IGMP, MLD and DHCP while one of theirs is
 * running. That is found out each second, so such a timer may begin by a second later.
 */
#include "net.h"

#include <stdlib.h>

#include "lwip/dhcp.h"
#include "lwip/dhcp6.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/dhcp.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

/* ---- When is it needed? ---- */

static bool tcp_is_needed(void)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

static bool igmp_is_needed(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	for (struct igmp_group *group = netif_igmp_data(netif); group; group = group->next)
		if (group->timer)
			return true;
	return false;
}

static bool mld_is_needed(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	for (struct mld_group *group = netif_mld6_data(netif); group; group = group->next)
		if (group->timer)
			return true;
	return false;
}

static bool dhcp_is_needed(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		struct dhcp *dhcp = netif_dhcp_data(netif);

		if (dhcp && dhcp->request_timeout)
			return true;
	}
	return false;
}

static bool dhcp6_is_needed(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		struct dhcp6 *dhcp6 = netif_dhcp6_data(netif);

		if (dhcp6 && dhcp6->request_timeout)
			return true;
	}
	return false;
}

/* In lwIP's own order, the shorter ones first. */
static struct cyclic {
	u32_t interval;
	lwip_cyclic_timer_handler handler;
	bool (*is_needed)(void); /* NULL: always */
	u32_t due;
	bool running;
} cyclics[] = {
    {TCP_TMR_INTERVAL, tcp_tmr, tcp_is_needed, 0, false},
    {IGMP_TMR_INTERVAL, igmp_tmr, igmp_is_needed, 0, false},
    {MLD6_TMR_INTERVAL, mld6_tmr, mld_is_needed, 0, false},
    {DHCP_FINE_TIMER_MSECS, dhcp_fine_tmr, dhcp_is_needed, 0, false},
    {DHCP6_TIMER_MSECS, dhcp6_tmr, dhcp6_is_needed, 0, false},
    {IP_TMR_INTERVAL, ip_reass_tmr, NULL, 0, false},
    {ARP_TMR_INTERVAL, etharp_tmr, NULL, 0, false},
    {DNS_TMR_INTERVAL, dns_tmr, NULL, 0, false},
    {ND6_TMR_INTERVAL, nd6_tmr, NULL, 0, false},
    {IP6_REASS_TMR_INTERVAL, ip6_reass_tmr, NULL, 0, false},
    {DHCP_COARSE_TIMER_MSECS, dhcp_coarse_tmr, NULL, 0, false},
    {1000, syslog_second, syslog_is_wanted, 0, false},
};
#define CYCLICS (sizeof(cyclics) / sizeof(cyclics[0]))
enum { TCP_CYCLIC = 0 };

/* ---- Once ---- */

static struct sys_timeo *once; /* earliest first */
static u32_t waiting_until;    /* what the network's thread waits for */
static bool waiting;

static bool is_before(u32_t a, u32_t b)
{
	return (s32_t)(a - b) < 0;
}

static void look_earlier(u32_t due)
{
	if (waiting && is_before(due, waiting_until)) {
		waiting = false;
		timers_kick();
	}
}

void sys_timeout(u32_t ms, sys_timeout_handler handler, void *argument)
{
	struct sys_timeo *timer = malloc(sizeof(*timer)), **place = &once;

	if (!timer) {
		net_say("network: no memory for a timer");
		return;
	}
	*timer = (struct sys_timeo){.time = sys_now() + ms, .h = handler, .arg = argument};
	while (*place && !is_before(timer->time, (*place)->time))
		place = &(*place)->next;
	timer->next = *place;
	*place = timer;
	look_earlier(timer->time);
}

void sys_untimeout(sys_timeout_handler handler, void *argument)
{
	for (struct sys_timeo **place = &once; *place; place = &(*place)->next) {
		struct sys_timeo *timer = *place;

		if (timer->h == handler && timer->arg == argument) {
			*place = timer->next;
			free(timer);
			return;
		}
	}
}

/* ---- Running ---- */

static void start(struct cyclic *cyclic, u32_t now)
{
	cyclic->running = true;
	cyclic->due = now + cyclic->interval;
	look_earlier(cyclic->due);
}

void tcp_timer_needed(void)
{
	if (!cyclics[TCP_CYCLIC].running && tcp_is_needed())
		start(&cyclics[TCP_CYCLIC], sys_now());
}

void sys_timeouts_init(void)
{
	u32_t now = sys_now();

	for (unsigned i = 0; i < CYCLICS; i++)
		if (!cyclics[i].is_needed)
			start(&cyclics[i], now);
}

void sys_restart_timeouts(void)
{
}

static void run_cyclic(struct cyclic *cyclic, u32_t now)
{
	cyclic->handler();
	cyclic->due += cyclic->interval;
	if (is_before(cyclic->due, now)) /* a long time asleep: once is enough */
		cyclic->due = now + cyclic->interval;
}

void sys_check_timeouts(void)
{
	u32_t now = sys_now();
	bool second = false;

	/* TCP's does not send again what a device seems to hold still, and waits for good. */
	interfaces_reclaim();

	for (unsigned i = 0; i < CYCLICS; i++) {
		struct cyclic *cyclic = &cyclics[i];

		if (!cyclic->running || is_before(now, cyclic->due))
			continue;
		run_cyclic(cyclic, now);
		second |= cyclic->interval == 1000;
		if (cyclic->is_needed && !cyclic->is_needed())
			cyclic->running = false;
	}
	for (unsigned i = 0; second && i < CYCLICS; i++)
		if (!cyclics[i].running && cyclics[i].is_needed())
			start(&cyclics[i], now);
	while (once && !is_before(now, once->time)) {
		struct sys_timeo timer = *once;

		free(once);
		once = timer.next;
		timer.h(timer.arg);
	}
}

u32_t sys_timeouts_sleeptime(void)
{
	u32_t now = sys_now(), due = now + 60000;

	for (unsigned i = 0; i < CYCLICS; i++)
		if (cyclics[i].running && is_before(cyclics[i].due, due))
			due = cyclics[i].due;
	if (once && is_before(once->time, due))
		due = once->time;
	if (!is_before(now, due))
		return 0;
	waiting = true;
	waiting_until = due;
	return due - now;
}
