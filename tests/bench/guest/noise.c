/* SPDX-License-Identifier: MIT */
/*
 * How much of a core the system takes for itself: two published benchmarks, on all cores at once.
 *
 * Selfish detour: P. Beckman, K. Iskra, K. Yoshii, S. Coghlan, A. Nataraj, "Benchmarking the
 * effects of operating system interference on extreme-scale parallel machines", Cluster Computing
 * 11 (2008). A loop reads the clock and nothing else. An iteration that takes longer than a
 * threshold is a detour: the core did something else meanwhile. The threshold here is twice the
 * shortest iteration, some thirty instructions in all: an interrupt whose handler only saves the
 * registers takes longer.
 *
 * Fixed time quantum (FTQ): M. Sottile, R. Minnich, "Analysis of microbenchmarks for performance
 * tuning of clusters", CLUSTER 2004. Equal units of work are counted in quanta of time that begin
 * at fixed moments. A quantum with fewer units than the best has lost the difference; one unit more
 * or less comes from where a quantum's border falls in a unit.
 *
 *     noise MILLISECONDS      that many million ticks of the time-stamp counter for each benchmark
 *
 * Prints NAME=NUMBER lines, of all cores together; times are in ticks. The loops stand between
 * markers (selfish: pair 0, FTQ: pair 1): the plugin counts the interrupts in them.
 * The ticks are exact under -icount alone; without it, detours are also those of the host.
 */
#include <string.h>
#include "marker.h"
#include "platform.h"

#define QUANTUM     1000000 /* ticks; under -icount 1 ms, or a million instructions */
#define WORK        64      /* additions of a unit of work */
#define QUANTA_MOST 4096
#define WARM_UP     100000 /* ticks */

struct noise {
	uint64_t shortest, longest, detours, lost, ticks;
};

static struct {
	struct noise selfish;
	uint32_t units[QUANTA_MOST]; /* of FTQ */
} of_core[CORES_MOST];
static unsigned quanta;
static unsigned ready; /* cores that have come: all begin at the same time */

static void wait_for_all(void)
{
	unsigned cores = platform_cores(), round = __atomic_add_fetch(&ready, 1, __ATOMIC_ACQ_REL);

	round = (round + cores - 1) / cores * cores;
	while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < round)
		__builtin_ia32_pause();
}

/*
 * The loop: for that many ticks, what took longer than `threshold`. One function, so that it is the
 * same code that finds the shortest iteration first.
 */
__attribute__((noinline)) static struct noise read_clock(uint64_t ticks, uint64_t threshold)
{
	uint64_t shortest = UINT64_MAX, longest = 0, detours = 0, lost = 0;
	uint64_t start = platform_ticks(), end = start + ticks, now;

	now = platform_ticks();
	while (now < end) {
		uint64_t before = now, took;

		now = platform_ticks();
		took = now - before;
		if (took < shortest)
			shortest = took;
		if (__builtin_expect(took <= threshold, 1))
			continue;
		detours++;
		lost += took - shortest;
		if (took > longest)
			longest = took;
		now = platform_ticks(); /* what was done here is no detour */
	}
	return (struct noise){shortest, longest, detours, lost, now - start};
}

static struct noise selfish(void)
{
	struct noise found = read_clock(WARM_UP, UINT64_MAX);

	wait_for_all();
	BENCH_START(0);
	found = read_clock((uint64_t)quanta * QUANTUM, 2 * found.shortest);
	BENCH_STOP(0);
	if (found.longest < found.shortest)
		found.longest = found.shortest;
	return found;
}

static void fixed_time_quantum(uint32_t *units_of)
{
	uint64_t end;
	volatile uint32_t sum = 0;

	wait_for_all();
	BENCH_START(1);
	end = platform_ticks();
	for (unsigned q = 0; q < quanta; q++) {
		uint32_t units = 0;

		end += QUANTUM;
		while (platform_ticks() < end) {
			for (int i = 0; i < WORK; i++)
				sum += i;
			units++;
		}
		units_of[q] = units;
	}
	BENCH_STOP(1);
}

static void measure(unsigned core)
{
	memset(&of_core[core], 0, sizeof of_core[core]); /* all pages are there */
	of_core[core].selfish = selfish();
	fixed_time_quantum(of_core[core].units);
}

int main(int argc, char **argv)
{
	unsigned cores = platform_cores(), most = 0, least = UINT32_MAX;
	uint64_t detours = 0, lost = 0, ticks = 0, longest = 0, shortest = UINT64_MAX,
		 units_lost = 0, units = 0;

	quanta = argc > 1 ? atoi(argv[1]) : 100;
	if (quanta < 1 || quanta > QUANTA_MOST || cores > CORES_MOST) {
		printf("usage: noise MILLISECONDS, 1 to %d, on at most %d cores\n", QUANTA_MOST,
		       CORES_MOST);
		platform_end(2);
	}
	platform_on_each_core(measure);
	for (unsigned core = 0; core < cores; core++) {
		const struct noise *noise = &of_core[core].selfish;
		const uint32_t *of_quanta = of_core[core].units;

		detours += noise->detours;
		lost += noise->lost;
		ticks += noise->ticks;
		longest = noise->longest > longest ? noise->longest : longest;
		shortest = noise->shortest < shortest ? noise->shortest : shortest;
		for (unsigned q = 0; q < quanta; q++) {
			most = of_quanta[q] > most ? of_quanta[q] : most;
			least = of_quanta[q] < least ? of_quanta[q] : least;
		}
	}
	for (unsigned core = 0; core < cores; core++)
		for (unsigned q = 0; q < quanta; q++) {
			units_lost += most - of_core[core].units[q];
			units += most;
		}
	printf("\n%s, %u cores\n", PLATFORM, cores);
	printf("cores=%u\nquanta=%u\n", cores, quanta);
	printf("detours=%lu\nticks=%lu\nlost_ticks=%lu\nshortest=%lu\nlongest=%lu\n",
	       (unsigned long)detours, (unsigned long)ticks, (unsigned long)lost,
	       (unsigned long)shortest, (unsigned long)longest);
	printf("ftq_most=%u\nftq_least=%u\nftq_lost=%lu\nftq_units=%lu\n", most, least,
	       (unsigned long)units_lost, (unsigned long)units);
	platform_end(0);
}
