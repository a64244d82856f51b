/* SPDX-License-Identifier: MIT */
/*
 * Signals, as far as a program sends them to itself: signal(), sigaction(),
 * raise(), kill(), masks. Nothing else sends any; an exception of the processor
 * ends the program with the kernel's report. Each thread has a mask; what it blocks waits
 * for whichever thread lets it through first.
 *
 * Replaces Newlib's signal.c, whose handlers are reset at each call.
 */
#include "posix.h"
#include "../thread/control.h"

#include <errno.h>
#include <reent.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/system.h>

/* The header's macros stand in for functions that must exist as well. */
#undef sigaddset
#undef sigdelset
#undef sigemptyset
#undef sigfillset
#undef sigismember

static struct sigaction actions[NSIG];
static sigset_t pending;
#define blocked (control_self()->signal_mask)

static int fail(int error)
{
	errno = error;
	return -1;
}

static sigset_t bit(int number)
{
	return (sigset_t)1 << number;
}

static void default_action(int number)
{
	char reason[64];

	switch (number) {
	case SIGCHLD:
	case SIGURG:
	case SIGCONT:
	case SIGWINCH:
	case SIGIO:
		return;
	case SIGABRT:
		bm_crash("abort() called");
	case SIGSEGV:
	case SIGFPE:
	case SIGILL:
	case SIGBUS:
	case SIGTRAP:
	case SIGSYS:
	case SIGQUIT:
		snprintf(reason, sizeof(reason), "signal %d (%s) raised", number,
			 strsignal(number));
		bm_crash(reason);
	}
	snprintf(reason, sizeof(reason), "ended by signal %d (%s)", number, strsignal(number));
	bm_log(BM_LOG_ERROR, reason);
	_exit(128 + number);
}

static void deliver(int number)
{
	struct sigaction action = actions[number];
	sigset_t old = blocked;

	if (action.sa_handler == SIG_DFL) {
		default_action(number);
	} else if (action.sa_handler != SIG_IGN) {
		blocked |= action.sa_mask | bit(number);
		action.sa_handler(number);
		blocked = old;
	}
}

static void deliver_pending(void)
{
	for (int number = 1; number < NSIG; number++) {
		sigset_t one = bit(number);

		if (__atomic_load_n(&pending, __ATOMIC_RELAXED) & ~blocked & one &&
		    __atomic_fetch_and(&pending, ~one, __ATOMIC_ACQ_REL) & one)
			deliver(number);
	}
}

int raise(int number)
{
	if (number <= 0 || number >= NSIG)
		return fail(EINVAL);
	if (blocked & bit(number))
		__atomic_fetch_or(&pending, bit(number), __ATOMIC_ACQ_REL);
	else
		deliver(number);
	return 0;
}

int _raise_r(struct _reent *reent, int number)
{
	(void)reent;
	return raise(number);
}

int _kill(pid_t process, int number)
{
	if (process != getpid() && process != 0 && process != -1 && process != -getpid())
		return fail(ESRCH);
	return number ? raise(number) : 0;
}
POSIX_ALIAS(kill)

POSIX int killpg(pid_t group, int number)
{
	return kill(-group, number);
}

POSIX int sigqueue(pid_t process, int number, const union sigval value)
{
	(void)value;
	return kill(process, number);
}

POSIX int sigaction(int number, const struct sigaction *restrict action,
		    struct sigaction *restrict old)
{
	if (number <= 0 || number >= NSIG || (action && (number == SIGKILL || number == SIGSTOP)))
		return fail(EINVAL);
	if (old)
		*old = actions[number];
	if (action)
		actions[number] = *action;
	return 0;
}

_sig_func_ptr signal(int number, _sig_func_ptr handler)
{
	struct sigaction action = {.sa_handler = handler}, old;

	return sigaction(number, &action, &old) ? SIG_ERR : old.sa_handler;
}

_sig_func_ptr _signal_r(struct _reent *reent, int number, _sig_func_ptr handler)
{
	(void)reent;
	return signal(number, handler);
}

POSIX int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t before = blocked;

	if (set) {
		switch (how) {
		case SIG_BLOCK:
			blocked |= *set;
			break;
		case SIG_UNBLOCK:
			blocked &= ~*set;
			break;
		case SIG_SETMASK:
			blocked = *set;
			break;
		default:
			return fail(EINVAL);
		}
		blocked &= ~(bit(SIGKILL) | bit(SIGSTOP));
	}
	if (old)
		*old = before;
	deliver_pending();
	return 0;
}

POSIX int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return sigprocmask(how, set, old) ? errno : 0;
}

POSIX int sigpending(sigset_t *set)
{
	*set = pending;
	return 0;
}

/* Waiting ends only for what is pending already: nobody else could send a signal. */
POSIX int sigwait(const sigset_t *set, int *number)
{
	for (*number = 1; *number < NSIG; ++*number) {
		sigset_t one = bit(*number);

		if (__atomic_load_n(&pending, __ATOMIC_RELAXED) & *set & one &&
		    __atomic_fetch_and(&pending, ~one, __ATOMIC_ACQ_REL) & one)
			return 0;
	}
	return EINVAL;
}

POSIX int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	int number;

	(void)timeout;
	if (sigwait(set, &number))
		return fail(EAGAIN);
	if (info)
		*info = (siginfo_t){.si_signo = number, .si_code = SI_USER};
	return number;
}

POSIX int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

POSIX int sigsuspend(const sigset_t *set)
{
	sigset_t old = blocked;

	blocked = *set;
	deliver_pending();
	blocked = old;
	return fail(EINTR);
}

/* System V's: waits with one signal taken out of the mask. */
POSIX int __xpg_sigpause(int number)
{
	sigset_t set = blocked & ~bit(number);

	return sigsuspend(&set);
}

POSIX int pause(void)
{
	return fail(ENOSYS); /* it would wait for ever */
}

POSIX int sigaltstack(const stack_t *restrict stack, stack_t *restrict old)
{
	(void)stack;
	if (old)
		*old = (stack_t){.ss_flags = SS_DISABLE};
	return stack ? fail(ENOSYS) : 0;
}

POSIX int sigaddset(sigset_t *set, const int number)
{
	*set |= bit(number);
	return 0;
}

POSIX int sigdelset(sigset_t *set, const int number)
{
	*set &= ~bit(number);
	return 0;
}

POSIX int sigismember(const sigset_t *set, int number)
{
	return !!(*set & bit(number));
}

POSIX int sigemptyset(sigset_t *set)
{
	*set = 0;
	return 0;
}

POSIX int sigfillset(sigset_t *set)
{
	*set = ~(sigset_t)0;
	return 0;
}

POSIX unsigned alarm(unsigned seconds)
{
	(void)seconds; /* no timer interrupts the program */
	errno = ENOSYS;
	return 0;
}

POSIX useconds_t ualarm(useconds_t first, useconds_t interval)
{
	(void)first, (void)interval;
	errno = ENOSYS;
	return 0;
}

/* A handler may longjmp() away; if it returns, or there is none, the program has crashed. */
_Noreturn void abort(void)
{
	sigset_t abort_only = bit(SIGABRT);

	sigprocmask(SIG_UNBLOCK, &abort_only, NULL);
	raise(SIGABRT);
	bm_crash("abort() called");
}
