/* SPDX-License-Identifier: MIT */
/*
 * How fast a disk is: random reads of 4 KiB, one at a time and many at once, and long reads and
 * writes.
 *
 * Arguments, each optional: device=N (default: all), seconds=S for each line (1), depth=N (32),
 * size=MIB of the disk that is used (all), write: also write. What the disk holds is lost then.
 */
#include <baremetal/block.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64
#define SMALL     4096u
#define LARGE     (1u << 20)

struct run {
	uint32_t device, bytes, depth;
	uint8_t operation;
	int random;
	uint64_t places;  /* of `bytes` each */
	uint64_t sectors; /* in one */
};

struct result {
	uint64_t count, ns, worst_ns;
	int status; /* of the first that failed */
};

/* A request, with its memory and the time when it began. */
struct slot {
	struct bm_block_request request;
	struct bm_block_segment segment;
	uint64_t begun;
};

static uint64_t seconds = 1, depth = 32, size_mib;
static int writes;
static struct slot slots[DEPTH_MAX];

/* Those that have been answered since the last look, and those that are to be begun together. */
static struct bm_block_request *ready[DEPTH_MAX], *waiting[DEPTH_MAX];
static uint32_t ready_count, waiting_count;

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252;
	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static void answered(struct bm_block_request *request)
{
	ready[ready_count++] = request;
}

static void note(struct result *result, const struct slot *s, uint64_t now)
{
	result->count++;
	if (now - s->begun > result->worst_ns)
		result->worst_ns = now - s->begun;
	if (s->request.status && !result->status)
		result->status = s->request.status;
}

static uint64_t next_sector(const struct run *run, uint64_t *place)
{
	uint64_t at = run->random ? next_random() % run->places : (*place)++ % run->places;
	return at * run->sectors;
}

/* One after the other, with the call that waits. */
static struct result run_alone(const struct run *run)
{
	uint64_t start = bm_time_monotonic(), end = start + seconds * BM_SECOND, now = start;
	struct result result = {0};
	struct slot *s = &slots[0];
	uint64_t place = 0;

	while (now < end && !result.status) {
		s->begun = now;
		s->request.status = bm_block_read(run->device, next_sector(run, &place),
						  s->segment.address, run->bytes, BM_FOREVER);
		now = bm_time_monotonic();
		note(&result, s, now);
	}
	result.ns = now - start;
	return result;
}

static void make_wait(const struct run *run, struct bm_block_request *request, uint64_t *place)
{
	request->sector = next_sector(run, place);
	waiting[waiting_count++] = request;
}

/*
 * Begin what waits, as much as the device's queue has room for: a large request may take several
 * of its places. The rest waits until some have been answered. Returns how many, or an error.
 */
static int begin(const struct run *run, uint64_t now)
{
	for (uint32_t i = 0; i < waiting_count; i++)
		((struct slot *)waiting[i]->user)->begun = now;
	int taken = bm_block_submit(run->device, waiting, waiting_count);
	if (taken > 0) {
		waiting_count -= (uint32_t)taken;
		memmove(waiting, waiting + taken, waiting_count * sizeof *waiting);
	}
	return taken;
}

/* Several at once: whatever has been answered is begun anew. */
static struct result run_many(const struct run *run)
{
	uint64_t start = bm_time_monotonic(), end = start + seconds * BM_SECOND, now = start;
	struct result result = {0};
	uint64_t place = 0;
	uint32_t under_way = 0;

	ready_count = waiting_count = 0;
	for (uint32_t i = 0; i < run->depth; i++) {
		struct slot *s = &slots[i];
		s->request = (struct bm_block_request){.operation = run->operation,
						       .segment_count = 1,
						       .segments = &s->segment,
						       .done = answered,
						       .user = s};
		s->segment.bytes = run->bytes;
		make_wait(run, &s->request, &place);
	}
	for (;;) {
		if (waiting_count && now < end && !result.status) {
			int taken = begin(run, now);
			if (taken < 0 || (!taken && !under_way))
				result.status = taken < 0 ? taken : -BM_EBUSY;
			else
				under_way += (uint32_t)taken;
		}
		if (!under_way)
			break;
		bm_block_poll(run->device, BM_BLOCK_ALL_QUEUES);
		if (!ready_count)
			continue;
		now = bm_time_monotonic();
		under_way -= ready_count;
		for (uint32_t i = 0; i < ready_count; i++) {
			note(&result, ready[i]->user, now);
			make_wait(run, ready[i], &place);
		}
		ready_count = 0;
	}
	result.ns = bm_time_monotonic() - start;
	return result;
}

