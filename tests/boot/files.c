/* SPDX-License-Identifier: MIT */
/*
 * Reads every file of the boot filesystem and prints the sum of its bytes.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static unsigned count;

static int visit(const char *path)
{
	char name[1024];
	struct stat status;
	int result = 0;
	DIR *directory = opendir(path);

	if (!directory)
		return 1;
	for (struct dirent *e; (e = readdir(directory));) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "dev") || !strcmp(e->d_name, "tmp"))
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		if (stat(name, &status)) {
			result = 2;
		} else if (S_ISDIR(status.st_mode)) {
			result |= visit(name);
		} else {
			FILE *file = fopen(name, "rb");
			unsigned long sum = 0, size = 0;
			for (int c; file && (c = getc(file)) != EOF; size++)
				sum = sum * 31 + (unsigned)c;
			if (!file || ferror(file) || size != (unsigned long)status.st_size)
				result = 4;
			else
				fclose(file);
			printf("%s: %lu bytes, sum %lu\n", name, size, sum);
			count++;
		}
	}
	closedir(directory);
	return result;
}

int main(void)
{
	int result = visit("/.");
	printf("%u files\n", count);
	return count ? result : 8;
}
