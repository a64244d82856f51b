/* SPDX-License-Identifier: MIT */
/*
 * A write-verify load for any block device: load NAME=VALUE …
 *
 *   device=N      its number (default: the first of that name that can be written)
 *   seconds=N     at least so long (0)
 *   requests=N    in all (default: 2,000)          depth=N      under way at once, a core (16)
 *   sectors=N     the part of the device that is used (default: 4,096, or all that it has)
 *   most=N        largest request, in bytes (default: 128 KiB)
 *   driver=NAME   what the device's name must begin with
 *   errors=1      requests may fail with EIO: those sectors' content is not known then
 *   eio=N         so many must have failed       eio-most=N   so many, or fewer
 *   bad=N         what touches this sector must fail, and nothing else
 *   size=N        sector size that it must have    read-only=1  every write must be refused
 *   wait=poll|arm|block   how answers are awaited (default: poll)
 *   steps=1       all that is under way ends before more is begun: each run makes the same requests
 *
 * Each core has a region of its own, that it writes, reads, flushes and discards at random, as many
 * requests as `depth` at once, never two that overlap. Each sector holds its number and a version;
 * a read checks every byte. The memory is cut into segments of odd places. At the end all is read
 * once more by another core. The counters of bm_block_info() must agree with what was done.
 */
#include <baremetal/block.h>
#include <baremetal/system.h>
#include <baremetal/task.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../libc/check.h"

#define CORES_MAX    64
#define SEGMENTS_MAX 24
#define DEPTH_MAX    256
#define FLUSH_EVERY  30 /* so that a short run flushes too, however its requests fall */
#define ANY          UINT32_MAX
#define UNKNOWN      UINT32_MAX

static struct {
	unsigned long device, requests, depth, sectors, most, errors, size, seconds, read_only, eio,
	    eio_most, bad, steps;
	const char *driver, *wait;
} options = {.device = ANY,
	     .bad = ANY,
	     .requests = 2000,
	     .depth = 16,
	     .sectors = 4096,
	     .most = 131072,
	     .wait = "poll",
	     .driver = ""};

static struct bm_block_info info;
static uint32_t shift_bytes; /* sector size */
static uint32_t *versions;   /* of each sector; UNKNOWN: nothing is known */
static unsigned long eio, done_reads, done_writes, done_flushes, done_discards;

struct slot {
	struct bm_block_request request;
	struct bm_block_segment segments[SEGMENTS_MAX];
	char *memory;
	uint64_t first, count; /* sectors */
	uint32_t version;
	volatile int state; /* 0 free, 1 under way, 2 done was called */
	volatile int calls;
};

struct worker {
	uint64_t first, count; /* its region */
	uint64_t random;
	uint32_t version;
	unsigned long requests, tries;
	struct slot *slots;
	unsigned bad;
};
static struct worker workers[CORES_MAX];

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What byte I of a sector holds: all differ from sector to sector and from version to version. */
static void fill(char *memory, uint64_t sector, uint32_t version)
{
	uint64_t *words = (uint64_t *)memory, x = sector * 0x9e3779b97f4a7c15 + version;
	for (uint32_t i = 0; i < shift_bytes / 8; i++) {
		words[i] = i ? x : sector << 32 | version;
		x = x * 6364136223846793005 + 1442695040888963407;
	}
}

static int is_filled(const char *memory, uint64_t sector, uint32_t version)
{
	const uint64_t *words = (const uint64_t *)memory;
	uint64_t x = sector * 0x9e3779b97f4a7c15 + version;
	for (uint32_t i = 0; i < shift_bytes / 8; i++) {
		if (words[i] != (i ? x : sector << 32 | version))
			return 0;
		x = x * 6364136223846793005 + 1442695040888963407;
	}
	return 1;
}

/* Cut the slot's memory into segments; some whole, some of one sector. */
static void cut(struct worker *w, struct slot *s)
{
	uint64_t left = s->count * shift_bytes;
	char *at = s->memory;
	int n = 0;
	while (left) {
		uint64_t bytes = (1 + next_random(&w->random) % 8) * shift_bytes;
		if (bytes > left || n == SEGMENTS_MAX - 1)
			bytes = left;
		s->segments[n++] = (struct bm_block_segment){at, bytes};
		at += bytes;
		left -= bytes;
	}
	s->request.segment_count = n;
	s->request.segments = s->segments;
}

