/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: there, or refused with the buffer untouched. "none" as the
 * argument: this machine has no source; "crash": then call what cannot report it.
 */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int differs(const unsigned char *bytes, int value, size_t size)
{
	size_t other = 0;

	for (size_t i = 0; i < size; i++)
		other += bytes[i] != value;
	return other > size / 2;
}

int main(int argc, char **argv)
{
	unsigned char bytes[64];
	int none = argc > 1, file = open("/dev/urandom", O_RDONLY);

	memset(bytes, 0x5a, sizeof(bytes));
	if (none) {
		CHECK_FAILS(getrandom(bytes, sizeof(bytes), 0), ENOSYS);
		CHECK_FAILS(getentropy(bytes, sizeof(bytes)), EIO);
		CHECK(file < 0 || read(file, bytes, sizeof(bytes)) == -1);
		for (size_t i = 0; i < sizeof(bytes); i++)
			CHECK(bytes[i] == 0x5a);
		if (!strcmp(argv[1], "crash"))
			arc4random(); /* does not return */
	} else {
		CHECK(getrandom(bytes, sizeof(bytes), 0) == sizeof(bytes) &&
		      differs(bytes, 0x5a, sizeof(bytes)));
		memset(bytes, 0x5a, sizeof(bytes));
		CHECK(getentropy(bytes, sizeof(bytes)) == 0 && differs(bytes, 0x5a, sizeof(bytes)));
		memset(bytes, 0x5a, sizeof(bytes));
		CHECK(file >= 0 && read(file, bytes, sizeof(bytes)) == sizeof(bytes) &&
		      differs(bytes, 0x5a, sizeof(bytes)));
		CHECK(arc4random() != arc4random() || arc4random() != arc4random());
	}
	return check_status();
}
