# SPDX-License-Identifier: Apache-2.0
# For each scenario and peer: a thick bar from p50 to p99, a thin line on to the greatest error, a dot at the mean.
set output name('peers')
set multiplot
set logscale x
set xrange [20:300000]
set xtics ('100 us' 100, '1 ms' 1000, '10 ms' 10000, '' 100000) scale 0
set grid xtics linecolor rgb faint_colour linetype 1
set tmargin at screen 0.92
set bmargin at screen 0.08
set ytics scale 0
do for [i = 1:words(peers)] { set ytics add (word(peers, i) row(word(peers, i))) }
do for [s = 1:words(scenarios)] {
    set lmargin at screen left(s)
    set rmargin at screen right(s)
    set title labels[s] noenhanced
    if (s > 1) { set ytics format ''; do for [i = 1:words(peers)] { set ytics add ('' row(word(peers, i))) } }
    plot data using 5:(of(word(scenarios, s))):($7 - $5):(0):(colour(strcol(2))) \
            with vectors nohead linewidth 1.5 linecolor rgb variable, \
        data using 4:(of(word(scenarios, s))):($5 - $4):(0):(colour(strcol(2))) \
            with vectors nohead linewidth 7 linecolor rgb variable, \
        data using 3:(of(word(scenarios, s))) with points pointtype 7 pointsize 0.8 linecolor rgb 'white', \
        data using 3:(of(word(scenarios, s))) with points pointtype 6 pointsize 0.9 linecolor rgb 'black'
}
unset multiplot
set output
