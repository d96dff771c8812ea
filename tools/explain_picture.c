/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See explain_picture.h. From the top: the moments, a row for each vCPU that has a core in the window, and
 * the terms of the lateness. The colours are of Okabe and Ito's palette, which colour-blind people can tell
 * apart; whatever a colour says is also said in words.
 */
#include "explain_picture.h"
#include <inttypes.h>
#include <string.h>
#include "explain_words.h"

#define WIDTH       1000
#define LEFT        130 /* of the names */
#define RIGHT       20
#define LABELS      6 /* rows of labels of moments */
#define LABEL_ROW   16
#define TOP         (40 + LABELS * LABEL_ROW)
#define ROW         30
#define BAR         20
#define ROWS_MAX    12
#define LETTER      6.2 /* the width of one, about */
#define OTHERS      "#56B4E9"
#define OTHERS_WARP "#0072B2"
#define ITS         "#009E73"
#define ITS_WARP    "#006B4E"

struct picture {
    FILE *file; /* NULL: nothing is drawn yet, rows are counted */
    const struct trace_view *view;
    const struct wakeup *wakeup;
    uint64_t from, to; /* ticks */
    uint16_t rows[ROWS_MAX];
    size_t row_count;
    double label_ends[LABELS]; /* where the last label of each row ends */
};

static const char *const colours[WAKEUP_TERMS] = {
    [WAKEUP_TOLD] = "#999999",      [WAKEUP_TICK] = "#D55E00",  [WAKEUP_PATH] = "#D55E00",
    [WAKEUP_DEADLINES] = "#CC79A7", [WAKEUP_MOVED] = "#CC79A7", [WAKEUP_URGENT] = "#0072B2",
    [WAKEUP_DENIED] = "#56B4E9",    [WAKEUP_CUT] = "#56B4E9",   [WAKEUP_TURN] = "#56B4E9",
    [WAKEUP_SWITCH] = "#E69F00",    [WAKEUP_GUEST] = "#009E73", [WAKEUP_WAITS] = "#F0E442",
};

static double us(const struct picture *picture, uint64_t ticks)
{
    return (double)trace_dump_ns(picture->view->trace, ticks) / 1000;
}

static double x_of(const struct picture *picture, uint64_t time)
{
    uint64_t inside = time < picture->from ? picture->from : time > picture->to ? picture->to : time;

    return LEFT +
           (double)(inside - picture->from) / (double)(picture->to - picture->from) * (WIDTH - LEFT - RIGHT);
}

static void print_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("<>&\"", *text) != NULL || (unsigned char)*text < ' ')
            (void)fprintf(file, "&#%d;", *text < ' ' ? '?' : *text);
        else
            (void)fputc(*text, file);
    }
}

