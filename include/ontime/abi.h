/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Ontime guest interface: SMCCC calls a guest makes by HVC.
 *
 * Shared by the hypervisor, its guests (Linux module, bare-metal runtime) and the host tools, and also
 * included from assembly. Calling convention: Arm DEN0028 (SMCCC) 1.1 or later: function number in w0,
 * arguments in x1..x7, results in x0..x3; all other registers are preserved. A guest first reads the UID,
 * then the revision, then the feature bits, before it makes any other call.
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
#define ONTIME_REVISION_MINOR 1 /* 1: deadline pages */

/*
 * ONTIME_CALL_FEATURES: x0 = the bits that hold for this VM.
 */
#define ONTIME_CALL_FEATURES 0x86000020

#define ONTIME_FEATURE_PRECISE  1 /* timers = "precise": ARM, CANCEL, DONE and QUERY are served */
#define ONTIME_FEATURE_OBSERVER 2 /* the VM is an observer: MARK and TRACE are served */
#define ONTIME_FEATURE_PAGE     4 /* PAGE is served */

/*
 * ONTIME_CALL_ARM: x1 = deadline, x2 = id. The calling vCPU must run at the deadline; one that is past counts
 * as now. Arming an armed id moves it. A vCPU has ONTIME_DEADLINES deadlines, named by id; a guest that keeps
 * a queue of its own needs only id 0. At the deadline the vCPU is warped and scheduled at once; the deadline
 * is then no longer armed. x0 = ONTIME_OK, ONTIME_INVALID (id out of range, deadline is ONTIME_NO_DEADLINE)
 * or ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_ARM    0xC6000021
#define ONTIME_DEADLINES   64
#define ONTIME_NO_DEADLINE 0xFFFFFFFFFFFFFFFF

/*
 * ONTIME_CALL_CANCEL: x1 = id. x0 = 1 when the deadline was armed, 0 when it was not, ONTIME_INVALID, or
 * ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_CANCEL 0xC6000022

/*
 * ONTIME_CALL_DONE: the work that the deadline was for is done (the woken task left the CPU); the calling
 * vCPU's warp ends. x1 = the vCPU's next deadline, or ONTIME_NO_DEADLINE: when that one has been reached
 * already, the warp goes on for it, as its work is still to come. x0 = 1 when a warp ended, 0 when none did,
 * ONTIME_NOT_SUPPORTED.
 */
#define ONTIME_CALL_DONE 0xC6000023

/*
 * ONTIME_CALL_QUERY: x1 = id. x0 = ONTIME_OK, ONTIME_INVALID or ONTIME_NOT_SUPPORTED; x1 = the deadline, or
 * ONTIME_NO_DEADLINE when it is not armed; x2 = 1 when the vCPU is warped now.
 */
#define ONTIME_CALL_QUERY 0xC6000024

/*
 * ONTIME_CALL_STAT: x1 = one of ONTIME_STAT_*. x0 = ONTIME_OK or ONTIME_INVALID; x1 = the calling VM's value,
 * summed over its vCPUs, counted since the VM was first started. Lateness runs from a deadline that was
 * reached while its vCPU was out of the CPU to the entry of the guest.
 */
#define ONTIME_CALL_STAT 0xC6000025

#define ONTIME_STAT_RUN_TICKS    0  /* CPU time, counter ticks */
#define ONTIME_STAT_EXITS        1  /* times EL2 was entered from the VM */
#define ONTIME_STAT_SWITCHES     2  /* times a vCPU of the VM was switched in */
#define ONTIME_STAT_ARMED        3  /* deadlines armed */
#define ONTIME_STAT_CANCELLED    4  /* deadlines cancelled while armed */
#define ONTIME_STAT_FIRED        5  /* deadlines reached */
#define ONTIME_STAT_LATE_MAX     6  /* largest lateness, ticks */
#define ONTIME_STAT_LATE_TICKS   7  /* sum of the lateness, ticks */
#define ONTIME_STAT_WARPS        8  /* warps begun */
#define ONTIME_STAT_WARPS_DENIED 9  /* those that did not put the vCPU first: U not over, or W used up */
#define ONTIME_STAT_WARPS_CUT    10 /* warps ended by the limit L */
#define ONTIME_STAT_STOLEN_TICKS 11 /* time runnable but not running, ticks */
#define ONTIME_STAT_LEAD_SWITCH                                                                              \
    12 /* not a count: how early the core's comparator now fires for a switch, ticks */
#define ONTIME_STAT_LEAD_BACKLOG                                                                             \
    13 /* and how much earlier when the guest comes back to a pending tick, ticks */
#define ONTIME_STAT_COUNT 14

/*
 * ONTIME_CALL_MARK (observers only): x1 = a number of the caller's choice, 32 bits. Puts a mark into the
 * trace and prints one accounting line for each VM. x0 = ONTIME_OK or ONTIME_DENIED.
 */
#define ONTIME_CALL_MARK 0xC6000026

/*
 * ONTIME_CALL_TRACE (observers only): x1 = cursor. Writes a piece of the trace to the host console (see
 * include/ontime/trace.h); cursor 0 stops the recording and begins the dump. x0 = ONTIME_OK or ONTIME_DENIED;
 * x1 = the cursor for the next call, 0 at the end, when recording goes on.
 */
#define ONTIME_CALL_TRACE 0xC6000027

/*
 * ONTIME_CALL_PAGE: x1 = guest physical address of the calling vCPU's deadline page, in the VM's RAM and a
 * multiple of ONTIME_PAGE_SIZE; ONTIME_NO_PAGE withdraws it. x0 = ONTIME_OK, ONTIME_INVALID or
 * ONTIME_NOT_SUPPORTED. The page is forgotten when the vCPU is switched off.
 *
 * The page takes the place of ARM and CANCEL: the guest says by plain stores when this vCPU must run, and
 * makes no call. Ontime reads it when it takes the CPU from the vCPU, and asks nothing of what it finds: any
 * bits are a deadline. Deadlines armed by call count too; the earliest is the vCPU's.
 *
 *   offset 0   written by the guest, 64 bits: the earliest deadline whose work is not done yet, or
 *              ONTIME_NO_DEADLINE. It stays there, though past, until the work is done.
 *   offset 8   written by the guest, 64 bits: the CPU time that work needs, ticks; 0: not known. A warp for
 *              it ends after so much, or after the VM's warp-limit-us if that is less.
 *   offset 64  written by Ontime, 64 bits: 1 while the vCPU is warped, else 0.
 *
 * When work is done, the guest first stores the next deadline, then reads whether it is warped, and calls
 * DONE only if it is. All words are little-endian and read and written whole.
 */
#define ONTIME_CALL_PAGE     0xC6000028
#define ONTIME_NO_PAGE       0xFFFFFFFFFFFFFFFF
#define ONTIME_PAGE_SIZE     4096
#define ONTIME_PAGE_DEADLINE 0
#define ONTIME_PAGE_NEEDS    8
#define ONTIME_PAGE_WARPED   64

/* Error codes, as x0; DEN0028 names -1 and -3, the others follow PSCI (DEN0022). */
#define ONTIME_OK            0
#define ONTIME_NOT_SUPPORTED (-1)
#define ONTIME_INVALID       (-2)
#define ONTIME_DENIED        (-3)

#endif
