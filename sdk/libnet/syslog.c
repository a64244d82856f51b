/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log to a server elsewhere: RFC 5424 over UDP (RFC 5426).
 *
 *     syslog=10.0.2.2          port 514
 *     syslog=10.0.2.2:5514     syslog=[fd00::1]:514
 *
 * Lines go out once a second, and at the program's end; those from before the network was there as
 * well, as long as the log's ring has them. Nothing is sent twice, nothing is waited for: UDP may
 * lose them. A crash is not sent, for then nothing of the program is called any more.
 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <baremetal/baremetal.h>

#include "lwip/udp.h"

#define PORT        514
#define FACILITY    0  /* "kernel messages" (RFC 5424 6.2.1) */
#define FIRST_LINES 8  /* ARP keeps 16 until the first answer */
#define LINES       64 /* a second */
#define LINE_MOST   256
#define LAST_US     20000 /* for the device, when the machine is about to be switched off */

static struct udp_pcb *pcb; /* NULL: not wanted */
static ip_addr_t server;
static uint16_t server_port;
static uint64_t position; /* in the log */
static char line[LINE_MOST];
static size_t line_size;
static bool has_sent;

/* RFC 5424 6.2.1. *skip: the bytes of the kernel's word for it. */
static int severity_of(size_t *skip)
{
	static const struct {
		const char *word;
		int severity;
	} levels[] = {{"error: ", 3}, {"warning: ", 4}, {"info: ", 6}, {"debug: ", 7}};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		*skip = strlen(levels[i].word);
		if (line_size >= *skip && memcmp(line, levels[i].word, *skip) == 0)
			return levels[i].severity;
	}
	*skip = 0; /* the rest of a text of several lines */
	return 7;
}

static void send_line(void)
{
	char packet[LINE_MOST + 128], stamp[32] = "-", host[IPADDR_STRLEN_MAX] = "-";
	const struct netif *netif = ip_route(&pcb->local_ip, &server);
	struct timespec now;
	size_t skip;
	struct pbuf *pbuf;
	struct tm parts;
	int size, severity = severity_of(&skip);

	for (size_t i = 0; i < line_size; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &parts))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (netif)
		ipaddr_ntoa_r(netif_ip_addr4(netif), host, sizeof(host));
	size = snprintf(packet, sizeof(packet), "<%d>1 %s %s baremetal - - - %.*s",
			FACILITY * 8 + severity, stamp, host, (int)(line_size - skip), line + skip);
	if (size < 0 || size >= (int)sizeof(packet))
		return;
	pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size, PBUF_RAM);
	if (!pbuf)
		return;
	pbuf_take(pbuf, packet, (u16_t)size);
	udp_sendto(pcb, pbuf, &server, server_port);
	pbuf_free(pbuf);
}

/* At most so many lines. */
static void send_lines(unsigned most)
{
	char text[512];
	long size;

	while (most && (size = bm_log_read(&position, text, sizeof(text))) > 0) {
		long used = 0;

		for (; used < size && most; used++) {
			if (text[used] != '\n') {
				if (line_size < sizeof(line))
					line[line_size++] = text[used];
				continue;
			}
			if (line_size)
				send_line(), most--;
			line_size = 0;
		}
		position -= (uint64_t)(size - used);
	}
}

bool syslog_is_wanted(void)
{
	return pcb != NULL;
}

void syslog_second(void)
{
	if (!config_reaches(&server))
		return;
	send_lines(has_sent ? LINES : FIRST_LINES);
	has_sent = true;
}

static void at_exit(void)
{
	net_lock();
	if (config_reaches(&server))
		send_lines(LINES);
	net_unlock();
	usleep(LAST_US);
}

static bool read_server(const char *text)
{
	char address[IP6ADDR_STRLEN_MAX + 1];
	bool bracket = *text == '[';
	size_t length = strcspn(text += bracket, bracket ? "]" : ":");
	const char *rest = text + length;
	unsigned long port = PORT;
	char *end;

	if (length >= sizeof(address) || (bracket && *rest++ != ']'))
		return false;
	memcpy(address, text, length);
	address[length] = 0;
	if (*rest == ':') {
		port = strtoul(rest + 1, &end, 10);
		if (*end || end == rest + 1 || port < 1 || port > UINT16_MAX)
			return false;
	} else if (*rest) {
		return false;
	}
	server_port = (uint16_t)port;
	return ipaddr_aton(address, &server) && !!IP_IS_V6(&server) == bracket;
}

void syslog_start(void)
{
	const char *text = getenv("syslog");

	if (!text)
		return;
	if (!read_server(text)) {
		net_say("network: syslog=%s: no such server: tell ADDRESS, ADDRESS:PORT or "
			"[ADDRESS]:PORT",
			text);
		return;
	}
	pcb = udp_new_ip_type(IP_GET_TYPE(&server));
	if (!pcb || atexit(at_exit))
		net_say("network: no memory for syslog=");
}
