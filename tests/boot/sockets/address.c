/* SPDX-License-Identifier: MIT */
/*
 * <arpa/inet.h>: text to addresses and back, good and bad.
 */
#include "../libc/check.h"

#include <arpa/inet.h>
#include <string.h>

static void good4(const char *text, unsigned long value)
{
	struct in_addr address;
	char back[INET_ADDRSTRLEN];

	CHECK(inet_pton(AF_INET, text, &address) == 1);
	CHECK(ntohl(address.s_addr) == value);
	CHECK(inet_ntop(AF_INET, &address, back, sizeof(back)) == back && !strcmp(back, text));
	CHECK(inet_addr(text) == address.s_addr);
	CHECK(!strcmp(inet_ntoa(address), text));
}

static void good6(const char *text, const char *canonical, const char *bytes)
{
	struct in6_addr address;
	char back[INET6_ADDRSTRLEN];

	CHECK(inet_pton(AF_INET6, text, &address) == 1);
	CHECK(!memcmp(&address, bytes, 16));
	CHECK(inet_ntop(AF_INET6, bytes, back, sizeof(back)) == back);
	if (strcmp(back, canonical))
		printf("%s is %s, not %s\n", text, back, canonical);
	CHECK(!strcmp(back, canonical));
}

int main(void)
{
	static const char *const bad4[] = {"",          "1",        "1.2.3",     "1.2.3.4.5",
					   "1.2.3.256", "1.2.3.4 ", " 1.2.3.4",  "01.2.3.4",
					   "1..3.4",    "1.2.3.-4", "1.2.3.0x4", "1.2.3."};
	static const char *const bad6[] = {"",
					   ":",
					   ":::",
					   "1:2:3:4:5:6:7",
					   "1:2:3:4:5:6:7:8:9",
					   "1::2::3",
					   "12345::",
					   "g::",
					   "1:2:3:4:5:6:7:",
					   ":1:2:3:4:5:6:7",
					   "::1.2.3",
					   "::1.2.3.256",
					   "1:2:3:4:5:6:7:1.2.3.4",
					   "1:2:3:4:5:6:7::8",
					   "::1%1"};
	struct in_addr address;
	struct in6_addr address6;
	char text[INET6_ADDRSTRLEN];

	good4("0.0.0.0", 0);
	good4("127.0.0.1", 0x7f000001);
	good4("192.168.10.200", 0xc0a80ac8);
	for (unsigned i = 0; i < sizeof(bad4) / sizeof(bad4[0]); i++)
		CHECK(inet_pton(AF_INET, bad4[i], &address) == 0);
	CHECK(inet_addr("255.255.255.255") == INADDR_NONE);
	CHECK(inet_pton(AF_INET, "255.255.255.255", &address) == 1);
	good6("::", "::", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	good6("::1", "::1", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	good6("1::", "1::", "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	good6("2001:DB8::0:1:0:0:1", "2001:db8::1:0:0:1", "\x20\1\xd\xb8\0\0\0\0\0\1\0\0\0\0\0\1");
	good6("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "\x20\1\xd\xb8\0\0\0\0\0\1\0\0\0\0\0\1");
	good6("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\10");
	good6("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8", "\0\1\0\0\0\3\0\4\0\5\0\6\0\7\0\10");
	good6("::ffff:10.0.2.15", "::ffff:10.0.2.15", "\0\0\0\0\0\0\0\0\0\0\xff\xff\xa\0\2\xf");
	good6("fe80::1:2", "fe80::1:2", "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\1\0\2");
	good6("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "\0\1\0\2\0\3\0\4\0\5\0\6\0\7\0\0");
	good6("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8", "\0\0\0\2\0\3\0\4\0\5\0\6\0\7\0\10");
	good6("64:ff9b::1.2.3.4", "64:ff9b::102:304", "\0\x64\xff\x9b\0\0\0\0\0\0\0\0\1\2\3\4");
	for (unsigned i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++) {
		if (inet_pton(AF_INET6, bad6[i], &address6))
			printf("%s was taken\n", bad6[i]);
		CHECK(inet_pton(AF_INET6, bad6[i], &address6) == 0);
	}
	CHECK_FAILS(inet_pton(AF_UNIX, "1", &address), EAFNOSUPPORT);
	errno = 0;
	CHECK(!inet_ntop(AF_INET, "\1\2\3\4", text, 7) && errno == ENOSPC);
	CHECK(inet_ntop(AF_INET, "\1\2\3\4", text, 8));
	CHECK(!inet_ntop(AF_UNIX, "\1\2\3\4", text, 8) && errno == EAFNOSUPPORT);
	CHECK(inet_aton("127.1", &address) && address.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(inet_aton("0x7f000001", &address) && address.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(inet_aton("10.0.513", &address) && address.s_addr == htonl(0x0a000201));
	CHECK(!inet_aton("1.2.3.4x", &address) && !inet_aton("256.1", &address) &&
	      !inet_aton("1.2.3.4.5", &address));
	CHECK(htonl(0x01020304) == 0x04030201 && htons(0x0102) == 0x0201);
	CHECK((htonl)(0x01020304) == 0x04030201 && (ntohs)(0x0102) == 0x0201);
	CHECK(IN6_IS_ADDR_LOOPBACK(&in6addr_loopback) && IN6_IS_ADDR_UNSPECIFIED(&in6addr_any));
	return check_status();
}
