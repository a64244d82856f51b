/* SPDX-License-Identifier: MIT */
/*
 * Processes and users: there is one of each, number 1 and number 0. Calls that
 * would make another process fail with ENOSYS.
 */
#include "posix.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <baremetal/system.h>

#define PROCESS   1
#define HOST_NAME "baremetal"

static int fail(int error)
{
	errno = error;
	return -1;
}

pid_t _getpid(void)
{
	return PROCESS;
}
POSIX_ALIAS(getpid)

pid_t _fork(void)
{
	return fail(ENOSYS);
}
POSIX_ALIAS(fork)

POSIX pid_t vfork(void)
{
	return fail(ENOSYS);
}

pid_t _wait(int *status)
{
	(void)status;
	return fail(ECHILD);
}
POSIX_ALIAS(wait)

POSIX pid_t waitpid(pid_t process, int *status, int flags)
{
	(void)process, (void)status, (void)flags;
	return fail(ECHILD);
}

int _execve(const char *path, char *const argv[], char *const envp[])
{
	(void)path, (void)argv, (void)envp;
	return fail(ENOSYS);
}
POSIX_ALIAS(execve)

POSIX int execv(const char *path, char *const argv[])
{
	(void)path, (void)argv;
	return fail(ENOSYS);
}

POSIX int execvp(const char *name, char *const argv[])
{
	(void)name, (void)argv;
	return fail(ENOSYS);
}

POSIX int execvpe(const char *name, char *const argv[], char *const envp[])
{
	(void)name, (void)argv, (void)envp;
	return fail(ENOSYS);
}

POSIX int fexecve(int descriptor, char *const argv[], char *const envp[])
{
	(void)descriptor, (void)argv, (void)envp;
	return fail(ENOSYS);
}

POSIX int execl(const char *path, const char *argument, ...)
{
	(void)path, (void)argument;
	return fail(ENOSYS);
}

POSIX int execle(const char *path, const char *argument, ...)
{
	(void)path, (void)argument;
	return fail(ENOSYS);
}

POSIX int execlp(const char *name, const char *argument, ...)
{
	(void)name, (void)argument;
	return fail(ENOSYS);
}

POSIX int execlpe(const char *name, const char *argument, ...)
{
	(void)name, (void)argument;
	return fail(ENOSYS);
}

POSIX int daemon(int keep_directory, int keep_files)
{
	(void)keep_directory, (void)keep_files;
	return fail(ENOSYS);
}

POSIX FILE *popen(const char *command, const char *mode)
{
	(void)command, (void)mode;
	errno = ENOSYS;
	return NULL;
}

POSIX int pclose(FILE *stream)
{
	(void)stream;
	return fail(ECHILD);
}

POSIX int pipe(int descriptors[2])
{
	(void)descriptors;
	return fail(ENOSYS);
}

POSIX int pipe2(int descriptors[2], int flags)
{
	(void)descriptors, (void)flags;
	return fail(ENOSYS);
}

POSIX pid_t getppid(void)
{
	return 0;
}

POSIX pid_t getpgrp(void)
{
	return PROCESS;
}

POSIX pid_t getpgid(pid_t process)
{
	return process && process != PROCESS ? fail(ESRCH) : PROCESS;
}

POSIX pid_t getsid(pid_t process)
{
	return getpgid(process);
}

POSIX int setpgid(pid_t process, pid_t group)
{
	if (process && process != PROCESS)
		return fail(ESRCH);
	return group && group != PROCESS ? fail(EPERM) : 0;
}

POSIX int setpgrp(void)
{
	return 0;
}

POSIX pid_t setsid(void)
{
	return fail(EPERM); /* it leads its session already */
}

POSIX pid_t tcgetpgrp(int descriptor)
{
	return isatty(descriptor) ? PROCESS : -1;
}

POSIX int tcsetpgrp(int descriptor, pid_t group)
{
	if (!isatty(descriptor))
		return -1;
	return group == PROCESS ? 0 : fail(EPERM);
}

POSIX int nice(int step)
{
	(void)step;
	return 0;
}

#define USER_ID(type, name)                                                                        \
	POSIX type name(void)                                                                      \
	{                                                                                          \
		return 0;                                                                          \
	}
