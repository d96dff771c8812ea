# SPDX-License-Identifier: Apache-2.0
# For each scenario, the share of the sleeps that were at least so late: on bare metal, and under the default and the best
# peer of each hypervisor. Both axes are logarithmic, to show the tail.
set output name('tails')
made(scenario, peer) = system(sprintf("test -e '%s/figures/cdf-%s-%s.dat' && echo 1 || echo 0", out, \
    scenario, peer)) + 0
shown = 'bare xen-credit2 xen-rtds-1ms kvm-default kvm-deadline ontime-bvt ontime-page'
array colours[7] = ['#707880', '#d1603d', '#e9a58f', '#e3a93a', '#f0d294', '#86b3d9', '#2b5c8a']
set multiplot
set logscale xy
set xrange [20:300000]
set yrange [0.0004:1.2]
set xtics ('100 us' 100, '1 ms' 1000, '10 ms' 10000, '' 100000)
set ytics ('all' 1, '10%%' 0.1, '1%%' 0.01, '0.1%%' 0.001)
set grid xtics ytics linecolor rgb faint_colour linetype 1
set tmargin at screen 0.92
set bmargin at screen 0.22
set key at screen 0.5, 0.08 center maxrows 1 samplen 1.5
do for [s = 1:words(scenarios)] {
    scenario = word(scenarios, s)
    set lmargin at screen left(s) - 0.05
    set rmargin at screen right(s) - 0.05
    set title labels[s] noenhanced
    if (s == 2) { set ytics ('' 1, '' 0.1, '' 0.01, '' 0.001); unset key }
    plot for [i = 1:words(shown)] made(scenario, word(shown, i)) ? \
        out.'/figures/cdf-'.scenario.'-'.word(shown, i).'.dat' : '/dev/null' \
        using 1:2 with lines linewidth 2 linecolor rgb colours[i] title word(shown, i)
}
unset multiplot
set output
