/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * How programs ask /dev/nvidiactl. A connection is an open file: what was opened
 * through it ends with it. The pages, read-only, are what mmap gives from offset 0.
 */
#ifndef NV_CRASHCART_H
#define NV_CRASHCART_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct nv_crashcart_greeting {
	__u64 magic;	/* CCGPU_MAGIC */
	__u32 layout;	/* CCBOARD_PAGE_LAYOUT */
	__u32 gpus;	/* that there are pages for */
};

struct nv_crashcart_command {
	__u32 verb;
	__u32 gpu;
	__u64 arguments[6];
	__u32 status;	/* what became of it: NVML's number */
	__u32 pad;
	__u64 values[4];
};

/* What the program's library is: EINVAL, and lines in the kernel log, if the driver is another. */
struct nv_crashcart_version {
	char version[32];
};

#define NV_CRASHCART_GREETING	_IOR('N', 0xd0, struct nv_crashcart_greeting)
#define NV_CRASHCART_COMMAND	_IOWR('N', 0xd1, struct nv_crashcart_command)
#define NV_CRASHCART_VERSION	_IOW('N', 0xd2, struct nv_crashcart_version)

#endif
