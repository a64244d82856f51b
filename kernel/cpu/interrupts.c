/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables and dispatch. Contract: interrupts.h.
 */
#include "cpu/interrupts.h"
#include "boot/protocol.h"
#include "console/log.h"
#include "console/panic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"

/* An interrupt gate: Intel SDM volume 3, section 6.14.1. */
struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t stack; /* IST number */
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "hardware layout");
#define GATE_INTERRUPT 0x8e /* present, ring 0, 64-bit interrupt gate */

enum { STACK_EXCEPTION = 1, STACK_INTERRUPT = 2, STACK_NMI = 3 };

#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_MACHINE_CHECK 18

extern uint64_t gdt[];
extern char exception_stubs[]; /* exception_entry.S: 8 bytes a vector */
extern char exception_stack_top[], interrupt_stack_top[], nmi_stack_top[];

static struct gate idt[INTERRUPT_VECTORS] __attribute__((aligned(16)));
static struct core_tables first_core;
static void (*handlers[INTERRUPT_VECTORS - INTERRUPT_FIRST])(unsigned vector);

/* Load the GDT or the IDT. */
static void load_table(bool is_gdt, const void *table, unsigned size)
{
	struct {
		uint16_t limit;
		uint64_t address;
	} __attribute__((packed)) pointer = {size - 1, (uint64_t)table};
	if (is_gdt)
		__asm__ volatile("lgdt %0" : : "m"(pointer));
	else
		__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* The legacy 8259 pair: ICW1 to ICW4, then mask all. */
static void mask_legacy_controller(void)
{
	static const struct {
		uint8_t port, value;
	} steps[] = {
	    {0x20, 0x11},
	    {0xa0, 0x11}, /* ICW1: begin, ICW4 follows */
	    {0x21, INTERRUPT_PIC},
	    {0xa1, INTERRUPT_PIC + 8}, /* ICW2: first vector */
	    {0x21, 4},
	    {0xa1, 2}, /* ICW3: the cascade */
	    {0x21, 1},
	    {0xa1, 1}, /* ICW4: 8086 mode */
	    {0x21, 0xff},
	    {0xa1, 0xff}, /* mask */
	};
	for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
		out8(steps[i].port, steps[i].value);
}

void interrupts_load(struct core_tables *t)
{
	t->task_state.interrupt_stack[STACK_EXCEPTION - 1] = t->exception_top;
	t->task_state.interrupt_stack[STACK_INTERRUPT - 1] = t->interrupt_top;
	t->task_state.interrupt_stack[STACK_NMI - 1] = t->nmi_top;
	t->task_state.io_map = sizeof t->task_state;

	/* Section 3.5, "System Descriptor Types": an available 64-bit TSS. */
	uint64_t at = (uint64_t)&t->task_state;
	t->gdt[GDT_CODE / 8] = gdt[GDT_CODE / 8];
	t->gdt[GDT_DATA / 8] = gdt[GDT_DATA / 8];
	t->gdt[GDT_TSS / 8] = 0x0000890000000000ul | (sizeof t->task_state - 1) |
			      (at & 0xffffff) << 16 | (at >> 24 & 0xff) << 56;
	t->gdt[GDT_TSS / 8 + 1] = at >> 32;
	load_table(true, t->gdt, sizeof t->gdt);
	load_table(false, idt, sizeof idt);
	__asm__ volatile("ltr %w0" : : "r"(GDT_TSS));
}

void interrupts_init(void)
{
	uint64_t stub = (uint64_t)exception_stubs;
	for (unsigned i = 0; i < INTERRUPT_VECTORS; i++, stub += 8) {
		idt[i] = (struct gate){
		    .offset_low = stub,
		    .selector = GDT_CODE,
		    .stack = i < INTERRUPT_FIRST ? STACK_EXCEPTION : STACK_INTERRUPT,
		    .type = GATE_INTERRUPT,
		    .offset_middle = stub >> 16,
		};
	}
	idt[VECTOR_NMI].stack = STACK_NMI;
	idt[VECTOR_DOUBLE_FAULT].stack = STACK_NMI;
	idt[VECTOR_MACHINE_CHECK].stack = STACK_NMI;

	first_core.exception_top = (uint64_t)exception_stack_top;
	first_core.interrupt_top = (uint64_t)interrupt_stack_top;
	first_core.nmi_top = (uint64_t)nmi_stack_top;
	interrupts_load(&first_core);
	mask_legacy_controller();
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
	handlers[vector - INTERRUPT_FIRST] = handler;
}

/* Called by exception_entry.S. */
void interrupt_dispatch(const struct exception_frame *frame)
{
	if (frame->vector == VECTOR_NMI && core_is_stopping()) {
		__atomic_store_n(&core_self()->stopped, frame, __ATOMIC_RELEASE);
		cpu_halt();
	}
	if (frame->vector < INTERRUPT_FIRST)
		panic_exception(frame);
	void (*handler)(unsigned) = handlers[frame->vector - INTERRUPT_FIRST];
	if (handler)
		handler(frame->vector);
}
