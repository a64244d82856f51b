/* SPDX-License-Identifier: MIT */
/*
 * Time, environment, signals, processes, random numbers, system limits.
 */
#include "check.h"

#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/baremetal.h>

static long long now_ns(clockid_t clock)
{
	struct timespec time;

	return clock_gettime(clock, &time) ? -1 : time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void test_time(void)
{
	struct timespec spec, left = {9, 9};
	struct timeval day;
	struct tm broken;
	char text[64];

	long long start = now_ns(CLOCK_MONOTONIC), before;
	CHECK(start > 0 && now_ns(CLOCK_MONOTONIC) >= start);
	CHECK(now_ns(CLOCK_REALTIME) > 1700000000LL * 1000000000); /* QEMU's clock is the host's */
	CHECK(!gettimeofday(&day, NULL) && llabs(day.tv_sec - (long long)time(NULL)) <= 1);
	CHECK(!clock_getres(CLOCK_MONOTONIC, &spec) && !spec.tv_sec && spec.tv_nsec >= 1 &&
	      spec.tv_nsec < 1000000);
	CHECK_FAILS(clock_gettime(99, &spec), EINVAL);
	CHECK_FAILS(clock_settime(CLOCK_REALTIME, &spec), EPERM);
	before = now_ns(CLOCK_MONOTONIC);
	CHECK(!nanosleep(&(struct timespec){0, 20000000}, &left) && !left.tv_sec && !left.tv_nsec);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
	CHECK_FAILS(nanosleep(&(struct timespec){0, 1000000000}, NULL), EINVAL);
	CHECK_FAILS(nanosleep(&(struct timespec){-1, 0}, NULL), EINVAL);
	before = now_ns(CLOCK_MONOTONIC);
	CHECK(!usleep(5000) && now_ns(CLOCK_MONOTONIC) - before >= 5000000);
	clock_gettime(CLOCK_REALTIME, &spec);
	spec.tv_nsec += 10000000;
	if (spec.tv_nsec >= 1000000000)
		spec.tv_nsec -= 1000000000, spec.tv_sec++;
	CHECK(!clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &spec, NULL));
	CHECK(now_ns(CLOCK_REALTIME) >= spec.tv_sec * 1000000000LL + spec.tv_nsec);
	CHECK(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 0}, NULL));
	CHECK(clock_nanosleep(99, 0, &spec, NULL) == EINVAL);
	clock_t ticks = clock();
	before = now_ns(CLOCK_MONOTONIC);
	CHECK(llabs((long long)ticks * 1000 - before) < 1000000000);
	CHECK(times(NULL) >= ticks && CLOCKS_PER_SEC == 1000000);
	struct rusage usage;
	CHECK(!getrusage(RUSAGE_SELF, &usage) &&
	      usage.ru_utime.tv_usec + usage.ru_utime.tv_sec > 0);
	time_t moment = 1700000000;
	CHECK(gmtime_r(&moment, &broken) && strftime(text, 64, "%Y-%m-%d %H:%M:%S", &broken) == 19);
	CHECK(!strcmp(text, "2023-11-14 22:13:20") && mktime(&broken) == moment);
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	CHECK(localtime_r(&moment, &broken) && broken.tm_hour == 23);
	unsetenv("TZ");
}

static void test_environment(void)
{
	CHECK(getenv("FROM_LOADER") && !strcmp(getenv("FROM_LOADER"), "a value"));
	CHECK(!getenv("NONE") && !setenv("NEW", "1", 0) && !strcmp(getenv("NEW"), "1"));
	CHECK(!setenv("NEW", "2", 0) && !strcmp(getenv("NEW"), "1"));
	CHECK(!setenv("FROM_LOADER", "longer than it was before", 1));
	CHECK(!strcmp(getenv("FROM_LOADER"), "longer than it was before"));
	CHECK(!putenv("PUT=yes") && !strcmp(getenv("PUT"), "yes") && !unsetenv("PUT") &&
	      !getenv("PUT"));
	CHECK_FAILS(setenv("A=B", "x", 1), EINVAL);
	for (int i = 0; i < 200; i++) {
		char name[16];

		snprintf(name, sizeof(name), "V%d", i);
		CHECK(!setenv(name, name + 1, 1) && !strcmp(getenv(name), name + 1));
	}
}

static volatile sig_atomic_t caught;
static jmp_buf back;

static void on_signal(int number)
{
	caught = caught * 100 + number;
}

static void on_abort(int number)
{
	longjmp(back, number);
}

