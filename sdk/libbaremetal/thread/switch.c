/* SPDX-License-Identifier: MIT */
/*
 * Switching stacks: what the System V ABI says a call preserves, and fs.
 *
 * 26 instructions with FSGSBASE, 32 without.
 */
#include "thread.h"

#include <cpuid.h>
#include <malloc.h>
#include <stdlib.h>

_Noreturn void thread_main(void);

uint8_t port_has_fsgsbase;

/* The kernel enables it wherever there is the feature (Intel SDM volume 2, CPUID leaf 7). */
__attribute__((constructor(101))) static void find_features(void)
{
	unsigned a, b, c, d;

	port_has_fsgsbase = __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1;
}

/*
 * int port_switch(void **save, void *stack_pointer, struct thread *to, uint32_t *release)
 *
 * The saved stack, lowest first: MXCSR, x87 control word, r15 … r12, rbx, rbp, return address.
 * MSR 0xc0000100 is the base of fs.
 */
__asm__(".text\n"
	".globl port_switch\n"
	".type port_switch, @function\n"
	"port_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	cmpb $0, port_has_fsgsbase(%rip)\n"
	"	je 2f\n"
	"	wrfsbase %rdx\n"
	"1:	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	ldmxcsr (%rsp)\n"
	"	fldcw 4(%rsp)\n"
	"	movl $0, (%rcx)\n" /* its lock: nobody may go on with the old stack before */
	"	xorl %eax, %eax\n"
	"	addq $8, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	"2:	movq %rcx, %r8\n"
	"	movl $0xc0000100, %ecx\n"
	"	movl %edx, %eax\n"
	"	shrq $32, %rdx\n"
	"	wrmsr\n"
	"	movq %r8, %rcx\n"
	"	jmp 1b\n"
	".size port_switch, . - port_switch\n"
	/* A new thread: rbp = 0 ends every backtrace. */
	".type begin, @function\n"
	"begin:\n"
	"	xorl %ebp, %ebp\n"
	"	call thread_main\n"
	"	ud2\n"
	".size begin, . - begin\n");
extern const char begin[] __attribute__((visibility("hidden")));

void *port_prepare(struct thread *thread, char *stack, size_t size)
{
	uintptr_t *top = (uintptr_t *)((uintptr_t)(stack + size) & -16);

	(void)thread;
	*--top = 0;
	*--top = 0;
	*--top = (uintptr_t)begin;
	for (int i = 0; i < 6; i++)
		*--top = 0;
	*--top = 0x1f80 | (uintptr_t)0x37f << 32; /* as after power-on: all exceptions masked */
	return top;
}

void *port_stack(size_t size)
{
	void *block = memalign(4096, size), *guarded;

	if (!block)
		return NULL;
	guarded = bm_memory_guard(block, size);
	if (!guarded)
		free(block);
	return guarded;
}
