/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a guest left: one function for each exception class (Arm ARM, ESR_EL2). What a guest may not do is
 * answered with an exception in that guest; nothing it does reaches beyond it.
 */
#include "arch/arm64/vcpu.h"
#include "devices/address_map.h"
#include "devices/hypercall.h"
#include "devices/wait.h"
#include "sysreg.h"
#include "vm/arch_vm.h"
#include "vm/vm.h"

/*
 * WFI, which may end at any time. So these do not wait: WFE; WFIT, of which no guest is told, as it has a
 * timeout; and an instruction of AArch32 that has a condition, as it may be trapped though that fails.
 */
static void wait_instruction(struct vcpu *vcpu, uint64_t syndrome)
{
    const uint64_t looked_at = ISS_WFE | ISS_WFXT | ISS_CV | ISS_COND;

    skip_instruction(&vcpu->arch, syndrome);
    if ((syndrome & looked_at) == (ISS_CV | ISS_COND_AL))
        wait_for_interrupt(vcpu);
    else if ((syndrome & ISS_WFE) != 0 && !vcpu_give_way(vcpu, NULL))
        vcpu_stop_trapping_wfe();
}

/*
 * HPFAR_EL2 is valid when a translation is missing, and for all faults of a walk of stage 1's tables. For a
 * permission fault of the access itself it is unknown: there is memory, so no device is looked for.
 */
static bool fault_address_is_valid(uint64_t syndrome)
{
    return FSC_KIND(syndrome) == FSC_TRANSLATION || (syndrome & ISS_S1PTW) != 0;
}

/* Guest physical address of a stage-2 fault: the page from HPFAR_EL2, the rest from FAR_EL2. */
static uint64_t fault_address(void)
{
    return (read_sysreg(hpfar_el2) & ~UINT64_C(15)) << 8 | (read_sysreg(far_el2) & 0xFFF);
}

__attribute__((noinline, cold)) static void refuse_access(struct vcpu *vcpu, uint64_t syndrome,
                                                          const char *what)
{
    bool physical = fault_address_is_valid(syndrome);

    vm_complain(vcpu,
                physical ? "vCPU %u: %s at guest physical 0x%lx, pc 0x%lx: external abort"
                         : "vCPU %u: %s at guest virtual 0x%lx, pc 0x%lx: external abort",
                vcpu->index, what, (unsigned long)(physical ? fault_address() : read_sysreg(far_el2)),
                (unsigned long)vcpu->arch.regs.pc);
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
    unsigned rt = REGISTER_GET(syndrome, ISS_SRT);
    uint64_t *x = vcpu->arch.regs.x;
    struct mmio_access access = {
        .size = 1u << REGISTER_GET(syndrome, ISS_SAS),
        .write = (syndrome & ISS_WNR) != 0,
        .value = rt == 31 ? 0 : x[rt], /* 31 is XZR */
    };

    vcpu->exits[ONTIME_EXIT_ACCESS]++;
    if (!address_map_access(vcpu, fault_address(), &access)) {
        refuse_access(vcpu, syndrome, access.write ? "write" : "read");
        return;
    }
    if (access.again) {
        arch_relax();
        return;
    }
    if (!access.write && rt != 31)
        x[rt] = loaded_value(access.value, access.size, syndrome);
    skip_instruction(&vcpu->arch, syndrome);
}

/* Any data abort but that of a load or store which EL2 can carry out. */
__attribute__((noinline, cold)) static void other_data_abort(struct vcpu *vcpu, uint64_t syndrome)
{
    uint64_t kind = FSC_KIND(syndrome);

    vcpu->exits[ONTIME_EXIT_OTHER]++;
    if ((kind != FSC_TRANSLATION && kind != FSC_PERMISSION) || (syndrome & (ISS_S1PTW | ISS_FNV)) != 0)
        refuse_access(vcpu, syndrome, "table walk or bus error");
    else if ((syndrome & ISS_CM) != 0)
        skip_instruction(&vcpu->arch, syndrome); /* cache maintenance of what is no memory */
    else if (kind == FSC_PERMISSION)
        refuse_access(vcpu, syndrome, (syndrome & ISS_WNR) != 0 ? "write" : "read");
    else
        refuse_access(vcpu, syndrome, "access by an instruction that is not emulated");
}

