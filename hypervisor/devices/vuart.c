/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's UART.
 *
 * What the guest sends goes to the console at once. So its transmit FIFO is always empty, except that it
 * reads as full while the console has no room. What comes for the guest waits in a receive FIFO. The console
 * sends no more while that is full; only a guest that does not read for long loses input with an overrun, as
 * on the real device. There is no DMA and there are no modem lines.
 *
 * Locking: the UART's own lock, which is taken before the vGIC's and the console's.
 */
#include "devices/vuart.h"
#include <stddef.h>
#include <string.h>
#include "base/memory.h"
#include "devices/vgic.h"

#define DR      0x00
#define FR      0x18
#define IBRD    0x24
#define FBRD    0x28
#define LCR_H   0x2C
#define CR      0x30
#define IFLS    0x34
#define IMSC    0x38
#define RIS     0x3C
#define MIS     0x40
#define ICR     0x44
#define DMACR   0x48
#define ID_BASE 0xFE0

#define FR_CTS  0x001u
#define FR_RXFE 0x010u
#define FR_TXFF 0x020u
#define FR_RXFF 0x040u
#define FR_TXFE 0x080u

#define INT_RX  0x010u
#define INT_TX  0x020u
#define INT_RT  0x040u
#define INT_OE  0x400u
#define INT_ALL 0x7FFu

#define CR_RESET   0x300u
#define IFLS_RESET 0x12u

static const uint8_t identification[8] = {0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

static void vuart_reset(struct device *device)
{
    struct vuart *uart = (struct vuart *)(void *)((char *)device - offsetof(struct vuart, device));

    spin_lock(&uart->lock);
    uart->fifo_first = uart->fifo_count = 0;
    uart->ibrd = uart->fbrd = uart->lcr_h = uart->mask = uart->raw = uart->dmacr = 0;
    uart->control = CR_RESET;
    uart->ifls = IFLS_RESET;
    uart->line = false;
    uart->console.full = false;
    spin_unlock(&uart->lock);
}

static void update_line(struct vcpu *vcpu)
{
    struct vuart *uart = vcpu->vm->uart;
    bool level = (uart->raw & uart->mask) != 0;

    if (level == uart->line)
        return;
    uart->line = level;
    vgic_set_line(vcpu, VGIC_UART, level);
}

static uint32_t flags(const struct vuart *uart)
{
    return FR_CTS | (uart->fifo_count == 0 ? FR_RXFE : 0) | (uart->fifo_count == VUART_FIFO ? FR_RXFF : 0) |
           (console_has_room() ? FR_TXFE : FR_TXFF);
}

static uint32_t receive(struct vuart *uart)
{
    uint8_t c = uart->fifo[uart->fifo_first];

    if (uart->fifo_count == 0)
        return 0;
    uart->fifo_first = (uart->fifo_first + 1) % VUART_FIFO;
    if (--uart->fifo_count == 0)
        uart->raw &= ~(INT_RX | INT_RT);
    if (uart->fifo_count == VUART_FIFO / 2)
        uart->console.full = false;
    return c;
}

static uint32_t read_register(const struct vuart *uart, uint64_t offset)
{
    switch (offset) {
    case FR:
        return flags(uart);
    case IBRD:
        return uart->ibrd;
    case FBRD:
        return uart->fbrd;
    case LCR_H:
        return uart->lcr_h;
    case CR:
        return uart->control;
    case IFLS:
        return uart->ifls;
    case IMSC:
        return uart->mask;
    case RIS:
        return uart->raw;
    case MIS:
        return uart->raw & uart->mask;
    case DMACR:
        return uart->dmacr;
    default:
        return offset >= ID_BASE && offset < ID_BASE + 32 ? identification[(offset - ID_BASE) / 4] : 0;
    }
}

static void keep(struct vuart_history *history, char c)
{
    uint64_t written = atomic_load_explicit(&history->written, memory_order_relaxed);

    history->bytes[written % VUART_HISTORY] = c;
    atomic_store_explicit(&history->written, written + 1, memory_order_release);
}

static void write_register(struct vuart *uart, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case DR:
        /* While the console has no room the character is lost, as one into a full FIFO of the real device. */
        if (console_put(&uart->console, (char)value) && uart->history != NULL)
            keep(uart->history, (char)value);
        uart->raw |= INT_TX;
        break;
    case IBRD:
        uart->ibrd = value & 0xFFFF;
        break;
    case FBRD:
        uart->fbrd = value & 0x3F;
        break;
    case LCR_H:
        uart->lcr_h = value & 0xFF;
        break;
    case CR:
        uart->control = value & 0xFFFF;
        break;
    case IFLS:
        uart->ifls = value & 0x3F;
        break;
    case IMSC:
        uart->mask = value & INT_ALL;
        break;
    case ICR:
        uart->raw &= ~value;
        break;
    case DMACR:
        uart->dmacr = value & 7;
        break;
    default:
        break;
    }
}

