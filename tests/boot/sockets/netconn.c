/* SPDX-License-Identifier: MIT */
/*
 * lwIP's own interfaces are there beside the sockets: netconn, and calls made by its thread. They
 * use the port's semaphores and mailboxes.
 */
#include "common.h"

#include "lwip/api.h"
#include "lwip/tcpip.h"

static sys_sem_t called;

static void call(void *argument)
{
	*(int *)argument = 7;
	sys_sem_signal(&called);
}

static void *client(void *port)
{
	int made = connected(AF_INET, (unsigned)(long)port);
	char buffer[8];

	CHECK(made >= 0 && write(made, "to netconn", 10) == 10);
	CHECK(read(made, buffer, 8) == 4 && !memcmp(buffer, "back", 4));
	close(made);
	return NULL;
}

int main(void)
{
	struct netconn *waiting, *made;
	struct netbuf *data;
	pthread_t thread;
	ip_addr_t address;
	u16_t port;
	int value = 0;

	close(socket(AF_INET, SOCK_STREAM, 0)); /* starts the stack */
	CHECK(sys_sem_new(&called, 0) == ERR_OK);
	CHECK(tcpip_callback(call, &value) == ERR_OK);
	sys_sem_wait(&called);
	CHECK(value == 7);
	CHECK(sys_arch_sem_wait(&called, 20) == SYS_ARCH_TIMEOUT);

	waiting = netconn_new(NETCONN_TCP);
	CHECK(waiting && netconn_bind(waiting, IP4_ADDR_ANY, 0) == ERR_OK &&
	      netconn_listen(waiting) == ERR_OK);
	CHECK(netconn_addr(waiting, &address, &port) == ERR_OK && port);
	pthread_create(&thread, NULL, client, (void *)(long)port);
	CHECK(netconn_accept(waiting, &made) == ERR_OK);
	CHECK(netconn_recv(made, &data) == ERR_OK && netbuf_len(data) == 10);
	netbuf_delete(data);
	CHECK(netconn_write(made, "back", 4, NETCONN_COPY) == ERR_OK);
	netconn_close(made);
	netconn_delete(made);
	netconn_delete(waiting);
	pthread_join(thread, NULL);
	return check_status();
}
