// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * What programs see of the driver: /dev/nvidia<N>, /dev/nvidiactl, the number of
 * /dev/nvidia-modeset, /proc/driver/nvidia and /proc/driver/nvidia-caps. Makes no
 * device files: that is nvidia-device-files' affair, which reads /proc for it.
 */

#include <linux/cdev.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "ccgpu_page.h"
#include "nv.h"

#define NV_MAJOR	195
#define NV_GPU_MINORS	248
#define NV_MODESET	254
#define NV_CONTROL	255

/* NVML's statuses. */
#define NV_SUCCESS	0
#define NV_NOT_FOUND	6

/* The verb that turns persistence mode on or off. */
#define NV_SET_PERSISTENCE	1

/* --- /dev/nvidia<N> --- */

static int nv_gpu_file_open(struct inode *inode, struct file *file)
{
	struct nv_gpu *gpu = nv_gpu_open(iminor(inode));

	if (IS_ERR(gpu))
		return PTR_ERR(gpu);
	file->private_data = gpu;
	return 0;
}

static int nv_gpu_file_release(struct inode *inode, struct file *file)
{
	nv_gpu_close(file->private_data);
	return 0;
}

static __poll_t nv_gpu_file_poll(struct file *file, struct poll_table_struct *table)
{
	return nv_gpu_check(file->private_data) ? EPOLLERR | EPOLLHUP : 0;
}

static long nv_gpu_file_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	int error = nv_gpu_check(file->private_data);

	return error ? error : -EINVAL;
}

static const struct file_operations nv_gpu_fops = {
	.owner = THIS_MODULE,
	.open = nv_gpu_file_open,
	.release = nv_gpu_file_release,
	.poll = nv_gpu_file_poll,
	.unlocked_ioctl = nv_gpu_file_ioctl,
};

/* --- /dev/nvidiactl --- */

static int nv_control_open(struct inode *inode, struct file *file)
{
	file->private_data = nv_board_open();
	return file->private_data ? 0 : -ENOMEM;
}

static int nv_control_release(struct inode *inode, struct file *file)
{
	nv_board_close(file->private_data);
	return 0;
}

/* There is never anything to read, so that who waits for that waits for its signals. */
static __poll_t nv_control_poll(struct file *file, struct poll_table_struct *table)
{
	return 0;
}

static int nv_control_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long bytes = vma->vm_end - vma->vm_start;
	u64 pages_bytes, at = nv_board_pages(&pages_bytes);

	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	if (vma->vm_pgoff >= pages_bytes >> PAGE_SHIFT ||
	    bytes > pages_bytes - ((u64)vma->vm_pgoff << PAGE_SHIFT))
		return -EINVAL;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags &= ~VM_MAYWRITE;
#else
	vm_flags_clear(vma, VM_MAYWRITE);
#endif
	return remap_pfn_range(vma, vma->vm_start, (at >> PAGE_SHIFT) + vma->vm_pgoff, bytes,
			       vma->vm_page_prot);
}

/* The pages once more, for programs that would rather not map them. */
static ssize_t nv_control_read(struct file *file, char __user *to, size_t bytes, loff_t *at)
{
	u64 pages_bytes;
	const void *pages = nv_board_mapped_pages(&pages_bytes);

	return simple_read_from_buffer(to, bytes, at, pages, pages_bytes);
}

static long nv_greet(void __user *to)
{
	struct nv_crashcart_greeting greeting = {
		.magic = CCGPU_MAGIC,
		.layout = CCBOARD_PAGE_LAYOUT,
		.gpus = nv_board_gpus(),
	};

	return copy_to_user(to, &greeting, sizeof(greeting)) ? -EFAULT : 0;
}

/* The daemon is what others are told to use instead. */
static void nv_persistence_notice(void)
{
	char name[TASK_COMM_LEN];
	static bool said;

	get_task_comm(name, current->group_leader);
	if (!strncmp(name, "nvidia-persiste", sizeof(name)) || READ_ONCE(said))
		return;
	WRITE_ONCE(said, true);
	pr_err("NVRM: Persistence mode is deprecated and will be removed in a future release. Please use nvidia-persistenced instead.\n");
}

static long nv_command(struct nv_connection *connection, void __user *user)
{
	struct nv_crashcart_command command;
	int error;

	if (copy_from_user(&command, user, sizeof(command)))
		return -EFAULT;
	if (command.gpu >= nv_board_gpus())
		return -EINVAL;
	if (nv_gpu_is_taken(command.gpu)) {
		error = nv_board_ask(connection, &command);
		if (error)
			return error;
	} else {
		command.status = NV_NOT_FOUND;
		command.pad = 0;
		memset(command.values, 0, sizeof(command.values));
	}
	if (command.verb == NV_SET_PERSISTENCE && command.arguments[0] == 1 &&
	    command.status == NV_SUCCESS)
		nv_persistence_notice();
	return copy_to_user(user, &command, sizeof(command)) ? -EFAULT : 0;
}

