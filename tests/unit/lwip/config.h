/* SPDX-License-Identifier: MIT */
/* lwip_check.h asks for it; there is nothing to configure. */
