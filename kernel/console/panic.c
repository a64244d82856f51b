/* SPDX-License-Identifier: MIT */
/*
 * The report of a crash: the reason in words, registers, a backtrace by frame
 * pointers, then the end. Everything that is read here is checked first.
 */
#include "console/panic.h"
#include "console/console.h"
#include "console/log.h"
#include "console/symbols.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/power.h"
#include "lib/format.h"
#include "memory/layout.h"
#include "memory/page.h"
#include <string.h>

#define FRAMES_MAX     32
#define NAME_MAX       80          /* of a function, in print */
#define STACKS_MAX     4           /* that can be registered */
#define OVERFLOW_REACH (1ul << 30) /* a large frame may step over the guard page */
#define NULL_REACH     0x10000     /* members and elements behind a null pointer */

/* Vectors and error code bits: Intel SDM volume 3, sections 6.15 and 4.7. */
#define VECTOR_PROTECTION   13
#define VECTOR_PAGE         14
#define PAGE_ERROR_PRESENT  0x01
#define PAGE_ERROR_WRITE    0x02
#define PAGE_ERROR_RESERVED 0x08
#define PAGE_ERROR_FETCH    0x10

extern const char kernel_text_start[], kernel_text_end[];
extern const char kernel_stacks_start[], kernel_stacks_end[];

static struct {
	const char *name;
	uint64_t low, size;
} stacks[STACKS_MAX];
static unsigned stack_count;

void panic_register_stack(const char *name, uint64_t low, uint64_t size)
{
	if (stack_count == STACKS_MAX)
		return;
	stacks[stack_count].name = name;
	stacks[stack_count].low = low;
	stacks[stack_count++].size = size;
}

/* ---- Printing ---- */

static void print_list(const char *format, va_list list)
{
	static char line[256];
	size_t length = format_list(line, sizeof line, format, list);
	log_append_unlocked(line, length);
	console_write_unlocked(line, length);
}

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	print_list(format, list);
	va_end(list);
}

/*
 * Once: go on, after stopping the other cores. From inside the report: end at once;
 * from inside that: stop. Of two cores that crash at once, the second stops.
 */
static void begin(void)
{
	static uint32_t owner; /* its index, plus one */
	static unsigned depth;
	uint32_t self = worker_count() ? core_self()->index + 1 : 1, none = 0;

	__asm__ volatile("cli");
	if (!__atomic_compare_exchange_n(&owner, &none, self, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST) &&
	    none != self)
		cpu_halt();
	if (++depth == 2)
		power_end(POWER_CRASH, 0);
	if (depth > 2)
		cpu_halt();
	if (worker_count() > 1)
		core_stop_others();
	console_confine_unlocked(CONSOLE_WHOLE);
}

/* ---- Where ---- */

static bool canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Read a word of memory if it is there. */
static bool read_word(uint64_t address, uint64_t *value)
{
	uint64_t physical;
	if (address % 8 != 0 || !canonical(address) || !page_lookup(address, &physical))
		return false;
	*value = *(const uint64_t *)address;
	return true;
}

/* call: the address is behind a call, which may be its function's last instruction. */
static void print_place(unsigned number, uint64_t address, bool call)
{
	struct symbol symbol;
	uint64_t app = address - symbols_app_base;

	print("  #%u %p ", number, (void *)address);
	if (symbols_find(address - call, &symbol))
		print("%.*s+0x%x ",
		      symbol.name_length < NAME_MAX ? (int)symbol.name_length : NAME_MAX,
		      symbol.name, symbol.offset + call);
	if (app - call < symbols_app_size)
		print("(app+0x%lx)\n", app);
	else if (address - (uint64_t)kernel_text_start <
		 (uint64_t)(kernel_text_end - kernel_text_start))
		print("(kernel)\n");
	else
		print("(neither kernel nor app)\n");
}

