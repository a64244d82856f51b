/* SPDX-License-Identifier: MIT */
/*
 * lwIP on the host as in the guest: the SDK's own options, but for what its unit tests must have,
 * and for the core lock, which is not there on the host.
 */
#ifndef TESTS_UNIT_LWIP_LWIPOPTS_H
#define TESTS_UNIT_LWIP_LWIPOPTS_H

#include "../../../sdk/libnet/port/lwipopts.h"

#undef NO_SYS
#define NO_SYS 1
#undef LWIP_NETCONN
#define LWIP_NETCONN 0
#undef LWIP_TCPIP_CORE_LOCKING_INPUT
#undef SYS_LIGHTWEIGHT_PROT
#define SYS_LIGHTWEIGHT_PROT 0
#undef LOCK_TCPIP_CORE
#undef UNLOCK_TCPIP_CORE
#define LOCK_TCPIP_CORE()
#define UNLOCK_TCPIP_CORE()
#undef LWIP_HOOK_TCP_ISN /* the tests know the first number */
#undef LWIP_HOOK_TCP_INPACKET_PCB
#undef LWIP_HOOK_FILENAME

#ifdef NET_UNIT_TESTS
#define LWIP_TESTMODE 1
/* test_tcp.c counts segments of a window of 10 and a send buffer of 12. */
#undef TCP_WND
#define TCP_WND (10 * TCP_MSS)
#undef TCP_RCV_SCALE
#define TCP_RCV_SCALE 0
#undef TCP_SND_BUF
#define TCP_SND_BUF (12 * TCP_MSS)
#undef TCP_SNDLOWAT
#define TCP_SNDLOWAT (4 * TCP_MSS)
#undef LWIP_STATS
#define LWIP_STATS 1
#define MIB2_STATS 1
#define MEM_STATS  1
#define MEMP_STATS 1
/* test_pbuf.c counts memory, and knows the size of a buffer; test_udp.c, who hears a broadcast. */
#undef PBUF_POOL_BUFSIZE
#define PBUF_POOL_BUFSIZE 592
#undef SO_REUSE_RXTOALL
#define SO_REUSE_RXTOALL 0
#undef LWIP_DNS
#define LWIP_DNS 0
#undef LWIP_ND6_RDNSS_MAX_DNS_SERVERS
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0
#undef DHCP_DOES_ARP_CHECK
#define DHCP_DOES_ARP_CHECK 1 /* test_dhcp.c counts its questions */
#undef LWIP_TIMERS
#define LWIP_TIMERS      0 /* the tests call what timers call */
#define MEMP_SYS_TIMEOUT 0
#endif

#endif
