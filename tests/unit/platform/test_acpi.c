/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables built here, whole and broken. Physical memory is an array; each
 * mapping is a copy of exactly what was asked for, so that ASan sees a read past it.
 */
#include "device/acpi.h"

#include <stdlib.h>
#include <string.h>

#include "console/log.h"
#include "device/acpi_parse.h"
#include "memory/page.h"
#include "scenario.h"

#define MEMORY_SIZE 0x100000
#define RSDP        0xf5a40
#define ROOT        0x1000
#define FADT        0x2000
#define DSDT        0x3010
#define OTHER       0x4008

static uint8_t memory[MEMORY_SIZE];
static void *maps[256];
static unsigned map_count, log_lines;

void log_line(int level, const char *format, ...)
{
	(void)level, (void)format;
	log_lines++;
}

const void *page_map_firmware(uint64_t physical, uint64_t size)
{
	CHECK(size <= ACPI_TABLE_MAX);
	if (physical >= MEMORY_SIZE || size > MEMORY_SIZE - physical)
		return NULL;
	CHECK(map_count < 256);
	uint8_t *copy = maps[map_count++] = malloc(size);
	return memcpy(copy, memory + physical, size);
}

static void unmap_all(void)
{
	while (map_count)
		free(maps[--map_count]);
}

static void put(uint64_t at, uint64_t value, unsigned size)
{
	memcpy(memory + at, &value, size);
}

/* Make all bytes add up to 0 by the one at `checksum`. */
static void sum(uint64_t at, size_t size, size_t checksum)
{
	memory[at + checksum] = 0;
	for (size_t i = 0; i < size; i++)
		if (i != checksum)
			memory[at + checksum] -= memory[at + i];
}

static void seal(uint64_t at)
{
	uint32_t length;
	memcpy(&length, memory + at + 4, 4);
	sum(at, length, 9);
}

static void table(uint64_t at, const char *signature, uint32_t length, uint8_t revision)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
	memory[at + 8] = revision;
	seal(at);
}

static void put_rsdp(uint64_t at, uint8_t revision)
{
	memcpy(memory + at, "RSD PTR ", 8);
	memory[at + 15] = revision;
	put(at + 16, ROOT, 4);
	put(at + 20, 36, 4);
	put(at + 24, revision >= 2 ? ROOT : 0, 8);
	sum(at, 20, 8);
	sum(at, 36, 32);
}

static void gas(uint64_t at, uint8_t space, uint64_t address)
{
	memory[at] = space;
	put(at + 4, address, 8);
}

/* As the PIIX4's: ACPI 1.0, an RSDT, ports. */
static void build_old(void)
{
	static const uint8_t s5[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x06,
				     0x04, 0x0a, 0x05, 0x00, 0x00, 0x00};

	put_rsdp(RSDP, 0);
	put(ROOT + 36, OTHER, 4);
	put(ROOT + 40, FADT, 4);
	table(ROOT, "RSDT", 44, 1);
	table(OTHER, "HPET", 56, 1);
	put(FADT + 40, DSDT, 4);
	put(FADT + 48, 0xb2, 4);
	memory[FADT + 52] = 0xf1;
	put(FADT + 64, 0x604, 4);
	put(FADT + 76, 0x608, 4);
	memory[FADT + 91] = 4;
	memory[FADT + 108] = 0x32;
	table(FADT, "FACP", 116, 1);
	memcpy(memory + DSDT + 100, s5, sizeof(s5));
	table(DSDT, "DSDT", 200, 1);
}

/* ACPI 6, XSDT, hardware-reduced. */
static void build_new(void)
{
	build_old();
	put_rsdp(RSDP, 2);
	put(ROOT + 36, OTHER, 8);
	put(ROOT + 44, FADT, 8);
	table(ROOT, "XSDT", 52, 1);
	put(FADT + 112, 1 << 20 | 1 << 10, 4);
	gas(FADT + 116, 0, 0xfea00009);
	memory[FADT + 128] = 0x42;
	put(FADT + 140, DSDT, 8);
	gas(FADT + 244, 0, 0xfea00000);
	table(FADT, "FACP", 276, 6);
}

