/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the parts of nvidia.ko know of each other.
 *
 * nv-pci.c	the module, its parameters, and the GPUs that it drives
 * nv-board.c	the memory in which the GPUs' owner is spoken to
 * nv-files.c	what programs see of it: device files and /proc
 */
#ifndef NV_H
#define NV_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "ccboard.h"
#include "nv-crashcart.h"
#include "nv-export.h"

struct pci_dev;
struct proc_dir_entry;

/* A GPU from its probe on; open files keep it, but not its hardware, beyond its removal. */
struct nv_gpu {
	struct kref kref;
	struct pci_dev *pdev;	/* of use to probe and removal only */
	char at[20];		/* 0000:53:00.0 */
	u32 index;		/* of its page; its minor as well */
	bool excluded;
	int irq;		/* 0 without one */
	u64 registers, registers_bytes;
	struct proc_dir_entry *proc;

	/* Under the lock of nv-pci.c. */
	const u32 *boot;	/* first word behind BAR 0; NULL once the GPU is removed */
	unsigned int users;
};

/* What a GPU's page says about who it is. */
struct nv_identity {
	char name[96];
	char uuid[48];
	char vbios[32];
	u32 irq;
	bool lost;
};

/* An open /dev/nvidiactl. */
struct nv_connection {
	u64 id;
	u32 pid;
	u32 uid;
	char name[TASK_COMM_LEN];

	/* The rest is the mailbox's. */
	struct list_head node;	/* among the closed ones */
	unsigned int pending;	/* calls that nobody waits for any more */
	bool told;		/* one of them says that it is closed */
};

/* A parameter that is a number, and what it may be. */
struct nv_parameter {
	const char *name;	/* in /proc/driver/nvidia/params */
	const char *option;	/* of modprobe */
	const int *value;
	int least;
	int most;
};

/* nv-pci.c */
extern const struct nv_parameter nv_parameters[];
extern const unsigned int nv_parameters_count;
extern char *NVreg_RegistryDwords;
extern char *NVreg_ExcludedGpus;

struct nv_gpu *nv_gpu_open(unsigned int minor);
int nv_gpu_check(struct nv_gpu *gpu);
void nv_gpu_close(struct nv_gpu *gpu);
bool nv_gpu_is_taken(u32 index);

/* nv-board.c */
int nv_board_attach(struct pci_dev *pdev, u32 *index);
void nv_board_detach(void);
void nv_board_hurry(void);
u32 nv_board_gpus(void);
u64 nv_board_pages(u64 *bytes);
const void *nv_board_mapped_pages(u64 *bytes);
void nv_board_identify(u32 index, struct nv_identity *identity);
void nv_board_lines(void);
int nv_board_tell(u32 kind, u32 gpu, u64 argument);
struct nv_connection *nv_board_open(void);
int nv_board_ask(struct nv_connection *connection, struct nv_crashcart_command *command);
void nv_board_close(struct nv_connection *connection);

/* nv-files.c */
int nv_files_prepare(void);
int nv_files_begin(void);
void nv_files_end(void);
void nv_files_forget(void);
int nv_proc_add(struct nv_gpu *gpu);
void nv_proc_remove(struct nv_gpu *gpu);

#endif
