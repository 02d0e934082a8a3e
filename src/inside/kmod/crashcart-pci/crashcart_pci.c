// SPDX-License-Identifier: GPL-2.0
/*
 * PCI buses whose devices are described by memory that is shared with the
 * outside of the guest: the board (ccboard.h). A read of configuration space
 * reads its table, a write changes what the table's masks let it change, and
 * windows behind BARs are parts of the same memory. The kernel's own PCI code
 * does the rest: enumeration, sysfs, hot-plug, error reporting.
 *
 * Knows nothing about what the devices are.
 */

#include <linux/acpi.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdesc.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <asm/pci.h>

#include "ccboard.h"

/* How often the owner's interrupts are looked for. */
#define POLL_MS 100
/* A bridge's 64-bit prefetchable window. */
#define WINDOW_BASE PCI_PREF_MEMORY_BASE
#define SPACE 4096

struct ccpci_root {
	struct pci_bus *bus;
	struct pci_sysdata sysdata;
	struct resource window;
	struct resource numbers;
	unsigned int index;
};

struct ccpci_interrupt {
	struct irq_work work;
	unsigned int irq;
	u32 seen;
};

static struct {
	struct ccboard *board;
	phys_addr_t base;
	struct ccboard_function *functions;
	u32 function_count;
	struct resource memory;
	struct ccpci_root roots[CCBOARD_ROOTS];
	u32 root_count;
	struct ccpci_interrupt interrupts[CCBOARD_FUNCTIONS];
	struct task_struct *poller;
	raw_spinlock_t lock;
} ccpci;

/* The three tables of a function: bytes, writable bits, bits that a one clears. */
static u8 *ccpci_space(u32 function)
{
	return (u8 *)ccpci.board + CCBOARD_CONFIGURATION_AT + function * 3 * SPACE;
}

/* Index of the function at this place, or -1. */
static int ccpci_find(unsigned int root, unsigned int bus, unsigned int devfn)
{
	u32 n;

	for (n = 0; n < ccpci.function_count; n++) {
		const struct ccboard_function *it = &ccpci.functions[n];

		if (READ_ONCE(it->root) == root && READ_ONCE(it->bus) == bus &&
		    READ_ONCE(it->devfn) == devfn &&
		    (READ_ONCE(it->flags) & CCBOARD_PRESENT))
			return n;
	}
	return -1;
}

static struct ccpci_root *ccpci_root_of(struct pci_bus *bus)
{
	return container_of((struct pci_sysdata *)bus->sysdata, struct ccpci_root, sysdata);
}

static bool ccpci_is_dead(int function)
{
	return function < 0 || (READ_ONCE(ccpci.functions[function].flags) & CCBOARD_DEAD);
}

static int ccpci_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *value)
{
	int function = ccpci_find(ccpci_root_of(bus)->index, bus->number, devfn);
	u8 *space;

	*value = ~0U;
	if (where < 0 || where + size > SPACE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (function < 0)
		return PCIBIOS_DEVICE_NOT_FOUND;
	/* Nobody answers: a machine reads ones, and no error. */
	if (ccpci_is_dead(function))
		return PCIBIOS_SUCCESSFUL;
	space = ccpci_space(function) + where;
	switch (size) {
	case 1:
		*value = READ_ONCE(*space);
		break;
	case 2:
		*value = READ_ONCE(*(u16 *)space);
		break;
	default:
		*value = READ_ONCE(*(u32 *)space);
		break;
	}
	return PCIBIOS_SUCCESSFUL;
}

static int ccpci_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 value)
{
	int function = ccpci_find(ccpci_root_of(bus)->index, bus->number, devfn);
	unsigned long flags;
	u8 *space;
	int n;

	if (where < 0 || where + size > SPACE)
		return PCIBIOS_BAD_REGISTER_NUMBER;
	if (function < 0)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (ccpci_is_dead(function))
		return PCIBIOS_SUCCESSFUL;
	space = ccpci_space(function);
	raw_spin_lock_irqsave(&ccpci.lock, flags);
	for (n = where; n < where + size; n++, value >>= 8) {
		u8 byte = value, writable = space[SPACE + n], cleared = space[2 * SPACE + n];

		byte = ((space[n] & ~writable) | (byte & writable)) & ~(byte & cleared);
		WRITE_ONCE(space[n], byte);
	}
	raw_spin_unlock_irqrestore(&ccpci.lock, flags);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops ccpci_ops = {
	.read = ccpci_read,
	.write = ccpci_write,
};

/* Where the board is: the one memory device that the firmware's NFIT has. */
static int ccpci_locate(phys_addr_t *base, u64 *bytes)
{
	struct acpi_table_header *table;
	int found = -ENODEV;
	u8 *at, *end;

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_NFIT, 0, &table)))
		return -ENODEV;
	end = (u8 *)table + table->length;
	at = (u8 *)table + sizeof(struct acpi_table_nfit);
	while (at + sizeof(struct acpi_nfit_header) <= end) {
		struct acpi_nfit_header *header = (struct acpi_nfit_header *)at;
		struct acpi_nfit_system_address *range = (struct acpi_nfit_system_address *)at;

		if (header->length < sizeof(*header) || at + header->length > end)
			break;
		if (header->type == ACPI_NFIT_TYPE_SYSTEM_ADDRESS &&
		    header->length >= offsetofend(struct acpi_nfit_system_address, length)) {
			*base = range->address;
			*bytes = range->length;
			found = 0;
			break;
		}
		at += header->length;
	}
	acpi_put_table(table);
	return found;
}

