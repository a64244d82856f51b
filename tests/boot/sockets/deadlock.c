/* SPDX-License-Identifier: MIT */
/*
 * Threads that lock each other out are told also in a program with sockets, whose devices are
 * always armed; threads that something from the network will wake are left alone, however long it
 * takes. What answers here is slow (QEMU's filter-buffer), and a look for a deadlock comes after a
 * tenth of a second.
 *
 *     deadlock threads    two wait for each other's mutex
 *     deadlock task       a task waits for what its waiter holds
 *     deadlock socket     a thread connects, all others wait for it
 *     deadlock lwip       a callback of lwIP's own interface is waited for
 *     deadlock exit       main() ends first, then the last thread of the program
 *     deadlock sleep      not about that: the network goes on while main(), alone, sleeps
 */
#include "common.h"

#include <baremetal/task.h>
#include <baremetal/time.h>
#include <semaphore.h>

#include "lwip/tcp.h"
#include "lwip/tcpip.h"

#define SERVER     "10.0.2.2" /* QEMU's, where nobody listens */
#define PORT       1
#define SLOW_TIMES 3

static sem_t answered;
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER, b = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void take_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(second);
	printf("cannot be\n");
}

static void *b_then_a(void *argument)
{
	take_both(&b, &a);
	return argument;
}

static void lock_in_task(void *argument)
{
	pthread_mutex_lock(argument);
	printf("cannot be\n");
}

static void *connect_to_nobody(void *argument)
{
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int made = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, SERVER, &server.sin_addr);
	CHECK_FAILS(connect(made, (struct sockaddr *)&server, sizeof(server)), ECONNREFUSED);
	close(made);
	sem_post(&answered);
	return argument;
}

static void has_failed(void *argument, err_t error)
{
	(void)argument;
	CHECK(error == ERR_RST);
	sem_post(&answered);
}

static void connect_by_lwip(void)
{
	struct tcp_pcb *pcb;
	ip_addr_t server;

	CHECK(ipaddr_aton(SERVER, &server));
	LOCK_TCPIP_CORE();
	pcb = tcp_new();
	tcp_err(pcb, has_failed);
	CHECK(tcp_connect(pcb, &server, PORT, NULL) == ERR_OK);
	UNLOCK_TCPIP_CORE();
}

static void sleep_alone(void)
{
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	socklen_t size = sizeof(error);

	inet_pton(AF_INET, SERVER, &server.sin_addr);
	CHECK_FAILS(connect(made, (struct sockaddr *)&server, sizeof(server)), EINPROGRESS);
	pause_ms(3000);
	CHECK(!getsockopt(made, SOL_SOCKET, SO_ERROR, &error, &size) && error == ECONNREFUSED);
	close(made);
}

static void *last(void *argument)
{
	pause_ms(50);
	printf("last\n");
	return argument;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct bm_task_group group = BM_TASK_GROUP_INIT;
	double start, longest = 0;
	pthread_t thread;

	close(socket(AF_INET, SOCK_STREAM, 0)); /* starts the stack */
	sem_init(&answered, 0, 0);
	if (!strcmp(what, "threads")) {
		pthread_barrier_init(&both, NULL, 2);
		pthread_create(&thread, NULL, b_then_a, NULL);
		take_both(&a, &b);
	} else if (!strcmp(what, "task")) {
		pthread_mutex_lock(&a);
		bm_task_submit(&group, lock_in_task, &a);
		bm_task_wait(&group);
	} else if (!strcmp(what, "sleep")) {
		sleep_alone();
		printf("slept\n");
		return check_status();
	} else if (!strcmp(what, "exit")) {
		pthread_create(&thread, NULL, last, NULL);
		pthread_exit(NULL);
	}
	for (int i = 0; i < SLOW_TIMES; i++) {
		start = now();
		if (!strcmp(what, "lwip"))
			connect_by_lwip();
		else
			CHECK(!pthread_create(&thread, NULL, connect_to_nobody, NULL));
		sem_wait(&answered);
		longest = now() - start > longest ? now() - start : longest;
	}
	printf("waited for %.0f ms\n", longest * 1e3);
	CHECK(longest > 0.25);
	return check_status();
}
