/* SPDX-License-Identifier: MIT */
/*
 * Frames into lwIP as it is configured for the guest: an interface with addresses, a listener, a
 * UDP socket, DHCP and a DNS question under way. The input is a list of frames: two bytes of
 * length, then the frame; its first byte also chooses how far the clock goes on.
 *
 * lwIP's timers are called here. IP, TCP and UDP checksums are not verified, so that what is behind
 * them is reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/dhcp.h"
#include "lwip/dhcp6.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/igmp.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

static struct netif netif;
static struct udp_pcb *udp;
static struct tcp_pcb *listener;

static err_t output(struct netif *to, struct pbuf *frame)
{
	volatile uint8_t sum = 0;

	(void)to;
	for (struct pbuf *p = frame; p; p = p->next)
		for (u16_t i = 0; i < p->len; i++) /* all of it must be readable */
			sum = (uint8_t)(sum + ((uint8_t *)p->payload)[i]);
	return ERR_OK;
}

static err_t init(struct netif *made)
{
	made->name[0] = 'e';
	made->name[1] = 'n';
	made->output = etharp_output;
	made->output_ip6 = ethip6_output;
	made->linkoutput = output;
	made->mtu = 1500;
	made->hwaddr_len = 6;
	memcpy(made->hwaddr, "\2\0\0\0\0\1", 6);
	made->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		      NETIF_FLAG_IGMP | NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
	NETIF_SET_CHECKSUM_CTRL(made, NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_UDP |
					  NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_ICMP |
					  NETIF_CHECKSUM_GEN_ICMP6);
	return ERR_OK;
}

static err_t stream_received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
	(void)argument, (void)error;
	if (!data) {
		tcp_close(pcb);
		return ERR_OK;
	}
	/* An echo, as far as there is room. */
	if (data->len <= tcp_sndbuf(pcb))
		tcp_write(pcb, data->payload, data->len, TCP_WRITE_FLAG_COPY);
	tcp_recved(pcb, data->tot_len);
	pbuf_free(data);
	return ERR_OK;
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
	(void)argument;
	if (error == ERR_OK && pcb)
		tcp_recv(pcb, stream_received);
	return ERR_OK;
}

static void datagram_received(void *argument, struct udp_pcb *pcb, struct pbuf *data,
			      const ip_addr_t *from, u16_t port)
{
	(void)argument;
	udp_sendto(pcb, data, from, port);
	pbuf_free(data);
}

static void found(const char *name, const ip_addr_t *address, void *argument)
{
	(void)name, (void)address, (void)argument;
}

static void start(void)
{
	ip4_addr_t address, mask, gateway;
	ip_addr_t server;

	lwip_init();
	IP4_ADDR(&address, 192, 0, 2, 77);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 192, 0, 2, 1);
	netif_add(&netif, &address, &mask, &gateway, NULL, init, ethernet_input);
	netif_set_default(&netif);
	netif_set_up(&netif);
	netif_create_ip6_linklocal_address(&netif, 1);
	netif.ip6_autoconfig_enabled = 1;
	netif_ip6_addr_set_state(&netif, 0, IP6_ADDR_PREFERRED);
	dhcp6_enable_stateless(&netif);
	ipaddr_aton("192.0.2.1", &server);
	dns_setserver(0, &server);
	udp = udp_new_ip_type(IPADDR_TYPE_ANY);
	udp_bind(udp, IP_ANY_TYPE, 7);
	udp_recv(udp, datagram_received, NULL);
	listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
	tcp_bind(listener, IP_ANY_TYPE, 80);
	listener = tcp_listen(listener);
	tcp_accept(listener, accepted);
}

static void pass_time(unsigned much)
{
	for (unsigned i = 0; i < much; i++) {
		tcp_tmr();
		ip_reass_tmr();
		etharp_tmr();
		dhcp_fine_tmr();
		igmp_tmr();
		dns_tmr();
		nd6_tmr();
		ip6_reass_tmr();
		mld6_tmr();
		dhcp6_tmr();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int started;
	ip_addr_t address;

	if (!started) {
		started = 1;
		start();
	}
	if (size && data[0] & 1)
		dhcp_start(&netif);
	dns_gethostbyname("a.test", &address, found, NULL);
	while (size >= 2) {
		size_t length = (size_t)(data[0] & 7) << 8 | data[1];
		unsigned time = data[0] >> 6;
		struct pbuf *frame;

		data += 2;
		size -= 2;
		if (length > size)
			length = size;
		frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
		if (frame) {
			pbuf_take(frame, data, (u16_t)length);
			if (ethernet_input(frame, &netif) != ERR_OK)
				pbuf_free(frame);
		}
		netif_poll_all();
		pass_time(time);
		data += length;
		size -= length;
	}
	/* The next input finds no connections, and nothing half done. */
	while (tcp_active_pcbs)
		tcp_abort(tcp_active_pcbs);
	while (tcp_tw_pcbs)
		tcp_abort(tcp_tw_pcbs);
	dhcp_release_and_stop(&netif);
	netif_set_addr(&netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
	IP4_ADDR(ip_2_ip4(&address), 192, 0, 2, 77);
	netif_set_ipaddr(&netif, ip_2_ip4(&address));
	IP4_ADDR(ip_2_ip4(&address), 255, 255, 255, 0);
	netif_set_netmask(&netif, ip_2_ip4(&address));
	etharp_cleanup_netif(&netif);
	pass_time(40);
	return 0;
}
