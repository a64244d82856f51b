/* SPDX-License-Identifier: MIT */
/*
 * Random: bytes fit for keys, or an error.
 */
#ifndef BAREMETAL_RANDOM_H
#define BAREMETAL_RANDOM_H

#include <baremetal/api.h>
#include <baremetal/error.h>

/**
 * Fill a buffer with random bytes fit for cryptographic keys.
 *
 * Sources: RDSEED and RDRAND seed a ChaCha20 generator (RFC 8439 block
 * function, fast key erasure).
 *
 * @return 0; -BM_ENODEV if the machine has no source of entropy: the buffer is
 *         then left as it was, and the log says so. It never falls back to
 *         anything predictable.
 * Any core, never blocks.
 */
static inline int bm_random(void *buffer, size_t size)
{
	return bm_api->random_bytes(buffer, size);
}

#endif