/* What firmware does: addresses into BARs, windows into bridges, the board's place into devices. */
static void ccpci_place(u32 n)
{
	const struct ccboard_function *function = &ccpci.functions[n];
	u8 *space = ccpci_space(n);
	u64 base = ccpci.base + function->window_at;
	u64 limit = base + function->window_bytes - 1;
	u32 bar;

	for (bar = 0; bar < CCBOARD_BARS; bar++) {
		u32 where = function->bars[bar].offset;
		u64 address = ccpci.base + function->bars[bar].at;

		if (!where || where > PCI_BASE_ADDRESS_4)
			continue;
		*(u32 *)(space + where) = lower_32_bits(address) | (space[where] & 0xf);
		*(u32 *)(space + where + 4) = upper_32_bits(address);
	}
	if (function->window_bytes) {
		*(u16 *)(space + WINDOW_BASE) = (base >> 16 & 0xfff0) | 1;
		*(u16 *)(space + WINDOW_BASE + 2) = (limit >> 16 & 0xfff0) | 1;
		*(u32 *)(space + PCI_PREF_BASE_UPPER32) = upper_32_bits(base);
		*(u32 *)(space + PCI_PREF_LIMIT_UPPER32) = upper_32_bits(limit);
	}
	if (function->gpu != U32_MAX) {
		*(u32 *)(space + CCBOARD_VSEC_AT + 8) = lower_32_bits(ccpci.base);
		*(u32 *)(space + CCBOARD_VSEC_AT + 12) = upper_32_bits(ccpci.base);
	}
}

/* Whether what the board says of itself can be. */
static int ccpci_check(u64 room)
{
	const struct ccboard *board = ccpci.board;
	u32 n;

	if (board->magic != CCBOARD_MAGIC) {
		pr_info("crashcart-pci: no devices are described here\n");
		return -ENODEV;
	}
	if (board->layout != CCBOARD_LAYOUT) {
		pr_err("crashcart-pci: the board is of layout %u, this module knows %u: they come from different versions of crashcart\n",
		       board->layout, CCBOARD_LAYOUT);
		return -EINVAL;
	}
	if (board->root_count > CCBOARD_ROOTS || board->function_count > CCBOARD_FUNCTIONS) {
		pr_err("crashcart-pci: %u buses with %u functions are more than the %u and %u that fit\n",
		       board->root_count, board->function_count, CCBOARD_ROOTS, CCBOARD_FUNCTIONS);
		return -EINVAL;
	}
	if (board->bytes > room) {
		pr_err("crashcart-pci: the board says that it has %llu bytes, and has %llu\n",
		       board->bytes, room);
		return -EINVAL;
	}
	for (n = 0; n < board->root_count; n++) {
		const struct ccboard_root *root = &board->roots[n];

		if (root->first_bus > root->last_bus || root->last_bus > 255 || !root->bytes ||
		    root->at > board->bytes || root->bytes > board->bytes - root->at) {
			pr_err("crashcart-pci: bus %u to %u with %llu bytes at %llu cannot be\n",
			       root->first_bus, root->last_bus, root->bytes, root->at);
			return -EINVAL;
		}
	}
	return 0;
}

