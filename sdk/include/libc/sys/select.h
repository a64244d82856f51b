/* SPDX-License-Identifier: MIT */
/*
 * Sets of descriptors, for select(); of 1,024 where Newlib's own header has 64. select() itself is
 * in the network library (pkg-config baremetal-net).
 */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

#include <sys/_sigset.h>
#include <sys/_timeval.h>
#include <sys/cdefs.h>
#include <sys/timespec.h>

#ifndef _SIGSET_T_DECLARED
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define _SYS_TYPES_FD_SET
#ifndef FD_SETSIZE
#define FD_SETSIZE 1024
#endif

typedef unsigned long fd_mask;
#define NFDBITS (sizeof(fd_mask) * 8)

typedef struct {
	fd_mask fds_bits[(FD_SETSIZE + 63) / 64];
} fd_set;

#define FD_SET(n, set)   ((set)->fds_bits[(n) / NFDBITS] |= 1ul << ((n) % NFDBITS))
#define FD_CLR(n, set)   ((set)->fds_bits[(n) / NFDBITS] &= ~(1ul << ((n) % NFDBITS)))
#define FD_ISSET(n, set) (((set)->fds_bits[(n) / NFDBITS] >> ((n) % NFDBITS)) & 1)
#define FD_ZERO(set)     __builtin_memset((set), 0, sizeof(*(set)))

__BEGIN_DECLS
int select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
#if __POSIX_VISIBLE >= 200112
int pselect(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
#endif
__END_DECLS

#endif
