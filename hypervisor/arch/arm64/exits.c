/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a guest left: one function for each exception class (Arm ARM, ESR_EL2). What a guest may not do is
 * answered with an exception in that guest; nothing it does reaches beyond it.
 */
#include "arch/arm64/vcpu.h"
#include "core/arch.h"
#include "core/cpu.h"
#include "sysreg.h"
#include "virt/hypercall.h"
#include "virt/mmio.h"
#include "virt/wait.h"

#define EC_WFX      0x01
#define EC_HVC64    0x16
#define EC_SMC64    0x17
#define EC_REGISTER 0x18
#define EC_IABORT   0x20
#define EC_DABORT   0x24
#define EC_SERROR   0x2F

#define ISS_IL          (UINT64_C(1) << 25)
#define ISS_ISV         (UINT64_C(1) << 24)
#define ISS_SSE         (UINT64_C(1) << 21)
#define ISS_SF          (UINT64_C(1) << 15)
#define ISS_EA_OR_FNV   (UINT64_C(1) << 10)
#define ISS_CM          (UINT64_C(1) << 8)
#define ISS_S1PTW       (UINT64_C(1) << 7)
#define ISS_WNR         (UINT64_C(1) << 6)
#define ISS_WFE         UINT64_C(1)
#define FSC_KIND(iss)   ((iss)&0x3C)
#define FSC_TRANSLATION 0x04
#define FSC_PERMISSION  0x0C

static void skip_instruction(struct arch_vcpu *vcpu, uint64_t syndrome)
{
    vcpu->regs.pc += (syndrome & ISS_IL) != 0 ? 4 : 2;
}

static void wait_instruction(struct vcpu *vcpu, uint64_t syndrome)
{
    skip_instruction(&vcpu->arch, syndrome);
    if ((syndrome & ISS_WFE) == 0)
        wait_for_interrupt(vcpu);
}

/* Guest physical address of a stage-2 fault: the page from HPFAR_EL2, the rest from FAR_EL2. */
static uint64_t fault_address(void)
{
    return (read_sysreg(hpfar_el2) & ~UINT64_C(15)) << 8 | (read_sysreg(far_el2) & 0xFFF);
}

__attribute__((noinline, cold)) static void refuse_access(struct vcpu *vcpu, uint64_t syndrome,
                                                          const char *what)
{
    vm_complain(vcpu->vm, "vCPU %u: %s at guest physical 0x%lx, pc 0x%lx: external abort", vcpu->index, what,
                (unsigned long)fault_address(), (unsigned long)vcpu->arch.regs.pc);
    inject_abort(&vcpu->arch, syndrome, read_sysreg(far_el2));
}

/* What a load leaves in its register: so many bytes of the value, sign-extended into 32 or 64 bits if asked.
 */
static uint64_t loaded_value(uint64_t value, unsigned size, uint64_t syndrome)
{
    unsigned unused = 64 - 8 * size;

    value <<= unused;
    if ((syndrome & ISS_SSE) == 0)
        return value >> unused;
    value = (uint64_t)((int64_t)value >> unused);
    return (syndrome & ISS_SF) != 0 ? value : (uint32_t)value;
}

static void device_access(struct vcpu *vcpu, uint64_t syndrome)
{
    unsigned rt = syndrome >> 16 & 31;
    uint64_t *x = vcpu->arch.regs.x;
    struct mmio_access access = {
        .size = 1u << (syndrome >> 22 & 3),
        .write = (syndrome & ISS_WNR) != 0,
        .value = rt == 31 ? 0 : x[rt], /* 31 is XZR */
    };

    if (!mmio_handle(vcpu, fault_address(), &access)) {
        refuse_access(vcpu, syndrome, access.write ? "write" : "read");
        return;
    }
    if (!access.write && rt != 31)
        x[rt] = loaded_value(access.value, access.size, syndrome);
    skip_instruction(&vcpu->arch, syndrome);
}

static void data_abort(struct vcpu *vcpu, uint64_t syndrome)
{
    uint64_t kind = FSC_KIND(syndrome);

    if ((kind != FSC_TRANSLATION && kind != FSC_PERMISSION) || (syndrome & (ISS_S1PTW | ISS_EA_OR_FNV)) != 0)
        refuse_access(vcpu, syndrome, "table walk or bus error");
    else if ((syndrome & (ISS_CM | ISS_ISV)) == ISS_ISV)
        device_access(vcpu, syndrome);
    else if ((syndrome & ISS_CM) != 0)
        skip_instruction(&vcpu->arch, syndrome); /* cache maintenance of what is no memory */
    else
        refuse_access(vcpu, syndrome, "access by an instruction that is not emulated");
}

/* SMC: no secure world is offered; the call returns as the SMCCC asks for an unknown function. */
static void secure_call(struct vcpu *vcpu)
{
    vcpu->arch.regs.x[0] = (uint64_t)(int64_t)ONTIME_NOT_SUPPORTED;
    vcpu->arch.regs.pc += 4; /* a trapped SMC returns to itself */
}

/* Not inline, so that the other exits pay nothing for the call. */
__attribute__((noinline)) static uint64_t vendor_call(struct vcpu *vcpu)
{
    vcpu->arch.regs.x[0] = (uint64_t)hypercall_vendor(vcpu);
    return goes_on(vcpu) ? EXIT_RESUME : EXIT_LEAVE;
}

uint64_t exit_synchronous_quick(struct vcpu *vcpu)
{
    unsigned class = read_sysreg(esr_el2) >> 26 & 63;

    vcpu->stats[ONTIME_STAT_EXITS]++;
    cpu_trace_at(vcpu->cpu, exit_instant(), ONTIME_TRACE_EXIT, vcpu, class);
    return class == EC_HVC64 && hypercall_is_vendors(vcpu) ? vendor_call(vcpu) : EXIT_FURTHER;
}

static void handle_synchronous(struct vcpu *vcpu, unsigned class, uint64_t syndrome)
{
    switch (class) {
    case EC_WFX:
        wait_instruction(vcpu, syndrome);
        break;
    case EC_HVC64:
        hypercall(vcpu);
        break;
    case EC_SMC64:
        secure_call(vcpu);
        break;
    case EC_REGISTER:
        trapped_register_access(vcpu, syndrome);
        break;
    case EC_IABORT:
        refuse_access(vcpu, syndrome, "instruction fetch");
        break;
    default:
        /* AArch32 coprocessor accesses of EL0, SVE, and what else does not exist in a guest. */
        inject_undefined(&vcpu->arch);
        break;
    }
}

bool exit_synchronous(struct vcpu *vcpu)
{
    uint64_t syndrome = read_sysreg(esr_el2);
    unsigned class = syndrome >> 26 & 63;

    if (class == EC_DABORT)
        data_abort(vcpu, syndrome);
    else
        handle_synchronous(vcpu, class, syndrome);
    return goes_on(vcpu);
}

bool exit_serror(struct vcpu *vcpu)
{
    vcpu->stats[ONTIME_STAT_EXITS]++;
    cpu_trace_at(vcpu->cpu, exit_instant(), ONTIME_TRACE_EXIT, vcpu, EC_SERROR);
    vm_complain(vcpu->vm, "vCPU %u: SError, syndrome 0x%lx", vcpu->index,
                (unsigned long)read_sysreg(esr_el2));
    vcpu_raise_serror();
    return goes_on(vcpu);
}

void arch_vcpu_run(struct vcpu *vcpu)
{
    if (vcpu->vgic.dirty)
        vgic_refresh(vcpu);
    vcpu_enter(vcpu);
}
