/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Ontime guest interface: the SMCCC calls that a guest makes by HVC. docs/abi.md describes it.
 *
 * The hypervisor, its guests (Linux module, bare-metal runtime) and the host tools share this file. Assembly
 * includes it too, so it holds nothing but macros.
 *
 * The calling convention is that of Arm DEN0028 (SMCCC) 1.1 or later. The function number is in w0, arguments
 * are in x1..x7, results in x0..x3. All other registers are preserved. A guest first reads the UID, then the
 * revision, then the feature bits, before it makes any other call.
 *
 * Units: a deadline is an absolute value of the guest's virtual counter (CNTVCT_EL0), in ticks of CNTFRQ_EL0.
 */
#ifndef ONTIME_ABI_H
#define ONTIME_ABI_H

/* General service queries of owner 6, DEN0028 section 6.2. */
#define ONTIME_CALL_UID      0x8600FF01 /* w0..w3 = the UID below */
#define ONTIME_CALL_REVISION 0x8600FF03 /* x0 = major, x1 = minor */

/* UUID c88e304e-3ab6-4a56-a96d-b186003c49d4, in the register order of DEN0028 section 6.2.2. */
#define ONTIME_UID_0 0x4e308ec8
#define ONTIME_UID_1 0x564ab63a
#define ONTIME_UID_2 0x86b16da9
#define ONTIME_UID_3 0xd4493c00

#define ONTIME_REVISION_MAJOR 1
#define ONTIME_REVISION_MINOR 3 /* 1 added deadline pages, 2 HAND_ON, 3 the control of other VMs */

/* ONTIME_CALL_FEATURES: x0 = the bits that hold for the calling VM. */
#define ONTIME_CALL_FEATURES 0x86000020

#define ONTIME_FEATURE_PRECISE    1 /* the VM has timers = "precise": ARM, CANCEL, DONE and QUERY are served */
#define ONTIME_FEATURE_OBSERVER   2  /* the VM is an observer: MARK and TRACE are served */
#define ONTIME_FEATURE_PAGE       4  /* PAGE is served */
#define ONTIME_FEATURE_HAND_ON    8  /* HAND_ON is served */
#define ONTIME_FEATURE_CONTROL    16 /* the VM may control others: VM_INFO to TRACE_READ are served */
#define ONTIME_FEATURE_INTERRUPTS 32 /* interrupts of a link or a device may warp the VM */

/*
 * ONTIME_CALL_ARM: x1 = deadline, x2 = id. Says that the calling vCPU must run at the deadline. A deadline in
 * the past counts as now. To arm an id that is armed moves its deadline. At the deadline Ontime warps the
 * vCPU and schedules it at once; the id is then no longer armed.
 *
 * A vCPU has ONTIME_DEADLINES deadlines, named by ids from 0 on. A guest that keeps a queue of its own needs
 * only id 0.
 *
 * x0 = ONTIME_OK, ONTIME_INVALID (the id is out of range, or the deadline is ONTIME_NO_DEADLINE) or
 * ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_ARM    0xC6000021
#define ONTIME_DEADLINES   64
#define ONTIME_NO_DEADLINE 0xFFFFFFFFFFFFFFFF

/*
 * ONTIME_CALL_CANCEL: x1 = id. The id is no longer armed. x0 = 1 when it was armed, 0 when it was not,
 * ONTIME_INVALID (the id is out of range) or ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_CANCEL 0xC6000022

/*
 * ONTIME_CALL_DONE: x1 = the calling vCPU's next deadline, or ONTIME_NO_DEADLINE. Says that the work of the
 * deadline before is done, because the woken task has left the CPU. The calling vCPU's warp ends. But when
 * the next deadline has been reached already, or an interrupt that warps has not been taken yet, that work is
 * still to come, and the warp goes on for it.
 *
 * x0 = 1 when a warp ended, 0 when none did, or ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_DONE 0xC6000023

/*
 * ONTIME_CALL_QUERY: x1 = id. x0 = ONTIME_OK, ONTIME_INVALID (the id is out of range) or
 * ONTIME_NOT_SUPPORTED; x1 = the id's deadline, or ONTIME_NO_DEADLINE when the id is not armed; x2 = 1 when
 * the calling vCPU is warped now, else 0.
 */
