/* SPDX-License-Identifier: MIT */
/*
 * Names to addresses, as name.c asks resolve.c and service.c.
 */
#ifndef LIBNET_RESOLVE_H
#define LIBNET_RESOLVE_H

#include "net.h"

#define ADDRESSES_MOST  16
#define EAI_ADDRFAMILY_ (-9) /* a number of the other family */

struct addresses {
	unsigned count;
	ip_addr_t list[ADDRESSES_MOST];
};

void addresses_add(struct addresses *to, const ip_addr_t *address);
bool address_of_text(const char *text, ip_addr_t *address);
bool name_of_address(const ip_addr_t *address, char *name, size_t size);
unsigned zone_of_name(const char *name);

/* 0, or an EAI_… value. Blocks. */
int resolve(const char *name, int family, bool numbers_only, bool only_configured,
	    struct addresses *to);

/* service.c. protocol: "tcp", "udp" or NULL. A port or -1; the length of what was or would be
 * written. */
int service_port(const char *name, const char *protocol);
int service_name(unsigned port, const char *protocol, char *name, size_t size);

#endif
