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

/* Read a word of memory if it is there. From LAYOUT_DEVICES on lie device registers, which must not
 * be read. */
static bool read_word(uint64_t address, uint64_t *value)
{
	uint64_t physical;
	if (address % 8 != 0 || address >= LAYOUT_DEVICES || !page_lookup(address, &physical))
		return false;
	*value = *(const uint64_t *)address;
	return true;
}

/*
 * What an address is: an instruction's; one behind a call, which may be its function's last
 * instruction; or that only if it has a name, and not to be printed if not. The value is how far back
 * the function is looked for.
 */
enum place { PLACE_EXACT, PLACE_CALL, PLACE_GUESS };

/*
 * PLACE_EXACT: returns where the function begins, 0 if that is not known. Else: 0 if nothing was
 * printed.
 */
static uint64_t print_place(unsigned number, uint64_t address, enum place place)
{
	struct symbol symbol;
	uint64_t inside = address - place;
	bool named = symbols_find(inside, &symbol);
	uint32_t end;

	if (!named && place == PLACE_GUESS)
		return 0;
	print("  #%u %p ", number, (void *)address);
	if (named)
		print("%.*s+0x%x ", NAME_MAX, symbol.name, symbol.offset + place);
	if (inside - symbols_app_base < symbols_app_size)
		print("(app+0x%lx)\n", address - symbols_app_base);
	else if (address - (uint64_t)kernel_text_start <
		 (uint64_t)(kernel_text_end - kernel_text_start))
		print("(kernel)\n");
	else
		print("(neither kernel nor app)\n");
	if (!named || place != PLACE_EXACT)
		return place;
	/* "work.cold", a part that gcc has put elsewhere, has the frame of the rest. */
	__builtin_memcpy(&end, symbol.name + strlen(symbol.name) - sizeof end, sizeof end);
	return end == ('c' | 'o' << 8 | 'l' << 16 | 'd' << 24) ? 0 : inside - symbol.offset;
}

/* Saved frame pointer and return address lie at `frame`; each caller's frame lies above. */
static void print_backtrace(unsigned number, uint64_t frame)
{
	uint64_t next, caller;
	for (; number < FRAMES_MAX; number++) {
		if (!read_word(frame, &next) || !read_word(frame + 8, &caller) || caller == 0)
			return;
		print_place(number, caller, PLACE_CALL);
		if (next <= frame)
			return;
		frame = next;
	}
	print("  ...\n");
}

/*
 * The caller is on top of the stack, and in no frame, after a jump to nowhere, and in a function that
 * has made no frame up to there, by "mov %rsp, %rbp": gcc makes none in a leaf.
 */
static void print_calls(const struct exception_frame *frame)
{
	uint64_t rip = frame->rip, caller, physical;
	uint64_t start = print_place(0, rip, PLACE_EXACT);
	enum place top = start ? PLACE_GUESS : PLACE_EXACT; /* none */
	unsigned number = 1;
	uint32_t code;

	for (uint64_t at = rip - 3; top && at >= start && page_lookup(at, &physical); at--) {
		__builtin_memcpy(&code, (const void *)at, sizeof code);
		if (code << 8 == 0xe5894800)
			top = PLACE_EXACT;
	}
	if (frame->vector == VECTOR_PAGE && (frame->error & PAGE_ERROR_FETCH))
		top = PLACE_CALL;
	if (top && read_word(frame->rsp, &caller) && print_place(number, caller, top))
		number++;
	print_backtrace(number, frame->rbp);
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
	bool fetch = error & PAGE_ERROR_FETCH;
	const char *what = fetch ? "call" : error & PAGE_ERROR_WRITE ? "write" : "read";

	if (error & PAGE_ERROR_RESERVED)
		print("broken page table entry for %p\n", (void *)address);
	else if (error & PAGE_ERROR_PRESENT)
		print("%s at %p\n",
		      fetch                      ? "execution of data"
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

/* In print order, equally wide, each with its place in struct exception_frame. */
#define PLACE(register, name)                                                                      \
	{                                                                                          \
		name, __builtin_offsetof(struct exception_frame, register) / sizeof(uint64_t)      \
	}
static const struct {
	char name[4];
	uint8_t place;
} registers[] = {PLACE(rip, "rip"), PLACE(rsp, "rsp"), PLACE(rbp, "rbp"), PLACE(rax, "rax"),
		 PLACE(rbx, "rbx"), PLACE(rcx, "rcx"), PLACE(rdx, "rdx"), PLACE(rsi, "rsi"),
		 PLACE(rdi, "rdi"), PLACE(r8, "r8 "),  PLACE(r9, "r9 "),  PLACE(r10, "r10"),
		 PLACE(r11, "r11"), PLACE(r12, "r12"), PLACE(r13, "r13"), PLACE(r14, "r14"),
		 PLACE(r15, "r15")};
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
	    "stack access through a wild pointer\0\0\0\0x87 floating-point error\0"
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
		print_place(0, (uint64_t)place, PLACE_EXACT);
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
		if (core->stopped)
			print_calls(core->stopped);
	}
	if (idle)
		print("%u other cores asleep\n", idle);
	if (crash_hook)
		crash_hook();
}

/* ---- Entries ---- */

void panic_exception(const struct exception_frame *frame)
{
	uint64_t fault_address;
	const uint64_t *values = (const uint64_t *)frame;

	__asm__ volatile("mov %%cr2, %0" : "=r"(fault_address));
	begin();
	print("\ncrash: ");
	explain(frame, fault_address);
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		print("%s %016lx%s", registers[i].name, values[registers[i].place],
		      i % 3 == 2 ? "\n" : "  ");
	print("cr2 %016lx\nflags %lx  vector %lu  error %lx\nbacktrace:\n", fault_address,
	      frame->rflags, frame->vector, frame->error);
	print_calls(frame);
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