static int ccpci_add_root(u32 n)
{
	const struct ccboard_root *told = &ccpci.board->roots[n];
	struct ccpci_root *root = &ccpci.roots[n];
	LIST_HEAD(resources);
	int error;

	root->index = n;
	root->sysdata.domain = told->domain;
	root->sysdata.node = told->numa_node < nr_node_ids ? told->numa_node : NUMA_NO_NODE;
	root->window = (struct resource) {
		.name = "PCI bus window",
		.start = ccpci.base + told->at,
		.end = ccpci.base + told->at + told->bytes - 1,
		.flags = IORESOURCE_MEM | IORESOURCE_MEM_64 | IORESOURCE_PREFETCH,
	};
	root->numbers = (struct resource) {
		.name = "PCI buses",
		.start = told->first_bus,
		.end = told->last_bus,
		.flags = IORESOURCE_BUS,
	};
	error = request_resource(&ccpci.memory, &root->window);
	if (error)
		return error;
	pci_add_resource(&resources, &root->window);
	pci_add_resource(&resources, &root->numbers);
	root->bus = pci_create_root_bus(NULL, told->first_bus, &ccpci_ops, &root->sysdata, &resources);
	if (!root->bus) {
		pci_free_resource_list(&resources);
		release_resource(&root->window);
		return -ENOMEM;
	}
	pci_scan_child_bus(root->bus);
	pci_bus_claim_resources(root->bus);
	pci_assign_unassigned_bus_resources(root->bus);
	pci_bus_add_devices(root->bus);
	return 0;
}

static void ccpci_fire(struct irq_work *work)
{
	struct ccpci_interrupt *interrupt = container_of(work, struct ccpci_interrupt, work);

	generic_handle_irq(interrupt->irq);
}

/* Raises the interrupt of a function for which the owner asked. */
static void ccpci_interrupt(u32 n)
{
	const struct ccboard_function *function = &ccpci.functions[n];
	struct ccpci_interrupt *interrupt = &ccpci.interrupts[n];
	struct ccpci_root *root = &ccpci.roots[min(function->root, ccpci.root_count - 1)];
	u32 asked = READ_ONCE(function->interrupts);
	struct pci_dev *device;

	if (asked == interrupt->seen)
		return;
	interrupt->seen = asked;
	device = pci_get_domain_bus_and_slot(root->sysdata.domain, function->bus, function->devfn);
	if (!device)
		return;
	if (device->msi_enabled && device->irq && !irq_work_is_busy(&interrupt->work)) {
		interrupt->irq = device->irq;
		irq_work_queue(&interrupt->work);
	}
	pci_dev_put(device);
}

static int ccpci_poll(void *unused)
{
	u32 n;

	while (!kthread_should_stop()) {
		for (n = 0; n < ccpci.function_count; n++)
			ccpci_interrupt(n);
		schedule_timeout_idle(msecs_to_jiffies(POLL_MS));
	}
	return 0;
}

static int __init ccpci_init(void)
{
	phys_addr_t base;
	u64 bytes;
	u32 n;
	int error;

	error = ccpci_locate(&base, &bytes);
	if (error)
		return error;
	raw_spin_lock_init(&ccpci.lock);
	ccpci.base = base;
	ccpci.board = memremap(base, CCBOARD_LINES_AT, MEMREMAP_WB);
	if (!ccpci.board)
		return -ENOMEM;
	error = ccpci_check(bytes);
	if (error)
		goto unmap;
	ccpci.functions = (void *)ccpci.board + CCBOARD_FUNCTIONS_AT;
	ccpci.function_count = ccpci.board->function_count;
	ccpci.root_count = ccpci.board->root_count;
	ccpci.memory = (struct resource) {
		.name = "crashcart-pci",
		.start = base,
		.end = base + ccpci.board->bytes - 1,
		.flags = IORESOURCE_MEM,
	};
	error = request_resource(&iomem_resource, &ccpci.memory);
	if (error) {
		pr_err("crashcart-pci: the memory at %pa belongs to somebody else\n", &base);
		goto unmap;
	}
	for (n = 0; n < ccpci.function_count; n++) {
		ccpci_place(n);
		init_irq_work(&ccpci.interrupts[n].work, ccpci_fire);
		ccpci.interrupts[n].seen = READ_ONCE(ccpci.functions[n].interrupts);
	}
	pci_lock_rescan_remove();
	for (n = 0; n < ccpci.root_count; n++) {
		error = ccpci_add_root(n);
		if (error)
			pr_err("crashcart-pci: bus %02x could not be had (%d)\n",
			       ccpci.board->roots[n].first_bus, error);
	}
	pci_unlock_rescan_remove();
	ccpci.poller = kthread_run(ccpci_poll, NULL, "crashcart-pci");
	if (IS_ERR(ccpci.poller))
		pr_err("crashcart-pci: devices will raise no interrupts (%ld)\n", PTR_ERR(ccpci.poller));
	return 0;

unmap:
	memunmap(ccpci.board);
	return error;
}
module_init(ccpci_init);

/* Hardware is not taken out of a running machine: there is no exit. */
MODULE_DESCRIPTION("PCI devices described by shared memory");
MODULE_LICENSE("GPL");
/* The kernel is tainted by the drivers that the node's owner builds, not by its hardware. */
MODULE_INFO(intree, "Y");
