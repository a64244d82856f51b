/* SPDX-License-Identifier: MIT */
/* What firmware and monitors tell about devices: whole, cut anywhere, and nonsense. */
#include "device/acpi_windows.h"
#include "device/madt_io.h"
#include "device/mcfg.h"
#include "device/virtio_mmio.h"
#include <stdlib.h>
#include <string.h>
#include "unit.h"

static uint8_t table[4096];
static size_t size;

static void begin(size_t at)
{
	memset(table, 0, sizeof table);
	size = at;
}

static void add(const void *bytes, size_t count)
{
	memcpy(table + size, bytes, count);
	size += count;
}

static void add_number(uint64_t value, size_t bytes)
{
	add(&value, bytes);
}

/* A copy of exactly so many bytes, so that ASan sees a step too far. */
static uint8_t *copy(size_t bytes)
{
	uint8_t *at = malloc(bytes + !bytes);
	return memcpy(at, table, bytes);
}

/* ---- MCFG ---- */

static void add_ecam(uint64_t base, unsigned segment, unsigned first, unsigned last)
{
	add_number(base, 8);
	add_number(segment, 2);
	add_number(first, 1);
	add_number(last, 1);
	add_number(0, 4);
}

static size_t parse_mcfg(struct ecam *ecams, size_t max)
{
	uint8_t *exact = copy(size);
	size_t count = mcfg_parse(exact, size, ecams, max);
	free(exact);
	return count;
}

static void check_mcfg(void)
{
	struct ecam e[8];

	begin(44);
	add_ecam(0xe0000000, 0, 0, 255);
	add_ecam(0x10000000000, 1, 0, 31);
	CHECK(parse_mcfg(e, 8) == 2 && e[0].base == 0xe0000000 && e[0].last_bus == 255);
	CHECK(e[1].segment == 1 && e[1].last_bus == 31 && e[1].base == 0x10000000000);
	CHECK(parse_mcfg(e, 1) == 1 && parse_mcfg(e, 0) == 0);
	for (size_t whole = size; size--;)
		CHECK(parse_mcfg(e, 8) == (size < 60 ? 0 : size < whole ? 1 : 2));
	begin(44);
	add_ecam(0, 0, 0, 255);
	add_ecam(0xe0000000, 0, 9, 8);
	add_ecam(0xe0001000, 0, 0, 255);
	add_ecam(UINT64_MAX & -0x100000ul, 0, 0, 255);
	add_ecam(0xf0000000, 0, 0, 1);
	add_ecam(0xf8000000, 0, 2, 3); /* twice */
	CHECK(parse_mcfg(e, 8) == 1 && e[0].base == 0xf0000000);
}

/* ---- MADT ---- */

static void check_madt(void)
{
	struct io_apic io = {0};
	static const uint8_t first[] = {1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0};
	static const uint8_t second[] = {1, 12, 1, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0};
	static const uint8_t core[] = {0, 8, 0, 0, 1, 0, 0, 0};

	begin(44);
	add(core, sizeof core);
	add(second, sizeof second);
	add(first, sizeof first);
	CHECK(madt_find_io_apic(table, size, 5, &io) && io.address == 0xfec00000 && io.first == 0);
	CHECK(madt_find_io_apic(table, size, 23, &io) && io.first == 0);
	CHECK(madt_find_io_apic(table, size, 24, &io) && io.address == 0xfec01000);
	for (size_t cut = 0; cut <= size; cut++) {
		uint8_t *exact = copy(cut);
		bool found = madt_find_io_apic(exact, cut, 30, &io);
		CHECK(found == (cut >= 44 + 8 + 12));
		free(exact);
	}
	table[45] = 0; /* a length of 0 ends the list */
	CHECK(!madt_find_io_apic(table, size, 5, &io));
	begin(44);
	CHECK(madt_lacks_legacy(table, size) && !madt_lacks_legacy(table, 43));
	table[40] = 1;
	CHECK(!madt_lacks_legacy(table, size));
}

/* ---- Windows and ECAM in a DSDT ---- */

static void add_window(unsigned bytes, unsigned type, unsigned flags, uint64_t low, uint64_t high,
		       uint64_t translation, uint64_t length)
{
	add_number(bytes == 4 ? 0x87 : 0x8a, 1);
	add_number(bytes == 4 ? 0x17 : 0x2b, 2);
	add_number(type, 1);
	add_number(flags, 1);
	add_number(0, 1);
	add_number(0, bytes);
	add_number(low, bytes);
	add_number(high, bytes);
	add_number(translation, bytes);
	add_number(length, bytes);
}

