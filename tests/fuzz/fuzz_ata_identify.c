/* SPDX-License-Identifier: MIT */
/*
 * What ATA devices say of themselves: 512 bytes, then what a command is made of. Whatever is
 * accepted must be such that commands can be made of it.
 *
 * Sources: drivers/block/ata_identify.c, ata_command.c.
 */
#include "../../drivers/block/ata_identify.c"
#include "../../drivers/block/ata_command.c"

static void need(bool condition)
{
	if (!condition)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t words[ATA_IDENTIFY_WORDS] = {0};
	struct ata_identity i;
	struct ata_taskfile t;

	memcpy(words, data, size < sizeof words ? size : sizeof words);
	if (!ata_identify_packet(words, &i)) {
		need(i.packet_bytes == 12 || i.packet_bytes == 16);
		need(strlen(i.model) <= 40 && strlen(i.serial) <= 20 && strlen(i.firmware) <= 8);
	}
	if (ata_identify_disk(words, &i))
		return 0;
	need(i.sectors && i.sectors <= 1ul << 48 && i.queue_depth <= 32);
	need(i.sector_size >= 512 && i.sector_size <= 4096 &&
	     !(i.sector_size & (i.sector_size - 1)));
	need(i.physical_sector_size >= i.sector_size && i.sectors <= INT64_MAX / i.sector_size);
	need(i.lba48 || (i.sectors < 1ul << 28 && !i.queue_depth && !i.fua && !i.trim));
	need(strlen(i.model) <= 40 && strlen(i.serial) <= 20 && strlen(i.firmware) <= 8);

	/* A command anywhere on it. */
	uint8_t rest[16] = {0};
	uint64_t sector;
	uint32_t count;
	if (size > sizeof words)
		memcpy(rest, data + sizeof words,
		       size - sizeof words < sizeof rest ? size - sizeof words : sizeof rest);
	memcpy(&sector, rest, 8);
	memcpy(&count, rest + 8, 4);
	sector %= i.sectors;
	count = 1 + count % (i.lba48 ? ATA_MOST_48 : ATA_MOST_28);
	count = count < i.sectors - sector ? count : i.sectors - sector;
	struct bm_block_command c = {.operation = rest[12] & 1,
				     .flags = rest[13] & 1,
				     .tag = rest[14] & 31,
				     .sectors = count,
				     .sector = sector};
	enum ata_way way = rest[15] % (i.queue_depth ? 3 : 2);
	ata_make_taskfile(&i, &c, way, &t);
	uint32_t told = way == ATA_QUEUED ? t.features : t.count;
	need((uint16_t)count == (uint16_t)told && (t.extended || (count <= 256 && told <= 256)));
	uint64_t lba = t.extended ? t.lba : (t.lba & 0xffffff) | (uint64_t)(t.device & 15) << 24;
	need(lba == sector && (!t.extended || i.lba48));
	uint8_t block[ATA_TRIM_BYTES];
	uint64_t sum = 0;
	ata_make_trim(sector, count, block);
	for (int n = 0; n < 64; n++) {
		uint64_t range;
		memcpy(&range, block + 8 * n, 8);
		need(!(range >> 48) || (range & 0xffffffffffff) == sector + sum);
		sum += range >> 48;
	}
	need(sum == count);
	return 0;
}
