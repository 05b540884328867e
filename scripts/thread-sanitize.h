/*
 * SANITIZE=thread: has QEMU tell the sanitizer of coroutines
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "config-host.h"
#define CONFIG_TSAN 1