static void called(struct bm_block_request *request)
{
	struct slot *s = request->user;
	s->calls++;
	__atomic_store_n(&s->state, 2, __ATOMIC_RELEASE);
}

/* Does any slot under way touch these sectors? */
static int overlaps(const struct worker *w, uint64_t first, uint64_t count)
{
	for (unsigned i = 0; i < options.depth; i++) {
		const struct slot *s = &w->slots[i];
		if (s->state && first < s->first + s->count && s->first < first + count)
			return 1;
	}
	return 0;
}

static void complain(struct worker *w, const struct slot *s, const char *what, uint64_t sector)
{
	if (w->bad++ < 5)
		printf("%s: sector %lu of request %lu+%lu, operation %u, status %d\n", what,
		       (unsigned long)sector, (unsigned long)s->first, (unsigned long)s->count,
		       s->request.operation, (int)s->request.status);
}

/* An answer: check it, and note what the sectors hold now. */
static void settle(struct worker *w, struct slot *s)
{
	int status = s->request.status;

	if (s->request.done && s->calls != 1)
		complain(w, s, "done was not called once", s->first);
	if (status && !(options.errors && status == -BM_EIO))
		complain(w, s, "unexpected status", s->first);
	if (options.bad != ANY && s->request.operation != BM_BLOCK_DISCARD &&
	    (status != 0) != (options.bad - s->first < s->count))
		complain(w, s, status ? "failed" : "did not fail", s->first);
	if (status)
		__atomic_fetch_add(&eio, 1, __ATOMIC_RELAXED);
	switch (s->request.operation) {
	case BM_BLOCK_READ:
		__atomic_fetch_add(&done_reads, 1, __ATOMIC_RELAXED);
		for (uint64_t i = 0; i < s->count && !status; i++) {
			const char *memory = s->memory + i * shift_bytes;
			uint32_t version = versions[s->first + i];
			if (version != UNKNOWN && !is_filled(memory, s->first + i, version))
				complain(w, s, "wrong content", s->first + i);
		}
		break;
	case BM_BLOCK_WRITE:
		__atomic_fetch_add(&done_writes, 1, __ATOMIC_RELAXED);
		for (uint64_t i = 0; i < s->count; i++)
			versions[s->first + i] = status ? UNKNOWN : s->version;
		break;
	case BM_BLOCK_DISCARD:
		__atomic_fetch_add(&done_discards, 1, __ATOMIC_RELAXED);
		for (uint64_t i = 0; i < s->count; i++)
			versions[s->first + i] = UNKNOWN;
		break;
	default:
		__atomic_fetch_add(&done_flushes, 1, __ATOMIC_RELAXED);
	}
	s->state = 0;
}

/* Make a request. False if its sectors are in use. */
static int make(struct worker *w, struct slot *s)
{
	uint64_t most = options.most / shift_bytes, kind = next_random(&w->random) % 100;
	struct bm_block_request *r = &s->request;

	most = most < w->count ? most : w->count;
	memset(r, 0, sizeof *r);
	s->count =
	    1 + next_random(&w->random) % (next_random(&w->random) % 4 ? most / 8 + 1 : most);
	s->first = w->first + next_random(&w->random) % (w->count - s->count + 1);
	s->calls = 0;
	r->sector = s->first;
	r->user = s;
	if (!strcmp(options.wait, "arm"))
		r->done = called;
	if (++w->tries % FLUSH_EVERY == 0 || kind < 3) {
		r->operation = BM_BLOCK_FLUSH;
		r->sector = s->first = s->count = 0;
		return 1;
	}
	if (overlaps(w, s->first, s->count))
		return 0;
	if (kind < 5 && info.flags & BM_BLOCK_HAS_DISCARD) {
		r->operation = BM_BLOCK_DISCARD;
		r->sectors = s->count;
		return 1;
	}
	cut(w, s);
	r->operation = kind < 50 ? BM_BLOCK_READ : BM_BLOCK_WRITE;
	if (r->operation == BM_BLOCK_READ) {
		memset(s->memory, 0xa5, s->count * shift_bytes);
	} else {
		r->flags = kind > 90 ? BM_BLOCK_FUA : 0;
		s->version = ++w->version;
		for (uint64_t i = 0; i < s->count; i++)
			fill(s->memory + i * shift_bytes, s->first + i, s->version);
	}
	return 1;
}

