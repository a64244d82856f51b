/* SPDX-License-Identifier: MIT */
/*
 * kernel/cpu/cpu.c, what it makes of CPUID: the vector state of processors that QEMU does not
 * have, and names.
 */
#include "cpu/cpu.c"

#include "unit.h"

static struct cpuid leaf_1, leaf_7, leaf_d, largest;
static char brand[49];

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r = {0};

	CHECK(subleaf == 0);
	switch (leaf) {
	case 0:
		return largest;
	case 1:
		return leaf_1;
	case 7:
		CHECK(largest.eax >= 7);
		return leaf_7;
	case 0xd:
		return leaf_d;
	case 0x80000000:
		r.eax = 0x80000008;
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
		memcpy(&r, brand + 16 * (leaf - 0x80000002), 16);
		break;
	case 0x80000008:
		r.eax = 46;
		break;
	}
	return r;
}

/* XCR0 for a processor of these features and these parts of the state. */
static uint32_t state(bool avx, bool avx512, uint32_t parts)
{
	largest.eax = 0xd;
	leaf_1.ecx = 1u << 26 | (uint32_t)avx << 28;
	leaf_7.ebx = (uint32_t)avx512 << 16;
	leaf_d.eax = parts;
	read_features();
	return vector_state();
}

void msr_write(uint32_t msr, uint64_t value)
{
	(void)msr, (void)value;
}

int main(void)
{
	CHECK(state(false, false, 3) == 3);
	CHECK(state(true, false, 7) == 7);
	CHECK(state(true, true, 0xe7) == 0xe7);
	CHECK(state(true, true, 0x2e7) == 0xe7); /* PKRU, AMX and the like are not for us */
	CHECK(state(true, false, 0xe7) == 7);    /* masked out by a hypervisor */
	CHECK(state(true, true, 0x67) == 7);     /* all three parts or none */
	CHECK(state(true, true, 0xe3) == 3);     /* AVX-512 stands on AVX */
	CHECK(state(false, true, 0xe7) == 3);

	strcpy(brand, "   Some Processor 3000   ");
	read_features();
	trim_brand();
	CHECK(!strcmp(cpu_features.brand, "Some Processor 3000") &&
	      cpu_features.physical_bits == 46);
	memset(brand, ' ', 48);
	read_features();
	trim_brand();
	CHECK(!cpu_features.brand[0]);
	return unit_status();
}
