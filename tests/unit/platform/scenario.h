/* SPDX-License-Identifier: MIT */
/*
 * Scenarios: each runs in a process of its own, since the code under test keeps state.
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* Run one; it counts as one check, and its own checks are told on stderr. */
static inline void scenario(const char *name, void (*run)(void))
{
	int status = 1;

	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		unit_checks = unit_failures = 0;
		run();
		fflush(NULL);
		_exit(unit_failures || !unit_checks);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		perror(name);
	if (status)
		fprintf(stderr, "scenario failed: %s\n", name);
	CHECK(status == 0);
}

#endif
