/* SPDX-License-Identifier: MIT */
/*
 * Host threads as cores, and a kernel API for what the guest's threads use of it: the
 * kernel's scheduler, a clock, alarms. The switch is the guest's without fs; ThreadSanitizer
 * is told of each stack as a fiber. $CORES says how many.
 */
#include <baremetal/memory.h>
#include <baremetal/system.h>
#include <baremetal/task.h>
#include <baremetal/time.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../task/host_port.h"
#include "thread/control.h"

void *__tsan_create_fiber(unsigned flags);
void *__tsan_get_current_fiber(void);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
_Noreturn void thread_main(void);

__thread struct worker *port_worker;
static __thread struct thread *current;

/* ---- The port ---- */

static struct thread *new_control(uint32_t state)
{
	struct thread *thread = calloc(1, sizeof *thread);
	thread->self = thread;
	thread->state = state;
	thread->fiber = __tsan_get_current_fiber();
	return thread;
}

/* task/host_port.h has functions of these names, for the scheduler. */
struct thread *thread_port_self(void);
__attribute__((noinline)) struct thread *thread_port_self(void)
{
	if (!current)
		current = new_control(THREAD_LIVE);
	return current;
}

void thread_port_relax(void)
{
	sched_yield();
}

void host_switch(void **save, void *stack_pointer);
__asm__(".text\n"
	"host_switch:\n"
	"	pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
	"	ret\n"
	"host_begin:\n"
	"	xorl %ebp, %ebp\n"
	"	call host_main\n"
	"	ud2\n");
extern const char host_begin[];

/* The lock to open after a switch: of this host thread, which may not be the one before it. */
static __thread uint32_t *to_release;

__attribute__((noinline)) static void release(void)
{
	__atomic_store_n(to_release, 0, __ATOMIC_RELEASE);
}

__attribute__((noinline, no_sanitize("thread"))) int port_switch(void **save, void *stack_pointer,
								 struct thread *to, uint32_t *lock)
{
	current = to;
	to_release = lock;
	__tsan_switch_to_fiber(to->fiber, 0);
	host_switch(save, stack_pointer);
	release();
	return 0;
}

__attribute__((used)) void host_main(void)
{
	release();
	thread_main();
}

void *port_prepare(struct thread *thread, char *stack, size_t size)
{
	uintptr_t *top = (uintptr_t *)((uintptr_t)(stack + size) & -16);
	if (thread->fiber)
		__tsan_destroy_fiber(thread->fiber);
	thread->fiber = __tsan_create_fiber(0);
	*--top = 0;
	*--top = 0;
	*--top = (uintptr_t)host_begin;
	for (int i = 0; i < 6; i++)
		*--top = 0;
	return top;
}

void *port_stack(size_t size)
{
	void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return stack == MAP_FAILED ? NULL : stack;
}

size_t control_size(void)
{
	return sizeof(struct thread) + 64;
}

struct thread *control_place(void *end)
{
	return (void *)(((uintptr_t)end - sizeof(struct thread)) & -64);
}

void control_start(struct thread *thread)
{
	thread->self = thread;
	thread->memory_reent = (void *)thread;
}

/* The host's malloc() stays. */
void thread_malloc_start(void)
{
}

/* ---- Alarms: one host thread rings them all ---- */

static pthread_mutex_t alarm_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t alarm_changed = PTHREAD_COND_INITIALIZER;
static struct alarm {
	uint64_t deadline;
	void (*function)(void *);
} alarms[64], thread_alarms[64]; /* the program's, and the library's */

static uint64_t now_of(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ul + now.tv_nsec;
}

static uint64_t time_monotonic(void)
{
	return now_of(CLOCK_MONOTONIC);
}

static int time_wall(int64_t *ns)
{
	*ns = (int64_t)now_of(CLOCK_REALTIME);
	return 0;
}

static int set_alarm(struct alarm *alarm, uint64_t deadline, void (*function)(void *))
{
	pthread_mutex_lock(&alarm_lock);
	if (!alarm->function || deadline < alarm->deadline) {
		alarm->deadline = deadline;
		alarm->function = function;
		pthread_cond_signal(&alarm_changed);
	}
	pthread_mutex_unlock(&alarm_lock);
	return 0;
}

static int task_alarm(uint64_t deadline, void (*function)(void *))
{
	return set_alarm(&alarms[port_worker->index], deadline, function);
}