static void test_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	sigset_t set, before;
	int number;

	CHECK(signal(SIGUSR1, on_signal) == SIG_DFL && !raise(SIGUSR1) && caught == SIGUSR1);
	caught = 0;
	CHECK(!raise(SIGUSR1) && !kill(getpid(), SIGUSR1) && caught == SIGUSR1 * 101);
	CHECK(!sigaction(SIGUSR2, &action, &old) && old.sa_handler == SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	caught = 0;
	CHECK(!sigprocmask(SIG_BLOCK, &set, &before) && !raise(SIGUSR2) && !caught);
	CHECK(!sigpending(&set) && sigismember(&set, SIGUSR2));
	CHECK(!sigprocmask(SIG_SETMASK, &before, NULL) && caught == SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK(!sigwait(&set, &number) && number == SIGUSR1);
	CHECK(signal(SIGTERM, SIG_IGN) == SIG_DFL && !raise(SIGTERM));
	CHECK(!raise(SIGCHLD));
	CHECK(signal(99, on_signal) == SIG_ERR && errno == EINVAL);
	CHECK_FAILS(raise(0), EINVAL);
	CHECK_FAILS(kill(42, SIGTERM), ESRCH);
	CHECK(!kill(getpid(), 0));
	signal(SIGABRT, on_abort);
	number = setjmp(back);
	if (!number)
		abort();
	CHECK(number == SIGABRT);
	signal(SIGABRT, SIG_DFL);
}

static void test_processes(void)
{
	int ends[2];
	char name[65];
	struct utsname system_name;

	CHECK(getpid() == 1 && !getppid() && !getuid() && !geteuid() && !getgid());
	CHECK_FAILS(fork(), ENOSYS);
	CHECK_FAILS(vfork(), ENOSYS);
	CHECK_FAILS(execl("/bin/sh", "sh", (char *)NULL), ENOSYS);
	CHECK_FAILS(execve("/bin/sh", NULL, NULL), ENOSYS);
	CHECK_FAILS(wait(NULL), ECHILD);
	CHECK_FAILS(waitpid(-1, NULL, 0), ECHILD);
	CHECK_FAILS(pipe(ends), ENOSYS);
	CHECK(!popen("ls", "r") && errno == ENOSYS);
	CHECK(!system(NULL));
	CHECK_FAILS(system("ls"), ENOSYS);
	CHECK_FAILS(ioctl(0, 0), ENOTTY);
	CHECK(!gethostname(name, sizeof(name)) && !strcmp(name, "baremetal"));
	CHECK(!uname(&system_name) && !strcmp(system_name.machine, "x86_64"));
	CHECK(!strcmp(system_name.release, bm_system_info()->kernel_version));
	CHECK(getpwuid(0) && !strcmp(getpwuid(0)->pw_name, "root") && !getpwnam("nobody"));
	CHECK(getgrgid(0) && !getgrgid(5));
	CHECK(sysconf(_SC_PAGESIZE) == 4096 && getpagesize() == 4096);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) == (long)bm_system_info()->cores);
	CHECK(sysconf(_SC_PHYS_PAGES) > sysconf(_SC_AVPHYS_PAGES) && sysconf(_SC_AVPHYS_PAGES) > 0);
	CHECK_FAILS(sysconf(-5), EINVAL);
	CHECK(pathconf("/", _PC_NAME_MAX) == 255);
}

static void test_random(void)
{
	unsigned char a[64] = {0}, b[64] = {0}, many[300];

	CHECK(getrandom(a, 64, 0) == 64 && getrandom(b, 64, GRND_NONBLOCK) == 64 &&
	      memcmp(a, b, 64));
	CHECK_FAILS(getrandom(a, 64, 0x1000), EINVAL);
	CHECK(!getentropy(a, 64) && memcmp(a, b, 64));
	CHECK_FAILS(getentropy(many, 300), EIO);
	CHECK(arc4random() != arc4random() || arc4random() != arc4random());
	for (int i = 0; i < 1000; i++)
		CHECK(arc4random_uniform(7) < 7);
	arc4random_buf(many, sizeof(many));
}

static void test_errors(void)
{
	CHECK(!strcmp(bm_strerror(0), "success") &&
	      !strcmp(bm_strerror(-BM_ENOMEM), "out of memory"));
	CHECK(!strcmp(bm_strerror(BM_ENOMEM), "out of memory") &&
	      !strcmp(bm_strerror(-12345), "unknown error"));
	CHECK(BM_ENOENT == ENOENT && BM_ENOSYS == ENOSYS && BM_ETIMEDOUT == ETIMEDOUT &&
	      BM_ERANGE == ERANGE);
	CHECK(!strcmp(strerror(ENOENT), "No such file or directory"));
}

int main(void)
{
	test_time();
	test_environment();
	test_signals();
	test_processes();
	test_random();
	test_errors();
	return check_status();
}
