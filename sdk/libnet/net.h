/* SPDX-License-Identifier: MIT */
/*
 * Inside of the network library: what its files share.
 *
 *   core.c      the core lock, waking, the start    timers.c    lwIP's timers
 *   sys_arch.c  semaphores, mailboxes, threads      checksum.c  the Internet checksum
 *   netif.c     an interface over <baremetal/net.h> config.c    addresses: ip=, DHCP, what is
 * missing socket.c    sockets as files                    stream.c    TCP      datagram.c  UDP, raw
 *   address.c   socket addresses                    option.c    options  message.c   the calls
 *   pair.c      socketpair()
 *   watch.c     changes of files                    poll.c select.c epoll.c
 *   resolve.c name.c inet.c interface.c             <netdb.h>, <arpa/inet.h>, <net/if.h>
 *
 * All of lwIP's state and all of ours is under one lock, the core lock. Its holder never waits
 * for anything, and takes no other lock but malloc()'s. Order: files_lock(), then the core lock.
 * Whoever opens it first does what has become due: looped-back packets, frames of devices. Threads
 * are woken after it is open.
 */
#ifndef LIBNET_NET_H
#define LIBNET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../libbaremetal/files/files.h"

#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"

struct tcp_pcb;
struct udp_pcb;
struct raw_pcb;

/* ---- core.c ---- */

void net_lock(void);
void net_unlock(void);
bool net_try_lock(void);
bool net_lock_is_mine(void);
void net_program_calls_lwip(void); /* no longer only its sockets */

/* Start the stack and all interfaces, once; without the lock. 0, or an errno value negated. */
int net_start(void);
bool net_is_starting(void); /* in the call of net_start() that does it */

/* Wake all that wait for this word, when the core lock is opened. With the lock. */
void net_wake(uint32_t *word);

/*
 * Wait until the word is changed by net_wake() or the deadline is there. The lock is held at the
 * call and afterwards, and open meanwhile. 0: look again; -EAGAIN: the time has come; -ECANCELED:
 * the thread is to end.
 */
int net_wait(uint32_t *word, uint64_t deadline);
void net_wait_always(uint32_t *word); /* without a deadline, and without being cancelled */

/* ---- netif.c ---- */

/* All with the lock, but for the flag. */
extern uint32_t interfaces_due; /* a device has something, or may have */
extern bool interfaces_sending; /* there is something to be sent */
void interfaces_start(void);    /* find the devices */
unsigned interfaces_poll(void); /* take what devices have received; how many frames */
void interfaces_reclaim(void);  /* let go of what devices have read */
void interfaces_work(void);     /* send what is to be sent; poll and arm again those that are due */
const char *interface_device(const struct netif *netif); /* its name, or NULL */
void interfaces_check_links(void);

/* ---- config.c ---- */

void config_start(void); /* after interfaces_start(): give all of them their addresses */
/* Before something is sent there: wait for an address to send from. With the lock. */
int config_wait(const ip_addr_t *destination);
int config_wait_any(void);                         /* for DNS */
bool config_reaches(const ip_addr_t *destination); /* now */

/* syslog.c: with the core lock. */
void syslog_start(void);
bool syslog_is_wanted(void);
void syslog_second(void); /* once a second, if it is wanted */

/* ---- timers.c ---- */

void timers_kick(
    void); /* sys_arch.c: an earlier timer than before; the network's thread shall look */

/* ---- Sockets ---- */

/* Told about each change of a file that somebody watches; with the core lock. */
struct watch {
	struct watch *next, *previous;
	struct watches *list; /* NULL: none */
	void (*changed)(struct watch *watch, int events);
	void (*closed)(
	    struct watch *watch); /* the file goes away; the watch is in no list any more */
};
struct watches {
	struct watch *first;
};
void watch_add(struct watches *list, struct watch *watch);
void watch_remove(struct watch *watch);
void watches_tell(struct watches *list, int events); /* POLLIN … of what has changed */
void watches_close(struct watches *list);

enum socket_state {
	SOCKET_NEW,
	SOCKET_LISTENING,
	SOCKET_CONNECTING,
	SOCKET_CONNECTED, /* datagrams: a peer is set */
	SOCKET_CLOSED,    /* the connection has ended */
};

