/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's own random numbers, FEAT_RNG. */
#include "boot/arch_boot.h"
#include "register_bits.h"
#include "sysreg.h"

#define RNDR  "s3_3_c2_c4_0"
#define TRIES 10

/* A read of RNDR sets the flag Z when there is no number now; later there may be one. */
bool arch_random(uint64_t *bits)
{
    if (REGISTER_GET(read_sysreg(id_aa64isar0_el1), ID_AA64ISAR0_EL1_RNDR) == 0)
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t worked;

        __asm__ volatile("mrs %0, " RNDR "\n\tcset %1, ne" : "=r"(*bits), "=r"(worked) : : "cc");
        if (worked != 0)
            return true;
    }
    return false;
}
