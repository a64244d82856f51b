/* SPDX-License-Identifier: MIT */
/*
 * Addresses of the interfaces, from the command line: sdk/docs/command-line.md.
 *
 *     ip=dhcp                                              (the default)
 *     ip=192.168.1.5/24,gateway=192.168.1.1,dns=192.168.1.1,dns=9.9.9.9
 *     ip=none
 *     ip6=auto | none | ADDRESS/PREFIX[,gateway=ADDRESS][,dns=ADDRESS]
 *
 * The second device's words are ip1= and ip61=, and so on. What is missing ten seconds after the
 * start is said on the console: a driver, a link, a lease.
 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/baremetal.h>

#include "lwip/dhcp.h"
#include "lwip/dhcp6.h"
#include "lwip/dns.h"
#include "lwip/ip.h"
#include "lwip/nd6.h"
#include "lwip/timeouts.h"

#define PATIENCE_MS 10000

static uint32_t changes; /* of any address */
static uint64_t patient_until;
static unsigned dns_servers;

static void add_dns(const ip_addr_t *address)
{
	if (dns_servers < DNS_MAX_SERVERS)
		dns_setserver((u8_t)dns_servers++, address);
}

/* ---- Reading ---- */

struct words {
	ip_addr_t address, gateway, dns[DNS_MAX_SERVERS];
	unsigned prefix, dns_count;
};

static bool read_address(const char *text, size_t length, bool v6, ip_addr_t *address)
{
	char copy[IP6ADDR_STRLEN_MAX + 1];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = 0;
	return ipaddr_aton(copy, address) && !!IP_IS_V6(address) == v6;
}

/* NULL, or what is wrong. */
static const char *read_words(const char *text, bool v6, struct words *words)
{
	size_t length = strcspn(text, ",");
	const char *slash = memchr(text, '/', length);
	char *end;

	memset(words, 0, sizeof(*words));
	if (!slash)
		return "it lacks /PREFIX behind the address, as in 192.168.1.5/24";
	if (!read_address(text, (size_t)(slash - text), v6, &words->address))
		return "no such address";
	words->prefix = (unsigned)strtoul(slash + 1, &end, 10);
	if (end != text + length || end == slash + 1 || words->prefix > (v6 ? 128 : 32))
		return "no such prefix";
	for (text += length; *text; text += length) {
		text++;
		length = strcspn(text, ",");
		if (!strncmp(text, "gateway=", 8)) {
			if (!read_address(text + 8, length - 8, v6, &words->gateway))
				return "no such gateway";
		} else if (!strncmp(text, "dns=", 4)) {
			if (words->dns_count == DNS_MAX_SERVERS)
				return "too many DNS servers";
			ip_addr_t *dns = &words->dns[words->dns_count];
			if (!read_address(text + 4, length - 4, false, dns) &&
			    !read_address(text + 4, length - 4, true, dns))
				return "no such DNS server";
			words->dns_count++;
		} else {
			return "known are gateway= and dns=";
		}
	}
	return NULL;
}

static const char *word_of(const char *base, unsigned number, char *name, size_t size)
{
	if (number)
		snprintf(name, size, "%s%u", base, number);
	else
		snprintf(name, size, "%s", base);
	return getenv(name);
}

/* ---- IPv4 ---- */

static void start_dhcp(struct netif *netif)
{
	if (dhcp_start(netif) != ERR_OK)
		net_say("network: %c%c%u: DHCP does not start: no memory", netif->name[0],
			netif->name[1], netif->num);
}

static void start_v4(struct netif *netif, unsigned number)
{
	char name[16];
	const char *text = word_of("ip", number, name, sizeof(name)), *wrong;
	struct words words;
	ip4_addr_t mask;

	if (!text || !strcmp(text, "dhcp")) {
		start_dhcp(netif);
		return;
	}
	if (!strcmp(text, "none"))
		return;
	wrong = read_words(text, false, &words);
	if (wrong) {
		net_say("network: %s=%s: %s. Using DHCP instead", name, text, wrong);
		start_dhcp(netif);
		return;
	}
	ip4_addr_set_u32(&mask, words.prefix ? lwip_htonl(UINT32_MAX << (32 - words.prefix)) : 0);
	netif_set_addr(netif, ip_2_ip4(&words.address), &mask, ip_2_ip4(&words.gateway));
	for (unsigned i = 0; i < words.dns_count; i++)
		add_dns(&words.dns[i]);
}

/* ---- IPv6 ---- */

static void start_v6(struct netif *netif, unsigned number)
{
	char name[16];
	const char *text = word_of("ip6", number, name, sizeof(name)), *wrong;
	struct words words;
	s8_t index;

	if (text && !strcmp(text, "none"))
		return;
	netif_create_ip6_linklocal_address(netif, 1);
	if (text && strcmp(text, "auto")) {
		wrong = read_words(text, true, &words);
		if (!wrong && words.prefix != 64)
			wrong = "the prefix must be 64";
		if (!wrong) {
			if (netif_add_ip6_address(netif, ip_2_ip6(&words.address), &index) ==
			    ERR_OK)
				netif_ip6_addr_set_state(netif, index, IP6_ADDR_TENTATIVE);
			if (words.dns_count)
				add_dns(&words.dns[0]);
			if (!ip_addr_isany(&words.gateway))
				net_say("network: %s: gateway= is not used: routers announce "
					"themselves",
					name);
			netif->ip6_autoconfig_enabled = 0;
			return;
		}
		net_say("network: %s=%s: %s. Asking the routers instead", name, text, wrong);
	}
	netif->ip6_autoconfig_enabled = 1;
	dhcp6_enable_stateless(netif);
}

