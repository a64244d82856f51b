/* SPDX-License-Identifier: MIT */
/*
 * Watching files for changes: what poll(), select() and epoll stand on. All with the core lock.
 */
#include "net.h"

#include <poll.h>

void watch_add(struct watches *list, struct watch *watch)
{
	watch->list = list;
	watch->previous = NULL;
	watch->next = list->first;
	if (list->first)
		list->first->previous = watch;
	list->first = watch;
}

void watch_remove(struct watch *watch)
{
	if (!watch->list)
		return;
	if (watch->previous)
		watch->previous->next = watch->next;
	else
		watch->list->first = watch->next;
	if (watch->next)
		watch->next->previous = watch->previous;
	watch->list = NULL;
}

void watches_tell(struct watches *list, int events)
{
	for (struct watch *watch = list->first, *next; watch; watch = next) {
		next = watch->next;
		watch->changed(watch, events);
	}
}

void watches_close(struct watches *list)
{
	while (list->first) {
		struct watch *watch = list->first;

		watch_remove(watch);
		if (watch->closed)
			watch->closed(watch);
	}
}

int file_events(struct file *file, struct watch *watch)
{
	if (file->ops->poll)
		return file->ops->poll(file, watch);
	return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM; /* files on disks never make one wait */
}