static int is_answered(const struct slot *s)
{
	if (s->request.done)
		return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == 2;
	return __atomic_load_n(&s->request.status, __ATOMIC_ACQUIRE) != BM_BLOCK_PENDING;
}

/* Settle what has been answered. Returns how many are under way. */
static unsigned collect(struct worker *w)
{
	unsigned left = 0;
	for (unsigned i = 0; i < options.depth; i++) {
		struct slot *s = &w->slots[i];
		if (s->state && is_answered(s))
			settle(w, s);
		left += s->state != 0;
	}
	return left;
}

static void wait_some(struct worker *w)
{
	struct slot *s = NULL;
	for (unsigned i = 0; i < options.depth && !s; i++)
		s = w->slots[i].state ? &w->slots[i] : NULL;
	if (!s)
		return;
	if (!strcmp(options.wait, "block")) {
		bm_block_wait(options.device, &s->request);
	} else if (!strcmp(options.wait, "arm")) {
		bm_block_arm(options.device, s->request.queue);
		bm_sleep_until(bm_time_monotonic() + 200000);
		bm_task_run_one();
	} else {
		bm_block_poll(options.device, s->request.queue);
		bm_task_run_one();
	}
}

static void work(void *argument)
{
	struct worker *w = argument;
	uint64_t end = bm_time_monotonic() + options.seconds * BM_SECOND;
	unsigned long made = 0;

	while (made < w->requests || bm_time_monotonic() < end) {
		struct bm_block_request *batch[8];
		struct slot *slots[8];
		unsigned n = 0;
		for (unsigned i = 0; i < options.depth; i++) {
			struct slot *s = &w->slots[i];
			if (s->state)
				continue;
			if (n >= 1 + next_random(&w->random) % 8)
				break;
			if (!make(w, s))
				continue;
			s->state = 1;
			batch[n] = &s->request;
			slots[n++] = s;
		}
		for (unsigned sent = 0; sent < n;) {
			int taken = bm_block_submit(options.device, batch + sent, n - sent);
			if (taken < 0) {
				complain(w, slots[sent], "not taken", 0);
				return;
			}
			sent += taken;
			if (!taken)
				bm_block_poll(options.device, BM_BLOCK_ALL_QUEUES);
		}
		made += n;
		collect(w);
		if (!n)
			wait_some(w);
		while (options.steps && collect(w))
			wait_some(w);
	}
	while (collect(w))
		wait_some(w);
}

/* Read a region of another core's, and compare all of it. */
static void verify(void *argument)
{
	struct worker *w = argument;
	struct slot *s = &w->slots[0];
	for (uint64_t at = 0; at < w->count; at += s->count) {
		s->first = w->first + at;
		s->count = options.most / shift_bytes;
		if (s->count > w->count - at)
			s->count = w->count - at;
		int status = bm_block_read(options.device, s->first, s->memory,
					   s->count * shift_bytes, BM_FOREVER);
		if (status && !(options.errors && status == -BM_EIO))
			complain(w, s, "unexpected status of the last read", s->first);
		for (uint64_t i = 0; i < s->count && !status; i++)
			if (versions[s->first + i] != UNKNOWN &&
			    !is_filled(s->memory + i * shift_bytes, s->first + i,
				       versions[s->first + i]))
				complain(w, s, "wrong content at the end", s->first + i);
		if (status)
			__atomic_fetch_add(&eio, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&done_reads, 1, __ATOMIC_RELAXED);
	}
}

static void on_all(bm_task_fn *function, uint32_t cores, uint32_t shift)
{
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	for (uint32_t i = 0; i < cores; i++)
		bm_task_submit_to((i + shift) % cores, &group, function, &workers[i]);
	bm_task_wait(&group);
}

