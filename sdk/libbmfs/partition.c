/* SPDX-License-Identifier: MIT */
/*
 * Partition tables. Interface: partition.h. UEFI specification 2.10, 5.2 (MBR) and 5.3 (GPT).
 */
#include "internal.h"
#include "partition.h"

#define MBR_ENTRIES_AT 446u
#define MBR_ENTRY_SIZE 16u
#define MBR_GPT        0xee /* the whole disk is a GPT's */
#define EBR_CHAIN_MAX  60u  /* logical partitions that are looked at */

#define GPT_SIGNATURE   "EFI PART"
#define GPT_ENTRIES_MAX 128u

struct search {
	const struct bmfs_disk *disk;
	struct bmfs_extent *found;
	int count;
};

static uint32_t get32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* One sector, into the work area. */
static int read_sector(const struct search *search, uint64_t sector, const uint8_t **data)
{
	struct bmfs_transfer transfer = {sector, 1, search->disk->work};

	*data = search->disk->work;
	return search->disk->ops->read(search->disk, &transfer, 1);
}

static void add(struct search *search, uint64_t sector, uint64_t sectors, unsigned number)
{
	uint64_t size = search->disk->sector_size;

	if (!sector || !sectors || sector >= search->disk->sectors ||
	    sectors > search->disk->sectors - sector || search->count == BMFS_PARTITIONS_MAX ||
	    sectors < BMFS_BLOCKS_MIN * BMFS_BLOCK / size)
		return;
	for (int i = 0; i < search->count; i++)
		if (sector < search->found[i].sector + search->found[i].sectors &&
		    search->found[i].sector < sector + sectors)
			return;
	search->found[search->count++] = (struct bmfs_extent){sector, sectors, number};
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/*
 * The chain in an extended partition: each link has one partition, counted from the link, and
 * the next link, counted from the extended partition. Links must go up, so there are no circles.
 */
static int search_chain(struct search *search, uint64_t base, uint64_t end)
{
	uint64_t at = base;
	const uint8_t *data;

	for (unsigned i = 0; i < EBR_CHAIN_MAX; i++) {
		const uint8_t *entry, *next;
		uint64_t start, count;
		int error;

		if (!at || at >= end || at >= search->disk->sectors)
			return 0;
		error = read_sector(search, at, &data);
		if (error)
			return error;
		if (data[510] != 0x55 || data[511] != 0xaa)
			return 0;
		entry = data + MBR_ENTRIES_AT;
		next = entry + MBR_ENTRY_SIZE;
		start = at + get32(entry + 8);
		count = get32(entry + 12);
		if (entry[4] == BMFS_MBR_TYPE && start > at && start < end && count <= end - start)
			add(search, start, count, 5 + i);
		if (!is_extended(next[4]) || base + get32(next + 8) <= at)
			return 0;
		at = base + get32(next + 8);
	}
	return 0;
}

/* CRC-32 of IEEE 802.3, as a GPT has it. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

struct gpt {
	uint64_t first, last; /* sectors that partitions may have */
	uint64_t entries;     /* sector */
	uint32_t count, size, crc;
};

/* A GPT's header: in sector 1, and once more in the last sector of the disk. */
static int read_gpt(const struct search *search, uint64_t at, struct gpt *gpt)
{
	uint8_t header[512];
	const uint8_t *data;
	uint32_t size, crc;
	int error = read_sector(search, at, &data);

	if (error)
		return error;
	memcpy(header, data, sizeof(header));
	size = get32(header + 12);
	crc = get32(header + 16);
	memset(header + 16, 0, 4);
	if (memcmp(header, GPT_SIGNATURE, 8) || size < 92 || size > sizeof(header) ||
	    crc32(0, header, size) != crc || bmfs_get64(header + 24) != at)
		return -BMFS_EFORMAT;
	*gpt =
	    (struct gpt){bmfs_get64(header + 40), bmfs_get64(header + 48), bmfs_get64(header + 72),
			 get32(header + 80),      get32(header + 84),      get32(header + 88)};
	/* Entries of 128 bytes, or twice that and so on: none lies across two sectors then. */
	if (gpt->size < 128 || gpt->size > search->disk->sector_size ||
	    gpt->size & (gpt->size - 1) || !gpt->count || gpt->count > GPT_ENTRIES_MAX ||
	    gpt->last >= search->disk->sectors || gpt->first > gpt->last || gpt->entries < 1 ||
	    gpt->entries >= search->disk->sectors)
		return -BMFS_EFORMAT;
	return 0;
}

