/* SPDX-License-Identifier: MIT */
/*
 * A guest for the tests of images and of `baremetal run`: does what its first argument says, and
 * ends with status 42 where nothing else is said.
 *
 *     show            print arguments and the variable MARK
 *     status N        end with status N
 *     net             be 10.0.2.15: ask for the gateway, then send one UDP datagram back
 *     crash | loop | triple | reboot | echo (copy one line from input to output)
 *     talk | silent   print a line; then for ever, or loop
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <baremetal/net.h>
#include <baremetal/system.h>

/* ---- Just enough of ARP, IPv4 and UDP ---- */

static uint8_t mac[6];

static void send_arp(struct bm_net_queue *q, int operation, const uint8_t *to, const uint8_t *to_ip)
{
	static const uint8_t head[] = {8, 6, 0, 1, 8, 0, 6, 4, 0}, own_ip[] = {10, 0, 2, 15};
	struct bm_net_buffer *b = bm_net_take(q);
	if (!b)
		exit(3);
	memset(b->data, 0, b->bytes = 60);
	memcpy(b->data, to, 6);
	memcpy(b->data + 6, mac, 6);
	memcpy(b->data + 12, head, sizeof head);
	b->data[21] = operation;
	memcpy(b->data + 22, mac, 6);
	memcpy(b->data + 28, own_ip, 4);
	memcpy(b->data + 32, to, 6);
	memcpy(b->data + 38, to_ip, 4);
	if (bm_net_send(q, &b, 1) != 1)
		exit(4);
}

static void swap(uint8_t *a, uint8_t *b, int bytes)
{
	while (bytes--) {
		uint8_t kept = *a;
		*a++ = *b;
		*b++ = kept;
	}
}

/* Its checksums stay right when both ends are exchanged. */
static void send_back(struct bm_net_queue *q, struct bm_net_buffer *b)
{
	swap(b->data, b->data + 6, 6);
	swap(b->data + 26, b->data + 30, 4);
	swap(b->data + 34, b->data + 36, 2);
	if (bm_net_send(q, &b, 1) != 1)
		exit(5);
	for (int i = 0; i < 1000 && !bm_net_reclaim(q); i++)
		bm_net_wait(q, BM_NET_SEND, bm_time_monotonic() + BM_SECOND / 100);
}

static int net(void)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255}, gateway[4] = {10, 0, 2, 2};
	struct bm_net_queue *q = bm_net_open(0, 0);
	struct bm_net_info info;
	struct bm_net_buffer *b;

	if (!q || bm_net_info(0, &info)) {
		printf("no network device, or no driver for it\n");
		return 2;
	}
	memcpy(mac, info.mac, 6);
	printf("%s\n", info.name);
	send_arp(q, 1, all, gateway);
	for (;;) {
		bm_net_wait(q, BM_NET_RECEIVE, BM_FOREVER);
		while (bm_net_receive(q, &b, 1) == 1) {
			const uint8_t *d = b->data;
			if (b->bytes >= 42 && d[12] == 8 && d[13] == 6) {
				if (d[21] == 1)
					send_arp(q, 2, d + 6, d + 28);
				else
					puts("the gateway answers");
				fflush(stdout);
			} else if (b->bytes >= 42 && d[12] == 8 && d[13] == 0 && d[14] == 0x45 &&
				   d[23] == 17) {
				send_back(q, b);
				return 42;
			}
			bm_net_give(q, b);
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "show";

	if (!strcmp(what, "status") && argc > 2)
		return atoi(argv[2]);
	if (!strcmp(what, "net"))
		return net();
	if (!strcmp(what, "crash"))
		*(volatile int *)(uintptr_t)(4 * argc) = 1; /* page 0 */
	if (!strcmp(what, "talk") || !strcmp(what, "silent"))
		do
			puts("a line");
		while (!strcmp(what, "talk"));
	if (!strcmp(what, "loop") || !strcmp(what, "silent"))
		for (;;)
			__asm__ volatile("pause");
	if (!strcmp(what, "reboot"))
		bm_reboot();
	if (!strcmp(what, "triple")) {
		struct {
			uint16_t limit;
			uint64_t base;
		} __attribute__((packed)) none = {0, 0};
		__asm__ volatile("lidt %0; int3" : : "m"(none));
	}
	if (!strcmp(what, "echo")) {
		char line[200];
		if (!fgets(line, sizeof(line), stdin))
			return 1;
		printf("heard %s", line);
		return 42;
	}
	printf("cores %u\n", bm_system_info()->cores);
	printf("mark %s\n", getenv("MARK") ? getenv("MARK") : "none");
	for (int i = 1; i < argc; i++)
		printf("argument %d [%s]\n", i, argv[i]);
	return 42;
}
