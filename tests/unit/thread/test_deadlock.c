/* SPDX-License-Identifier: MIT */
/*
 * The look for a deadlock, while tasks move between cores: report.c over the kernel's own queues,
 * with one host thread that plays all cores. At each call that the look makes, the other cores may
 * go on for some steps; every way to spread the steps over the calls is tried. None of them may end
 * a program that goes on, and a program in which nothing is left must be ended.
 */
#include "thread/thread.h"

#include <setjmp.h>
#include <stdlib.h>

#include <baremetal/system.h>

#include "task/scheduler.h"
#include "unit.h"

#define CORES 4 /* the look runs on the last one */

/* ---- What report.c stands on ---- */

__thread struct worker *port_worker;
struct lane *lanes;
uint32_t lane_count = CORES, threads_running, threads_expecting;
struct thread *threads_all;
static struct worker *workers;
static bool alarm_is_set;
static unsigned looks_again;

static void go_on(void);

void sleep_check_at(uint64_t deadline)
{
	(void)deadline;
	looks_again++;
}

/* As the kernel's. */
static int core_info(uint32_t index, struct bm_core_info *info)
{
	const struct worker *w = &workers[index];

	go_on();
	*info = (struct bm_core_info){.index = index,
				      .tasks = w->tasks,
				      .depth = w->depth,
				      .queued = worker_queued(w) + (index == 0 && alarm_is_set)};
	return 0;
}

static uint64_t submitted(void)
{
	go_on();
	return task_submitted();
}

static jmp_buf crashed;

static _Noreturn void system_crash(const char *reason)
{
	(void)reason;
	longjmp(crashed, 1);
}

static uint64_t time_monotonic(void)
{
	return 0;
}

static void system_on_crash(void (*hook)(void))
{
	(void)hook;
}

static const struct bm_api api = {
    .core_info = core_info,
    .task_submitted = submitted,
    .system_crash = system_crash,
    .system_on_crash = system_on_crash,
    .time_monotonic = time_monotonic,
};
const struct bm_api *bm_api = &api;

/* ---- The world: steps that other cores take ---- */

typedef void step(void);

static void nothing(void *unused)
{
	(void)unused;
}

static void submit_on(uint32_t core, bm_task_fn *function)
{
	port_worker = &workers[core];
	CHECK(task_submit(NULL, function, NULL) == 0);
}

static void run_on(uint32_t core)
{
	port_worker = &workers[core];
	CHECK(task_run_one() == 1);
}

static void follow(void *unused)
{
	(void)unused;
	CHECK(task_submit(NULL, follow, NULL) == 0);
}

static void run_on_0(void)
{
	run_on(0);
}

static void run_on_1(void)
{
	run_on(1);
}

static void run_on_2(void)
{
	run_on(2);
}

/* A task that wakes a thread, which core 0 goes on with outside of any task. */
static void wake_thread(void *unused)
{
	(void)unused;
	threads_running++;
}

static void thread_submits(void)
{
	submit_on(0, wake_thread);
}

static void thread_waits(void)
{
	threads_running--;
}

/* The alarm's interrupt: it is set until its task is queued. */
static void alarm_rings(void)
{
	CHECK(task_submit_shared(nothing, NULL) == 0);
	alarm_is_set = false;
}

static void sets_alarm(void *unused)
{
	(void)unused;
	alarm_is_set = true;
}

static struct task held;

static void holds(void)
{
	CHECK(deque_pop(&workers[1].deque, &held));
}

static void begins_held(void)
{
	CHECK(held.function == nothing);
	workers[1].depth++;
}

/* ---- All ways to spread them ---- */

#define STEPS_MAX 4

static step *const *steps;
static unsigned step_count, step_next, call;
static unsigned at[STEPS_MAX]; /* before which call each is taken, in rising order */

static void go_on(void)
{
	struct worker *self = port_worker;

	while (step_next < step_count && at[step_next] <= call)
		steps[step_next++]();
	call++;
	port_worker = self;
}

