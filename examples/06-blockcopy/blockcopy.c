/* SPDX-License-Identifier: MIT */
/*
 * Copy one disk to another, of whatever kinds they are, and compare: blockcopy FROM TO [MEBIBYTES]
 *
 * FROM and TO are the names that are printed without arguments (nvme0, ahci1 …) or their numbers.
 * Some buffers are in motion at the same time: each is read from one disk, then written to the
 * other, so that both disks always have work. What was written is flushed, read again, and
 * compared.
 */
#include <baremetal/block.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS 16
#define BYTES   (256 << 10) /* of a buffer: a multiple of every sector size */

struct buffer {
	struct bm_block_request request;
	struct bm_block_segment segment;
	char *memory, *other; /* the second one is for comparing */
	uint64_t at;          /* bytes from the disks' begin */
	size_t bytes;
	enum { FREE, READING, WRITING, COMPARING, DONE } state;
	int answered;
};

static struct buffer buffers[BUFFERS];
static struct bm_block_info from_info, to_info;
static uint32_t from, to;

/* Runs when a request has been answered, on the core that polls. */
static void answered(struct bm_block_request *request)
{
	struct buffer *b = request->user;
	b->answered = 1;
}

/* A disk by its name or number; -1: there is none. */
static int find(const char *text, struct bm_block_info *info)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	for (int i = 0; i < bm_block_count(); i++)
		if (!bm_block_info(i, info) &&
		    (!strcmp(info->name, text) || (!*end && number == (unsigned long)i)))
			return i;
	return -1;
}

static void list(void)
{
	struct bm_block_info info;
	for (int i = 0; !bm_block_info(i, &info); i++)
		printf("%d  %-12s %8lu MiB  sectors of %u bytes%s  %s\n", i, info.name,
		       (unsigned long)(info.sectors * info.sector_size >> 20), info.sector_size,
		       info.flags & BM_BLOCK_READ_ONLY ? ", read-only" : "", info.model);
}

/* Hand a buffer to a disk. */
static int begin(struct buffer *b, uint32_t disk, uint8_t operation, char *memory)
{
	struct bm_block_request *r = &b->request;
	uint32_t sector = disk == from ? from_info.sector_size : to_info.sector_size;
	int taken;

	/* A last piece that is no whole sector of this disk is filled up with zeros. */
	size_t bytes = (b->bytes + sector - 1) / sector * sector;
	memset(memory + b->bytes, 0, bytes - b->bytes);
	memset(r, 0, sizeof *r);
	b->segment = (struct bm_block_segment){memory, bytes};
	b->answered = 0;
	r->operation = operation;
	r->segments = &b->segment;
	r->segment_count = 1;
	r->sector = b->at / sector;
	r->done = answered;
	r->user = b;
	/* 0: the disk has as much as it takes. Its answers make room. */
	while ((taken = bm_block_submit(disk, &r, 1)) == 0)
		bm_block_poll(disk, BM_BLOCK_ALL_QUEUES);
	return taken < 0 ? taken : 0;
}

/* What follows, when a buffer's request has been answered. 0, or an error. */
static int next_step(struct buffer *b, int compare)
{
	int status = b->request.status;
	if (status) {
		printf("\n%s at byte %lu: %s\n",
		       b->state == READING ? from_info.name : to_info.name, (unsigned long)b->at,
		       bm_strerror(status));
		return status;
	}
	switch (b->state) {
	case READING:
		b->state = compare ? COMPARING : WRITING;
		return begin(b, to, compare ? BM_BLOCK_READ : BM_BLOCK_WRITE,
			     compare ? b->other : b->memory);
	case COMPARING:
		if (memcmp(b->memory, b->other, b->bytes)) {
			printf("\nthe disks differ in the %lu bytes from %lu on\n",
			       (unsigned long)b->bytes, (unsigned long)b->at);
			return -BM_EIO;
		}
		/* fall through */
	default:
		b->state = DONE;
		return 0;
	}
}

