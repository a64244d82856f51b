/* SPDX-License-Identifier: MIT */
/*
 * One app of SQLite's shell, its own test programs and ours: FOLDER PROGRAM [ARGUMENT…].
 * They use files of the working directory, which is FOLDER.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int fuzzcheck_main(int argc, char **argv);
int load_main(int argc, char **argv);
int shared_main(int argc, char **argv);
int shell_main(int argc, char **argv);
int speedtest1_main(int argc, char **argv);
int threadtest3_main(int argc, char **argv);

static const struct {
	const char *name;
	int (*main)(int, char **);
} programs[] = {
    {"fuzzcheck", fuzzcheck_main},   {"load", load_main},
    {"shared", shared_main},         {"shell", shell_main},
    {"speedtest1", speedtest1_main}, {"threadtest3", threadtest3_main},
};

int main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[1])) {
		fprintf(stderr, "usage: FOLDER PROGRAM [ARGUMENT…]\n");
		return 99;
	}
	for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (!strcmp(programs[i].name, argv[2]))
			return programs[i].main(argc - 2, argv + 2);
	fprintf(stderr, "there is no program %s\n", argv[2]);
	return 99;
}