static long nv_compare_version(const void __user *user)
{
	struct nv_crashcart_version theirs;
	char name[TASK_COMM_LEN];
	size_t i;

	if (copy_from_user(&theirs, user, sizeof(theirs)))
		return -EFAULT;
	theirs.version[sizeof(theirs.version) - 1] = '\0';
	if (!strcmp(theirs.version, NV_VERSION_STRING))
		return 0;
	for (i = 0; theirs.version[i]; i++)
		if (!isascii(theirs.version[i]) || !isprint(theirs.version[i]))
			theirs.version[i] = '?';
	get_task_comm(name, current);
	if (NV_BRANCH >= 580)
		pr_err("NVRM: API mismatch: the client '%s' (pid %u)\n"
		       "NVRM: has the version %s, but this kernel module has\n"
		       "NVRM: the version %s.  Please make sure that this\n"
		       "NVRM: kernel module and all NVIDIA driver components\n"
		       "NVRM: have the same version.\n",
		       name, task_tgid_nr(current), theirs.version, NV_VERSION_STRING);
	else
		pr_err("NVRM: API mismatch: the client has the version %s, but\n"
		       "NVRM: this kernel module has the version %s.  Please\n"
		       "NVRM: make sure that this kernel module and all NVIDIA driver\n"
		       "NVRM: components have the same version.\n",
		       theirs.version, NV_VERSION_STRING);
	return -EINVAL;
}

static long nv_control_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	void __user *user = (void __user *)argument;

	switch (number) {
	case NV_CRASHCART_GREETING:
		return nv_greet(user);
	case NV_CRASHCART_COMMAND:
		return nv_command(file->private_data, user);
	case NV_CRASHCART_VERSION:
		return nv_compare_version(user);
	default:
		return -EINVAL;
	}
}

static const struct file_operations nv_control_fops = {
	.owner = THIS_MODULE,
	.open = nv_control_open,
	.release = nv_control_release,
	.poll = nv_control_poll,
	.mmap = nv_control_mmap,
	.read = nv_control_read,
	.unlocked_ioctl = nv_control_ioctl,
};

/* --- All of them --- */

static int nv_modeset_open(struct inode *inode, struct file *file)
{
	return 0;
}

static const struct file_operations nv_modeset_fops = {
	.owner = THIS_MODULE,
	.open = nv_modeset_open,
};

static int nv_open(struct inode *inode, struct file *file)
{
	const struct file_operations *fops = &nv_gpu_fops;

	if (iminor(inode) == NV_CONTROL)
		fops = &nv_control_fops;
	else if (iminor(inode) == NV_MODESET)
		fops = &nv_modeset_fops;
	fops = fops_get(fops);
	if (!fops)
		return -ENODEV;
	replace_fops(file, fops);
	return fops->open(inode, file);
}

static const struct file_operations nv_fops = {
	.owner = THIS_MODULE,
	.open = nv_open,
};

static struct cdev nv_cdev;

/* What /proc/devices has for it. */
static const struct nv_minors {
	const char *name;
	unsigned int first;
	unsigned int count;
} nv_minors[] = {
	{ "nvidia", 0, NV_GPU_MINORS },
	{ "nvidia-modeset", NV_MODESET, 1 },
	{ "nvidiactl", NV_CONTROL, 1 },
};

static void nv_minors_give(unsigned int count)
{
	while (count--)
		unregister_chrdev_region(MKDEV(NV_MAJOR, nv_minors[count].first),
					 nv_minors[count].count);
}

static int nv_minors_take(void)
{
	unsigned int i;
	int error;

	for (i = 0; i < ARRAY_SIZE(nv_minors); i++) {
		error = register_chrdev_region(MKDEV(NV_MAJOR, nv_minors[i].first),
					       nv_minors[i].count, nv_minors[i].name);
		if (error) {
			pr_err("NVRM: register_chrdev_region() failed for %s!\n",
			       nv_minors[i].name);
			nv_minors_give(i);
			return error;
		}
	}
	return 0;
}

/* --- /proc --- */

static struct proc_dir_entry *nv_proc;
static struct proc_dir_entry *nv_proc_gpus;
static struct proc_dir_entry *nv_proc_caps;

static int nv_show_version(struct seq_file *file, void *unused)
{
	seq_printf(file, "NVRM version: %s\nGCC version:  %s\n", NV_BANNER, NV_COMPILER);
	return 0;
}

