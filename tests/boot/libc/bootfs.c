/* SPDX-License-Identifier: MIT */
/*
 * The boot filesystem, made from the folder root/ beside this file.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int count_entries(const char *path, const char *wanted)
{
	DIR *stream = opendir(path);
	struct dirent *entry;
	int found = 0, count = 0;

	if (!stream)
		return -1;
	while ((entry = readdir(stream))) {
		count++;
		found += !strcmp(entry->d_name, wanted);
	}
	closedir(stream);
	return found == 1 ? count : -2;
}

static void test_reading(void)
{
	char buffer[100];
	struct stat status;
	int fd = open("/file.txt", O_RDONLY | O_CLOEXEC);

	CHECK(fd == 3);
	CHECK(!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_size == 23);
	CHECK(read(fd, buffer, 5) == 5 && !memcmp(buffer, "first", 5));
	CHECK(lseek(fd, 0, SEEK_CUR) == 5 && lseek(fd, -5, SEEK_END) == 18);
	CHECK(read(fd, buffer, 100) == 5 && read(fd, buffer, 100) == 0);
	CHECK(pread(fd, buffer, 6, 11) == 6 && !memcmp(buffer, "second", 6));
	CHECK_FAILS(write(fd, "x", 1), EBADF);
	CHECK_FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_FAILS(ftruncate(fd, 0), EBADF);
	CHECK(!isatty(fd) && errno == ENOTTY);
	CHECK(!close(fd));
	CHECK_FAILS(close(fd), EBADF);
	CHECK_FAILS(read(fd, buffer, 1), EBADF);

	FILE *stream = fopen("file.txt", "r");
	CHECK(stream && fgets(buffer, sizeof(buffer), stream) && !strcmp(buffer, "first line\n"));
	CHECK(fgetc(stream) == 's' && ungetc('S', stream) == 'S' && fgetc(stream) == 'S');
	CHECK(!fseek(stream, -5, SEEK_END) && ftell(stream) == 18);
	CHECK(fread(buffer, 1, 100, stream) == 5 && feof(stream) && !ferror(stream));
	rewind(stream);
	CHECK(fscanf(stream, "%s", buffer) == 1 && !strcmp(buffer, "first"));
	CHECK(!fclose(stream));
	CHECK(!fopen("/empty", "w") && errno == EROFS);
	stream = fopen("/empty", "r");
	CHECK(stream && fgetc(stream) == EOF && feof(stream));
	fclose(stream);
	fd = open("/link/a file with spaces.txt", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buffer, 100) == 5 && !memcmp(buffer, "inner", 5));
	close(fd);
	CHECK(!access("/sub/n\xc3\xa4me", R_OK));
}

static void test_names(void)
{
	char buffer[PATH_MAX];
	struct stat status, other;

	CHECK(!stat("/link", &status) && S_ISDIR(status.st_mode));
	CHECK(!lstat("/link", &status) && S_ISLNK(status.st_mode) && status.st_size == 10);
	CHECK(readlink("/link", buffer, sizeof(buffer)) == 10 && !memcmp(buffer, "sub/deeper", 10));
	CHECK(readlink("/link", buffer, 3) == 3);
	CHECK_FAILS(readlink("/file.txt", buffer, 3), EINVAL);
	CHECK_FAILS(stat("/dangling", &status), ENOENT);
	CHECK_FAILS(stat("/nowhere/x", &status), ENOENT);
	CHECK_FAILS(stat("/file.txt/x", &status), ENOTDIR);
	CHECK_FAILS(stat("/file.txt/", &status), ENOTDIR);
	CHECK_FAILS(stat("", &status), ENOENT);
	CHECK_FAILS(stat(NULL, &status), EFAULT);
	CHECK(!stat("/absolute", &status) && !stat("file.txt", &other) &&
	      status.st_ino == other.st_ino);
	CHECK(realpath("/link/../deeper/./..//../absolute", buffer) &&
	      !strcmp(buffer, "/file.txt"));
	CHECK(realpath("/", buffer) && !strcmp(buffer, "/"));
	CHECK(realpath("link", NULL) != NULL);
	CHECK(!realpath("dangling", buffer) && errno == ENOENT);

	CHECK(getcwd(buffer, sizeof(buffer)) && !strcmp(buffer, "/"));
	CHECK(!chdir("link") && getcwd(buffer, sizeof(buffer)) && !strcmp(buffer, "/sub/deeper"));
	CHECK(!getcwd(buffer, 5) && errno == ERANGE);
	CHECK(!access("a file with spaces.txt", F_OK) && !access("../../file.txt", R_OK));
	CHECK_FAILS(access("../../file.txt", W_OK), EROFS);
	CHECK_FAILS(access("../../file.txt", X_OK), EACCES);
	CHECK_FAILS(chdir("a file with spaces.txt"), ENOTDIR);
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && !fchdir(fd) && !access("file.txt", F_OK));
	CHECK(!fstatat(fd, "sub/deeper", &status, 0) && S_ISDIR(status.st_mode));
	CHECK(faccessat(fd, "sub", X_OK, 0) == 0);
	int inner = openat(fd, "file.txt", O_RDONLY);
	CHECK(inner >= 0);
	CHECK_FAILS(openat(inner, "x", O_RDONLY), ENOTDIR);
	CHECK_FAILS(read(fd, buffer, 1), EISDIR);
	close(inner);
	close(fd);
}

static void test_read_only(void)
{
	CHECK_FAILS(open("/file.txt", O_RDWR), EROFS);
	CHECK_FAILS(open("/new", O_CREAT | O_WRONLY, 0644), EROFS);
	CHECK_FAILS(open("/file.txt", O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_FAILS(mkdir("/new", 0755), EROFS);
	CHECK_FAILS(mkdir("/sub", 0755), EEXIST);
	CHECK_FAILS(unlink("/file.txt"), EROFS);
	CHECK_FAILS(rmdir("/sub"), EROFS);
	CHECK_FAILS(rmdir("/tmp"), EBUSY);
	CHECK_FAILS(rmdir("/"), EBUSY);
	CHECK_FAILS(rmdir("/file.txt"), ENOTDIR);
	CHECK_FAILS(unlink("/sub"), EISDIR);
	CHECK_FAILS(rename("/file.txt", "/other"), EROFS);
	CHECK_FAILS(rename("/file.txt", "/tmp/other"), EXDEV);
	CHECK_FAILS(link("/file.txt", "/tmp/other"), EXDEV);
	CHECK_FAILS(symlink("x", "/new"), EROFS);
	CHECK_FAILS(truncate("/file.txt", 0), EROFS);
	CHECK_FAILS(chmod("/file.txt", 0), EROFS);
	CHECK_FAILS(open("/sub", O_WRONLY), EISDIR);
	CHECK_FAILS(open("/link", O_RDONLY | O_NOFOLLOW), ELOOP);
}

static int not_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void test_directories(void)
{
	struct dirent **names, *entry, copy, *result;
	DIR *stream;

	CHECK(count_entries("/", "file.txt") == 10); /* 6 of our own, "." "..", tmp, dev */
	CHECK(count_entries("/", "..") == 10 && count_entries("/sub/deeper", ".") == 3);
	CHECK(!opendir("/file.txt") && errno == ENOTDIR);
	CHECK(!opendir("/none") && errno == ENOENT);
	int count = scandir("/", &names, not_dots, alphasort);
	CHECK(count == 8 && !strcmp(names[0]->d_name, "absolute") && names[0]->d_type == DT_LNK);
	CHECK(!strcmp(names[7]->d_name, "tmp") && names[7]->d_type == DT_DIR);
	while (count > 0)
		free(names[--count]);
	free(names);
	stream = opendir("/sub");
	CHECK(stream && dirfd(stream) >= 0);
	CHECK(readdir(stream) && readdir(stream));
	long place = telldir(stream);
	entry = readdir(stream);
	CHECK(entry != NULL);
	char name[NAME_MAX + 1];
	strcpy(name, entry->d_name);
	CHECK(readdir(stream) && !readdir(stream));
	seekdir(stream, place);
	CHECK((entry = readdir(stream)) && !strcmp(entry->d_name, name));
	rewinddir(stream);
	CHECK(!readdir_r(stream, &copy, &result) && result == &copy && !strcmp(copy.d_name, "."));
	CHECK(!closedir(stream));
}

