/* SPDX-License-Identifier: MIT */
/*
 * How full a file system is.
 */
#ifndef _SYS_STATVFS_H
#define _SYS_STATVFS_H

#include <sys/types.h>

struct statvfs {
	unsigned long f_bsize;  /* bytes of a block */
	unsigned long f_frsize; /* bytes of the unit of the next three */
	fsblkcnt_t f_blocks;    /* all */
	fsblkcnt_t f_bfree;     /* free */
	fsblkcnt_t f_bavail;
	fsfilcnt_t f_files; /* files that there can be */
	fsfilcnt_t f_ffree; /* more */
	fsfilcnt_t f_favail;
	unsigned long f_fsid;
	unsigned long f_flag; /* ST_… */
	unsigned long f_namemax;
};

#define ST_RDONLY 1
#define ST_NOSUID 2

#ifdef __cplusplus
extern "C" {
#endif
int statvfs(const char *__restrict path, struct statvfs *__restrict status);
int fstatvfs(int descriptor, struct statvfs *status);
#ifdef __cplusplus
}
#endif

#endif
