# SPDX-License-Identifier: Apache-2.0
# Each sleep of a run of the player, requested against actual; the axes are the same for all runs. Given: `run`, `heading`,
# `mean` (the mean error in ms) and `colour`.
unset arrow
unset label
set title heading
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
set label 'mean error '.length(mean) at graph 0.97, 0.11 right front
set label 'dashed: actual = requested' at graph 0.97, 0.05 right front textcolor '#606060'
set datafile separator ','
plot out.'/csv/player-'.run.'.csv' using ($4 / 1e6):($5 / 1e6) every ::1 with points pointtype 7 pointsize 0.35 \
    linecolor rgb colour
