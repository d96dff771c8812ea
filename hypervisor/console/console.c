/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer: one UART for Ontime and all guests.
 *
 * Each source collects a line, and a whole line is written as `[name] text`. An unfinished line is written
 * after 100 ms of silence, or when it fills its buffer, or at once when its source has the input and somebody
 * has typed. When another source's line comes then, it begins on a new line, and the rest of the unfinished
 * one follows later with its prefix again. A buffer that is full is written up to its last space, if that is
 * near its end.
 *
 * What a guest writes is made safe for the terminal (safe_text.c): a line's prefix stays, and is its
 * writer's. A source that is `raw` writes what it likes while it has the input. Before the next line of
 * anybody else an unfinished sequence of it is cancelled, and its colours end.
 *
 * What is written goes into a ring, in pieces of CONSOLE_LINE characters, and from there to the UART as fast
 * as the UART takes it: a piece when a line is written, more from the UART's interrupt. Each is short, so
 * that no deadline has to wait for output. While the ring is nearly full, or a line is on its way into it
 * that has more than a piece, a guest sees its own UART full, a line that its call asks for is refused until
 * there is room, and one about the input is left out. The lines about VMs that stop have the rest of the
 * ring.
 *
 * Ctrl-] and a digit give the input to the VM of that number, 1 being the first in the system file. Ctrl-], a
 * name and Enter give it to the VM of that name. Ctrl-] twice sends one Ctrl-] to the guest. Ctrl-], * and
 * Enter say that the console is taken apart again behind the UART.
 *
 * While the source that has the input is full, nothing is read from the UART, so that what is pasted waits in
 * the terminal. A source that does not read for a second loses what comes, until it reads again: otherwise
 * nobody could take the input from it.
 *
 * The UART's interrupt and the deadline of an unfinished line are core 0's. Another core whose guest writes
 * one tells core 0.
 *
 * Locking: the console's lock, the last in the lock order, covers the sources' lines, the ring and what is
 * sent to the UART, whether silence is watched, and whether input is read. After boot the rest of the input's
 * state is changed by the UART's interrupt alone, without the lock; console_put() reads it.
 */
#include "console/console.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/units.h"

#define RING          32768 /* bytes, a power of two */
#define GUEST_RESERVE 8192  /* bytes that guests' own lines leave free */
#define OFFER_RESERVE 6144  /* bytes that the lines of console_offer() leave free */
#define PATIENCE_MS   1000
#define LOOK_MS       2    /* from one look whether the source has room to the next */
#define BURST         16   /* characters that are written to the UART, or read from it, at once */
#define ESCAPE        0x1d /* Ctrl-] */
#define OWN_PREFIX    "[ontime] "
#define END_OF_RAW    "\x18\x1b[0m" /* CAN, SGR 0 (ECMA-48) */

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static const struct uart_driver *uart;
static char ring[RING];
static unsigned ring_head, ring_tail; /* head: where the next character goes; tail: what is sent next */
static struct console_source *sources;
static struct console_source *writer; /* the one of whose line a part is in the ring already */
static _Atomic bool guests_have_room = true;
static struct console_source *open_source; /* the one whose unfinished line the cursor stands behind */
static struct console_source *raw_source;  /* the last that has written raw, with nobody else's line since */
static struct console_source *_Atomic input_source;
static _Atomic bool typed; /* there has been input: somebody is there who wants to see each character */
static struct deadline silence;
static bool silence_is_watched; /* it is armed, or core 0 has been told to arm it */
static void (*tell_core_0)(void);
static struct deadline_queue *deadlines; /* of the CPU that serves the console */
static uint64_t silence_ticks, patience_ticks, look_ticks;
static bool input_stopped;  /* nothing is read, as the source that has the input is full */
static bool input_is_lost;  /* it has been full for too long: what does not fit is lost */
static uint64_t stopped_at; /* ticks */
/* Each source has a terminal of its own in the end: `raw` ones need not have the input. */
static bool taken_apart;
static bool escaped;
static char wanted_name[CONSOLE_NAME_LENGTH + 1];
static unsigned wanted_length;

/* Lines about VMs that stop, each of a restart after console_is_calm(), never wait for the UART. */
_Static_assert(CONSOLE_STOP_LINES *(CONSOLE_STOP_LINE + sizeof(OWN_PREFIX) + sizeof(END_OF_RAW) + 4) <
                   OFFER_RESERVE,
               "there is room for a line about each VM");

static unsigned ring_room(void)
{
    return RING - 1 - ((ring_head - ring_tail) & (RING - 1));
}

