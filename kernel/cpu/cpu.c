/* SPDX-License-Identifier: MIT */
/*
 * What the processor offers, and switching it on.
 */
#include "cpu/cpu.h"
#include <string.h>

struct cpu_features cpu_features;

/* Control register bits: Intel SDM volume 3, section 2.5. */
#define CR0_MP         (1ul << 1)
#define CR0_EM         (1ul << 2)
#define CR0_TS         (1ul << 3)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP       (1ul << 11)
#define CR4_FSGSBASE   (1ul << 16)
#define CR4_OSXSAVE    (1ul << 18)
#define CR4_SMEP       (1ul << 20)

/* XCR0: section 2.6. */
#define XCR0_X87    (1u << 0)
#define XCR0_SSE    (1u << 1)
#define XCR0_AVX    (1u << 2)
#define XCR0_AVX512 (7u << 5) /* opmask, upper halves, upper registers */

/* Page attribute table, section 11.12: entry 1 (PWT alone) is write-combining, the rest as at
 * reset. */
#define MSR_PAT   0x277
#define PAT_VALUE 0x0007040600070106ul

/* CPUID bits: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. */
static void read_features(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid r = cpuid(0, 0);
	f->max_leaf = r.eax;

	r = cpuid(1, 0);
	f->pat = r.edx >> 16 & 1;
	f->xsave = r.ecx >> 26 & 1;
	f->avx = r.ecx >> 28 & 1;
	f->rdrand = r.ecx >> 30 & 1;
	f->hypervisor = r.ecx >> 31;
	if (f->max_leaf >= 7) {
		r = cpuid(7, 0);
		f->fsgsbase = r.ebx & 1;
		f->smep = r.ebx >> 7 & 1;
		f->avx512 = r.ebx >> 16 & 1;
		f->rdseed = r.ebx >> 18 & 1;
		f->smap = r.ebx >> 20 & 1;
		f->umip = r.ecx >> 2 & 1;
	}
	if (f->hypervisor) {
		r = cpuid(0x40000000, 0);
		f->max_hypervisor_leaf = r.eax;
		memcpy(f->hypervisor_name, &r.ebx, 12);
	}

	f->max_extended_leaf = cpuid(0x80000000, 0).eax;
	r = cpuid(0x80000001, 0);
	f->nx = r.edx >> 20 & 1;
	f->pages_1g = r.edx >> 26 & 1;
	if (f->max_extended_leaf >= 0x80000004)
		for (unsigned i = 0; i < 3; i++) {
			r = cpuid(0x80000002 + i, 0);
			memcpy(f->brand + 16 * i, &r, 16);
		}
	if (f->max_extended_leaf >= 0x80000007)
		f->tsc_invariant = cpuid(0x80000007, 0).edx >> 8 & 1;
	f->physical_bits = 36;
	if (f->max_extended_leaf >= 0x80000008)
		f->physical_bits = cpuid(0x80000008, 0).eax;
}

/* The brand string is padded with blanks on the left or right. */
static void trim_brand(void)
{
	char *from = cpu_features.brand;
	while (*from == ' ')
		from++;
	size_t size = strlen(from);
	while (size && from[size - 1] == ' ')
		size--;
	memmove(cpu_features.brand, from, size);
	cpu_features.brand[size] = 0;
}

void cpu_init(void)
{
	read_features();
	trim_brand();
	cpu_enable();
}

/* Vector state: all that the processor supports and we know. */
static uint32_t vector_state(void)
{
	uint32_t state = XCR0_X87 | XCR0_SSE;
	uint32_t supported = cpuid(0xd, 0).eax;
	if (cpu_features.avx && supported & XCR0_AVX) {
		state |= XCR0_AVX;
		if (cpu_features.avx512 && (supported & XCR0_AVX512) == XCR0_AVX512)
			state |= XCR0_AVX512;
	}
	return state;
}

void cpu_enable(void)
{
	uint64_t cr0, cr4;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr0 = (cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP;
	cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	if (cpu_features.fsgsbase)
		cr4 |= CR4_FSGSBASE;
	if (cpu_features.umip)
		cr4 |= CR4_UMIP;
	if (cpu_features.smep)
		cr4 |= CR4_SMEP;
	if (cpu_features.xsave)
		cr4 |= CR4_OSXSAVE;
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr4" : : "r"(cr0), "r"(cr4) : "memory");

	if (cpu_features.xsave)
		__asm__ volatile("xsetbv" : : "a"(vector_state()), "d"(0), "c"(0));
	__asm__ volatile("fninit");
	if (cpu_features.pat)
		msr_write(MSR_PAT, PAT_VALUE);
}
