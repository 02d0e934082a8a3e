// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The module nvidia-modeset.ko: says that it comes and goes. Its device file's
 * number is nvidia.ko's, and there are no displays.
 */

#include <linux/module.h>

#include "nv-export.h"

static int __init nv_modeset_init(void)
{
	int error = nvidia_get_rm_ops();

	if (!error)
		pr_info("nvidia-modeset: Loading NVIDIA UNIX Open Kernel Mode Setting Driver %s\n",
			NV_RELEASE);
	return error;
}

static void __exit nv_modeset_exit(void)
{
	pr_info("nvidia-modeset: Unloading\n");
}

module_init(nv_modeset_init);
module_exit(nv_modeset_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(NV_VERSION_STRING);
MODULE_DESCRIPTION("Work-alike of NVIDIA's mode setting driver for simulated GPUs");