#define ONTIME_CALL_QUERY 0xC6000024

/*
 * ONTIME_CALL_STAT: x1 = one of ONTIME_STAT_*. x0 = ONTIME_OK, or ONTIME_INVALID for an unknown number; x1 =
 * the calling VM's value.
 *
 * A value is the sum over the VM's vCPUs, counted since the VM was first started. There are three exceptions:
 * LATE_MAX is the largest of the vCPUs, and the two LEAD_* are no counts: they say what holds now.
 *
 * Lateness is the time from a deadline to the entry of the guest, for a deadline that was reached while its
 * vCPU was out of the CPU; and from an interrupt that warps, a link's, say, to the entry. Several of these
 * before the same entry count once, from the earliest. An interrupt that comes while its vCPU is warped does
 * not count.
 *
 * WARPS_DENIED counts the deadlines that were reached while the vCPU was out of the CPU and did not put it
 * first. One that puts it first without a warp is not counted. The reasons are:
 *
 *   - Another vCPU's urgent work is due earlier. The vCPU is warped all the same, and the warp counts as
 * begun too.
 *   - With the scheduler "cbs", the vCPU's urgent work is ahead of its share by its horizon.
 *   - With "bvt", U has not passed since the vCPU's last warp ended, or it is so far ahead of its share that
 * W is used up. In the second case the warp counts as begun, too.
 *   - "sedf" and "rr" refuse every warp. "credit" refuses that of a vCPU in debt and does not preempt another
 *     boosted one.
 */
#define ONTIME_CALL_STAT 0xC6000025

#define ONTIME_STAT_RUN_TICKS    0  /* CPU time, ticks */
#define ONTIME_STAT_EXITS        1  /* times EL2 was entered from the VM */
#define ONTIME_STAT_SWITCHES     2  /* times a vCPU of the VM was switched in */
#define ONTIME_STAT_ARMED        3  /* deadlines armed by ONTIME_CALL_ARM */
#define ONTIME_STAT_CANCELLED    4  /* deadlines cancelled by ONTIME_CALL_CANCEL while armed */
#define ONTIME_STAT_FIRED        5  /* deadlines reached */
#define ONTIME_STAT_LATE_MAX     6  /* largest lateness, ticks */
#define ONTIME_STAT_LATE_TICKS   7  /* sum of the lateness, ticks */
#define ONTIME_STAT_WARPS        8  /* warps begun */
#define ONTIME_STAT_WARPS_DENIED 9  /* deadlines that did not put the vCPU first, see above */
#define ONTIME_STAT_WARPS_CUT    10 /* warps ended because their CPU time was used up: L, or less, see PAGE */
#define ONTIME_STAT_STOLEN_TICKS 11 /* time runnable but not running, ticks */
#define ONTIME_STAT_LEAD_SWITCH  12 /* how early the core's comparator fires for a switch, ticks */
#define ONTIME_STAT_LEAD_BACKLOG 13 /* how much earlier when a tick of the guest is pending, ticks */
#define ONTIME_STAT_MOVES        14 /* times that a vCPU of the VM, which floats, went to another core */
#define ONTIME_STAT_INTERRUPTS   15 /* interrupts that warp, and came while their vCPU was not warped */
#define ONTIME_STAT_COUNT        16

/*
 * ONTIME_CALL_MARK, for observers only: x1 = a number of the caller's choice, 32 bits. Puts a mark with this
 * number into the trace, and prints one line of counters for each VM. x0 = ONTIME_OK, or ONTIME_DENIED when
 * the VM is no observer.
 */
#define ONTIME_CALL_MARK 0xC6000026

