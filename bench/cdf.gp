# SPDX-License-Identifier: Apache-2.0
# For each scenario and mode, the share of the sleeps that were at least so late. Both axes are logarithmic, to show the
# tail.
set output name('cdf')
made(scenario, mode) = system(sprintf("test -e '%s/figures/cdf-%s-%s.dat' && echo 1 || echo 0", \
    out, scenario, mode)) + 0
set multiplot layout 2, 2
set logscale xy
set xrange [5:4e6] # room for the key
set yrange [0.00004:1.2]
set xtics ('10 us' 10, '' 20, '' 50, '100 us' 100, '' 200, '' 500, '1 ms' 1000, '' 2000, '' 5000, '10 ms' 10000, \
    '' 20000, '' 50000, '100 ms' 100000)
set ytics ('all' 1, '50%%' 0.5, '10%%' 0.1, '1%%' 0.01, '0.1%%' 0.001, '0.01%%' 0.0001)
set grid xtics ytics linecolor rgb faint_colour linetype 1
set key top right samplen 1.5
do for [s = 1:words(scenarios)] {
    scenario = word(scenarios, s)
    set title labels[s] noenhanced
    set xlabel 'error at least'
    set ylabel 'share of the sleeps'
    made_modes = ''
    do for [mode in modes] { if (made(scenario, mode)) { made_modes = made_modes.' '.mode } }
    if (made_modes eq '') { plot NaN notitle } else { plot for [mode in made_modes] out.'/figures/cdf-'.scenario.'-'.mode.'.dat' \
        using 1:2 with lines linewidth 2 linecolor rgb colour(mode) title mode }
}
unset multiplot
set output
