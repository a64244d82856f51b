/* SPDX-License-Identifier: MIT */
/*
 * Count lines, words and bytes of every file in the boot filesystem, as `wc` does in the C locale:
 * a line is a newline; a word is what stands between white space and has at least one printable
 * ASCII character. Arguments name the files and folders to count; without any it is all of them.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct counts {
	uint64_t lines, words, bytes;
};

struct list {
	char **paths;
	size_t count, room;
};

static bool failed;

static void complain(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	failed = true;
}

static void *checked(void *memory)
{
	if (!memory) {
		fprintf(stderr,
			"out of memory: give the machine more (baremetal run --memory 256M)\n");
		exit(1);
	}
	return memory;
}

static char *join(const char *folder, const char *name)
{
	size_t length = strlen(folder);
	const char *slash = length && folder[length - 1] == '/' ? "" : "/";
	size_t size = length + strlen(slash) + strlen(name) + 1;
	char *path = checked(malloc(size));

	snprintf(path, size, "%s%s%s", folder, slash, name);
	return path;
}

static void collect(struct list *list, char *path);

static void collect_folder(struct list *list, const char *path)
{
	DIR *folder = opendir(path);
	if (!folder) {
		complain(path);
		return;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			collect(list, join(path, entry->d_name));
	}
	if (errno)
		complain(path);
	closedir(folder);
}

/* Add a file, or all files below a folder. Takes the path over. Symbolic links are not followed. */
static void collect(struct list *list, char *path)
{
	struct stat info;

	if (lstat(path, &info)) {
		complain(path);
	} else if (S_ISDIR(info.st_mode)) {
		collect_folder(list, path);
	} else if (S_ISREG(info.st_mode)) {
		if (list->count == list->room) {
			list->room = list->room ? 2 * list->room : 64;
			list->paths =
			    checked(realloc(list->paths, list->room * sizeof(*list->paths)));
		}
		list->paths[list->count++] = path;
		return;
	}
	free(path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool count(const char *path, struct counts *counts)
{
	static unsigned char buffer[64 * 1024];
	bool in_word = false;
	size_t got;

	*counts = (struct counts){0};
	FILE *file = fopen(path, "rb");
	if (!file) {
		complain(path);
		return false;
	}
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0) {
		counts->bytes += got;
		for (size_t i = 0; i < got; i++) {
			counts->lines += buffer[i] == '\n';
			if (isspace(buffer[i])) {
				counts->words += in_word;
				in_word = false;
			} else if (isgraph(buffer[i])) {
				in_word = true;
			}
		}
	}
	counts->words += in_word;
	bool good = !ferror(file);
	if (!good)
		complain(path);
	fclose(file);
	return good;
}

static void print_counts(const struct counts *counts)
{
	printf("%10" PRIu64 " %10" PRIu64 " %12" PRIu64 "  ", counts->lines, counts->words,
	       counts->bytes);
}

/* A name on one line, whatever is in it: controls and backslashes as in C. */
static void print_name(const char *name)
{
	for (; *name; name++) {
		if (*name == '\\')
			fputs("\\\\", stdout);
		else if (iscntrl((unsigned char)*name))
			printf("\\%03o", (unsigned char)*name);
		else
			putchar(*name);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct list list = {0};
	struct counts total = {0};
	size_t files = 0;

	if (argc < 2)
		collect_folder(&list, "/");
	for (int i = 1; i < argc; i++)
		collect(&list, checked(strdup(argv[i])));
	if (list.count)
		qsort(list.paths, list.count, sizeof(*list.paths), by_name);

	printf("%10s %10s %12s  %s\n", "lines", "words", "bytes", "file");
	for (size_t i = 0; i < list.count; i++) {
		struct counts counts;

		if (count(list.paths[i], &counts)) {
			print_counts(&counts);
			print_name(list.paths[i]);
			total.lines += counts.lines;
			total.words += counts.words;
			total.bytes += counts.bytes;
			files++;
		}
		free(list.paths[i]);
	}
	free(list.paths);
	print_counts(&total);
	printf("total of %zu files\n", files);
	return failed;
}