/* What the folder has below tmp/ and dev/. */
static void test_below_mounts(void)
{
	char buffer[20];
	int fd = open("/dev/sub/given", O_RDONLY);

	CHECK(fd >= 0 && read(fd, buffer, 20) == 5 && !memcmp(buffer, "given", 5));
	close(fd);
	CHECK_FAILS(open("/dev/sub/given", O_RDWR), EROFS);
	fd = open("/dev/null", O_RDWR);
	CHECK(fd >= 0 && read(fd, buffer, 20) == 0 && write(fd, "x", 1) == 1);
	close(fd);
	CHECK(count_entries("/dev", "sub") == 13 && count_entries("/dev", "null") == 13);
	CHECK(count_entries("/tmp", "sub") == 3);
	fd = open("/tmp/sub/given", O_RDWR | O_APPEND);
	CHECK(fd >= 0 && write(fd, " more", 5) == 5 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(read(fd, buffer, 20) == 10 && !memcmp(buffer, "given more", 10));
	close(fd);
	CHECK(!rename("/tmp/sub/given", "/tmp/taken") && !rmdir("/tmp/sub"));
	CHECK(!unlink("/tmp/taken") && count_entries("/tmp", ".") == 2);
}

int main(void)
{
	test_below_mounts();
	test_reading();
	test_names();
	test_read_only();
	test_directories();
	return check_status();
}
