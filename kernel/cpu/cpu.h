/* SPDX-License-Identifier: MIT */
/*
 * The processor: instructions that C has no words for, and what CPUID offers.
 */
#ifndef KERNEL_CPU_CPU_H
#define KERNEL_CPU_CPU_H

#include <stdbool.h>
#include <stdint.h>

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}
static inline uint8_t in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline uint16_t in16(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}
static inline uint32_t in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* Words between a port and memory, as many as said. */
static inline void in16_many(uint16_t port, void *to, uint64_t count)
{
	__asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}
static inline void out16_many(uint16_t port, const void *from, uint64_t count)
{
	__asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t)high << 32 | low;
}
static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* Reads the time-stamp counter, not ordered against other instructions. */
static inline uint64_t tsc_read(void)
{
	return __builtin_ia32_rdtsc();
}

/* Random words of the processor's; false where it has none ready. Only if cpu_features has them. */
static inline bool rdrand(uint64_t *word)
{
	bool good;
	__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(good));
	return good;
}
static inline bool rdseed(uint64_t *word)
{
	bool good;
	__asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(good));
	return good;
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};
static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;
	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* Keep interrupts out, from here to interrupts_restore() with what this returned. */
static inline uint64_t interrupts_off(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}
static inline void interrupts_restore(uint64_t flags)
{
	__asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

/* Tells the processor that this is a waiting loop. */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* Stops this core for good. */
_Noreturn static inline void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

/* What CPUID offers; filled by cpu_init() before anything else runs. */
struct cpu_features {
	bool nx, pages_1g, pat;
	bool fsgsbase, smep, smap, umip;
	bool xsave, avx, avx512;
	bool rdrand, rdseed;
	bool tsc_invariant, hypervisor;
	uint32_t max_leaf, max_extended_leaf, max_hypervisor_leaf;
	uint8_t physical_bits;
	char brand[49];           /* processor name, trimmed */
	char hypervisor_name[13]; /* "TCGTCGTCGTCG", "KVMKVMKVM", or "" */
};
extern struct cpu_features cpu_features;

/* Read CPUID; then cpu_enable() for core 0. */
void cpu_init(void);

/* Switch on what this core has: SSE/AVX state, FSGSBASE, SMEP, UMIP, PAT. On each core. */
void cpu_enable(void);

#endif
