/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what a guest finds out what kind of CPU it is on: the registers that it reads from the machine
 * (system_registers.def), and the ID registers as it is shown them (id_registers.def). CCSIDR_EL1 is left
 * out, as what it shows depends on CSSELR_EL1. CPUs that differ in their caches alone mostly differ in
 * CTR_EL0 or CLIDR_EL1, and in MIDR_EL1.
 */
#include <stddef.h>
#include "arch/arm64/vcpu.h"
#include "boot/arch_boot.h"
#include "sysreg.h"

static const struct {
    const char *name;
    uint8_t crm, op2;
} id_registers[] = {
#define ID_REGISTER(name, crm, op2) {#name, crm, op2},
#define ID_REGISTER_FIELD(name, shift, shown, why)
#define ID_REGISTER_END
#include "id_registers.def"
#undef ID_REGISTER
#undef ID_REGISTER_FIELD
#undef ID_REGISTER_END
};

#define ID_REGISTERS (sizeof(id_registers) / sizeof(id_registers[0]))
#define OTHERS       6

_Static_assert(ID_REGISTERS + OTHERS <= IDENTITY_REGISTERS, "all have room where they are compared");

const char *arch_cpu_identity(unsigned n, uint64_t *value)
{
    switch (n) {
    case 0:
        *value = read_sysreg(midr_el1);
        return "MIDR_EL1";
    case 1:
        *value = read_sysreg(revidr_el1);
        return "REVIDR_EL1";
    case 2:
        *value = read_sysreg(aidr_el1);
        return "AIDR_EL1";
    case 3:
        *value = read_sysreg(ctr_el0);
        return "CTR_EL0";
    case 4:
        *value = read_sysreg(clidr_el1);
        return "CLIDR_EL1";
    case 5:
        *value = read_sysreg(dczid_el0);
        return "DCZID_EL0";
    default:
        break;
    }
    n -= OTHERS;
    if (n >= ID_REGISTERS)
        return NULL;
    *value = id_register_of_guest(id_registers[n].crm, id_registers[n].op2);
    return id_registers[n].name;
}