/* What must be refused, and with which name; nothing of it reaches the device. */
static void check_refusals(void)
{
	uint32_t d = options.device;
	char *memory = aligned_alloc(4096, 3 * shift_bytes + 4096);
	struct bm_block_request r, *list[] = {&r};
	struct bm_block_segment segment = {memory, shift_bytes};

	CHECK(bm_block_submit(bm_block_count(), list, 1) == -BM_EINVAL);
	CHECK(bm_block_poll(d, info.queues) == -BM_EINVAL);
	CHECK(bm_block_info(bm_block_count(), &info) == -BM_EINVAL);
	CHECK(bm_block_set_timeout(d, 1) == -BM_EINVAL);
	CHECK(bm_block_read(d, 0, memory, shift_bytes - 1, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, 0, memory, 0, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, 0, memory + 1, shift_bytes, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, 0, memory + 2, shift_bytes, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, info.sectors, memory, shift_bytes, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, info.sectors - 1, memory, 2 * shift_bytes, BM_FOREVER) ==
	      -BM_EINVAL);
	CHECK(bm_block_read(d, UINT64_MAX, memory, shift_bytes, BM_FOREVER) == -BM_EINVAL);
	CHECK(bm_block_read(d, 0, NULL, shift_bytes, BM_FOREVER) == -BM_EFAULT);
	CHECK(bm_block_read(d, 0, (void *)0x123456789000, shift_bytes, BM_FOREVER) == -BM_EFAULT);
	CHECK(bm_block_read(d, 0, (void *)0x8000000000000000, shift_bytes, BM_FOREVER) ==
	      -BM_EFAULT);
	/* Read-only memory must not be read into. */
	CHECK(bm_block_read(d, 0, (void *)((uintptr_t)check_refusals & -4ul), shift_bytes,
			    BM_FOREVER) == -BM_EFAULT);
	for (int i = 0; i < 6; i++) {
		memset(&r, 0, sizeof r);
		r.segments = &segment;
		r.segment_count = i != 0;
		r.operation = i == 1 ? 77 : BM_BLOCK_READ;
		r.flags = i == 2 ? BM_BLOCK_FUA : i == 3 ? 128 : 0;
		r.reserved = i == 4;
		r.sectors = i == 5;
		CHECK(bm_block_submit(d, list, 1) == 1 && r.status == -BM_EINVAL);
	}
	/* The last sector can be read; with a deadline. */
	CHECK(bm_block_read(d, info.sectors - 1, memory, shift_bytes,
			    bm_time_monotonic() + 20 * BM_SECOND) == 0);
	/* At any multiple of 4, over a page's border. */
	CHECK(bm_block_read(d, 0, memory + 4096 - 4, shift_bytes, BM_FOREVER) == 0);
	CHECK(bm_block_submit(d, list, 0) == 0);
	CHECK(bm_block_flush(d, BM_FOREVER) == 0);
	free(memory);
}

static void check_read_only(void)
{
	char *memory = aligned_alloc(4096, 4096);
	CHECK(info.flags & BM_BLOCK_READ_ONLY);
	CHECK(bm_block_write(options.device, 0, memory, shift_bytes, 0, BM_FOREVER) == -BM_EROFS);
	CHECK(bm_block_read(options.device, 0, memory, shift_bytes, BM_FOREVER) == 0);
	CHECK(bm_block_flush(options.device, BM_FOREVER) == 0);
}

static int option(char *word)
{
	char *value = strchr(word, '=');
	if (!value)
		return 0;
	*value++ = 0;
	unsigned long n = strtoul(value, NULL, 0);
	struct {
		const char *name;
		unsigned long *to;
	} numbers[] = {{"device", &options.device},       {"requests", &options.requests},
		       {"depth", &options.depth},         {"sectors", &options.sectors},
		       {"most", &options.most},           {"errors", &options.errors},
		       {"size", &options.size},           {"seconds", &options.seconds},
		       {"read-only", &options.read_only}, {"eio", &options.eio},
		       {"eio-most", &options.eio_most},   {"bad", &options.bad},
		       {"steps", &options.steps}};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (!strcmp(word, numbers[i].name)) {
			*numbers[i].to = n;
			return 1;
		}
	if (!strcmp(word, "driver"))
		options.driver = value;
	else if (!strcmp(word, "wait"))
		options.wait = value;
	else
		return 0;
	return 1;
}

/* What waited for the device before has armed it: until the kernel has seen that nothing is under
 * way any more. It looks every 10 ms. */
