/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* Written by crashcart-hardware from src/page.rs; do not edit. */
#ifndef CCGPU_PAGE_H
#define CCGPU_PAGE_H

#include <linux/types.h>

#define CCGPU_LAYOUT 2
#define CCGPU_MAGIC 0x0100005550474343ULL

struct ccgpu_event {
	__u64 number;	/* 0 */
	__u64 kind;	/* 8 */
	__u64 data;	/* 16 */
	__u64 at_ms;	/* 24 */
	__u32 gpu;	/* 32 */
	__u32 gpu_instance;	/* 36 */
	__u32 compute_instance;	/* 40 */
	__u32 pad;	/* 44 */
};
_Static_assert(sizeof(struct ccgpu_event) == 48, "layout");

struct ccgpu_link {
	__u32 up;	/* 0 */
	__u32 remote_kind;	/* 4 */
	__u32 remote_domain;	/* 8 */
	__u32 remote_bus;	/* 12 */
	__u32 remote_device;	/* 16 */
	__u32 remote_pci_id;	/* 20 */
	__u32 remote_link;	/* 24 */
	__u32 pad;	/* 28 */
	__u64 replays;	/* 32 */
	__u64 recoveries;	/* 40 */
	__u64 crc_flit;	/* 48 */
	__u64 crc_data;	/* 56 */
	__u64 tx_kib;	/* 64 */
	__u64 rx_kib;	/* 72 */
};
_Static_assert(sizeof(struct ccgpu_link) == 80, "layout");

struct ccgpu_process {
	__u32 pid;	/* 0 */
	__u32 kind;	/* 4 */
	__u64 memory;	/* 8 */
	__u32 gpu_instance;	/* 16 */
	__u32 compute_instance;	/* 20 */
	__u32 sm;	/* 24 */
	__u32 memory_utilization;	/* 28 */
	__u64 since_ms;	/* 32 */
};
_Static_assert(sizeof(struct ccgpu_process) == 40, "layout");

struct ccgpu_mig_profile {
	__u32 id;	/* 0 */
	__u32 nvml_index;	/* 4 */
	__u32 slices;	/* 8 */
	__u32 instances;	/* 12 */
	__u32 memory_mib;	/* 16 */
	__u32 sm;	/* 20 */
	__u32 decoders;	/* 24 */
	__u32 encoders;	/* 28 */
	__u32 copy_engines;	/* 32 */
	__u32 jpegs;	/* 36 */
	__u32 ofas;	/* 40 */
	__u32 peer_to_peer;	/* 44 */
	__u32 size;	/* 48 */
	__u32 starts;	/* 52 */
	__u8 name[24];	/* 56 */
};
_Static_assert(sizeof(struct ccgpu_mig_profile) == 80, "layout");

struct ccgpu_gpu_instance {
	__u32 id;	/* 0 */
	__u32 profile_id;	/* 4 */
	__u32 start;	/* 8 */
	__u32 size;	/* 12 */
	__u64 memory_used;	/* 16 */
};
_Static_assert(sizeof(struct ccgpu_gpu_instance) == 24, "layout");

struct ccgpu_compute_instance {
	__u32 id;	/* 0 */
	__u32 gpu_instance;	/* 4 */
	__u32 slices;	/* 8 */
	__u32 nvml_profile;	/* 12 */
	__u32 start;	/* 16 */
	__u32 sm;	/* 20 */
	__u8 uuid[48];	/* 24 */
};
_Static_assert(sizeof(struct ccgpu_compute_instance) == 72, "layout");

struct ccgpu_node {
	__u64 magic;	/* 0 */
	__u64 generation;	/* 8 */
	__u32 gpu_count;	/* 16 */
	__u32 driver_state;	/* 20 */
	__u8 driver_version[32];	/* 24 */
	__u32 cuda_version;	/* 56 */
	__u32 confidential_compute;	/* 60 */
	__u32 cpu_count;	/* 64 */
	__u32 numa_count;	/* 68 */
	__u64 event_last;	/* 72 */
	struct ccgpu_event events[64];	/* 80 */
	__u64 updated_ms;	/* 3152 */
};
_Static_assert(sizeof(struct ccgpu_node) == 3160, "layout");

