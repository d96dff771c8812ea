/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/demo.h"
#include "analyse/checks.h"
#include "analyse/figures.h"
#include "analyse/report.h"

#define ERROR_RATIO      1.1 /* mean error against bare metal's */
#define AWAKE_RATIO      1.1 /* the player's time awake for each frame against bare metal's */
#define MAX_RATIO        2.0 /* greatest error against bare metal's */
#define THROUGHPUT_RATIO 0.98

#define DEMO_RUN(id, run, measured, is_bare) {.name = (run), .guest = (measured), .bare = (is_bare)},

struct run runs[RUNS] = {DEMO_RUN_LIST(DEMO_RUN)};

static double share_below_20_ms(const struct summary *s)
{
    return s->bands[0] + s->bands[1] + s->bands[2] + s->bands[3];
}

/* How many of the four bands of 5 ms below 20 ms have a tenth of the requests or more. */
static unsigned filled_bands(const struct summary *s)
{
    unsigned filled = 0;

    for (unsigned i = 0; i < 4; i++)
        filled += s->bands[i] >= 0.1;
    return filled;
}

static void expect_of_requests(const struct run *run, unsigned bands)
{
    const struct summary *s = &run->summary;

    checks_expect(s->n >= 1000, "%s: at least 1,000 sleeps (%zu)", run->name, s->n);
    checks_expect(share_below_20_ms(s) >= 0.8, "%s: 80%% of the requests in 0 to 20 ms (%.1f%%)", run->name,
                  100 * share_below_20_ms(s));
    checks_expect(filled_bands(s) >= bands, "%s: at least 10%% in %u of the four bands of 5 ms (in %u)",
                  run->name, bands, filled_bands(s));
}

/* In ms. */
static double awake_a_frame(const struct run *run)
{
    return 1e3 * run->summary.awake * run->summary.seconds / run->log.frames;
}

/*
 * Before and as published, the player is interrupted in the middle of a frame, so the time that is left to
 * sleep is anything up to 20 ms. After, it is not: it asks for longer sleeps, as on bare metal.
 */
static void expect_of_player(void)
{
    const struct run *bare = &runs[PLAYER_BARE], *before = &runs[PLAYER_TICK], *after = &runs[PLAYER_PRECISE];
    const struct run *published = &runs[PLAYER_PUBLISHED];
    double ratio = after->summary.mean_us / bare->summary.mean_us;
    double awake = awake_a_frame(after) / awake_a_frame(bare);
    double kept = after->products_per_s[1] / before->products_per_s[1];

    checks_expect(bare->summary.awake >= 0.3 && bare->summary.awake <= 0.45,
                  "player-bare: the player takes 30 to 45%% of the core (%.1f%%)", 100 * bare->summary.awake);
    expect_of_requests(before, 4);
    expect_of_requests(published, 3);
    checks_expect(published->summary.mean_us < 400,
                  "player-published: mean error less than the paper's 400 us (%.0f us)",
                  published->summary.mean_us);
    checks_expect(ratio <= ERROR_RATIO, "player-precise: mean error at most 1.1 times bare metal's (%.3f)",
                  ratio);
    checks_expect(
        awake <= AWAKE_RATIO,
        "player-precise: awake for each frame at most 1.1 times as long as on bare metal (%.2f of %.2f ms)",
        awake_a_frame(after), awake_a_frame(bare));
    checks_expect(after->late_frames == 0 && after->log.dropped == 0,
                  "player-precise: no frame late (%u), none dropped (%u)", after->late_frames,
                  after->log.dropped);
    checks_expect(after->summary.within_2ms >= 1, "player-precise: every sleep within 2 ms (max %.0f us)",
                  after->summary.max_us);
    checks_expect(kept >= THROUGHPUT_RATIO,
                  "player-precise: matmul keeps 98%% of what it got before (%.1f%%)", 100 * kept);
}

static void expect_of_mixed(void)
{
    const struct run *bare = &runs[MIXED_BARE], *precise = &runs[MIXED_PRECISE];
    double ratio = precise->summary.mean_us / bare->summary.mean_us;
    double greatest = precise->summary.max_us / bare->summary.max_us;

    checks_expect(ratio <= ERROR_RATIO, "mixed-precise: mean error at most 1.1 times bare metal's (%.3f)",
                  ratio);
    checks_expect(greatest <= MAX_RATIO, "mixed-precise: greatest error at most 2 times bare metal's (%.2f)",
                  greatest);
    for (size_t vm = 0; vm < precise->log.vm_count; vm++)
        checks_expect(precise->share[vm] >= 0.49 && precise->share[vm] <= 0.51,
                      "mixed-precise: %s has 49 to 51%% of the core (%.2f%%)", precise->log.vms[vm].name,
                      100 * precise->share[vm]);
}

static void make_checks(void)
{
    for (unsigned id = PLAYER_TICK; id <= PLAYER_PRECISE; id++)
        checks_compare(&runs[id], &runs[PLAYER_BARE]);
    for (unsigned id = MIXED_WAKE; id <= MIXED_PRECISE; id++)
        checks_compare(&runs[id], &runs[MIXED_BARE]);
    for (unsigned id = 0; id < RUNS; id++) {
        checks_of_run(&runs[id]);
        if (runs[id].has_marks)
            checks_require(runs[id].traced == runs[id].log.series_count, "%s: the trace holds every series",
                           runs[id].name);
    }
    expect_of_player();
    expect_of_mixed();
}

void demo_analyse(const char *out, json_t *results)
{
    json_t *object = json_object();

    for (unsigned id = 0; id < RUNS; id++)
        run_compute(out, &runs[id]);
    make_checks();
    for (unsigned id = 0; id < RUNS; id++) {
        json_object_set_new(object, runs[id].name, run_json(out, &runs[id]));
        run_write_points(out, &runs[id]);
    }
    json_object_set_new(results, "paper", json_pack("{si si}", "before_mean_us", 7000, "after_mean_us", 400));
    json_object_set_new(results, "runs", object);
    figures_write(out);
    report_write(out);
    report_table(stdout);
}
