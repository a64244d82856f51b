/* SPDX-License-Identifier: MIT */
/*
 * The POSIX calls on /disk0: an image that the host's bmfs made, with the files `hello`
 * ("hello\n"), `numbers` (32-bit little-endian, 0 to 999,999) and `old`. What is left on it is
 * looked at by the host afterwards (test_disk.py).
 */
#include <baremetal/block.h>
#include <baremetal/bmfs.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../libc/check.h"

#define COUNT 1000000u

static int fails(long result, int error)
{
	return result == -1 && errno == error;
}

static void reading(void)
{
	int file = open("/disk0/hello", O_RDONLY);
	uint32_t *numbers = malloc(COUNT * 4 + 8), some[8];
	char text[16] = "";
	struct stat status;

	if (file < 0) {
		printf("no /disk0/hello: errno %d\n", errno);
		exit(1);
	}
	CHECK(read(file, text, 16) == 6 && !strcmp(text, "hello\n"));
	CHECK(read(file, text, 16) == 0);
	CHECK(fails(write(file, text, 1), EBADF));
	CHECK(pread(file, text, 3, 2) == 3 && !memcmp(text, "llo", 3));
	CHECK(lseek(file, -3, SEEK_END) == 3 && read(file, text, 16) == 3);
	CHECK(!fstat(file, &status) && S_ISREG(status.st_mode) && status.st_size == 6);
	CHECK(close(file) == 0);

	file = open("/disk0/numbers", O_RDONLY);
	CHECK(read(file, numbers, COUNT * 4 + 8) == COUNT * 4);
	unsigned wrong = 0;
	for (uint32_t i = 0; i < COUNT; i++)
		wrong += numbers[i] != i;
	CHECK(!wrong);
	/* Into memory and from places that are not aligned. */
	for (unsigned i = 0; i < 200; i++) {
		uint32_t at = i * 4999 % (COUNT - 8);

		uint32_t first, last;

		wrong += pread(file, (char *)some + i % 4, 28, at * 4) != 28;
		memcpy(&first, (char *)some + i % 4, 4);
		memcpy(&last, (char *)some + i % 4 + 24, 4);
		wrong += first != at || last != at + 6;
	}
	CHECK(!wrong);
	CHECK(pread(file, (char *)numbers + 1, COUNT * 4, 0) == COUNT * 4);
	CHECK(!memcmp((char *)numbers + 1 + 4 * 77777, &(uint32_t){77777}, 4));
	struct iovec pieces[3] = {{some, 8}, {numbers, 4096}, {text, 4}};
	CHECK(lseek(file, 4000, SEEK_SET) == 4000 && readv(file, pieces, 3) == 4108);
	CHECK(some[0] == 1000 && numbers[0] == 1002 && !memcmp(text, &(uint32_t){2026}, 4));
	/* Whole sectors, and memory that cannot take them. */
	static _Alignas(4096) const char constant[4096] = {1};
	CHECK(fails(pread(file, NULL, 4096, 0), EFAULT) && fails(pread(file, NULL, 5, 0), EFAULT));
	CHECK(fails(pread(file, (void *)(uintptr_t)constant, 4096, 0), EFAULT));
	CHECK(pread(file, numbers, 4096, 0) == 4096 && numbers[1023] == 1023);
	CHECK(close(file) == 0);
	free(numbers);
}

