/*
 * pasid-testdev: its registers, for the device and for those who drive it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plain C, also for programs that know nothing of QEMU.  What the registers
 * mean is in docs/pasid-testdev.rst.
 */

#ifndef HW_MISC_PASID_TESTDEV_H
#define HW_MISC_PASID_TESTDEV_H

#define PASID_TESTDEV_VENDOR        0x1234
#define PASID_TESTDEV_DEVICE        0xa51d

/* BAR 0, 128 KiB; all registers are 32 or 64 bits wide, little-endian. */
#define PASID_TESTDEV_ID            0x000   /* reads PASID_TESTDEV_MAGIC */
#define PASID_TESTDEV_MAGIC         0x44534150
#define PASID_TESTDEV_CONTROL       0x004
#define PASID_TESTDEV_INTERRUPTS    0x008   /* write 1 to clear */
#define PASID_TESTDEV_LOG_COUNT     0x00c   /* events since it was written 0 */
#define PASID_TESTDEV_ATC_COUNT     0x010   /* translations; a write drops all */
#define PASID_TESTDEV_OUTSTANDING   0x014   /* page requests without response */
#define PASID_TESTDEV_MIGRATION     0x018

/* CONTROL */
#define PASID_TESTDEV_HOLD_INVALIDATIONS (1u << 0) /* never complete them */
#define PASID_TESTDEV_HOLD_ONLY(n)  ((n) << 16) /* but so many, if not 0 */
#define PASID_TESTDEV_CONTROL_BITS  0xffff0001u

/* MIGRATION */
#define PASID_TESTDEV_STOP          (1u << 0)   /* send nothing */
#define PASID_TESTDEV_LOAD          (1u << 1)   /* with STOP: writes are taken
                                                   as they are */

#define PASID_TESTDEV_CHANNELS      16
#define PASID_TESTDEV_CHANNEL(n)    (0x400 + (n) * 0x40)

/* Of each channel */
#define PASID_TESTDEV_COMMAND       0x00    /* a write starts it */
#define PASID_TESTDEV_STATUS        0x04
#define PASID_TESTDEV_IOVA          0x08    /* 64 bits */
#define PASID_TESTDEV_LENGTH        0x10    /* bytes */
#define PASID_TESTDEV_BUFFER        0x14    /* offset in the device's memory */
#define PASID_TESTDEV_PASID         0x18
#define PASID_TESTDEV_PRGI          0x1c    /* first page request group */
#define PASID_TESTDEV_DONE          0x20    /* bytes, or page requests sent */
#define PASID_TESTDEV_REQUESTS      0x24    /* page requests sent */
#define PASID_TESTDEV_RESULT        0x28    /* 64 bits, of TRANSLATE, REPEAT */

/* COMMAND */
#define PASID_TESTDEV_OP            0xfu
#define PASID_TESTDEV_WRITE         1u      /* device memory to IOVA */
#define PASID_TESTDEV_READ          2u      /* IOVA to device memory */
#define PASID_TESTDEV_TRANSLATE     3u
#define PASID_TESTDEV_PAGE_REQUEST  4u
#define PASID_TESTDEV_WITH_PASID    (1u << 4)
#define PASID_TESTDEV_PRIVILEGED    (1u << 5)
#define PASID_TESTDEV_EXECUTE       (1u << 6)
#define PASID_TESTDEV_ATS           (1u << 7)  /* translated requests */
#define PASID_TESTDEV_PRI           (1u << 8)  /* and pages on demand */
#define PASID_TESTDEV_FORGED        (1u << 9)  /* IOVA, called translated */
#define PASID_TESTDEV_INTERRUPT     (1u << 10) /* at the end */
#define PASID_TESTDEV_VECTOR(n)     ((n) << 12) /* of MSI-X, 0 to 3 */
#define PASID_TESTDEV_WANT_READ     (1u << 16) /* TRANSLATE, PAGE_REQUEST */
#define PASID_TESTDEV_WANT_WRITE    (1u << 17)
#define PASID_TESTDEV_LAST          (1u << 18) /* PAGE_REQUEST */
#define PASID_TESTDEV_ONE_GROUP     (1u << 19)
#define PASID_TESTDEV_REPEAT        (1u << 20) /* WRITE, until COMMAND is 0 */

