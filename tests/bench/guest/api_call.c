/* SPDX-License-Identifier: MIT */
/*
 * What an API call costs beyond the function that it reaches.
 *
 * Each subject is called twice between markers: through its public function, and
 * through the same pointer of the table held in a register. The latter is the
 * function and one call instruction; what the former has more, plus that call,
 * is the API's own cost. Pair 2n is the public way, 2n + 1 the direct one.
 * Several rounds: the plugin keeps the smallest, so a first use's set-up is left out.
 */
#include <baremetal/baremetal.h>
#include "marker.h"

#define ROUNDS 8

/* Keep a value in a register, so that the compiler can neither fold nor move what uses it. */
#define OPAQUE(value) __asm__ volatile("" : "+r"(value) : : "memory")

#define COMPARE(id, api, direct)                                                                   \
	do {                                                                                       \
		BENCH_START(2 * (id));                                                             \
		api;                                                                               \
		BENCH_STOP(2 * (id));                                                              \
		BENCH_START(2 * (id) + 1);                                                         \
		direct;                                                                            \
		BENCH_STOP(2 * (id) + 1);                                                          \
	} while (0)

int main(void)
{
	struct bm_api table = *bm_api;
	struct bm_memory_info memory;
	struct bm_clock_info clock;
	uint64_t phys;
	char byte;

	for (int i = 0; i < ROUNDS; i++) {
		__typeof__(table.system_info) info = table.system_info;
		__typeof__(table.memory_grow) grow = table.memory_grow;
		__typeof__(table.memory_info) memory_info = table.memory_info;
		__typeof__(table.time_clock_info) clock_info = table.time_clock_info;
		__typeof__(table.memory_phys) to_phys = table.memory_phys;
		__typeof__(table.console_write) write = table.console_write;

		OPAQUE(info);
		COMPARE(0, bm_system_info(), info());
		OPAQUE(grow);
		COMPARE(1, bm_memory_grow(0), grow(0));
		OPAQUE(memory_info);
		COMPARE(2, bm_memory_info(&memory), memory_info(&memory));
		OPAQUE(clock_info);
		COMPARE(3, bm_clock_info(&clock), clock_info(&clock));
		OPAQUE(to_phys);
		COMPARE(4, bm_phys(&byte, &phys), to_phys(&byte, &phys));
		OPAQUE(write);
		COMPARE(5, bm_console_write(&byte, 0), write(&byte, 0));
	}
	return 0;
}
