/* SPDX-License-Identifier: MIT */
/*
 * kernel/cpu/apic.c on processors that QEMU does not have: x2APIC, with numbers beyond 255, and
 * xAPIC whose last interrupt is slow to leave.
 */
#include "cpu/apic.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/interrupts.h"
#include "memory/page.h"
#include "scenario.h"

#define BASE_ENABLED 0xfee00800ul

struct cpu_features cpu_features;

static uint32_t features_ecx, features_edx = 1u << 9;
static struct cpuid topology;
static uint64_t apic_base = BASE_ENABLED;
static uint64_t msrs[0x40]; /* 0x800 … */
static unsigned msr_writes, relaxed, masked;
static uint32_t *registers;

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	(void)subleaf;
	if (leaf == 0xb)
		return topology;
	CHECK(leaf == 1);
	return (struct cpuid){.ebx = 0x07000000, .ecx = features_ecx, .edx = features_edx};
}

uint64_t msr_read(uint32_t msr)
{
	if (msr == 0x1b)
		return apic_base;
	CHECK(msr >= 0x800 && msr < 0x840 && apic_base & 1 << 10);
	return msrs[msr % 0x40];
}

void msr_write(uint32_t msr, uint64_t value)
{
	if (msr == 0x1b) {
		apic_base = value;
		return;
	}
	CHECK(msr >= 0x800 && msr < 0x840 && apic_base & 1 << 10);
	msrs[msr % 0x40] = value;
	msr_writes++;
}

uint64_t interrupts_off(void)
{
	masked++;
	return 0x202;
}

void interrupts_restore(uint64_t flags)
{
	CHECK(flags == 0x202 && masked == 1);
	masked--;
}

void cpu_relax(void)
{
	CHECK(masked == 1);
	if (++relaxed == 3)
		registers[APIC_ICR / 4] = 0; /* it has left */
}

volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags)
{
	CHECK(physical == 0xfee00000 && size == 4096 && flags & PAGE_UNCACHED);
	return registers;
}

static void test_x2apic(void)
{
	features_ecx = 1u << 21;
	CHECK(apic_enable() && apic_base == (BASE_ENABLED | 1 << 10));
	CHECK(msrs[0x0f] == (APIC_SPURIOUS_ENABLE | INTERRUPT_SPURIOUS));
	CHECK(apic_enable()); /* on the next core, or again */
	CHECK(apic_reaches(0) && apic_reaches(255) && apic_reaches(256) &&
	      apic_reaches(0x12345678));

	/* Volume 3, section 11.12.9: one register of 64 bits, never to be waited for. */
	msr_writes = 0;
	apic_send(0x12345678, APIC_ICR_STARTUP | APIC_ICR_ASSERT | 8);
	CHECK(msrs[0x30] == 0x1234567800004608 && msr_writes == 1 && !relaxed && !masked);
	apic_write(APIC_TIMER_INITIAL, 0x89abcdef);
	CHECK(msrs[0x38] == 0x89abcdef && apic_read(APIC_TIMER_INITIAL) == 0x89abcdef);

	cpu_features.max_leaf = 0xb;
	topology = (struct cpuid){.ebx = 2, .edx = 1000};
	CHECK(apic_id() == 1000);
	topology.ebx = 0; /* the leaf is there and says nothing */
	CHECK(apic_id() == 7);
}

static void test_xapic(void)
{
	registers = calloc(1, 4096);
	CHECK(apic_enable() && apic_base == BASE_ENABLED);
	CHECK(registers[APIC_SPURIOUS / 4] == (APIC_SPURIOUS_ENABLE | INTERRUPT_SPURIOUS));
	CHECK(apic_reaches(254) && !apic_reaches(255) && !apic_reaches(256));
	registers[APIC_ICR / 4] = APIC_ICR_PENDING;
	apic_send(5, APIC_ICR_INIT | APIC_ICR_ASSERT);
	CHECK(relaxed == 3 && !masked);
	CHECK(registers[APIC_ICR_HIGH / 4] == 5u << 24 && registers[APIC_ICR / 4] == 0x4500);
	cpu_features.max_leaf = 0xa;
	CHECK(apic_id() == 7);
	free(registers);
}

/* One that never gets rid of its last interrupt is not waited for for ever. */
static void test_stuck(void)
{
	registers = calloc(1, 4096);
	CHECK(apic_enable());
	registers[APIC_ICR / 4] = APIC_ICR_PENDING;
	relaxed = 3;
	apic_send(5, APIC_ICR_INIT);
	CHECK(relaxed > 1000 && registers[APIC_ICR / 4] == APIC_ICR_INIT && !masked);
	free(registers);
}

static void test_none(void)
{
	features_edx = 0;
	CHECK(!apic_enable());
	features_edx = 1u << 9;
	apic_base = 0xfee00000; /* switched off */
	CHECK(!apic_enable() && apic_base == 0xfee00000);
	apic_base = BASE_ENABLED; /* no memory for its page */
	CHECK(!apic_enable());
}

int main(void)
{
	scenario("x2apic", test_x2apic);
	scenario("xapic", test_xapic);
	scenario("stuck", test_stuck);
	scenario("none", test_none);
	return unit_status();
}
