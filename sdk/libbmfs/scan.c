/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a directory. Reads records and nothing else; changes nothing.
 */
#include "internal.h"

bool bmfs_is_tag(const uint8_t *tag)
{
	/* Version 2 has its fields from byte 8 on. */
	static const uint8_t expected[16] = BMFS_TAG;

	return !memcmp(tag, expected, sizeof(expected));
}

static bool name_good(const char *name, size_t length)
{
	if (!length || length >= BMFS_NAME_SIZE)
		return false;
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((uint8_t)name[i] < ' ' || name[i] == 0x7f || name[i] == '/')
			return false;
	return true;
}

bool bmfs_name_good(const char *name, size_t length)
{
	return name_good(name, length);
}

static size_t name_length(const struct bmfs_record *record)
{
	size_t length = 0;

	while (length < BMFS_NAME_SIZE && record->name[length])
		length++;
	return length;
}

static bool same_name(const struct bmfs_record *a, const struct bmfs_record *b)
{
	size_t length = name_length(a);

	if (a->name[0] != b->name[0])
		return false;
	return length == name_length(b) && !memcmp(a->name, b->name, length);
}

/* Blocks of a record that are on the disk. */
static uint64_t blocks_of(const struct bmfs_record *record, uint64_t blocks, uint64_t *start)
{
	uint64_t reserved = bmfs_get64(record->reserved);

	*start = bmfs_get64(record->start);
	return *start < blocks ? bmfs_min(reserved, blocks - *start) : 0;
}

static uint32_t place_problems(const struct bmfs_record *record, uint64_t blocks)
{
	uint64_t start = bmfs_get64(record->start), reserved = bmfs_get64(record->reserved),
		 size = bmfs_get64(record->size);
	uint32_t problems = 0;

	if (!reserved && !size)
		return 1u << BMFS_NO_BLOCK; /* wherever it says that it starts */
	if (!start || start >= blocks)
		return 1u << BMFS_OUTSIDE;
	if (reserved > blocks - start)
		problems |= 1u << BMFS_CUT;
	else if (reserved == blocks - start)
		problems |= 1u << BMFS_IN_COPY;
	if (size > bmfs_block_bytes(reserved))
		problems |= 1u << BMFS_TOO_LONG;
	return problems;
}

/* The record that this one has taken over, or -1. */
static int taken_over(const struct bmfs_record *directory, unsigned end, unsigned i)
{
	const struct bmfs_record *record = &directory[i];
	uint64_t hint = bmfs_get64(record->unused);
	unsigned other = (unsigned)(hint & BMFS_HINT_MASK);

	if ((hint & ~BMFS_HINT_MASK) != BMFS_HINT || other >= end || other == i ||
	    !bmfs_is_live(&directory[other]) || !bmfs_get64(record->reserved))
		return -1;
	if (memcmp(record->start, directory[other].start, 8) ||
	    memcmp(record->reserved, directory[other].reserved, 8))
		return -1;
	return (int)other;
}

void bmfs_scan(const struct bmfs_record *directory, uint64_t blocks, struct bmfs_scan *scan)
{
	const uint32_t interrupted = 1u << BMFS_INTERRUPTED;
	unsigned end = 0;

	memset(scan, 0, sizeof(*scan));
	while (end < BMFS_RECORDS && (uint8_t)directory[end].name[0] != BMFS_NAME_END)
		end++;
	scan->end = end;
	for (unsigned i = end; i < BMFS_RECORDS; i++)
		scan->junk |= (uint8_t)directory[i].name[0] != BMFS_NAME_END;

	for (unsigned i = 0; i < end; i++) {
		int other = bmfs_is_live(&directory[i]) && !(scan->problems[i] & interrupted)
				? taken_over(directory, end, i)
				: -1;

		if (other >= 0) {
			scan->problems[other] |= interrupted;
			scan->heir[other] = (int)i;
		}
	}
	for (unsigned i = 0; i < end; i++) {
		const struct bmfs_record *record = &directory[i];
		size_t length = name_length(record);
		uint64_t start, other_start, count;

		if (!bmfs_is_live(record) || scan->problems[i] & interrupted)
			continue;
		if (length == BMFS_NAME_SIZE)
			scan->problems[i] |= 1u << BMFS_UNTERMINATED;
		else if (!name_good(record->name, length))
			scan->problems[i] |= 1u << BMFS_BAD_NAME;
		scan->problems[i] |= place_problems(record, blocks);
		count = blocks_of(record, blocks, &start);
		for (unsigned j = 0; j < i; j++) {
			if (!bmfs_is_live(&directory[j]) || scan->problems[j] & interrupted)
				continue;
			if (same_name(record, &directory[j]))
				scan->problems[i] |= 1u << BMFS_TWICE;
			uint64_t other_count = blocks_of(&directory[j], blocks, &other_start);
			if (count && other_count && start < other_start + other_count &&
			    other_start < start + count)
				scan->problems[i] |= 1u << BMFS_OVERLAPS;
		}
	}
}
