/* SPDX-License-Identifier: MIT */
/*
 * How lwIP is configured. Memory comes from malloc() as it is needed, so the numbers below are
 * limits, not reservations. The sockets are the SDK's own (../stream.c …), over lwIP's callbacks;
 * lwIP's netconn interface is there as well. Calls are made under the core lock (../core.c), and
 * timers are ours (../timers.c): an idle machine shall sleep.
 */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

/* ---- System ---- */
#define NO_SYS                        0
#define SYS_LIGHTWEIGHT_PROT          1
#define LWIP_TCPIP_CORE_LOCKING       1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 1
#define LWIP_TIMERS                   1
#define LWIP_TIMERS_CUSTOM            1
#define LWIP_NETCONN                  1
#define LWIP_SOCKET                   0
#define LWIP_NETCONN_SEM_PER_THREAD   0
#define TCPIP_MBOX_SIZE               64
#define DEFAULT_TCP_RECVMBOX_SIZE     64
#define DEFAULT_UDP_RECVMBOX_SIZE     64
#define DEFAULT_RAW_RECVMBOX_SIZE     16
#define DEFAULT_ACCEPTMBOX_SIZE       64
#define TCPIP_THREAD_NAME             "network"
#define TCPIP_THREAD_STACKSIZE        32768
#define LWIP_SO_RCVTIMEO              1
#define LWIP_SO_SNDTIMEO              1

/* ---- Memory ---- */
#define MEM_LIBC_MALLOC          1
#define MEMP_MEM_MALLOC          1
#define MEM_ALIGNMENT            16
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_PBUF_REF_T          u16_t
#define PBUF_POOL_BUFSIZE        1664
#define ETH_PAD_SIZE             0

/* ---- Interfaces ---- */
#define LWIP_HAVE_LOOPIF                   1
#define LWIP_NETIF_LOOPBACK                1
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 0
#define LWIP_LOOPBACK_MAX_PBUFS            0
#define LWIP_NETIF_API                     0
#define LWIP_NETIF_HOSTNAME                1
#define LWIP_NETIF_EXT_STATUS_CALLBACK     1
#define LWIP_CHECKSUM_CTRL_PER_NETIF       1
#define LWIP_ARP                           1
#define ARP_TABLE_SIZE                     64
#define ARP_QUEUEING                       1
#define ARP_QUEUE_LEN                      16
#define ETHARP_SUPPORT_STATIC_ENTRIES      1
#define ETHARP_TRUST_IP_MAC                0
#define LWIP_NETIF_HWADDRHINT              0

/* ---- IP ---- */
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_IPV6_SCOPES               1
#define LWIP_IPV6_NUM_ADDRESSES        6
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_IPV6_DHCP6                1
#define LWIP_IPV6_DHCP6_STATELESS      1
#define LWIP_IPV6_MLD                  1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define LWIP_ND6_NUM_NEIGHBORS         64
#define LWIP_ND6_NUM_DESTINATIONS      64
#define LWIP_ND6_QUEUEING              1
#define MEMP_NUM_ND6_QUEUE             64
#define IP_FORWARD                     0
#define IP_FRAG                        1
#define IP_REASSEMBLY                  1
#define IP_REASS_MAX_PBUFS             256
#define MEMP_NUM_REASSDATA             16
#define LWIP_IPV6_FRAG                 1
#define LWIP_IPV6_REASS                1
#define IP_SOF_BROADCAST               1
#define IP_SOF_BROADCAST_RECV          0
#define LWIP_ICMP                      1
#define LWIP_MULTICAST_PING            0
#define LWIP_BROADCAST_PING            0
#define LWIP_RAW                       1
#define LWIP_IGMP                      1
#define LWIP_MULTICAST_TX_OPTIONS      1

/* ---- UDP, TCP ---- */
#define LWIP_UDP                   1
#define LWIP_NETBUF_RECVINFO       1
#define LWIP_TCP                   1
#define TCP_MSS                    1460
#define LWIP_WND_SCALE             1
#define TCP_RCV_SCALE              3
#define TCP_WND                    (256 * 1024)
#define TCP_SND_BUF                (256 * 1024)
#define TCP_SND_QUEUELEN           1024
#define TCP_SNDLOWAT               (32 * 1024)
#define TCP_SNDQUEUELOWAT          512
#define TCP_OVERSIZE               TCP_MSS
#define TCP_QUEUE_OOSEQ            1
#define TCP_OOSEQ_MAX_PBUFS        256
#define LWIP_TCP_SACK_OUT          1
#define LWIP_TCP_TIMESTAMPS        1
#define LWIP_TCP_KEEPALIVE         1
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG 255
#define TCP_MSL                    2000 /* ms: TIME_WAIT lasts twice as long */
#define SO_REUSE                   1
#define SO_REUSE_RXTOALL           1

/* ---- DHCP, DNS ---- */
#define LWIP_DHCP                     1
#define DHCP_DOES_ARP_CHECK           0 /* RFC 2131 says SHOULD; it costs a second of each boot */
#define LWIP_DHCP_CHECK_LINK_UP       1
#define LWIP_DHCP_GET_NTP_SRV         0
#define LWIP_AUTOIP                   0
#define LWIP_DNS                      1
#define DNS_TABLE_SIZE                32
#define DNS_MAX_REQUESTS              32
#define DNS_MAX_SERVERS               4
#define DNS_MAX_NAME_LENGTH           255
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 0

/* ---- Counting, debugging ---- */
#define LWIP_STATS 0
#ifndef LWIP_NOASSERT
#define LWIP_NOASSERT 0
#endif

/* ---- Ours ---- */
#ifndef LIBNET_BUILD /* internal functions have this prefix in the library */
#define net_lock_for_lwip    __bm_net_lock_for_lwip
#define net_unlock           __bm_net_unlock
#define net_checksum         __bm_net_checksum
#define net_random           __bm_net_random
#define net_say              __bm_net_say
#define net_broken           __bm_net_broken
#define net_initial_sequence __bm_net_initial_sequence
#define net_listener_input   __bm_net_listener_input
#endif
#define LWIP_CHKSUM         net_checksum
#define LWIP_HOOK_FILENAME  "net_hooks.h"
#define LWIP_HOOK_TCP_ISN   net_initial_sequence
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, options, first, second, pbuf)                      \
	((pcb)->state == LISTEN ? net_listener_input(pcb) : ERR_OK)
#define LOCK_TCPIP_CORE()   net_lock_for_lwip()
#define UNLOCK_TCPIP_CORE() net_unlock()
void net_lock_for_lwip(void);
void net_unlock(void);

#endif
