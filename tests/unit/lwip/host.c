/* SPDX-License-Identifier: MIT */
/* What the port gives lwIP in the guest, for the host: time that tests set, diagnostics, chance. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lwip/sys.h"

u32_t lwip_sys_now;

u32_t sys_now(void)
{
	return lwip_sys_now;
}

u32_t sys_jiffies(void)
{
	return lwip_sys_now;
}

void sys_init(void)
{
}

/* Timers are called by the tests. */
void tcp_timer_needed(void)
{
}

void sys_timeouts_init(void)
{
}

uint32_t net_random(void)
{
	static uint32_t state = 1;

	state = state * 1103515245 + 12345;
	return state >> 8;
}

void net_say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
}

_Noreturn void net_broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

int8_t tcpip_input(struct pbuf *pbuf, struct netif *netif)
{
	(void)pbuf, (void)netif;
	abort(); /* nobody calls it: interfaces are given ip_input() or ethernet_input() */
}