USER_ID(uid_t, getuid)
USER_ID(uid_t, geteuid)
USER_ID(gid_t, getgid)
USER_ID(gid_t, getegid)
USER_ID(int, issetugid)

/* No program has more rights than the one who starts it. */
POSIX char *secure_getenv(const char *name)
{
	return getenv(name);
}

#define SET_USER_ID(type, name)                                                                    \
	POSIX int name(type id)                                                                    \
	{                                                                                          \
		return id ? fail(EPERM) : 0;                                                       \
	}
SET_USER_ID(uid_t, setuid)
SET_USER_ID(uid_t, seteuid)
SET_USER_ID(gid_t, setgid)
SET_USER_ID(gid_t, setegid)

POSIX int setreuid(uid_t real, uid_t effective)
{
	return (real && real != (uid_t)-1) || (effective && effective != (uid_t)-1) ? fail(EPERM)
										    : 0;
}

POSIX int setregid(gid_t real, gid_t effective)
{
	return (real && real != (gid_t)-1) || (effective && effective != (gid_t)-1) ? fail(EPERM)
										    : 0;
}

POSIX int getgroups(int room, gid_t list[])
{
	(void)room, (void)list;
	return 0;
}

POSIX int setgroups(int count, const gid_t *list)
{
	(void)list;
	return count ? fail(EPERM) : 0;
}

POSIX int initgroups(const char *name, gid_t group)
{
	(void)name, (void)group;
	return 0;
}

POSIX int chroot(const char *path)
{
	(void)path;
	return fail(ENOSYS);
}

static int copy_text(char *buffer, size_t size, const char *text)
{
	if (strlen(text) >= size)
		return ERANGE;
	strcpy(buffer, text);
	return 0;
}

POSIX int getlogin_r(char *name, size_t size)
{
	return copy_text(name, size, "root");
}

POSIX char *getlogin(void)
{
	return "root";
}

POSIX int gethostname(char *name, size_t size)
{
	int error = copy_text(name, size, HOST_NAME);

	return error ? fail(error) : 0;
}

POSIX int sethostname(const char *name, size_t size)
{
	(void)name, (void)size;
	return fail(EPERM);
}

POSIX int getdomainname(char *name, size_t size)
{
	int error = copy_text(name, size, "");

	return error ? fail(error) : 0;
}

POSIX long gethostid(void)
{
	return 0;
}

POSIX int uname(struct utsname *name)
{
	*name = (struct utsname){
	    .sysname = "BareMetal", .nodename = HOST_NAME, .version = "1", .machine = "x86_64"};
	strncpy(name->release, bm_system_info()->kernel_version, sizeof(name->release) - 1);
	return 0;
}

static struct passwd root = {
    .pw_name = "root",
    .pw_passwd = "*",
    .pw_comment = "",
    .pw_gecos = "root",
    .pw_dir = "/",
    .pw_shell = "",
};
static char *no_members[] = {NULL};
static struct group root_group = {.gr_name = "root", .gr_passwd = "*", .gr_mem = no_members};

POSIX struct passwd *getpwuid(uid_t id)
{
	return id ? NULL : &root;
}

POSIX struct passwd *getpwnam(const char *name)
{
	return strcmp(name, "root") ? NULL : &root;
}

POSIX int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size,
		     struct passwd **result)
{
	(void)buffer, (void)size; /* all texts are constant */
	*result = getpwnam(name) ? entry : NULL;
	*entry = root;
	return 0;
}

POSIX int getpwuid_r(uid_t id, struct passwd *entry, char *buffer, size_t size,
		     struct passwd **result)
{
	return getpwnam_r(id ? "" : "root", entry, buffer, size, result);
}

POSIX struct group *getgrgid(gid_t id)
{
	return id ? NULL : &root_group;
}

POSIX struct group *getgrnam(const char *name)
{
	return strcmp(name, "root") ? NULL : &root_group;
}

POSIX int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size,
		     struct group **result)
{
	(void)buffer, (void)size;
	*result = getgrnam(name) ? entry : NULL;
	*entry = root_group;
	return 0;
}

POSIX int getgrgid_r(gid_t id, struct group *entry, char *buffer, size_t size,
		     struct group **result)
{
	return getgrnam_r(id ? "" : "root", entry, buffer, size, result);
}
