/* SPDX-License-Identifier: MIT */
/*
 * Marker instructions: how code in the guest tells the counting plugin
 * (plugin/count.c) where it is. Each is one 7-byte NOP that no compiler emits, so
 * it changes neither registers nor flags, and does nothing without the plugin.
 *
 *     BENCH_START(3);
 *     work();
 *     BENCH_STOP(3);      the report's line: pair 3 vcpu 0 count … min … max … sum …
 *
 * The ids are 0 to 15. A pair's length does not hold the markers themselves.
 */
#ifndef TESTS_BENCH_MARKER_H
#define TESTS_BENCH_MARKER_H

#define BENCH_MARKER_MAGIC 0x424d0000
#define BENCH_MARKER(word) __asm__ volatile("nopl %c0(%%rax)" : : "i"(word) : "memory")
#define BENCH_POINT(id)    BENCH_MARKER(BENCH_MARKER_MAGIC + (id))
#define BENCH_START(id)    BENCH_MARKER(BENCH_MARKER_MAGIC + 0x100 + (id))
#define BENCH_STOP(id)     BENCH_MARKER(BENCH_MARKER_MAGIC + 0x200 + (id))
#endif
