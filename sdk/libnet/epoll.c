/* SPDX-License-Identifier: MIT */
/*
 * epoll: a set of watched descriptors, and a list of those that may have something.
 *
 * An item's watch puts it on the list when its file changes; epoll_wait() looks at the items of the
 * list alone. A level-triggered one stays on the list while its file has something. All with the
 * core lock. An item ends with EPOLL_CTL_DEL, with its file, or with the set; the last two are
 * calls of file_ops.close(), which come one at a time (files_lock()).
 */
#include "net.h"
#include "../libbaremetal/system/posix.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <baremetal/time.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
		   EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP && EPOLLPRI == POLLPRI,
	       "the same numbers");

#define BUCKETS_FIRST 64

struct item {
	struct watch watch; /* first */
	struct set *set;
	struct file *file;
	int descriptor;
	struct epoll_event event;
	bool ready, off; /* on the list; EPOLLONESHOT has struck */
	struct item *ready_next, *ready_previous;
	struct item *next; /* in its bucket */
};

struct set {
	struct file file; /* first */
	struct watches watches;
	uint32_t changes;
	struct item *ready_first, *ready_last;
	struct item **buckets;
	unsigned bucket_count, count;
};

static const struct file_ops epoll_ops;

static struct set *set_of(struct file *file)
{
	return (struct set *)file;
}

/* ---- The list ---- */

static void list_add(struct item *item)
{
	struct set *set = item->set;

	if (item->ready)
		return;
	item->ready = true;
	item->ready_next = NULL;
	item->ready_previous = set->ready_last;
	if (set->ready_last)
		set->ready_last->ready_next = item;
	else
		set->ready_first = item;
	set->ready_last = item;
}

static void list_remove(struct item *item)
{
	struct set *set = item->set;

	if (!item->ready)
		return;
	item->ready = false;
	if (item->ready_previous)
		item->ready_previous->ready_next = item->ready_next;
	else
		set->ready_first = item->ready_next;
	if (item->ready_next)
		item->ready_next->ready_previous = item->ready_previous;
	else
		set->ready_last = item->ready_previous;
}

static uint32_t interest(const struct item *item)
{
	return item->off ? 0 : (item->event.events & 0xffff) | EPOLLERR | EPOLLHUP;
}

static void changed(struct watch *watch, int events)
{
	struct item *item = (struct item *)watch;

	if (!((uint32_t)events & interest(item)))
		return;
	list_add(item);
	net_wake(&item->set->changes);
	watches_tell(&item->set->watches, POLLIN | POLLRDNORM);
}

/* ---- The set ---- */

static struct item **place_of(struct set *set, int descriptor, const struct file *file)
{
	struct item **place = &set->buckets[(unsigned)descriptor & (set->bucket_count - 1)];

	while (*place && !((*place)->descriptor == descriptor && (*place)->file == file))
		place = &(*place)->next;
	return place;
}

static void grow(struct set *set)
{
	struct item **bigger, **old = set->buckets;
	unsigned old_count = set->bucket_count;

	bigger = calloc(old_count * 4, sizeof(*bigger));
	if (!bigger)
		return; /* it is slower, then */
	set->buckets = bigger;
	set->bucket_count = old_count * 4;
	for (unsigned i = 0; i < old_count; i++)
		for (struct item *item = old[i], *next; item; item = next) {
			struct item **place =
			    &bigger[(unsigned)item->descriptor & (set->bucket_count - 1)];

			next = item->next;
			item->next = *place;
			*place = item;
		}
	free(old);
}

static void remove_item(struct item *item)
{
	struct item **place = place_of(item->set, item->descriptor, item->file);

	*place = item->next;
	item->set->count--;
	list_remove(item);
	watch_remove(&item->watch);
	free(item);
}

static void file_closed(struct watch *watch)
{
	remove_item((struct item *)watch);
}

static int epoll_events(struct file *file, struct watch *watch)
{
	struct set *set = set_of(file);

	if (watch)
		watch_add(&set->watches, watch);
	for (struct item *item = set->ready_first; item; item = item->ready_next)
		if ((uint32_t)file_events(item->file, NULL) & interest(item))
			return POLLIN | POLLRDNORM;
	return 0;
}

static int epoll_close(struct file *file)
{
	struct set *set = set_of(file);

	net_lock();
	for (unsigned i = 0; i < set->bucket_count; i++)
		while (set->buckets[i])
			remove_item(set->buckets[i]);
	watches_close(&set->watches);
	net_unlock();
	free(set->buckets);
	free(set);
	return 0;
}

static const struct file_ops epoll_ops = {
    .poll = epoll_events,
    .close = epoll_close,
};

