/* SPDX-License-Identifier: MIT */
/*
 * Standard input: lines, editing, end of file. What is typed stands in meson.build.
 */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char line[64];
	int number;

	fcntl(0, F_SETFL, O_NONBLOCK);
	CHECK_FAILS(read(0, line, sizeof(line)), EAGAIN);
	fcntl(0, F_SETFL, 0);
	printf("type now: "); /* no newline: reading must flush it */
	CHECK(fgets(line, sizeof(line), stdin) && !strcmp(line, "hello\n"));
	CHECK(fgets(line, sizeof(line), stdin) && !strcmp(line, "corrected\n"));
	CHECK(scanf("%d", &number) == 1 && number == 42);
	CHECK(getchar() == '\n');
	CHECK(read(0, line, 3) == 3 && !memcmp(line, "pie", 3)); /* the rest of a line stays */
	CHECK(read(0, line, 60) == 4 && !memcmp(line, "ces\n", 4));
	CHECK(read(0, line, 60) == 0); /* Ctrl-D */
	CHECK(read(0, line, 60) == 6 && !memcmp(line, "after\n", 6));
	return check_status();
}
