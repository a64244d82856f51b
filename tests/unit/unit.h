/* SPDX-License-Identifier: MIT */
/*
 * Host unit tests: CHECK counts, and goes on; main() returns unit_status().
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdio.h>

static unsigned unit_checks, unit_failures;

/* Tell of a failure and carry on with the next check. */
#define CHECK(condition)                                                              \
	do {                                                                          \
		unit_checks++;                                                        \
		if (!(condition)) {                                                   \
			unit_failures++;                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
		}                                                                     \
	} while (0)

/* The exit status: a test that checked nothing fails as well. */
static inline int unit_status(void)
{
	printf("%u checks, %u failed\n", unit_checks, unit_failures);
	return unit_failures || !unit_checks;
}

#endif
