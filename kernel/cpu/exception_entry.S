/* SPDX-License-Identifier: MIT */
/*
 * Entry stubs of all vectors, 8 bytes each, and the common path that builds a
 * struct exception_frame (console/panic.h) and calls interrupt_dispatch.
 */
#include "cpu/interrupts.h"

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
2:	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call interrupt_dispatch
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