int epoll_create1(int flags)
{
	struct set *set;
	int descriptor;

	if (flags & ~EPOLL_CLOEXEC)
		return (int)files_result(-EINVAL);
	set = calloc(1, sizeof(*set));
	if (set)
		set->buckets = calloc(BUCKETS_FIRST, sizeof(*set->buckets));
	if (!set || !set->buckets) {
		free(set);
		return (int)files_result(-ENOMEM);
	}
	set->bucket_count = BUCKETS_FIRST;
	set->file.ops = &epoll_ops;
	set->file.references = 1;
	set->file.flags = O_RDWR;
	files_lock();
	descriptor = files_attach(&set->file, 0, flags & EPOLL_CLOEXEC);
	files_unlock();
	if (descriptor < 0)
		files_put(&set->file);
	return (int)files_result(descriptor);
}

int epoll_create(int size)
{
	return size > 0 ? epoll_create1(0) : (int)files_result(-EINVAL);
}

/* A file of this set again; EPOLLET or not. */
static void arm(struct item *item, const struct epoll_event *event)
{
	item->event = *event;
	item->off = false;
	list_remove(item);
	if ((uint32_t)file_events(item->file, NULL) & interest(item)) {
		list_add(item);
		net_wake(&item->set->changes);
		watches_tell(&item->set->watches, POLLIN | POLLRDNORM);
	}
}

static int control(struct set *set, struct file *file, int operation, int descriptor,
		   const struct epoll_event *event)
{
	struct item *item = *place_of(set, descriptor, file), **place;

	switch (operation) {
	case EPOLL_CTL_ADD:
		if (item)
			return -EEXIST;
		if (!file->ops->poll)
			return -EPERM; /* a file on a disk always has something */
		item = calloc(1, sizeof(*item));
		if (!item)
			return -ENOMEM;
		item->set = set;
		item->file = file;
		item->descriptor = descriptor;
		item->watch.changed = changed;
		item->watch.closed = file_closed;
		if (set->count++ > set->bucket_count * 2)
			grow(set);
		place = place_of(set, descriptor, file);
		*place = item;
		file_events(file, &item->watch);
		arm(item, event);
		return 0;
	case EPOLL_CTL_MOD:
		if (!item)
			return -ENOENT;
		arm(item, event);
		return 0;
	case EPOLL_CTL_DEL:
		if (!item)
			return -ENOENT;
		remove_item(item);
		return 0;
	default:
		return -EINVAL;
	}
}

int epoll_ctl(int epoll, int operation, int descriptor, struct epoll_event *event)
{
	struct file *set = files_get(epoll), *file = NULL;
	int result = -EBADF;

	if (!set)
		goto end;
	file = files_get(descriptor);
	if (!file)
		goto end;
	result = -EINVAL;
	/* A set within a set could end in a circle. */
	if (set->ops != &epoll_ops || file->ops == &epoll_ops)
		goto end;
	if (operation != EPOLL_CTL_DEL && !event) {
		result = -EFAULT;
		goto end;
	}
	net_lock();
	result = control(set_of(set), file, operation, descriptor, event);
	net_unlock();
end:
	if (file)
		files_put(file);
	if (set)
		files_put(set);
	return (int)files_result(result);
}

static int take(struct set *set, struct epoll_event *events, int count)
{
	struct item *last = set->ready_last, *item;
	int taken = 0;

	while (taken < count && (item = set->ready_first)) {
		uint32_t there = (uint32_t)file_events(item->file, NULL) & interest(item);
		bool is_last = item == last;

		list_remove(item);
		if (there) {
			events[taken].events = there;
			events[taken++].data = item->event.data;
			if (item->event.events & EPOLLONESHOT)
				item->off = true;
			else if (!(item->event.events & EPOLLET))
				list_add(item); /* behind the others */
		}
		if (is_last)
			break;
	}
	return taken;
}

int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout_ms,
		const sigset_t *mask)
{
	uint64_t deadline = BM_FOREVER;
	struct file *file;
	sigset_t old;
	int result = 0;

	cancel_point();
	if (count <= 0)
		return (int)files_result(-EINVAL);
	file = files_get(epoll);
	if (!file)
		return (int)files_result(-EBADF);
	if (file->ops != &epoll_ops) {
		files_put(file);
		return (int)files_result(-EINVAL);
	}
	if (timeout_ms >= 0)
		deadline = timeout_ms ? bm_time_monotonic() + (uint64_t)timeout_ms * 1000000 : 0;
	if (mask)
		sigprocmask(SIG_SETMASK, mask, &old);
	net_lock();
	for (;;) {
		result = take(set_of(file), events, count);
		if (result)
			break;
		result = net_wait(&set_of(file)->changes, deadline);
		if (result == -EAGAIN) {
			result = take(set_of(file), events, count);
			break;
		}
		if (result)
			break;
	}
	net_unlock();
	if (mask)
		sigprocmask(SIG_SETMASK, &old, NULL);
	files_put(file);
	if (result == -ECANCELED)
		cancel_point();
	return (int)files_result(result);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms)
{
	return epoll_pwait(epoll, events, count, timeout_ms, NULL);
}
