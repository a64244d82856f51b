/* SPDX-License-Identifier: MIT */
/*
 * uname(): the name of the system.
 */
#ifndef _SYS_UTSNAME_H
#define _SYS_UTSNAME_H

struct utsname {
	char sysname[32];
	char nodename[65];
	char release[32];
	char version[32];
	char machine[32];
};

#ifdef __cplusplus
extern "C" {
#endif
int uname(struct utsname *name);
#ifdef __cplusplus
}
#endif

#endif
