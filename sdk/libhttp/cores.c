/* SPDX-License-Identifier: MIT */
/*
 * HTTP server: what each core does, for the status page and the metrics: the kernel's counters in
 * the guest. On the host, where the library is tested, /proc/stat stands in.
 */
#include <unistd.h>

#include "internal.h"

#ifdef __baremetal__

#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>

uint32_t cores_count(void)
{
	return bm_system_info()->cores;
}

bool cores_read(uint32_t number, struct bm_http_core *core)
{
	struct bm_core_info info;

	if (bm_core_info(number, &info) != 0)
		return false;
	core->total_ns = bm_time_monotonic();
	core->idle_ns = info.idle_ns;
	core->sleep_ns = info.sleep_ns;
	core->tasks = info.tasks;
	core->wake_ups = info.wake_ups;
	return true;
}

#else

#include <stdio.h>

uint32_t cores_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores > 0 ? (uint32_t)cores : 1;
}

bool cores_read(uint32_t number, struct bm_http_core *core)
{
	FILE *file = fopen("/proc/stat", "r");
	char line[512], name[16];
	bool found = false;

	if (!file)
		return false;
	snprintf(name, sizeof(name), "cpu%u ", number);
	while (!found && fgets(line, sizeof(line), file)) {
		unsigned long long ticks[8];

		if (strncmp(line, name, strlen(name)) != 0)
			continue;
		found = sscanf(line, "%*s %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0],
			       &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
			       &ticks[7]) == 8;
		if (found) {
			uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);

			*core = (struct bm_http_core){.idle_ns = (ticks[3] + ticks[4]) * tick};
			core->sleep_ns = core->idle_ns;
			for (int i = 0; i < 8; i++)
				core->total_ns += ticks[i] * tick;
		}
	}
	fclose(file);
	return found;
}

#endif
