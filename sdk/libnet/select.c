/* SPDX-License-Identifier: MIT */
/*
 * select() and pselect(), by poll().
 */
#include "net.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#define READABLE (POLLIN | POLLRDNORM | POLLHUP | POLLERR)
#define WRITABLE (POLLOUT | POLLWRNORM | POLLERR)

int pselect(int count, fd_set *readable, fd_set *writable, fd_set *other,
	    const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd few[32], *list = few;
	int used = 0, found, total = 0;

	if (count < 0 || count > FD_SETSIZE)
		return (int)files_result(-EINVAL);
	if (count > 32) {
		list = malloc((size_t)count * sizeof(*list));
		if (!list)
			return (int)files_result(-ENOMEM);
	}
	for (int i = 0; i < count; i++) {
		short events = 0;

		if (readable && FD_ISSET(i, readable))
			events |= POLLIN;
		if (writable && FD_ISSET(i, writable))
			events |= POLLOUT;
		if (other && FD_ISSET(i, other))
			events |= POLLPRI;
		if (events)
			list[used++] = (struct pollfd){.fd = i, .events = events};
	}
	found = ppoll(list, (nfds_t)used, timeout, mask);
	for (int i = 0; found > 0 && i < used; i++)
		if (list[i].revents & POLLNVAL)
			found = (int)files_result(-EBADF);
	if (found >= 0) {
		if (readable)
			memset(readable, 0, ((size_t)count + 63) / 64 * 8);
		if (writable)
			memset(writable, 0, ((size_t)count + 63) / 64 * 8);
		if (other)
			memset(other, 0, ((size_t)count + 63) / 64 * 8);
		for (int i = 0; i < used; i++) {
			if (list[i].events & POLLIN && list[i].revents & READABLE) {
				FD_SET(list[i].fd, readable);
				total++;
			}
			if (list[i].events & POLLOUT && list[i].revents & WRITABLE) {
				FD_SET(list[i].fd, writable);
				total++;
			}
		}
	}
	if (list != few)
		free(list);
	return found < 0 ? -1 : total;
}

int select(int count, fd_set *readable, fd_set *writable, fd_set *other, struct timeval *timeout)
{
	struct timespec time;

	if (!timeout)
		return pselect(count, readable, writable, other, NULL, NULL);
	if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
		return (int)files_result(-EINVAL);
	time.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	time.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	return pselect(count, readable, writable, other, &time, NULL);
}
