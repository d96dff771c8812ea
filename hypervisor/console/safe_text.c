/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a guest's output safe for a terminal: printed, it moves the cursor to the right and does nothing
 * else. So a guest can't erase the prefix of its line, write over another's line, or change the terminal.
 *
 *   printable ASCII, tab         as they are
 *   other control characters     ^[ and so on, DEL as ^?
 *   CRs directly before an LF    nothing: they belong to the end of the line
 *   other CRs                    one ^M for CRs that follow each other
 *   a character in UTF-8         as it is, but for the next two
 *   C1 control characters        \u009b and so on: some terminals obey them in UTF-8, too
 *   line ends and directions     \u2028, \u202e and so on: these would reorder the line, its prefix included
 *   bytes that are no UTF-8      \x9b and so on: an 8-bit terminal obeys 80 to 9f
 *
 * UTF-8 is that of RFC 3629: the shortest form, no surrogates, up to U+10FFFF. Its bytes are held until the
 * character is complete, so that nothing can come between them.
 */
#include "console/safe_text.h"

#define DEL   0x7F
#define C1END 0xA0 /* the first character behind the C1 controls */

static unsigned put_hex(char *to, char kind, uint32_t value, unsigned digits)
{
    to[0] = '\\';
    to[1] = kind;
    for (unsigned i = 0; i < digits; i++)
        to[2 + i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 15];
    return 2 + digits;
}

/* The bytes that were held are no character. */
static unsigned drop_held(struct safe_text *text, char *to)
{
    unsigned length = 0;

    for (unsigned i = 0; i < text->held_count; i++)
        length += put_hex(to + length, 'x', text->held[i], 2);
    text->held_count = 0;
    return length;
}

/* How many bytes a character has that begins with this one; 0: none does. */
static unsigned utf8_length(uint8_t first)
{
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* May this byte follow those that are held? RFC 3629, 4. */
static bool utf8_continues(const struct safe_text *text, uint8_t byte)
{
    uint8_t low = 0x80, high = 0xBF;

    if (text->held_count == 1) {
        low = text->held[0] == 0xE0 ? 0xA0 : text->held[0] == 0xF0 ? 0x90 : low;
        high = text->held[0] == 0xED ? 0x9F : text->held[0] == 0xF4 ? 0x8F : high;
    }
    return byte >= low && byte <= high;
}

static bool acts_on_terminal(uint32_t character)
{
    return character < C1END || character == 0x61C || character == 0x200E || character == 0x200F ||
           (character >= 0x2028 && character <= 0x202E) || (character >= 0x2066 && character <= 0x2069);
}

/* The held bytes and this last one are a character. */
static unsigned put_character(struct safe_text *text, uint8_t last, char *to)
{
    unsigned count = text->held_count;
    uint32_t character = text->held[0] & (0x3Fu >> count);

    for (unsigned i = 0; i < count; i++) {
        to[i] = (char)text->held[i];
        if (i != 0)
            character = character << 6 | (text->held[i] & 0x3Fu);
    }
    to[count] = (char)last;
    character = character << 6 | (last & 0x3Fu);
    text->held_count = 0;
    return acts_on_terminal(character) ? put_hex(to, 'u', character, 4) : count + 1;
}

static unsigned put_ascii(uint8_t byte, char *to)
{
    if ((byte >= ' ' && byte < DEL) || byte == '\t') {
        to[0] = (char)byte;
        return 1;
    }
    to[0] = '^';
    to[1] = (char)(byte ^ 0x40);
    return 2;
}

unsigned safe_text_end(struct safe_text *text, char *to)
{
    text->returned = false;
    return drop_held(text, to);
}

unsigned safe_text_take(struct safe_text *text, uint8_t byte, char *to)
{
    unsigned length = 0;

    if (text->held_count != 0) {
        if (utf8_continues(text, byte)) {
            if (text->held_count + 1u == utf8_length(text->held[0]))
                return put_character(text, byte, to);
            text->held[text->held_count++] = byte;
            return 0;
        }
        length = drop_held(text, to);
    }
    if (text->returned && byte != '\r')
        length += put_ascii('\r', to + length);
    text->returned = byte == '\r';
    if (text->returned)
        return length;
    if (byte <= DEL)
        return length + put_ascii(byte, to + length);
    if (utf8_length(byte) == 0)
        return length + put_hex(to + length, 'x', byte, 2);
    text->held[text->held_count++] = byte;
    return length;
}
