/* SPDX-License-Identifier: MIT */
/*
 * The first process of a Linux guest, for comparison: says where it starts, and ends the machine.
 * No C library, so nothing of its own runs before.
 */
#include "linux_end.h"
#include "marker.h"

__attribute__((noreturn)) void _start(void)
{
	BENCH_POINT(0);
	linux_end(0);
}
