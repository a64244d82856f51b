/* SPDX-License-Identifier: MIT */
/*
 * TCP's options.
 */
#ifndef _NETINET_TCP_H
#define _NETINET_TCP_H

#define TCP_NODELAY   1
#define TCP_MAXSEG    2 /* may be asked for alone */
#define TCP_CORK      3
#define TCP_KEEPIDLE  4 /* seconds */
#define TCP_KEEPINTVL 5 /* seconds */
#define TCP_KEEPCNT   6

#endif
