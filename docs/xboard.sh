#!/bin/bash
# Argmax plays Stockfish (4 plies deep) in xboard, through polyglot, on a virtual display.
# Leaves FOLDER/game.pgn and FOLDER/xboard.png, taken half-way through the game.
#
#   apt-get install xboard polyglot xvfb imagemagick xdotool stockfish
#   docs/xboard.sh FOLDER ["argmax uci"]
set -eu
out=$(realpath -m "${1:?usage: xboard.sh FOLDER [ENGINE COMMAND]}")
engine=${2:-argmax uci}
mkdir -p "$out" && cd "$out" && rm -f game.pgn shot-*.png
export DISPLAY=${XBOARD_DISPLAY:-:73} PATH=$PATH:/usr/games

Xvfb "$DISPLAY" -screen 0 1010x625x24 >/dev/null 2>&1 &
display=$!
trap 'kill "$display"' EXIT
sleep 2

xboard -fcp "$engine" -fUCI -fd "$out" -scp stockfish -sUCI -sd "$out" \
  -matchMode true -matchGames 1 -tc 2 -inc 1 -searchDepth 4 -saveGameFile game.pgn \
  -size 64 -showThinking true -engineOutputUp true -popupExitMessage false >xboard.log 2>&1 &
board=$!

for shot in $(seq -w 600); do
  sleep 1
  kill -0 "$board" 2>/dev/null || break
  xdotool search --name "Engine Output" windowmove 527 0 windowsize 480 620 2>/dev/null || true
  import -window root "shot-$shot.png"
  cmp -s "shot-$shot.png" "${last:-}" && rm "shot-$shot.png" || last="shot-$shot.png"
done
wait "$board" || true

shots=(shot-*.png)
mv "${shots[$((${#shots[@]} / 2))]}" xboard.png
rm -f shot-*.png
grep -A99 '^\[Event' game.pgn
