/* SPDX-License-Identifier: MIT */
/*
 * The pure half of ACPI: from bytes to facts. ACPI 6.5, chapters 5 and 20.
 */
#include "device/acpi_parse.h"

#include <string.h>

/* 5.2.5.3: Root System Description Pointer. */
struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision; /* 0: ACPI 1.0, which ends with rsdt */
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum; /* of length bytes */
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == ACPI_RSDP_SIZE, "ACPI 6.5, table 5.3");
#define RSDP_V1_SIZE 20

/* 5.2.3.2: Generic Address Structure. */
struct gas {
	uint8_t space;
	uint8_t width;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));
_Static_assert(sizeof(struct gas) == 12, "ACPI 6.5, table 5.1");

/* 5.2.9: Fixed ACPI Description Table. */
struct fadt {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t skipped0[31];
	uint32_t dsdt;
	uint8_t skipped1[4];
	uint32_t smi_command;
	uint8_t acpi_enable;
	uint8_t skipped2[11];
	uint32_t pm1a_control, pm1b_control;
	uint8_t skipped3[4];
	uint32_t pm_timer;
	uint8_t skipped4[11];
	uint8_t pm_timer_length;
	uint8_t skipped5[16];
	uint8_t century;
	uint8_t skipped9[3];
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint8_t skipped6[11];
	uint64_t x_dsdt;
	uint8_t skipped7[24];
	struct gas x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer;
	uint8_t skipped8[24];
	struct gas sleep_control, sleep_status;
} __attribute__((packed));
_Static_assert(offsetof(struct fadt, smi_command) == 48, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, pm1a_control) == 64, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, pm_timer) == 76, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, pm_timer_length) == 91, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, century) == 108, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, x_pm_timer) == 208, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "ACPI 6.5, table 5.9");

#define FADT_V1_SIZE               116
#define FADT_V2_SIZE               offsetof(struct fadt, sleep_control) /* of ACPI 2.0 to 4.0 */
#define PM_TIMER_LENGTH            4 /* bytes; 0: there is none */
#define FADT_FLAG_RESET            (1 << 10)
#define FADT_FLAG_HARDWARE_REDUCED (1 << 20)

/* 20.2: the few AML encodings of Name (\_S5, Package () {a, b, …}). */
#define AML_ZERO    0x00
#define AML_ONE     0x01
#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_WORD    0x0b
#define AML_DWORD   0x0c
#define AML_PACKAGE 0x12

bool acpi_checksum_good(const uint8_t *table, size_t size)
{
	uint8_t sum = 0;
	while (size)
		sum += table[--size];
	return sum == 0;
}

bool acpi_parse_rsdp(const uint8_t *bytes, size_t size, struct acpi_root *root)
{
	struct rsdp rsdp = {0};

	if (size < RSDP_V1_SIZE)
		return false;
	memcpy(&rsdp, bytes, size < sizeof(rsdp) ? size : sizeof(rsdp));
	if (memcmp(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature)) != 0 ||
	    !acpi_checksum_good(bytes, RSDP_V1_SIZE))
		return false;
	*root = (struct acpi_root){rsdp.rsdt, 4};
	/* A broken second half is ignored where the first is whole. */
	if (rsdp.revision >= 2 && rsdp.xsdt && rsdp.length >= sizeof(rsdp) && rsdp.length <= size &&
	    acpi_checksum_good(bytes, rsdp.length))
		*root = (struct acpi_root){rsdp.xsdt, 8};
	return root->address != 0;
}

size_t acpi_table_length(const uint8_t header[ACPI_HEADER_SIZE])
{
	uint32_t length;
	memcpy(&length, header + 4, sizeof(length));
	return length < ACPI_HEADER_SIZE || length > ACPI_TABLE_MAX ? 0 : length;
}

/* A port: the extended form counts where it is given and is one, else the ACPI 1.0 number. */
static uint16_t choose_port(const struct gas *extended, uint32_t port)
{
	return extended->address && extended->space == ACPI_SPACE_IO ? extended->address : port;
}

static struct acpi_register byte_register(const struct gas *gas)
{
	return (struct acpi_register){gas->space <= ACPI_SPACE_IO ? gas->address : 0, gas->space};
}

bool acpi_parse_fadt(const uint8_t *table, size_t size, struct acpi_facts *facts)
{
	struct fadt fadt = {0};

	if (size < FADT_V1_SIZE)
		return false;
	/* A field that is cut in two is as absent as one that is missing. */
	if (size < sizeof(fadt))
		size = size < FADT_V2_SIZE ? FADT_V1_SIZE : FADT_V2_SIZE;
	memcpy(&fadt, table, size < sizeof(fadt) ? size : sizeof(fadt));
	facts->dsdt = fadt.x_dsdt ? fadt.x_dsdt : fadt.dsdt;
	facts->century_register = fadt.century;
	if (fadt.flags & FADT_FLAG_RESET) {
		facts->reset = byte_register(&fadt.reset);
		facts->reset_value = fadt.reset_value;
	}
	if (fadt.flags & FADT_FLAG_HARDWARE_REDUCED) {
		facts->sleep_control = byte_register(&fadt.sleep_control);
		return true;
	}
	facts->smi_port = fadt.smi_command;
	facts->acpi_enable = fadt.acpi_enable;
	facts->pm1a_port = choose_port(&fadt.x_pm1a_control, fadt.pm1a_control);
	facts->pm1b_port = choose_port(&fadt.x_pm1b_control, fadt.pm1b_control);
	if (fadt.pm_timer_length == PM_TIMER_LENGTH)
		facts->pm_timer_port = choose_port(&fadt.x_pm_timer, fadt.pm_timer);
	return true;
}

/* One integer constant of AML; the sleep types have three bits. Returns the bytes taken, or 0. */
static size_t parse_sleep_type(const uint8_t *aml, size_t size, uint8_t *type)
{
	if (size >= 1 && aml[0] <= AML_ONE) {
		*type = aml[0];
		return 1;
	}
	if (size < 2 || aml[0] < AML_BYTE || aml[0] > AML_DWORD || aml[1] > 7)
		return 0;
	*type = aml[1];
	return aml[0] == AML_BYTE ? 2 : aml[0] == AML_WORD ? 3 : 5;
}

bool acpi_parse_s5(const uint8_t *table, size_t size, struct acpi_facts *facts)
{
	/* NameOp, name, PackageOp, PkgLength (1 to 4 bytes), NumElements, elements. */
	for (size_t i = ACPI_HEADER_SIZE + 1; i + 8 < size; i++) {
		const uint8_t *aml = table + i;
		size_t left = size - i, first, at;
		uint8_t type_a, type_b = 0;

		if (aml[0] != '_' || memcmp(aml, "_S5_", 4) != 0 || aml[4] != AML_PACKAGE ||
		    (aml[-1] != AML_NAME && aml[-1] != '\\'))
			continue;
		at = 6 + (aml[5] >> 6) + 1;
		if (at >= left || aml[at - 1] == 0)
			continue;
		first = parse_sleep_type(aml + at, left - at, &type_a);
		if (!first)
			continue;
		/* A second type is there unless the package has one element alone. */
		at += first;
		if (aml[at - first - 1] > 1 &&
		    (at >= left || !parse_sleep_type(aml + at, left - at, &type_b)))
			continue;
		facts->s5_type_a = type_a;
		facts->s5_type_b = type_b;
		return facts->s5_valid = true;
	}
	return false;
}
