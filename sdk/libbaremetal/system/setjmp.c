/* SPDX-License-Identifier: MIT */
/*
 * setjmp() and longjmp(). Newlib's longjmp(buffer, 0) would make setjmp() return
 * 0 again. Saved: what a called function must preserve (System V ABI, 3.2.1).
 */
#include <setjmp.h>

_Static_assert(sizeof(jmp_buf) == 64, "eight registers");

__asm__(".text\n"
	".globl setjmp\n"
	".type setjmp, @function\n"
	"setjmp:\n"
	"	movq %rbx, (%rdi)\n"
	"	movq %rbp, 8(%rdi)\n"
	"	movq %r12, 16(%rdi)\n"
	"	movq %r13, 24(%rdi)\n"
	"	movq %r14, 32(%rdi)\n"
	"	movq %r15, 40(%rdi)\n"
	"	leaq 8(%rsp), %rax\n" /* as it will be once this has returned */
	"	movq %rax, 48(%rdi)\n"
	"	movq (%rsp), %rax\n"
	"	movq %rax, 56(%rdi)\n"
	"	xorl %eax, %eax\n"
	"	ret\n"
	".size setjmp, . - setjmp\n"
	".globl longjmp\n"
	".type longjmp, @function\n"
	"longjmp:\n"
	"	movl %esi, %eax\n"
	"	cmpl $1, %eax\n"
	"	adcl $0, %eax\n" /* 0 becomes 1 */
	"	movq (%rdi), %rbx\n"
	"	movq 8(%rdi), %rbp\n"
	"	movq 16(%rdi), %r12\n"
	"	movq 24(%rdi), %r13\n"
	"	movq 32(%rdi), %r14\n"
	"	movq 40(%rdi), %r15\n"
	"	movq 48(%rdi), %rsp\n"
	"	jmpq *56(%rdi)\n"
	".size longjmp, . - longjmp\n");