static void print_progress(const char *what, uint64_t done, uint64_t all, uint64_t ns, int last)
{
	double seconds = ns / 1e9;
	printf("\r%s: %3.0f %%  %lu of %lu MiB  %.1f MiB/s%s", what, 100.0 * done / all,
	       (unsigned long)(done >> 20), (unsigned long)(all >> 20),
	       seconds > 0 ? done / 1048576.0 / seconds : 0.0, last ? "\n" : "");
	fflush(stdout);
}

/* Have all of the disk pass through the buffers. 0, or an error. */
static int pass(const char *what, uint64_t all, int compare)
{
	uint64_t start = bm_time_monotonic(), told = start, next = 0, done = 0;
	int error = 0, moving = 0;

	while ((done < all && !error) || moving) {
		for (int i = 0; i < BUFFERS; i++) {
			struct buffer *b = &buffers[i];
			if (b->state != FREE && b->answered) {
				int result = next_step(b, compare);
				error = error ? error : result;
				if (result || b->state == DONE) {
					done += result ? 0 : b->bytes;
					b->state = FREE;
					moving--;
				}
			}
			if (b->state != FREE || next == all || error)
				continue;
			b->at = next;
			b->bytes = all - next < BYTES ? all - next : BYTES;
			b->state = READING;
			error = begin(b, from, BM_BLOCK_READ, b->memory);
			if (error) {
				b->state = FREE;
				break;
			}
			next += b->bytes;
			moving++;
		}
		bm_block_poll(from, BM_BLOCK_ALL_QUEUES);
		bm_block_poll(to, BM_BLOCK_ALL_QUEUES);
		uint64_t now = bm_time_monotonic();
		if (now - told > BM_SECOND / 4) {
			told = now;
			print_progress(what, done, all, now - start, 0);
		}
	}
	if (!error && !compare)
		error = bm_block_flush(to, BM_FOREVER);
	print_progress(what, done, all, bm_time_monotonic() - start, 1);
	return error;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		printf("usage: blockcopy FROM TO [MEBIBYTES]; the disks are:\n");
		list();
		return argc == 1 ? 0 : 2;
	}
	int source = find(argv[1], &from_info), target = find(argv[2], &to_info);
	if (source < 0 || target < 0 || source == target) {
		printf("FROM and TO must be two of these disks:\n");
		list();
		return 2;
	}
	from = source;
	to = target;
	uint64_t all = from_info.sectors * from_info.sector_size;
	uint64_t room = to_info.sectors * to_info.sector_size;
	if (argc > 3 && strtoul(argv[3], NULL, 0) << 20 < all)
		all = strtoul(argv[3], NULL, 0) << 20;
	if (!all || to_info.flags & BM_BLOCK_READ_ONLY ||
	    (all + to_info.sector_size - 1) / to_info.sector_size > to_info.sectors) {
		printf("%s cannot take it: %s\n", to_info.name,
		       !all                                 ? "there is nothing to copy"
		       : to_info.flags & BM_BLOCK_READ_ONLY ? "it is read-only"
							    : "it is too small");
		printf("%lu bytes to copy, room for %lu\n", (unsigned long)all,
		       (unsigned long)room);
		return 1;
	}
	printf("%s (%s) to %s (%s): %lu bytes\n", from_info.name, from_info.model, to_info.name,
	       to_info.model, (unsigned long)all);
	for (int i = 0; i < BUFFERS; i++) {
		buffers[i].memory = aligned_alloc(4096, BYTES);
		buffers[i].other = aligned_alloc(4096, BYTES);
		if (!buffers[i].memory || !buffers[i].other) {
			printf("not enough memory for %d buffers\n", BUFFERS);
			return 1;
		}
	}
	if (pass("copy", all, 0) || pass("compare", all, 1))
		return 1;
	printf("the disks are the same in these %lu bytes\n", (unsigned long)all);
	return 0;
}
