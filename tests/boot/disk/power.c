/* SPDX-License-Identifier: MIT */
/*
 * A load to cut the power of: power SEED. Changes files on /disk0 at random and says on the console
 * what it has done, so that who kills the machine knows what must be there (test_power.py has the
 * rules).
 *
 * A file's content is lines "NAME VERSION NUMBER"; a version begins anew when a file is made or
 * replaced. Lines on the console, each written when it is true:
 *
 *     ready
 *     begin OPERATION …      before it
 *     synced NAME VERSION LINES      after fsync() has returned 0
 *     done                   after the operation
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES 12

static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % limit;
}

static struct {
	int there;
	unsigned version, lines;
} files[NAMES];
static unsigned versions;

static void die(const char *what)
{
	printf("failed %s: %s\n", what, strerror(errno));
	exit(1);
}

static void path_of(char *path, unsigned name)
{
	sprintf(path, "/disk0/n%u", name);
}

static void append(unsigned name, int file)
{
	char line[64];
	unsigned count = 1 + below(40);

	for (unsigned i = 0; i < count; i++) {
		int length =
		    sprintf(line, "n%u %u %u\n", name, files[name].version, files[name].lines + i);

		if (write(file, line, (size_t)length) != length)
			die("write");
	}
	files[name].lines += count;
}

static void sync_file(unsigned name, int file)
{
	if (fsync(file))
		die("fsync");
	printf("synced n%u %u %u\n", name, files[name].version, files[name].lines);
}

static void grow(unsigned name)
{
	char path[32];
	int file;

	path_of(path, name);
	if (!files[name].there) {
		files[name].version = ++versions;
		files[name].lines = 0;
	}
	printf("begin write n%u %u\n", name, files[name].version);
	file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (file < 0)
		die("open");
	files[name].there = 1;
	append(name, file);
	if (below(3))
		sync_file(name, file);
	if (close(file))
		die("close");
}

/* The way to replace a file that programs rely on. */
static void replace(unsigned name)
{
	char path[32];
	int file;

	path_of(path, name);
	printf("begin replace n%u %u\n", name, versions + 1);
	file = open("/disk0/new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (file < 0)
		die("open");
	files[name].version = ++versions;
	files[name].lines = 0;
	append(name, file);
	if (fsync(file))
		die("fsync");
	if (rename("/disk0/new", path))
		die("rename");
	files[name].there = 1;
	if (below(2))
		sync_file(name, file);
	close(file);
}

static void take_away(unsigned name)
{
	char path[32];

	if (!files[name].there)
		return;
	path_of(path, name);
	printf("begin remove n%u %u\n", name, files[name].version);
	if (unlink(path))
		die("unlink");
	files[name].there = 0;
	if (below(2)) {
		int folder = open("/disk0", O_RDONLY);

		if (fsync(folder))
			die("fsync of the folder");
		close(folder);
		printf("gone n%u %u\n", name, files[name].version);
	}
}

int main(int argc, char **argv)
{
	seed = strtoul(argc > 1 ? argv[1] : "1", NULL, 10) * 7919 + 11;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (access("/disk0", R_OK))
		die("no disk");
	printf("ready\n");
	for (;;) {
		unsigned name = below(NAMES), what = below(10);

		if (what < 5)
			grow(name);
		else if (what < 8)
			replace(name);
		else
			take_away(name);
		printf("done\n");
	}
}
