/* SPDX-License-Identifier: MIT */
/*
 * bmfs: makes, fills, reads, checks and mends BMFS disks on the host. What it does to a disk is
 * libbmfs's, and keeps the same promise; sdk/tools/bmfs.1 describes it.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef BMFS_VERSION
#define BMFS_VERSION "0"
#endif

struct options options;

/* ---- Messages ---- */

const char *shown(const char *name)
{
	static char texts[4][4100];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	size_t i;

	for (i = 0; name[i] && i < sizeof(texts[0]) - 1; i++)
		text[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f ? '?' : name[i];
	text[i] = 0;
	return text;
}

void tell(const char *format, ...)
{
	va_list list;

	progress_end();
	fflush(stdout);
	fputs("bmfs: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

static struct image image;
static struct bmfs fs;
static struct bmfs_file *copying; /* a new file that is not whole yet */

void fail(const char *fix, const char *format, ...)
{
	va_list list;

	if (copying) {
		bmfs_remove(&fs, copying);
		copying = NULL;
		bmfs_sync_all(&fs);
	}
	image_drop(&image);
	progress_end();
	fflush(stdout);
	fputs("bmfs: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\n  fix: %s\n", fix);
	exit(1);
}

void fail_host(const char *path, int error)
{
	const char *fix = "mend that, or choose another place";

	if (error == ENOENT)
		fix = "check the name; `bmfs format --size 64M IMAGE` makes an image";
	else if (error == EACCES || error == EPERM)
		fix = "change its permissions, or become its owner";
	else if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		fix = "free some space on the host, or choose another place";
	else if (error == EEXIST)
		fix = "remove it, choose another folder, or give --force";
	else if (error == ELOOP)
		fix = "name the file itself, not a symbolic link to it";
	fail(fix, "%s: %s", shown(path), strerror(error));
}

void fail_bmfs(const char *what, long error)
{
	static const struct {
		int error;
		const char *fix;
	} fixes[] = {
	    {BMFS_EDAMAGED, "bmfs check --repair DISK"},
	    {BMFS_EFORMAT,
	     "check the name; `bmfs format DISK` makes one, and deletes what is there"},
	    {BMFS_ECOPY, "bmfs check --repair DISK"},
	    {BMFS_ETOOSMALL, "take a disk or partition of 32 MiB and more"},
	    {BMFS_ENOENT, "bmfs list DISK shows the names"},
	    {BMFS_EEXIST, "delete it first, or choose another name"},
	    {BMFS_ENAME, "choose another name; folders there are none"},
	    {BMFS_ENOSPC,
	     "delete something; bmfs list DISK shows what is free, and in how large pieces"},
	    {BMFS_EFULL, "delete something"},
	    {BMFS_EROFS, "make the image writable"},
	};
	const char *fix = "see what the host says about the disk (dmesg)";

	for (unsigned i = 0; i < sizeof(fixes) / sizeof(*fixes); i++)
		if (fixes[i].error == -error)
			fix = fixes[i].fix;
	fail(fix, "%s: %s", what, bmfs_strerror(error));
}

/* ---- Arguments ---- */

static uint64_t parse_size(const char *text)
{
	static const char letters[] = "KMGTPE";
	char *end;
	unsigned long long value;
	unsigned shift = 0;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end) {
		const char *letter = strchr(letters, toupper((unsigned char)*end));

		if (letter) {
			shift = 10 * (unsigned)(letter - letters + 1);
			end++;
		}
	}
	if (!isdigit((unsigned char)*text) || *end || errno || value > (UINT64_MAX >> 1) >> shift)
		fail("write it like 4096, 64M, 2G or 1T", "%s is not a size", shown(text));
	return (uint64_t)value << shift;
}

static const char help[] =
    "usage: bmfs COMMAND [OPTION]... DISK [ARGUMENT]...\n"
    "Make, fill, read, check and mend BMFS disks. DISK is an image file or a block device; a BMFS\n"
    "partition in it is found by its type.\n"
    "\n"
    "  format DISK               make an empty file system (--size makes the image, too)\n"
    "  list DISK                 list files, and what is free\n"
    "  create DISK NAME [SIZE]   make an empty file that has room for SIZE bytes\n"
    "  reserve DISK NAME SIZE    change that room\n"
    "  read DISK NAME [FILE]     copy a file out, to standard output or FILE\n"
    "  write DISK NAME [FILE]    copy one in, from standard input or FILE; replaces it\n"
    "  delete DISK NAME...       delete files\n"
    "  rename DISK OLD NEW       rename a file; replaces NEW\n"
    "  import DISK DIR           copy all files of a folder in\n"
    "  export DISK DIR           copy all files out into a folder, which is made\n"
    "  check DISK                tell what is wrong with a disk (--repair mends it)\n"
    "\n"
    "  --size SIZE               format: make the image file, or make it that large\n"
    "  --keep-boot               format: leave boot sector and boot loader where they are\n"
    "  --repair                  check: mend what is wrong\n"
    "  --in-place                write: overwrite the file, if there is no room for two\n"
    "  --offset BYTES            the file system begins there\n"
    "  --partition N             it is in this partition\n"
    "  -f, --force               overwrite what is there\n"
    "  -q, --quiet               no progress, no summary\n"
    "  --version, --help\n"
    "\n"
    "Sizes are bytes, or end in K, M, G, T (powers of 1024). Exit status: 0; 1: a problem, or\n"
    "damages that are left; 2: a wrong command line. More: man bmfs\n";

_Noreturn static void usage(const char *what)
{
	fprintf(stderr, "bmfs: %s\n  fix: bmfs --help\n", what);
	exit(2);
}

/* ---- Commands ---- */

static void open_disk(const char *path, enum image_use use)
{
	int error;

	image_open(&image, path, use);
	error = bmfs_mount(&fs, &image.disk, 0);
	if (error)
		fail_bmfs(shown(path), error);
	if (fs.damages && use == IMAGE_READ)
		tell("%s is damaged: what is sound is shown; see bmfs check", shown(path));
	if (fs.damages && use == IMAGE_WRITE)
		fail_bmfs(shown(path), -BMFS_EDAMAGED);
}

static void close_disk(void)
{
	int error = bmfs_unmount(&fs);

	if (error)
		fail_bmfs(shown(image.path), error);
	image_close(&image);
}

static struct bmfs_file *need(const char *name)
{
	struct bmfs_file *file = bmfs_find(&fs, name, strlen(name));

	if (!file)
		fail_bmfs(shown(name), -BMFS_ENOENT);
	return file;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list list;

	progress_end();
	if (options.quiet)
		return;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static const char *amount(uint64_t bytes)
{
	static char texts[4][32];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	static const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1023.5 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(text, sizeof(texts[0]),
		 value < 10 && unit && value != (double)(int)value ? "%.1f %s" : "%.0f %s", value,
		 units[unit]);
	return text;
}

static int command_format(char **arguments)
{
	int error;

	image_open(&image, arguments[0], IMAGE_FORMAT);
	/* What is there is not deleted by mistake. */
	if (!options.force && !bmfs_mount(&fs, &image.disk, BMFS_READ_ONLY)) {
		for (unsigned i = 0; i < BMFS_RECORDS; i++)
			if (bmfs_at(&fs, i))
				fail("give --force to delete them", "%s has files in it already",
				     shown(arguments[0]));
	}
	error = bmfs_format(&image.disk, options.keep_boot ? BMFS_KEEP_BOOT : 0);
	if (error)
		fail_bmfs(shown(arguments[0]), error);
	say("%s%s: BMFS, %s", shown(arguments[0]), image.number ? " (partition)" : "",
	    amount(image.disk.sectors * image.disk.sector_size / BMFS_BLOCK * BMFS_BLOCK));
	image_close(&image);
	return 0;
}

static int command_list(char **arguments)
{
	struct bmfs_space space;
	unsigned count = 0;

	open_disk(arguments[0], IMAGE_READ);
	bmfs_get_space(&fs, &space);
	for (unsigned i = 0; i < BMFS_RECORDS; i++) {
		const struct bmfs_file *file = bmfs_at(&fs, i);

		if (!file)
			continue;
		if (!count++ && !options.quiet)
			printf("%20s %16s %12s  %s\n", "bytes", "reserved", "first block", "name");
		printf("%20llu %16llu %12llu  %s\n", (unsigned long long)file->size,
		       (unsigned long long)(file->reserved * BMFS_BLOCK),
		       (unsigned long long)file->start, shown(bmfs_name(&fs, file)));
	}
	say("%u file%s; %s of %s free, %s of it in one piece; room for %u more files", count,
	    count == 1 ? "" : "s", amount(space.free * BMFS_BLOCK),
	    amount(space.total * BMFS_BLOCK), amount(space.largest * BMFS_BLOCK),
	    space.records_free);
	image_close(&image);
	return 0;
}

static const char temporary[] = ".bmfs is copying"; /* left by a copy that was killed */

/* That a file may get: the next copy would delete one of that other name. */
static void check_name(const char *name)
{
	if (!bmfs_name_good(name, strlen(name)))
		fail_bmfs(shown(name), -BMFS_ENAME);
	if (!strcmp(name, temporary))
		fail("choose another name",
		     "%s is the name of a copy under way: nothing else may have it", shown(name));
}

static int command_create(char **arguments)
{
	struct bmfs_file *file;
	int error;

	open_disk(arguments[0], IMAGE_WRITE);
	check_name(arguments[1]);
	error = bmfs_create(&fs, arguments[1], strlen(arguments[1]),
			    arguments[2] ? parse_size(arguments[2]) : 0, &file);
	if (error)
		fail_bmfs(shown(arguments[1]), error);
	close_disk();
	return 0;
}

static int command_reserve(char **arguments)
{
	int error;

	open_disk(arguments[0], IMAGE_WRITE);
	error = bmfs_reserve(&fs, need(arguments[1]), parse_size(arguments[2]));
	if (error)
		fail_bmfs(shown(arguments[1]), error);
	close_disk();
	return 0;
}

static int command_read(char **arguments)
{
	const char *path = arguments[2] && strcmp(arguments[2], "-") ? arguments[2] : NULL;
	struct bmfs_file *file;
	int out = STDOUT_FILENO;
	bool whole;

	open_disk(arguments[0], IMAGE_READ);
	file = need(arguments[1]);
	if (path)
		out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (out < 0)
		fail_host(path, errno);
	progress_begin(file->size);
	whole = copy_out(&fs, file, out, path ? path : "standard output");
	progress_end();
	if (path && close(out))
		fail_host(path, errno);
	image_close(&image);
	return whole ? 0 : 1;
}

/* A new file takes the old one's place when all of it is there. */
static void put_file(const char *name, int in, const char *path)
{
	struct bmfs_file *file = bmfs_find(&fs, name, strlen(name)), *old = file;
	uint64_t reserve = old ? old->reserved * BMFS_BLOCK : 0;
	int error = 0;

	check_name(name);
	if (old && options.in_place) {
		error = bmfs_resize(&fs, old, 0);
	} else {
		file = bmfs_find(&fs, temporary, strlen(temporary));
		error = file ? bmfs_remove(&fs, file) : 0;
		if (!error)
			error = bmfs_create(&fs, temporary, strlen(temporary), reserve, &file);
	}
	if (error)
		fail_bmfs(shown(name), error);
	copying = file == old ? NULL : file;
	copy_in(&fs, file, name, in, path);
	copying = NULL;
	error = bmfs_sync(&fs, file);
	if (!error && !(old && options.in_place))
		error = bmfs_rename(&fs, file, name, strlen(name));
	if (error)
		fail_bmfs(shown(name), error);
}

static int command_write(char **arguments)
{
	const char *path = arguments[2] && strcmp(arguments[2], "-") ? arguments[2] : NULL;
	struct stat status;
	int in = STDIN_FILENO;

	if (path)
		in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		fail_host(path, errno);
	open_disk(arguments[0], IMAGE_WRITE);
	progress_begin(fstat(in, &status) ? 0 : (uint64_t)status.st_size);
	put_file(arguments[1], in, path ? path : "standard input");
	progress_end();
	close_disk();
	return 0;
}

static int command_delete(char **arguments)
{
	open_disk(arguments[0], IMAGE_WRITE);
	for (unsigned i = 1; arguments[i]; i++)
		need(arguments[i]);
	for (unsigned i = 1; arguments[i]; i++) {
		int error = bmfs_remove(&fs, need(arguments[i]));

		if (error)
			fail_bmfs(shown(arguments[i]), error);
	}
	close_disk();
	return 0;
}

static int command_rename(char **arguments)
{
	int error;

	open_disk(arguments[0], IMAGE_WRITE);
	check_name(arguments[2]);
	error = bmfs_rename(&fs, need(arguments[1]), arguments[2], strlen(arguments[2]));
	if (error)
		fail_bmfs(shown(arguments[1]), error);
	close_disk();
	return 0;
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* All is looked at before anything is written. */
static int command_import(char **arguments)
{
	struct dirent **entries;
	uint64_t total = 0;
	unsigned copied = 0;
	int folder = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC), count;

	count = folder < 0 ? -1 : scandir(arguments[1], &entries, is_entry, alphasort);
	if (count < 0)
		fail_host(arguments[1], errno);
	open_disk(arguments[0], IMAGE_WRITE);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		struct stat status;

		if (fstatat(folder, name, &status, 0))
			fail_host(name, errno);
		if (S_ISDIR(status.st_mode))
			fail("move it elsewhere, or make one file of it, with tar",
			     "%s is a folder, and BMFS has none; nothing was copied", shown(name));
		if (!S_ISREG(status.st_mode))
			fail("move it elsewhere", "%s is no file; nothing was copied", shown(name));
		check_name(name);
		total += (uint64_t)status.st_size;
	}
	progress_begin(total);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		int in;

		in = openat(folder, name, O_RDONLY | O_CLOEXEC);
		if (in < 0)
			fail_host(name, errno);
		put_file(name, in, name);
		close(in);
		copied++;
	}
	progress_end();
	close_disk();
	say("%u file%s, %s", copied, copied == 1 ? "" : "s", amount(total));
	return 0;
}

/* A file none of whose blocks is on the disk, which a mount does not show. */
static bool is_lost(unsigned record)
{
	uint8_t first = (uint8_t)fs.directory[record].name[0];
	char name[BMFS_NAME_SIZE] = "";

	if (bmfs_at(&fs, record) || first == BMFS_NAME_END || first == BMFS_NAME_DELETED)
		return false;
	memcpy(name, fs.directory[record].name, sizeof(name) - 1);
	tell("%s is left out: it lies outside of the disk; see bmfs check", shown(name));
	return true;
}

static int command_export(char **arguments)
{
	unsigned copied = 0, left_out = 0, cut = 0;
	uint64_t total = 0;
	int folder;

	open_disk(arguments[0], IMAGE_READ);
	if (mkdir(arguments[1], 0777) && errno != EEXIST)
		fail_host(arguments[1], errno);
	folder = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		fail_host(arguments[1], errno);
	for (unsigned i = 0; i < BMFS_RECORDS; i++)
		total += bmfs_at(&fs, i) ? bmfs_at(&fs, i)->size : 0;
	progress_begin(total);
	for (unsigned i = 0; i < BMFS_RECORDS; i++) {
		struct bmfs_file *file = bmfs_at(&fs, i);
		const char *name;
		int out;

		left_out += is_lost(i);
		if (!file)
			continue;
		name = bmfs_name(&fs, file);
		/* A name from a disk must not lead out of the folder. */
		if (!bmfs_name_good(name, strlen(name)) ||
		    bmfs_find(&fs, name, strlen(name)) != file) {
			tell("%s is left out: its name cannot be used; see bmfs check",
			     shown(name));
			left_out++;
			continue;
		}
		if (options.force)
			unlinkat(folder, name, 0);
		out = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			     0666);
		if (out < 0)
			fail_host(name, errno);
		cut += !copy_out(&fs, file, out, name);
		if (close(out))
			fail_host(name, errno);
		copied++;
	}
	progress_end();
	image_close(&image);
	say("%u file%s, %s", copied, copied == 1 ? "" : "s", amount(total));
	return left_out || cut ? 1 : 0;
}

