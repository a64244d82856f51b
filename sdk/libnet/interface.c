/* SPDX-License-Identifier: MIT */
/*
 * <net/if.h>: names and numbers of interfaces.
 */
#include "net.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

unsigned if_nametoindex(const char *name)
{
	char full[IF_NAMESIZE];
	unsigned index;

	net_start();
	strlcpy(full, strcmp(name, "lo") ? name : "lo0", sizeof(full));
	net_lock();
	index = netif_name_to_index(full);
	net_unlock();
	if (!index)
		errno = ENODEV;
	return index;
}

char *if_indextoname(unsigned index, char *name)
{
	char *found = NULL;

	net_start();
	net_lock();
	if (index && index <= UINT8_MAX)
		found = netif_index_to_name((u8_t)index, name);
	net_unlock();
	if (!found)
		errno = ENXIO;
	else if (!strcmp(name, "lo0"))
		strcpy(name, "lo");
	return found;
}

struct if_nameindex *if_nameindex(void)
{
	struct if_nameindex *list;
	char *names;
	unsigned count = 0, used = 0;
	char name[IF_NAMESIZE];

	for (unsigned i = 1; i < 255; i++)
		count += !!if_indextoname(i, name);
	list = calloc(1, (count + 1) * (sizeof(*list) + IF_NAMESIZE));
	if (!list) {
		errno = ENOBUFS;
		return NULL;
	}
	names = (char *)(list + count + 1);
	for (unsigned i = 1; i < 255 && used < count; i++) {
		if (!if_indextoname(i, names))
			continue;
		list[used++] = (struct if_nameindex){i, names};
		names += IF_NAMESIZE;
	}
	return list;
}

void if_freenameindex(struct if_nameindex *list)
{
	free(list);
}
