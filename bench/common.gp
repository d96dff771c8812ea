# SPDX-License-Identifier: Apache-2.0
# What all figures share. gnuplot is given `out` (a folder like out/demo) and `format` (svg or png); each figure says
# `set output name('figN')`. bench/analyse wrote the data to OUT/figures and OUT/csv. Times are in ms.
if (!exists('wide')) { wide = 960; high = 640 }
if (format eq 'png') set terminal pngcairo size wide, high font 'Sans,13' background 'white'
if (format eq 'svg') set terminal svg size wide, high font 'sans-serif,15' background 'white'
name(figure) = out.'/'.figure.'.'.format

player_colour = '#2b5c8a'
other_colour = '#aab2ba'
asked_colour = '#c6d7e8'
late_colour = '#d1603d'
faint_colour = '#d8dcdf'

# A length in ms, in the unit that suits it.
length(ms) = ms < 1 ? sprintf('%.0f us', 1000 * ms) : sprintf('%.2f ms', ms)

set border 3 linecolor '#606060'
set tics nomirror out textcolor 'black'
set xtics offset 0, 0.3
set format '%g'
set style fill solid 1 noborder
unset key
