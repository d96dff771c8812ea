// SPDX-License-Identifier: Apache-2.0
/*
 * `ontime top`: a table of what each VM, or each vCPU, used since the last look, or since the machine was
 * started. On a terminal by ncurses; with -b as text or JSON.
 */
#include <curses.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "command.h"
#include "readings.h"
#include "settings.h"
#include "terminal_entry.h"

struct view {
    bool vcpus;           /* a row for each vCPU */
    bool all;             /* since the machine was started */
    bool reverse;         /* the smallest first */
    int sort;             /* enum column, or ROWS_BY_NUMBER */
    unsigned column, row; /* the first that is shown, of the columns behind the VM's name, and of the rows */
};

struct options {
    struct view view;
    bool batch, json;
    uint64_t rounds; /* 0: no end */
    double seconds;
};

/* The last two readings; `before` is NULL until there are two. */
static struct readings pair[2];
static struct readings *now = &pair[0], *before;

static void take(void)
{
    struct readings *older = now;

    now = now == &pair[0] ? &pair[1] : &pair[0];
    readings_take(now);
    before = older->count == now->count && older->count != 0 ? older : NULL;
}

static unsigned make_rows(const struct view *view, struct row *rows)
{
    unsigned count = rows_make(now, view->all ? NULL : before, view->vcpus, rows);

    rows_sort(rows, count, view->sort, view->reverse);
    return count;
}

static struct row rows[READINGS_VCPUS];

static void print_text(const struct view *view, unsigned count)
{
    char text[ROW_TEXT], cores[512];

    cores_text(now, view->all ? NULL : before, cores, sizeof(cores));
    row_titles(text);
    printf("%s\n%s\n", cores, text);
    for (unsigned i = 0; i < count; i++) {
        row_text(&rows[i], text);
        puts(text);
    }
    putchar('\n');
}

/* An object in a line. */
static void print_json(const struct view *view, unsigned count)
{
    struct json json = {.out = stdout};

    json_open(&json, NULL, '{');
    json_real(&json, "seconds", now->count ? (double)now->vcpus[0].counter / (double)now->vcpus[0].hz : 0);
    json_bool(&json, "since_start", view->all || !before);
    rows_write(&json, view->vcpus ? "vcpus" : "vms", rows, count, -1);
    json_close(&json, '}');
    putchar('\n');
}

static void run_batch(const struct options *options)
{
    for (uint64_t round = 0; options->rounds == 0 || round < options->rounds; round++) {
        if (round > 0)
            sleep_ms((unsigned)(options->seconds * 1000));
        take();
        if (options->json)
            print_json(&options->view, make_rows(&options->view, rows));
        else
            print_text(&options->view, make_rows(&options->view, rows));
        if (fflush(stdout))
            return; /* main() says why */
    }
}

/* Where a column's cell begins in a row's text. */
enum { CELLS = 12 + 1 + 8 + 1 + 7 };

/* A row: the VM's name, state and CPUs, and as many of the other columns as there is room for. */
static void draw_row(int y, const char *text, const struct view *view, bool title)
{
    int x = CELLS, room = COLS - CELLS;

    mvaddnstr(y, 0, text, COLS < CELLS ? COLS : CELLS);
    for (enum column column = view->column; column < COLUMNS_OF_USAGE && room > CELL_WIDTH; column++) {
        if (title && view->sort == (int)column)
            attron(A_REVERSE);
        mvaddnstr(y, x, text + CELLS + column * (CELL_WIDTH + 1), CELL_WIDTH + 1);
        if (title && view->sort == (int)column)
            attroff(A_REVERSE);
        x += CELL_WIDTH + 1;
        room -= CELL_WIDTH + 1;
    }
}

