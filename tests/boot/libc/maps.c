/* SPDX-License-Identifier: MIT */
/*
 * mmap() and its kin; locks on files, among threads too.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

#define CHECK_NO_MAP(call, error) CHECK((errno = 0, (call) == MAP_FAILED) && errno == (error))

static void test_anonymous(void)
{
	char *map =
	    mmap(NULL, 3 * PAGE + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED && (uintptr_t)map % PAGE == 0);
	for (int i = 0; i < 4 * PAGE; i++)
		if (map[i])
			CHECK(!"fresh memory is zero");
	memset(map, 1, 4 * PAGE);
	CHECK(!mlock(map, PAGE) && !munlock(map, PAGE) &&
	      !posix_madvise(map, PAGE, POSIX_MADV_WILLNEED));
	CHECK(!munmap(map + PAGE, PAGE) && map[0] == 1 && map[2 * PAGE] == 1);
	CHECK_FAILS(msync(map, 4 * PAGE, MS_SYNC), ENOMEM);
	CHECK(!munmap(map, 4 * PAGE) && !munmap(map, 4 * PAGE));
	CHECK_FAILS(munmap(map + 1, PAGE), EINVAL);
	CHECK_FAILS(munmap(map, 0), EINVAL);
	CHECK_NO_MAP(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_NO_MAP(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_NO_MAP(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     ENOTSUP);
	CHECK_NO_MAP(mmap(map, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     ENOTSUP);
	CHECK_NO_MAP(mmap(NULL, SIZE_MAX / 4, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     ENOMEM);
}

static void test_shared(void)
{
	char buffer[16] = "";
	char *map, *other, *whole;
	int fd = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int reader = open("/tmp/mapped", O_RDONLY);

	CHECK(fd >= 0 && reader >= 0 && !ftruncate(fd, 2 * PAGE) &&
	      pwrite(fd, "first", 5, PAGE) == 5);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	CHECK(map != MAP_FAILED && !memcmp(map, "first", 6));
	other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, PAGE);
	CHECK(other != MAP_FAILED);
	CHECK(pwrite(fd, "again", 5, PAGE) == 5 && !memcmp(map, "again", 6) &&
	      !memcmp(other, "again", 6));
	memcpy(map, "store", 5);
	CHECK(!memcmp(other, "store", 6) && pread(reader, buffer, 5, PAGE) == 5 &&
	      !memcmp(buffer, "store", 5));
	CHECK(lseek(reader, PAGE, SEEK_SET) == PAGE && read(reader, buffer, 5) == 5 &&
	      !memcmp(buffer, "store", 5));
	CHECK(!munmap(other, PAGE));
	CHECK_NO_MAP(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, reader, 0), ENOTSUP);
	/* A private copy sees what is stored so far, and nothing later. */
	whole = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0);
	CHECK(whole != MAP_FAILED && !whole[0] && !memcmp(whole + PAGE, "store", 6));
	whole[PAGE] = 'x';
	map[1] = 'y';
	CHECK(map[0] == 's' && whole[PAGE + 1] == 't' && !munmap(whole, 2 * PAGE));
	CHECK(!msync(map, PAGE, MS_SYNC) && !msync(map, PAGE, MS_ASYNC) && !fsync(fd));
	CHECK_FAILS(msync(map, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	/* Shorter, and longer again: zeros. */
	CHECK(!ftruncate(fd, PAGE + 3) && !memcmp(map, "syo\0\0", 5));
	CHECK(!ftruncate(fd, 2 * PAGE) && pread(fd, buffer, 5, PAGE) == 5 &&
	      !memcmp(buffer, "syo\0\0", 5));
	/* Neither close() nor unlink() ends a map. */
	CHECK(!close(fd) && !unlink("/tmp/mapped"));
	memcpy(map, "ended", 5);
	CHECK(!munmap(map, PAGE));
	CHECK(pread(reader, buffer, 5, PAGE) == 5 && !memcmp(buffer, "ended", 5) && !close(reader));
}

static void test_refused(void)
{
	int fd = open("/tmp/refused", O_WRONLY | O_CREAT, 0600),
	    reader = open("/tmp/refused", O_RDONLY);
	int folder = open("/tmp", O_RDONLY), null = open("/dev/null", O_RDWR);

	CHECK(write(fd, "x", 1) == 1);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0), EACCES);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, reader, 1), EINVAL);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, folder, 0), ENODEV);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, null, 0), ENODEV);
	CHECK_NO_MAP(mmap(NULL, 1, PROT_READ, MAP_PRIVATE, 1, 0), ENODEV);
	close(fd), close(reader), close(folder), close(null);
}