/*
 * ONTIME_CALL_TRACE, for observers only: x1 = cursor. Writes one line of the trace to the host console
 * (include/ontime/trace.h): a dump of each core, one after the other. Cursor 0 stops the recording on all
 * cores and begins. Each further call has the cursor that the call before returned, on any vCPU of the VM.
 *
 * x0 = ONTIME_OK, or ONTIME_DENIED when the VM is no observer; x1 = the cursor for the next call. Cursor 0
 * says that the dump is complete, and that recording goes on.
 */
#define ONTIME_CALL_TRACE 0xC6000027

/*
 * ONTIME_CALL_PAGE: x1 = guest physical address of the calling vCPU's deadline page, which lies in the VM's
 * RAM at a multiple of ONTIME_PAGE_SIZE. Another call replaces the page, and ONTIME_NO_PAGE withdraws it.
 * Ontime forgets the page when the vCPU is switched off. x0 = ONTIME_OK, ONTIME_INVALID (the address is not
 * in RAM, or no such multiple) or ONTIME_NOT_SUPPORTED.
 *
 * The page takes the place of ARM and CANCEL: the guest says by plain stores when this vCPU must run, and
 * makes no call. Ontime reads the page when it takes the CPU from the vCPU, and when it asks the scheduler
 * while the vCPU has the CPU. Any bits there are a valid deadline. If the vCPU has also armed deadlines by
 * call, the earliest of all counts.
 *
 *   offset 0   written by the guest, 64 bits: the earliest deadline whose work is not done yet, or
 *              ONTIME_NO_DEADLINE. A deadline that has passed stays there until its work is done.
 *   offset 8   written by the guest, 64 bits: the CPU time that this work needs, in ticks; 0: not known. A
 *              warp for it ends after that time, or earlier by the scheduler's own limit (horizon-us of
 *              "cbs", warp-limit-us of "bvt").
 *   offset 16  written by the guest, 64 bits: not 0 while work that was handed on to this vCPU (HAND_ON) is
 * on its way, and this vCPU has not noted that yet. offset 64  written by Ontime, 64 bits: 1 while the vCPU
 * is warped, else 0.
 *
 * When work is done, the guest first stores the next deadline, then reads whether the vCPU is warped, and
 * calls DONE only if it is. All words are little-endian, and are read and written whole.
 */
#define ONTIME_CALL_PAGE     0xC6000028
#define ONTIME_NO_PAGE       0xFFFFFFFFFFFFFFFF
#define ONTIME_PAGE_SIZE     4096
#define ONTIME_PAGE_DEADLINE 0
#define ONTIME_PAGE_NEEDS    8
#define ONTIME_PAGE_HANDED   16
#define ONTIME_PAGE_WARPED   64

/*
 * ONTIME_CALL_HAND_ON: x1 = another vCPU of the VM, by its number. The work of a deadline that the calling
 * vCPU has reached goes on on that one, as the guest has moved the task there or wakes another there. It is
 * warped as if it had reached a deadline of its own now; if it waits, at its wake-up, which the guest causes
 * by an interrupt as always. It ends the warp as any other, by DONE or when it waits. Nothing happens to a
 * vCPU that is switched off, or that is warped already. The calling vCPU's own warp goes on.
 *
 * x0 = ONTIME_OK, ONTIME_INVALID (there is no such vCPU, or it is the calling one) or ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_HAND_ON 0xC6000029

/*
 * What follows is for a VM that the system file marks `control`; others get ONTIME_DENIED. A VM is named by
 * its number in the system file, from 0 on, a vCPU by its number in the VM. A `page` is the guest physical
 * address of a page, a multiple of ONTIME_PAGE_SIZE, in the caller's RAM. ONTIME_INVALID stands for any
 * argument that is none of these, or out of its range.
 *
 * ONTIME_CALL_VM_INFO: x1 = VM, x2 = page. Writes a struct ontime_vm_info (ontime/control.h) to the page.
 * ONTIME_CALL_VCPU_INFO: x1 = VM, x2 = vCPU, x3 = page. The same with a struct ontime_vcpu_info.
 */
