/* SPDX-License-Identifier: MIT */
/*
 * Reads a slow disk without threads, in main and in a task: the core sleeps until the device
 * interrupts, and runs no other task meanwhile. Ends with 0 if so.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <baremetal/block.h>
#include <baremetal/task.h>

#define READS 12

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

static void read_all(void *unused)
{
	uint64_t before = interrupts(), told;

	(void)unused;
	bm_task_submit(NULL, other, NULL);
	reading = true;
	for (int i = 0; i < READS; i++)
		if (pread(file, page, sizeof(page), i * (off_t)sizeof(page)) != sizeof(page))
			exit(2);
	reading = false;
	told = interrupts() - before;
	printf("%d reads, %llu interrupts\n", READS, (unsigned long long)told);
	/* The first ones may come from what was saved up of the disk's speed. */
	wrong = wrong || told < READS / 2;
}

int main(void)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;

	file = open("/disk0/numbers", O_RDONLY);
	if (file < 0)
		return 3;
	read_all(NULL);
	bm_task_submit_wait(&group, read_all, NULL);
	bm_task_wait(&group);
	return wrong;
}
