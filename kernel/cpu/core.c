/* SPDX-License-Identifier: MIT */
/*
 * Starting the cores (Intel SDM volume 3, section 8.4.4), waking and stopping
 * them. Contract: core.h. A core's area, lowest address first; what is not named
 * is unmapped:
 *
 *   + 0x0001000  struct core, with its queues
 *   + 0x0100000  exception stack, + 0x0104000 interrupt stack, + 0x0108000 NMI stack
 *   + 0x0200000  task stack, up to 1 MiB
 */
#include "cpu/core.h"
#include <string.h>
#include "boot/protocol.h"
#include "console/log.h"
#include "console/panic.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/time.h"
#include "device/acpi.h"
#include "device/madt.h"
#include "memory/layout.h"
#include "memory/page.h"
#include "memory/physical.h"

#define AREA_CORE         0x001000
#define AREA_EXCEPTION    0x100000
#define AREA_INTERRUPT    0x104000
#define AREA_NMI          0x108000
#define AREA_STACK        0x200000
#define SMALL_STACK       0x2000   /* 8 KiB: exceptions, interrupts, NMI */
#define TASK_STACK_MIN    0x8000ul /* 32 KiB */
#define TASK_STACKS_SHARE 16 /* of free memory, for all together */

#define MSR_GS_BASE 0xc0000101

/* How long the others may take to report: they may share few processors of a host's. */
#define START_NS(count) (BM_SECOND + (count) * (BM_SECOND / 10))
#define SIPI_NS         1000000      /* to the second start-up interrupt */
#define STOP_TICKS      1000000000ul /* a third of a second or so */

/* What trampoline.S reads. */
uint32_t core_listed;
uint32_t core_ids[CORES_MAX];
struct core *core_areas[CORES_MAX];
bool core_has_topology;

static struct core *cores[CORES_MAX]; /* by index */
static uint32_t core_total;
static void (*start_hook)(uint32_t core);
static bool monitor_usable; /* MWAIT really sleeps */

extern const char trampoline_start[], trampoline_end[];
_Static_assert(__builtin_offsetof(struct core, stack_top) == CORE_STACK_TOP, "entry code knows it");

/* New memory at a place of a core's area. */
static bool map_part(uint64_t virtual, uint64_t size)
{
	size = (size + PAGE_SIZE - 1) & -PAGE_SIZE;
	uint64_t physical = physical_take(size, virtual);
	return physical && !page_map(virtual, physical, size, PAGE_WRITE);
}

static struct core *make_area(uint32_t number)
{
	struct core *core = (void *)(LAYOUT_CORES + number * LAYOUT_CORE_SIZE + AREA_CORE);
	if (!map_part((uint64_t)core, sizeof *core))
		return NULL;
	memset(core, 0, __builtin_offsetof(struct core, worker_data));
	core->self = core;
	core->worker = &core->worker_data;
	return core;
}

static void add_core(struct core *core)
{
	core->index = core_total;
	worker_init(core->worker, core->index);
	cores[core_total++] = core;
	worker_publish(core->worker);
}

void core_init(void)
{
	struct core *core = make_area(0);
	if (!core)
		refuse("not enough memory for the first core's data: give the machine more");
	/* It came from the end of memory, which a loader's map may claim without reason. */
	if (*(struct core *volatile *)&core->self != core)
		refuse("the loader's memory map has memory where there is none");
	core->apic_id = apic_id();
	core->state = CORE_RELEASED;
	add_core(core);
	msr_write(MSR_GS_BASE, (uint64_t)core);

	/* Hypervisors that offer MWAIT at all often make it a busy loop: there, HLT. */
	monitor_usable = !cpu_features.hypervisor && cpuid(1, 0).ecx >> 3 & 1;
}

struct core *core_of(uint32_t index)
{
	return index < core_total ? cores[index] : NULL;
}

/* ---- On a new core ---- */