/* Saved frame pointer and return address lie at `frame`; each caller's frame lies above. */
static void print_backtrace(unsigned number, uint64_t frame)
{
	uint64_t next, caller;
	for (; number < FRAMES_MAX; number++) {
		/* From there on lie device registers, which must not be read. */
		if (frame >= LAYOUT_DEVICES || !read_word(frame, &next) ||
		    !read_word(frame + 8, &caller) || caller == 0)
			return;
		print_place(number, caller, true);
		if (next <= frame)
			return;
		frame = next;
	}
	print("  ...\n");
}

/* ---- Why ---- */

/* Which stack's guard page the fault hit, if any. */
static const char *overflowed_stack(uint64_t address, uint64_t rsp)
{
	for (unsigned i = 0; i < stack_count; i++) {
		uint64_t low = stacks[i].low;
		if (low - 1 - address < PAGE_SIZE ||
		    (low - 1 - rsp < OVERFLOW_REACH && address - low >= stacks[i].size))
			return stacks[i].name;
	}
	/* In these regions, too, what is not mapped guards a stack. */
	if (address - LAYOUT_CORES < LAYOUT_DEVICES - LAYOUT_CORES)
		return address < LAYOUT_GUARDED - 2 * PAGE_SIZE ? "core's stack" : "thread's stack";
	/* Between the kernel's stacks there is nothing but guard pages. */
	uint64_t low = (uint64_t)kernel_stacks_start - PAGE_SIZE;
	return address - low < (uint64_t)kernel_stacks_end - low ? "kernel stack" : NULL;
}

static void explain_page_fault(const struct exception_frame *frame, uint64_t address)
{
	const char *stack;
	uint64_t error = frame->error;
	bool fetch = (error & PAGE_ERROR_FETCH) || address == frame->rip;
	const char *what = fetch ? "call" : error & PAGE_ERROR_WRITE ? "write" : "read";

	if (error & PAGE_ERROR_RESERVED)
		print("broken page table entry for %p\n", (void *)address);
	else if (error & PAGE_ERROR_PRESENT)
		print("%s at %p\n",
		      fetch                      ? "execution of data (not executable)"
		      : error & PAGE_ERROR_WRITE ? "write to read-only memory"
						 : "read of protected memory",
		      (void *)address);
	else if (address < NULL_REACH && fetch)
		print("null function called (jump to %p)\n", (void *)address);
	else if (address < NULL_REACH)
		print("null pointer %s at %p\n", what[0] == 'w' ? "written" : what,
		      (void *)address);
	else if ((stack = overflowed_stack(address, frame->rsp)) != NULL)
		print("stack overflow in the %s (%s at %p)\n", stack, what, (void *)address);
	else
		print("%s at an unmapped address, %p\n", what, (void *)address);
}

/* In print order, each with its place in struct exception_frame. */
#define PLACE(name)                                                                                \
	{                                                                                          \
#name, __builtin_offsetof(struct exception_frame, name) / sizeof(uint64_t)         \
	}
static const struct {
	char name[4];
	uint8_t place;
} registers[] = {PLACE(rip), PLACE(rsp), PLACE(rbp), PLACE(rax), PLACE(rbx), PLACE(rcx),
		 PLACE(rdx), PLACE(rsi), PLACE(rdi), PLACE(r8),  PLACE(r9),  PLACE(r10),
		 PLACE(r11), PLACE(r12), PLACE(r13), PLACE(r14), PLACE(r15)};
#define REGISTER_COUNT (sizeof registers / sizeof registers[0])

static void explain_protection(const struct exception_frame *frame)
{
	const uint64_t *values = (const uint64_t *)frame;
	const char *culprit = NULL;
	for (unsigned i = REGISTER_COUNT; i-- > 0;)
		if (!canonical(values[registers[i].place]))
			culprit = registers[i].name;
	if (frame->error)
		print("bad selector 0x%lx\n", frame->error);
	else if (culprit)
		print("access to a non-canonical address, perhaps through %s\n", culprit);
	else
		print("misaligned vector access, wild pointer or forbidden instruction\n");
}