static bool ended_program;

static void look(void *unused)
{
	(void)unused;
	if (setjmp(crashed) == 0)
		thread_look_for_deadlock();
	else
		ended_program = true;
}

static void begin(void)
{
	threads_running = 0;
	alarm_is_set = ended_program = false;
	looks_again = step_next = call = 0;
	held = (struct task){0};
	for (uint32_t i = 0; i < CORES; i++) {
		worker_init(&workers[i], i);
		worker_publish(&workers[i]);
	}
}

/* The look, as a task of the last core, to which the queues of the others do not matter. */
static bool look_ends_program(void)
{
	port_worker = &workers[CORES - 1];
	CHECK(task_submit_to(CORES - 1, NULL, look, NULL) == 0);
	CHECK(task_run_one() == 1);
	return ended_program;
}

/* The next way; false: that was the last one. More calls than the look makes: never taken. */
static bool next_way(unsigned calls)
{
	unsigned i = step_count;

	while (i && at[i - 1] == calls)
		i--;
	if (!i)
		return false;
	at[i - 1]++;
	for (unsigned j = i; j < step_count; j++)
		at[j] = at[i - 1];
	return true;
}

static void never_ended(const char *what, void (*prepare)(void), step *const *script,
			unsigned count)
{
	unsigned ways = 0, wrong = 0;

	steps = script;
	step_count = count;
	for (unsigned i = 0; i < count; i++)
		at[i] = 0;
	do {
		begin();
		prepare();
		wrong += look_ends_program();
		ways++;
	} while (next_way(2 * CORES + 3));
	printf("%s: %u ways, %u wrong\n", what, ways, wrong);
	CHECK(!wrong);
}

/* ---- The cases ---- */

static void one_chain(void)
{
	submit_on(1, follow);
}

static void one_waker(void)
{
	submit_on(1, wake_thread);
}

static void one_alarm_setter(void)
{
	submit_on(1, sets_alarm);
}

static void one_task(void)
{
	submit_on(1, nothing);
}

static void an_alarm(void)
{
	alarm_is_set = true;
}

static void test_goes_on(void)
{
	/* From core to core, each with the next one's task. */
	never_ended("stolen", one_chain, (step *[]){run_on_0, run_on_2, run_on_1, run_on_0}, 4);
	never_ended("stolen the other way", one_chain,
		    (step *[]){run_on_2, run_on_1, run_on_0, run_on_1}, 4);
	/* In no queue, and not begun yet. */
	never_ended("taken", one_task, (step *[]){holds, begins_held}, 2);
	/* In turn a task wakes a thread, and the thread submits a task and waits. */
	never_ended("thread", one_waker,
		    (step *[]){run_on_0, thread_submits, thread_waits, run_on_2}, 4);
	never_ended("alarm set", one_alarm_setter, (step *[]){run_on_2}, 1);
	never_ended("alarm rings", an_alarm, (step *[]){alarm_rings}, 1);
}

static void test_ends(void)
{
	step_count = 0;
	begin();
	CHECK(look_ends_program());
	begin();
	submit_on(1, nothing);
	run_on(0);
	CHECK(task_submit_to(2, NULL, nothing, NULL) == 0);
	run_on(2);
	CHECK(task_submit_shared(nothing, NULL) == 0);
	run_on(1);
	CHECK(look_ends_program() && !looks_again);
	/* Not while something is left; then it looks once more. */
	begin();
	submit_on(1, nothing);
	CHECK(!look_ends_program() && looks_again == 1);
	run_on(0);
	CHECK(look_ends_program());
	begin();
	alarm_is_set = true;
	CHECK(!look_ends_program() && looks_again == 1);
	begin();
	threads_running = 1;
	CHECK(!look_ends_program() && !looks_again);
}

int main(void)
{
	workers = aligned_alloc(64, CORES * sizeof *workers);
	if (!workers)
		return 1;
	test_goes_on();
	test_ends();
	free(workers);
	return unit_status();
}
