/* SPDX-License-Identifier: MIT */
/*
 * What lwIP asks of the compiler and the system: byte order, random numbers, the checksum,
 * and what a broken assertion does.
 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>
#include <sys/types.h>

#include "lwipopts.h"

#undef BYTE_ORDER
#define BYTE_ORDER       1234
#define LWIP_NO_UNISTD_H 1
#ifndef SSIZE_MAX
#define SSIZE_MAX INT64_MAX
#endif
#include <errno.h>

#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)

uint32_t(htonl)(uint32_t value); /* nd6.c uses it; no macro here */

/* The Internet checksum (RFC 1071) of a block, as lwIP wants it: not inverted. */
uint16_t net_checksum(const void *data, int size);

/* Random numbers for ports and identifiers, from the machine's source where there is one. */
uint32_t net_random(void);
#define LWIP_RAND() net_random()

/* lwIP's netif.c names it without its header in this configuration. */
struct pbuf;
struct netif;
int8_t tcpip_input(struct pbuf *pbuf, struct netif *netif);

void net_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void net_broken(const char *what, const char *file, int line);
#define LWIP_PLATFORM_DIAG(x)   net_say x
#define LWIP_PLATFORM_ASSERT(x) net_broken(x, __FILE__, __LINE__)

#endif
