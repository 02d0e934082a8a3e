// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The module nvidia.ko: its parameters, what it says when it comes and goes, and
 * the GPUs that it drives. A work-alike for simulated GPUs: it says and shows what
 * NVIDIA's module does, and leaves the rest to the GPUs' owner outside of the guest.
 */

#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "nv.h"

/* What the real probe returns, and the PCI core prints. */
#define NV_PROBE_FAILED (-1)

/* NVML's "not supported", with which the owner refuses a GPU that is too new for this driver. */
#define NV_NOT_SUPPORTED 3

static int NVreg_ModifyDeviceFiles = 1;
static int NVreg_DeviceFileUID;
static int NVreg_DeviceFileGID;
static int NVreg_DeviceFileMode = 0666;
static int NVreg_EnableMSI = 1;
static int NVreg_RestrictProfilingToAdminUsers = 1;
static int NVreg_PreserveVideoMemoryAllocations;
static int NVreg_EnableGpuFirmware = 18;
static int NVreg_OpenRmEnableUnsupportedGpus = NV_BRANCH >= 560;
char *NVreg_RegistryDwords;
char *NVreg_ExcludedGpus;

module_param(NVreg_ModifyDeviceFiles, int, 0);
module_param(NVreg_DeviceFileUID, int, 0);
module_param(NVreg_DeviceFileGID, int, 0);
module_param(NVreg_DeviceFileMode, int, 0);
module_param(NVreg_EnableMSI, int, 0);
module_param(NVreg_RestrictProfilingToAdminUsers, int, 0);
module_param(NVreg_PreserveVideoMemoryAllocations, int, 0);
module_param(NVreg_EnableGpuFirmware, int, 0);
module_param(NVreg_OpenRmEnableUnsupportedGpus, int, 0);
module_param(NVreg_RegistryDwords, charp, 0);
module_param(NVreg_ExcludedGpus, charp, 0);