static void show_finding(void *context, const struct bmfs_finding *finding)
{
	(void)context;
	if (finding->record >= 0)
		printf("record %d, '%s': ", finding->record, shown(finding->name));
	printf("%s%s%s%s\n", bmfs_problem_is_damage(finding->problem) ? "" : "note: ",
	       bmfs_problem_text(finding->problem), finding->action ? " — " : "",
	       finding->action ? finding->action : "");
}

static int command_check(char **arguments)
{
	int left;

	image_open(&image, arguments[0], options.repair ? IMAGE_WRITE : IMAGE_READ);
	left = bmfs_check(&image.disk, options.repair ? BMFS_REPAIR : 0, show_finding, NULL);
	if (left < 0)
		fail_bmfs(shown(arguments[0]), left);
	image_close(&image);
	if (left && options.repair)
		fail("copy out what you need, then format it anew",
		     "%s: %d damages could not be mended", shown(arguments[0]), left);
	if (left)
		fail("bmfs check --repair DISK", "%s: %d damage%s", shown(arguments[0]), left,
		     left == 1 ? "" : "s");
	say("%s is sound", shown(arguments[0]));
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(char **arguments);
	int least, most; /* arguments */
} commands[] = {
    {"format", command_format, 1, 1},    {"list", command_list, 1, 1},
    {"create", command_create, 2, 3},    {"reserve", command_reserve, 3, 3},
    {"read", command_read, 2, 3},        {"write", command_write, 2, 3},
    {"delete", command_delete, 2, 1000}, {"rename", command_rename, 3, 3},
    {"import", command_import, 2, 2},    {"export", command_export, 2, 2},
    {"check", command_check, 1, 1},
};

