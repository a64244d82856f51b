/* SPDX-License-Identifier: MIT */
/* What the console's unit tests share: a check that names itself, and a count of failures. */
#ifndef TESTS_UNIT_CONSOLE_CHECK_H
#define TESTS_UNIT_CONSOLE_CHECK_H

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

#endif
