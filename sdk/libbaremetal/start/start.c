/* SPDX-License-Identifier: MIT */
/*
 * From the entry point to main(): the API table, TLS and stack canary of main() and
 * of each core, environment, constructors. Compiled without stack protector, since the
 * canary is set up here. Everything else initialises itself at first use.
 */
#include "start.h"
#include "../thread/control.h"

#include <elf.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/memory.h>
#include <baremetal/random.h>
#include <baremetal/system.h>
#include <baremetal/task.h>

#define MSR_FS_BASE 0xc0000100u /* Intel SDM volume 4, table 2-2 */

const struct bm_api *bm_api;
const struct bm_start *start_data;

extern int main(int argc, char **argv, char **envp);
_Noreturn void _start_c(const struct bm_start *start);

typedef void (*constructor)(int argc, char **argv, char **envp);
typedef void (*destructor)(void);

/* All from the linker script, sdk/cross/app.ld. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern constructor __preinit_array_start[], __init_array_start[],
    __init_array_end[] __attribute__((visibility("hidden")));
extern destructor __fini_array_start[], __fini_array_end[] __attribute__((visibility("hidden")));
extern char __tls_area[], __tls_area_end[] __attribute__((visibility("hidden")));

static uintptr_t make_canary(void)
{
	uintptr_t value;

	/* Without a source of entropy, where things were loaded is still hard to know. */
	if (bm_random(&value, sizeof(value)))
		value = ((uintptr_t)start_data->stack_low ^ __builtin_ia32_rdtsc()) *
			    UINT64_C(0x9e3779b97f4a7c15) ^
			(uintptr_t)&__ehdr_start;
	return value & ~UINT64_C(0xff); /* a zero byte stops string overruns */
}

/* The program's TLS template. */
static struct {
	const char *image;
	size_t image_size, size, align; /* size: rounded up to the alignment */
} template = {.align = 64};

static uintptr_t canary;

static void find_template(void)
{
	const char *base = (const char *)&__ehdr_start;
	const Elf64_Phdr *header = (const void *)(base + __ehdr_start.e_phoff);

	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
		if (header[i].p_type != PT_TLS)
			continue;
		uintptr_t align = header[i].p_align ? header[i].p_align : 1;

		template.image = base + header[i].p_vaddr;
		template.image_size = header[i].p_filesz;
		template.size = (header[i].p_memsz + align - 1) & ~(align - 1);
		if (align > template.align)
			template.align = align;
	}
}

size_t control_size(void)
{
	return sizeof(struct thread) + template.align + template.size + sizeof(struct _reent) + 16;
}

struct thread *control_place(void *end)
{
	return (void *)(((uintptr_t)end - sizeof(struct thread)) & -template.align);
}

/* The TLS block ends at the thread pointer, and has its template's alignment. */
void control_start(struct thread *thread)
{
	char *block = (char *)thread - template.size;

	memcpy(block, template.image, template.image_size);
	memset(block + template.image_size, 0, template.size - template.image_size);
	thread->self = thread;
	thread->canary = canary;
	thread->memory_reent = (void *)((uintptr_t)(block - sizeof(struct _reent)) & -16);
}

static void use_control(struct thread *thread)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(MSR_FS_BASE), "a"((uint32_t)(uintptr_t)thread),
			   "d"((uint32_t)((uintptr_t)thread >> 32))
			 : "memory");
}

/* main()'s lies in .bss, as large as the linker found necessary, all zero. */
static void start_main_thread(void)
{
	struct thread *thread = control_place(__tls_area_end);

	control_start(thread);
	thread->reent = _impure_ptr;
	thread->state = THREAD_LIVE;
	thread->stack = start_data->stack_low;
	thread->stack_size = start_data->stack_size;
	use_control(thread);
}

static char *core_controls; /* of core 1, 2, …: each control_size() bytes */

static void start_core(uint32_t core)
{
	use_control(control_place(core_controls + core * control_size()));
}

/* Each other core gets a control block for its tasks; then it may take some. */
static void start_cores(void)
{
	size_t size = control_size(), count = bm_system_info()->cores - 1;

	if (!count)
		return;
	core_controls = bm_memory_grow((count * size + 4095) & -4096l);
	if (!core_controls) {
		bm_log(BM_LOG_WARNING, "no memory for the other cores' data: only one is used");
		return;
	}
	for (size_t i = 1; i <= count; i++) {
		struct thread *thread = control_place(core_controls + i * size);

		memset(thread, 0, sizeof(*thread));
		control_start(thread);
		thread->state = THREAD_OF_CORE;
	}
	bm_core_release(start_core);
}

/*
 * Code compiled with -fPIC asks for thread-local variables through this. In an
 * app the linker turns each such call into plain arithmetic, but first wants
 * the function to exist: without it, it leaves an empty dynamic relocation.
 */
void *__tls_get_addr(void *index);
void *__tls_get_addr(void *index)
{
	(void)index;
	bm_crash("thread-local storage of a shared library: link with -static-pie");
}

static void run_destructors(void)
{
	for (destructor *f = __fini_array_end; f > __fini_array_start;)
		(*--f)();
}

_Noreturn void _start_c(const struct bm_start *start)
{
	bm_api = start->api;
	start_data = start;
	find_template();
	canary = make_canary();
	start_main_thread();
	start_cores();
	environ = start->envp;
	if (&__fini_array_end[0] != &__fini_array_start[0])
		atexit(run_destructors);
	/* The script puts .preinit_array right before .init_array. */
	for (constructor *f = __preinit_array_start; f < __init_array_end; f++)
		(*f)(start->argc, start->argv, start->envp);
	exit(main(start->argc, start->argv, start->envp));
}
