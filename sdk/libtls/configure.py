#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Copy Mbed TLS's headers, with its configuration as this SDK has it.

    configure.py SOURCE FOLDER STAMP

The configuration is Mbed TLS's own but for the names below. A name that it does not know is an error: then this is
another version, and the lists need a look.
"""
import re
import shutil
import sys
from pathlib import Path

ON = (
    "MBEDTLS_THREADING_C", "MBEDTLS_THREADING_PTHREAD",
    "MBEDTLS_NO_PLATFORM_ENTROPY", "MBEDTLS_ENTROPY_HARDWARE_ALT",  # tls.c: the kernel's random numbers
)
OFF = (
    # Old protocols and ciphers.
    "MBEDTLS_SSL_PROTO_TLS1", "MBEDTLS_SSL_PROTO_TLS1_1", "MBEDTLS_SSL_CBC_RECORD_SPLITTING", "MBEDTLS_SSL_TRUNCATED_HMAC",
    "MBEDTLS_SSL_FALLBACK_SCSV", "MBEDTLS_SSL_RENEGOTIATION", "MBEDTLS_ARC4_C", "MBEDTLS_DES_C", "MBEDTLS_BLOWFISH_C",
    "MBEDTLS_XTEA_C", "MBEDTLS_RIPEMD160_C", "MBEDTLS_KEY_EXCHANGE_RSA_ENABLED", "MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED",
    # TLS over datagrams, which needs timers (timing.c knows Unix alone).
    "MBEDTLS_SSL_PROTO_DTLS", "MBEDTLS_SSL_DTLS_ANTI_REPLAY", "MBEDTLS_SSL_DTLS_HELLO_VERIFY",
    "MBEDTLS_SSL_DTLS_CLIENT_PORT_REUSE", "MBEDTLS_SSL_DTLS_BADMAC_LIMIT", "MBEDTLS_SSL_COOKIE_C", "MBEDTLS_TIMING_C",
    # tls.c has sockets of its own; the test certificates are no secret; VIA's processors.
    "MBEDTLS_NET_C", "MBEDTLS_CERTS_C", "MBEDTLS_SELF_TEST", "MBEDTLS_PADLOCK_C",
    "MBEDTLS_PSA_CRYPTO_C", "MBEDTLS_PSA_CRYPTO_STORAGE_C", "MBEDTLS_PSA_ITS_FILE_C",
)


def configured(text):
    for name in ON:
        text, count = re.subn(rf"^//\s*(#define {name})\b", r"\1", text, count=1, flags=re.M)
        if not count:
            sys.exit(f"configure: this Mbed TLS has no option {name}")
    for name in OFF:
        text, count = re.subn(rf"^(#define {name})\b", r"//\1", text, count=1, flags=re.M)
        if not count:
            sys.exit(f"configure: in this Mbed TLS {name} is not on")
    return text


def main():
    source, target, stamp = map(Path, sys.argv[1:])
    shutil.rmtree(target, ignore_errors=True)
    (target / "mbedtls").mkdir(parents=True)
    for path in sorted((source / "include/mbedtls").glob("*.h")):
        text = path.read_text(encoding="utf-8")
        (target / "mbedtls" / path.name).write_text(configured(text) if path.name == "config.h" else text, encoding="utf-8")
    stamp.write_text("/* Mbed TLS is configured. */\n", encoding="utf-8")


if __name__ == "__main__":
    main()
