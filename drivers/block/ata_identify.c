/* SPDX-License-Identifier: MIT */
/*
 * IDENTIFY DEVICE and IDENTIFY PACKET DEVICE. Contract: ata_identify.h. Word numbers are those of
 * ACS-4, tables 45 and 56.
 */
#include "ata_identify.h"
#include <baremetal/error.h>
#include <stddef.h>
#include <string.h>

#define WORD_GENERAL 0
#define  GENERAL_NOT_ATA         0x8000
#define  GENERAL_INCOMPLETE      0x0004 /* 9.11.2: the rest is not all there */
#define  GENERAL_PACKET_MASK     0xc000
#define  GENERAL_PACKET          0x8000
#define  GENERAL_PACKET_SET(w)   ((w) >> 8 & 0x1f)
#define   PACKET_SET_OPTICAL      5
#define  GENERAL_PACKET_REMOVABLE 0x0080
#define  GENERAL_PACKET_SIZE     0x0003
#define   PACKET_SIZE_12          0
#define   PACKET_SIZE_16          1
#define WORD_SERIAL   10
#define WORD_FIRMWARE 23
#define WORD_MODEL    27
#define WORD_CAPABILITIES 49
#define  CAPABILITIES_DMA 0x0100
#define  CAPABILITIES_LBA 0x0200
#define WORD_SECTORS_28 60
#define WORD_DMADIR 62
#define  DMADIR_REQUIRED 0x8000
#define WORD_MULTIWORD_DMA 63
#define WORD_ULTRA_DMA     88
#define  DMA_CHOSEN 0xff00
#define WORD_ADDITIONAL 69
#define  ADDITIONAL_EXTENDED_SECTORS 0x0008
#define WORD_QUEUE_DEPTH 75
#define  QUEUE_DEPTH_MASK 0x1f
#define WORD_SATA 76
#define  SATA_NCQ 0x0100
#define WORD_SETS_82 82
#define WORD_SETS_83 83
#define  SETS_83_LBA48     0x0400
#define  SETS_83_FLUSH_EXT 0x2000
#define WORD_SETS_84 84
#define  SETS_84_LOGS 0x0020
#define  SETS_84_FUA  0x0040
#define WORD_ENABLED_85 85
#define  ENABLED_85_CACHE 0x0020
#define WORD_ENABLED_86 86
#define WORD_ENABLED_87 87
#define WORD_SECTORS_48 100
#define WORD_SECTOR_SIZES 106
#define  SECTOR_SIZES_MULTIPLE 0x2000 /* several logical sectors in a physical one */
#define  SECTOR_SIZES_LONG     0x1000 /* a logical sector has more than 256 words */
#define  SECTOR_SIZES_EXPONENT 0x000f
#define WORD_SECTOR_WORDS 117
#define WORD_DATA_SET 169
#define  DATA_SET_TRIM 0x0001
#define WORD_SECTORS_EXTENDED 230
#define WORD_INTEGRITY 255
#define  INTEGRITY_SIGNATURE 0x00a5

/* Bits 15 and 14 of some words: 01 when the word counts. */
#define VALID_MASK 0xc000
#define VALID      0x4000

#define SECTORS_28_MAX 0x0ffffffful
#define SECTORS_48_MAX (1ul << 48)

static bool is_valid(uint16_t word)
{
	return (word & VALID_MASK) == VALID;
}

static uint64_t number(const uint16_t *words, unsigned count)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t)words[i] << 16 * i;
	return value;
}

/* 3.4.9 (ACS-4): the first character of a pair is in the upper byte. */
static void text(char *to, const uint16_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		to[2 * i] = words[i] >> 8;
		to[2 * i + 1] = words[i];
	}
	to[2 * count] = 0;
}

/* A sum is there where the signature is: then all bytes add up to 0. */
static bool is_whole(const uint16_t *words)
{
	uint8_t sum = 0;
	if ((words[WORD_INTEGRITY] & 0xff) != INTEGRITY_SIGNATURE)
		return true;
	for (unsigned i = 0; i < ATA_IDENTIFY_WORDS; i++)
		sum += words[i] + (words[i] >> 8);
	return sum == 0;
}