#define ONTIME_CALL_VM_INFO   0xC600002A
#define ONTIME_CALL_VCPU_INFO 0xC600002B

/*
 * ONTIME_CALL_VM_POWER: x1 = VM, not the caller's own; x2 = what is asked for. x0 = ONTIME_OK when it is
 * asked for (VM_INFO tells when it is so), ONTIME_INVALID, or ONTIME_BUSY while the VM stops or loads, while
 * an earlier request is under way, and for a pause or a resume of a VM that is off.
 *
 * RESTART starts a VM that is off. Its x3 is 0, or the page with the addresses of an image that takes the
 * kernel's place for this start: guest physical, 64 bits each, of its blocks of ONTIME_IMAGE_BLOCK bytes in
 * the caller's RAM, each a multiple of ONTIME_PAGE_SIZE. x4 is the size of the image in bytes, at most
 * ONTIME_IMAGE_BLOCKS blocks; the last block may be shorter. The image is of the kernel's kind (an arm64
 * Image, or a raw binary) and goes to the same place, where it has to have room. It is copied while the VM
 * loads, and stays as it is until then. When a block is not in the caller's RAM, the VM goes off.
 */
#define ONTIME_CALL_VM_POWER 0xC600002C
#define ONTIME_POWER_PAUSE   0
#define ONTIME_POWER_RESUME  1
#define ONTIME_POWER_STOP    2
#define ONTIME_POWER_RESTART 3
#define ONTIME_IMAGE_BLOCK   0x200000
#define ONTIME_IMAGE_BLOCKS  512

/*
 * ONTIME_CALL_VM_SET: x1 = VM, x2 = a parameter of the scheduler, x3 = its value, in the range of the system
 * file's property of that name. x0 = ONTIME_OK, or ONTIME_INVALID, also when the parameter has no meaning for
 * the VM. A warp of the VM's vCPUs ends by it. It holds until the next VM_SET.
 */
#define ONTIME_CALL_VM_SET       0xC600002D
#define ONTIME_SET_WEIGHT        0
#define ONTIME_SET_WARP_US       1
#define ONTIME_SET_WARP_LIMIT_US 2
#define ONTIME_SET_UNWARP_US     3
#define ONTIME_SET_HORIZON_US    4

/*
 * ONTIME_CALL_CONSOLE_READ: x1 = VM, x2 = position, x3 = page. Copies what the VM has written to its UART,
 * from that position on, counted in bytes since the machine was started: x1 = bytes in the page, x2 = the
 * position of the first, which is later than the one asked for when that was overwritten. The last 16 KiB at
 * least are kept.
 *
 * ONTIME_CALL_CONSOLE_WRITE: x1 = VM, x2 = page, x3 = bytes. Types them: x1 = how many its UART has taken.
 */
#define ONTIME_CALL_CONSOLE_READ  0xC600002E
#define ONTIME_CALL_CONSOLE_WRITE 0xC600002F

/*
 * ONTIME_CALL_TRACE_READ: x1 = physical CPU, x2 = the number of a record (ontime/trace.h), counted since the
 * machine was started, x3 = page. Copies records from that one on: x1 = how many are in the page, x2 = the
 * number of the first, which is later than the one asked for when that was overwritten. Recording goes on.
 * ONTIME_INVALID: there is no such CPU, or it has no ring. x2 = ONTIME_TRACE_NEXT: x1 = 0, and x2 = the
 * number of the record that is written next.
 */
#define ONTIME_CALL_TRACE_READ 0xC6000030
#define ONTIME_TRACE_NEXT      0xFFFFFFFFFFFFFFFF

/* Results in x0. DEN0028 names -1 and -3, the others follow PSCI (DEN0022). */
#define ONTIME_OK            0
#define ONTIME_NOT_SUPPORTED (-1)
#define ONTIME_INVALID       (-2)
#define ONTIME_DENIED        (-3)
#define ONTIME_BUSY          (-4)

#endif
