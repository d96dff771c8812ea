# SPDX-License-Identifier: Apache-2.0
# The sleeps of the player on a board, requested against actual: a panel for each way, in the order of bench/runs.
wide = 1200
high = 700
load 'bench/common.gp'
set output name('board')
ways = 'tick published published-gpt precise-page precise-gpt'
titles = "'served at a tick of 10 ms' 'as published' 'as published, general-purpose timers' 'Ontime' 'Ontime, general-purpose timers'"
points(way) = out.'/csv/B1-'.way.'.csv'
set datafile separator ','
set xrange [0:60]
set yrange [0:60]
set xlabel 'requested, ms'
set ylabel 'slept, ms'
set multiplot layout 2, 3
do for [i = 1:words(ways)] {
    if (system("test -e '".points(word(ways, i))."' && echo yes") eq 'yes') {
        set title word(titles, i)
        plot x with lines linecolor rgb faint_colour, \
            points(word(ways, i)) every ::1 using ($4 / 1e6):($5 / 1e6) with points pointtype 7 pointsize 0.4 \
                linecolor rgb (i == 1 ? late_colour : player_colour)
    }
}
unset multiplot
set output
