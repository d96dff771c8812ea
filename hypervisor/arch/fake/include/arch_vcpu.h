/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of a vCPU that vm/ and devices/ use. The host's stand-in has no others. */
#ifndef FAKE_ARCH_VCPU_H
#define FAKE_ARCH_VCPU_H

#include <stdint.h>

struct arch_regs {
    uint64_t x[31];
    uint64_t pc;
    uint64_t pstate;
};

struct arch_vcpu {
    struct arch_regs regs;
    uint64_t gic_vmcr, gic_ap0[4], gic_ap1[4];
};

struct arch_vm {
    uint64_t unused;
};

#endif
