/* SPDX-License-Identifier: MIT */
/*
 * Crashes in the way that argv[1] names, two calls below main, so that the
 * report's words and its backtrace can be checked.
 */
#include <baremetal/system.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t zero;
static volatile char data[64] = "\xc3"; /* a return instruction */
static const char constant[] = "read-only";

__attribute__((noinline)) static void recurse(volatile char *above)
{
	volatile char frame[400];
	memset((void *)frame, above[0], sizeof frame);
	recurse(frame);
	frame[0] = above[0];
}

__attribute__((noinline)) static void big_frame(void)
{
	/* From a stack of 1 MiB far below its guard page in one step. */
	volatile char *top = __builtin_frame_address(0);
	__asm__ volatile("sub $0x110000, %%rsp\n\tpush %%rax\n\tadd $0x110008, %%rsp"
			 :
			 :
			 : "memory");
	top[0] = 0;
}

__attribute__((noinline)) static void huge_frame(void)
{
	/* As `char big[256 << 20]; big[0] = 1;` is compiled: only the stack pointer is near. */
	volatile char *top = __builtin_frame_address(0);
	__asm__ volatile("sub $0x10000000, %%rsp\n\tmovb $1, (%%rsp)\n\tadd $0x10000000, %%rsp"
			 :
			 :
			 : "memory");
	top[0] = 0;
}

/*
 * From -O1 on gcc makes no frame for leaf(). It is entered from middle(), which has one; through a
 * pointer; and as the last call of last(), which then has none any more.
 */
__attribute__((noinline)) static int leaf(volatile int *at)
{
	return *at;
}

static int (*volatile pointer)(volatile int *) = leaf;

__attribute__((noinline)) static int middle(volatile int *at)
{
	return leaf(at) + 1;
}

__attribute__((noinline)) static int through(volatile int *at)
{
	return pointer(at) + 1;
}

__attribute__((noinline)) static int last(volatile int *at)
{
	return leaf(at);
}

/*
 * With a frame, and on top of the stack an address that an earlier call may have left there: not a
 * caller. A function's part of its own, made as gcc makes it for what is seldom run, has that
 * frame.
 */
__asm__(".pushsection .text.unlikely, \"ax\"\n"
	".type framed.cold, @function\n"
	"framed.cold:\n"
	"	mov 0, %eax\n"
	"	ud2\n"
	".size framed.cold, . - framed.cold\n"
	".popsection");

__attribute__((noinline)) static void framed(bool cold)
{
	volatile char *frame = __builtin_frame_address(0); /* makes one */
	__asm__ volatile("push %0\n\ttest %1, %1\n\tjnz framed.cold\n\tmov 0, %%eax\n\tpop %0"
			 :
			 : "r"((uintptr_t)recurse + 8), "r"((int)cold)
			 : "eax", "memory");
	frame[0] = 0;
}

__attribute__((noinline)) static int provoke(const char *how)
{
	if (!strcmp(how, "null-read"))
		return *(volatile int *)zero;
	if (!strcmp(how, "null-member"))
		return *(volatile int *)(zero + 0x10);
	if (!strcmp(how, "null-write"))
		*(volatile int *)zero = 1;
	if (!strcmp(how, "null-call"))
		((void (*)(void))zero)();
	if (!strcmp(how, "leaf"))
		return middle((volatile int *)zero) + 1;
	if (!strcmp(how, "leaf-by-pointer"))
		return through((volatile int *)zero) + 1;
	if (!strcmp(how, "leaf-at-the-end"))
		return last((volatile int *)zero) + 1;
	if (!strcmp(how, "framed") || !strcmp(how, "framed-cold"))
		framed(!strcmp(how, "framed-cold"));
	if (!strcmp(how, "wild-read"))
		return *(volatile int *)(zero + 0x123456789000);
	if (!strcmp(how, "wild-call"))
		((void (*)(void))(zero + 0x123456789000))();
	if (!strcmp(how, "non-canonical"))
		return *(volatile int *)(zero + 0x8000000000000000);
	if (!strcmp(how, "stack-overflow")) {
		volatile char seed[1] = {1};
		recurse(seed);
	}
	if (!strcmp(how, "big-frame"))
		big_frame();
	if (!strcmp(how, "huge-frame"))
		huge_frame();
	if (!strcmp(how, "write-code"))
		*(volatile char *)(uintptr_t)provoke = 1;
	if (!strcmp(how, "write-constant"))
		*(volatile char *)(uintptr_t)constant = 1;
	if (!strcmp(how, "execute-data"))
		((void (*)(void))(uintptr_t)data)();
	if (!strcmp(how, "execute-stack")) {
		volatile char code[16] = "\xc3";
		((void (*)(void))(uintptr_t)code)();
	}
	if (!strcmp(how, "execute-heap")) {
		volatile char *code = malloc(16);
		code[0] = (char)0xc3;
		((void (*)(void))(uintptr_t)code)();
	}
	if (!strcmp(how, "write-kernel"))
		*(volatile char *)0x101000 = 1;
	if (!strcmp(how, "divide"))
		return (int)(7 / zero);
	if (!strcmp(how, "invalid"))
		__asm__ volatile("ud2");
	if (!strcmp(how, "breakpoint"))
		__asm__ volatile("int3");
	if (!strcmp(how, "misaligned"))
		/* Without leftovers in registers that look like the culprit. */
		__asm__ volatile("xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
				 "xor %%edi, %%edi\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\t"
				 "movaps %%xmm0, 8(%0)"
				 :
				 : "a"((uintptr_t)data & ~15ul)
				 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "memory");
	if (!strcmp(how, "interrupt"))
		__asm__ volatile("int $0x50");
	if (!strcmp(how, "bad-stack"))
		/* No stack to push an exception's frame on: it must come on one of the kernel's. */
		__asm__ volatile("mov $0x10, %%rsp\n\tpush %%rax" : : : "memory");
	if (!strcmp(how, "bad-frame")) {
		/* A frame pointer that leads nowhere: the report must survive its own backtrace. */
		__asm__ volatile("mov $0x7777777777777778, %%rbp\n\tud2" : : : "memory");
	}
	if (!strcmp(how, "api"))
		bm_crash("the app asked for it");
	if (!strcmp(how, "abort"))
		abort();
	return 0;
}

__attribute__((noinline)) static int caller(const char *how)
{
	int result = provoke(how);
	__asm__ volatile("" : : : "memory"); /* not a tail call */
	return result;
}

int main(int argc, char **argv)
{
	printf("crashing by %s\n", argc > 1 ? argv[1] : "nothing");
	int result = caller(argc > 1 ? argv[1] : "");
	printf("still alive\n");
	return result ? 3 : 2;
}
