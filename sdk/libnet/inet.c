/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses as text: <arpa/inet.h>. Needs nothing of the stack.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef htonl
#undef htons
#undef ntohl
#undef ntohs

uint32_t htonl(uint32_t value)
{
	return __builtin_bswap32(value);
}

uint16_t htons(uint16_t value)
{
	return __builtin_bswap16(value);
}

uint32_t ntohl(uint32_t value)
{
	return __builtin_bswap32(value);
}

uint16_t ntohs(uint16_t value)
{
	return __builtin_bswap16(value);
}

const struct in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const struct in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

/* Four decimal numbers and nothing else. Returns behind them, or NULL. */
static const char *read_v4(const char *text, uint8_t *bytes)
{
	for (int i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;

		if (i && *text++ != '.')
			return NULL;
		for (; *text >= '0' && *text <= '9'; text++) {
			if (digits++ && !value)
				return NULL; /* 01: octal elsewhere */
			value = value * 10 + (unsigned)(*text - '0');
			if (value > 255)
				return NULL;
		}
		if (!digits)
			return NULL;
		bytes[i] = (uint8_t)value;
	}
	return text;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_v6(const char *text, uint8_t *bytes)
{
	uint8_t made[16] = {0};
	int at = 0, gap = -1;

	if (*text == ':') {
		if (*++text != ':')
			return 0;
	}
	while (*text) {
		const char *start = text;
		unsigned value = 0;
		int digits = 0;

		if (*text == ':') { /* the second of "::" */
			if (gap >= 0)
				return 0;
			gap = at;
			if (!*++text)
				break;
			start = text;
		}
		for (; hex_digit(*text) >= 0 && digits < 5; digits++)
			value = value << 4 | (unsigned)hex_digit(*text++);
		if (*text == '.') {
			text = at <= 12 ? read_v4(start, made + at) : NULL;
			if (!text || *text)
				return 0;
			at += 4;
			break;
		}
		if (!digits || digits > 4 || at > 14)
			return 0;
		made[at++] = (uint8_t)(value >> 8);
		made[at++] = (uint8_t)value;
		if (*text == ':') {
			if (!*++text)
				return 0;
		} else if (*text) {
			return 0;
		}
	}
	if (gap >= 0) {
		if (at == 16)
			return 0;
		memmove(made + 16 - (at - gap), made + gap, (size_t)(at - gap));
		memset(made + gap, 0, (size_t)(16 - at));
	} else if (at != 16) {
		return 0;
	}
	memcpy(bytes, made, 16);
	return 1;
}

int inet_pton(int family, const char *restrict text, void *restrict address)
{
	uint8_t bytes[4];
	const char *end;

	switch (family) {
	case AF_INET:
		end = read_v4(text, bytes);
		if (!end || *end)
			return 0;
		memcpy(address, bytes, 4);
		return 1;
	case AF_INET6:
		return read_v6(text, address);
	default:
		errno = EAFNOSUPPORT;
		return -1;
	}
}

/* RFC 5952: small letters, no leading zeros, "::" for the longest run of two zeros or more. */
static void write_v6(const uint8_t *bytes, char *text)
{
	int best = -1, best_length = 1;
	char *p = text;

	for (int i = 0; i < 8; i++) {
		int length = 0;

		while (i + length < 8 && !bytes[2 * (i + length)] && !bytes[2 * (i + length) + 1])
			length++;
		if (length > best_length) {
			best = i;
			best_length = length;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			*p++ = ':';
			if (i + best_length == 8)
				*p++ = ':';
			i += best_length - 1;
			continue;
		}
		if (i)
			*p++ = ':';
		if (i == 6 && best == 0 &&
		    (best_length == 6 ||
		     (best_length == 5 && bytes[10] == 0xff && bytes[11] == 0xff))) {
			p += sprintf(p, "%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
			break;
		}
		p += sprintf(p, "%x", bytes[2 * i] << 8 | bytes[2 * i + 1]);
	}
	*p = 0;
}

const char *inet_ntop(int family, const void *restrict address, char *restrict text, socklen_t size)
{
	char made[INET6_ADDRSTRLEN];
	const uint8_t *bytes = address;

	switch (family) {
	case AF_INET:
		sprintf(made, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
		break;
	case AF_INET6:
		write_v6(bytes, made);
		break;
	default:
		errno = EAFNOSUPPORT;
		return NULL;
	}
	if (strlen(made) >= size) {
		errno = ENOSPC;
		return NULL;
	}
	return strcpy(text, made);
}

/* One to four numbers, in C's notations; the last fills what is left. */
int inet_aton(const char *text, struct in_addr *address)
{
	unsigned long parts[4], value;
	int count = 0;

	for (;;) {
		char *end;

		if (*text < '0' || *text > '9')
			return 0;
		parts[count++] = strtoul(text, &end, 0);
		text = end;
		if (*text != '.')
			break;
		if (count == 4)
			return 0;
		text++;
	}
	if (*text && *text != ' ' && *text != '\t' && *text != '\n')
		return 0;
	value = parts[count - 1];
	if (value > 0xffffffff >> 8 * (count - 1))
		return 0;
	for (int i = 0; i < count - 1; i++) {
		if (parts[i] > 255)
			return 0;
		value |= parts[i] << (24 - 8 * i);
	}
	if (address)
		address->s_addr = htonl((uint32_t)value);
	return 1;
}

in_addr_t inet_addr(const char *text)
{
	struct in_addr address;

	return inet_aton(text, &address) ? address.s_addr : INADDR_NONE;
}

char *inet_ntoa(struct in_addr address)
{
	static _Thread_local char text[INET_ADDRSTRLEN];

	return (char *)(uintptr_t)inet_ntop(AF_INET, &address, text, sizeof(text));
}
