/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each core (Intel SDM volume 3, chapter 11): interrupts from
 * core to core, and the registers that timer.c needs. x2APIC where the processor
 * has it, else the memory-mapped xAPIC.
 */
#ifndef KERNEL_CPU_APIC_H
#define KERNEL_CPU_APIC_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_EOI             0x0b0
#define APIC_SPURIOUS        0x0f0
#define APIC_SPURIOUS_ENABLE (1 << 8)
#define APIC_ICR             0x300
#define APIC_ICR_NMI         (4 << 8)
#define APIC_ICR_INIT        (5 << 8)
#define APIC_ICR_STARTUP     (6 << 8)
#define APIC_ICR_PENDING     (1 << 12)
#define APIC_ICR_ASSERT      (1 << 14)
#define APIC_ICR_HIGH        0x310
#define APIC_LVT_TIMER       0x320 /* with no other bit than the vector: one-shot */
#define APIC_TIMER_INITIAL   0x380 /* counts down from here, once */
#define APIC_TIMER_CURRENT   0x390
#define APIC_TIMER_DIVIDE    0x3e0
#define APIC_TIMER_DIVIDE_1  0x0b

/* Find it and switch it on, on the calling core. False where there is none. May be called again. */
bool apic_enable(void);

void apic_write(unsigned reg, uint32_t value);
uint32_t apic_read(unsigned reg);

/* Send an interrupt to one core: APIC_ICR_… bits, and a vector. Waits, bounded, for the last one to
 * be gone. */
void apic_send(uint32_t apic_id, uint32_t command);

/* Can an interrupt be sent to this number? In xAPIC mode it has 8 bits, and 255 means all. */
bool apic_reaches(uint32_t apic_id);

/* This core's number, from CPUID: needs no APIC. */
uint32_t apic_id(void);

#endif