static bool init(uint64_t rsdp, bool may_scan)
{
	memset(&acpi_facts, 0, sizeof(acpi_facts));
	acpi_init(rsdp, may_scan);
	return acpi_facts.dsdt;
}

static void old(void)
{
	build_old();
	CHECK(init(RSDP, false));
	CHECK(acpi_facts.pm_timer_port == 0x608 && acpi_facts.pm1a_port == 0x604 &&
	      acpi_facts.pm1b_port == 0 && acpi_facts.smi_port == 0xb2 &&
	      acpi_facts.acpi_enable == 0xf1 && acpi_facts.century_register == 0x32 &&
	      acpi_facts.reset.address == 0 && acpi_facts.sleep_control.address == 0);
	CHECK(!acpi_facts.s5_valid);
	CHECK(acpi_find_s5() && acpi_facts.s5_type_a == 5 && acpi_facts.s5_type_b == 0);

	size_t size = 0;
	CHECK(acpi_find("HPET", &size) && size == 56);
	CHECK(!acpi_find("APIC", &size));
	CHECK(log_lines == 1);
	unmap_all();
}

static void new (void)
{
	build_new();
	CHECK(init(RSDP, false));
	CHECK(acpi_facts.pm_timer_port == 0 && acpi_facts.pm1a_port == 0 &&
	      acpi_facts.sleep_control.address == 0xfea00000 &&
	      acpi_facts.sleep_control.space == ACPI_SPACE_MEMORY &&
	      acpi_facts.reset.address == 0xfea00009 && acpi_facts.reset_value == 0x42);
	CHECK(acpi_find_s5());
	unmap_all();
}

static void extended_ports(void)
{
	build_new();
	put(FADT + 112, 0, 4); /* not reduced */
	put(FADT + 109, 2 | 4, 2);
	gas(FADT + 172, 1, 0x1804);
	gas(FADT + 208, 0, 0xfed40000); /* in memory, so the port number counts */
	seal(FADT);
	CHECK(init(RSDP, false));
	CHECK(acpi_facts.pm1a_port == 0x1804 && acpi_facts.pm_timer_port == 0x608);
	unmap_all();
}

static void scanning(void)
{
	CHECK(!init(0, true));
	build_old();
	CHECK(!init(0, false));
	CHECK(init(0, true));
	memory[RSDP] = 'X';
	put(0x40e, 0x9fc0, 2); /* the EBDA's segment */
	put_rsdp(0x9fc00 + 0x3e0, 0);
	CHECK(init(0, true));
	CHECK(init(RSDP, true)); /* where the loader says something wrong */
	put(0x40e, 0xffff, 2);
	CHECK(!init(0, true));
	unmap_all();
}

static void broken_rsdp(void)
{
	build_new();
	CHECK(!init(MEMORY_SIZE - 10, false) && !init(~0ul, false));
	memory[RSDP + 32]++; /* the second half: the RSDT counts, of which this is none */
	put(ROOT + 36, FADT, 4);
	put(ROOT + 40, 0, 4);
	seal(ROOT);
	CHECK(init(RSDP, false));
	put_rsdp(RSDP, 2);
	put(RSDP + 20, 0xffffffff, 4);
	CHECK(init(RSDP, false));
	put(RSDP + 20, 0, 4);
	CHECK(init(RSDP, false));
	memory[RSDP + 10]++;
	CHECK(!init(RSDP, false));
	memory[RSDP + 10]--;
	put(RSDP + 16, 0, 4);
	sum(RSDP, 20, 8);
	CHECK(!init(RSDP, false));
	unmap_all();
}

static void broken_tables(void)
{
	build_old();
	memory[ROOT + 20]++;
	CHECK(!init(RSDP, false));
	seal(ROOT);
	CHECK(init(RSDP, false));

	static const uint32_t lengths[] = {0,         35, 37, ACPI_TABLE_MAX, ACPI_TABLE_MAX + 1,
					   0xffffffff};
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		put(ROOT + 4, lengths[i], 4);
		if (lengths[i] == 37)
			seal(ROOT);
		CHECK(!init(RSDP, false));
	}
	put(ROOT + 4, 44, 4);
	seal(ROOT);

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		put(FADT + 4, lengths[i], 4);
		if (lengths[i] == 37)
			seal(FADT);
		CHECK(!init(RSDP, false));
	}
	put(FADT + 4, 116, 4);
	memory[FADT + 9] = 0;
	memory[FADT + 100] = 1;
	CHECK(!init(RSDP, false));
	seal(FADT);
	CHECK(init(RSDP, false));

	put(ROOT + 36, ~0ul, 4); /* an entry that leads nowhere */
	seal(ROOT);
	CHECK(init(RSDP, false));
	put(FADT + 40, ~0ul, 4);
	seal(FADT);
	CHECK(init(RSDP, false) && !acpi_find_s5());
	unmap_all();
}