#define NV_PARAMETER(shown, variable, from, to) \
	{ .name = shown, .option = #variable, .value = &(variable), .least = from, .most = to }

const struct nv_parameter nv_parameters[] = {
	NV_PARAMETER("ModifyDeviceFiles", NVreg_ModifyDeviceFiles, 0, 1),
	NV_PARAMETER("DeviceFileUID", NVreg_DeviceFileUID, 0, INT_MAX),
	NV_PARAMETER("DeviceFileGID", NVreg_DeviceFileGID, 0, INT_MAX),
	NV_PARAMETER("DeviceFileMode", NVreg_DeviceFileMode, 0, 0777),
	NV_PARAMETER("EnableMSI", NVreg_EnableMSI, 0, 1),
	NV_PARAMETER("RmProfilingAdminOnly", NVreg_RestrictProfilingToAdminUsers, 0, 1),
	NV_PARAMETER("PreserveVideoMemoryAllocations", NVreg_PreserveVideoMemoryAllocations, 0, 1),
	NV_PARAMETER("EnableGpuFirmware", NVreg_EnableGpuFirmware, 0, 18),
	NV_PARAMETER("OpenRmEnableUnsupportedGpus", NVreg_OpenRmEnableUnsupportedGpus, 0, 1),
};
const unsigned int nv_parameters_count = ARRAY_SIZE(nv_parameters);

static const struct pci_device_id nv_pci_ids[] = {
	{
		.vendor = PCI_VENDOR_ID_NVIDIA,
		.device = PCI_ANY_ID,
		.subvendor = PCI_ANY_ID,
		.subdevice = PCI_ANY_ID,
		.class = PCI_CLASS_DISPLAY_VGA << 8,
		.class_mask = ~0,
	},
	{
		.vendor = PCI_VENDOR_ID_NVIDIA,
		.device = PCI_ANY_ID,
		.subvendor = PCI_ANY_ID,
		.subdevice = PCI_ANY_ID,
		.class = PCI_CLASS_DISPLAY_3D << 8,
		.class_mask = ~0,
	},
	{ }
};
MODULE_DEVICE_TABLE(pci, nv_pci_ids);

/* GPUs on offer by their pages' indices; each is held once. And whose pages are taken at all. */
static DEFINE_MUTEX(nv_gpus_lock);
static struct nv_gpu *nv_gpus[CCBOARD_GPUS];
static DECLARE_BITMAP(nv_claimed, CCBOARD_GPUS);

static atomic_t nv_probed;
static atomic_t nv_initialized;
static dev_t nv_nvlink;

/* --- GPUs, for those who have opened one --- */

static void nv_gpu_free(struct kref *kref)
{
	kfree(container_of(kref, struct nv_gpu, kref));
}

/* ENODEV when it is gone, EIO when it does not answer. */
static int nv_gpu_check_locked(const struct nv_gpu *gpu)
{
	if (!gpu->boot)
		return -ENODEV;
	return READ_ONCE(*gpu->boot) == U32_MAX ? -EIO : 0;
}

int nv_gpu_check(struct nv_gpu *gpu)
{
	int error;

	mutex_lock(&nv_gpus_lock);
	error = nv_gpu_check_locked(gpu);
	mutex_unlock(&nv_gpus_lock);
	return error;
}

struct nv_gpu *nv_gpu_open(unsigned int minor)
{
	struct nv_gpu *gpu;
	int error;

	mutex_lock(&nv_gpus_lock);
	gpu = minor < CCBOARD_GPUS ? nv_gpus[minor] : NULL;
	error = gpu ? nv_gpu_check_locked(gpu) : -ENODEV;
	if (!error) {
		kref_get(&gpu->kref);
		gpu->users++;
	}
	mutex_unlock(&nv_gpus_lock);
	return error ? ERR_PTR(error) : gpu;
}

void nv_gpu_close(struct nv_gpu *gpu)
{
	mutex_lock(&nv_gpus_lock);
	gpu->users--;
	mutex_unlock(&nv_gpus_lock);
	kref_put(&gpu->kref, nv_gpu_free);
}

bool nv_gpu_is_taken(u32 index)
{
	bool taken;

	mutex_lock(&nv_gpus_lock);
	taken = index < CCBOARD_GPUS && nv_gpus[index];
	mutex_unlock(&nv_gpus_lock);
	return taken;
}

/* --- Taking them and letting go of them --- */

static irqreturn_t nv_interrupt(int irq, void *data)
{
	nv_board_lines();
	return IRQ_HANDLED;
}

static void nv_interrupt_begin(struct nv_gpu *gpu)
{
	int irq;

	if (NVreg_EnableMSI && pci_alloc_irq_vectors(gpu->pdev, 1, 1, PCI_IRQ_MSI) == 1) {
		irq = pci_irq_vector(gpu->pdev, 0);
		if (!request_threaded_irq(irq, NULL, nv_interrupt, IRQF_ONESHOT, "nvidia", gpu)) {
			gpu->irq = irq;
			return;
		}
		pci_free_irq_vectors(gpu->pdev);
	}
	nv_board_hurry();
}

static void nv_interrupt_end(struct nv_gpu *gpu)
{
	if (!gpu->irq)
		return;
	free_irq(gpu->irq, gpu);
	pci_free_irq_vectors(gpu->pdev);
}

/* Whether a word of the list, between commas, is the GPU's bus id, with or without domain, or its UUID. */
static bool nv_is_excluded(const struct nv_gpu *gpu)
{
	struct nv_identity identity;
	const char *word = NVreg_ExcludedGpus, *names[3];
	unsigned int i;
	size_t length;

	if (!word)
		return false;
	nv_board_identify(gpu->index, &identity);
	names[0] = gpu->at;
	names[1] = strchr(gpu->at, ':') + 1;
	names[2] = identity.uuid;
	for (;;) {
		word = skip_spaces(word);
		length = strcspn(word, ", ");
		for (i = 0; length && i < ARRAY_SIZE(names); i++)
			if (strlen(names[i]) == length && !strncasecmp(names[i], word, length))
				return true;
		word += length;
		if (!*word)
			return false;
		word++;
	}
}

static bool nv_gpu_claim(const struct nv_gpu *gpu)
{
	bool free;

	mutex_lock(&nv_gpus_lock);
	free = !__test_and_set_bit(gpu->index, nv_claimed);
	mutex_unlock(&nv_gpus_lock);
	if (!free)
		pr_err("NVRM: GPU %s: its page, number %u, is that of another GPU.\n",
		       gpu->at, gpu->index);
	return free;
}

static void nv_gpu_disclaim(const struct nv_gpu *gpu)
{
	mutex_lock(&nv_gpus_lock);
	__clear_bit(gpu->index, nv_claimed);
	mutex_unlock(&nv_gpus_lock);
}

/* Has the owner hand it over. */
static int nv_gpu_take(const struct nv_gpu *gpu)
{
	const struct pci_dev *pdev = gpu->pdev;
	int status = nv_board_tell(CCBOARD_CALL_TAKEN, gpu->index, gpu->irq);

	if (!status)
		return 0;
	if (status == NV_NOT_SUPPORTED)
		pr_err("NVRM: The NVIDIA GPU %s (PCI ID: %04x:%04x)\n"
		       "NVRM: installed in this system is not supported by the\n"
		       "NVRM: NVIDIA %s driver release.\n"
		       "NVRM: Please see 'Appendix A - Supported NVIDIA GPU Products'\n"
		       "NVRM: in this release's README, available on the operating system\n"
		       "NVRM: specific graphics driver download page at www.nvidia.com.\n",
		       gpu->at, pdev->vendor, pdev->device, NV_VERSION_STRING);
	else if (status > 0)
		pr_err("NVRM: GPU %s: its owner does not hand it over (status %d).\n",
		       gpu->at, status);
	else
		pr_err("NVRM: GPU %s: its owner does not answer (error %d).\n", gpu->at, status);
	return -ENODEV;
}

/* From here on it can be opened, unless it is excluded. */
static void nv_gpu_offer(struct nv_gpu *gpu, const u32 *boot)
{
	mutex_lock(&nv_gpus_lock);
	gpu->boot = boot;
	if (!gpu->excluded) {
		kref_get(&gpu->kref);
		nv_gpus[gpu->index] = gpu;
	}
	mutex_unlock(&nv_gpus_lock);
}

/* No longer; who has it open finds it gone. Returns what it was mapped at. */
static const u32 *nv_gpu_withdraw(struct nv_gpu *gpu)
{
	unsigned int users;
	bool offered;
	const u32 *boot;

	mutex_lock(&nv_gpus_lock);
	boot = gpu->boot;
	gpu->boot = NULL;
	users = gpu->users;
	offered = nv_gpus[gpu->index] == gpu;
	if (offered)
		nv_gpus[gpu->index] = NULL;
	mutex_unlock(&nv_gpus_lock);
	if (users)
		pr_err("NVRM: Attempting to remove device %s with non-zero usage count!\n", gpu->at);
	if (offered)
		kref_put(&gpu->kref, nv_gpu_free);
	return boot;
}

static const u32 *nv_registers_map(struct nv_gpu *gpu)
{
	const u32 *boot;

	gpu->registers = pci_resource_start(gpu->pdev, 0);
	gpu->registers_bytes = pci_resource_len(gpu->pdev, 0);
	if (!(pci_resource_flags(gpu->pdev, 0) & IORESOURCE_MEM) || !gpu->registers ||
	    gpu->registers_bytes < PAGE_SIZE) {
		pr_err("NVRM: This PCI I/O region assigned to your NVIDIA device is invalid:\n"
		       "NVRM: BAR0 is %lluM @ 0x%llx (PCI:%s)\n",
		       gpu->registers_bytes >> 20, gpu->registers, gpu->at);
		pr_err("NVRM: The system BIOS may have misconfigured your GPU.\n");
		return NULL;
	}
	if (!request_mem_region(gpu->registers, gpu->registers_bytes, "nvidia")) {
		pr_err("NVRM: request_mem_region failed for %lluM @ 0x%llx. This can\n"
		       "NVRM: occur when a driver such as rivatv is loaded and claims\n"
		       "NVRM: ownership of the device's registers.\n",
		       gpu->registers_bytes >> 20, gpu->registers);
		return NULL;
	}
	/* It is memory that stands there, not registers, and others may have it mapped as such. */
	boot = memremap(gpu->registers, PAGE_SIZE, MEMREMAP_WB);
	if (!boot) {
		pr_err("NVRM: GPU %s: its registers at 0x%llx cannot be mapped.\n",
		       gpu->at, gpu->registers);
		release_mem_region(gpu->registers, gpu->registers_bytes);
	}
	return boot;
}

static void nv_registers_unmap(const struct nv_gpu *gpu, const u32 *boot)
{
	memunmap((void *)boot);
	release_mem_region(gpu->registers, gpu->registers_bytes);
}

static int nv_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct nv_gpu *gpu;
	const u32 *boot;

	atomic_inc(&nv_probed);
	gpu = kzalloc(sizeof(*gpu), GFP_KERNEL);
	if (!gpu)
		return -ENOMEM;
	kref_init(&gpu->kref);
	gpu->pdev = pdev;
	strscpy(gpu->at, pci_name(pdev), sizeof(gpu->at));

	if (pci_enable_device(pdev)) {
		pr_err("NVRM: pci_enable_device failed, aborting\n");
		goto put;
	}
	boot = nv_registers_map(gpu);
	if (!boot)
		goto disable;
	pci_set_master(pdev);
	if (READ_ONCE(*boot) == U32_MAX) {
		pr_err("NVRM: The NVIDIA GPU %s\n"
		       "NVRM: (PCI ID: %04x:%04x) installed in this system has\n"
		       "NVRM: fallen off the bus and is not responding to commands.\n",
		       gpu->at, pdev->vendor, pdev->device);
		goto unmap;
	}
	if (nv_board_attach(pdev, &gpu->index) || !nv_gpu_claim(gpu))
		goto unmap;
	gpu->excluded = nv_is_excluded(gpu);
	if (gpu->excluded) {
		pr_info("NVRM: GPU %s is excluded by NVreg_ExcludedGpus.\n", gpu->at);
	} else {
		nv_interrupt_begin(gpu);
		if (nv_gpu_take(gpu))
			goto end;
	}
	pci_set_drvdata(pdev, gpu);
	nv_gpu_offer(gpu, boot);
	if (nv_proc_add(gpu)) {
		pr_err("NVRM: GPU %s: its files in /proc cannot be made.\n", gpu->at);
		goto withdraw;
	}
	atomic_inc(&nv_initialized);
	return 0;

withdraw:
	nv_gpu_withdraw(gpu);
	if (!gpu->excluded)
		nv_board_tell(CCBOARD_CALL_RELEASED, gpu->index, 0);
end:
	nv_interrupt_end(gpu);
	nv_gpu_disclaim(gpu);
unmap:
	nv_registers_unmap(gpu, boot);
disable:
	pci_disable_device(pdev);
put:
	kref_put(&gpu->kref, nv_gpu_free);
	return NV_PROBE_FAILED;
}

