/* SPDX-License-Identifier: MIT */
/*
 * Page tables: one address space, W^X, the largest pages that fit.
 *
 * The tables map themselves in their last top-level slot, so an entry's address
 * follows from the virtual address by arithmetic alone, and no direct map of
 * all memory is needed. The drawing of the address space stands in layout.h.
 */
#ifndef KERNEL_MEMORY_PAGE_H
#define KERNEL_MEMORY_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096ul

/* Access rights. Writable and executable together is refused. */
enum page_flags {
	PAGE_READ = 0,
	PAGE_WRITE = 1 << 0,
	PAGE_EXECUTE = 1 << 1,
	PAGE_UNCACHED = 1 << 2,      /* device registers */
	PAGE_WRITE_COMBINE = 1 << 3, /* framebuffers */
};

/*
 * Map [virtual, virtual + size) to physical memory; all three page-aligned.
 * Uses 1 GiB and 2 MiB pages where both addresses and the size allow. What was
 * mapped there before is replaced. Returns 0, -BM_ENOMEM (no frame for a
 * table: part may be mapped), or -BM_EINVAL.
 */
int page_map(uint64_t virtual, uint64_t physical, uint64_t size, unsigned flags);

/* Give what is mapped there other rights. Whole pages; what is not mapped stays so. */
int page_protect(uint64_t virtual, uint64_t size, unsigned flags);

/* Remove mappings of whole pages. A larger page that reaches beyond is not split: -BM_EINVAL. */
int page_unmap(uint64_t virtual, uint64_t size);

/* The physical address behind a virtual one, or false if nothing is mapped. */
bool page_lookup(uint64_t virtual, uint64_t *physical);

/* The first physical address that cannot be mapped: beyond the processor's or the windows. */
uint64_t page_physical_limit(void);

/*
 * Make a device's registers or memory readable and writable; any address and
 * size. The same place always comes back at the same address. NULL if there is
 * no memory for tables, or if the address is beyond the processor's.
 */
volatile void *page_map_device(uint64_t physical, uint64_t size, unsigned flags);

/*
 * Make firmware tables or the loader's data readable (only), cached; any address
 * and size. NULL as above. Stays mapped.
 */
const void *page_map_firmware(uint64_t physical, uint64_t size);

#endif