static void disarm(void)
{
	uint64_t end = bm_time_monotonic() + BM_SECOND / 20;
	while (bm_time_monotonic() < end)
		if (!bm_task_run_one())
			bm_sleep_until(bm_time_monotonic() + BM_SECOND / 1000);
}

int main(int argc, char **argv)
{
	uint32_t cores = bm_system_info()->cores, chosen = 0;
	/* A first word without '=' keeps the others from being the environment. */
	for (int i = 1 + (argc > 1 && !strchr(argv[1], '=')); i < argc; i++)
		if (!option(argv[i])) {
			printf("what is %s?\n", argv[i]);
			return 2;
		}
	chosen = bm_block_count();
	/* Firmware boots from an optical drive, which is a device as well. */
	for (int i = bm_block_count(); options.device == ANY && i--;)
		if (!bm_block_info(i, &info) &&
		    !strncmp(info.name, options.driver, strlen(options.driver)) &&
		    (options.read_only || !(info.flags & BM_BLOCK_OPTICAL)))
			chosen = i;
	if (options.device == ANY)
		options.device = chosen;
	if (bm_block_info(options.device, &info)) {
		printf("there is no block device %lu of %d\n", options.device, bm_block_count());
		return 3;
	}
	printf("%s at %s: %lu sectors of %u bytes, model \"%s\", serial \"%s\", flags %#x, %u "
	       "queues of "
	       "%u\n",
	       info.name, info.address, (unsigned long)info.sectors, info.sector_size, info.model,
	       info.serial, info.flags, info.queues, info.depth);
	shift_bytes = info.sector_size;
	CHECK(!strncmp(info.name, options.driver, strlen(options.driver)));
	CHECK(!options.size || info.sector_size == options.size);
	if (options.read_only) {
		check_read_only();
		return check_status();
	}
	if (!options.errors)
		check_refusals();
	bm_block_info(options.device, &info);
	struct bm_block_info before = info;

	if (options.sectors > info.sectors)
		options.sectors = info.sectors;
	versions = malloc(options.sectors * sizeof *versions);
	memset(versions, 0xff, options.sectors * sizeof *versions);
	cores = cores < CORES_MAX ? cores : CORES_MAX;
	for (uint32_t i = 0; i < cores; i++) {
		struct worker *w = &workers[i];
		w->count = options.sectors / cores;
		w->first = w->count * i;
		w->random = 88172645463325252 + i;
		w->requests = options.requests / cores;
		w->slots = calloc(options.depth, sizeof *w->slots);
		for (unsigned n = 0; n < options.depth; n++)
			/* At odd places of pages. */
			w->slots[n].memory =
			    (char *)malloc(options.most + 4096) + 4 * (n * 37 % 1000);
	}
	disarm();
	uint64_t start = bm_time_monotonic();
	on_all(work, cores, 0);
	uint64_t ns = bm_time_monotonic() - start;
	bm_block_info(options.device, &info);
	/* Who polls is not interrupted. */
	if (!strcmp(options.wait, "poll") && !options.errors)
		CHECK(info.interrupts - before.interrupts <= 4 * cores);
	on_all(verify, cores, 1);
	for (uint32_t i = 0; i < cores; i++)
		CHECK(workers[i].bad == 0);
	bm_block_info(options.device, &info);
	CHECK(info.reads - before.reads == done_reads);
	CHECK(info.writes - before.writes == done_writes);
	CHECK(info.flushes - before.flushes == done_flushes);
	CHECK(info.discards - before.discards == done_discards);
	CHECK(info.errors - before.errors == eio);
	CHECK(info.strays == 0);
	CHECK(!options.eio || eio == options.eio);
	CHECK(!options.eio_most || eio <= options.eio_most);
	CHECK(options.errors || info.resets == 0);
	printf("%lu reads, %lu writes, %lu flushes, %lu discards, %lu errors, %lu interrupts, %lu "
	       "resets, "
	       "%lu retries, %lu ms\n",
	       done_reads, done_writes, done_flushes, done_discards, eio,
	       (unsigned long)info.interrupts, (unsigned long)info.resets,
	       (unsigned long)info.retries, (unsigned long)(ns / 1000000));
	return check_status();
}