/* Sends what the UART takes, at most `most` characters. The rest waits for the UART's interrupt. */
static void drain(unsigned most)
{
    guests_have_room = writer == NULL && ring_room() >= GUEST_RESERVE;
    if (uart == NULL)
        return;
    while (ring_tail != ring_head && most-- != 0) {
        if (!uart->put(ring[ring_tail]))
            break;
        ring_tail = (ring_tail + 1) & (RING - 1);
    }
    guests_have_room = writer == NULL && ring_room() >= GUEST_RESERVE;
    uart->want_space(ring_tail != ring_head || writer != NULL);
}

/*
 * Waits until so many characters fit. Without a UART the oldest give way, and guests always have room.
 */
static void make_room(unsigned length)
{
    unsigned wanted = length + GUEST_RESERVE;

    while (uart != NULL && ring_room() < length)
        drain(1);
    if (uart == NULL && ring_room() < wanted)
        ring_tail = (ring_tail + wanted - ring_room()) & (RING - 1);
}

static void push(const char *text, unsigned length)
{
    unsigned until_end = RING - ring_head;
    unsigned first = length < until_end ? length : until_end;

    make_room(length);
    memcpy(ring + ring_head, text, first);
    memcpy(ring, text + first, length - first);
    ring_head = (ring_head + length) & (RING - 1);
    DEBUG_ASSERT(ring_head < RING && ring_tail < RING);
}

static void end_line(void)
{
    push("\r\n", 2);
}

/* The same on a terminal; but the second CR tells who takes the sources apart again that the line goes on. */
static void break_line(void)
{
    push("\r\r\n", 3);
}

/*
 * Ends the line that the cursor stands behind, unless it is that of `except`: what comes next begins on a new
 * line.
 */
static void close_open_line(const struct console_source *except)
{
    if (raw_source != NULL && raw_source != except) {
        push(END_OF_RAW, sizeof(END_OF_RAW) - 1);
        raw_source = NULL;
    }
    if (open_source == NULL || open_source == except)
        return;
    break_line();
    open_source->continued = false;
    open_source = NULL;
}

/* The part is written: what was collected behind it is the beginning of the next. */
static void end_part(struct console_source *source)
{
    source->length -= source->part;
    if (source->length != 0)
        memmove(source->line, source->line + source->part, source->length);
    source->acted = source->acted && source->length != 0;
    source->word = 0;
    if (source->whole)
        end_line();
    source->continued = !source->whole;
    open_source = source->whole ? NULL : source;
    writer = NULL;
}

/* Writes a piece of the writer's part. */
static void emit_piece(void)
{
    struct console_source *source = writer;
    unsigned left = source->part - source->done;
    unsigned length = left < CONSOLE_LINE ? left : CONSOLE_LINE;

    DEBUG_ASSERT(spin_is_held(&console_lock) && source->part <= source->length);
    DEBUG_ASSERT(open_source == NULL || open_source->continued);
    close_open_line(source);
    if (!source->continued)
        push(source->prefix, source->prefix_length);
    push(source->line + source->done, length);
    source->done += length;
    source->continued = true;
    open_source = source;
    if (source->acted)
        raw_source = source;
    if (length == left)
        end_part(source);
}

/* Goes on with a line of more than a piece when there is room. Without a UART there always is. */
static void emit_more(void)
{
    if (writer != NULL && ring_room() >= GUEST_RESERVE)
        emit_piece();
}

/* Writes the first `length` characters that were collected, a piece now. Nothing is on its way. */
static void emit_source(struct console_source *source, unsigned length, bool whole)
{
    DEBUG_ASSERT(writer == NULL && source->length <= CONSOLE_LONG_LINE);
    source->part = length;
    source->done = 0;
    source->whole = whole;
    writer = source;
    do
        emit_piece();
    while (writer != NULL && uart == NULL);
}

static void emit_own(const char *line, unsigned length)
{
    close_open_line(NULL);
    push(OWN_PREFIX, sizeof(OWN_PREFIX) - 1);
    push(line, length);
    end_line();
    drain(BURST);
}

void console_write_line(const char *line)
{
    spin_lock(&console_lock);
    emit_own(line, (unsigned)strlen(line));
    spin_unlock(&console_lock);
}

bool console_offer(const char *line, size_t length)
{
    bool room;

    spin_lock(&console_lock);
    room =
        writer == NULL && ring_room() >= OFFER_RESERVE + length + sizeof(OWN_PREFIX) + sizeof(END_OF_RAW) + 4;
    if (room)
        emit_own(line, (unsigned)length);
    else
        drain(BURST);
    spin_unlock(&console_lock);
    return room;
}

