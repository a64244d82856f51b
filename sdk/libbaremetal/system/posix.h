/* SPDX-License-Identifier: MIT */
/*
 * How the POSIX calls are named. Newlib itself calls _read(), _open() and so on;
 * the names without underscore are for programs, and weak: C lets a program
 * have a function link() or read() of its own.
 */
#ifndef FILES_POSIX_H
#define FILES_POSIX_H

#define POSIX __attribute__((weak))

/* The program's name for a hook of Newlib's that was just defined. */
#define POSIX_ALIAS(name) extern __typeof__(name) name __attribute__((weak, alias("_" #name)));

/*
 * A cancellation point: a thread that was cancelled ends here. Without the thread library nobody
 * can cancel. In the programs' names alone: what is between a call of stdio's and the kernel may
 * hold a stream's lock.
 */
void pthread_testcancel(void) __attribute__((weak, visibility("hidden")));
static inline void cancel_point(void)
{
	if (pthread_testcancel)
		pthread_testcancel();
}

#endif
