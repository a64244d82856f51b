/* SPDX-License-Identifier: MIT */
/*
 * /tmp and /dev: writing, renaming, removing; devices; descriptors.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

static void test_writing(void)
{
	struct stat status;
	char buffer[64];
	FILE *stream;
	int fd = open("/tmp/file", O_RDWR | O_CREAT | O_EXCL, 0666);

	CHECK(fd >= 0);
	CHECK(write(fd, "hello world", 11) == 11 && lseek(fd, 6, SEEK_SET) == 6);
	CHECK(read(fd, buffer, 64) == 5 && !memcmp(buffer, "world", 5));
	CHECK(pwrite(fd, "W", 1, 6) == 1 && pread(fd, buffer, 5, 6) == 5 && buffer[0] == 'W');
	CHECK(lseek(fd, 100000, SEEK_SET) == 100000 && write(fd, "end", 3) == 3);
	CHECK(!fstat(fd, &status) && status.st_size == 100003 && (status.st_mode & 0777) == 0644);
	CHECK(pread(fd, buffer, 4, 50000) == 4 && !buffer[0] && !buffer[3]);
	CHECK(!ftruncate(fd, 5) && !fstat(fd, &status) && status.st_size == 5 && !fsync(fd));
	CHECK(!close(fd));
	fd = open("/tmp/file", O_WRONLY | O_APPEND);
	CHECK(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 6);
	CHECK_FAILS(read(fd, buffer, 1), EBADF);
	close(fd);
	fd = open("/tmp/file", O_WRONLY | O_TRUNC);
	CHECK(!fstat(fd, &status) && status.st_size == 0);
	close(fd);

	stream = fopen("/tmp/text", "w+");
	CHECK(stream != NULL);
	for (int i = 0; i < 10000; i++)
		fprintf(stream, "line %d\n", i);
	CHECK(!fseek(stream, 0, SEEK_SET) && fgets(buffer, 64, stream) &&
	      !strcmp(buffer, "line 0\n"));
	CHECK(!fclose(stream) && !stat("/tmp/text", &status) && status.st_size == 98890);
	CHECK(freopen("/tmp/text", "a", stdin) == stdin && fputs("more\n", stdin) >= 0);
	CHECK(freopen("/tmp/text", "r", stdin) == stdin && !fseek(stdin, -5, SEEK_END));
	CHECK(fgets(buffer, 64, stdin) && !strcmp(buffer, "more\n"));
	CHECK(tmpfile() != NULL);
	strcpy(buffer, "/tmp/nameXXXXXX");
	CHECK(mkstemp(buffer) >= 0 && !access(buffer, W_OK));
	strcpy(buffer, "/tmp/directoryXXXXXX");
	CHECK(mkdtemp(buffer) && !rmdir(buffer));
}

static void test_names(void)
{
	struct stat status, other;
	char buffer[64];
	int fd;

	CHECK(!mkdir("/tmp/a", 0777) && !mkdir("/tmp/a/b", 0777) && !stat("/tmp/a", &status));
	CHECK(status.st_nlink == 3 && (status.st_mode & 07777) == 0755);
	CHECK(umask(0) == 022 && !mkdir("/tmp/open", 0777) && umask(022) == 0);
	CHECK(!stat("/tmp/open", &status) && (status.st_mode & 0777) == 0777);
	CHECK_FAILS(mkdir("/tmp/a", 0777), EEXIST);
	CHECK_FAILS(mkdir("/tmp/x/y", 0777), ENOENT);
	CHECK(!rename("/tmp/text", "/tmp/a/b/text") && !access("/tmp/a/b/text", F_OK));
	CHECK_FAILS(rename("/tmp/a", "/tmp/a/b/a"), EINVAL);
	CHECK_FAILS(rename("/tmp/a", "/tmp/file"), ENOTDIR);
	CHECK_FAILS(rename("/tmp/file", "/tmp/a"), EISDIR);
	CHECK_FAILS(rename("/tmp/none", "/tmp/x"), ENOENT);
	CHECK_FAILS(rename("/tmp/file", "/tmp/x/"), ENOTDIR);
	CHECK_FAILS(rename("/tmp/open", "/tmp/a"), ENOTEMPTY);
	CHECK(!rename("/tmp/a/b", "/tmp/open") && !access("/tmp/open/text", F_OK));
	CHECK(!rename("/tmp/open/", "/tmp/renamed/") && !access("/tmp/renamed/text", F_OK));
	CHECK_FAILS(rmdir("/tmp/renamed"), ENOTEMPTY);
	CHECK(!link("/tmp/renamed/text", "/tmp/hard") && !stat("/tmp/hard", &status));
	CHECK(!stat("/tmp/renamed/text", &other) && status.st_ino == other.st_ino &&
	      other.st_nlink == 2);
	CHECK(!rename("/tmp/hard", "/tmp/renamed/text") &&
	      !access("/tmp/hard", F_OK)); /* the same */
	CHECK_FAILS(link("/tmp/a", "/tmp/b"), EPERM);
	CHECK_FAILS(link("/tmp/hard", "/tmp/a"), EEXIST);
	CHECK(!symlink("renamed/text", "/tmp/soft") && !stat("/tmp/soft", &other));
	CHECK(other.st_ino == status.st_ino && !lstat("/tmp/soft", &other) &&
	      S_ISLNK(other.st_mode));
	CHECK(!symlink("made-through-link", "/tmp/to-new"));
	fd = open("/tmp/to-new", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && !access("/tmp/made-through-link", F_OK) && !close(fd));
	CHECK_FAILS(open("/tmp/to-new", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);
	CHECK(!remove("/tmp/a") && !remove("/tmp/hard"));

	/* Open while unlinked. */
	fd = open("/tmp/gone", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && !unlink("/tmp/gone") && write(fd, "here", 4) == 4);
	CHECK(pread(fd, buffer, 4, 0) == 4 && !fstat(fd, &status) && status.st_nlink == 0);
	CHECK_FAILS(open("/tmp/gone", O_RDONLY), ENOENT);
	close(fd);
	CHECK(!mkdir("/tmp/here", 0755) && !chdir("/tmp/here") && !rmdir("/tmp/here"));
	CHECK(!getcwd(buffer, 64) && errno == ENOENT);
	CHECK_FAILS(open("x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK(!chdir("/tmp") && getcwd(buffer, 64) && !strcmp(buffer, "/tmp"));

	/* Attributes. */
	CHECK(!chmod("/tmp/file", 0400) && !stat("/tmp/file", &status) &&
	      (status.st_mode & 07777) == 0400);
	CHECK(!utime("/tmp/file", &(struct utimbuf){1000, 2000}) && !stat("/tmp/file", &status));
	CHECK(status.st_atime == 1000 && status.st_mtime == 2000);
	struct timeval times[2] = {{5, 6}, {-7, 8}};
	CHECK(!utimes("/tmp/file", times) && !stat("/tmp/file", &status));
	CHECK(status.st_atim.tv_nsec == 6000 && status.st_mtim.tv_sec == -7 &&
	      status.st_mtim.tv_nsec == 8000);
	CHECK(!chown("/tmp/file", 0, 0));
	CHECK_FAILS(chown("/tmp/file", 5, 5), EPERM);
}

static void test_descriptors(void)
{
	struct iovec pieces[2] = {{"ab", 2}, {"cde", 3}};
	char buffer[8];
	int fd = open("/tmp/shared", O_CREAT | O_RDWR, 0600), second = dup(fd);

	CHECK(second == fd + 1 && write(fd, "abc", 3) == 3 && lseek(second, 0, SEEK_CUR) == 3);
	CHECK(dup2(fd, 100) == 100 && !close(fd) && lseek(100, 1, SEEK_SET) == 1);
	CHECK(read(second, buffer, 8) == 2 && dup2(100, 100) == 100);
	CHECK_FAILS(dup2(77, 5), EBADF);
	CHECK_FAILS(dup2(100, -1), EBADF);
	CHECK(fcntl(100, F_DUPFD, 200) == 200 && fcntl(100, F_DUPFD_CLOEXEC, 200) == 201);
	CHECK(fcntl(200, F_GETFD) == 0 && fcntl(201, F_GETFD) == FD_CLOEXEC);
	CHECK(!fcntl(201, F_SETFD, 0) && fcntl(201, F_GETFD) == 0);
	CHECK((fcntl(200, F_GETFL) & O_ACCMODE) == O_RDWR && !fcntl(200, F_SETFL, O_APPEND));
	CHECK(fcntl(201, F_GETFL) & O_APPEND);
	CHECK_FAILS(fcntl(100, 999), EINVAL);
	CHECK_FAILS(fcntl(999, F_GETFL), EBADF);
	CHECK(writev(200, pieces, 2) == 5 && lseek(200, -5, SEEK_END) == 3);
	CHECK(readv(200, (struct iovec[]){{buffer, 2}, {buffer + 2, 4}}, 2) == 5);
	CHECK(!memcmp(buffer, "abcde", 5));
	for (int i = 300; i < 1300; i++)
		CHECK(dup2(second, i) == i);
	for (int i = 300; i < 1300; i++)
		close(i);
	close(100), close(200), close(201), close(second);
	CHECK(open("/tmp/shared", O_RDONLY) == fd && !close(fd));
	CHECK_FAILS(lseek(1, 0, SEEK_SET), ESPIPE);
	CHECK_FAILS(pread(1, buffer, 1, 0), ESPIPE);
	CHECK(isatty(1) && !strcmp(ttyname(1), "/dev/console"));
}

static void test_devices(void)
{
	unsigned char buffer[64] = {1}, other[64];
	struct stat status;
	FILE *stream = fopen("/dev/null", "r+");

	CHECK(stream && fgetc(stream) == EOF);
	clearerr(stream);
	CHECK(fputs("nothing", stream) >= 0 && !fclose(stream));
	int fd = open("/dev/zero", O_RDWR);
	CHECK(read(fd, buffer, 64) == 64 && !buffer[0] && write(fd, buffer, 64) == 64);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	CHECK_FAILS(write(fd, buffer, 1), ENOSPC);
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	CHECK(read(fd, buffer, 64) == 64 && read(fd, other, 64) == 64 && memcmp(buffer, other, 64));
	CHECK(!fstat(fd, &status) && S_ISCHR(status.st_mode));
	close(fd);
	fd = open("/dev/stdout", O_WRONLY);
	CHECK(fd >= 0 && isatty(fd) && write(fd, "through /dev/stdout\n", 20) == 20 && !close(fd));
	CHECK_FAILS(open("/dev/new", O_CREAT | O_WRONLY, 0600), EROFS);
	CHECK_FAILS(unlink("/dev/null"), EROFS);
}

/* Until memory is out: ENOSPC, nothing lost, and all comes back. */
static void test_full(void)
{
	static char block[1 << 16];
	long total = 0, n;

	memset(block, 'x', sizeof(block));
	int fd = open("/tmp/full", O_CREAT | O_RDWR, 0600);
	while ((n = write(fd, block, sizeof(block))) > 0)
		total += n;
	CHECK(n == -1 && errno == ENOSPC && total > 1 << 20);
	CHECK(lseek(fd, 0, SEEK_END) == total);
	CHECK(pread(fd, block, 1, total - 1) == 1 && block[0] == 'x');
	CHECK(!ftruncate(fd, 0) && write(fd, block, sizeof(block)) == sizeof(block));
	CHECK(!close(fd) && !unlink("/tmp/full"));
}

int main(void)
{
	test_writing();
	test_names();
	test_descriptors();
	test_devices();
	test_full();
	return check_status();
}