struct ccgpu_gpu {
	__u64 magic;	/* 0 */
	__u32 condition;	/* 8 */
	__u32 index;	/* 12 */
	__u32 minor;	/* 16 */
	__u32 architecture;	/* 20 */
	__u32 brand;	/* 24 */
	__u32 compute_capability;	/* 28 */
	__u8 name[96];	/* 32 */
	__u8 uuid[48];	/* 128 */
	__u8 serial[32];	/* 176 */
	__u8 board_part_number[32];	/* 208 */
	__u8 gpu_part_number[32];	/* 240 */
	__u8 vbios[32];	/* 272 */
	__u8 inforom_image[32];	/* 304 */
	__u8 inforom_oem[16];	/* 336 */
	__u8 inforom_ecc[16];	/* 352 */
	__u8 inforom_power[16];	/* 368 */
	__u32 board_id;	/* 384 */
	__u32 module_id;	/* 388 */
	__u32 multi_gpu_board;	/* 392 */
	__u32 irq;	/* 396 */
	__u32 gsp_firmware_mode;	/* 400 */
	__u32 addressing_mode;	/* 404 */
	__u32 pci_domain;	/* 408 */
	__u32 pci_bus;	/* 412 */
	__u32 pci_device;	/* 416 */
	__u32 pci_id;	/* 420 */
	__u32 pci_subsystem;	/* 424 */
	__u32 numa_node;	/* 428 */
	__u32 pci_host_bridge;	/* 432 */
	__u32 pci_switch;	/* 436 */
	__u32 pcie_gen;	/* 440 */
	__u32 pcie_width;	/* 444 */
	__u32 pcie_gen_max;	/* 448 */
	__u32 pcie_width_max;	/* 452 */
	__u32 pcie_gen_device_max;	/* 456 */
	__u32 pad_pci;	/* 460 */
	__u64 pcie_replays;	/* 464 */
	__u64 pcie_replay_rollovers;	/* 472 */
	__u64 pcie_tx_kib_s;	/* 480 */
	__u64 pcie_rx_kib_s;	/* 488 */
	__u64 cpu_affinity[16];	/* 496 */
	__u64 memory_total;	/* 624 */
	__u64 memory_reserved;	/* 632 */
	__u64 memory_used;	/* 640 */
	__u64 bar1_total;	/* 648 */
	__u64 bar1_used;	/* 656 */
	__u32 memory_bus_width;	/* 664 */
	__u32 sm_count;	/* 668 */
	__u32 core_count;	/* 672 */
	__u32 utilization_gpu;	/* 676 */
	__u32 utilization_memory;	/* 680 */
	__u32 utilization_encoder;	/* 684 */
	__u32 utilization_decoder;	/* 688 */
	__u32 utilization_jpeg;	/* 692 */
	__u32 utilization_ofa;	/* 696 */
	__u32 temperature;	/* 700 */
	__u32 temperature_memory;	/* 704 */
	__s32 temperature_margin;	/* 708 */
	__u32 threshold_shutdown;	/* 712 */
	__u32 threshold_slowdown;	/* 716 */
	__u32 threshold_memory;	/* 720 */
	__u32 threshold_gpu_max;	/* 724 */
	__s32 tlimit_shutdown;	/* 728 */
	__s32 tlimit_slowdown;	/* 732 */
	__s32 tlimit_memory;	/* 736 */
	__s32 tlimit_gpu_max;	/* 740 */
	__u32 fan_count;	/* 744 */
	__u32 fan_percent;	/* 748 */
	__u32 fan_rpm;	/* 752 */
	__u32 power_draw;	/* 756 */
	__u32 power_draw_instant;	/* 760 */
	__u32 power_limit;	/* 764 */
	__u32 power_limit_enforced;	/* 768 */
	__u32 power_limit_default;	/* 772 */
	__u32 power_limit_min;	/* 776 */
	__u32 power_limit_max;	/* 780 */
	__u32 power_memory;	/* 784 */
	__u32 power_averages;	/* 788 */
	__u64 energy;	/* 792 */
	__u32 performance_state;	/* 800 */
	__u32 clock[4];	/* 804 */
	__u32 clock_max[4];	/* 820 */
	__u32 clock_app[4];	/* 836 */
	__u32 clock_app_default[4];	/* 852 */
	__u32 clock_locked_min;	/* 868 */
	__u32 clock_locked_max;	/* 872 */
	__u32 graphics_clock_max;	/* 876 */
	__u32 graphics_clock_min;	/* 880 */
	__u32 graphics_clock_step_tenths;	/* 884 */
	__u32 memory_clocks[6];	/* 888 */
	__u64 clock_reasons;	/* 912 */
	__u64 clock_reasons_supported;	/* 920 */
	__u64 violation[8];	/* 928 */
	__u32 persistence;	/* 992 */
	__u32 compute_mode;	/* 996 */
	__u32 ecc_current;	/* 1000 */
	__u32 ecc_pending;	/* 1004 */
	__u32 ecc_default;	/* 1008 */
	__u32 mig_current;	/* 1012 */
	__u32 mig_pending;	/* 1016 */
	__u32 accounting;	/* 1020 */
	__u32 display_active;	/* 1024 */
	__u32 display_mode;	/* 1028 */
	__u64 ecc_volatile[2][8];	/* 1032 */
	__u64 ecc_aggregate[2][8];	/* 1160 */
	__u64 ecc_sram_parity[2];	/* 1288 */
	__u64 ecc_sram_secded[2];	/* 1304 */
	__u32 ecc_sram_threshold_exceeded;	/* 1320 */
	__u32 remaps_rows;	/* 1324 */
	__u32 remapped_corrected;	/* 1328 */
	__u32 remapped_uncorrected;	/* 1332 */
	__u32 remap_pending;	/* 1336 */
	__u32 remap_failed;	/* 1340 */
	__u32 remap_histogram[5];	/* 1344 */
	__u32 retired_sbe;	/* 1364 */
	__u32 retired_dbe;	/* 1368 */
	__u32 retired_pending;	/* 1372 */
	__u32 recovery_action;	/* 1376 */
	__u32 link_count;	/* 1380 */
	__u32 link_version;	/* 1384 */
	__u32 link_speed;	/* 1388 */
	__u32 fabric_state;	/* 1392 */
	__u32 fabric_status;	/* 1396 */
	__u32 fabric_clique;	/* 1400 */
	__u32 fabric_health;	/* 1404 */
	__u8 fabric_cluster[16];	/* 1408 */
	struct ccgpu_link links[18];	/* 1424 */
	__u32 process_count;	/* 2864 */
	__u32 pad_processes;	/* 2868 */
	struct ccgpu_process processes[64];	/* 2872 */
	__u32 mig_profile_count;	/* 5432 */
	__u32 gpu_instance_count;	/* 5436 */
	__u32 compute_instance_count;	/* 5440 */
	__u32 pad_mig;	/* 5444 */
	struct ccgpu_mig_profile mig_profiles[10];	/* 5448 */
	struct ccgpu_gpu_instance gpu_instances[7];	/* 6248 */
	struct ccgpu_compute_instance compute_instances[7];	/* 6416 */
};
_Static_assert(sizeof(struct ccgpu_gpu) == 6920, "layout");

#endif
