/* SPDX-License-Identifier: MIT */
/*
 * TLS 1.2 over sockets, by Mbed TLS: the other side's certificate is checked unless the program
 * says otherwise, and without random numbers nothing works.
 *
 *     struct bm_tls *tls;
 *     struct bm_tls_session *session;
 *     bm_tls_create(&tls, &(struct bm_tls_options){.authorities = "/certificates.pem"});
 *     bm_tls_open(&session, tls, descriptor, "example.org");
 *     bm_tls_write(session, "hello", 5);
 *
 * `pkg-config baremetal-tls` links it, and Mbed TLS itself (<mbedtls/ssl.h> and its kin) as well.
 * A web server takes one by bm_http_options.tls. More: sdk/docs/tls.md.
 */
#ifndef BAREMETAL_TLS_H
#define BAREMETAL_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <baremetal/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What one side shows and believes. Any thread, and any number of sessions at the same time. */
struct bm_tls;

/** One connection. One thread at a time. */
struct bm_tls_session;

/** All zero is a client that believes the authorities in /etc/ssl/certs. */
struct bm_tls_options {
	const char
	    *certificate; /* PEM file: its own certificate, then those between it and the root */
	const char *key;  /* PEM file: that certificate's private key, not encrypted */
	const char *authorities; /* PEM file, or folder of them: whose signatures it believes */
	bool server;             /* it answers; needs `certificate` and `key` */
	bool ask;                /* a server: the client must show a certificate of `authorities` */
	bool
	    insecure; /* a client: believe anybody. Whoever is on the way can read and change all */
};

/**
 * Read certificates and key.
 *
 * @param tls      receives it, NULL on failure.
 * @param options  copied; the files are read now. NULL: all zero.
 * @return 0; -BM_ENOENT (a file cannot be read, or the folder holds no certificate), -BM_EINVAL (no
 *         certificate or key in it, a key that is encrypted or of another certificate, options that
 *         contradict each other), -BM_EIO (the machine has no random numbers), -BM_ENOMEM.
 */
int bm_tls_create(struct bm_tls **tls, const struct bm_tls_options *options);

/** Free it, after its sessions. NULL does nothing. */
void bm_tls_destroy(struct bm_tls *tls);

/**
 * Begin a session on a connected socket. Nothing is sent yet: the first read or write, or
 * bm_tls_handshake(), does that.
 *
 * @param session     receives it, NULL on failure.
 * @param tls         a server's or a client's.
 * @param descriptor  of the socket, blocking or not; stays the caller's, and open as long as the
 * session.
 * @param host        a client: the name that the server's certificate must have; NULL only if it is
 *                    not checked. A server: NULL.
 * @return 0; -BM_EINVAL (`host`), -BM_ENOMEM.
 */
int bm_tls_open(struct bm_tls_session **session, struct bm_tls *tls, int descriptor,
		const char *host);

/**
 * Agree with the other side. Blocks if the socket does.
 * @return 0; -BM_EAGAIN (the socket would block: call again when it is readable), -BM_EPERM (the
 * other side's certificate is not believed), -BM_EIO (anything else; bm_tls_problem() tells).
 */
int bm_tls_handshake(struct bm_tls_session *session);

/**
 * Read; at most one record, of 16 KiB.
 * @return bytes; 0: the other side has said that it sends no more; as bm_tls_handshake() else. A
 *         connection that was cut without that is -BM_EIO: somebody may have cut off the rest.
 */
long bm_tls_read(struct bm_tls_session *session, void *data, size_t size);

/**
 * Write.
 * @return bytes that are on their way, perhaps fewer than `size`; -BM_EAGAIN: the socket would
 * block; call again with the same data when it is writable; as bm_tls_handshake() else.
 */
long bm_tls_write(struct bm_tls_session *session, const void *data, size_t size);

/** Say that no more will be written. The socket is not touched otherwise. */
void bm_tls_end(struct bm_tls_session *session);

/** Free a session; bm_tls_end() first, or the other side takes it for cut. NULL does nothing. */
void bm_tls_close(struct bm_tls_session *session);

/** Why the last call failed, in words; "" if none did. The session's, until its next call. */
const char *bm_tls_problem(struct bm_tls_session *session);

#ifdef __cplusplus
}
#endif

#endif
