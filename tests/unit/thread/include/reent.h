/* SPDX-License-Identifier: MIT */
/* Newlib's state: the host has none. */
struct _reent;
#define _reclaim_reent(reent) ((void)(reent))