/* ---- Telling ---- */

static bool has_global_v6(const struct netif *netif)
{
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
		    !ip6_addr_islinklocal(netif_ip6_addr(netif, i)))
			return true;
	return false;
}

static bool is_configured(const struct netif *netif)
{
	return netif_is_up(netif) && netif_is_link_up(netif) &&
	       (!ip4_addr_isany_val(*netif_ip4_addr(netif)) || has_global_v6(netif));
}

static void tell(const struct netif *netif)
{
	char text[160], address[IP4ADDR_STRLEN_MAX], gateway[IP4ADDR_STRLEN_MAX];

	ip4addr_ntoa_r(netif_ip4_addr(netif), address, sizeof(address));
	ip4addr_ntoa_r(netif_ip4_gw(netif), gateway, sizeof(gateway));
	snprintf(text, sizeof(text), "network: %c%c%u (%s): address %s, gateway %s, %s",
		 netif->name[0], netif->name[1], netif->num, interface_device(netif), address,
		 gateway, dhcp_supplied_address(netif) ? "by DHCP" : "as told");
	bm_log(BM_LOG_INFO, text);
}

static void status_changed(struct netif *netif, netif_nsc_reason_t reason,
			   const netif_ext_callback_args_t *arguments)
{
	(void)arguments;
	if (!interface_device(netif))
		return;
	if (reason & (LWIP_NSC_IPV4_ADDRESS_CHANGED | LWIP_NSC_IPV4_SETTINGS_CHANGED) &&
	    !ip4_addr_isany_val(*netif_ip4_addr(netif))) {
		tell(netif);
		if (!netif_default || !is_configured(netif_default))
			netif_set_default(netif);
	}
	net_wake(&changes);
}

/* Network controllers that no driver has. */
static bool name_unknown_devices(void)
{
	bool any = false;

	for (int i = 0; i < bm_pci_count(); i++) {
		struct bm_pci_info info;

		if (bm_pci_info((uint32_t)i, &info) || info.class_code >> 16 != 2 || info.driver)
			continue;
		any = true;
		net_say("network: no driver for the network device %04x:%04x at %s", info.vendor,
			info.device, info.address);
	}
	return any;
}

static void look_for_missing(void *unused)
{
	static bool done;
	struct netif *netif;

	(void)unused;
	if (done)
		return;
	done = true;
	NETIF_FOREACH(netif)
	{
		const char *device = interface_device(netif);

		if (!device || is_configured(netif))
			continue;
		if (!netif_is_link_up(netif))
			net_say("network: %c%c%u (%s) has no link: is the cable plugged in?",
				netif->name[0], netif->name[1], netif->num, device);
		else if (netif_dhcp_data(netif))
			net_say(
			    "network: %c%c%u (%s): no DHCP server has answered within %u s. Is "
			    "there one? "
			    "Else tell the address: ip=ADDRESS/PREFIX,gateway=ADDRESS,dns=ADDRESS",
			    netif->name[0], netif->name[1], netif->num, device, PATIENCE_MS / 1000);
	}
	net_wake(&changes);
}

void config_start(void)
{
	static netif_ext_callback_t callback;
	struct netif *netif;
	bool any = false;
	unsigned number = 0;

	netif_add_ext_callback(&callback, status_changed);
	syslog_start();
	patient_until = bm_time_monotonic() + PATIENCE_MS * UINT64_C(1000000);
	/* lwIP puts the newest first. */
	for (u8_t index = 1; index < UINT8_MAX; index++) {
		netif = netif_get_by_index(index);
		if (!netif || !interface_device(netif))
			continue;
		any = true;
		if (!netif_default)
			netif_set_default(netif);
		netif_set_up(netif);
		start_v4(netif, number);
		start_v6(netif, number++);
	}
	if (!any) {
		patient_until = 0;
		if (!name_unknown_devices())
			net_say("network: this machine has no network device: only 127.0.0.1 and "
				"::1 can be "
				"reached");
	} else {
		name_unknown_devices();
		sys_timeout(PATIENCE_MS, look_for_missing, NULL);
	}
}

/* ---- Waiting ---- */

bool config_reaches(const ip_addr_t *destination)
{
	ip_addr_t any;
	struct netif *netif;

	if (IP_IS_V6(destination)) {
		ip_addr_set_any(true, &any);
		netif = ip_route(&any, destination);
		return netif && ip6_select_source_address(netif, ip_2_ip6(destination));
	}
	netif = ip4_route(ip_2_ip4(destination));
	return netif && !ip4_addr_isany_val(*netif_ip4_addr(netif));
}

/* What to tell the program; and the user, if nobody has yet. */
static int no_address(int error)
{
	if (error != -EAGAIN)
		return error;
	look_for_missing(NULL);
	return -ENETUNREACH;
}

int config_wait(const ip_addr_t *destination)
{
	while (!config_reaches(destination)) {
		int error = net_wait(&changes, patient_until);

		if (error)
			return no_address(error);
	}
	return 0;
}

int config_wait_any(void)
{
	for (;;) {
		struct netif *netif;
		int error;

		NETIF_FOREACH(netif)
		if (interface_device(netif) && is_configured(netif))
			return 0;
		error = net_wait(&changes, patient_until);
		if (error)
			return no_address(error);
	}
}