/* Waits for nobody but the owner, and for that one not long: the GPU may be dead, or out of its slot. */
static void nv_pci_remove(struct pci_dev *pdev)
{
	struct nv_gpu *gpu = pci_get_drvdata(pdev);
	const u32 *boot = nv_gpu_withdraw(gpu);

	nv_proc_remove(gpu);
	nv_interrupt_end(gpu);
	nv_board_lines();
	if (!gpu->excluded)
		nv_board_tell(CCBOARD_CALL_RELEASED, gpu->index, 0);
	nv_gpu_disclaim(gpu);
	nv_registers_unmap(gpu, boot);
	pci_disable_device(pdev);
	pci_set_drvdata(pdev, NULL);
	kref_put(&gpu->kref, nv_gpu_free);
}

static struct pci_driver nv_pci_driver = {
	.name = "nvidia",
	.id_table = nv_pci_ids,
	.probe = nv_pci_probe,
	.remove = nv_pci_remove,
	/* Whoever loads the module is told how many of them there were. */
	.driver.probe_type = PROBE_FORCE_SYNCHRONOUS,
};

/* --- The module --- */

static int __init nv_parameters_check(void)
{
	const struct nv_parameter *parameter = nv_parameters;
	int error = 0;

	for (; parameter < nv_parameters + nv_parameters_count; parameter++) {
		if (*parameter->value >= parameter->least && *parameter->value <= parameter->most)
			continue;
		pr_err("NVRM: %s is %d, and must be from %d to %d.\n", parameter->option,
		       *parameter->value, parameter->least, parameter->most);
		error = -EINVAL;
	}
	return error;
}

