/*
 * Nested VT-d on QEMU 10.0: what the tests of the base call by another name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_QTEST_H
#define NVTD_QTEST_H

#include "libqtest.h"

#define qtest_init_ext qtest_init_with_env_and_capabilities

#endif
