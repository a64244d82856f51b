/* SPDX-License-Identifier: MIT */
/*
 * The API table: one line a function, each implemented where its subject lives.
 */
#include "app/api.h"
#include "console/console.h"
#include "console/log.h"
#include "console/panic.h"
#include "cpu/core.h"
#include "cpu/cpu.h"
#include "cpu/power.h"
#include "cpu/random.h"
#include "cpu/time.h"
#include "cpu/timer.h"
#include "device/display.h"
#include "device/block.h"
#include "device/net.h"
#include "device/pci.h"
#include "memory/heap.h"
#include "memory/page.h"
#include <baremetal/memory.h>
#include <baremetal/task.h>

static struct bm_system_info system;

void api_init(const struct boot_info *info, const char *command_line, uint64_t boot_tsc)
{
	system = (struct bm_system_info){
	    .api_version = BM_API_VERSION,
	    .boot_protocol = info->protocol,
	    .cores = worker_count(),
	    .kernel_version = KERNEL_VERSION,
	    .loader_name = info->loader_name,
	    .cpu_name = cpu_features.brand,
	    .hypervisor = cpu_features.hypervisor_name,
	    .command_line = command_line,
	    .boot_tsc = boot_tsc,
	};
}

static const struct bm_system_info *system_info(void)
{
	return &system;
}

static _Noreturn void system_exit(int status)
{
	power_end(POWER_EXIT, status);
}

static _Noreturn void system_power_off(void)
{
	power_end(POWER_EXIT, 0);
}

static _Noreturn void system_crash(const char *reason)
{
	panic("%s", reason);
}

static _Noreturn void core_run(void)
{
	scheduler_run(NULL);
	cpu_halt();
}

static uint32_t core_current(void)
{
	return core_self()->index;
}

static const uint32_t *task_depth(void)
{
	return &core_self()->worker->depth;
}

static int core_info(uint32_t index, struct bm_core_info *info)
{
	const struct core *core = core_of(index);
	if (!core)
		return -BM_EINVAL;
	const struct worker *w = core->worker;
	uint64_t tasks = __atomic_load_n(&w->tasks, __ATOMIC_ACQUIRE);
	uint64_t sleep_ticks = __atomic_load_n(&w->sleep_ticks, __ATOMIC_ACQUIRE);
	*info = (struct bm_core_info){
	    .index = index,
	    .apic_id = core->apic_id,
	    .tasks = tasks,
	    .stolen = w->stolen,
	    .wake_ups = w->wake_ups,
	    .idle_ns = time_of_ticks(w->idle_ticks),
	    .sleep_ns = time_of_ticks(sleep_ticks),
	    .stack_size = core->stack_size,
	    .depth = w->depth,
	    .queued = worker_queued(w) + timer_alarms_of(core),
	};
	return 0;
}

static int memory_phys(const void *address, uint64_t *phys)
{
	return page_lookup((uint64_t)address, phys) ? 0 : -BM_EFAULT;
}

const struct bm_api api_table = {
    .version = BM_API_VERSION,
    .size = sizeof api_table,
    .system_info = system_info,
    .system_exit = system_exit,
    .system_power_off = system_power_off,
    .system_reboot = power_reboot,
    .system_log = log_text,
    .system_log_read = log_read,
    .system_crash = system_crash,
    .console_write = console_write,
    .console_read = console_read,
    .time_monotonic = time_monotonic,
    .time_wall = time_wall,
    .time_sleep_until = time_sleep_until,
    .time_clock_info = time_clock_info,
    .memory_grow = heap_grow,
    .memory_phys = memory_phys,
    .memory_info = heap_info,
    .random_bytes = random_bytes,
    .core_release = core_release,
    .task_submit = task_submit,
    .task_submit_to = task_submit_to,
    .task_run_one = task_run_one,
    .task_wait = task_wait,
    .core_current = core_current,
    .core_info = core_info,
    .core_run = core_run,
    .task_alarm = timer_alarm,
    .memory_guard = heap_guard,
    .system_on_crash = panic_on_crash,
    .task_depth = task_depth,
    .system_backtrace = panic_backtrace,
    .display_info = display_info,
    .display_take = display_take,
    .display_release = display_release,
    .pci_count = pci_count,
    .pci_info = pci_info,
    .pci_read = pci_read,
    .pci_write = pci_write,
    .pci_map = pci_map,
    .block_count = block_count,
    .block_info = block_info,
    .block_submit = block_submit,
    .block_poll = block_poll,
    .block_arm = block_arm,
    .block_wait = block_wait,
    .block_set_timeout = block_set_timeout,
    .driver_register = driver_register,
    .dma_take = dma_take,
    .dma_give = dma_give,
    .interrupts_take = interrupts_take,
    .interrupts_enable = interrupts_enable,
    .block_add = block_add,
    .block_finish = block_finish,
    .block_notify = block_notify,
    .net_count = net_count,
    .net_info = net_info,
    .net_link = net_link,
    .net_configure = net_configure,
    .net_open = net_open,
    .net_filter = net_filter,
    .net_set_mac = net_set_mac,
    .net_arm = net_arm,
    .net_wait = net_wait,
    .net_refill = net_refill,
    .net_spill = net_spill,
    .net_reserve = net_reserve,
    .net_attach = net_attach,
    .net_add = net_add,
    .net_notify = net_notify,
    .net_fault = net_fault,
    .task_submitted = task_submitted,
    .task_notify = task_notify,
    .thread_alarm = timer_thread_alarm,
    .block_wait_alone = block_wait_alone,
};