static void writing(void)
{
	char data[5000], got[5000];
	int old = open("/disk0/old", O_RDWR | O_CREAT, 0644);

	CHECK(fails(pwrite(old, NULL, 8192, 0), EFAULT));
	CHECK(pwrite(old, "old\n", 4, 0) == 4 && close(old) == 0);
	struct stat status;
	int file, other;

	memset(data, 'x', sizeof(data));
	CHECK(fails(open("/disk0/new", O_RDWR), ENOENT));
	file = open("/disk0/new", O_RDWR | O_CREAT | O_EXCL, 0644);
	CHECK(file >= 0);
	CHECK(fails(open("/disk0/new", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST));
	CHECK(write(file, "abc", 3) == 3);
	CHECK(pwrite(file, data, 5000, 1000) == 5000);
	CHECK(!fstat(file, &status) && status.st_size == 6000);
	CHECK(pread(file, got, 1000, 0) == 1000 && !memcmp(got, "abc\0\0\0", 6) && !got[999]);
	CHECK(pread(file, got, 5000, 1000) == 5000 && !memcmp(got, data, 5000));
	CHECK(ftruncate(file, 4) == 0 && ftruncate(file, 8192) == 0);
	CHECK(pread(file, got, 5000, 0) == 5000 && !memcmp(got, "abc\0\0", 5) && !got[1500]);
	CHECK(fsync(file) == 0 && fdatasync(file) == 0);

	other = open("/disk0/new", O_WRONLY | O_APPEND);
	CHECK(write(other, "tail", 4) == 4);
	CHECK(pread(file, got, 10, 8192) == 4 && !memcmp(got, "tail", 4));
	CHECK(lseek(other, 0, SEEK_CUR) == 8196);
	CHECK(fails(pread(other, got, 1, 0), EBADF));
	CHECK(close(other) == 0);
	other = open("/disk0/new", O_RDWR | O_TRUNC);
	CHECK(!fstat(file, &status) && !status.st_size);
	struct iovec pieces[] = {{"one ", 4}, {"two ", 4}, {"three\n", 6}};
	CHECK(writev(other, pieces, 3) == 14);
	CHECK(close(other) == 0 && close(file) == 0);

	file = open("/disk0/synced", O_WRONLY | O_CREAT | O_SYNC, 0644);
	CHECK(write(file, "each write", 10) == 10);
	CHECK(close(file) == 0);
	CHECK(truncate("/disk0/synced", 4) == 0);

	FILE *stream = fopen("/disk0/lines", "w");
	for (int i = 0; i < 10000; i++)
		fprintf(stream, "line %d\n", i);
	CHECK(fclose(stream) == 0);
	stream = fopen("/disk0/lines", "r");
	int count = 0, number;
	while (fscanf(stream, "line %d\n", &number) == 1 && number == count)
		count++;
	CHECK(count == 10000);
	fclose(stream);

	CHECK(fails(open("/disk0/a name that is too long for BMFS", O_CREAT | O_RDWR, 0644),
		    ENAMETOOLONG));
	CHECK(fails(open("/disk0/\n", O_CREAT | O_RDWR, 0644), EINVAL));
	CHECK(fails(mkdir("/disk0/folder", 0755), EPERM));
	CHECK(fails(symlink("hello", "/disk0/link"), EPERM));
	CHECK(fails(link("/disk0/hello", "/disk0/link"), EPERM));
	CHECK(fails(rename("/disk0/hello", "/tmp/hello"), EXDEV));
	CHECK(fails(rmdir("/disk0"), EBUSY) && fails(unlink("/disk0/none"), ENOENT));
	CHECK(fails(open("/disk0/hello/x", O_RDONLY), ENOTDIR));
}

static void names(void)
{
	struct dirent *entry;
	unsigned seen = 0, all = 0;
	struct stat status;
	DIR *folder;
	int file;
	char text[8] = "";

	folder = opendir("/disk0");
	while ((entry = readdir(folder))) {
		all++;
		seen += !strcmp(entry->d_name, "hello") && entry->d_type == DT_REG;
		seen += !strcmp(entry->d_name, ".") && entry->d_type == DT_DIR;
	}
	closedir(folder);
	CHECK(seen == 2 && all == 2 + 6);
	folder = opendir("/");
	seen = 0;
	while ((entry = readdir(folder)))
		seen += !strcmp(entry->d_name, "disk0") && entry->d_type == DT_DIR;
	closedir(folder);
	CHECK(seen == 1);
	CHECK(fails(stat("/disk1", &status), ENOENT));
	CHECK(!stat("/disk0", &status) && S_ISDIR(status.st_mode));

	CHECK(rename("/disk0/old", "/disk0/young") == 0);
	CHECK(fails(access("/disk0/old", R_OK), ENOENT) && !access("/disk0/young", R_OK | W_OK));
	/* Over another file, which is open; and both go on. */
	file = open("/disk0/synced", O_RDWR);
	CHECK(rename("/disk0/young", "/disk0/synced") == 0);
	CHECK(read(file, text, 8) == 4 && !memcmp(text, "each", 4));
	CHECK(!fstat(file, &status) && status.st_nlink == 0);
	CHECK(write(file, " of it", 6) == 6);
	CHECK(close(file) == 0);
	file = open("/disk0/synced", O_RDWR);
	CHECK(read(file, text, 8) == 4 && !memcmp(text, "old\n", 4));
	CHECK(unlink("/disk0/synced") == 0);
	CHECK(pread(file, text, 8, 0) == 4 && !memcmp(text, "old\n", 4));
	CHECK(close(file) == 0);
	CHECK(fails(stat("/disk0/synced", &status), ENOENT));
	CHECK(chdir("/disk0") == 0 && !access("hello", R_OK) && chdir("/") == 0);
	char path[PATH_MAX];
	CHECK(realpath("/disk0/../disk0/hello", path) && !strcmp(path, "/disk0/hello"));
	file = open("/disk0", O_RDONLY);
	CHECK(file >= 0 && fsync(file) == 0 && close(file) == 0);
}

static void space(void)
{
	struct statvfs before, after;
	struct bm_bmfs_extent extent, again;
	struct bm_block_info info;
	static char sector[4096] __attribute__((aligned(4096)));
	struct stat status;
	int file;

	CHECK(!statvfs("/disk0", &before) && before.f_frsize == 2 << 20);
	CHECK(before.f_namemax == 31 && before.f_bfree <= before.f_blocks);
	file = open("/disk0/room", O_RDWR | O_CREAT, 0644);
	CHECK(bm_bmfs_reserve(file, 9 << 20) == 0);
	CHECK(!fstatvfs(file, &after) && after.f_bfree == before.f_bfree - 5);
	CHECK(!fstat(file, &status) && status.st_size == 0);
	CHECK(fails(bm_bmfs_reserve(file, UINT64_C(1) << 50), ENOSPC));
	CHECK(fails(bm_bmfs_reserve(file, UINT64_MAX), EFBIG));
	CHECK(fails(bm_bmfs_reserve(99, 1), EBADF) && fails(bm_bmfs_reserve(1, 1), EINVAL));
	CHECK(posix_fallocate(file, 0, 3 << 20) == 0);
	CHECK(!fstat(file, &status) && status.st_size == 3 << 20);
	CHECK(posix_fallocate(file, 0, 100) == 0 && !fstat(file, &status));
	CHECK(status.st_size == 3 << 20);
	CHECK(posix_fallocate(file, 0, INT64_MAX) == ENOSPC);
	CHECK(posix_fallocate(file, -1, 1) == EINVAL &&
	      posix_fallocate(file, 1, INT64_MAX) == EFBIG);
	CHECK(pread(file, sector, 4096, 2 << 20) == 4096 && !sector[0] && !sector[4095]);

	/* Directly, from and to the device. */
	memset(sector, 'd', sizeof(sector));
	CHECK(pwrite(file, "through the file", 16, 4096) == 16 && fsync(file) == 0);
	CHECK(bm_bmfs_extent(file, &extent) == 0 && !bm_bmfs_extent(file, &again));
	CHECK(extent.sector == again.sector && extent.sectors >= (9u << 20) / extent.sector_size);
	CHECK(!bm_block_info(extent.device, &info) && info.sector_size == extent.sector_size);
	CHECK(!bm_block_read(extent.device, extent.sector + 4096 / extent.sector_size, sector, 4096,
			     BM_FOREVER));
	CHECK(!memcmp(sector, "through the file\0", 17));
	memcpy(sector, "past the file", 13);
	CHECK(!bm_block_write(extent.device, extent.sector, sector, 4096, 0, BM_FOREVER));
	CHECK(fsync(file) == 0);
	CHECK(pread(file, sector + 100, 13, 0) == 13 && !memcmp(sector + 100, "past the file", 13));
	CHECK(fails(bm_bmfs_reserve(file, 40 << 20), EBUSY) || !bm_bmfs_extent(file, &again));
	CHECK(again.sector == extent.sector);
	CHECK(close(file) == 0);
	CHECK(unlink("/disk0/room") == 0);
	CHECK(!statvfs("/disk0", &after) && after.f_bfree == before.f_bfree);
	CHECK(!statvfs("/tmp", &after) && after.f_blocks);

	/* A full disk. */
	file = open("/disk0/all", O_RDWR | O_CREAT, 0644);
	CHECK(bm_bmfs_reserve(file, before.f_bfree * before.f_frsize) == 0);
	CHECK(fails(open("/disk0/more", O_RDWR | O_CREAT, 0644), ENOSPC));
	CHECK(fails(pwrite(file, "x", 1, before.f_bfree * before.f_frsize), ENOSPC));
	CHECK(fails(ftruncate(file, INT64_MAX), ENOSPC));
	CHECK(pwrite(file, "x", 1, 0) == 1 && fsync(file) == 0);
	CHECK(close(file) == 0 && unlink("/disk0/all") == 0);
}

static void mapping(void)
{
	int file = open("/disk0/mapped", O_RDWR | O_CREAT, 0644), reader;
	char *memory, *copy, text[8];

	CHECK(ftruncate(file, 10000) == 0);
	memory = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(memory != MAP_FAILED && !memory[0] && !memory[9999] && !memory[12000]);
	copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 4096);
	CHECK(copy != MAP_FAILED);
	memcpy(memory + 5000, "by memory", 9);
	memcpy(copy, "nobody sees this", 16);
	CHECK(pwrite(file, "by a call", 9, 6000) == 9);
	CHECK(!memcmp(memory + 6000, "by a call", 9));
	CHECK(msync(memory, 10000, MS_SYNC) == 0);
	CHECK(pread(file, text, 4, 5003) == 4 && !memcmp(text, "memo", 4));
	CHECK(pread(file, text, 4, 6000) == 4 && !memcmp(text, "by a", 4));
	CHECK(pread(file, text, 4, 4096) == 4 && !text[0]);
	memcpy(memory + 100, "at the end", 10);
	memcpy(memory + 10100, "beyond it", 9);
	CHECK(pread(file, text, 4, 100) == 4 && !memcmp(text, "at t", 4));
	CHECK(munmap(memory, 4096) == 0 && fails(msync(memory, 10000, MS_SYNC), ENOMEM));
	CHECK(close(file) == 0);
	CHECK(munmap(memory, 10000) == 0 && munmap(copy, 4096) == 0);
	file = open("/disk0/mapped", O_RDONLY);
	CHECK(pread(file, text, 4, 100) == 4 && !memcmp(text, "at t", 4));
	CHECK(lseek(file, 0, SEEK_END) == 10000);
	CHECK(mmap(NULL, 10, PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, 10, PROT_READ, MAP_SHARED, file, 1) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 9, PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED && errno == ENOTSUP);
	CHECK(mmap(NULL, 9, PROT_READ, MAP_PRIVATE, 0, 0) == MAP_FAILED && errno == ENODEV);
	memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED && !memory[0] && !memory[(1 << 20) - 1]);
	CHECK(munmap(memory, 1 << 20) == 0);
	/* One that is left to the program's end. */
	reader = open("/disk0/mapped", O_RDWR);
	memory = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0);
	memcpy(memory + 200, "left to exit()", 14);
	CHECK(close(file) == 0 && close(reader) == 0);
}

int main(void)
{
	reading();
	writing();
	names();
	space();
	mapping();
	/* Neither closed nor synced: the end of the program does that. */
	int file = open("/disk0/last", O_RDWR | O_CREAT, 0644);
	CHECK(write(file, "written last\n", 13) == 13);
	return check_status();
}