static void check_windows(void)
{
	struct address_window w[4];
	struct ecam ecam;

	begin(100);
	add_window(4, 0, 0xc, 0xa0000, 0xbffff, 0, 0x20000);        /* VGA: too low */
	add_window(4, 1, 0xc, 0x100000, 0x1fffff, 0, 0x100000);     /* ports */
	add_window(4, 0, 0xd, 0xfed00000, 0xfedfffff, 0, 0x100000); /* a consumer */
	add_window(4, 0, 0xc, 0xc0000000, 0xdfffffff, 0, 0x20000000);
	add_window(4, 0, 0xc, 0xc0000000, 0xdfffffff, 0, 0x1000);          /* does not add up */
	add_window(4, 0, 0xc, 0xc0000000, 0xdfffffff, 0x1000, 0x20000000); /* translated */
	add_window(4, 0, 0xc, 0xdfffffff, 0xc0000000, 0, 0xe0000002);      /* wrong way round */
	add_window(8, 0, 0xc, 0x800000000, 0xfffffffff, 0, 0x800000000);
	add_window(8, 0, 0xc, 0, UINT64_MAX, 0, 0);
	size_t end = size;
	uint8_t *exact = copy(end);
	CHECK(acpi_find_windows(exact, end, w, 4) == 2);
	CHECK(w[0].start == 0xc0000000 && w[0].end == 0xe0000000);
	CHECK(w[1].start == 0x800000000 && w[1].end == 0x1000000000);
	CHECK(acpi_find_windows(exact, end, w, 1) == 1 && acpi_find_windows(exact, end, w, 0) == 0);
	CHECK(!acpi_find_ecam(exact, end, &ecam));
	free(exact);
	for (size_t cut = 0; cut < end; cut++) {
		exact = copy(cut);
		CHECK(acpi_find_windows(exact, cut, w, 4) <= 2);
		acpi_find_ecam(exact, cut, &ecam);
		free(exact);
	}

	/* Method (_CBA) { Return (0xe0000000) }, and the range beside it. */
	begin(60);
	add("\x14\x0e_CBA\x00\xa4\x0c\x00\x00\x00\xe0", 13);
	CHECK(acpi_find_ecam(table, size, &ecam) && ecam.base == 0xe0000000 && !ecam.last_bus);
	add_window(8, 0, 0xc, 0xe0000000, 0xefffffff, 0, 0x10000000);
	CHECK(acpi_find_ecam(table, size, &ecam) && ecam.last_bus == 255);
	table[67] = 0; /* no Return */
	CHECK(!acpi_find_ecam(table, size, &ecam));
	begin(60);
	add("\x08_CBA\x0e\x00\x00\x00\x00\x10\x00\x00\x00", 14);
	CHECK(acpi_find_ecam(table, size, &ecam) && ecam.base == 0x1000000000);
	begin(60);
	add("\x08_CBA\x0c\x01\x00\x00\xe0", 10); /* not on a megabyte */
	CHECK(!acpi_find_ecam(table, size, &ecam));
}

/* ---- Virtio devices outside of PCI ---- */

static void check_words(void)
{
	static const struct {
		const char *line;
		unsigned good, broken;
		uint64_t address, size;
		uint32_t interrupt;
	} lines[] = {
	    {"virtio_mmio.device=512@0xfeb00e00:12", 1, 0, 0xfeb00e00, 512, 12},
	    {"a b virtio_mmio.device=0x200@4276096512:0x0c:3 c", 1, 0, 0xfee00e00 - 0x2ffa00, 512,
	     12},
	    {"virtio_mmio.device=4K@0xd0000000:5", 1, 0, 0xd0000000, 4096, 5},
	    {"virtio_mmio.device=1M@0xd0000000:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0x", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000000", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000000:", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000000:5:", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000000:5x", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000001:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0xd0000000:1024", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0x1000:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=100@0xd0000000:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=512@0x99999999999999999999:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=99999999999999999999@0xd0000000:5", 0, 1, 0, 0, 0},
	    {"virtio_mmio.device=-1@0xd0000000:5 virtio_mmio.other=1 xvirtio_mmio.device=1", 0, 1,
	     0, 0, 0},
	    {"", 0, 0, 0, 0, 0},
	    {"   ", 0, 0, 0, 0, 0},
	};
	struct virtio_mmio_word word;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char *exact = strdup(lines[i].line);
		const char *at = exact;
		uint32_t broken = 0;
		unsigned good = 0;
		while (virtio_mmio_next(&at, &word, &broken))
			good++;
		CHECK(good == lines[i].good && broken == lines[i].broken);
		if (good && i != 1)
			CHECK(word.address == lines[i].address && word.size == lines[i].size &&
			      word.interrupt == lines[i].interrupt);
		free(exact);
	}
	const char *two = "virtio_mmio.device=512@0xd0000000:5 virtio_mmio.device=512@0xd0000200:6";
	uint32_t broken = 0;
	CHECK(virtio_mmio_next(&two, &word, &broken) && word.address == 0xd0000000);
	CHECK(virtio_mmio_next(&two, &word, &broken) && word.address == 0xd0000200);
	CHECK(!virtio_mmio_next(&two, &word, &broken) && !broken);
}

static void add_virtio(uint32_t address, uint32_t bytes, uint32_t interrupt)
{
	add("_HID\x0dLNRO0005", 14);
	add("_UID\x00_CRS\x11\x1a\x0a\x17", 13);
	add("\x86\x09\x00\x01", 4);
	add_number(address, 4);
	add_number(bytes, 4);
	add("\x89\x06\x00\x09\x01", 5);
	add_number(interrupt, 4);
}

static void check_virtio_acpi(void)
{
	struct virtio_mmio_word word;
	begin(50);
	add_virtio(0xfeb00000, 512, 16);
	size_t one = size;
	add_virtio(0xfeb00200, 100, 17); /* too short */
	add_virtio(0xfeb00400, 512, 18);
	size_t at = 0;
	uint8_t *exact = copy(size);
	CHECK(virtio_mmio_next_acpi(exact, size, &at, &word) && word.address == 0xfeb00000 &&
	      word.size == 512 && word.interrupt == 16);
	CHECK(virtio_mmio_next_acpi(exact, size, &at, &word) && word.address == 0xfeb00400 &&
	      word.interrupt == 18);
	CHECK(!virtio_mmio_next_acpi(exact, size, &at, &word));
	free(exact);
	for (size_t cut = 0; cut < one; cut++) {
		exact = copy(cut);
		at = 0;
		CHECK(!virtio_mmio_next_acpi(exact, cut, &at, &word));
		free(exact);
	}
}

int main(void)
{
	check_mcfg();
	check_madt();
	check_windows();
	check_words();
	check_virtio_acpi();
	return unit_status();
}
