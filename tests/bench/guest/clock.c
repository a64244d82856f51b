/* SPDX-License-Identifier: MIT */
/*
 * How long the boot took by the guest's own clock, and what the clock cost.
 * Prints NAME=NUMBER lines. With `-icount shift=0,sleep=off` the counter runs at
 * 1 GHz, one tick an instruction, and jumps over whatever is waited for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <baremetal/baremetal.h>

int main(void)
{
	uint64_t ticks = __builtin_ia32_rdtsc() - bm_system_info()->boot_tsc;
	struct bm_clock_info clock;

	bm_time_monotonic(); /* the first use: may measure the counter's rate */
	bm_clock_info(&clock);
	printf("boot_ticks=%" PRIu64 "\n", ticks);
	printf("waited_ns=%" PRIu64 "\n", clock.waited_ns);
	printf("clock: %s, %" PRIu64 " Hz\n", clock.source, clock.frequency_hz);
	return 0;
}
