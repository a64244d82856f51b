/* SPDX-License-Identifier: MIT */
/*
 * The end that nobody wants: a report on every console, then a non-zero status.
 *
 * The report allocates nothing, takes no lock, and survives a fault inside
 * itself (it then stops with what it has printed).
 */
#ifndef KERNEL_CONSOLE_PANIC_H
#define KERNEL_CONSOLE_PANIC_H

#include <stdint.h>

/* Registers as the exception entry (cpu/exception_entry.S) pushes them. */
struct exception_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* An exception that nothing handles: reason in words, registers, backtrace. */
_Noreturn void panic_exception(const struct exception_frame *frame);

/* A bug of our own or the app's request (system_crash): a sentence and a backtrace from here. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *format, ...);

/* The API's system_on_crash: <baremetal/system.h>. */
void panic_on_crash(void (*hook)(void));
/* The API's system_backtrace: <baremetal/system.h>. */
void panic_backtrace(const void *place, const void *frame);

/* The program cannot be started: a sentence and what to do about it; no backtrace, status
 * "refused". */
__attribute__((format(printf, 1, 2))) _Noreturn void refuse(const char *format, ...);

/*
 * Addresses to names: the module "symbols" that `baremetal image` adds
 * (format: console/symbols.h). base: where the app was loaded. Checked here; a
 * broken one is ignored with a log line.
 */
void symbols_init(const void *module, uint64_t size, uint64_t app_base, uint64_t app_size);

/* Name the function around an address: "main+0x12", or false. */
struct symbol {
	const char *name;
	uint32_t offset; /* bytes from the function's start */
};
int symbols_find(uint64_t address, struct symbol *symbol);

/*
 * Regions whose guard pages turn a fault into "stack overflow": the app's main
 * stack, registered by the loader; the kernel's own are known.
 */
void panic_register_stack(const char *name, uint64_t low, uint64_t size);

#endif