/* STATUS: the state, and in bits 15:8 how it ended */
#define PASID_TESTDEV_STATE         0xfu
#define PASID_TESTDEV_IDLE          0u
#define PASID_TESTDEV_BUSY          1u
#define PASID_TESTDEV_WAITING       2u      /* for a page request's response */
#define PASID_TESTDEV_ENDED         3u
#define PASID_TESTDEV_CODE(status)  (((status) >> 8) & 0xff)
#define PASID_TESTDEV_OK            0u
#define PASID_TESTDEV_FAULT         1u      /* the request was blocked */
#define PASID_TESTDEV_NO_PAGE       2u      /* ATS: no rights, and no PRI */
#define PASID_TESTDEV_INVALID       3u      /* PRI: Invalid Request */
#define PASID_TESTDEV_FAILURE       4u      /* PRI: Response Failure */
#define PASID_TESTDEV_DISABLED      5u      /* not enabled in config space */
#define PASID_TESTDEV_BAD           6u      /* the command makes no sense */
#define PASID_TESTDEV_ATS_REFUSED   7u      /* no translation completion */
#define PASID_TESTDEV_TRIES         8u      /* PRI: success, but no page */

/* RESULT: the translated page's address, its size, its rights */
#define PASID_TESTDEV_RESULT_READ   (1u << 0)
#define PASID_TESTDEV_RESULT_WRITE  (1u << 1)
#define PASID_TESTDEV_RESULT_UNTRANSLATED (1u << 2) /* use no translated one */
#define PASID_TESTDEV_RESULT_LG2(r) (((r) >> 4) & 0x3f)

/* The log: what came in, 32 bytes an event, the last 64 of them */
#define PASID_TESTDEV_LOG           0x1000
#define PASID_TESTDEV_LOG_ENTRIES   64
#define PASID_TESTDEV_LOG_SLOT(n) \
    (PASID_TESTDEV_LOG + (n) % PASID_TESTDEV_LOG_ENTRIES * 32)

/* Of each event: two 32-bit and two 64-bit words */
#define PASID_TESTDEV_EVENT         0x00
#define PASID_TESTDEV_EVENT_PASID   0x04    /* ~0: none */
#define PASID_TESTDEV_EVENT_FIRST   0x08
#define PASID_TESTDEV_EVENT_LAST    0x10

#define PASID_TESTDEV_EVENT_KIND    0xfu
#define PASID_TESTDEV_RESPONSE      1u      /* CODE; PRGI in FIRST */
#define PASID_TESTDEV_INVALIDATION  2u      /* addresses FIRST to LAST */
#define PASID_TESTDEV_EVENT_CODE(e) (((e) >> 4) & 0xf)
#define PASID_TESTDEV_EVENT_GLOBAL  (1u << 8)
#define PASID_TESTDEV_UNEXPECTED    (1u << 9) /* no such group */

#define PASID_TESTDEV_MEMORY        0x10000 /* of the device */
#define PASID_TESTDEV_MEMORY_SIZE   0x10000
#define PASID_TESTDEV_BAR_SIZE      0x20000

/* Page request groups 0x1f0 and up are used by waiting channels. */
#define PASID_TESTDEV_PRGI_CHANNEL  0x1f0

/*
 * Of our Linux driver, tests/hostvm/kernel: /dev/pasid-testdevN.  _IO() is in
 * sys/ioctl.h.  mmap() gives BAR 0, whatever is bound.
 */
#define PASID_TESTDEV_BIND          _IO('P', 0xe0)  /* returns the PASID */
#define PASID_TESTDEV_UNBIND        _IO('P', 0xe1)

#endif
