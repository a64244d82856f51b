/* SPDX-License-Identifier: MIT */
/*
 * Where the other cores begin: real mode, at the start of a page below 1 MiB (Intel SDM
 * volume 3, section 8.4.3). core.c copies [trampoline_start, trampoline_end) to whatever page
 * is free: this part knows its place by its code segment alone, and needs no stack, for all cores
 * run it at once. What follows lies in the kernel's image.
 */
#include "boot/protocol.h"

	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt_pointer - trampoline_start
	mov $0x11, %eax			/* CR0: ET, PE */
	mov %eax, %cr0
	ljmpl $GDT_CODE32, $protected
trampoline_gdt_pointer:
	.short trampoline_gdt_end - trampoline_gdt - 1
	.long trampoline_gdt
trampoline_end:

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* GDT_CODE */
	.quad 0x00cf93000000ffff	/* GDT_DATA */
	.quad 0x00cf9b000000ffff	/* GDT_CODE32 */
trampoline_gdt_end:

	.text
	.code32
protected:
	mov $GDT_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0x20, %eax			/* CR4.PAE */
	mov %eax, %cr4
	mov $table_pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE; the kernel runs on NX processors alone */
	mov $0x900, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010033, %eax		/* CR0: PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmp $GDT_CODE, $core_entry
	.code64

/* Paging on: find this core's data by its APIC number, take its stack. A core that nobody expects halts. */
core_entry:
	mov $0x0b, %eax			/* CPUID: extended topology, if there is any */
	xor %ecx, %ecx
	cmpb $0, core_has_topology
	je 1f
	cpuid
	mov %edx, %edi
	test %ebx, %ebx
	jnz 2f
1:	mov $1, %eax
	cpuid
	shr $24, %ebx
	mov %ebx, %edi
2:	xor %ecx, %ecx
3:	cmp core_listed, %ecx
	jae 4f
	cmp %edi, core_ids(, %rcx, 4)
	je 5f
	inc %ecx
	jmp 3b
4:	cli
	hlt
	jmp 4b
5:	mov core_areas(, %rcx, 8), %rdi
	test %rdi, %rdi
	jz 4b
	mov CORE_STACK_TOP(%rdi), %rsp
	xor %ebp, %ebp
	call core_main
	jmp 4b

	.section .note.GNU-stack, "", @progbits
