/* SPDX-License-Identifier: MIT */
/*
 * getrandom(): random bytes fit for keys. Never blocks; on a machine without a
 * source of entropy it fails with ENOSYS.
 */
#ifndef _SYS_RANDOM_H
#define _SYS_RANDOM_H

#include <sys/types.h>

#define GRND_NONBLOCK 0x1
#define GRND_RANDOM   0x2
#define GRND_INSECURE 0x4

#ifdef __cplusplus
extern "C" {
#endif
ssize_t getrandom(void *buffer, size_t size, unsigned flags);
int getentropy(void *buffer, size_t size);
#ifdef __cplusplus
}
#endif

#endif