static int __init nv_count_devices(void)
{
	struct pci_dev *pdev = NULL;
	int count = 0;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_NVIDIA, PCI_ANY_ID, pdev)))
		if (pci_match_id(nv_pci_ids, pdev))
			count++;
	return count;
}

/* Finds GPUs, and says what it has found. */
static int __init nv_drive(void)
{
	int count = nv_count_devices(), probed, initialized, error;

	if (!count) {
		pr_err("NVRM: No NVIDIA GPU found.\n");
		return -ENODEV;
	}
	error = pci_register_driver(&nv_pci_driver);
	if (error) {
		pr_err("NVRM: No NVIDIA PCI devices found.\n");
		return -ENODEV;
	}
	probed = atomic_read(&nv_probed);
	initialized = atomic_read(&nv_initialized);
	if (probed < count) {
		pr_err("NVRM: The NVIDIA probe routine was not called for %d device(s).\n",
		       count - probed);
		pr_err("NVRM: This can occur when another driver was loaded and \n"
		       "NVRM: obtained ownership of the NVIDIA device(s).\n");
		pr_err("NVRM: Try unloading the conflicting kernel module (and/or\n"
		       "NVRM: reconfigure your kernel without the conflicting\n"
		       "NVRM: driver(s)), then try loading the NVIDIA kernel module\n"
		       "NVRM: again.\n");
	}
	if (!probed) {
		pr_err("NVRM: No NVIDIA devices probed.\n");
	} else {
		if (initialized < probed)
			pr_err("NVRM: The NVIDIA probe routine failed for %d device(s).\n",
			       probed - initialized);
		if (!initialized)
			pr_err("NVRM: None of the NVIDIA devices were initialized.\n");
	}
	if (initialized)
		return 0;
	pci_unregister_driver(&nv_pci_driver);
	return -ENODEV;
}

