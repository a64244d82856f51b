/* SPDX-License-Identifier: MIT */
/* Functions of ours that lwIP's core calls (lwipopts.h names them). */
#ifndef NET_HOOKS_H
#define NET_HOOKS_H

#include "lwip/err.h"
#include "lwip/ip_addr.h"

struct tcp_pcb;

/* RFC 6528: a connection's first sequence number, which nobody can foretell. */
u32_t net_initial_sequence(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
			   u16_t remote_port);

/* A segment for a listener. ERR_OK: it takes it. */
err_t net_listener_input(struct tcp_pcb *listener);

#endif
