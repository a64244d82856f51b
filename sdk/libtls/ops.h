/* SPDX-License-Identifier: MIT */
/*
 * What a struct bm_tls begins with: the HTTP library calls TLS through it, so that a server without
 * TLS is not linked with it. The functions are those of <baremetal/tls.h>.
 */
#ifndef LIBTLS_OPS_H
#define LIBTLS_OPS_H

#include <baremetal/tls.h>

struct tls_ops {
	int (*open)(struct bm_tls_session **session, struct bm_tls *tls, int descriptor,
		    const char *host);
	long (*read)(struct bm_tls_session *session, void *data, size_t size);
	long (*write)(struct bm_tls_session *session, const void *data, size_t size);
	void (*end)(struct bm_tls_session *session);
	void (*close)(struct bm_tls_session *session);
};

static inline const struct tls_ops *tls_ops_of(const struct bm_tls *tls)
{
	return *(const struct tls_ops *const *)tls;
}

#endif
