/* SPDX-License-Identifier: MIT */
/* The list of cores from ACPI, with tables that firmware should not have made. */
#include "device/madt.c"
#include <stdlib.h>
#include "unit.h"

static uint8_t table[70000];
static size_t size;

static void begin(void)
{
	memset(table, 0, sizeof table);
	memcpy(table, "APIC", 4);
	size = ENTRIES_AT;
}

static void add_bytes(const void *bytes, size_t count)
{
	memcpy(table + size, bytes, count);
	size += count;
}

static void add_local(uint8_t id, uint32_t flags)
{
	add_bytes(&(struct local_apic){TYPE_LOCAL_APIC, sizeof(struct local_apic), id, id, flags},
		  sizeof(struct local_apic));
}

static void add_x2(uint32_t id, uint32_t flags)
{
	add_bytes(&(struct local_x2apic){TYPE_LOCAL_X2APIC, sizeof(struct local_x2apic), 0, id,
					 flags, id},
		  sizeof(struct local_x2apic));
}

/* From a copy of exactly the table's size, into exactly max numbers, so that ASan sees a step too
 * far. */
static size_t parse(size_t bytes, uint32_t *ids, size_t max)
{
	uint8_t *copy = malloc(bytes + !bytes);
	uint32_t *out = malloc((max + !max) * sizeof *out);
	memcpy(copy, table, bytes);
	size_t found = madt_parse(copy, bytes, out, max);
	CHECK(found <= max);
	memcpy(ids, out, found * sizeof *out);
	free(out);
	free(copy);
	return found;
}

int main(void)
{
	uint32_t ids[2000];

	/* The plain case: the table's order; other entries between; disabled ones left out. */
	begin();
	add_local(4, 1);
	add_bytes((uint8_t[]){1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0}, 12); /* I/O APIC */
	add_local(2, 1);
	add_local(9, 0);
	add_local(7, 2);                               /* may be switched on later; is off */
	add_bytes((uint8_t[]){4, 6, 255, 5, 0, 1}, 6); /* NMI */
	add_x2(0x12345, 1);
	add_x2(0x12346, 0);
	CHECK(parse(size, ids, 2000) == 3 && ids[0] == 4 && ids[1] == 2 && ids[2] == 0x12345);

	/* One core twice: as xAPIC and x2APIC, and again. */
	begin();
	for (int i = 0; i < 3; i++) {
		add_local(1, 1);
		add_x2(1, 1);
		add_x2(0, 1);
	}
	CHECK(parse(size, ids, 2000) == 2 && ids[0] == 1 && ids[1] == 0);
	begin();
	add_local(3, 0);
	add_x2(3, 1); /* off there, on here */
	CHECK(parse(size, ids, 2000) == 1 && ids[0] == 3);

	/* The numbers that mean all cores: a start-up interrupt to them would reset this one. */
	begin();
	add_local(255, 1);
	add_x2(UINT32_MAX, 1);
	add_x2(255, 1);
	CHECK(parse(size, ids, 2000) == 1 && ids[0] == 255);

	/* Cut anywhere: what came whole before stays. */
	begin();
	for (int i = 0; i < 5; i++)
		add_local(i, 1);
	add_x2(5, 1);
	for (size_t cut = 0; cut <= size; cut++) {
		size_t whole =
		    cut < ENTRIES_AT ? 0 : (cut - ENTRIES_AT) / sizeof(struct local_apic);
		whole = cut == size ? 6 : whole > 5 ? 5 : whole;
		CHECK(parse(cut, ids, 2000) == whole);
	}

	/* Lengths that lie: 0 and 1 end the list, as does one past the end; too short is no core.
	 */
	for (int length = 0; length < 256; length++) {
		begin();
		add_local(1, 1);
		add_local(2, 1);
		table[ENTRIES_AT + 1] = length;
		size_t found = parse(size, ids, 2000);
		/* 8 is the truth; a longer one hides the next entry or passes the end. */
		CHECK(length == 8 ? found == 2 : found <= 1);
		if (length < 2)
			CHECK(found == 0);
	}
	begin();
	add_bytes((uint8_t[]){TYPE_LOCAL_X2APIC, 8, 0, 0, 1, 0, 0, 0}, 8);
	add_bytes((uint8_t[]){TYPE_LOCAL_APIC, 4, 0, 0}, 4);
	add_local(6, 1);
	CHECK(parse(size, ids, 2000) == 1 && ids[0] == 6);

	/* More than there is room for. */
	begin();
	for (uint32_t i = 0; i < 1500; i++)
		add_x2(i * 3, 1);
	CHECK(parse(size, ids, 2000) == 1500 && ids[1499] == 1499 * 3);
	CHECK(parse(size, ids, 1024) == 1024 && ids[1023] == 1023 * 3);
	CHECK(parse(size, ids, 1) == 1 && parse(size, ids, 0) == 0);

	/* Noise. */
	srand(1);
	for (int round = 0; round < 3000; round++) {
		begin();
		size += rand() % 300;
		for (size_t i = ENTRIES_AT; i < size; i++)
			table[i] = rand() % 4 ? rand() % 20 : rand();
		size_t found = parse(size, ids, 2000), twice = 0;
		for (size_t i = 0; i < found; i++)
			for (size_t j = 0; j < i; j++)
				twice += ids[i] == ids[j];
		CHECK(!twice);
	}
	return unit_status();
}
