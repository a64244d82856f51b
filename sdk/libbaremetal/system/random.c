/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for C programs. There is no predictable fall-back: what cannot
 * report an error ends the program.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <baremetal/random.h>
#include <baremetal/system.h>

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
	if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) {
		errno = EINVAL;
		return -1;
	}
	if (bm_random(buffer, size)) {
		errno = ENOSYS;
		return -1;
	}
	return (ssize_t)size;
}

int getentropy(void *buffer, size_t size)
{
	if (size > 256 || bm_random(buffer, size)) {
		errno = EIO;
		return -1;
	}
	return 0;
}

void arc4random_buf(void *buffer, size_t size)
{
	if (bm_random(buffer, size))
		bm_crash("arc4random: this machine has no source of random numbers (RDRAND)");
}

__uint32_t arc4random(void)
{
	__uint32_t number;

	arc4random_buf(&number, sizeof(number));
	return number;
}