/* Each length from too short to whole: never a read past the end, never half a field. */
static void cut_fadt(void)
{
	build_new();
	for (size_t size = 0; size <= 276; size++) {
		struct acpi_facts facts = {0};
		uint8_t *copy = malloc(size + !size);
		memcpy(copy, memory + FADT, size);
		CHECK(acpi_parse_fadt(copy, size, &facts) == (size >= 116));
		CHECK(facts.sleep_control.address == (size >= 268 ? 0xfea00000 : 0));
		CHECK(facts.reset.address == (size >= 244 ? 0xfea00009 : 0));
		CHECK(size < 116 || facts.dsdt == DSDT);
		free(copy);
	}
}

/* Puts AML at the very end of a DSDT of its own. */
static bool s5(const char *aml, size_t length, uint8_t *a, uint8_t *b)
{
	struct acpi_facts facts = {0};
	uint8_t *dsdt = calloc(1, ACPI_HEADER_SIZE + length);
	memcpy(dsdt + ACPI_HEADER_SIZE, aml, length);
	bool found = acpi_parse_s5(dsdt, ACPI_HEADER_SIZE + length, &facts);
	CHECK(found == facts.s5_valid);
	*a = facts.s5_type_a, *b = facts.s5_type_b;
	free(dsdt);
	return found;
}

static void sleep_types(void)
{
	uint8_t a, b;
#define S5(text) s5(text, sizeof(text) - 1, &a, &b)
	CHECK(S5("\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00") && a == 5 && b == 7);
	CHECK(S5("\x08_S5_\x12\x06\x04\x00\x00\x00\x00") && a == 0 && b == 0);
	CHECK(S5("\x08\\_S5_\x12\x06\x04\x01\x01\x00\x00") && a == 1 && b == 1);
	CHECK(S5("\x08_S5_\x12\x46\x00\x04\x0b\x06\x00\x0c\x07\x00\x00\x00") && a == 6 && b == 7);
	CHECK(S5("_S5_ \x08_S5_\x12\x06\x04\x0a\x03\x0a\x03") && a == 3 && b == 3);
	CHECK(S5("\x08_S5_\x12\x03\x01\x0a\x04\x00\x00") && a == 4 && b == 0);
	CHECK(!S5("\x08_S5_\x12\x06\x00\x0a\x05\x0a\x07"));     /* no elements */
	CHECK(!S5("\x08_S5_\x12\x06\x04\x0a\x08\x0a\x00\x00")); /* three bits hold no 8 */
	CHECK(!S5("\x08_S4_\x12\x06\x04\x0a\x05\x0a\x07\x00"));
	CHECK(!S5("\x14_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00"));
	CHECK(!S5("\x08_S5_\x12\xc6\x04\x0a\x05\x0a"));
	CHECK(!S5("\x08_S5_\x12\x06\x04\x0e\x05\x0a\x07\x00"));
	/* Cut anywhere. */
	static const char whole[] = "\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07";
	for (size_t length = 0; length < sizeof(whole) - 1; length++)
		CHECK(!s5(whole, length, &a, &b));
	CHECK(s5(whole, sizeof(whole) - 1, &a, &b));
}

int main(void)
{
	scenario("ACPI 1.0", old);
	scenario("ACPI 6, hardware-reduced", new);
	scenario("extended addresses", extended_ports);
	scenario("scanning", scanning);
	scenario("broken RSDP", broken_rsdp);
	scenario("broken tables", broken_tables);
	scenario("cut FADT", cut_fadt);
	scenario("sleep types", sleep_types);
	return unit_status();
}
