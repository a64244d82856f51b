/* SPDX-License-Identifier: MIT */
/*
 * Stands before kernel/memory/span.h: neighbouring pages are exchanged, so that nothing is
 * contiguous by luck. A test may have an address that is not mapped, and one that is read-only.
 */
#ifndef TESTS_DEVICE_SPAN_H
#define TESTS_DEVICE_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#define SPAN_NONE UINT64_MAX

struct span_cache {
	uint64_t region;
};

extern const void *simulated_unmapped, *simulated_read_only; /* a page each */

static inline uint64_t page_span(struct span_cache *cache, uint64_t virtual, bool write,
				 uint64_t *physical)
{
	uint64_t page = virtual & -4096ul;
	(void)cache;
	if (virtual < 4096 || page == (uint64_t)simulated_unmapped ||
	    (write && page == (uint64_t)simulated_read_only))
		return 0;
	*physical = virtual ^ 4096;
	return 4096 - virtual % 4096;
}

static inline uint64_t page_span_large(struct span_cache *cache, uint64_t virtual, uint64_t bytes,
				       bool write)
{
	uint64_t physical;
	return page_span(cache, virtual, write, &physical) < bytes ? SPAN_NONE : physical;
}

#endif
