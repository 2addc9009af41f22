#!/bin/sh
# The whole trip on the simulated market: declare, plan, buy, use, expire, prove, bill.
#
#     make demo
#
# It needs `gpu-shopper` on the PATH (`make demo` sees to that), no network and no rights. All of
# it happens in a temporary directory which is removed at the end.
set -eu

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$place"

tell() { printf '\n# %s\n' "$@"; }
run() { printf '$ %s\n' "$*"; "$@"; }

tell 'A fleet is a few lines of YAML. This one needs no account: its market is simulated.'
run gpu-shopper init --workspace demo
run cat fleets.yaml

tell 'A market whose minutes last a second, so that nobody has to wait.'
run gpu-shopper simulate new --speed 60

tell 'What would be bought, at what rate, and the most it costs if its end is enforced.'
run gpu-shopper plan

tell 'Buy it. (Without -auto-approve it shows the plan and asks.)'
run gpu-shopper apply -auto-approve

tell 'A machine to log in to, with an end.'
run gpu-shopper status
run gpu-shopper ssh-config

tell 'Four hours pass and nobody looks. Then cron comes by, as it does every minute.'
run gpu-shopper simulate advance 4h
run gpu-shopper reconcile --once

tell '"Destroyed" is a request, not a fact. The next passes look until it is proven.'
run gpu-shopper simulate advance 1m
run gpu-shopper reconcile --once
run gpu-shopper simulate advance 1m
run gpu-shopper reconcile --once

tell 'Nothing runs, says the tool. The market, whose ledger the tool cannot read, agrees:'
run gpu-shopper status
run gpu-shopper simulate ledger
