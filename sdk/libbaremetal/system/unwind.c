/* SPDX-License-Identifier: MIT */
/*
 * Where the tables for unwinding are: what GCC's unwinder (libgcc_eh, <unwind.h>) asks the C
 * library. The application is one object, so the answer is always the same; the kernel has no such
 * tables, and its frames end a search: an exception that no frame of a task catches is the
 * application's to report, as one that leaves main() is.
 *
 * The call and the structure are described in the GNU C Library's manual, "Dynamic Linker
 * Introspection". A program that never unwinds is linked without this file.
 */
#include <stddef.h>
#include <stdint.h>

/* By app.ld. The header of the tables is DWARF's ".eh_frame_hdr" (LSB Core, 10.6.2). */
extern char __executable_start[] __attribute__((visibility("hidden")));
extern char __eh_frame_header[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));

struct dl_find_object {
	unsigned long long flags;
	void *map_start, *map_end;
	void *link_map; /* there is no dynamic linker */
	void *eh_frame;
	unsigned long long reserved[7];
};
_Static_assert(sizeof(struct dl_find_object) == 96, "as libgcc_eh was compiled with");

int _dl_find_object(void *address, struct dl_find_object *result);

/* 0, or -1 if no object of ours is there. Any thread, any task; touches nothing else. */
int _dl_find_object(void *address, struct dl_find_object *result)
{
	if ((uintptr_t)address < (uintptr_t)__executable_start ||
	    (uintptr_t)address >= (uintptr_t)_end)
		return -1;
	*result = (struct dl_find_object){
	    .map_start = __executable_start,
	    .map_end = _end,
	    .eh_frame = __eh_frame_header,
	};
	return 0;
}
