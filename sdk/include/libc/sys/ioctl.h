/* SPDX-License-Identifier: MIT */
/*
 * ioctl(): FIONREAD and FIONBIO of sockets; other files have no requests, and it fails with ENOTTY.
 */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#define FIONREAD 0x541b /* int *: bytes that can be read now */
#define FIONBIO  0x5421 /* int *: O_NONBLOCK, or not */

#ifdef __cplusplus
extern "C" {
#endif
int ioctl(int descriptor, unsigned long request, ...);
#ifdef __cplusplus
}
#endif

#endif
