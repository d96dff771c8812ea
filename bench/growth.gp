# SPDX-License-Identifier: Apache-2.0
# What arming, expiry and a switch cost with many guests and deadlines. gnuplot is given `out` (a folder like out/bench,
# with growth.csv) and `format` (svg or png).
load 'bench/common.gp'

set output name('growth')
set datafile separator ','
set logscale x 2
set xrange [0.8:80]
set xtics (1, 2, 4, 8, 16, 32, 64)
set yrange [0:*]
set xlabel 'guests on one core, with 1, 8 or 64 deadlines each' offset 0, 0.5
set ylabel 'us'
set key outside below maxrows 3 center Left reverse
set title 'What Ontime does at a deadline, as guests and deadlines grow'
costs = 'arm expiry switch'
colours = "'#606060' '".late_colour."' '".player_colour."'"
each = '1 8 64'
shapes = '6 4 7'
cost(c, i) = word(costs, c).', '.word(each, i).' each'
# Rows of growth.csv with so many deadlines for each guest; columns 4 to 6 are the costs.
of(each, value) = $2 == each * $1 ? value / 1000 : NaN
plot for [c = 1:3] for [i = 1:3] out.'/growth.csv' \
    using 1:(of(word(each, i) + 0, column(c + 3))) every ::1 \
    with linespoints linewidth 2 pointsize 1.2 pointtype (word(shapes, i) + 0) linecolor rgb word(colours, c) \
    title cost(c, i)
set output