static void draw(struct view *view)
{
    unsigned count = make_rows(view, rows);
    char text[ROW_TEXT], cores[512];

    erase();
    cores_text(now, view->all ? NULL : before, cores, sizeof(cores));
    mvaddnstr(0, 0, cores, COLS);
    mvaddnstr(1, 0, view->all || !before ? "since the machine was started" : "since the last look", COLS);
    row_titles(text);
    attron(A_BOLD);
    draw_row(2, text, view, true);
    attroff(A_BOLD);
    if (view->row >= count)
        view->row = count ? count - 1 : 0;
    for (unsigned i = view->row; i < count && 3 + (int)(i - view->row) < LINES - 1; i++) {
        row_text(&rows[i], text);
        draw_row(3 + (int)(i - view->row), text, view, false);
    }
    mvaddnstr(LINES - 1, 0, "q quit  < > sort by  r reverse  v vCPUs  a all time  arrows scroll", COLS);
    refresh();
}

/* Does what a key asks for; false: quit. */
static bool press(int key, struct view *view)
{
    switch (key) {
    case 'q':
        return false;
    case '<':
        if (view->sort > ROWS_BY_NUMBER)
            view->sort--;
        break;
    case '>':
        if (view->sort < COLUMNS_OF_USAGE - 1)
            view->sort++;
        break;
    case 'r':
        view->reverse = !view->reverse;
        break;
    case 'v':
        view->vcpus = !view->vcpus;
        break;
    case 'a':
        view->all = !view->all;
        break;
    case KEY_LEFT:
        view->column -= view->column > 0;
        break;
    case KEY_RIGHT:
        view->column += view->column < COLUMNS_OF_USAGE - 1;
        break;
    case KEY_UP:
        view->row -= view->row > 0;
        break;
    case KEY_DOWN:
        view->row++;
        break;
    default:
        break;
    }
    return true;
}

/* A small guest has no descriptions of terminals. Then the one in this program serves: any today knows it. */
static void find_terminal(void)
{
    int result;

    if (setupterm(NULL, STDOUT_FILENO, &result) == OK)
        return;
    setenv("TERM", "ontime", 1);
    setenv("TERMINFO", TERMINAL_ENTRY, 1);
}

static void run_screen(const struct options *options)
{
    struct view view = options->view;
    uint64_t round = 0;
    SCREEN *screen;
    int key;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        fail(EXIT_USAGE, "top: standard input and output are no terminal; -b prints lines");
    take(); /* while a refusal can still be read */
    find_terminal();
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        fail(EXIT_FAILED, "top: the terminal cannot be used; -b prints lines");
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    timeout((int)(options->seconds * 1000));
    do {
        draw(&view);
        key = getch();
        if (key == ERR) {
            take();
            round++;
        }
    } while (press(key, &view) && (options->rounds == 0 || round < options->rounds));
    erase();
    refresh();
    endwin();
    delscreen(screen);
}

static void read_options(int count, char **words, struct options *options)
{
    static const struct option long_options[] = {{"batch", no_argument, NULL, 'b'},
                                                 {"rounds", required_argument, NULL, 'n'},
                                                 {"delay", required_argument, NULL, 'd'},
                                                 {"vcpus", no_argument, NULL, 'v'},
                                                 {"all", no_argument, NULL, 'a'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {0}};
    int option;

    while ((option = getopt_long(count, words, "bn:d:va", long_options, NULL)) >= 0) {
        if (option == 'b')
            options->batch = true;
        else if (option == 'v')
            options->view.vcpus = true;
        else if (option == 'a')
            options->view.all = true;
        else if (option == 'j')
            options->batch = options->json = true;
        else if (option == 'n' && read_number(optarg, UINT32_MAX, &options->rounds))
            ;
        else if (option != 'd' || !read_seconds(optarg, &options->seconds))
            fail_usage();
    }
    if (optind != count)
        fail_usage();
}

void top_command(int count, char **words)
{
    struct options options = {.view.sort = ROWS_BY_NUMBER, .seconds = 1};

    read_options(count, words, &options);
    if (options.batch)
        run_batch(&options);
    else
        run_screen(&options);
}