static int nv_show_params(struct seq_file *file, void *unused)
{
	unsigned int i;

	for (i = 0; i < nv_parameters_count; i++)
		seq_printf(file, "%s: %u\n", nv_parameters[i].name, *nv_parameters[i].value);
	seq_printf(file, "RegistryDwords: \"%s\"\n", NVreg_RegistryDwords ?: "");
	seq_printf(file, "ExcludedGpus: \"%s\"\n", NVreg_ExcludedGpus ?: "");
	return 0;
}

static int nv_show_registry(struct seq_file *file, void *unused)
{
	seq_puts(file, "Binary: \"\"\n");
	return 0;
}

/* Minors of /dev/nvidia-caps, of whatever can be cut out of a GPU. */
static int nv_show_mig_minors(struct seq_file *file, void *unused)
{
	unsigned int gpu, gi, ci, minor = 3;

	seq_puts(file, "config 1\nmonitor 2\n");
	for (gpu = 0; gpu < nv_board_gpus(); gpu++) {
		for (gi = 0; gi < 15; gi++) {
			seq_printf(file, "gpu%u/gi%u/access %u\n", gpu, gi, minor++);
			for (ci = 0; ci < 8; ci++)
				seq_printf(file, "gpu%u/gi%u/ci%u/access %u\n", gpu, gi, ci, minor++);
		}
	}
	return 0;
}

static int nv_show_information(struct seq_file *file, void *unused)
{
	const struct nv_gpu *gpu = file->private;
	struct nv_identity identity;

	nv_board_identify(gpu->index, &identity);
	seq_printf(file, "Model: \t\t %s\n", identity.name);
	seq_printf(file, "IRQ:   \t\t %u\n", gpu->irq ?: identity.irq);
	seq_printf(file, "GPU UUID: \t %s\n", identity.uuid);
	seq_printf(file, "Video BIOS: \t %s\n", identity.lost ? "??.??.??.??.??" : identity.vbios);
	seq_puts(file, "Bus Type: \t PCIe\n");
	seq_puts(file, "DMA Size: \t 47 bits\n");
	seq_puts(file, "DMA Mask: \t 0x7fffffffffff\n");
	seq_printf(file, "Bus Location: \t %s\n", gpu->at);
	if (!gpu->excluded)
		seq_printf(file, "Device Minor: \t %u\n", gpu->index);
	seq_printf(file, "GPU Firmware: \t %s\n", NV_VERSION_STRING);
	seq_printf(file, "GPU Excluded:\t %s\n", gpu->excluded ? "Yes" : "No");
	return 0;
}

int nv_proc_add(struct nv_gpu *gpu)
{
	gpu->proc = proc_mkdir(gpu->at, nv_proc_gpus);
	if (gpu->proc &&
	    proc_create_single_data("information", 0444, gpu->proc, nv_show_information, gpu) &&
	    proc_create_single("registry", 0444, gpu->proc, nv_show_registry))
		return 0;
	nv_proc_remove(gpu);
	return -ENOMEM;
}

/* Returns when nobody reads there any more. */
void nv_proc_remove(struct nv_gpu *gpu)
{
	proc_remove(gpu->proc);
	gpu->proc = NULL;
}

static int nv_proc_begin(void)
{
	nv_proc = proc_mkdir("driver/nvidia", NULL);
	nv_proc_caps = proc_mkdir("driver/nvidia-caps", NULL);
	if (!nv_proc || !nv_proc_caps)
		return -ENOMEM;
	nv_proc_gpus = proc_mkdir("gpus", nv_proc);
	if (!nv_proc_gpus ||
	    !proc_create_single("version", 0444, nv_proc, nv_show_version) ||
	    !proc_create_single("params", 0444, nv_proc, nv_show_params) ||
	    !proc_create_single("registry", 0444, nv_proc, nv_show_registry) ||
	    !proc_create_single("mig-minors", 0444, nv_proc_caps, nv_show_mig_minors))
		return -ENOMEM;
	return 0;
}

/* --- The module's coming and going --- */

/* What probes need. */
int nv_files_prepare(void)
{
	int error;

	error = nv_minors_take();
	if (error)
		return error;
	error = nv_proc_begin();
	if (error) {
		pr_err("NVRM: failed to initialize procfs.\n");
		nv_files_forget();
	}
	return error;
}

void nv_files_forget(void)
{
	proc_remove(nv_proc);
	proc_remove(nv_proc_caps);
	nv_minors_give(ARRAY_SIZE(nv_minors));
}

/* Lets programs in; nothing of the module's start may fail after that. */
int nv_files_begin(void)
{
	int error;

	cdev_init(&nv_cdev, &nv_fops);
	nv_cdev.owner = THIS_MODULE;
	error = cdev_add(&nv_cdev, MKDEV(NV_MAJOR, 0), NV_CONTROL + 1);
	if (error)
		pr_err("NVRM: cdev_add() failed for nvidia!\n");
	return error;
}

void nv_files_end(void)
{
	cdev_del(&nv_cdev);
}
