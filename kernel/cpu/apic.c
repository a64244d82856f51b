/* SPDX-License-Identifier: MIT */
/*
 * The local APIC. Contract: apic.h.
 */
#include "cpu/apic.h"
#include <stddef.h>
#include "cpu/cpu.h"
#include "cpu/interrupts.h"
#include "memory/page.h"

#define CPUID_FEATURES            1
#define CPUID_FEATURES_ECX_X2APIC (1u << 21)
#define CPUID_FEATURES_EDX_APIC   (1u << 9)
#define CPUID_TOPOLOGY            0xb

#define MSR_APIC_BASE         0x1b
#define MSR_APIC_BASE_X2APIC  (1 << 10)
#define MSR_APIC_BASE_ENABLE  (1 << 11)
#define MSR_APIC_BASE_ADDRESS 0xffffffffff000ul
#define MSR_X2APIC(reg)       (0x800 + (reg) / 16)

#define PENDING_TRIES 100000 /* reads, of about 50 ns at least */

static volatile uint8_t *registers; /* NULL in x2APIC mode */

bool apic_enable(void)
{
	struct cpuid features = cpuid(CPUID_FEATURES, 0);
	if (!(features.edx & CPUID_FEATURES_EDX_APIC))
		return false;
	uint64_t base = msr_read(MSR_APIC_BASE);
	if (!(base & MSR_APIC_BASE_ENABLE))
		return false;
	if (features.ecx & CPUID_FEATURES_ECX_X2APIC) {
		msr_write(MSR_APIC_BASE, base | MSR_APIC_BASE_X2APIC);
	} else if (!registers) {
		registers = page_map_device(base & MSR_APIC_BASE_ADDRESS, PAGE_SIZE,
					    PAGE_WRITE | PAGE_UNCACHED);
		if (!registers)
			return false;
	}
	apic_write(APIC_SPURIOUS, APIC_SPURIOUS_ENABLE | INTERRUPT_SPURIOUS);
	return true;
}

void apic_write(unsigned reg, uint32_t value)
{
	if (registers)
		*(volatile uint32_t *)(registers + reg) = value;
	else
		msr_write(MSR_X2APIC(reg), value);
}

uint32_t apic_read(unsigned reg)
{
	return registers ? *(volatile uint32_t *)(registers + reg) : msr_read(MSR_X2APIC(reg));
}

void apic_send(uint32_t id, uint32_t command)
{
	if (!registers) {
		/* Section 11.12.9: one register, never busy; earlier stores must be seen before. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		msr_write(MSR_X2APIC(APIC_ICR), (uint64_t)id << 32 | command);
		return;
	}
	/* Two registers: an interrupt between them must not send one of its own. */
	uint64_t flags = interrupts_off();
	for (unsigned i = 0; i < PENDING_TRIES && apic_read(APIC_ICR) & APIC_ICR_PENDING; i++)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR, command);
	interrupts_restore(flags);
}

bool apic_reaches(uint32_t id)
{
	return !registers || id < 255;
}

uint32_t apic_id(void)
{
	if (cpu_features.max_leaf >= CPUID_TOPOLOGY) {
		struct cpuid r = cpuid(CPUID_TOPOLOGY, 0);
		if (r.ebx)
			return r.edx;
	}
	return cpuid(CPUID_FEATURES, 0).ebx >> 24;
}