static void data_abort(struct vcpu *vcpu, uint64_t syndrome)
{
    const uint64_t looked_at = ISS_ISV | ISS_CM | ISS_S1PTW | ISS_FNV | FSC_KIND(UINT64_MAX);

    if ((syndrome & looked_at) == (ISS_ISV | FSC_TRANSLATION))
        device_access(vcpu, syndrome);
    else
        other_data_abort(vcpu, syndrome);
}

/*
 * SMC, which no firmware sees: a guest's code may have chosen either way to call. The instruction is gone
 * past first, as the call may give the vCPU other registers. (A trapped SMC returns to itself, an HVC does
 * not.)
 */
static void secure_call(struct vcpu *vcpu)
{
    skip_instruction(&vcpu->arch, ESR_IL);
    if (hypercall_is_vendors(vcpu))
        vcpu->arch.regs.x[0] = (uint64_t)hypercall_vendor(vcpu);
    else
        hypercall_standard(vcpu);
}

/* Not inline, so that the other exits pay nothing for the call. */
__attribute__((noinline)) static uint64_t vendor_call(struct vcpu *vcpu)
{
    vcpu->arch.regs.x[0] = (uint64_t)hypercall_vendor(vcpu);
    return goes_on(vcpu) ? EXIT_RESUME : EXIT_LEAVE;
}

uint64_t exit_synchronous_quick(struct vcpu *vcpu)
{
    unsigned class = REGISTER_GET(read_sysreg(esr_el2), ESR_EC);

    vcpu->stats[ONTIME_STAT_EXITS]++;
    cpu_trace_at(vcpu->cpu, exit_instant(), ONTIME_TRACE_EXIT, vcpu, class);
    return class == EC_HVC64 && hypercall_is_vendors(vcpu) ? vendor_call(vcpu) : EXIT_FURTHER;
}

/* Those that are seldom, or take long anyhow: out of line, so that the others need no larger frame. */
static __attribute__((noinline)) void other_exit(struct vcpu *vcpu, unsigned class, uint64_t syndrome)
{
    if (class == EC_SMC64) {
        secure_call(vcpu);
        return;
    }
    vcpu->exits[ONTIME_EXIT_OTHER]++;
    if (class == EC_IABORT)
        refuse_access(vcpu, syndrome, "instruction fetch");
    else /* AArch32 coprocessor accesses of EL0, SVE, and what else does not exist in a guest */
        inject_undefined(&vcpu->arch);
}

bool exit_synchronous(struct vcpu *vcpu)
{
    uint64_t syndrome = read_sysreg(esr_el2);
    unsigned class = REGISTER_GET(syndrome, ESR_EC);

    /* The most frequent first: the compiler's order for a switch is another. */
    if (class == EC_DABORT) {
        data_abort(vcpu, syndrome);
    } else if (class == EC_WFX) {
        vcpu->exits[ONTIME_EXIT_WAIT]++;
        wait_instruction(vcpu, syndrome);
    } else if (class == EC_HVC64) {
        hypercall_standard(vcpu); /* the vendor's were for exit_synchronous_quick() */
    } else if (class == EC_REGISTER) {
        vcpu->exits[ONTIME_EXIT_REGISTER]++;
        trapped_register_access(vcpu, syndrome);
    } else {
        other_exit(vcpu, class, syndrome);
    }
    return goes_on(vcpu);
}

bool exit_serror(struct vcpu *vcpu)
{
    vcpu->stats[ONTIME_STAT_EXITS]++;
    vcpu->exits[ONTIME_EXIT_OTHER]++;
    cpu_trace_at(vcpu->cpu, exit_instant(), ONTIME_TRACE_EXIT, vcpu, EC_SERROR);
    vm_complain(vcpu, "vCPU %u: SError, syndrome 0x%lx", vcpu->index, (unsigned long)read_sysreg(esr_el2));
    vcpu_raise_serror(vcpu);
    return goes_on(vcpu);
}

/* Not inline, so that an entry without it needs no stack frame. */
__attribute__((noinline)) static void refresh_and_enter(struct vcpu *vcpu)
{
    vgic_refresh(vcpu);
    vcpu_enter(vcpu);
}

void arch_vcpu_run(struct vcpu *vcpu)
{
    if (vgic_is_dirty(&vcpu->vgic))
        refresh_and_enter(vcpu);
    else
        vcpu_enter(vcpu);
}
