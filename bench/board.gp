# SPDX-License-Identifier: Apache-2.0
# The sleeps of the player on a board, requested against actual: a panel for each way that was run, three in a row.
ways = 'tick published precise-page published-gpt precise-gpt'
titles = "'before: a tick of 10 ms' 'as published' 'Ontime' 'as published, general-purpose timers' 'Ontime, general-purpose timers'"
points(way) = out.'/csv/B1-'.way.'.csv'
was_run(way) = int(system("test -e '".points(way)."'; echo $?")) == 0
rows = was_run('precise-gpt') ? 2 : 1
wide = 1200
high = 350 * rows
load 'bench/common.gp'
set output name('board')
set datafile separator ','
set xrange [0:60]
set yrange [0:60]
set xlabel 'requested, ms'
set ylabel 'slept, ms'
set multiplot layout rows, 3
do for [i = 1:words(ways)] {
    if (was_run(word(ways, i))) {
        set title word(titles, i)
        plot x with lines linecolor rgb faint_colour, \
            points(word(ways, i)) every ::1 using ($4 / 1e6):($5 / 1e6) with points pointtype 7 pointsize 0.4 \
                linecolor rgb (i == 1 ? late_colour : player_colour)
    }
}
unset multiplot
set output
