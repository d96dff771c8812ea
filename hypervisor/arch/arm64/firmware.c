/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware: PSCI (Arm DEN0022), and its workarounds for weaknesses of CPUs (Arm DEN0028, 7). And
 * exceptions of EL2 itself.
 */
#include "register_bits.h"
#include "arch/arm64/firmware.h"
#include "arch/arm64/mmu.h"
#include "base/arch.h"
#include "base/stop.h"
#include "boot/arch_boot.h"
#include "sysreg.h"
#include "vm/arch_vm.h"

#define PSCI_VERSION        0x84000000
#define PSCI_SYSTEM_OFF     0x84000008
#define PSCI_FEATURES       0x8400000A
#define PSCI_1_0            0x10000
#define SMCCC_VERSION       0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_1_1           0x10001
#define NOT_SUPPORTED       (-1)
#define NOT_NEEDED          1

static bool psci_by_hvc;
static bool has_workarounds; /* SMCCC 1.1: they can be asked for */

_Noreturn void el2_exception(unsigned kind);

/* Before SMCCC 1.1, firmware may leave anything in x4 to x17. */
#define CALL_CHANGES                                                                                         \
    "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",  \
        "memory"

static int32_t firmware_call(uint64_t function, uint64_t argument)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = argument;

    if (psci_by_hvc)
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1) : : CALL_CHANGES);
    else
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1) : : CALL_CHANGES);
    return (int32_t)x0;
}

void arch_firmware_init(bool psci, bool by_hvc)
{
    psci_by_hvc = by_hvc;
    has_workarounds = psci && firmware_call(PSCI_VERSION, 0) >= PSCI_1_0 &&
                      firmware_call(PSCI_FEATURES, SMCCC_VERSION) >= 0 &&
                      firmware_call(SMCCC_VERSION, 0) >= SMCCC_1_1;
}

static int32_t firmware_offers(uint32_t workaround)
{
    return has_workarounds ? firmware_call(SMCCC_ARCH_FEATURES, workaround) : NOT_SUPPORTED;
}

/* The second one is switched on and off for a CPU. It is on always: a guest's own choice would be state. */
void firmware_protect_cpu(void)
{
    if (firmware_offers(ARCH_WORKAROUND_2) == 0)
        firmware_call(ARCH_WORKAROUND_2, 1);
}

/*
 * The first and the third clear what the CPU's predictors know. Where the firmware does not know them, ID
 * registers may say that they are not needed (CSV2). A guest is shown PSTATE.SSBS where there is one, and
 * then needs no firmware for the second.
 */
int32_t arch_workaround(uint32_t workaround)
{
    uint64_t csv2 = REGISTER_GET(read_sysreg(id_aa64pfr0_el1), ID_AA64PFR0_EL1_CSV2);
    int32_t offers = firmware_offers(workaround);

    switch (workaround) {
    case ARCH_WORKAROUND_1:
        return offers >= 0 ? offers : csv2 >= ID_AA64PFR0_EL1_CSV2_BRANCHES ? NOT_NEEDED : NOT_SUPPORTED;
    case ARCH_WORKAROUND_2:
        if ((read_sysreg(id_aa64pfr1_el1) & ID_AA64PFR1_EL1_SSBS) != 0)
            return NOT_SUPPORTED;
        return offers >= 0 ? NOT_NEEDED : NOT_SUPPORTED;
    case ARCH_WORKAROUND_3:
        return offers >= 0 ? offers : csv2 >= ID_AA64PFR0_EL1_CSV2_HISTORY ? NOT_NEEDED : NOT_SUPPORTED;
    default:
        return NOT_SUPPORTED;
    }
}

void arch_workaround_call(uint32_t workaround)
{
    firmware_call(workaround, 0);
}

_Noreturn void arch_system_off(void)
{
    firmware_call(PSCI_SYSTEM_OFF, 0);
    for (;;)
        arch_wait_for_interrupt();
}

/* An exception taken from EL2 itself, see vectors.S. */
_Noreturn void el2_exception(unsigned kind)
{
    stop("bug: exception %u in EL2: syndrome 0x%lx, pc 0x%lx (image offset 0x%lx), address 0x%lx", kind,
         (unsigned long)read_sysreg(esr_el2), (unsigned long)read_sysreg(elr_el2),
         (unsigned long)(read_sysreg(elr_el2) - arch_image_start()), (unsigned long)read_sysreg(far_el2));
}