static int thread_alarm(uint64_t deadline, void (*function)(void *))
{
	return set_alarm(&thread_alarms[port_worker->index], deadline, function);
}

/* Queue its task if it is due. Returns when to look next, at most `next`. */
static uint64_t ring_alarm(struct alarm *alarm, uint64_t now, uint64_t next)
{
	if (!alarm->function)
		return next;
	if (alarm->deadline > now)
		return alarm->deadline < next ? alarm->deadline : next;
	if (!task_submit_shared(alarm->function, NULL))
		alarm->function = NULL;
	return next;
}

static void *ring_alarms(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&alarm_lock);
	for (;;) {
		uint64_t now = time_monotonic(), next = now + 1000000000;
		for (int i = 0; i < 64; i++) {
			next = ring_alarm(&alarms[i], now, next);
			next = ring_alarm(&thread_alarms[i], now, next);
		}
		next += now_of(CLOCK_REALTIME) - now;
		struct timespec until = {next / 1000000000, next % 1000000000};
		pthread_cond_timedwait(&alarm_changed, &alarm_lock, &until);
	}
	return NULL;
}

/* ---- The API ---- */

static struct bm_system_info info;

static const struct bm_system_info *system_info(void)
{
	if (!info.cores)
		info.cores = getenv("CORES") ? atoi(getenv("CORES")) : 4;
	return &info;
}

static _Noreturn void system_crash(const char *reason)
{
	fprintf(stderr, "crash: %s\n", reason);
	abort();
}

static void system_on_crash(void (*hook)(void))
{
	(void)hook;
}

static long console_write(const void *data, size_t size)
{
	return fwrite(data, 1, size, stderr);
}

static void memory_info(struct bm_memory_info *memory)
{
	*memory = (struct bm_memory_info){.heap_limit = 256ul << 20};
}

static uint32_t core_current(void)
{
	return port_worker->index;
}

static const uint32_t *task_depth(void)
{
	return &port_worker->depth;
}

static _Noreturn void core_run(void)
{
	static const bool never;
	scheduler_run(&never);
	abort();
}

static bool has_alarm(uint32_t core)
{
	pthread_mutex_lock(&alarm_lock);
	bool set = alarms[core].function;
	pthread_mutex_unlock(&alarm_lock);
	return set;
}

/* What the look for a deadlock needs. */
static int core_info(uint32_t core, struct bm_core_info *core_info)
{
	const struct worker *worker = worker_of(core);
	if (!worker)
		return -BM_EINVAL;
	*core_info = (struct bm_core_info){
	    .index = core,
	    .stack_size = 0x40000,
	    .tasks = __atomic_load_n(&worker->tasks, __ATOMIC_ACQUIRE),
	    .queued = worker_queued(worker) + has_alarm(core),
	};
	return 0;
}

static int sleep_until(uint64_t deadline)
{
	while (time_monotonic() < deadline)
		usleep(100);
	return 0;
}

static const struct bm_api api = {
    .system_info = system_info,
    .system_crash = system_crash,
    .system_on_crash = system_on_crash,
    .console_write = console_write,
    .time_monotonic = time_monotonic,
    .time_wall = time_wall,
    .time_sleep_until = sleep_until,
    .memory_info = memory_info,
    .task_submit = task_submit,
    .task_submit_to = task_submit_to,
    .task_run_one = task_run_one,
    .task_wait = task_wait,
    .task_notify = task_notify,
    .core_current = core_current,
    .core_info = core_info,
    .core_run = core_run,
    .task_alarm = task_alarm,
    .task_depth = task_depth,
    .task_submitted = task_submitted,
    .thread_alarm = thread_alarm,
};
const struct bm_api *bm_api = &api;

/* ---- Cores ---- */

static void *core(void *worker)
{
	port_worker = worker;
	current = new_control(THREAD_OF_CORE);
	core_run();
}

__attribute__((constructor(200))) static void start_cores(void)
{
	uint32_t count = system_info()->cores;
	struct worker *workers = aligned_alloc(64, count * sizeof *workers);
	pthread_t thread;
	for (uint32_t i = 0; i < count; i++) {
		worker_init(&workers[i], i);
		worker_publish(&workers[i]);
	}
	port_worker = &workers[0];
	for (uint32_t i = 1; i < count; i++)
		if (pthread_create(&thread, NULL, core, &workers[i]) || pthread_detach(thread))
			abort();
	if (pthread_create(&thread, NULL, ring_alarms, NULL) || pthread_detach(thread))
		abort();
}
