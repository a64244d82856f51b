/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses: numbers, "localhost", /etc/hosts of the image, DNS through lwIP.
 *
 * lwIP keeps one address of each family for a name, and asks the servers that DHCP or the command
 * line named, four times at most.
 */
#include "net.h"
#include "resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <baremetal/time.h>

#include "lwip/dns.h"

/* ---- One family of one name ---- */

/* Shared with lwIP's callback. */
struct query {
	uint32_t done;
	bool found;
	ip_addr_t address;
};

static void answered(const char *name, const ip_addr_t *address, void *argument)
{
	struct query *query = argument;

	(void)name;
	query->found = address != NULL;
	if (address)
		query->address = *address;
	net_wake(&query->done);
}

/* Starts asking. 0; or an EAI_… value. */
static int ask(struct query *query, const char *name, bool v6)
{
	err_t error;

	*query = (struct query){0};
	error = dns_gethostbyname_addrtype(name, &query->address, answered, query,
					   v6 ? LWIP_DNS_ADDRTYPE_IPV6 : LWIP_DNS_ADDRTYPE_IPV4);
	if (error == ERR_OK) {
		query->found = true;
		query->done = 1;
		return 0;
	}
	if (error == ERR_INPROGRESS)
		return 0;
	return error == ERR_MEM ? EAI_MEMORY : error == ERR_ARG ? EAI_NONAME : EAI_AGAIN;
}

static bool has_server(void)
{
	for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
		if (!ip_addr_isany_val(*dns_getserver(i)))
			return true;
	return false;
}

static bool has_global_v6(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (interface_device(netif) && ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
		    ip6_addr_isglobal(netif_ip6_addr(netif, i)))
			return true;
	return false;
}

static int by_dns(const char *name, int family, bool only_configured, struct addresses *to)
{
	struct query queries[2] = {0};
	bool wanted[2] = {family != AF_INET6, family != AF_INET};
	int error = 0;

	net_start();
	net_lock();
	if (config_wait_any() || !has_server()) {
		net_unlock();
		return EAI_AGAIN;
	}
	if (family == AF_UNSPEC && only_configured && !has_global_v6())
		wanted[1] = false;
	for (int i = 0; i < 2; i++) {
		int failed = wanted[i] ? ask(&queries[i], name, i) : 0;

		if (!wanted[i] || failed)
			queries[i].done = 1;
		error = failed ? failed : error;
	}
	/* The callback comes in any case, and needs the query: no cancellation meanwhile. */
	for (int i = 0; i < 2; i++)
		while (!__atomic_load_n(&queries[i].done, __ATOMIC_SEQ_CST))
			net_wait_always(&queries[i].done);
	for (int i = 0; i < 2; i++)
		if (queries[i].found)
			addresses_add(to, &queries[i].address);
	net_unlock();
	return to->count ? 0 : error ? error : EAI_NONAME;
}

/* ---- Without asking anybody ---- */

void addresses_add(struct addresses *to, const ip_addr_t *address)
{
	if (to->count < ADDRESSES_MOST)
		to->list[to->count++] = *address;
}

static bool is_wanted(int family, bool v6)
{
	return family == AF_UNSPEC || family == (v6 ? AF_INET6 : AF_INET);
}

bool address_of_text(const char *text, ip_addr_t *address)
{
	char copy[INET6_ADDRSTRLEN];
	const char *percent = strchr(text, '%');
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_aton(text, &v4)) {
		ip_addr_set_ip4_u32_val(*address, v4.s_addr);
		return true;
	}
	if (percent && (size_t)(percent - text) < sizeof(copy)) {
		memcpy(copy, text, (size_t)(percent - text));
		copy[percent - text] = 0;
		text = copy;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return false;
	IP_ADDR6(address, v6.s6_addr32[0], v6.s6_addr32[1], v6.s6_addr32[2], v6.s6_addr32[3]);
	if (percent) {
		char *end;
		unsigned long index = strtoul(percent + 1, &end, 10);

		if (*end || end == percent + 1)
			index = zone_of_name(percent + 1);
		ip6_addr_set_zone(ip_2_ip6(address), (u8_t)index);
	}
	return true;
}

/* By name; or by address, if name is NULL: then the name is put into `found`. */
static bool look_in_hosts(const char *name, int family, struct addresses *to,
			  const ip_addr_t *address, char *found, size_t size)
{
	FILE *file = fopen("/etc/hosts", "r");
	char line[512];
	bool any = false;

	while (file && fgets(line, sizeof(line), file)) {
		char *rest = line, *word;
		ip_addr_t here;

		line[strcspn(line, "#\n")] = 0;
		word = strtok_r(rest, " \t", &rest);
		if (!word || !address_of_text(word, &here))
			continue;
		if (!name && !ip_addr_cmp(&here, address))
			continue;
		while ((word = strtok_r(rest, " \t", &rest))) {
			if (!name) {
				snprintf(found, size, "%s", word);
				any = true;
				break;
			}
			if (!strcasecmp(word, name) && is_wanted(family, IP_IS_V6_VAL(here))) {
				addresses_add(to, &here);
				any = true;
			}
		}
	}
	if (file)
		fclose(file);
	return any;
}

bool name_of_address(const ip_addr_t *address, char *name, size_t size)
{
	if (look_in_hosts(NULL, AF_UNSPEC, NULL, address, name, size))
		return true;
	if (!ip_addr_isloopback(address))
		return false;
	snprintf(name, size, "localhost");
	return true;
}

static bool is_localhost(const char *name)
{
	size_t length = strlen(name);

	/* RFC 6761: and all below it. */
	return !strcasecmp(name, "localhost") ||
	       (length > 10 && !strcasecmp(name + length - 10, ".localhost"));
}

int resolve(const char *name, int family, bool numbers_only, bool only_configured,
	    struct addresses *to)
{
	ip_addr_t address;

	if (address_of_text(name, &address)) {
		if (!is_wanted(family, IP_IS_V6_VAL(address)))
			return EAI_ADDRFAMILY_;
		addresses_add(to, &address);
		return 0;
	}
	if (numbers_only || !*name || strlen(name) > 253)
		return EAI_NONAME;
	if (look_in_hosts(name, family, to, NULL, NULL, 0))
		return 0;
	if (is_localhost(name)) {
		if (is_wanted(family, false)) {
			ip_addr_set_loopback_val(false, address);
			addresses_add(to, &address);
		}
		if (is_wanted(family, true)) {
			ip_addr_set_loopback_val(true, address);
			addresses_add(to, &address);
		}
		return 0;
	}
	return by_dns(name, family, only_configured, to);
}
