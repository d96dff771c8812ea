/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's PSCI (Arm DEN0022), and exceptions of EL2 itself. */
#include "arch/arm64/mmu.h"
#include "base/arch.h"
#include "base/stop.h"
#include "boot/arch_boot.h"
#include "sysreg.h"

#define PSCI_SYSTEM_OFF 0x84000008

static bool psci_by_hvc;

_Noreturn void el2_exception(unsigned kind);

void arch_firmware_init(bool by_hvc)
{
    psci_by_hvc = by_hvc;
}

static void firmware_call(uint64_t function)
{
    register uint64_t x0 __asm__("x0") = function;

    if (psci_by_hvc)
        __asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    else
        __asm__ volatile("smc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
}

_Noreturn void arch_system_off(void)
{
    firmware_call(PSCI_SYSTEM_OFF);
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
