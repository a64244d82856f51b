/* SPDX-License-Identifier: MIT */
/*
 * <baremetal/tls.h> over Mbed TLS: sessions on sockets, with what a program should not have to know
 * set right: TLS 1.2, forward secrecy, authenticated ciphers, names checked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <mbedtls/entropy.h>
#include <mbedtls/entropy_poll.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>

#include "ops.h"

#define AUTHORITIES    "/etc/ssl/certs"
#define TICKET_SECONDS 86400

struct bm_tls {
	const struct tls_ops *ops; /* first */
	bool server, checks;
	mbedtls_ssl_config config;
	mbedtls_x509_crt chain, authorities;
	mbedtls_pk_context key;
	mbedtls_ssl_ticket_context tickets;
};

struct bm_tls_session {
	mbedtls_ssl_context ssl;
	struct bm_tls *tls;
	int descriptor;
	int error;    /* Mbed TLS's, of what cannot go on */
	size_t owed;  /* bytes of the caller's in a record that is not sent yet */
	size_t ahead; /* bytes that are sent, and were not reported yet */
	char problem[256];
};

/* ---- Random numbers ---- */

/* The kernel's generator is one that cryptography may use; without a source there is no TLS. */
static int fill_random(void *unused, unsigned char *to, size_t size)
{
	(void)unused;
	while (size) {
		ssize_t got = getrandom(to, size < 256 ? size : 256, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

/* For programs that use Mbed TLS's own generators. */
int mbedtls_hardware_poll(void *unused, unsigned char *to, size_t size, size_t *got)
{
	int error = fill_random(unused, to, size);

	*got = error ? 0 : size;
	return error;
}

/* ---- Certificates ---- */

/* Key exchange by elliptic curves alone, whose keys are forgotten; ciphers that authenticate. */
static const int suites[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			     MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			     MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			     MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			     MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			     MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
			     0};
static const char *http_versions[] = {"http/1.1", NULL};

static int error_of(int error)
{
	/* A code has a high part and a low one: -0x3e00 - 2. */
	switch (-(-error & 0xff80)) {
	case MBEDTLS_ERR_X509_FILE_IO_ERROR:
	case MBEDTLS_ERR_PK_FILE_IO_ERROR:
		return -BM_ENOENT;
	case MBEDTLS_ERR_X509_ALLOC_FAILED:
	case MBEDTLS_ERR_PK_ALLOC_FAILED:
	case MBEDTLS_ERR_SSL_ALLOC_FAILED:
		return -BM_ENOMEM;
	default:
		return -BM_EINVAL;
	}
}

static int read_authorities(struct bm_tls *tls, const char *path)
{
	struct stat info;
	int error;

	if (stat(path, &info) != 0)
		return -BM_ENOENT;
	error = S_ISDIR(info.st_mode) ? mbedtls_x509_crt_parse_path(&tls->authorities, path)
				      : mbedtls_x509_crt_parse_file(&tls->authorities, path);
	if (error < 0)
		return error_of(error);
	/* A positive number counts those that it could not read: others may do. */
	return tls->authorities.version ? 0 : S_ISDIR(info.st_mode) ? -BM_ENOENT : -BM_EINVAL;
}

static int read_own(struct bm_tls *tls, const char *certificate, const char *key)
{
	int error = mbedtls_x509_crt_parse_file(&tls->chain, certificate);

	if (error < 0)
		return error_of(error);
	if (error > 0)
		return -BM_EINVAL; /* a chain with a hole helps nobody */
	error = mbedtls_pk_parse_keyfile(&tls->key, key, NULL);
	if (error)
		return error_of(error);
	if (mbedtls_pk_check_pair(&tls->chain.pk, &tls->key))
		return -BM_EINVAL;
	error = mbedtls_ssl_conf_own_cert(&tls->config, &tls->chain, &tls->key);
	return error ? error_of(error) : 0;
}

static int configure(struct bm_tls *tls, const struct bm_tls_options *options)
{
	unsigned char trial[16];
	int error;

	if (fill_random(NULL, trial, sizeof(trial)))
		return -BM_EIO;
	if (!options->certificate != !options->key || (options->server && !options->key) ||
	    (options->server ? options->insecure : options->ask) ||
	    (options->ask && !options->authorities))
		return -BM_EINVAL;
	error = mbedtls_ssl_config_defaults(
	    &tls->config, options->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
	    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (error)
		return error_of(error);
	mbedtls_ssl_conf_rng(&tls->config, fill_random, NULL);
	mbedtls_ssl_conf_min_version(&tls->config, MBEDTLS_SSL_MAJOR_VERSION_3,
				     MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_ciphersuites(&tls->config, suites);
	mbedtls_ssl_conf_authmode(&tls->config, tls->checks ? MBEDTLS_SSL_VERIFY_REQUIRED
							    : MBEDTLS_SSL_VERIFY_NONE);
	if (tls->checks) {
		error = read_authorities(tls,
					 options->authorities ? options->authorities : AUTHORITIES);
		if (error)
			return error;
		mbedtls_ssl_conf_ca_chain(&tls->config, &tls->authorities, NULL);
	}
	if (options->key) {
		error = read_own(tls, options->certificate, options->key);
		if (error)
			return error;
	}
	if (!options->server)
		return 0;
	/* Clients that come again need no new exchange of keys. */
	error = mbedtls_ssl_ticket_setup(&tls->tickets, fill_random, NULL,
					 MBEDTLS_CIPHER_AES_256_GCM, TICKET_SECONDS);
	if (error)
		return error_of(error);
	mbedtls_ssl_conf_session_tickets_cb(&tls->config, mbedtls_ssl_ticket_write,
					    mbedtls_ssl_ticket_parse, &tls->tickets);
	error = mbedtls_ssl_conf_alpn_protocols(&tls->config, http_versions);
	return error ? error_of(error) : 0;
}

static const struct tls_ops ops = {bm_tls_open, bm_tls_read, bm_tls_write, bm_tls_end,
				   bm_tls_close};

int bm_tls_create(struct bm_tls **result, const struct bm_tls_options *options)
{
	static const struct bm_tls_options none;
	struct bm_tls *tls = calloc(1, sizeof(*tls));
	int error;

	*result = NULL;
	if (!tls)
		return -BM_ENOMEM;
	if (!options)
		options = &none;
	tls->ops = &ops;
	tls->server = options->server;
	tls->checks = options->server ? options->ask : !options->insecure;
	mbedtls_ssl_config_init(&tls->config);
	mbedtls_x509_crt_init(&tls->chain);
	mbedtls_x509_crt_init(&tls->authorities);
	mbedtls_pk_init(&tls->key);
	mbedtls_ssl_ticket_init(&tls->tickets);
	error = configure(tls, options);
	if (error)
		bm_tls_destroy(tls);
	else
		*result = tls;
	return error;
}

void bm_tls_destroy(struct bm_tls *tls)
{
	if (!tls)
		return;
	mbedtls_ssl_config_free(&tls->config);
	mbedtls_x509_crt_free(&tls->chain);
	mbedtls_x509_crt_free(&tls->authorities);
	mbedtls_pk_free(&tls->key);
	mbedtls_ssl_ticket_free(&tls->tickets);
	free(tls);
}

/* ---- Sockets ---- */

static int to_socket(void *context, const unsigned char *data, size_t size)
{
	ssize_t sent;

	do
		sent = send(*(int *)context, data, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (int)sent;
	return errno == EAGAIN || errno == ENOBUFS     ? MBEDTLS_ERR_SSL_WANT_WRITE
	       : errno == EPIPE || errno == ECONNRESET ? MBEDTLS_ERR_NET_CONN_RESET
						       : MBEDTLS_ERR_NET_SEND_FAILED;
}

static int from_socket(void *context, unsigned char *data, size_t size)
{
	ssize_t got;

	do
		got = recv(*(int *)context, data, size, 0);
	while (got < 0 && errno == EINTR);
	if (got >= 0)
		return (int)got;
	return errno == EAGAIN       ? MBEDTLS_ERR_SSL_WANT_READ
	       : errno == ECONNRESET ? MBEDTLS_ERR_NET_CONN_RESET
				     : MBEDTLS_ERR_NET_RECV_FAILED;
}

/* ---- Sessions ---- */

int bm_tls_open(struct bm_tls_session **result, struct bm_tls *tls, int descriptor,
		const char *host)
{
	struct bm_tls_session *session;
	int error;

	*result = NULL;
	if (tls->server ? host != NULL : tls->checks && !host)
		return -BM_EINVAL;
	session = calloc(1, sizeof(*session));
	if (!session)
		return -BM_ENOMEM;
	session->tls = tls;
	session->descriptor = descriptor;
	mbedtls_ssl_init(&session->ssl);
	error = mbedtls_ssl_setup(&session->ssl, &tls->config);
	if (!error && host)
		error = mbedtls_ssl_set_hostname(&session->ssl, host);
	if (error) {
		bm_tls_close(session);
		return error_of(error);
	}
	mbedtls_ssl_set_bio(&session->ssl, &session->descriptor, to_socket, from_socket, NULL);
	*result = session;
	return 0;
}

/* What a call of Mbed TLS that has failed means. What cannot go on is remembered: it would only
 * answer that it was called wrongly. */
static int failure(struct bm_tls_session *session, int error)
{
	if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE)
		return -BM_EAGAIN;
	session->error = error;
	return error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ? -BM_EPERM
	       : error == MBEDTLS_ERR_SSL_ALLOC_FAILED      ? -BM_ENOMEM
							    : -BM_EIO;
}

int bm_tls_handshake(struct bm_tls_session *session)
{
	int error = session->error ? session->error : mbedtls_ssl_handshake(&session->ssl);

	return error ? failure(session, error) : 0;
}

long bm_tls_read(struct bm_tls_session *session, void *data, size_t size)
{
	int got = session->error ? session->error : mbedtls_ssl_read(&session->ssl, data, size);

	if (got > 0)
		return got;
	if (got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return 0;
	/* 0: the connection was cut. */
	return failure(session, got ? got : MBEDTLS_ERR_SSL_CONN_EOF);
}

long bm_tls_write(struct bm_tls_session *session, const void *data, size_t size)
{
	int sent;

	if (!size)
		return 0;
	if (session->owed) {
		/* Its record is made: this only sends the rest of it, whatever the data are. */
		sent = mbedtls_ssl_write(&session->ssl, data, session->owed);
		if (sent < 0)
			return failure(session, sent);
		session->ahead = session->owed;
		session->owed = 0;
	}
	if (session->ahead) {
		size_t part = size < session->ahead ? size : session->ahead;

		session->ahead -= part;
		return (long)part;
	}
	sent = session->error ? session->error : mbedtls_ssl_write(&session->ssl, data, size);
	if (sent > 0)
		return sent;
	if (sent == MBEDTLS_ERR_SSL_WANT_WRITE &&
	    session->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER) {
		int most = mbedtls_ssl_get_max_out_record_payload(&session->ssl);

		session->owed = most > 0 && size > (size_t)most ? (size_t)most : size;
	}
	return failure(session, sent);
}

void bm_tls_end(struct bm_tls_session *session)
{
	if (!session->error && session->ssl.state == MBEDTLS_SSL_HANDSHAKE_OVER)
		mbedtls_ssl_close_notify(&session->ssl);
}

void bm_tls_close(struct bm_tls_session *session)
{
	if (!session)
		return;
	mbedtls_ssl_free(&session->ssl);
	free(session);
}

const char *bm_tls_problem(struct bm_tls_session *session)
{
	char *text = session->problem;

	text[0] = '\0';
	if (session->error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
		uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);

		mbedtls_x509_crt_verify_info(text, sizeof(session->problem), "", flags);
		text[strcspn(text, "\n")] = '\0'; /* the first reason of several */
	} else if (session->error == MBEDTLS_ERR_SSL_CONN_EOF) {
		snprintf(text, sizeof(session->problem), "the connection was cut");
	} else if (session->error) {
		mbedtls_strerror(session->error, text, sizeof(session->problem));
	}
	return text;
}
