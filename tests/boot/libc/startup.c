/* SPDX-License-Identifier: MIT */
/*
 * Before and after main(): constructors, TLS, the canary, exit handlers. With an argument, the
 * program ends in that way: abort, assert, smash, raise, return-handler, quick.
 */
#include "check.h"

#include <assert.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <baremetal/api.h>

static char order[16];

__attribute__((constructor(200))) static void second(void)
{
	strcat(order, "2");
}

__attribute__((constructor(101))) static void first(void)
{
	strcat(order, "1");
}

__attribute__((constructor)) static void third(int argc, char **argv, char **envp)
{
	strcat(order, argc >= 1 && argv[0] && envp ? "3" : "x");
}

__attribute__((destructor)) static void last(void)
{
	puts("end: destructor");
}

static void handler_one(void)
{
	puts("end: registered first");
}

static void handler_two(void)
{
	puts("end: registered second");
}

static __thread int initialised = 42;
static __thread char zeroed[3000];
static __thread struct {
	int value;
} __attribute__((aligned(256))) aligned = {7};
static const char *volatile relocated = "relocated";

static void on_signal(int number)
{
	printf("caught %d\n", number);
}

__attribute__((noinline)) static void smash(volatile size_t size)
{
	char buffer[16];

	memset(buffer, 'x', size);
	printf("%.4s\n", buffer);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	uintptr_t canary, self, sum = 0;

	CHECK(!strcmp(order, "123") && !strcmp(relocated, "relocated"));
	CHECK(initialised == 42 && aligned.value == 7 && (uintptr_t)&aligned % 256 == 0);
	for (size_t i = 0; i < sizeof(zeroed); i++)
		sum |= (unsigned char)zeroed[i];
	CHECK(!sum);
	__asm__("movq %%fs:0, %0\n\tmovq %%fs:0x28, %1" : "=r"(self), "=r"(canary));
	CHECK(self > (uintptr_t)&initialised && self - (uintptr_t)&initialised < 8192);
	CHECK(canary && !(canary & 0xff));
	printf("canary %lx\n", canary);
	CHECK(bm_api && bm_api->version >= 1 && (uintptr_t)&self % 8 == 0);
	CHECK(!atexit(handler_one) && !atexit(handler_two));
	for (int i = 0; i < 40; i++)
		CHECK(!atexit(sync));

	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "assert"))
		assert(argc == 99);
	if (!strcmp(how, "smash"))
		smash(100);
	if (!strcmp(how, "raise"))
		raise(SIGTERM);
	if (!strcmp(how, "return-handler")) {
		signal(SIGABRT, on_signal);
		abort();
	}
	if (!strcmp(how, "quick"))
		_exit(4);
	return check_status();
}
