#!/bin/bash
# Argmax plays Fairy-Max (one second a move) in xboard, through polyglot, on a virtual display.
# Leaves FOLDER/game.pgn and FOLDER/xboard.png, taken after twenty moves (or at the game's end).
#
#   apt-get install xboard polyglot fairymax xvfb imagemagick xdotool
#   docs/xboard.sh FOLDER ["argmax uci"]
set -eu
out=$(realpath -m "${1:?usage: xboard.sh FOLDER [ENGINE COMMAND]}")
engine=${2:-argmax uci}
mkdir -p "$out" && cd "$out" && rm -f game.pgn xboard.debug
export DISPLAY=${XBOARD_DISPLAY:-:73} PATH=$PATH:/usr/games

Xvfb "$DISPLAY" -screen 0 1010x625x24 >/dev/null 2>&1 &
display=$!
trap 'kill "$display"' EXIT
sleep 2

xboard -fcp "$engine" -fUCI -fd "$out" -scp fairymax \
  -matchMode true -matchGames 1 -searchTime 1 -saveGameFile game.pgn \
  -size 64 -showThinking true -engineOutputUp true -popupExitMessage false \
  -debugMode true -nameOfDebugFile xboard.debug >xboard.log 2>&1 &
board=$!

argmax_moves() { grep -c '<first : move' xboard.debug 2>/dev/null || true; }
playing() { kill -0 "$board" 2>/dev/null && ! grep -q '^\[Event' game.pgn 2>/dev/null; }

until xdotool search --name "Engine Output" windowmove 527 0 windowsize 480 620 2>/dev/null; do
  playing && sleep 0.2
done
while playing && [ "$(argmax_moves)" -lt 20 ]; do sleep 0.1; done
sleep 0.5
import -window root xboard.png
wait "$board" || true
grep -A99 '^\[Event' game.pgn
