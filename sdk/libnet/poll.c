/* SPDX-License-Identifier: MIT */
/*
 * poll() and ppoll(): look, and if there is nothing, watch all of them and wait.
 */
#include "net.h"
#include "../libbaremetal/system/posix.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <baremetal/time.h>

#define FEW 16

struct entry {
	struct watch watch; /* first */
	struct file *file;
	uint32_t *changes; /* of the whole call */
	int wanted;
};

static void changed(struct watch *watch, int events)
{
	struct entry *entry = (struct entry *)watch;

	if (events & (entry->wanted | POLLERR | POLLHUP))
		net_wake(entry->changes);
}

static int look(struct pollfd *list, struct entry *entries, nfds_t count)
{
	int found = 0;

	for (nfds_t i = 0; i < count; i++) {
		if (!entries[i].file) {
			found += !!list[i].revents;
			continue;
		}
		list[i].revents = (short)(file_events(entries[i].file, NULL) &
					  (list[i].events | POLLERR | POLLHUP));
		found += !!list[i].revents;
	}
	return found;
}

static long poll_until(struct pollfd *list, nfds_t count, uint64_t deadline)
{
	struct entry few[FEW], *entries = few;
	uint32_t changes = 0;
	long result = 0;

	if (count > FILES_OPEN_MAX)
		return -EINVAL;
	if (count > FEW) {
		entries = malloc(count * sizeof(*entries));
		if (!entries)
			return -ENOMEM;
	}
	for (nfds_t i = 0; i < count; i++) {
		entries[i] = (struct entry){
		    .watch.changed = changed, .changes = &changes, .wanted = list[i].events};
		entries[i].file = list[i].fd < 0 ? NULL : files_get(list[i].fd);
		list[i].revents = list[i].fd < 0 || entries[i].file ? 0 : POLLNVAL;
	}
	net_lock();
	result = look(list, entries, count);
	if (!result) {
		for (nfds_t i = 0; i < count; i++)
			if (entries[i].file)
				file_events(entries[i].file, &entries[i].watch);
		while (!result) {
			int error = net_wait(&changes, deadline);

			result = look(list, entries, count);
			if (error == -EAGAIN)
				break;
			if (error && !result)
				result = error;
		}
		for (nfds_t i = 0; i < count; i++)
			watch_remove(&entries[i].watch);
	}
	net_unlock();
	for (nfds_t i = 0; i < count; i++)
		if (entries[i].file)
			files_put(entries[i].file);
	if (entries != few)
		free(entries);
	return result;
}

int poll(struct pollfd *list, nfds_t count, int timeout_ms)
{
	uint64_t deadline = BM_FOREVER;
	long result;

	cancel_point();
	if (timeout_ms >= 0)
		deadline = timeout_ms ? bm_time_monotonic() + (uint64_t)timeout_ms * 1000000 : 0;
	result = poll_until(list, count, deadline);
	if (result == -ECANCELED)
		cancel_point();
	return (int)files_result(result);
}

bool poll_deadline(const struct timespec *timeout, uint64_t *deadline)
{
	*deadline = BM_FOREVER;
	if (!timeout)
		return true;
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)
		return false;
	if (timeout->tv_sec < INT32_MAX)
		*deadline = timeout->tv_sec || timeout->tv_nsec
				? bm_time_monotonic() + (uint64_t)timeout->tv_sec * 1000000000 +
				      (uint64_t)timeout->tv_nsec
				: 0;
	return true;
}

int ppoll(struct pollfd *list, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	uint64_t deadline;
	sigset_t old;
	long result;

	cancel_point();
	if (!poll_deadline(timeout, &deadline))
		return (int)files_result(-EINVAL);
	if (mask)
		sigprocmask(SIG_SETMASK, mask, &old);
	result = poll_until(list, count, deadline);
	if (mask)
		sigprocmask(SIG_SETMASK, &old, NULL);
	if (result == -ECANCELED)
		cancel_point();
	return (int)files_result(result);
}
