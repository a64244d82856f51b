/* SPDX-License-Identifier: MIT */
/*
 * A program may use any name that no standard header declares, those of the
 * library's own functions included: each side keeps its own.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAMES(X)                                                                                   \
	X(boot_fill) X(device_fill) X(files_get) X(files_open) X(files_put) X(files_now)           \
	X(line_feed) X(lock_acquire) X(lock_release) X(node_drop) X(node_stat) X(path_find)        \
	X(path_of) X(tar_next) X(tar_open) X(thread_reent) X(tree_add) X(tree_new) X(start_c)

static unsigned called;

#define DEFINE(name)                                                                               \
	int name(void);                                                                            \
	int name(void)                                                                             \
	{                                                                                          \
		return ++called;                                                                   \
	}
NAMES(DEFINE)

int main(void)
{
	struct stat about;
	char line[32] = "";

	FILE *file = fopen("/tmp/a", "w+");
	CHECK(file && fputs("line\n", file) >= 0 && fseek(file, 0, SEEK_SET) == 0);
	CHECK(file && fgets(line, sizeof(line), file) && !strcmp(line, "line\n"));
	CHECK(file && fseek(file, 0, SEEK_SET) == 0);
	char *whole = NULL;
	size_t room = 0;
	CHECK(file && getline(&whole, &room, file) == 5 && !strcmp(whole, "line\n") && room >= 6);
	CHECK(file && getline(&whole, &room, file) == -1 && feof(file));
	free(whole);
	CHECK(file && fclose(file) == 0);
	CHECK(stat("/", &about) == 0 && S_ISDIR(about.st_mode));
	CHECK(time(NULL) > 0);
	free(malloc(100000));
	CHECK(called == 0); /* the library called none of them */
#define CALL(name) name();
	NAMES(CALL)
	CHECK(called == 19);
	return check_status();
}