static int search_gpt(struct search *search, uint64_t at)
{
	static const uint8_t type[16] = BMFS_GPT_TYPE;
	uint32_t per_sector, crc = 0, sector_size = search->disk->sector_size;
	struct gpt gpt;
	int error = read_gpt(search, at, &gpt);

	if (error)
		return error;
	per_sector = sector_size / gpt.size;
	/* First whether the entries are whole, then what they say. */
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < gpt.count; i += per_sector) {
			uint64_t sector = gpt.entries + i / per_sector;
			uint32_t here = (uint32_t)bmfs_min(per_sector, gpt.count - i);
			const uint8_t *data;

			if (sector >= search->disk->sectors)
				return -BMFS_EFORMAT;
			error = read_sector(search, sector, &data);
			if (error)
				return error;
			if (!round)
				crc = crc32(crc, data, (size_t)here * gpt.size);
			for (uint32_t j = 0; round && j < here; j++) {
				const uint8_t *entry = data + (size_t)j * gpt.size;
				uint64_t first = bmfs_get64(entry + 32),
					 last = bmfs_get64(entry + 40);

				if (!memcmp(entry, type, sizeof(type)) && first >= gpt.first &&
				    last <= gpt.last && first <= last)
					add(search, first, last - first + 1, i + j + 1);
			}
		}
		if (!round && crc != gpt.crc)
			return -BMFS_EFORMAT;
	}
	return search->count;
}

int bmfs_find_partitions(const struct bmfs_disk *disk, struct bmfs_extent *found)
{
	struct search search = {disk, found, 0};
	struct bmfs_transfer head = {0, BMFS_HEAD_SIZE / disk->sector_size, disk->work};
	uint8_t entries[4 * MBR_ENTRY_SIZE];
	const uint8_t *data = disk->work;
	uint64_t blocks;
	bool gpt = false;
	int error = bmfs_disk_check(disk, &blocks);

	if (error && error != -BMFS_ETOOSMALL)
		return error;
	if (disk->sectors < head.count)
		return 0;
	error = disk->ops->read(disk, &head, 1);
	if (error)
		return error;
	if (bmfs_is_tag(data + BMFS_TAG_AT)) {
		*found = (struct bmfs_extent){0, disk->sectors, 0};
		return 1;
	}
	if (data[510] != 0x55 || data[511] != 0xaa)
		return 0;
	memcpy(entries, data + MBR_ENTRIES_AT, sizeof(entries));
	for (unsigned i = 0; i < 4; i++)
		gpt |= entries[i * MBR_ENTRY_SIZE + 4] == MBR_GPT;
	if (gpt) {
		error = search_gpt(&search, 1);
		if (error < 0) {
			search.count = 0;
			int copy = search_gpt(&search, disk->sectors - 1);
			/* Without a copy, what cannot be read may yet be good. */
			if (copy != -BMFS_EFORMAT || error == -BMFS_EFORMAT)
				error = copy;
		}
		return error == -BMFS_EFORMAT ? 0 : error;
	}
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *entry = entries + i * MBR_ENTRY_SIZE;
		uint64_t start = get32(entry + 8), count = get32(entry + 12);

		if (entry[4] == BMFS_MBR_TYPE) {
			add(&search, start, count, i + 1);
		} else if (is_extended(entry[4])) {
			error = search_chain(&search, start, start + count);
			if (error)
				return error;
		}
	}
	return search.count;
}
