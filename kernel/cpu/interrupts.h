/* SPDX-License-Identifier: MIT */
/*
 * The interrupt descriptor table: exceptions and interrupt vectors.
 *
 * Every vector runs on a stack of its own (IST): exceptions on one, interrupts
 * on another, NMI, double fault and machine check on a third. So application
 * code may use a red zone, and a stack overflow still gets its report. Handlers
 * use general registers only, so the vector state is never saved.
 */
#ifndef KERNEL_CPU_INTERRUPTS_H
#define KERNEL_CPU_INTERRUPTS_H

#define INTERRUPT_VECTORS  64 /* vectors with an entry stub: 32 exceptions, then interrupts */
#define INTERRUPT_FIRST    32
#define INTERRUPT_PIC      32 /* the legacy controller's 16, masked: only spurious ones come */
#define INTERRUPT_TIMER    48
#define INTERRUPT_WAKE     49 /* from core to core: there is work */
#define INTERRUPT_DEVICES  50 /* up to the next: devices' (device/interrupt.c) */
#define INTERRUPT_SPURIOUS 63 /* the local APIC's */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* Task state segment: Intel SDM volume 3, section 8.7. */
struct task_state {
	uint32_t reserved0;
	uint64_t stack[3];
	uint64_t reserved1;
	uint64_t interrupt_stack[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "hardware layout");

/* What each core has of its own. */
struct core_tables {
	uint64_t gdt[5]; /* null, GDT_CODE, GDT_DATA, GDT_TSS in two */
	struct task_state task_state;
	uint64_t exception_top, interrupt_top, nmi_top; /* ends of its stacks */
};

/* Fill the IDT, which all cores share; load core 0's tables; remap and mask the legacy controller.
 */
void interrupts_init(void);

/* Load the calling core's descriptor tables; its stacks' ends are filled in. */
void interrupts_load(struct core_tables *tables);

/* What to call on a vector of INTERRUPT_FIRST or above. The handler acknowledges its device and the
 * APIC. */
void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector));

#endif

#endif
