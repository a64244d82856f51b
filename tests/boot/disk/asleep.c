/* SPDX-License-Identifier: MIT */
/*
 * Reads a slow disk without threads, in main and in a task: the core sleeps until the device
 * interrupts, and runs no other task meanwhile. Where there are three cores, another one polls the
 * same queues all the time, which must not keep the interrupts from the one that sleeps, and submits
 * tasks, which must run on the third. Ends with 0 if so. With a word, another core crashes meanwhile.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <baremetal/block.h>
#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

#define SAVED_UP 4  /* reads that QEMU may let through at once: the disk was idle before */
#define READS    20 /* and those that it does not */
#define ROUNDS   5
#define PAUSE    (3 * BM_SECOND / 1000)
#define SOON     (BM_SECOND / 3) /* the disk no longer lets anything through at once */
#define LONG     (20 * BM_SECOND) /* far beyond what a busy machine explains */

static _Alignas(4096) char page[4096];
static int file;
static bool reading, wrong;

/* Would run on the core that waits if that ran tasks: there it must not. */
static void other(void *unused)
{
	(void)unused;
	wrong = wrong || (reading && bm_core_info(1, &(struct bm_core_info){0}));
}

static uint64_t interrupts(void)
{
	struct bm_block_info info;

	return bm_block_info(0, &info) ? 0 : info.interrupts;
}

static void read_page(int number)
{
	if (pread(file, page, sizeof(page), number * (off_t)sizeof(page)) != sizeof(page))
		exit(2);
}

/*
 * An answer that no interrupt told was found by time, so late. Now and then somebody looks in the
 * very moment in which it comes, and is first: on a busy machine more often, so there are rounds.
 */
static void read_all(void *unused)
{
	unsigned told = 0;

	(void)unused;
	bm_task_submit(NULL, other, NULL);
	__atomic_store_n(&reading, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < SAVED_UP; i++)
		read_page(i);
	for (int round = 0; round < ROUNDS && told < READS * 3 / 4; round++) {
		uint64_t before = interrupts();

		for (int i = SAVED_UP; i < SAVED_UP + READS; i++)
			read_page(i);
		told = (unsigned)(interrupts() - before);
		printf("%d reads, %u interrupts\n", READS, told);
	}
	__atomic_store_n(&reading, false, __ATOMIC_SEQ_CST);
	wrong = wrong || told < READS * 3 / 4;
}

static uint32_t ran_on;

static void note_core(void *done)
{
	ran_on = bm_core();
	__atomic_store_n((bool *)done, true, __ATOMIC_SEQ_CST);
}

/* On core 1, while core 0 reads. */
static void poll_and_submit(void *unused)
{
	unsigned count = 0;

	(void)unused;
	while (!__atomic_load_n(&reading, __ATOMIC_SEQ_CST))
		__builtin_ia32_pause();
	while (__atomic_load_n(&reading, __ATOMIC_SEQ_CST)) {
		static bool done;
		uint64_t begun = bm_time_monotonic();

		bm_block_poll(0, BM_BLOCK_ALL_QUEUES);
		done = false;
		bm_task_submit(NULL, note_core, &done);
		while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
			if (bm_time_monotonic() - begun > LONG) {
				puts("a task waited while a core slept");
				exit(4);
			}
		/* When it has read all, core 0 takes tasks as well. */
		wrong = wrong || (ran_on != 2 && __atomic_load_n(&reading, __ATOMIC_SEQ_CST));
		count++;
		bm_sleep_until(bm_time_monotonic() + PAUSE);
	}
	printf("%u tasks\n", count);
	wrong = wrong || !count;
}

/* On core 1. */
static void crash(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&reading, __ATOMIC_SEQ_CST))
		__builtin_ia32_pause();
	bm_sleep_until(bm_time_monotonic() + SOON);
	bm_crash("on purpose");
}

int main(int argc, char **argv)
{
	(void)argv;
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	bool three = !bm_core_info(2, &(struct bm_core_info){0});

	file = open("/disk0/numbers", O_RDONLY);
	if (file < 0)
		return 3;
	if (three)
		bm_task_submit_to(1, &group, argc > 1 ? crash : poll_and_submit, NULL);
	read_all(NULL);
	bm_task_wait(&group);
	bm_task_submit_wait(&group, read_all, NULL);
	bm_task_wait(&group);
	return wrong;
}
