/* SPDX-License-Identifier: MIT */
/*
 * Names of services and protocols: /etc/services of the image, and the few that programs ask for.
 */
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *protocols; /* "tu": TCP and UDP */
	unsigned short port;
} known[] = {
    {"echo", "tu", 7},    {"discard", "tu", 9},     {"daytime", "tu", 13}, {"ftp", "t", 21},
    {"ssh", "t", 22},     {"telnet", "t", 23},      {"smtp", "t", 25},     {"time", "tu", 37},
    {"domain", "tu", 53}, {"tftp", "u", 69},        {"http", "t", 80},     {"pop3", "t", 110},
    {"ntp", "u", 123},    {"imap2", "t", 143},      {"snmp", "tu", 161},   {"https", "tu", 443},
    {"syslog", "u", 514}, {"submission", "t", 587}, {"imaps", "t", 993},   {"pop3s", "t", 995},
    {"mqtt", "t", 1883},  {"http-alt", "tu", 8080},
};

struct answer {
	struct servent entry;
	char *aliases[1];
	char name[64], protocol[8];
};

static struct servent *answer(struct answer *to, const char *name, size_t length, unsigned port,
			      const char *protocol)
{
	memset(to, 0, sizeof(*to));
	if (length >= sizeof(to->name))
		return NULL;
	memcpy(to->name, name, length);
	snprintf(to->protocol, sizeof(to->protocol), "%s", protocol);
	to->entry = (struct servent){to->name, to->aliases, htons((uint16_t)port), to->protocol};
	return &to->entry;
}

/* A name, or a port if name is NULL. protocol NULL: any. */
static struct servent *look_in_file(struct answer *to, const char *name, unsigned port,
				    const char *protocol)
{
	FILE *file = fopen("/etc/services", "r");
	struct servent *found = NULL;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *words[16], *rest = line, *slash;
		int count = 0;
		unsigned number;

		line[strcspn(line, "#\n")] = 0;
		while (count < 16 && (words[count] = strtok_r(rest, " \t", &rest)))
			count++;
		if (count < 2 || !(slash = strchr(words[1], '/')))
			continue;
		number = (unsigned)strtoul(words[1], NULL, 10);
		if (number > 65535 || (protocol && strcmp(slash + 1, protocol)))
			continue;
		for (int i = 0; i < count && !found; i++)
			if (i != 1 && (name ? !strcmp(words[i], name) : number == port))
				found = answer(to, words[0], strlen(words[0]), number, slash + 1);
	}
	if (file)
		fclose(file);
	return found;
}

static struct servent *look(struct answer *to, const char *name, unsigned port,
			    const char *protocol)
{
	struct servent *found = look_in_file(to, name, port, protocol);

	for (size_t i = 0; !found && i < sizeof(known) / sizeof(known[0]); i++) {
		char letter = protocol ? protocol[0] : known[i].protocols[0];

		if (strchr(known[i].protocols, letter) &&
		    (name ? !strcmp(known[i].name, name) : known[i].port == port))
			found = answer(to, known[i].name, strlen(known[i].name), known[i].port,
				       letter == 't' ? "tcp" : "udp");
	}
	return found;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
	static _Thread_local struct answer kept;

	return look(&kept, name, 0, protocol);
}

struct servent *getservbyport(int port, const char *protocol)
{
	static _Thread_local struct answer kept;

	return look(&kept, NULL, ntohs((uint16_t)port), protocol);
}

/* For getaddrinfo(): does not disturb the program's own answers. */
int service_port(const char *name, const char *protocol)
{
	struct answer kept;
	struct servent *found = look(&kept, name, 0, protocol);

	return found ? ntohs((uint16_t)found->s_port) : -1;
}

int service_name(unsigned port, const char *protocol, char *name, size_t size)
{
	struct answer kept;
	struct servent *found = look(&kept, NULL, port, protocol);

	return found ? snprintf(name, size, "%s", found->s_name) : snprintf(name, size, "%u", port);
}

/* ---- Protocols ---- */

static char *no_aliases[1];
static struct protoent protocols[] = {
    {"ip", no_aliases, IPPROTO_IP},
    {"icmp", no_aliases, IPPROTO_ICMP},
    {"igmp", no_aliases, IPPROTO_IGMP},
    {"tcp", no_aliases, IPPROTO_TCP},
    {"udp", no_aliases, IPPROTO_UDP},
    {"ipv6", no_aliases, IPPROTO_IPV6},
    {"ipv6-icmp", no_aliases, IPPROTO_ICMPV6},
};

struct protoent *getprotobyname(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(protocols[i].p_name, name))
			return &protocols[i];
	return NULL;
}

struct protoent *getprotobynumber(int number)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i].p_proto == number)
			return &protocols[i];
	return NULL;
}
