/* SPDX-License-Identifier: MIT */
/*
 * Network interfaces: "lo" and "en0", "en1" … by their numbers.
 */
#ifndef _NET_IF_H
#define _NET_IF_H

#define IF_NAMESIZE 16
#define IFNAMSIZ    IF_NAMESIZE

struct if_nameindex {
	unsigned if_index;
	char *if_name;
};

#ifdef __cplusplus
extern "C" {
#endif
unsigned if_nametoindex(const char *name);
char *if_indextoname(unsigned index, char *name);
struct if_nameindex *if_nameindex(void); /* ends with index 0 */
void if_freenameindex(struct if_nameindex *list);
#ifdef __cplusplus
}
#endif

#endif