static int print(const char *what, const struct run *run)
{
	struct result r = run->depth == 1 ? run_alone(run) : run_many(run);
	char name[64];

	snprintf(name, sizeof name, what, (unsigned)run->depth);
	if (r.status) {
		printf("%-34s failed: %s\n", name, bm_strerror(r.status));
		return 1;
	}
	uint64_t per_second = r.count * BM_SECOND / r.ns;
	printf("%-34s %9lu /s %9.1f MB/s %9.1f us each, %.1f at worst\n", name,
	       (unsigned long)per_second, (double)per_second * run->bytes / 1e6,
	       (double)r.ns / 1e3 * run->depth / (double)r.count, (double)r.worst_ns / 1e3);
	return 0;
}

static int bench(uint32_t device, const struct bm_block_info *info)
{
	uint64_t bytes = info->sectors * info->sector_size;
	int failed;

	if (size_mib && size_mib << 20 < bytes)
		bytes = size_mib << 20;
	printf("%s: \"%s\", %.1f MB, sectors of %u bytes, %u at once in each of %u queues\n",
	       info->name, info->model, (double)bytes / 1e6, (unsigned)info->sector_size,
	       (unsigned)info->depth, (unsigned)info->queues);
	if (bytes < LARGE) {
		printf("%s is too small\n", info->name);
		return 1;
	}
	if (depth > info->depth)
		depth = info->depth;
	struct run small = {
	    device, SMALL, 1, BM_BLOCK_READ, 1, bytes / SMALL, SMALL / info->sector_size};
	struct run large = {
	    device, LARGE, 4, BM_BLOCK_READ, 0, bytes / LARGE, LARGE / info->sector_size};
	failed = print("random 4 KiB reads, %u at a time", &small);
	small.depth = (uint32_t)depth;
	failed |= print("random 4 KiB reads, %u at a time", &small);
	failed |= print("1 MiB reads, %u at a time", &large);
	large.operation = BM_BLOCK_WRITE;
	if (writes && !(info->flags & BM_BLOCK_READ_ONLY))
		failed |= print("1 MiB writes, %u at a time", &large);
	return failed;
}

/* NAME=NUMBER. */
static int take_number(const char *word, const char *name, uint64_t least, uint64_t most,
		       uint64_t *to)
{
	size_t length = strlen(name);
	char *end;

	if (strncmp(word, name, length) || word[length] != '=')
		return 0;
	unsigned long value = strtoul(word + length + 1, &end, 10);
	if (*end || end == word + length + 1 || value < least || value > most)
		return 0;
	*to = value;
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t only = UINT32_MAX;
	struct bm_block_info info;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "write")) {
			writes = 1;
		} else if (!take_number(argv[i], "device", 0, 63, &only) &&
			   !take_number(argv[i], "seconds", 1, 3600, &seconds) &&
			   !take_number(argv[i], "depth", 2, DEPTH_MAX, &depth) &&
			   !take_number(argv[i], "size", 1, UINT32_MAX, &size_mib)) {
			printf(
			    "%s: not device=0…63, seconds=1…3600, depth=2…%d, size=MIB or write\n",
			    argv[i], DEPTH_MAX);
			return 2;
		}
	}
	int count = bm_block_count();
	if (!count || (only != UINT32_MAX && only >= (uint64_t)count)) {
		puts("there is no such disk; give the machine one, as README.md says");
		return 1;
	}
	for (int i = 0; i < DEPTH_MAX; i++) {
		slots[i].segment.address = aligned_alloc(4096, i < 4 ? LARGE : SMALL);
		if (!slots[i].segment.address) {
			puts("out of memory: give the machine more (baremetal run --memory 64M)");
			return 1;
		}
	}
	for (int i = 0; i < count; i++)
		if ((only == UINT32_MAX || only == (uint64_t)i) && !bm_block_info(i, &info))
			failed |= bench(i, &info);
	return failed;
}