static bool vuart_access(struct vcpu *vcpu, struct mmio_access *access)
{
    struct vuart *uart = vcpu->vm->uart;
    uint64_t offset = access->offset & ~UINT64_C(3);

    if (access->size > 4)
        return false;
    if (!access->write && offset != DR) { /* a field, for which no lock is needed */
        access->value = read_register(uart, offset);
        return true;
    }
    spin_lock(&uart->lock);
    if (access->write)
        write_register(uart, offset, (uint32_t)access->value);
    else
        access->value = receive(uart);
    update_line(vcpu);
    spin_unlock(&uart->lock);
    return true;
}

/* Into the receive FIFO, if it has room. */
static bool take(struct vuart *uart, uint8_t c)
{
    if (uart->fifo_count == VUART_FIFO)
        return false;
    uart->fifo[(uart->fifo_first + uart->fifo_count++) % VUART_FIFO] = c;
    uart->raw |= INT_RX | INT_RT;
    uart->console.full = uart->fifo_count == VUART_FIFO;
    return true;
}

static void deliver(struct console_source *source, char c)
{
    struct vuart *uart = (struct vuart *)(void *)((char *)source - offsetof(struct vuart, console));

    spin_lock(&uart->lock);
    if (!take(uart, (uint8_t)c))
        uart->raw |= INT_OE;
    update_line(&uart->vm->vcpus[0]);
    spin_unlock(&uart->lock);
}

unsigned vuart_type(struct vuart *uart, const uint8_t *bytes, unsigned count)
{
    unsigned taken = 0;

    spin_lock(&uart->lock);
    while (taken < count && take(uart, bytes[taken]))
        taken++;
    update_line(&uart->vm->vcpus[0]);
    spin_unlock(&uart->lock);
    return taken;
}

void vuart_keep_history(struct vuart *uart)
{
    uart->history = memory_allocate(sizeof(*uart->history));
}

uint64_t vuart_history_end(const struct vuart *uart)
{
    return atomic_load_explicit(&uart->history->written, memory_order_acquire);
}

uint64_t vuart_history_from(const struct vuart *uart, unsigned more)
{
    uint64_t kept = VUART_HISTORY - VUART_MARGIN - more;
    uint64_t end;

    atomic_thread_fence(memory_order_acquire); /* after what was copied */
    end = vuart_history_end(uart);
    return end > kept ? end - kept : 0;
}

void vuart_history_copy(const struct vuart *uart, uint64_t from, unsigned count, char *to)
{
    unsigned first = (unsigned)(from % VUART_HISTORY);
    unsigned until_end = VUART_HISTORY - first < count ? VUART_HISTORY - first : count;

    memcpy(to, uart->history->bytes + first, until_end);
    memcpy(to + until_end, uart->history->bytes, count - until_end);
}

struct vuart *vuart_create(struct vm *vm)
{
    struct vuart *uart = memory_allocate(sizeof(*uart));

    uart->vm = vm;
    uart->lock = (struct spinlock)SPINLOCK_INIT(LOCK_DEVICE);
    uart->device = (struct device){
        .base = GUEST_UART_BASE,
        .size = GUEST_UART_SIZE,
        .access = vuart_access,
        .reset = vuart_reset,
    };
    vuart_reset(&uart->device);
    uart->console.raw = vm->config->console_raw;
    console_add(&uart->console, vm->config->name, deliver);
    return uart;
}