/* Called by trampoline.S, on the task stack. */
void core_main(struct core *core)
{
	interrupts_load(&core->tables);
	msr_write(MSR_GS_BASE, (uint64_t)core);
	cpu_enable();
	apic_enable();
	uint32_t expected = CORE_ABSENT;
	if (!__atomic_compare_exchange_n(&core->state, &expected, CORE_UP, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		cpu_halt();
	/* The number comes at once; the app takes longer. */
	while (__atomic_load_n(&core->state, __ATOMIC_ACQUIRE) == CORE_UP)
		cpu_relax();
	while (!__atomic_load_n(&start_hook, __ATOMIC_ACQUIRE))
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	__asm__ volatile("sti");
	start_hook(core->index);
	scheduler_run(NULL);
	cpu_halt();
}

/* ---- Starting ---- */

static void wake_interrupt(unsigned vector)
{
	(void)vector;
	apic_write(APIC_EOI, 0);
}

/* A core's area with its stacks. */
static struct core *prepare(uint32_t number, uint64_t stack_size)
{
	struct core *core = make_area(number);
	uint64_t area = LAYOUT_CORES + number * LAYOUT_CORE_SIZE;
	if (!core || !map_part(area + AREA_EXCEPTION, SMALL_STACK) ||
	    !map_part(area + AREA_INTERRUPT, SMALL_STACK) ||
	    !map_part(area + AREA_NMI, SMALL_STACK) || !map_part(area + AREA_STACK, stack_size))
		return NULL;
	core->apic_id = core_ids[number];
	core->stack_size = stack_size;
	core->stack_top = area + AREA_STACK + stack_size;
	core->tables.exception_top = area + AREA_EXCEPTION + SMALL_STACK;
	core->tables.interrupt_top = area + AREA_INTERRUPT + SMALL_STACK;
	core->tables.nmi_top = area + AREA_NMI + SMALL_STACK;
	return core;
}

/* Which cores there are: core_ids, this one first. */
static void list_cores(uint32_t max)
{
	size_t size;
	const uint8_t *table = acpi_find("APIC", &size);
	uint32_t self = cores[0]->apic_id, found = 0;
	if (table)
		found = madt_parse(table, size, core_ids, CORES_MAX);
	for (uint32_t i = 0; i < found; i++)
		if (core_ids[i] == self) {
			core_ids[i] = core_ids[0];
			core_ids[0] = self;
		}
	core_listed = found && core_ids[0] == self ? found : 1;
	if (max && core_listed > max)
		core_listed = max;
}

static uint32_t count_up(void)
{
	uint32_t up = 0;
	for (uint32_t i = 1; i < core_listed; i++)
		up += core_areas[i] &&
		      __atomic_load_n(&core_areas[i]->state, __ATOMIC_ACQUIRE) == CORE_UP;
	return up;
}

/* Wait until so many have reported. */
static bool wait_up(uint32_t wanted, uint64_t ns)
{
	uint64_t end = time_monotonic() + ns;
	while (count_up() < wanted) {
		if (time_monotonic() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static void send_to_absent(uint32_t command)
{
	for (uint32_t i = 1; i < core_listed; i++)
		if (core_areas[i] &&
		    __atomic_load_n(&core_areas[i]->state, __ATOMIC_ACQUIRE) == CORE_ABSENT)
			apic_send(core_ids[i], command);
}

void core_start_all(uint32_t max)
{
	list_cores(max);
	if (core_listed < 2)
		return;
	if (!apic_enable()) {
		log_warning("cores: no local APIC, only one of %u is used", core_listed);
		return;
	}
	/* Before page tables take all low memory. */
	uint64_t page = physical_take_low();
	if (!page) {
		log_warning(
		    "cores: no free memory below 1 MiB to start them in, only one of %u is used",
		    core_listed);
		return;
	}
	interrupt_set_handler(INTERRUPT_WAKE, wake_interrupt);
	core_has_topology = cpu_features.max_leaf >= 0xb;

	uint64_t stack_size = physical_free() / TASK_STACKS_SHARE / core_listed & -PAGE_SIZE;
	stack_size = stack_size < TASK_STACK_MIN   ? TASK_STACK_MIN
		     : stack_size > TASK_STACK_MAX ? TASK_STACK_MAX
						   : stack_size;
	/* Half of the memory stays for the app: rather fewer cores than none that has work. */
	uint64_t keep = physical_free() / 2;
	uint32_t wanted = 0, beyond = 0;
	for (uint32_t i = 1; i < core_listed && physical_free() > keep; i++) {
		if (!apic_reaches(core_ids[i]))
			beyond++;
		else if ((core_areas[i] = prepare(i, stack_size)))
			wanted++;
	}
	if (beyond)
		log_warning("cores: %u cannot be reached without x2APIC", beyond);
	if (wanted + beyond + 1 < core_listed)
		log_warning(
		    "cores: no memory for %u of %u: give the machine more, or use bm.cores=",
		    core_listed - 1 - beyond - wanted, core_listed);

	/* The first instructions. They run without paging: their page needs no mapping. */
	void *place = (void *)page_map_device(page, PAGE_SIZE, 0);
	if (!place) {
		log_warning("cores: no memory for their first page, only one is used");
		return;
	}
	memcpy(place, trampoline_start, trampoline_end - trampoline_start);
	page_unmap((uint64_t)place, PAGE_SIZE);

	/* INIT, then start-up, and once more to whoever did not hear it (section 8.4.4.1). */
	send_to_absent(APIC_ICR_INIT | APIC_ICR_ASSERT);
	time_delay_us(10);
	send_to_absent(APIC_ICR_STARTUP | APIC_ICR_ASSERT | page >> 12);
	if (!wait_up(wanted, SIPI_NS)) {
		send_to_absent(APIC_ICR_STARTUP | APIC_ICR_ASSERT | page >> 12);
		wait_up(wanted, START_NS(wanted));
	}

	/* Numbers for those who came; the others must not come later. */
	for (uint32_t i = 1; i < core_listed; i++) {
		struct core *core = core_areas[i];
		uint32_t expected = CORE_ABSENT;
		if (!core)
			continue;
		if (__atomic_compare_exchange_n(&core->state, &expected, CORE_ABANDONED, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			log_warning("cores: APIC %u does not start, the others go on",
				    core->apic_id);
			continue;
		}
		add_core(core);
		__atomic_store_n(&core->state, CORE_RELEASED, __ATOMIC_RELEASE);
	}
	/* That page is never given back: who comes late runs through it, to halt in core_main(). */
	log_info("cores: %u of %u", core_total, core_listed);
}

/* ---- While running ---- */

static void no_hook(uint32_t core)
{
	(void)core;
}

void core_release(void (*hook)(uint32_t core))
{
	hook = hook ? hook : no_hook;
	void (*none)(uint32_t) = NULL;
	if (!__atomic_compare_exchange_n(&start_hook, &none, hook, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	for (uint32_t i = 1; i < core_total; i++)
		apic_send(cores[i]->apic_id, INTERRUPT_WAKE | APIC_ICR_ASSERT);
}

void core_sleep(const uint32_t *asleep)
{
	if (monitor_usable) {
		__asm__ volatile("monitor" : : "a"(asleep), "c"(0), "d"(0) : "memory");
		if (__atomic_load_n(asleep, __ATOMIC_SEQ_CST))
			__asm__ volatile("mwait" : : "a"(0), "c"(0) : "memory");
		return;
	}
	/* An interrupt that comes before the halt waits for it: STI takes effect one instruction
	 * later. */
	__asm__ volatile("cli");
	if (__atomic_load_n(asleep, __ATOMIC_SEQ_CST))
		__asm__ volatile("sti; hlt" ::: "memory");
	else
		__asm__ volatile("sti");
}

void core_wake(uint32_t index)
{
	/* This core itself is woken by the interrupt that it is in. */
	if (!monitor_usable && index != core_self()->index)
		apic_send(cores[index]->apic_id, INTERRUPT_WAKE | APIC_ICR_ASSERT);
}

static bool stopping;

bool core_is_stopping(void)
{
	return __atomic_load_n(&stopping, __ATOMIC_SEQ_CST);
}

/* By NMI, which nothing masks; then wait a moment, in ticks, for the clock may be what crashed. Not
 * inlined: as many cores' code, which it is, ./bench kernel-size leaves it out. */
__attribute__((noinline)) void core_stop_others(void)
{
	uint32_t self = core_self()->index;
	__atomic_store_n(&stopping, true, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < core_total; i++)
		if (i != self)
			apic_send(cores[i]->apic_id, APIC_ICR_NMI | APIC_ICR_ASSERT);
	uint64_t start = tsc_read();
	for (uint32_t i = 0; i < core_total; i++)
		while (i != self && !__atomic_load_n(&cores[i]->stopped, __ATOMIC_ACQUIRE) &&
		       tsc_read() - start < STOP_TICKS)
			cpu_relax();
}
