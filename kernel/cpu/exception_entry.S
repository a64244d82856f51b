/* SPDX-License-Identifier: MIT */
/*
 * Entry stubs of all vectors, 8 bytes each, and the common path that builds a
 * struct exception_frame (console/panic.h) and calls interrupt_dispatch.
 */
#include "cpu/interrupts.h"

	/* For gdb alone: nothing of it is loaded. */
	.cfi_sections .debug_frame

	.macro save register
	push \register
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \register, 0
	.endm

	.macro restore register
	pop \register
	.cfi_adjust_cfa_offset -8
	.cfi_same_value \register
	.endm

	.text
	.balign 8
	.globl exception_stubs
exception_stubs:
	.set vector, 0
	.rept INTERRUPT_VECTORS
	.balign 8
	push $vector
	jmp common
	.set vector, vector + 1
	.endr

	/* Vectors for which the processor pushes an error code: Intel SDM volume 3, table 6-1. */
	.set with_error, 1 << 8 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30

	.balign 16
common:
	push %rax
	mov 8(%rsp), %rax		/* the vector */
	cmp $32, %eax
	jae 1f
	push %rcx
	mov $with_error, %ecx
	bt %eax, %ecx
	pop %rcx
	jc 2f
1:	push (%rsp)			/* no error code: make room for a zero above the vector */
	mov %rax, 8(%rsp)
	movq $0, 16(%rsp)
2:
	/* From here on a debugger knows the way back; the frame ends behind ss. */
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa %rsp, 64
	.cfi_offset %rsp, -16
	.cfi_offset %rip, -40
	.cfi_offset %rax, -64
	save %rbx
	save %rcx
	save %rdx
	save %rsi
	save %rdi
	save %rbp
	save %r8
	save %r9
	save %r10
	save %r11
	save %r12
	save %r13
	save %r14
	save %r15
	cld
	mov %rsp, %rdi
	call interrupt_dispatch
	restore %r15
	restore %r14
	restore %r13
	restore %r12
	restore %r11
	restore %r10
	restore %r9
	restore %r8
	restore %rbp
	restore %rdi
	restore %rsi
	restore %rdx
	restore %rcx
	restore %rbx
	restore %rax
	add $16, %rsp
	.cfi_adjust_cfa_offset -16
	iretq
	.cfi_endproc

	.section .note.GNU-stack, "", @progbits