static void print_text(const struct picture *picture, double x, double y, const char *anchor,
                       const char *text)
{
    (void)fprintf(picture->file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    print_escaped(picture->file, text);
    (void)fprintf(picture->file, "</text>\n");
}

static double y_of(size_t row)
{
    return TOP + (double)row * ROW;
}

static size_t row_of(struct picture *picture, uint16_t vcpu)
{
    for (size_t i = 0; i < picture->row_count; i++)
        if (picture->rows[i] == vcpu)
            return i;
    if (picture->row_count == ROWS_MAX)
        return ROWS_MAX;
    picture->rows[picture->row_count] = vcpu;
    return picture->row_count++;
}

static void draw_run(struct picture *picture, uint16_t vcpu, bool urgent, uint64_t from, uint64_t to)
{
    bool its = vcpu == picture->wakeup->vcpu;
    size_t row;

    if (vcpu == ONTIME_TRACE_IDLE || to <= picture->from || from >= picture->to)
        return;
    row = row_of(picture, vcpu);
    if (row == ROWS_MAX || picture->file == NULL)
        return;
    (void)fprintf(picture->file,
                  "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>%.1f us%s"
                  "</title></rect>\n",
                  x_of(picture, from), y_of(row) + (urgent ? 0 : BAR / 4.0),
                  x_of(picture, to) - x_of(picture, from), urgent ? BAR : BAR / 2,
                  its ? (urgent ? ITS_WARP : ITS) : (urgent ? OTHERS_WARP : OTHERS), us(picture, to - from),
                  urgent ? ", urgent" : "");
}

/* What is known of the cores while the trace is followed. */
struct cores {
    uint16_t running[WAKEUP_MAX_CPUS];
    uint64_t since[WAKEUP_MAX_CPUS];
    bool known[WAKEUP_MAX_CPUS];
};

/* The vCPUs that are urgent are few: those of the window are kept in a list of their numbers' bits. */
static unsigned char urgent[(ONTIME_TRACE_IDLE + 1) / 8];

static bool is_urgent(uint16_t vcpu)
{
    return (urgent[vcpu / 8] >> vcpu % 8 & 1) != 0;
}

static void set_urgent(uint16_t vcpu, bool is)
{
    unsigned char bit = (unsigned char)(1u << vcpu % 8);

    urgent[vcpu / 8] = (unsigned char)(is ? urgent[vcpu / 8] | bit : urgent[vcpu / 8] & ~bit);
}

/* Up to a record that changes who runs on a CPU, or whether that is urgent. */
static void draw_up_to(struct picture *picture, struct cores *cores, unsigned cpu, uint64_t time)
{
    if (cores->known[cpu])
        draw_run(picture, cores->running[cpu], is_urgent(cores->running[cpu]), cores->since[cpu], time);
    cores->since[cpu] = time;
}

static void draw_runs(struct picture *picture)
{
    struct cores cores = {.known = {false}};
    const struct trace_dump *trace = picture->view->trace;

    memset(urgent, 0, sizeof(urgent));
    (void)row_of(picture, picture->wakeup->vcpu);
    for (size_t i = 0; i < trace->count && trace->records[i].counter <= picture->to; i++) {
        const struct ontime_trace_record *record = &trace->records[i];
        unsigned cpu = picture->view->cpus[i];
        bool warp = record->type == ONTIME_TRACE_WARP_BEGIN || record->type == ONTIME_TRACE_WARP_END;

        if (cpu >= WAKEUP_MAX_CPUS || (!warp && record->type != ONTIME_TRACE_SWITCH))
            continue;
        if (!warp && !cores.known[cpu]) {
            cores.running[cpu] = (uint16_t)record->arg;
            cores.known[cpu] = true;
            cores.since[cpu] = trace->records[0].counter;
        }
        draw_up_to(picture, &cores, cpu, record->counter);
        if (warp)
            set_urgent(record->vcpu, record->type == ONTIME_TRACE_WARP_BEGIN);
        else
            cores.running[cpu] = record->vcpu;
    }
    for (unsigned cpu = 0; cpu < WAKEUP_MAX_CPUS; cpu++)
        draw_up_to(picture, &cores, cpu, picture->to);
}

static void draw_moment(struct picture *picture, uint64_t time, const char *what)
{
    double x = x_of(picture, time), width;
    char text[64];
    unsigned row = 0;

    if (time == WAKEUP_NEVER || time < picture->from || time > picture->to)
        return;
    if (time >= picture->wakeup->due)
        (void)snprintf(text, sizeof(text), "%s +%.1f", what, us(picture, time - picture->wakeup->due));
    else
        (void)snprintf(text, sizeof(text), "%s -%.1f", what, us(picture, picture->wakeup->due - time));
    width = (double)strlen(text) * LETTER;
    while (row + 1 < LABELS && picture->label_ends[row] > x - (x + width > WIDTH ? width : 0))
        row++;
    picture->label_ends[row] = x + width + LETTER;
    (void)fprintf(picture->file, "<path d=\"M%.2f %uV%.1f\" class=\"moment\"/>\n", x, 28 + row * LABEL_ROW,
                  y_of(picture->row_count));
    print_text(picture, x + width > WIDTH ? x - 3 : x + 3, 36 + row * LABEL_ROW,
               x + width > WIDTH ? "end" : "start", text);
}

static void draw_moments(struct picture *picture)
{
    const struct wakeup *wakeup = picture->wakeup;
    const struct {
        uint64_t time;
        const char *what;
    } moments[] = {
        {wakeup->sleep != NULL ? wakeup->sleep->start : WAKEUP_NEVER, "call"},
        {wakeup->fired, wakeup->in_place       ? "noticed"
                        : wakeup->by_interrupt ? "interrupt"
                                               : "comparator"},
        {wakeup->entered, "entered"},
        {wakeup->due, "due"},
        {wakeup->sleep != NULL ? wakeup->timer : WAKEUP_NEVER, "timer"},
        {wakeup->pending, "interrupt pending"},
        {wakeup->sleep != NULL ? wakeup->end : WAKEUP_NEVER, "returned"},
        {wakeup->warp_end, "urgent work ends"},
    };
    bool drawn[sizeof(moments) / sizeof(moments[0])] = {false};

    for (;;) {
        size_t next = sizeof(drawn);

        for (size_t i = 0; i < sizeof(drawn); i++)
            if (!drawn[i] && (next == sizeof(drawn) || moments[i].time < moments[next].time))
                next = i;
        if (next == sizeof(drawn))
            return;
        drawn[next] = true;
        draw_moment(picture, moments[next].time, moments[next].what);
    }
}

static void draw_names(const struct picture *picture)
{
    char name[EXPLAIN_NAME_SIZE];

    for (size_t i = 0; i < picture->row_count; i++)
        print_text(picture, LEFT - 8, y_of(i) + BAR * 0.7, "end",
                   explain_name(picture->view->trace, picture->rows[i], name));
    print_text(picture, LEFT - 8, y_of(picture->row_count) + BAR * 0.7, "end", "late by");
}

static void draw_terms(const struct picture *picture)
{
    const struct wakeup *wakeup = picture->wakeup;
    double y = y_of(picture->row_count);

    for (size_t i = 0; i < wakeup->late_count; i++) {
        const struct stretch *one = &wakeup->stretches[i];
        const char *name = wakeup_term_name(one->term);
        double x = x_of(picture, one->from), width = x_of(picture, one->to) - x;

        (void)fprintf(
            picture->file,
            "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>%s: %.1f us: "
            "%s</title></rect>\n",
            x, y, width, BAR, colours[one->term], name, us(picture, one->to - one->from),
            explain_term(one->term));
    }
    y += ROW + 12;
    for (unsigned i = 0; i < WAKEUP_TERMS; i++) {
        char text[160];

        if (wakeup->sums[i] == 0)
            continue;
        (void)fprintf(picture->file, "<rect x=\"%d\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n",
                      LEFT, y - 10, colours[i]);
        (void)snprintf(text, sizeof(text), "%s  %.1f us: %s", wakeup_term_name((enum wakeup_term)i),
                       us(picture, wakeup->sums[i]), explain_term((enum wakeup_term)i));
        print_text(picture, LEFT + 18, y, "start", text);
        y += LABEL_ROW + 2;
    }
    print_text(picture, LEFT, y, "start", "A high bar is urgent work, a low one is not.");
}

/* The window: from what led to it to the end of its work, and a little more on both sides. */
static void set_window(struct picture *picture)
{
    const struct wakeup *wakeup = picture->wakeup;
    uint64_t from = wakeup->due, to = wakeup->end, margin;

    if (wakeup->fired < from)
        from = wakeup->fired;
    if (wakeup->entered < from)
        from = wakeup->entered;
    if (wakeup->warp_end != WAKEUP_NEVER && wakeup->warp_end > to)
        to = wakeup->warp_end;
    margin = (to - from) / 10 + picture->view->trace->hz / 1000000 + 1;
    picture->from = from > margin ? from - margin : 0;
    picture->to = to + margin;
}

void explain_draw(FILE *file, const struct trace_view *view, const struct wakeup *wakeup)
{
    struct picture picture = {.view = view, .wakeup = wakeup};
    unsigned terms = 0;
    char name[EXPLAIN_NAME_SIZE];
    char heading[160];

    set_window(&picture);
    draw_runs(&picture); /* finds the rows */
    picture.file = file;
    for (unsigned i = 0; i < WAKEUP_TERMS; i++)
        terms += wakeup->sums[i] != 0;
    (void)fprintf(
        file,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
        "font-size=\"11\">\n"
        "<style>svg{background:#fff}text{fill:#000}.moment{stroke:#555;stroke-dasharray:3 2;fill:none}"
        "@media(prefers-color-scheme:dark){svg{background:#1b1b1b}text{fill:#eee}"
        ".moment{stroke:#aaa}}</style>\n",
        WIDTH, TOP + (int)(picture.row_count + 1) * ROW + 20 + (int)(terms + 1) * (LABEL_ROW + 2));
    (void)snprintf(heading, sizeof(heading), "%s, due at %.1f us, %.1f us late; times in us from due",
                   explain_name(view->trace, wakeup->vcpu, name), us(&picture, wakeup->due),
                   us(&picture, wakeup->end - wakeup->due));
    print_text(&picture, LEFT, 16, "start", heading);
    draw_runs(&picture);
    draw_terms(&picture);
    draw_names(&picture);
    draw_moments(&picture);
    (void)fprintf(file, "</svg>\n");
}
