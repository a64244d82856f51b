/* SPDX-License-Identifier: MIT */
/*
 * Runs many self-checking programs one after the other in one guest.
 *
 * torture.py renames each program's main() and sends its exit() and abort()
 * here. Usage: driver [FIRST [COUNT]]. For each program two lines go to the console:
 * "@run NAME" before it, "@end NAME RESULT" after it, RESULT being its exit
 * status or "abort". The host reads a missing "@end" as a crash of NAME.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __baremetal__
#include <baremetal/console.h>
#else
#include <unistd.h>
#endif

struct program {
	const char *name;
	int (*main)(int argc, char **argv, char **envp);
};
extern const struct program torture_programs[]; /* ends with a NULL name */

_Noreturn void torture_exit(int status);
_Noreturn void torture_abort(void);

#define ABORTED 0x100

static jmp_buf end;

_Noreturn void torture_exit(int status)
{
	longjmp(end, 1 + (status & 0xff));
}

_Noreturn void torture_abort(void)
{
	longjmp(end, 1 + ABORTED);
}

/* Below stdio, which a program may leave in any state. */
static long put(const char *text, size_t size)
{
#ifdef __baremetal__
	return bm_console_write(text, size);
#else
	static int out = -1;
	if (out < 0)
		out = dup(STDOUT_FILENO);
	return write(out, text, size);
#endif
}

static void say(const char *word, const char *name, const char *result)
{
	char line[160];
	int size =
	    snprintf(line, sizeof line, "\n@%s %s%s%s\n", word, name, *result ? " " : "", result);
	if (put(line, (size_t)size) != size)
		exit(2);
}

/* Not inlined, so that nothing of it lives in registers across the program. */
__attribute__((noinline)) static int run(const struct program *program)
{
	static char *argv[] = {(char *)"program", NULL};
	static char *envp[] = {NULL};
	int how = setjmp(end);
	return how ? how - 1 : program->main(1, argv, envp) & 0xff;
}

int main(int argc, char **argv)
{
	long first = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	volatile long left = argc > 2 ? strtol(argv[2], NULL, 10) : LONG_MAX;
	for (const struct program *volatile p = torture_programs + first; p->name && left;
	     p++, left--) {
		char result[16];
		say("run", p->name, "");
		int status = run(p);
		/* What a program may have left behind: x87 stack, rounding, direction flag. */
		__asm__ volatile("fninit; cld; ldmxcsr %0" : : "m"((const unsigned){0x1f80}));
		fflush(NULL);
		snprintf(result, sizeof result, "%d", status);
		say("end", p->name, status == ABORTED ? "abort" : result);
	}
	say("done", "all", "");
	return 0;
}