bool console_is_calm(void)
{
    bool calm;

    spin_lock(&console_lock);
    calm = writer == NULL && ring_room() >= OFFER_RESERVE;
    spin_unlock(&console_lock);
    return calm;
}

void console_print(const char *format, ...)
{
    char line[CONSOLE_LINE * 2];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    console_write_line(line);
}

/* The first source whose line has been unfinished for long enough; *next: when the first of the others is. */
static struct console_source *silent_source(uint64_t now, uint64_t *next)
{
    struct console_source *silent = NULL;

    for (struct console_source *source = sources; source != NULL; source = source->next) {
        uint64_t when = source->written_at + silence_ticks;

        if (source->length == 0)
            continue;
        if (silent == NULL && when <= now)
            silent = source;
        else if (when < *next)
            *next = when;
    }
    return silent;
}

/* Can a character be read? What follows Ctrl-] is not for the source that has the input. */
static bool can_read(void)
{
    return escaped || input_source == NULL || !input_source->full || input_is_lost;
}

/* Reads input again when its source has room, or was full for too long; else *next: when to look again. */
static void resume_input(uint64_t now, uint64_t *next)
{
    if (!input_stopped)
        return;
    input_is_lost = now - stopped_at >= patience_ticks;
    if (!can_read()) {
        *next = now + look_ticks < *next ? now + look_ticks : *next;
        return;
    }
    input_stopped = false;
    uart->want_input(true);
}

/* Writes one line. For others that are due the deadline is set again, and is reached at once. */
static void silence_over(struct deadline *deadline, uint64_t now)
{
    struct console_source *silent;
    uint64_t next = DEADLINE_NONE;

    spin_lock(&console_lock);
    silent = silent_source(now, &next);
    if (silent != NULL && console_has_room())
        emit_source(silent, silent->length, false);
    else if (silent != NULL)
        next = now + silence_ticks;
    resume_input(now, &next);
    drain(BURST);
    silence_is_watched = next != DEADLINE_NONE;
    spin_unlock(&console_lock);
    deadline_set(deadlines, deadline, next);
}

bool console_has_room(void)
{
    return guests_have_room;
}

/* Is this more than text and returns, as all control sequences are? */
static bool is_control(char c)
{
    return ((uint8_t)c < ' ' && c != '\t' && c != '\r') || (uint8_t)c >= 0x7F;
}

/* A CR that is part of the line's end, if the line is over; of a raw source's, as safe_text.c keeps others
 * back. */
static bool ends_with_return(const struct console_source *source)
{
    return source->length != 0 && source->line[source->length - 1] == '\r';
}

/* Adds a character that ends no line to what is collected. There is room for SAFE_TEXT_MAX characters. */
static void collect(struct console_source *source, char c)
{
    if (source->raw && (source == input_source || taken_apart)) {
        source->length += safe_text_end(&source->text, source->line + source->length);
        if (c == '\r' && ends_with_return(source))
            return; /* two do what one does */
        source->line[source->length++] = c;
        source->acted |= is_control(c);
    } else {
        source->length += safe_text_take(&source->text, (uint8_t)c, source->line + source->length);
    }
    if (c == ' ')
        source->word = source->length;
}

/* Ends the line that is collected. */
static void collect_end(struct console_source *source)
{
    if (ends_with_return(source))
        source->length--;
    source->length += safe_text_end(&source->text, source->line + source->length);
    emit_source(source, source->length, true);
}

/* Writes an unfinished line when it is time for that; false: it waits for silence, or for what a CR is. */
static bool emit_unfinished(struct console_source *source)
{
    bool full = source->length > CONSOLE_LONG_LINE - SAFE_TEXT_MAX;
    bool near = source->length - source->word <= CONSOLE_LINE;

    if (source == input_source && typed && source->length != 0 && !ends_with_return(source))
        emit_source(source, source->length, false);
    else if (full)
        emit_source(source, near ? source->word : source->length, false);
    else
        return false;
    return true;
}

bool console_put(struct console_source *source, char c)
{
    bool wait_for_silence = false;

    spin_lock(&console_lock);
    if (!console_has_room()) {
        emit_more();
        drain(BURST);
        spin_unlock(&console_lock);
        return false;
    }
    source->written_at = arch_counter();
    if (c == '\n') {
        collect_end(source);
        drain(BURST);
    } else {
        collect(source, c);
        if (emit_unfinished(source))
            drain(BURST);
        else
            wait_for_silence = !silence_is_watched;
        silence_is_watched |= wait_for_silence;
    }
    spin_unlock(&console_lock);
    if (!wait_for_silence)
        return true;
    if (arch_cpu_index() == 0)
        console_watch_silence();
    else
        tell_core_0();
    return true;
}

