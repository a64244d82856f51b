/* SPDX-License-Identifier: MIT */
/*
 * Runs lwIP's own unit tests: those of the parts that are built. And our checksum's.
 */
#include "lwip_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/stats.h"

#include "core/test_def.h"
#include "core/test_netif.h"
#include "core/test_pbuf.h"
#include "dhcp/test_dhcp.h"
#include "etharp/test_etharp.h"
#include "ip4/test_ip4.h"
#include "ip6/test_ip6.h"
#include "tcp/test_tcp.h"
#include "tcp/test_tcp_oos.h"
#include "udp/test_udp.h"

static mem_size_t used_at_start; /* groups of the loopback interface */

/* All of lwIP's memory is the heap's here: a test leaves as much as it found. */
void lwip_check_ensure_no_alloc(unsigned skip)
{
	ck_assert(skip & SKIP_HEAP || lwip_stats.mem.used == used_at_start);
}

/* Where lwIP has a thread: it takes what was looped back. */
int tcpip_thread_poll_one(void)
{
	netif_poll_all();
	return 0;
}

Suite *create_suite(const char *name, testfunc *tests, size_t count, SFun setup, SFun teardown)
{
	Suite *suite = suite_create(name);

	for (size_t i = 0; i < count; i++) {
		TCase *one = tcase_create(name);

		if (setup || teardown)
			tcase_add_checked_fixture(one, setup, teardown);
		tcase_add_named_test(one, tests[i]);
		suite_add_tcase(suite, one);
	}
	return suite;
}

/* The sum byte by byte, as RFC 1071 has it. */
static uint16_t slow_checksum(const uint8_t *data, int size)
{
	uint64_t sum = 0;

	for (int i = 0; i < size; i++)
		sum += (uint64_t)data[i] << (i % 2 * 8);
	while (sum >> 16)
		sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static int checksums_are_right(void)
{
	uint8_t data[400 + 8];

	for (int kind = 0; kind < 20; kind++) {
		for (size_t i = 0; i < sizeof(data); i++) /* all ones: a carry at each step */
			data[i] =
			    kind ? (uint8_t)(random() % 255 < kind * 12 ? 0xff : random()) : 0xff;
		for (int at = 0; at < 8; at++)
			for (int size = 0; size <= 400; size++)
				if (net_checksum(data + at, size) !=
				    slow_checksum(data + at, size)) {
					fprintf(stderr, "checksum of %d bytes at %d\n", size, at);
					return 0;
				}
	}
	return 1;
}

/* The sums of a chain cut at any two places, with pseudo-headers, against those of one block that
 * holds all of it. */
static int chains_are_right(void)
{
	enum { SIZE = 150 };
	uint8_t block[40 + SIZE];
	ip4_addr_t from4, to4;
	ip6_addr_t from6 = {0}, to6 = {0};

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)random();
	memcpy(&from4.addr, block, 4);
	memcpy(&to4.addr, block + 4, 4);
	memcpy(from6.addr, block, 16);
	memcpy(to6.addr, block + 16, 16);
	for (int first = 0; first <= SIZE; first++)
		for (int second = 0; first + second <= SIZE; second++) {
			struct pbuf parts[3] = {
			    {.next = &parts[1], .payload = block + 40, .len = (u16_t)first},
			    {.next = &parts[2],
			     .payload = block + 40 + first,
			     .len = (u16_t)second},
			    {.payload = block + 40 + first + second,
			     .len = (u16_t)(SIZE - first - second)}};
			uint8_t whole4[12 + SIZE], whole6[40 + SIZE];
			int summed = (first * 7 + second) % (SIZE + 1);

			/* RFC 9293 3.1; RFC 8200 8.1 */
			memcpy(whole4, block, 8);
			memcpy(whole4 + 8, (uint8_t[]){0, 6, SIZE >> 8, SIZE & 0xff}, 4);
			memcpy(whole4 + 12, block + 40, SIZE);
			memcpy(whole6, block, 32);
			memcpy(whole6 + 32, (uint8_t[]){0, 0, SIZE >> 8, SIZE & 0xff, 0, 0, 0, 6},
			       8);
			memcpy(whole6 + 40, block + 40, SIZE);
			if (inet_chksum_pbuf(parts) != (u16_t)~slow_checksum(block + 40, SIZE) ||
			    inet_chksum_pseudo(parts, 6, SIZE, &from4, &to4) !=
				(u16_t)~slow_checksum(whole4, 12 + SIZE) ||
			    inet_chksum_pseudo_partial(parts, 6, SIZE, (u16_t)summed, &from4,
						       &to4) !=
				(u16_t)~slow_checksum(whole4, 12 + summed) ||
			    ip6_chksum_pseudo(parts, 6, SIZE, &from6, &to6) !=
				(u16_t)~slow_checksum(whole6, 40 + SIZE) ||
			    ip6_chksum_pseudo_partial(parts, 6, SIZE, (u16_t)summed, &from6,
						      &to6) !=
				(u16_t)~slow_checksum(whole6, 40 + summed)) {
				fprintf(stderr, "checksum of a chain cut at %d and %d\n", first,
					first + second);
				return 0;
			}
		}
	return 1;
}

int main(void)
{
	suite_getter_fn *const suites[] = {ip4_suite,     ip6_suite, udp_suite,  tcp_suite,
					   tcp_oos_suite, def_suite, pbuf_suite, netif_suite,
					   etharp_suite,  dhcp_suite};
	SRunner *runner;
	int failed;

	lwip_init();
	used_at_start = lwip_stats.mem.used;
	runner = srunner_create(suites[0]());
	for (size_t i = 1; i < sizeof(suites) / sizeof(suites[0]); i++)
		srunner_add_suite(runner, suites[i]());
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	if (srunner_ntests_run(runner) < 40)
		failed = 1;
	srunner_free(runner);
	if (!checksums_are_right() || !chains_are_right())
		failed = 1;
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