static void nv_nvlink_end(void)
{
	unregister_chrdev_region(nv_nvlink, 1);
	pr_info("nvidia-nvlink: Unregistered Nvlink Core, major device number %u\n",
		MAJOR(nv_nvlink));
}

static int __init nv_init(void)
{
	int error;

	error = nv_parameters_check();
	if (error)
		return error;
	error = nv_files_prepare();
	if (error)
		return error;
	error = alloc_chrdev_region(&nv_nvlink, 0, 1, "nvidia-nvlink");
	if (error) {
		pr_err("nvidia-nvlink: alloc_chrdev_region failed: %d\n", error);
		goto forget;
	}
	pr_info("nvidia-nvlink: Nvlink Core is being initialized, major device number %u\n",
		MAJOR(nv_nvlink));
	error = nv_drive();
	if (error)
		goto detach;
	pr_err("NVRM: loading %s\n", NV_BANNER);
	/* The last step: from here on there are programs that hold the module. */
	error = nv_files_begin();
	if (error)
		goto unregister;
	return 0;

unregister:
	pci_unregister_driver(&nv_pci_driver);
detach:
	nv_board_detach();
	nv_nvlink_end();
forget:
	nv_files_forget();
	return error;
}

static void __exit nv_exit(void)
{
	nv_files_end();
	pci_unregister_driver(&nv_pci_driver);
	nv_board_detach();
	nv_nvlink_end();
	nv_files_forget();
}

int nvidia_get_rm_ops(void)
{
	return nv_board_gpus() ? 0 : -ENODEV;
}
EXPORT_SYMBOL(nvidia_get_rm_ops);

int nvUvmInterfaceSessionCreate(void)
{
	return nv_board_gpus() ? 0 : -ENODEV;
}
EXPORT_SYMBOL(nvUvmInterfaceSessionCreate);

module_init(nv_init);
module_exit(nv_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_VERSION(NV_VERSION_STRING);
MODULE_DESCRIPTION("Work-alike of NVIDIA's driver for simulated GPUs");
MODULE_ALIAS_CHARDEV_MAJOR(195);