void console_watch_silence(void)
{
    if (!deadline_is_armed(&silence)) /* else it is looked at then, what may be earlier */
        deadline_set(deadlines, &silence, arch_counter() + silence_ticks);
}

void console_add(struct console_source *source, const char *name, console_deliver *deliver)
{
    struct console_source **end = &sources;

    source->name = name;
    source->prefix_length = (unsigned)snprintf(source->prefix, sizeof(source->prefix), "[%s] ", name);
    source->deliver = deliver;
    while (*end != NULL)
        end = &(*end)->next;
    *end = source;
    if (input_source == NULL)
        input_source = source;
}

void console_init(const struct uart_driver *driver, struct deadline_queue *queue, void (*tell)(void))
{
    deadline_init(&silence, DEADLINE_OTHER, silence_over);
    deadlines = queue;
    tell_core_0 = tell;
    silence_ticks = us_to_ticks(SILENCE_MS * 1000);
    patience_ticks = us_to_ticks(PATIENCE_MS * 1000);
    look_ticks = us_to_ticks(LOOK_MS * 1000);
    uart = driver;
    drain(RING);
}

/* The answer is left out when the console has little room. */
static void give_input(struct console_source *source)
{
    static const char no_such[] = "input: no such VM; Ctrl-] then a digit, or a name and Enter";
    char line[CONSOLE_NAME_LENGTH + sizeof("input: ")];

    escaped = false;
    if (source == NULL) {
        (void)console_offer(no_such, sizeof(no_such) - 1);
        return;
    }
    input_source = source;
    input_is_lost = false;
    snprintf(line, sizeof(line), "input: %s", source->name);
    (void)console_offer(line, strlen(line));
}

static void be_taken_apart(void)
{
    escaped = false;
    taken_apart = true;
}

static struct console_source *source_by_number(unsigned number)
{
    struct console_source *source = sources;

    while (source != NULL && number-- > 1)
        source = source->next;
    return source;
}

static struct console_source *source_by_name(const char *name)
{
    struct console_source *source = sources;

    while (source != NULL && strcmp(source->name, name) != 0)
        source = source->next;
    return source;
}

static void deliver(char c)
{
    if (input_source != NULL)
        input_source->deliver(input_source, c);
}

/* A character after Ctrl-]. */
static void choose(char c)
{
    if (c == ESCAPE) {
        escaped = false;
        deliver(c);
    } else if (wanted_length == 0 && c >= '1' && c <= '9') {
        give_input(source_by_number((unsigned)(c - '0')));
    } else if (c == '\r' || c == '\n') {
        wanted_name[wanted_length] = '\0';
        if (strcmp(wanted_name, "*") == 0)
            be_taken_apart();
        else
            give_input(source_by_name(wanted_name));
    } else if (wanted_length < CONSOLE_NAME_LENGTH) {
        wanted_name[wanted_length++] = c;
    } else {
        give_input(NULL);
    }
}

static void stop_input(void)
{
    bool stop;

    spin_lock(&console_lock);
    stop = !input_stopped;
    if (stop) {
        input_stopped = silence_is_watched = true;
        stopped_at = arch_counter();
        uart->want_input(false);
    }
    spin_unlock(&console_lock);
    if (stop)
        deadline_set(deadlines, &silence, stopped_at + look_ticks);
}

void console_interrupt(void)
{
    char c;

    if (input_source != NULL && !input_source->full)
        input_is_lost = false;
    for (unsigned n = 0; n < BURST && can_read() && uart->get(&c); n++) {
        typed = true;
        if (escaped) {
            choose(c);
        } else if (c == ESCAPE) {
            escaped = true;
            wanted_length = 0;
        } else {
            deliver(c);
        }
    }
    if (!can_read())
        stop_input();
    spin_lock(&console_lock);
    emit_more();
    drain(BURST);
    spin_unlock(&console_lock);
}

void console_finish(void)
{
    spin_lock(&console_lock);
    while (writer != NULL)
        emit_piece();
    for (struct console_source *source = sources; source != NULL; source = source->next)
        if (source->length != 0 || source->text.held_count != 0) {
            collect_end(source);
            while (writer != NULL)
                emit_piece();
        }
    close_open_line(NULL);
    while (uart != NULL && ring_tail != ring_head)
        drain(RING);
    spin_unlock(&console_lock);
}
