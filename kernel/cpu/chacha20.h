/* SPDX-License-Identifier: MIT */
/*
 * The ChaCha20 block function (RFC 8439, section 2.3).
 */
#ifndef KERNEL_CPU_CHACHA20_H
#define KERNEL_CPU_CHACHA20_H

#include <stddef.h>
#include <stdint.h>

/*
 * One block of 64 bytes for a key of 32. position: the block counter in its low 32
 * bits, then the nonce's first word; the nonce's other two are 0.
 */
void chacha20_block(const void *key, uint64_t position, void *block);

/* Clear what must not be found in memory later. */
void secret_wipe(void *secret, size_t size);

#endif
