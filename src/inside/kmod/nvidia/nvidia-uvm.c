// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The module nvidia-uvm.ko: a number for /dev/nvidia-uvm and -uvm-tools, which
 * programs that compute must be able to open. Manages no memory.
 */

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "nv-export.h"

#define NV_UVM_MINORS 2

static dev_t nv_uvm_first;
static struct cdev nv_uvm_cdev;

static int nv_uvm_open(struct inode *inode, struct file *file)
{
	return 0;
}

static long nv_uvm_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	return -EINVAL;
}

static const struct file_operations nv_uvm_fops = {
	.owner = THIS_MODULE,
	.open = nv_uvm_open,
	.unlocked_ioctl = nv_uvm_ioctl,
};

static int __init nv_uvm_init(void)
{
	int error;

	error = nvUvmInterfaceSessionCreate();
	if (error)
		return error;
	error = alloc_chrdev_region(&nv_uvm_first, 0, NV_UVM_MINORS, "nvidia-uvm");
	if (error)
		return error;
	cdev_init(&nv_uvm_cdev, &nv_uvm_fops);
	nv_uvm_cdev.owner = THIS_MODULE;
	pr_info("nvidia-uvm: Loaded the UVM driver, major device number %u.\n",
		MAJOR(nv_uvm_first));
	error = cdev_add(&nv_uvm_cdev, nv_uvm_first, NV_UVM_MINORS);
	if (error)
		unregister_chrdev_region(nv_uvm_first, NV_UVM_MINORS);
	return error;
}

static void __exit nv_uvm_exit(void)
{
	cdev_del(&nv_uvm_cdev);
	unregister_chrdev_region(nv_uvm_first, NV_UVM_MINORS);
	pr_info("nvidia-uvm: Unloaded the UVM driver.\n");
}

module_init(nv_uvm_init);
module_exit(nv_uvm_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(NV_VERSION_STRING);
MODULE_DESCRIPTION("Work-alike of NVIDIA's unified memory driver for simulated GPUs");
