# SPDX-License-Identifier: Apache-2.0
# Fig. 4: each sleep of the player before, requested against actual. Fig. 5 is drawn by this file, too.
if (!exists('figure')) figure = 'fig4'
before = figure eq 'fig4'
load out.'/figures/range.gp'
data = out.'/csv/player-'.(before ? 'tick' : 'precise').'.csv'

set output name(figure)
set title before ? 'Before: timers served at a tick of 10 ms' : 'After: precise timers'
set size square
set xrange [0:longest]
set yrange [0:longest]
set xtics 0, 10
set ytics 0, 10
set xlabel 'requested sleep, ms'
set ylabel 'actual sleep, ms'
do for [tick = 10:40:10] {
    if (tick < longest) { set arrow from 0, tick to longest, tick nohead back linecolor rgb faint_colour }
}
set arrow from 0, 0 to longest, longest nohead back linecolor 'black' dashtype 2
set label 'mean error '.length(before ? before_mean : after_mean) at graph 0.97, 0.11 right front
set label 'dashed: actual = requested' at graph 0.97, 0.05 right front textcolor '#606060'
set datafile separator ','
plot data using ($4 / 1e6):($5 / 1e6) every ::1 with points pointtype 7 pointsize 0.35 \
    linecolor rgb before ? late_colour : player_colour
set output
