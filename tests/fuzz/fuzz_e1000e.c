/* SPDX-License-Identifier: MIT */
/* The driver e1000e: see fuzz_e1000.c. */
#define EXPRESS 1
#include "fuzz_e1000.c"
