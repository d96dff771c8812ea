// SPDX-License-Identifier: Apache-2.0
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ontime/abi.h>

#define DAY 86400.0 /* s */

static const char *const names[] = {
    [ONTIME_SET_WEIGHT] = "weight",
    [ONTIME_SET_WARP_US] = "warp-us",
    [ONTIME_SET_WARP_LIMIT_US] = "warp-limit-us",
    [ONTIME_SET_UNWARP_US] = "unwarp-us",
    [ONTIME_SET_HORIZON_US] = "horizon-us",
};

bool read_number(const char *text, uint64_t max, uint64_t *number)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, hexadecimal ? 16 : 10);
    return errno == 0 && *end == '\0' && *number <= max;
}

bool read_seconds(const char *text, double *seconds)
{
    char *end;

    if (text[strspn(text, "0123456789.")] != '\0')
        return false;
    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && *seconds > 0 && *seconds <= DAY;
}

const char *read_setting(const char *word, unsigned *what, uint64_t *value)
{
    size_t length = strcspn(word, "=");

    if (word[length] != '=')
        return "is not NAME=VALUE";
    for (*what = 0; *what < sizeof(names) / sizeof(names[0]); ++*what)
        if (strlen(names[*what]) == length && strncmp(names[*what], word, length) == 0)
            return read_number(word + length + 1, UINT32_MAX, value) ? NULL : "has no number as its value";
    return "is none of weight, warp-us, warp-limit-us, unwarp-us, horizon-us";
}
