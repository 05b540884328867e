/*
 * Nested VT-d on QEMU 10.2: what the tests of the base call by another name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVTD_QTEST_H
#define NVTD_QTEST_H

#include "libqtest.h"

#endif