/* Where a datagram came from and went to. */
struct datagram {
	struct datagram *next;
	struct pbuf *data;
	ip_addr_t source, destination;
	uint16_t port;
	uint8_t interface;
};

struct socket;
struct socket_kind {
	int (*need_pcb)(struct socket *); /* at once, not with the first call that needs one */
	int (*bind)(struct socket *, const ip_addr_t *, uint16_t port);
	int (*disconnect)(struct socket *);
	int (*connect)(struct socket *, const ip_addr_t *, uint16_t port, bool wait);
	int (*listen)(struct socket *, int backlog);
	int (*accept)(struct socket *, struct socket **made, bool wait);
	/* A pointer to address is NULL if it is not given. */
	long (*send)(struct socket *, const struct iovec *, int count, const ip_addr_t *,
		     uint16_t port, int flags);
	long (*receive)(struct socket *, const struct iovec *, int count, struct datagram *from,
			int *flags);
	int (*shutdown)(struct socket *, int how);
	int (*poll)(struct socket *);
	void (*close)(struct socket *);
	size_t (*readable)(struct socket *); /* bytes, for FIONREAD */
};
extern const struct socket_kind stream_kind, datagram_kind, pair_kind;

struct socket {
	struct file file; /* first */
	const struct socket_kind *kind;
	uint16_t domain;
	uint8_t type, protocol;
	uint8_t state; /* enum socket_state */
	bool read_closed, write_closed;
	bool peer_closed; /* no more will come */
	bool v6_only, wants_info, broadcast;
	bool linger_on;
	bool corked;
	bool full;     /* somebody was told that it takes no more, and is to be told when it does */
	bool in_queue; /* of a listener, not accepted yet */
	int linger_seconds;
	int error;        /* SO_ERROR, told once */
	uint32_t changes; /* the word that is waited for */
	struct watches watches;
	uint64_t receive_timeout, send_timeout; /* ns; 0: none */
	union {
		struct tcp_pcb *tcp;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
		void *pcb;
	};
	ip_addr_t local, remote; /* of a connection that has ended, for getpeername() */
	uint16_t local_port, remote_port;

	/* Streams: received, not read. */
	struct pbuf *first, *last;
	size_t queued;
	uint32_t tail_room; /* bytes of room behind the last one's data, if it is a copy of ours */

	/* Listeners: connections to be accepted. Connections: the next one, and the listener. */
	struct socket *accept_first, **accept_end, *accept_next, *listener;
	uint32_t accept_count, accept_most;

	/* Datagrams. */
	struct datagram *datagrams, **datagrams_end;
	size_t receive_limit; /* SO_RCVBUF */
	size_t send_limit;
	struct membership *memberships;

	struct socket *peer; /* of a pair */
};

struct socket *socket_make(const struct socket_kind *kind, int domain, int type, int protocol);
void socket_changed(struct socket *socket, int events); /* POLLIN …: wakes who waits */
int socket_error(int lwip_error);                       /* errno, negated */
int socket_take_error(struct socket *socket);           /* errno, negated; forgotten */
uint64_t socket_deadline(uint64_t timeout);             /* BM_FOREVER for 0 */
int socket_broken_pipe(int flags);                      /* -EPIPE, after the signal */
void socket_free(struct socket *socket);
struct socket *socket_of(struct file *file); /* NULL: it is none */
extern const struct file_ops socket_file_ops;

/* A file's descriptor with a reference to it; errno is set if it is none, or no socket. */
struct socket *socket_get(int descriptor);
int socket_attach(struct socket *socket,
		  int flags); /* a descriptor, or negative; then it is gone */

/* Its own address. */
void socket_local(const struct socket *socket, ip_addr_t *address, uint16_t *port);
struct membership;
int datagram_membership(struct socket *socket, const ip_addr_t *group, const ip_addr_t *interface,
			unsigned index, bool join);

/* address.c: 0, or an errno value negated. */
int address_from(const struct socket *socket, const struct sockaddr *from, socklen_t size,
		 ip_addr_t *address, uint16_t *port);
void address_to(const struct socket *socket, const ip_addr_t *address, uint16_t port,
		struct sockaddr *to, socklen_t *size);

/* Events of any open file, POLLIN …; with a watch, it is told of changes. With the core lock. */
int file_events(struct file *file, struct watch *watch);

#endif
