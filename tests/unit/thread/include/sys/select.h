/* SPDX-License-Identifier: MIT */
/*
 * For the host's <sys/types.h>, which asks for it: ours, in the folder of <pthread.h>, is not for
 * the host. Its types of time, and no fd_set: nobody here selects.
 */
#include <bits/types.h>
#include <bits/types/sigset_t.h>
#include <bits/types/struct_timespec.h>
#include <bits/types/struct_timeval.h>

#ifndef __suseconds_t_defined
typedef __suseconds_t suseconds_t;
#define __suseconds_t_defined
#endif
