/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's clock.
 *
 * It shows what the machine's clock showed at boot, and the seconds that the counter has counted since: the
 * machine's own is not read again, so a guest's access costs no access to a device. What a guest sets is its
 * own: the machine's clock and the other guests' stay as they are.
 *
 * Seconds of all guests begin at the same instants. The alarm is a deadline at the instant at which the clock
 * begins to show the second that the guest has set.
 *
 * Locking: the clock's own lock, which is taken before the vGIC's. The alarm belongs to the CPU of the VM's
 * first vCPU.
 */
#include "devices/vrtc.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/memory.h"
#include "devices/vgic.h"

#define DR      0x00
#define MR      0x04
#define LR      0x08
#define CR      0x0C
#define IMSC    0x10
#define RIS     0x14
#define MIS     0x18
#define ICR     0x1C
#define ID_BASE 0xFE0

#define CR_START  1u
#define INT_ALARM 1u

static const uint8_t identification[8] = {0x31, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

static struct {
    bool exists;
    uint32_t seconds;
    uint64_t counter; /* when the clock showed `seconds` */
} machine;

void vrtc_init(uint32_t seconds, uint64_t counter)
{
    machine.exists = true;
    machine.seconds = seconds;
    machine.counter = counter;
}

bool vrtc_exists(void)
{
    return machine.exists;
}

/* Whole seconds since the machine's clock was read. */
static uint64_t elapsed(void)
{
    return (arch_counter() - machine.counter) / arch_counter_hz();
}

/* What the guest's clock shows when so many seconds have passed. It comes round after 136 years. */
static uint32_t shown(const struct vrtc *rtc, uint64_t seconds)
{
    return machine.seconds + (uint32_t)seconds + rtc->ahead;
}

static void update_line(struct vrtc *rtc)
{
    bool level = rtc->raw && rtc->mask;

    if (level == rtc->line)
        return;
    rtc->line = level;
    vgic_set_line(&rtc->vm->vcpus[0], VGIC_RTC, level);
}

static void alarm_reached(struct deadline *deadline, uint64_t now)
{
    struct vrtc *rtc = HEAP_ENTRY(deadline, struct vrtc, alarm.deadline);

    spin_lock(&rtc->lock);
    if (rtc->alarm.at <= now) {        /* else another core has set it anew, and its message is on the way */
        rtc->alarm.at = DEADLINE_NONE; /* or it would come again when the vCPU goes to another core */
        rtc->raw = true;
        update_line(rtc);
    }
    spin_unlock(&rtc->lock);
}

void vrtc_watch_alarm(struct vm *vm)
{
    struct vrtc *rtc = vm->rtc;

    if (rtc == NULL)
        return;
    spin_lock(&rtc->lock);
    home_deadline_watch(&rtc->alarm);
    spin_unlock(&rtc->lock);
}

void vrtc_leave_alarm(struct vm *vm)
{
    struct vrtc *rtc = vm->rtc;

    if (rtc == NULL)
        return;
    spin_lock(&rtc->lock);
    home_deadline_leave(&rtc->alarm);
    spin_unlock(&rtc->lock);
}

/* The clock or the alarm was set. An alarm for the second that is shown already is reached at once. */
static void set_alarm(struct vrtc *rtc)
{
    uint64_t now = elapsed();
    uint32_t left = rtc->match - shown(rtc, now);

    rtc->raw = rtc->raw || left == 0;
    home_deadline_set(&rtc->alarm,
                      left == 0 ? DEADLINE_NONE : machine.counter + (now + left) * arch_counter_hz());
}

/* Without an alarm. It goes on showing the time that the guest has set, as the real device does. */
static void vrtc_reset(struct device *device)
{
    struct vrtc *rtc = (struct vrtc *)(void *)((char *)device - offsetof(struct vrtc, device));

    spin_lock(&rtc->lock);
    home_deadline_forget(&rtc->alarm);
    rtc->load = rtc->match = 0;
    rtc->mask = rtc->raw = rtc->line = false;
    spin_unlock(&rtc->lock);
}

static uint32_t read_register(const struct vrtc *rtc, uint64_t offset)
{
    switch (offset) {
    case DR:
        return shown(rtc, elapsed());
    case MR:
        return rtc->match;
    case LR:
        return rtc->load;
    case CR:
        return CR_START; /* it can't be stopped */
    case IMSC:
        return rtc->mask ? INT_ALARM : 0;
    case RIS:
        return rtc->raw ? INT_ALARM : 0;
    case MIS:
        return rtc->raw && rtc->mask ? INT_ALARM : 0;
    default:
        return offset >= ID_BASE && offset < ID_BASE + 32 ? identification[(offset - ID_BASE) / 4] : 0;
    }
}

static void write_register(struct vrtc *rtc, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case MR:
        rtc->match = value;
        set_alarm(rtc);
        break;
    case LR:
        rtc->load = value;
        rtc->ahead += value - shown(rtc, elapsed());
        set_alarm(rtc);
        break;
    case IMSC:
        rtc->mask = (value & INT_ALARM) != 0;
        break;
    case ICR:
        rtc->raw = rtc->raw && (value & INT_ALARM) == 0;
        break;
    default:
        break;
    }
}

static bool vrtc_access(struct vcpu *vcpu, struct mmio_access *access)
{
    struct vrtc *rtc = vcpu->vm->rtc;

    if (access->size > 4)
        return false;
    if (access->write && home_deadline_is_too_soon(&rtc->alarm)) {
        access->again = true;
        return true;
    }
    spin_lock(&rtc->lock);
    if (access->write)
        write_register(rtc, access->offset & ~UINT64_C(3), (uint32_t)access->value);
    else
        access->value = read_register(rtc, access->offset & ~UINT64_C(3));
    update_line(rtc);
    spin_unlock(&rtc->lock);
    return true;
}

struct vrtc *vrtc_create(struct vm *vm)
{
    struct vrtc *rtc;

    if (!machine.exists)
        return NULL;
    rtc = memory_allocate(sizeof(*rtc));
    rtc->vm = vm;
    rtc->lock = (struct spinlock)SPINLOCK_INIT(LOCK_DEVICE);
    home_deadline_init(&rtc->alarm, vm, alarm_reached);
    rtc->device = (struct device){
        .base = GUEST_RTC_BASE,
        .size = GUEST_RTC_SIZE,
        .access = vrtc_access,
        .reset = vrtc_reset,
    };
    vrtc_reset(&rtc->device);
    return rtc;
}
