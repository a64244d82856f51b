/* SPDX-License-Identifier: MIT */
/*
 * The end of the program for Newlib's exit().
 */
#include "../files/files.h"

#include <unistd.h>

#include <baremetal/system.h>

_Noreturn void _exit(int status)
{
	if (files_end_maps)
		files_end_maps();
	if (files_end_disks)
		files_end_disks();
	bm_exit(status);
}
