/* SPDX-License-Identifier: MIT */
/*
 * What a program is told of a disk, whatever is on it: state [PATH]. Prints the names in the
 * folder, and the error of each attempt to change something; ends with 0 if it lived.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "/disk0";
	char path[300], byte;
	struct dirent *entry;
	struct statvfs space;
	DIR *list = opendir(folder);

	tell("open", list ? 0 : -1);
	while (list && (errno = 0, entry = readdir(list))) {
		struct stat status;
		unsigned long sum = 0;
		int file;
		long n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		tell("stat", stat(path, &status));
		file = open(path, O_RDONLY);
		while ((n = read(file, &byte, 1)) == 1 && sum < 100000)
			sum += (unsigned char)byte;
		printf("file %s: %ld bytes, sum %lu%s%s\n", entry->d_name, (long)status.st_size,
		       sum, n < 0 ? ", " : "", n < 0 ? strerror(errno) : "");
		close(file);
		file = open(path, O_RDWR);
		tell("open to write", file);
		if (file >= 0)
			tell("write", pwrite(file, "x", 1, 0));
		close(file);
	}
	if (list) {
		tell("list", errno ? -1 : 0);
		closedir(list);
	}
	snprintf(path, sizeof(path), "%s/made", folder);
	int file = open(path, O_RDWR | O_CREAT, 0644);
	tell("create", file);
	if (file >= 0)
		tell("sync", fsync(file));
	tell("statvfs", statvfs(folder, &space));
	file = open(folder, O_RDONLY);
	tell("folder", file < 0 ? file : fsync(file));
	return 0;
}