static int lock_of(int fd, int type, int whence)
{
	struct flock record = {.l_type = (short)type, .l_whence = (short)whence, .l_len = 10};

	return fcntl(fd, F_SETLK, &record);
}

static void test_records(void)
{
	struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600),
	    reader = open("/tmp/locked", O_RDONLY);

	CHECK(!lock_of(fd, F_WRLCK, SEEK_SET) && !lock_of(fd, F_RDLCK, SEEK_END) &&
	      !lock_of(reader, F_RDLCK, SEEK_SET));
	CHECK_FAILS(lock_of(reader, F_WRLCK, SEEK_SET), EBADF);
	CHECK_FAILS(lock_of(fd, 77, SEEK_SET), EINVAL);
	CHECK_FAILS(lock_of(fd, F_WRLCK, 77), EINVAL);
	CHECK_FAILS(lock_of(1, F_WRLCK, SEEK_SET), EINVAL);
	CHECK_FAILS(lock_of(99, F_WRLCK, SEEK_SET), EBADF);
	CHECK(!fcntl(fd, F_GETLK, &record) && record.l_type == F_UNLCK);
	CHECK(!lockf(fd, F_LOCK, 10) && !lockf(fd, F_TEST, 10) && !lockf(fd, F_ULOCK, 10));
	CHECK_FAILS(lockf(reader, F_TLOCK, 10), EBADF);
	CHECK_FAILS(lockf(fd, 77, 10), EINVAL);
	close(fd), close(reader);
}

static int turn; /* 1: the thread waits; 2: it has the lock */

static void *wait_for_lock(void *argument)
{
	int fd = open("/tmp/locked", O_RDONLY);

	(void)argument;
	__atomic_store_n(&turn, 1, __ATOMIC_RELEASE);
	if (flock(fd, LOCK_EX))
		return (void *)"flock failed";
	__atomic_store_n(&turn, 2, __ATOMIC_RELEASE);
	close(fd);
	return NULL;
}

static void test_flock(void)
{
	int a = open("/tmp/locked", O_RDWR), b = open("/tmp/locked", O_RDONLY), c = dup(a);
	pthread_t thread;
	void *result;

	CHECK(!flock(a, LOCK_EX) && !flock(a, LOCK_EX | LOCK_NB) && !flock(c, LOCK_EX | LOCK_NB));
	CHECK_FAILS(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK(!flock(a, LOCK_SH) && !flock(b, LOCK_SH | LOCK_NB));
	CHECK_FAILS(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_FAILS(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK(!flock(b, LOCK_UN) && !flock(a, LOCK_EX | LOCK_NB));
	close(a); /* c is the same open file */
	CHECK_FAILS(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(c);
	CHECK(!flock(b, LOCK_EX | LOCK_NB));
	CHECK_FAILS(flock(b, 77), EINVAL);
	CHECK_FAILS(flock(99, LOCK_SH), EBADF);

	CHECK(!pthread_create(&thread, NULL, wait_for_lock, NULL));
	while (!__atomic_load_n(&turn, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 100; i++)
		sched_yield();
	CHECK(__atomic_load_n(&turn, __ATOMIC_ACQUIRE) == 1);
	CHECK(!flock(b, LOCK_UN) && !pthread_join(thread, &result) && !result && turn == 2);
	CHECK(!flock(b, LOCK_EX | LOCK_NB));
	close(b);
}

int main(void)
{
	test_anonymous();
	test_shared();
	test_refused();
	test_records();
	test_flock();
	return check_status();
}
