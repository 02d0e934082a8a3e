// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The board: memory that the GPUs' owner, outside of the guest, shares with us.
 *
 * Found through a capability of the first GPU that is probed, checked, and kept
 * until the module goes. Here are the mailbox, the lines that the owner wants in
 * the kernel log, and the GPUs' pages. Root can write all of it at any time, so
 * nothing that stands there decides what memory of ours is used. Knows nothing of
 * what a command means.
 */

#include <linux/bitmap.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include "ccgpu_page.h"
#include "nv.h"

/* States of a slot. */
#define NV_FREE		0
#define NV_ASKED	1
#define NV_ANSWERED	2

/* The slot of the module's own calls: they are answered in the order in which they are made. */
#define NV_OWN		0

#define NV_PATIENCE_MS	30000
#define NV_GOODBYE_MS	2000
#define NV_SILENT_MS	1000

/* Condition of a GPU that is off the bus. */
#define NV_LOST		1

#define NV_PAGE_BYTES(type) ALIGN(sizeof(u64) + 2 * sizeof(struct type), 4096)
#define NV_PAGES_BYTES(gpus) \
	(NV_PAGE_BYTES(ccgpu_node) + (u64)(gpus) * NV_PAGE_BYTES(ccgpu_gpu))

#define nv_refuse(pdev, format, ...) \
	pr_err("NVRM: GPU %s: " format "\n", pci_name(pdev), ##__VA_ARGS__)

static void nv_board_work(struct work_struct *work);

static struct {
	u64 address;
	void *at;
	u32 gpus;
	u16 doorbell;
	u64 pages_at;
	u64 pages_bytes;
	struct delayed_work work;
	unsigned long period;

	/* The module's own calls, and all of the above while it is found out. */
	struct mutex own;
	bool own_pending;	/* the last one is not answered */
	bool silent;		/* nor did we wait for that to the end */
	bool greeted;		/* the owner has been told of this driver */
	bool welcome;		/* and has said that this is fine */

	/* The other slots. */
	struct mutex slots;
	DECLARE_BITMAP(busy, CCBOARD_CALLS);
	DECLARE_BITMAP(left, CCBOARD_CALLS);	/* busy, but nobody waits for the answer */
	struct nv_connection *whose[CCBOARD_CALLS];
	struct list_head closed;

	struct mutex lines;
	u64 line_seen;
	char text[sizeof_field(struct ccboard_line, text) + 1];
} board = {
	.own = __MUTEX_INITIALIZER(board.own),
	.slots = __MUTEX_INITIALIZER(board.slots),
	.closed = LIST_HEAD_INIT(board.closed),
	.lines = __MUTEX_INITIALIZER(board.lines),
	.period = HZ,
	.work = __DELAYED_WORK_INITIALIZER(board.work, nv_board_work, 0),
};

static void nv_make_printable(char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if ((text[i] < 0x20 && text[i] != '\t') || text[i] > 0x7e)
			text[i] = '?';
}

/* --- Waiting --- */

struct nv_wait {
	unsigned long end;
	ktime_t begun;
	unsigned int pause;
	bool killable;
};

static struct nv_wait nv_wait_for(unsigned int ms, bool killable)
{
	return (struct nv_wait) {
		.end = jiffies + msecs_to_jiffies(ms),
		.begun = ktime_get(),
		.pause = 200,
		.killable = killable,
	};
}

static bool nv_is_killed(const struct nv_wait *wait)
{
	return wait->killable && fatal_signal_pending(current);
}

/* Pauses, the longer the longer it has lasted; or says that this was enough. */
static bool nv_wait_on(struct nv_wait *wait)
{
	if (time_after_eq(jiffies, wait->end) || nv_is_killed(wait))
		return false;
	if (ktime_us_delta(ktime_get(), wait->begun) < USEC_PER_MSEC) {
		usleep_range(20, 50);
		return true;
	}
	usleep_range(wait->pause, wait->pause * 5 / 2);
	wait->pause = min(wait->pause * 2, 2000u);
	return true;
}

static int nv_wait_error(const struct nv_wait *wait)
{
	return nv_is_killed(wait) ? -EINTR : -ETIMEDOUT;
}

/* --- The mailbox --- */

static struct ccboard_call *nv_slot(unsigned int slot)
{
	return (struct ccboard_call *)(board.at + CCBOARD_CALLS_AT) + slot;
}

/* Of a slot that is ours; `call` has no state yet. */
static void nv_slot_send(unsigned int slot, const struct ccboard_call *call)
{
	*nv_slot(slot) = *call;
	smp_store_release(&nv_slot(slot)->state, NV_ASKED);
	if (board.doorbell)
		outb(1, board.doorbell);
}

static bool nv_slot_is_answered(unsigned int slot)
{
	return smp_load_acquire(&nv_slot(slot)->state) == NV_ANSWERED;
}

static void nv_slot_empty(unsigned int slot)
{
	smp_store_release(&nv_slot(slot)->state, NV_FREE);
}

/*
 * Slots that nobody waits for and that have been answered become free, and closed
 * connections of which the owner has nothing left are told to it: a command that
 * it read after that could open something that nobody would ever close.
 */
static void nv_slots_settle(void)
{
	struct nv_connection *connection, *next;
	unsigned int slot;

	lockdep_assert_held(&board.slots);
	for_each_set_bit(slot, board.left, CCBOARD_CALLS) {
		if (!nv_slot_is_answered(slot))
			continue;
		connection = board.whose[slot];
		board.whose[slot] = NULL;
		if (connection) {
			connection->pending--;
			if (connection->told) {
				list_del(&connection->node);
				kfree(connection);
			}
		}
		nv_slot_empty(slot);
		__clear_bit(slot, board.left);
		__clear_bit(slot, board.busy);
	}
	list_for_each_entry_safe(connection, next, &board.closed, node) {
		struct ccboard_call call = {
			.kind = CCBOARD_CALL_CLOSE,
			.connection = connection->id,
			.pid = connection->pid,
			.uid = connection->uid,
		};

		if (connection->told || connection->pending)
			continue;
		slot = find_next_zero_bit(board.busy, CCBOARD_CALLS, NV_OWN + 1);
		if (slot >= CCBOARD_CALLS)
			break;
		memcpy(call.name, connection->name, sizeof(call.name));
		__set_bit(slot, board.busy);
		__set_bit(slot, board.left);
		board.whose[slot] = connection;
		connection->pending = 1;
		connection->told = true;
		nv_slot_send(slot, &call);
	}
}

static int nv_slot_take(struct nv_wait *wait)
{
	unsigned int slot;

	do {
		mutex_lock(&board.slots);
		nv_slots_settle();
		slot = find_next_zero_bit(board.busy, CCBOARD_CALLS, NV_OWN + 1);
		if (slot < CCBOARD_CALLS)
			__set_bit(slot, board.busy);
		mutex_unlock(&board.slots);
		if (slot < CCBOARD_CALLS)
			return slot;
	} while (nv_wait_on(wait));
	return nv_wait_error(wait);
}

static void nv_slot_give(unsigned int slot)
{
	nv_slot_empty(slot);
	mutex_lock(&board.slots);
	__clear_bit(slot, board.busy);
	mutex_unlock(&board.slots);
}

/* Leaves a slot to the owner, who still has it. */
static void nv_slot_leave(unsigned int slot, struct nv_connection *connection)
{
	mutex_lock(&board.slots);
	__set_bit(slot, board.left);
	board.whose[slot] = connection;
	connection->pending++;
	mutex_unlock(&board.slots);
}

/* Who the calling program is: it may have been handed a connection that another one opened. */
static void nv_caller(u32 *pid, u32 *uid, void *name)
{
	char comm[TASK_COMM_LEN];

	*pid = task_tgid_nr(current);
	*uid = from_kuid(&init_user_ns, current_euid());
	get_task_comm(comm, current->group_leader);
	memcpy(name, comm, TASK_COMM_LEN);
}

/* A new connection; no other one of this boot, also of a module of before us, has its number. */
struct nv_connection *nv_board_open(void)
{
	static atomic64_t last;
	struct nv_connection *connection = kzalloc(sizeof(*connection), GFP_KERNEL);

	if (!connection)
		return NULL;
	atomic64_cmpxchg(&last, 0, ktime_get_boottime_ns());
	connection->id = atomic64_inc_return(&last);
	nv_caller(&connection->pid, &connection->uid, connection->name);
	return connection;
}

/* Has the owner do what a program wants done. */
int nv_board_ask(struct nv_connection *connection, struct nv_crashcart_command *command)
{
	struct nv_wait wait = nv_wait_for(NV_PATIENCE_MS, true);
	struct ccboard_call call = {
		.kind = CCBOARD_CALL_COMMAND,
		.connection = connection->id,
		.verb = command->verb,
		.gpu = command->gpu,
	};
	int slot;

	nv_caller(&call.pid, &call.uid, call.name);
	memcpy(call.arguments, command->arguments, sizeof(call.arguments));
	slot = nv_slot_take(&wait);
	if (slot < 0)
		return slot;
	nv_slot_send(slot, &call);
	while (!nv_slot_is_answered(slot)) {
		if (!nv_wait_on(&wait)) {
			nv_slot_leave(slot, connection);
			return nv_wait_error(&wait);
		}
	}
	call = *nv_slot(slot);
	nv_slot_give(slot);
	command->status = call.status;
	command->pad = 0;
	memcpy(command->values, call.values, sizeof(command->values));
	nv_board_lines();
	return 0;
}

static bool nv_is_closing(u64 id)
{
	struct nv_connection *connection;

	list_for_each_entry(connection, &board.closed, node)
		if (connection->id == id)
			return true;
	return false;
}

/*
 * Takes a connection over and tells that it is closed. Waits for the owner, but
 * not for long: whatever it has not heard by then, it hears from the work.
 */
void nv_board_close(struct nv_connection *connection)
{
	struct nv_wait wait = nv_wait_for(NV_GOODBYE_MS, false);
	u64 id = connection->id;
	bool closing;

	mutex_lock(&board.slots);
	list_add_tail(&connection->node, &board.closed);
	mutex_unlock(&board.slots);
	do {
		mutex_lock(&board.slots);
		nv_slots_settle();
		closing = nv_is_closing(id);
		mutex_unlock(&board.slots);
	} while (closing && nv_wait_on(&wait));
}

/* Whether the slot of our own calls is free. */
static bool nv_own_is_free(void)
{
	if (board.own_pending && nv_slot_is_answered(NV_OWN)) {
		nv_slot_empty(NV_OWN);
		board.own_pending = false;
		board.silent = false;
	}
	return !board.own_pending;
}

static int nv_tell(u32 kind, u32 gpu, u64 argument)
{
	bool goodbye = kind == CCBOARD_CALL_RELEASED || kind == CCBOARD_CALL_UNLOADED;
	unsigned int ms = goodbye ? NV_GOODBYE_MS : NV_PATIENCE_MS;
	struct nv_wait wait = nv_wait_for(board.silent ? NV_SILENT_MS : ms, !goodbye);
	struct ccboard_call call = {
		.kind = kind,
		.gpu = gpu,
		.arguments[0] = argument,
		.name = "nvidia",
		.version = NV_VERSION_STRING,
	};
	int status;

	lockdep_assert_held(&board.own);
	while (!nv_own_is_free()) {
		if (!nv_wait_on(&wait))
			return nv_wait_error(&wait);
	}
	board.own_pending = true;
	nv_slot_send(NV_OWN, &call);
	while (!nv_slot_is_answered(NV_OWN)) {
		if (!nv_wait_on(&wait)) {
			board.silent = true;
			return nv_wait_error(&wait);
		}
	}
	status = READ_ONCE(nv_slot(NV_OWN)->status) & INT_MAX;
	nv_own_is_free();
	return status;
}

/* A call of the module's own: NVML's number for what became of it, or an error. */
int nv_board_tell(u32 kind, u32 gpu, u64 argument)
{
	int status;

	mutex_lock(&board.own);
	status = nv_tell(kind, gpu, argument);
	mutex_unlock(&board.own);
	return status;
}

/* --- Lines for the kernel log --- */

static void nv_line_print(u64 number)
{
	const struct ccboard_line *line = board.at + CCBOARD_LINES_AT;
	u32 priority, length;

	line += number % CCBOARD_LINES;
	if (READ_ONCE(line->number) != number)
		return;
	/* The text is not of before the number, and is whole if the number still stands there. */
	smp_rmb();
	priority = min(READ_ONCE(line->priority), 7u);
	length = min_t(u32, READ_ONCE(line->length), sizeof(line->text));
	memcpy(board.text, line->text, length);
	smp_rmb();
	if (READ_ONCE(line->number) != number)
		return;
	nv_make_printable(board.text, length);
	board.text[length] = '\0';
	printk("%c%c%s\n", KERN_SOH_ASCII, '0' + priority, board.text);
}

/* Prints what the owner has said since the last time. */
void nv_board_lines(void)
{
	const struct ccboard *head = board.at;
	u64 newest;

	mutex_lock(&board.lines);
	newest = smp_load_acquire(&head->line_last);
	if (newest < board.line_seen)
		board.line_seen = newest;
	else if (newest - board.line_seen > CCBOARD_LINES)
		board.line_seen = newest - CCBOARD_LINES;
	while (board.line_seen < newest)
		nv_line_print(++board.line_seen);
	mutex_unlock(&board.lines);
}

static void nv_board_work(struct work_struct *work)
{
	nv_board_lines();
	mutex_lock(&board.slots);
	nv_slots_settle();
	mutex_unlock(&board.slots);
	schedule_delayed_work(&board.work, READ_ONCE(board.period));
}

/* A GPU cannot interrupt, so that one must look more often. */
void nv_board_hurry(void)
{
	WRITE_ONCE(board.period, HZ / 2);
}

/* --- Pages --- */

u32 nv_board_gpus(void)
{
	return READ_ONCE(board.gpus);
}

/* Where the pages are in the guest's physical memory. */
u64 nv_board_pages(u64 *bytes)
{
	*bytes = board.pages_bytes;
	return board.address + board.pages_at;
}

/* And where they are in the kernel's. */
const void *nv_board_mapped_pages(u64 *bytes)
{
	*bytes = board.pages_bytes;
	return board.at + board.pages_at;
}

static void nv_text(char *to, const u8 *from, size_t bytes)
{
	memcpy(to, from, bytes);
	to[bytes - 1] = '\0';
	nv_make_printable(to, strlen(to));
}

/*
 * Reads from a page as one write of the owner left it. After a thousand writes in
 * a row that came in between, as nobody but a vandal makes them, what was read counts.
 */
void nv_board_identify(u32 index, struct nv_identity *identity)
{
	const u64 *count = board.at + board.pages_at + NV_PAGES_BYTES(index);
	const struct ccgpu_gpu *copies = (const void *)(count + 1), *copy;
	unsigned int tries;
	u64 before;

	for (tries = 0; tries < 1000; tries++) {
		before = smp_load_acquire(count);
		copy = &copies[before & 1];
		nv_text(identity->name, copy->name, sizeof(identity->name));
		nv_text(identity->uuid, copy->uuid, sizeof(identity->uuid));
		nv_text(identity->vbios, copy->vbios, sizeof(identity->vbios));
		identity->irq = READ_ONCE(copy->irq);
		identity->lost = READ_ONCE(copy->condition) == NV_LOST;
		smp_rmb();
		if (READ_ONCE(*count) == before)
			return;
		cpu_relax();
	}
}

static_assert(sizeof_field(struct nv_identity, name) == sizeof_field(struct ccgpu_gpu, name));
static_assert(sizeof_field(struct nv_identity, uuid) == sizeof_field(struct ccgpu_gpu, uuid));
static_assert(sizeof_field(struct nv_identity, vbios) == sizeof_field(struct ccgpu_gpu, vbios));
static_assert(sizeof_field(struct nv_connection, name) == sizeof_field(struct ccboard_call, name));
static_assert(sizeof(NV_VERSION_STRING) <= sizeof_field(struct ccboard_call, version));

/* --- Finding it --- */

/* Says what is wrong with a board, if anything. */
static int nv_board_check(struct pci_dev *pdev, const struct ccboard *head)
{
	u64 lines_end = CCBOARD_LINES_AT + CCBOARD_LINES * sizeof(struct ccboard_line);

	if (head->magic != CCBOARD_MAGIC) {
		nv_refuse(pdev, "its board begins with 0x%016llx, not with 0x%016llx.",
			  head->magic, CCBOARD_MAGIC);
	} else if (head->layout != CCBOARD_LAYOUT) {
		nv_refuse(pdev, "its board is of layout %u, and this driver knows layout %u.",
			  head->layout, CCBOARD_LAYOUT);
	} else if (head->page_layout != CCBOARD_PAGE_LAYOUT) {
		nv_refuse(pdev, "its board has pages of layout %u, and this driver knows layout %u.",
			  head->page_layout, CCBOARD_PAGE_LAYOUT);
	} else if (!head->gpu_count || head->gpu_count > CCBOARD_GPUS) {
		nv_refuse(pdev, "its board has %u GPUs, and 1 to %u were expected.",
			  head->gpu_count, CCBOARD_GPUS);
	} else if (head->doorbell > U16_MAX) {
		nv_refuse(pdev, "its board's doorbell is port 0x%x, beyond the last port.",
			  head->doorbell);
	} else if (head->pages_at < lines_end || head->pages_at > SZ_64M ||
		   !PAGE_ALIGNED(head->pages_at)) {
		nv_refuse(pdev, "its board's pages are at 0x%llx, not at a page from 0x%llx on.",
			  head->pages_at, lines_end);
	} else if (head->pages_bytes < NV_PAGES_BYTES(head->gpu_count) ||
		   head->pages_bytes > SZ_64M || !PAGE_ALIGNED(head->pages_bytes)) {
		nv_refuse(pdev, "its board's pages take %llu bytes, not the %llu of %u GPUs.",
			  head->pages_bytes, NV_PAGES_BYTES(head->gpu_count), head->gpu_count);
	} else if (head->pages_at + head->pages_bytes > head->bytes) {
		nv_refuse(pdev, "its board's pages end at 0x%llx, and the board at 0x%llx.",
			  head->pages_at + head->pages_bytes, head->bytes);
	} else {
		return 0;
	}
	return -ENODEV;
}

/* Slots that a module of before us has left to the owner stay its own until it answers. */
static void nv_slots_inherit(void)
{
	unsigned int slot;

	for (slot = 0; slot < CCBOARD_CALLS; slot++) {
		if (READ_ONCE(nv_slot(slot)->state) != NV_ASKED) {
			nv_slot_empty(slot);
		} else if (slot == NV_OWN) {
			board.own_pending = true;
		} else {
			__set_bit(slot, board.busy);
			__set_bit(slot, board.left);
		}
	}
}

static int nv_board_map(struct pci_dev *pdev, u64 address)
{
	struct ccboard *mapped = NULL, head;
	int error;

	if (address && PAGE_ALIGNED(address))
		mapped = memremap(address, PAGE_SIZE, MEMREMAP_WB);
	if (!mapped) {
		nv_refuse(pdev, "its board is said to be at 0x%llx, where no memory can be mapped.",
			  address);
		return -ENODEV;
	}
	head = *mapped;
	memunmap(mapped);
	error = nv_board_check(pdev, &head);
	if (error)
		return error;
	mapped = memremap(address, head.pages_at + head.pages_bytes, MEMREMAP_WB);
	if (!mapped) {
		nv_refuse(pdev, "%llu bytes of its board at 0x%llx cannot be mapped.",
			  head.pages_at + head.pages_bytes, address);
		return -ENOMEM;
	}
	board.at = mapped;
	board.address = address;
	board.doorbell = head.doorbell;
	board.pages_at = head.pages_at;
	board.pages_bytes = head.pages_bytes;
	WRITE_ONCE(board.gpus, head.gpu_count);
	/* Lines of before are not ours. */
	board.line_seen = READ_ONCE(mapped->line_last);
	nv_slots_inherit();
	schedule_delayed_work(&board.work, board.period);
	return 0;
}

static int nv_board_greet(struct pci_dev *pdev)
{
	int status;

	if (board.welcome)
		return 0;
	board.greeted = true;
	status = nv_tell(CCBOARD_CALL_LOADED, 0, 0);
	if (status < 0) {
		nv_refuse(pdev, "the owner of its board does not answer (error %d).", status);
		return status;
	}
	if (status) {
		nv_refuse(pdev, "the owner of its board does not want driver %s (status %d).",
			  NV_VERSION_STRING, status);
		return -ENODEV;
	}
	board.welcome = true;
	return 0;
}

/* Finds the board through a GPU, and the GPU's place on it. */
int nv_board_attach(struct pci_dev *pdev, u32 *index)
{
	u32 header = 0, low = 0, high = 0, layout = 0;
	u64 address;
	int error;
	u16 at;

	at = pci_find_vsec_capability(pdev, PCI_VENDOR_ID_NVIDIA, CCBOARD_VSEC);
	if (!at) {
		nv_refuse(pdev, "it has no vendor-specific capability 0x%x, which tells of its board.",
			  CCBOARD_VSEC);
		return -ENODEV;
	}
	if (pci_read_config_dword(pdev, at + PCI_VNDR_HEADER, &header) ||
	    pci_read_config_dword(pdev, at + 0x08, &low) ||
	    pci_read_config_dword(pdev, at + 0x0c, &high) ||
	    pci_read_config_dword(pdev, at + 0x10, index) ||
	    pci_read_config_dword(pdev, at + 0x14, &layout)) {
		nv_refuse(pdev, "its configuration space cannot be read.");
		return -EIO;
	}
	if (PCI_VNDR_HEADER_LEN(header) < 0x18 || layout != CCBOARD_LAYOUT) {
		nv_refuse(pdev, "its capability tells of a board of layout %u, and this driver knows layout %u.",
			  layout, CCBOARD_LAYOUT);
		return -ENODEV;
	}
	address = (u64)high << 32 | low;
	mutex_lock(&board.own);
	error = board.at ? 0 : nv_board_map(pdev, address);
	if (!error && address != board.address) {
		nv_refuse(pdev, "its board is at 0x%llx, and that of the others at 0x%llx.",
			  address, board.address);
		error = -ENODEV;
	}
	if (!error && *index >= board.gpus) {
		nv_refuse(pdev, "its page is number %u, and its board has %u from 0 on.",
			  *index, board.gpus);
		error = -ENODEV;
	}
	if (!error)
		error = nv_board_greet(pdev);
	mutex_unlock(&board.own);
	return error;
}

/* When no GPU and no file is left. */
void nv_board_detach(void)
{
	struct nv_connection *connection, *next;

	if (!board.at)
		return;
	cancel_delayed_work_sync(&board.work);
	if (board.greeted)
		nv_board_tell(CCBOARD_CALL_UNLOADED, 0, 0);
	nv_board_lines();
	/* Their owner has just heard that all of them are closed. */
	list_for_each_entry_safe(connection, next, &board.closed, node)
		kfree(connection);
	memunmap(board.at);
}
