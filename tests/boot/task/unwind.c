/* SPDX-License-Identifier: MIT */
/*
 * GCC's unwinder in main(), in threads and in tasks, which are what exceptions stand on.
 *
 *   unwind CORES    cleanups of the frames run in their order, on all cores at once; an exception
 *                   that nobody catches is told to who threw it
 *   unwind thrown   a task throws, and ends the program as std::terminate() does
 */
#include "cores.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unwind.h>

enum { DEPTH = 5, ROUNDS = 200 };

struct attempt {
	struct _Unwind_Exception exception;
	jmp_buf end;
	unsigned cleaned; /* a decimal digit for each frame, the innermost first */
	unsigned frames;
};

static uint32_t done;

struct frame {
	struct attempt *attempt;
	unsigned depth;
};

static void clean(struct frame *frame)
{
	frame->attempt->cleaned = frame->attempt->cleaned * 10 + frame->depth;
}

static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *argument)
{
	CHECK(_Unwind_GetIP(context));
	++*(unsigned *)argument;
	return _URC_NO_REASON;
}

static _Unwind_Reason_Code stop(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
				struct _Unwind_Exception *exception,
				struct _Unwind_Context *context, void *argument)
{
	struct attempt *attempt = argument;
	(void)kind, (void)context;
	CHECK(version == 1 && actions & _UA_FORCE_UNWIND && exception == &attempt->exception);
	if (actions & _UA_END_OF_STACK)
		longjmp(attempt->end, 1);
	return _URC_NO_REASON;
}

__attribute__((noinline)) static void throw_at(struct attempt *attempt, unsigned depth)
{
	struct frame frame __attribute__((cleanup(clean))) = {attempt, depth};

	if (depth < DEPTH) {
		throw_at(attempt, depth + 1);
		__asm__ volatile("" ::: "memory"); /* not a tail call */
		return;
	}
	_Unwind_Backtrace(count, &attempt->frames);
	/* Nobody catches it: that is found out before any frame is left. */
	CHECK(_Unwind_RaiseException(&attempt->exception) == _URC_END_OF_STACK);
	CHECK(attempt->cleaned == 0);
	_Unwind_ForcedUnwind(&attempt->exception, stop, attempt);
	CHECK(!"an unwinding that is forced does not return");
}

static void attempt_once(void)
{
	struct attempt attempt = {.exception.exception_class = 0x424d544553540000};

	if (!setjmp(attempt.end))
		throw_at(&attempt, 1);
	CHECK(attempt.cleaned == 54321);
	CHECK(attempt.frames > DEPTH && attempt.frames < DEPTH + 10);
}

static void attempts(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++)
		attempt_once();
	add_one(&done);
}

static void *thread(void *unused)
{
	attempts(unused);
	return NULL;
}

/* What a language's runtime does with an exception that nobody catches. */
__attribute__((noinline)) static void thrower(void *unused)
{
	static struct _Unwind_Exception exception;

	(void)unused;
	if (_Unwind_RaiseException(&exception) == _URC_END_OF_STACK)
		abort();
}

int main(int argc, char **argv)
{
	struct bm_task_group all = BM_TASK_GROUP_INIT;
	uint32_t cores = core_count();
	pthread_t threads[8];

	attempts(NULL);
	CHECK(done == 1);
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, thread, NULL));
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(done == 9);
	if (argc > 1 && !strcmp(argv[1], "thrown")) {
		CHECK(!bm_task_submit_to(cores - 1, &all, thrower, NULL));
		bm_task_wait(&all);
		return 0;
	}
	CHECK(argc > 1 && (uint32_t)atoi(argv[1]) == cores);
	for (uint32_t core = 0; core < cores; core++)
		CHECK(!bm_task_submit_to(core, &all, attempts, NULL));
	bm_task_wait(&all);
	CHECK(done == 9 + cores);
	printf("unwound %u times on %u cores\n", done * ROUNDS, cores);
	return 0;
}
