/* SPDX-License-Identifier: MIT */
/*
 * Limits of the system, for <limits.h>. Those that are not ours to choose are
 * the least values that POSIX.1-2017 and POSIX.2 allow.
 */
#ifndef _SYS_SYSLIMITS_H_
#define _SYS_SYSLIMITS_H_

#define SSIZE_MAX 0x7fffffffffffffffL
#define NAME_MAX 255   /* bytes of one name */
#define PATH_MAX 4096  /* bytes of a path with its zero */
#define OPEN_MAX 32767 /* descriptors: stdio keeps them in a short */
#define LINK_MAX 32767
#define SYMLOOP_MAX 40
#define MAX_CANON 1024 /* bytes of a line typed on the console */
#define MAX_INPUT 1024
#define PIPE_BUF  4096
#define IOV_MAX	  1024
#define ARG_MAX	  4096 /* bytes of the command line */

#define CHILD_MAX	 25
#define NGROUPS_MAX	 8
#define BC_BASE_MAX	 99
#define BC_DIM_MAX	 2048
#define BC_SCALE_MAX	 99
#define BC_STRING_MAX	 1000
#define COLL_WEIGHTS_MAX 2
#define EXPR_NEST_MAX	 32
#define LINE_MAX	 2048
#define RE_DUP_MAX	 255

#endif
