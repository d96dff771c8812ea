/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU waits for an interrupt while other cores send it one (hypervisor/devices/vgic.c, vm/dispatch.c,
 * vm/messages.c, devices/wait.h). One core with the vCPU, which may be switched out while it is blocked, and
 * cores that send. The list of messages is not here: messages.pml has it.
 *
 * What has to hold: when nobody can go on, all that was sent was taken by the guest. So the vCPU is never
 * blocked, and never in its guest, with an interrupt pending and no kick.
 *
 * Accesses take effect in their order here: the lock and the word of requests are what orders them.
 */
#define SENDERS 2
#define SENDS   2 /* of each sender */
#define WAITS   3 /* how often the guest looks for something else to do */
#define LOOK    1
#define WAKE    2

#define spin_lock()   atomic { !lock -> lock = true }
#define spin_unlock() lock = false

bool lock; /* the VM's vGIC lock */
bool latched, dirty;
bool loaded = true;
bool in_lr;           /* pending in a list register */
bool runnable = true; /* the core's own */
bool waits_for_it;    /* vgic_vcpu.waits: it is about to block, or has, and nobody has woken it since */
byte requests;
bool kick; /* pending at the core */

bool owed; /* for the property: an interrupt was sent that the guest has not taken since */

/* The core's part of the vGIC, with the lock held. */
inline pull()
{
    if
    :: in_lr -> in_lr = false; latched = true; dirty = true
    :: else
    fi
}

inline push()
{
    if
    :: latched -> in_lr = true; latched = false
    :: else
    fi;
    dirty = false
}

inline refresh()
{
    spin_lock();
    pull();
#ifndef FAULT_CLEAN_WITHOUT_LOCK
    push();
    spin_unlock()
#else
    if
    :: latched -> in_lr = true; latched = false
    :: else
    fi;
    spin_unlock();
    dirty = false
#endif
}

/* cpu_take_messages(). */
inline take_messages()
{
    kick = false;
    d_step {
        taken = requests;
        requests = 0;
    }
    if
    :: (taken & LOOK) != 0 && loaded && dirty -> refresh()
    :: else
    fi;
    if
    :: (taken & WAKE) != 0 -> runnable = true
    :: else
    fi
}

inline send(request)
{
    d_step {
        old = requests;
        requests = requests | request;
    }
    if
    :: old == 0 -> kick = true
    :: else
    fi
}

/* wait_for_interrupt(): vgic_wakes(), vcpu_block(). No interrupt is taken in between. */
inline wait_for_interrupt()
{
    spin_lock();
    pull();
    wakes = latched;
#ifndef FAULT_WAITS_WITHOUT_LOCK
    waits_for_it = !wakes;
    spin_unlock();
#else
    spin_unlock();
    waits_for_it = !wakes;
#endif
#ifdef FAULT_MESSAGES_TAKEN_BEFORE_BLOCK
    if
    :: kick -> take_messages()
    :: else
    fi;
#endif
    if
    :: !wakes -> runnable = false
    :: else
    fi
}

/* The steps of the dispatcher: messages, then the guest. */
proctype core()
{
    byte taken, waits = WAITS;
    bool wakes;

end:
    do
    :: kick -> take_messages()
    :: !kick && runnable ->
        if
        :: !loaded ->
            spin_lock();
            loaded = true;
            waits_for_it = false;
            push();
            spin_unlock()
        :: else
        fi;
        if
        :: dirty -> refresh()
        :: else
        fi;
        /* The guest, until it exits. It takes an interrupt, waits for one, or computes. */
end_in_guest:
        if
        :: in_lr -> atomic { in_lr = false; owed = latched }
        :: kick /* which takes it out */
        :: waits > 0 -> waits--; wait_for_interrupt()
        fi
    :: !kick && !runnable && loaded && waits > 0 -> /* another vCPU runs */
        spin_lock();
        pull();
        loaded = false;
        spin_unlock()
    od
}

/* tell(). A vCPU that is out, and does not wait for an interrupt, gets no message. */
inline tell()
{
#ifdef FAULT_TOLD_WHEN_BLOCKED
    told = !runnable;
#else
    told = waits_for_it;
#endif
    if
    :: told -> waits_for_it = false; send(WAKE)
    :: else
    fi;
    if
    :: loaded -> send(LOOK)
    :: else
    fi
}

/* vgic_send_sgis(), or with vgic_changed() what is done for an SPI. */
proctype sender()
{
    byte old, left = SENDS;
    bool told;

    do
    :: left > 0 ->
        left--;
        spin_lock();
#ifdef FAULT_TOLD_BEFORE_LATCH
        tell();
        spin_unlock();
        spin_lock();
#endif
        atomic { latched = true; owed = true };
#ifndef FAULT_DIRTY_AFTER_MESSAGE
        dirty = true;
#endif
#ifndef FAULT_TOLD_BEFORE_LATCH
        tell();
#endif
#ifdef FAULT_DIRTY_AFTER_MESSAGE
        spin_unlock();
        dirty = true
#else
        spin_unlock()
#endif
    :: else -> break
    od
}

/* Nobody can go on: the guest has had all. */
proctype observer()
{
    timeout;
    assert(!owed && !latched && !in_lr && requests == 0)
}

init
{
    byte i = 0;

    atomic {
        do
        :: i < SENDERS -> run sender(); i++
        :: else -> break
        od;
        run core();
        run observer()
    }
}
