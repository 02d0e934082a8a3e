/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Written by crashcart-hardware from src/board.rs; do not edit. */
#ifndef CCBOARD_H
#define CCBOARD_H

#include <linux/types.h>

#define CCBOARD_LAYOUT 1
#define CCBOARD_MAGIC 0x014452414f424343ULL
#define CCBOARD_PAGE_LAYOUT 2
#define CCBOARD_ROOTS 16
#define CCBOARD_FUNCTIONS 64
#define CCBOARD_GPUS 16
#define CCBOARD_CALLS 64
#define CCBOARD_LINES 128
#define CCBOARD_BARS 3
#define CCBOARD_FUNCTIONS_AT 0x1000
#define CCBOARD_CONFIGURATION_AT 0x10000
#define CCBOARD_CALLS_AT 0x100000
#define CCBOARD_LINES_AT 0x180000
#define CCBOARD_PRESENT 1
#define CCBOARD_DEAD 2
#define CCBOARD_CALL_COMMAND 1
#define CCBOARD_CALL_CLOSE 2
#define CCBOARD_CALL_LOADED 3
#define CCBOARD_CALL_UNLOADED 4
#define CCBOARD_CALL_TAKEN 5
#define CCBOARD_CALL_RELEASED 6
#define CCBOARD_VSEC 0xcc01
#define CCBOARD_VSEC_AT 0x1a0

struct ccboard_root {
	__u32 domain;	/* 0 */
	__u32 first_bus;	/* 4 */
	__u32 last_bus;	/* 8 */
	__u32 numa_node;	/* 12 */
	__u64 at;	/* 16 */
	__u64 bytes;	/* 24 */
};
_Static_assert(sizeof(struct ccboard_root) == 32, "layout");

struct ccboard {
	__u64 magic;	/* 0 */
	__u32 layout;	/* 8 */
	__u32 page_layout;	/* 12 */
	__u64 bytes;	/* 16 */
	__u64 generation;	/* 24 */
	__u32 root_count;	/* 32 */
	__u32 function_count;	/* 36 */
	__u32 gpu_count;	/* 40 */
	__u32 doorbell;	/* 44 */
	__u64 pages_at;	/* 48 */
	__u64 pages_bytes;	/* 56 */
	__u64 line_last;	/* 64 */
	struct ccboard_root roots[16];	/* 72 */
};
_Static_assert(sizeof(struct ccboard) == 584, "layout");

struct ccboard_bar {
	__u32 offset;	/* 0 */
	__u32 pad;	/* 4 */
	__u64 at;	/* 8 */
	__u64 bytes;	/* 16 */
};
_Static_assert(sizeof(struct ccboard_bar) == 24, "layout");

struct ccboard_function {
	__u32 flags;	/* 0 */
	__u32 root;	/* 4 */
	__u32 bus;	/* 8 */
	__u32 devfn;	/* 12 */
	__u32 gpu;	/* 16 */
	__u32 interrupts;	/* 20 */
	__u64 window_at;	/* 24 */
	__u64 window_bytes;	/* 32 */
	struct ccboard_bar bars[3];	/* 40 */
};
_Static_assert(sizeof(struct ccboard_function) == 112, "layout");

struct ccboard_call {
	__u32 state;	/* 0 */
	__u32 kind;	/* 4 */
	__u64 connection;	/* 8 */
	__u32 pid;	/* 16 */
	__u32 uid;	/* 20 */
	__u8 name[16];	/* 24 */
	__u32 verb;	/* 40 */
	__u32 gpu;	/* 44 */
	__u64 arguments[6];	/* 48 */
	__u32 status;	/* 96 */
	__u32 pad;	/* 100 */
	__u64 values[4];	/* 104 */
	__u8 version[32];	/* 136 */
};
_Static_assert(sizeof(struct ccboard_call) == 168, "layout");

struct ccboard_line {
	__u64 number;	/* 0 */
	__u32 priority;	/* 8 */
	__u32 length;	/* 12 */
	__u8 text[496];	/* 16 */
};
_Static_assert(sizeof(struct ccboard_line) == 512, "layout");

#endif
