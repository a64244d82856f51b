/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: multiboot2 and PVH entry, 32-bit, paging off.
 *
 * Both loaders enter in 32-bit protected mode with flat segments (Multiboot2
 * specification 2.0, section 3.3; Xen x86/HVM direct boot ABI). This file checks
 * for long mode, maps the kernel's own image with the rights of each part, and
 * enters kernel_main(protocol, info, tsc) in 64-bit mode. It maps nothing else.
 */
#include "boot/protocol.h"

/* ---- What the loaders look for ---- */

	.section .multiboot2, "a"
	.balign 8
header:					/* Multiboot2, section 3.1 */
	.long 0xe85250d6, 0, header_end - header
	.long -(0xe85250d6 + 0 + (header_end - header))
	.balign 8			/* framebuffer, optional, any size (3.1.10) */
	.short 5, 1
	.long 20, 1024, 768, 32
	.balign 8			/* modules on page boundaries (3.1.11) */
	.short 6, 0
	.long 8
	.balign 8
	.short 0, 0
	.long 8
header_end:

	.section .note.xen, "a", @note	/* PVH: XEN_ELFNOTE_PHYS32_ENTRY */
	.balign 4
	.long 4, 8, 18
	.asciz "Xen"
	.quad pvh_start

	.section .note.baremetal, "a", @note	/* boot/bundle.h: BUNDLE_NOTE */
	.balign 4
	.long 10, 8, 2			/* BUNDLE_NOTE */
	.asciz "BareMetal"
	.balign 4
	.quad bundle_slot

/* ---- 32-bit entry ---- */

	.section .text.boot, "ax"
	.code32
	.globl multiboot2_start, pvh_start
pvh_start:
	mov $PROTOCOL_PVH, %eax
multiboot2_start:
	cli
	cld
	mov $boot_stack_top, %esp
	mov %eax, %edi			/* kernel_main's first two arguments */
	mov %ebx, %esi
	rdtsc				/* kept on the stack for the third */
	push %edx
	push %eax

	/* Long mode and NX: CPUID 0x80000001, edx bits 29 and 20. */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode
	mov $0x100, %ebx		/* EFER.LME */
	xor %ebp, %ebp			/* the NX bit's upper half, if there is one */
	bt $20, %edx
	jnc 1f
	mov $0x900, %ebx		/* EFER.LME, NXE */
	mov $0x80000000, %ebp
1:
	/* The four tables' links. */
	movl $table_pdpt + 3, table_pml4
	movl $table_pd + 3, table_pdpt
	movl $table_pt + 3, table_pd
	movl $table_pml4 + 3, table_pml4 + 511 * 8
	mov %ebp, table_pml4 + 511 * 8 + 4

	/* The kernel's pages, part by part. */
	push %esi
	push %edi
	mov $kernel_parts, %esi
next_part:
	mov (%esi), %eax		/* first address */
	test %eax, %eax
	jz parts_done
	mov 4(%esi), %ecx		/* end */
	mov 8(%esi), %edx		/* low rights */
	mov 12(%esi), %edi		/* high rights */
	and %ebp, %edi
	add $16, %esi
	or %eax, %edx			/* an entry: address and rights */
	shr $12, %eax
	lea table_pt(, %eax, 8), %eax	/* its place */
	dec %ecx
	or $0xfff, %ecx			/* the last byte of the last page */
2:
	mov %edx, (%eax)
	mov %edi, 4(%eax)
	add $8, %eax
	add $4096, %edx
	cmp %ecx, %edx
	jb 2b
	jmp next_part
parts_done:
	pop %edi
	pop %esi

	mov $0x20, %eax			/* CR4.PAE */
	mov %eax, %cr4
	mov $table_pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER */
	mov %ebx, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010033, %eax		/* CR0: PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $GDT_CODE, $long_mode

/* A processor without long mode: a sentence on the serial port, the status for QEMU, then stop. */
no_long_mode:
	mov $long_mode_message, %esi
	mov $0x3f8, %edx
3:
	lodsb
	test %al, %al
	jz 4f
	out %al, (%dx)
	jmp 3b
4:
	mov $0x504, %edx		/* POWER_STATUS_PORT (cpu/power.h): is it there? */
	in (%dx), %al
	cmp $0xe9, %al
	jne 6f
5:
	lodsb
	out %al, (%dx)
	cmp $'\n', %al
	jne 5b
	mov $1, %dl			/* POWER_QEMU_EXIT_PORT, 0x501 */
	mov $0x7f, %al
	out %al, (%dx)
6:
	hlt
	jmp 6b

	.code64
long_mode:
	mov $GDT_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $boot_stack_top, %rsp
	mov -8(%rsp), %rdx		/* the counter, edx:eax as pushed */
	mov %edi, %edi
	mov %esi, %esi
	xor %ebp, %ebp
	call kernel_main
	ud2

/* ---- Data ---- */

	.section .rodata.boot, "a"
long_mode_message:
	.asciz "error: BareMetal needs a 64-bit x86 processor (long mode)\r\n"
	.ascii "refused\n"		/* behind it: the status line */

	.balign 8
kernel_parts:				/* start, end, low rights, high rights */
	.long kernel_text_start, kernel_text_end, 0x001, 0
	.long kernel_rodata_start, kernel_data_start, 0x001, 0x80000000
	.long kernel_data_start, kernel_data_end, 0x003, 0x80000000
	.long boot_stack_low, boot_stack_top, 0x003, 0x80000000
	.long exception_stack_low, exception_stack_top, 0x003, 0x80000000
	.long interrupt_stack_low, interrupt_stack_top, 0x003, 0x80000000
	.long nmi_stack_low, nmi_stack_top, 0x003, 0x80000000
	.long 0

	.balign 8
	.globl gdt			/* until each core has its own (cpu/interrupts.c) */
gdt:	.quad 0
	.quad 0x00af9b000000ffff	/* GDT_CODE: 64-bit, present, accessed */
	.quad 0x00cf93000000ffff	/* GDT_DATA */
gdt_pointer:
	.short . - gdt - 1
	.long gdt

	.section .note.GNU-stack, "", @progbits
