# SPDX-License-Identifier: Apache-2.0
# What the figures of `make peers` share. bench/analyse wrote OUT/figures/peers.dat, a line for each run made: scenario,
# peer, mean, p50, p99, p99.9, max (us), useful work (%), fair; cdf-RUN.dat; and names.gp: the lists `scenarios` and `ways`,
# which are the peers, and `labels`.
wide = 1500
if (!exists('high')) high = 640
load 'bench/common.gp'
load out.'/figures/names.gp'
peers = ways
data = out.'/figures/peers.dat'

index(list, name) = int(sum [i = 1:words(list)] (word(list, i) eq name) * i)
family(peer) = peer[1:3] eq 'xen' ? '#d1603d' : peer[1:3] eq 'kvm' ? '#e3a93a' : peer[1:3] eq 'ont' ? '#2b5c8a' : '#707880'
colour(peer) = int('0x'.substr(family(peer), 2, 7))
# The first peer stands at the top.
row(peer) = words(peers) + 1 - index(peers, peer)
of(scenario) = strcol(1) eq scenario ? row(strcol(2)) : NaN
set yrange [0.3:words(peers) + 0.7]

# Panels side by side: where the i-th of five begins and ends.
left(i) = 0.11 + 0.177 * (i - 1)
right(i) = left(i) + 0.165
