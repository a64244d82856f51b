/* SPDX-License-Identifier: MIT */
/*
 * CHECK for several files: the counts are test_nvme.c's.
 */
#ifndef TESTS_UNIT_NVME_CHECK_H
#define TESTS_UNIT_NVME_CHECK_H

#include <stdio.h>

extern unsigned checks, failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		checks++;                                                                          \
		if (!(condition)) {                                                                \
			if (failures++ < 40)                                                       \
				fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
		}                                                                                  \
	} while (0)

#endif
