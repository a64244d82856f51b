/* SPDX-License-Identifier: MIT */
/*
 * The API table and what needs no test of its own: version, size, no empty
 * member, the system's description, error names, clocks, sleeping, random
 * bytes. Prints a few addresses, to be compared between boots.
 */
#include <baremetal/baremetal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int failures;
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			failures++;                                                                \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                     \
		}                                                                                  \
	} while (0)

static void check_table(void)
{
	CHECK(bm_api->version == BM_API_VERSION);
	CHECK(bm_api->size == sizeof *bm_api);
	void *const *members = (void *const *)&bm_api->system_info;
	size_t count = (sizeof *bm_api - offsetof(struct bm_api, system_info)) / sizeof *members;
	for (size_t i = 0; i < count; i++)
		CHECK(members[i] != NULL);
}

static void check_system(void)
{
	const struct bm_system_info *info = bm_system_info();
	CHECK(info == bm_system_info());
	CHECK(info->api_version == BM_API_VERSION);
	CHECK(info->boot_protocol == BM_BOOT_PVH || info->boot_protocol == BM_BOOT_MULTIBOOT2);
	CHECK(info->cores >= 1);
	CHECK(info->kernel_version && info->kernel_version[0]);
	CHECK(info->loader_name && info->cpu_name && info->hypervisor && info->command_line);
	CHECK(strlen(info->cpu_name) > 3);
	CHECK(info->boot_tsc > 0);
	printf("kernel %s by <%s> on <%s> under <%s>, line <%s>\n", info->kernel_version,
	       info->loader_name, info->cpu_name, info->hypervisor, info->command_line);
	CHECK(!strcmp(bm_strerror(0), "success"));
	CHECK(!strcmp(bm_strerror(-BM_ENOMEM), "out of memory"));
	CHECK(!strcmp(bm_strerror(BM_ENOMEM), "out of memory"));
	CHECK(!strcmp(bm_strerror(-9999), "unknown error"));
	CHECK(!strcmp(bm_strerror(INT64_MIN), "unknown error"));
}

static void check_time(int counted)
{
	struct bm_clock_info clock;
	uint64_t last = bm_time_monotonic();
	for (int i = 0; i < 100000; i++) {
		uint64_t now = bm_time_monotonic();
		if (now < last) {
			CHECK(!"the monotonic clock went back");
			break;
		}
		last = now;
	}
	uint64_t start = bm_time_monotonic();
	CHECK(bm_sleep_until(start + BM_SECOND / 20) == 0);
	uint64_t slept = bm_time_monotonic() - start;
	CHECK(slept >= BM_SECOND / 20 && slept < 5 * BM_SECOND);
	start = bm_time_monotonic();
	CHECK(bm_sleep_until(0) == 0 && bm_sleep_until(start) == 0);
	CHECK(bm_time_monotonic() - start < BM_SECOND);
	bm_clock_info(&clock);
	CHECK(clock.source && clock.frequency_hz > 1000000 && clock.frequency_hz < 100000000000);
	/* The promise is 1 ms; a busy host may stop us longer than that. */
	CHECK(clock.waited_ns <= (counted ? 1000000 : 100000000));
	printf("clock <%s> at %llu Hz, waited %llu ns, invariant %u\n", clock.source,
	       (unsigned long long)clock.frequency_hz, (unsigned long long)clock.waited_ns,
	       clock.invariant);
	int64_t wall = 0;
	CHECK(bm_time_wall(&wall) == 0);
	printf("wall %lld s\n", (long long)(wall / (int64_t)BM_SECOND));
}

static void check_random(void)
{
	unsigned char a[64] = {0}, b[64] = {0};
	int status = bm_random(a, sizeof a);
	printf("random: %s\n", bm_strerror(status));
	if (status == -BM_ENODEV) {
		/* Fails closed: nothing is written. */
		for (size_t i = 0; i < sizeof a; i++)
			CHECK(a[i] == 0);
		return;
	}
	CHECK(status == 0 && bm_random(b, sizeof b) == 0 && memcmp(a, b, sizeof a));
	unsigned counts[256] = {0}, most = 0;
	for (int round = 0; round < 1000; round++) {
		CHECK(bm_random(a, sizeof a) == 0);
		for (size_t i = 0; i < sizeof a; i++)
			counts[a[i]]++;
	}
	for (int i = 0; i < 256; i++)
		most = counts[i] > most ? counts[i] : most;
	CHECK(most < 400); /* 250 each on average, standard deviation 16 */
	/* Odd sizes and places; the byte behind stays. */
	for (size_t size = 0; size < 63; size++) {
		memset(b, 0x55, sizeof b);
		CHECK(bm_random(b + 1, size) == 0 && b[0] == 0x55 && b[size + 1] == 0x55);
	}
}

static void show_log(void)
{
	uint64_t position = 0;
	char text[512];
	long n;
	while ((n = bm_log_read(&position, text, sizeof text)) > 0)
		printf("%.*s", (int)n, text);
}

/*
 * counted: the clock counts instructions, so waits are exact
 * log:     show the log as well
 */
int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	int local;

	check_table();
	check_system();
	check_time(!strcmp(word, "counted"));
	check_random();
	printf("main at %p\nstack at %p\n", (void *)(uintptr_t)main, (void *)&local);
	if (!strcmp(word, "log"))
		show_log();
	return failures != 0;
}