static void explain(const struct exception_frame *frame, uint64_t fault_address)
{
	/* By vector, each ending in a zero; empty where nothing here can raise it (table 6-1). */
	static const char reasons[] =
	    "divide by zero or overflow\0debug trap\0non-maskable interrupt\0breakpoint\0\0\0"
	    "invalid instruction\0\0double fault\0\0\0\0"
	    "stack access at a non-canonical address or through a wild pointer\0\0\0\0x87 floating-point error\0"
	    "misaligned access\0machine check (hardware error)\0vector floating-point error\0";
	const char *reason = reasons;

	if (frame->vector == VECTOR_PAGE) {
		explain_page_fault(frame, fault_address);
		return;
	}
	if (frame->vector == VECTOR_PROTECTION) {
		explain_protection(frame);
		return;
	}
	for (uint64_t i = 0; i < frame->vector && reason < reasons + sizeof reasons - 1; i++)
		reason += strlen(reason) + 1;
	if (*reason)
		print("%s\n", reason);
	else
		print("unexpected interrupt %lu\n", frame->vector);
}

static void (*crash_hook)(void);

void panic_on_crash(void (*hook)(void))
{
	crash_hook = hook;
}

void panic_backtrace(const void *place, const void *frame)
{
	if (place)
		print_place(0, (uint64_t)place, false);
	print_backtrace(place != NULL, (uint64_t)frame);
}

/* What the other cores were doing when begin() stopped them. */
static void print_others(void)
{
	const struct core *core;
	uint32_t self = worker_count() ? core_self()->index : 0;
	unsigned idle = 0;

	for (uint32_t i = 0; (core = core_of(i)); i++) {
		if (i == self)
			continue;
		/* Inside of a wait it sleeps with a task on its stack, or dozes: where, may explain a
		 * hang. */
		if (core->worker->asleep == WORKER_IDLE && !core->worker->depth) {
			idle++;
			continue;
		}
		print("core %u%s\n", i, core->stopped ? ":" : " did not stop");
		if (core->stopped) {
			print_place(0, core->stopped->rip, false);
			print_backtrace(1, core->stopped->rbp);
		}
	}
	if (idle)
		print("%u other cores asleep\n", idle);
	if (crash_hook)
		crash_hook();
}

/* ---- Entries ---- */

void panic_exception(const struct exception_frame *frame)
{
	uint64_t fault_address, caller;
	const uint64_t *values = (const uint64_t *)frame;

	__asm__ volatile("mov %%cr2, %0" : "=r"(fault_address));
	begin();
	print("\ncrash: ");
	explain(frame, fault_address);
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		print("%s%s %016lx%s", registers[i].name, registers[i].name[2] ? "" : " ",
		      values[registers[i].place], i % 3 == 2 ? "\n" : "  ");
	print("cr2 %016lx\nflags %lx  vector %lu  error %lx\nbacktrace:\n", fault_address,
	      frame->rflags, frame->vector, frame->error);
	print_place(0, frame->rip, false);
	/* After a jump to nowhere the caller is on top of the stack, not yet in a frame. */
	bool lost = frame->vector == VECTOR_PAGE && fault_address == frame->rip &&
		    frame->rsp < LAYOUT_DEVICES && read_word(frame->rsp, &caller);
	if (lost)
		print_place(1, caller, true);
	print_backtrace(1 + lost, frame->rbp);
	print_others();
	power_end(POWER_CRASH, 0);
}

void panic(const char *format, ...)
{
	va_list list;
	uint64_t frame = (uint64_t)__builtin_frame_address(0);
	begin();
	print("\ncrash: ");
	va_start(list, format);
	print_list(format, list);
	va_end(list);
	print("\nbacktrace:\n");
	print_backtrace(0, frame);
	print_others();
	power_end(POWER_CRASH, 0);
}

void refuse(const char *format, ...)
{
	va_list list;
	begin();
	print("error: ");
	va_start(list, format);
	print_list(format, list);
	va_end(list);
	print("\n");
	power_end(POWER_REFUSED, 0);
}
