/* SPDX-License-Identifier: MIT */
/*
 * The first process of a Linux guest that runs programs, for comparison. It does what /script says,
 * a line each, and then ends the machine as our kernel does: "exit N" to the debug console, then
 * isa-debug-exit. N is 0 if all lines worked.
 *
 *   load FILE [PARAMETERS…]   a kernel module
 *   set FILE VALUE            write a file of sysfs; a file that is not there is no error
 *   wait FILE                 until it is there, 30 s at most
 *   say TEXT                  on the console
 *   run PROGRAM [WORDS…]      and wait for its end
 *   network NAME ADDRESS MASK GATEWAY   an interface, and the route to all others
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 64
#define LINE_MAX_ 4096

static int failed;

static void complain(const char *what)
{
	perror(what);
	failed = 1;
}

static void load(const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY);
	if (fd < 0 || syscall(SYS_finit_module, fd, parameters, 0))
		complain(file);
	close(fd);
}

static void set(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		complain(file);
	close(fd);
}

static void wait_for(const char *file)
{
	for (int i = 0; access(file, F_OK); i++) {
		if (i == 3000) {
			complain(file);
			return;
		}
		usleep(10000);
	}
}

static void run(char **words)
{
	int status = -1;
	pid_t child = fork();
	if (child == 0) {
		execv(words[0], words);
		perror(words[0]);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status) {
		fprintf(stderr, "%s: status %#x\n", words[0], status);
		failed = 1;
	}
}

static struct sockaddr internet(const char *text)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
	} address = {.in = {.sin_family = AF_INET}};

	if (inet_pton(AF_INET, text, &address.in.sin_addr) != 1)
		complain(text);
	return address.any;
}

static void network(const char *name, const char *address, const char *mask, const char *gateway)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = {0};
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	request.ifr_addr = internet(address);
	if (ioctl(fd, SIOCSIFADDR, &request))
		complain(name);
	request.ifr_netmask = internet(mask);
	if (ioctl(fd, SIOCSIFNETMASK, &request))
		complain(name);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		complain(name);
	route.rt_dst = route.rt_genmask = internet("0.0.0.0");
	route.rt_gateway = internet(gateway);
	if (ioctl(fd, SIOCADDRT, &route))
		complain(gateway);
	close(fd);
}

static void do_line(char *line)
{
	char *words[WORDS_MAX + 1], *save, *rest;
	int count = 0;

	line[strcspn(line, "\n")] = 0;
	rest = strchr(line, ' ');
	if (!strncmp(line, "say ", 4)) {
		puts(rest + 1);
		return;
	}
	for (char *word = strtok_r(line, " ", &save); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	words[count] = NULL;
	if (count < 2)
		return;
	if (!strcmp(words[0], "load"))
		load(words[1], count > 2 ? words[2] : "");
	else if (!strcmp(words[0], "set") && count > 2)
		set(words[1], words[2]);
	else if (!strcmp(words[0], "wait"))
		wait_for(words[1]);
	else if (!strcmp(words[0], "run"))
		run(words + 1);
	else if (!strcmp(words[0], "network") && count == 5)
		network(words[1], words[2], words[3], words[4]);
	else
		complain(words[0]);
}

int main(void)
{
	char line[LINE_MAX_], text[16];
	FILE *script;

	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 01777);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sys", "/sys", "sysfs", 0, NULL) ||
	    (mount("dev", "/dev", "devtmpfs", 0, NULL) && access("/dev/null", F_OK)))
		complain("mount");
	mkdir("/dev/shm", 01777);
	script = fopen("/script", "r");
	if (!script)
		complain("/script");
	while (script && fgets(line, sizeof line, script))
		do_line(line);
	fflush(NULL);
	sync();
	snprintf(text, sizeof text, "exit %d\n", failed);
	if (iopl(3) == 0) {
		for (const char *c = text; *c; c++)
			outb(*c, 0x504);
		outb(failed, 0x501);
	}
	for (;;)
		pause();
}