static void read_common(const uint16_t *words, struct ata_identity *identity)
{
	memset(identity, 0, sizeof *identity);
	text(identity->serial, words + WORD_SERIAL, 10);
	text(identity->firmware, words + WORD_FIRMWARE, 4);
	text(identity->model, words + WORD_MODEL, 20);
	identity->dma = words[WORD_CAPABILITIES] & CAPABILITIES_DMA;
	identity->dma_mode = (words[WORD_MULTIWORD_DMA] | words[WORD_ULTRA_DMA]) & DMA_CHOSEN;
}

/* Word 106. False: of a size that nobody can use here. */
static bool read_sizes(const uint16_t *words, struct ata_identity *identity)
{
	uint16_t sizes = words[WORD_SECTOR_SIZES];
	uint64_t size = 512;
	uint32_t exponent = 0;

	if (is_valid(sizes) && sizes & SECTOR_SIZES_LONG)
		size = 2 * number(words + WORD_SECTOR_WORDS, 2);
	if (size < 512 || size > 4096 || size & (size - 1))
		return false;
	if (is_valid(sizes) && sizes & SECTOR_SIZES_MULTIPLE)
		exponent = sizes & SECTOR_SIZES_EXPONENT;
	identity->sector_size = size;
	identity->physical_sector_size = size << exponent;
	return true;
}

static void read_sets(const uint16_t *words, struct ata_identity *identity)
{
	uint16_t sata = words[WORD_SATA];

	if (is_valid(words[WORD_SETS_83])) {
		identity->lba48 = words[WORD_SETS_83] & SETS_83_LBA48;
		identity->flush_ext = words[WORD_SETS_83] & SETS_83_FLUSH_EXT;
	}
	if (is_valid(words[WORD_SETS_84])) {
		identity->logs = words[WORD_SETS_84] & SETS_84_LOGS;
		identity->fua = words[WORD_SETS_84] & SETS_84_FUA && identity->lba48;
	}
	if (is_valid(words[WORD_ENABLED_87]))
		identity->write_cache = words[WORD_ENABLED_85] & ENABLED_85_CACHE;
	identity->trim = words[WORD_DATA_SET] & DATA_SET_TRIM && identity->lba48;
	/* 9.11.10.2: neither all zeros nor all ones where it counts. */
	if (sata != 0xffff && sata & SATA_NCQ && identity->lba48)
		identity->queue_depth = (words[WORD_QUEUE_DEPTH] & QUEUE_DEPTH_MASK) + 1;
}

int ata_identify_disk(const uint16_t words[ATA_IDENTIFY_WORDS], struct ata_identity *identity)
{
	uint64_t most;

	read_common(words, identity);
	if (words[WORD_GENERAL] & (GENERAL_NOT_ATA | GENERAL_INCOMPLETE) || !is_whole(words) ||
	    !(words[WORD_CAPABILITIES] & CAPABILITIES_LBA) || !read_sizes(words, identity))
		return -BM_EIO;
	read_sets(words, identity);
	if (identity->lba48) {
		identity->sectors = number(words + WORD_SECTORS_48, 4);
		if (words[WORD_ADDITIONAL] & ADDITIONAL_EXTENDED_SECTORS)
			identity->sectors = number(words + WORD_SECTORS_EXTENDED, 4);
		most = SECTORS_48_MAX;
	} else {
		identity->sectors = number(words + WORD_SECTORS_28, 2);
		most = SECTORS_28_MAX;
	}
	return identity->sectors && identity->sectors <= most ? 0 : -BM_EIO;
}

int ata_identify_packet(const uint16_t words[ATA_IDENTIFY_WORDS], struct ata_identity *identity)
{
	uint16_t general = words[WORD_GENERAL];

	read_common(words, identity);
	if ((general & GENERAL_PACKET_MASK) != GENERAL_PACKET || general & GENERAL_INCOMPLETE ||
	    (general & GENERAL_PACKET_SIZE) > PACKET_SIZE_16 || !is_whole(words))
		return -BM_EIO;
	identity->packet_bytes = (general & GENERAL_PACKET_SIZE) == PACKET_SIZE_12 ? 12 : 16;
	identity->optical = GENERAL_PACKET_SET(general) == PACKET_SET_OPTICAL;
	identity->removable = general & GENERAL_PACKET_REMOVABLE;
	identity->dma_direction = words[WORD_DMADIR] & DMADIR_REQUIRED;
	return 0;
}
