/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue whose requests end in order, whoever serves it. The server has an available and a used ring of its
 * own, beside the driver's descriptors; what is done is put into the driver's used ring as soon as all before
 * it is. So the requests that are outstanding are always those between the used index and the available index
 * of the driver's rings, and when the service is started anew, it knows them exactly: none is lost, and none
 * that has ended is done again.
 */
#ifndef SERVICE_RELAY_H
#define SERVICE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "rings.h"

/* The memory for the server's rings: its used ring begins at RELAY_USED. */
enum { RELAY_USED = 0x1000, RELAY_MEMORY = 0x4000 };

struct relay {
    struct ring driver;
    struct ring server;
    bool event_index; /* of the driver's rings; the server's have none */
    uint16_t taken;   /* the driver's available index, as far as the server has been given what is there */
    uint16_t done;    /* the server's used index, as far as it has been looked at */
    uint16_t order[RING_MOST]; /* the heads that are outstanding, from the driver's used index to `taken` */
    struct {
        bool is_out;
        bool is_done;
        uint32_t length;
    } heads[RING_MOST];
};

/* Begins at the driver's used index with a server's memory that is zero. */
void relay_begin(struct relay *relay, const struct ring *driver, uint8_t *memory, bool event_index);

enum relay_result { RELAY_NOTHING, RELAY_SIGNAL, RELAY_BROKEN };

/* RELAY_SIGNAL: the server has requests that it had not; RELAY_BROKEN: the driver does not keep to the rules.
 */
enum relay_result relay_requests(struct relay *relay);
/* RELAY_SIGNAL: the driver wants an interrupt; RELAY_BROKEN: the server does not keep to the rules. */
enum relay_result relay_results(struct relay *relay);

#endif
