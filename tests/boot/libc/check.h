/* SPDX-License-Identifier: MIT */
/*
 * CHECK for programs in the guest: counts, tells, goes on. main() returns check_status().
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>

static unsigned checks, failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition)) {                                                                \
			failures++;                                                                \
			printf("%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);   \
		}                                                                                  \
	} while (0)

/* A call that must fail, and with which errno. */
#define CHECK_FAILS(call, error)                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		long result_ = (long)(call);                                                       \
		CHECK(result_ == -1 && errno == (error));                                          \
	} while (0)

static inline int check_status(void)
{
	printf("%u checks, %u failed\n", checks, failures);
	return failures || !checks;
}

#endif
