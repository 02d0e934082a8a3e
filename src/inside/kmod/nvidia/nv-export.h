/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What nvidia.ko offers to the modules on top of it, and what all of them call
 * themselves. Neither function does anything but make them depend on it.
 */
#ifndef NV_EXPORT_H
#define NV_EXPORT_H

#include "nv-version.h"

#define NV_RELEASE \
	"for x86_64  " NV_VERSION_STRING "  Release Build  (dvs-builder@U22-I3-B17-02-6)  " NV_BUILT
#define NV_BANNER "NVIDIA UNIX Open Kernel Module " NV_RELEASE

int nvidia_get_rm_ops(void);
int nvUvmInterfaceSessionCreate(void);

#endif
