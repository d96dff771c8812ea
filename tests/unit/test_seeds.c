/* SPDX-License-Identifier: Apache-2.0 */
/* ChaCha20 by the test vectors of RFC 8439, 2.3.2 and A.1; the streams that are made with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "base/seeds.h"

#define STREAMS 4
#define BLOCKS  64

struct vector {
    const char *key, *nonce; /* hexadecimal; what is missing is zero */
    uint32_t counter;
    const char *block;
};

static const struct vector vectors[] = {
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "000000090000004a00000000", 1,
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"},
    {"", "", 0,
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
    {"", "", 1,
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"},
    {"0000000000000000000000000000000000000000000000000000000000000001", "", 1,
     "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
     "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
    {"00ff", "", 2,
     "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
     "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"},
    {"", "000000000000000000000002", 0,
     "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
     "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"},
};

static void read_hex(const char *hex, uint8_t *bytes)
{
    for (; *hex != '\0'; hex += 2) {
        unsigned byte;

        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        *bytes++ = (uint8_t)byte;
    }
}

static void blocks_are_those_of_the_rfc(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t key[CHACHA20_KEY] = {0}, nonce[CHACHA20_NONCE] = {0};
        uint8_t wanted[CHACHA20_BLOCK], block[CHACHA20_BLOCK];

        read_hex(vectors[i].key, key);
        read_hex(vectors[i].nonce, nonce);
        read_hex(vectors[i].block, wanted);
        chacha20_block(key, vectors[i].counter, nonce, block);
        assert_memory_equal(block, wanted, sizeof(wanted));
    }
}

static void function(const uint8_t *input, const char *purpose, uint8_t key[CHACHA20_KEY])
{
    uint8_t nonce[CHACHA20_NONCE] = {0}, block[CHACHA20_BLOCK];

    for (unsigned i = 0; purpose[i] != '\0'; i++)
        nonce[i] = (uint8_t)purpose[i];
    chacha20_block(input, 0, nonce, block);
    memcpy(key, block, CHACHA20_KEY);
}

/* The construction that seeds.c describes, written once more. */
static void streams_are_as_described(void **state)
{
    static const char data[] = "forty bytes that nobody could have guess";
    uint8_t key[CHACHA20_KEY] = {0}, none[CHACHA20_NONCE] = {0};
    uint8_t wanted[SEED_BLOCK], block[SEED_BLOCK];
    struct seed_stream stream;

    (void)state;
    seeds_mix(data, 40);
    memcpy(key, data, 32);
    function(key, "mix", key);
    for (unsigned i = 32; i < 40; i++)
        key[i - 32] ^= (uint8_t)data[i];
    function(key, "mix", key);
    memcpy(key, (uint8_t[]){key[0] ^ 'v', key[1] ^ 'm', key[2] ^ '1'}, 3);
    function(key, "twelve-bytes", key);
    chacha20_block(key, 7, none, wanted);
    seed_stream_init(&stream, "twelve-bytes", "vm1");
    seed_stream_block(&stream, 7, block);
    assert_memory_equal(block, wanted, SEED_BLOCK);
}

/* Streams of other names, of other purposes, and blocks of other numbers have nothing in common. */
static void streams_are_apart(void **state)
{
    static const char *const ids[STREAMS][2] = {
        {"guest", "a"}, {"guest", "b"}, {"stack", "a"}, {"guest", "a-name-of-thirty-one-characters"}};
    static uint8_t blocks[STREAMS * BLOCKS][SEED_BLOCK];
    struct seed_stream stream;

    (void)state;
    for (unsigned i = 0; i < STREAMS; i++) {
        seed_stream_init(&stream, ids[i][0], ids[i][1]);
        for (unsigned k = 0; k < BLOCKS; k++)
            seed_stream_block(&stream, k, blocks[i * BLOCKS + k]);
    }
    for (unsigned i = 0; i < STREAMS * BLOCKS; i++)
        for (unsigned k = 0; k < i; k++)
            for (unsigned part = 0; part < SEED_BLOCK; part += 8)
                assert_memory_not_equal(blocks[i] + part, blocks[k] + part, 8);
}

static void what_is_mixed_changes_all(void **state)
{
    uint8_t before[SEED_BLOCK], after[SEED_BLOCK];
    struct seed_stream stream;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        seed_stream_init(&stream, "guest", "a");
        seed_stream_block(&stream, 0, before);
        seeds_mix("\0", i); /* nothing changes nothing */
        seed_stream_init(&stream, "guest", "a");
        seed_stream_block(&stream, 0, after);
        if (i == 0)
            assert_memory_equal(before, after, SEED_BLOCK);
        else
            assert_memory_not_equal(before, after, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_those_of_the_rfc),
        cmocka_unit_test(streams_are_as_described),
        cmocka_unit_test(streams_are_apart),
        cmocka_unit_test(what_is_mixed_changes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
