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
#define PSCI_CPU_ON         0xC4000003
#define PSCI_FEATURES       0x8400000A
#define PSCI_1_0            0x10000
#define SMCCC_VERSION       0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_1_1           0x10001
#define NOT_SUPPORTED       (-1)
#define NOT_NEEDED          1

/* By the CPUs' indexes. start.S reads it with the MMU off, on the CPU that comes. */
struct core_start core_starts[MAX_CPUS];

extern char core_entry[];

static bool has_psci, psci_by_hvc;
static bool has_workarounds; /* SMCCC 1.1: they can be asked for */

_Noreturn void el2_exception(unsigned kind);

/* Before SMCCC 1.1, firmware may leave anything in x4 to x17. */
#define CALL_CHANGES                                                                                         \
    "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory"

static int32_t firmware_call3(uint64_t function, uint64_t one, uint64_t two, uint64_t three)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = one;
    register uint64_t x2 __asm__("x2") = two;
    register uint64_t x3 __asm__("x3") = three;

    if (psci_by_hvc)
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : CALL_CHANGES);
    else
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : CALL_CHANGES);
    return (int32_t)x0;
}

static int32_t firmware_call(uint64_t function, uint64_t argument)
{
    return firmware_call3(function, argument, 0, 0);
}

void arch_firmware_init(bool psci, bool by_hvc)
{
    has_psci = psci;
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

/* A spin table passes no argument on, so the core finds its own core_start by its affinity. */
int32_t arch_core_start(const struct core_start *core, uint64_t release)
{
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)release;

    core_starts[core->cpu->index] = *core;
    arch_memory_clean(core_starts, sizeof(core_starts));
    if (release == 0)
        return firmware_call3(PSCI_CPU_ON, core->affinity, (uint64_t)(uintptr_t)core_entry, 0);
    *word = (uint64_t)(uintptr_t)core_entry;
    arch_memory_clean((const void *)(uintptr_t)release, sizeof(*word));
    __asm__ volatile("sev" : : : "memory");
    return 0;
}

_Noreturn void arch_system_off(void)
{
    if (has_psci)
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