enum {
	OPTION_HELP = 256,
	OPTION_VERSION,
	OPTION_SIZE,
	OPTION_KEEP,
	OPTION_REPAIR,
	OPTION_IN_PLACE,
	OPTION_OFFSET,
	OPTION_PARTITION
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"keep-boot", no_argument, NULL, OPTION_KEEP},
    {"repair", no_argument, NULL, OPTION_REPAIR},
    {"in-place", no_argument, NULL, OPTION_IN_PLACE},
    {"offset", required_argument, NULL, OPTION_OFFSET},
    {"partition", required_argument, NULL, OPTION_PARTITION},
    {"force", no_argument, NULL, 'f'},
    {"quiet", no_argument, NULL, 'q'},
    {0},
};

static void take_option(int option)
{
	switch (option) {
	case OPTION_HELP:
		fputs(help, stdout);
		exit(0);
	case OPTION_VERSION:
		puts("bmfs " BMFS_VERSION);
		exit(0);
	case OPTION_SIZE:
		options.size = parse_size(optarg);
		break;
	case OPTION_KEEP:
		options.keep_boot = true;
		break;
	case OPTION_REPAIR:
		options.repair = true;
		break;
	case OPTION_IN_PLACE:
		options.in_place = true;
		break;
	case OPTION_OFFSET:
		options.offset = parse_size(optarg);
		options.has_offset = true;
		break;
	case OPTION_PARTITION:
		options.partition = (unsigned)parse_size(optarg);
		break;
	case 'f':
		options.force = true;
		break;
	case 'q':
		options.quiet = true;
		break;
	default:
		exit(2); /* getopt has said why */
	}
}

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	int option, count, status;

	while ((option = getopt_long(argc, argv, "fq", long_options, NULL)) >= 0)
		take_option(option);
	if (optind == argc)
		usage("no command");
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, argv[optind]))
			command = &commands[i];
	if (!command)
		usage("there is no such command");
	count = argc - optind - 1;
	if (count < command->least || count > command->most)
		usage(count < command->least ? "an argument is missing" : "too many arguments");
	status = command->run(argv + optind + 1);
	if (fflush(stdout) || ferror(stdout))
		fail_host("standard output", errno);
	return status;
}
