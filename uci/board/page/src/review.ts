// A game reviewed: the curve, judgements, turning points, downloads.

import { Chessground } from 'chessground';
import type { DrawShape } from 'chessground/draw';
import type { Key } from 'chessground/types';
import * as api from './api';
import type { Judgement, Review as Reviewed, ReviewedGame, ReviewedMove } from './api';
import { ends } from './board';
import { Context, Mode, target } from './context';
import { announce, button, download, h, percent, s, setOptions, toast } from './dom';
import { CHART, chartX, chartY } from './draw';
import { Mark, listMoves, markMove } from './moves';
import { Line } from './rules';
import { load, save } from './store';

const SIGNS: Record<Judgement, string> = { inaccuracy: '?!', mistake: '?', blunder: '??' };
const PLURALS: Record<Judgement, string> = { inaccuracy: 'inaccuracies', mistake: 'mistakes', blunder: 'blunders' };
const KINDS: Judgement[] = ['inaccuracy', 'mistake', 'blunder'];

export class Review implements Mode {
  readonly panel: HTMLElement;
  private shown = false;
  private pgn = '';
  private found: Reviewed | undefined;
  private game: ReviewedGame | undefined;
  private line = new Line();

  private readonly area = h('textarea', { rows: 7, 'aria-label': 'PGN to review', placeholder: 'Paste one or more games as PGN', spellcheck: 'false' });
  private readonly file = h('input', { type: 'file', accept: '.pgn,.txt', 'aria-label': 'PGN file' });
  private readonly input: HTMLElement;
  private readonly output = h('div', { class: 'review-output', hidden: true });
  private readonly games = h('select', { 'aria-label': 'Game' });
  private readonly players = h('div', { class: 'players' });
  private readonly sides = h('div', { class: 'sides' });
  private readonly chart = h('div', { class: 'chart' });
  private readonly said = h('p', { class: 'said', role: 'status' });
  private readonly list = h('ol', { class: 'moves', 'aria-label': 'Moves', tabindex: '0' });
  private readonly points = h('ol', { class: 'turning-points' });
  private readonly status = h('p', { class: 'status', role: 'status' });

  constructor(private readonly context: Context) {
    this.file.addEventListener('change', async () => {
      const file = this.file.files?.[0];
      if (file) void this.review(await file.text());
    });
    this.games.addEventListener('change', () => this.choose(Number(this.games.value)));
    this.input = h(
      'div',
      { class: 'review-input' },
      h('p', { class: 'hint', text: 'Every move is judged by one look of the network at the position before it. It does not search: deep combinations escape it.' }),
      this.area,
      h('div', { class: 'buttons' }, button('Review', () => void this.review(this.area.value), { class: 'primary' }), h('label', { class: 'file button' }, 'Open a file', this.file)),
    );
    this.output.append(
      this.games,
      this.players,
      this.sides,
      this.chart,
      this.said,
      this.list,
      h('h2', { text: 'Turning points' }),
      this.points,
      h('div', { class: 'buttons three' },
        button('Annotated PGN', () => this.game && download('review.pgn', this.found!.games.map((game) => game.pgn).join(''), 'application/x-chess-pgn')),
        button('One HTML file', () => void this.page()),
        button('Another game', () => this.reset())),
      h('p', { class: 'hint', text: 'An inaccuracy gives away at least 5 points of win probability, a mistake 10, a blunder 15: Lichess’s thresholds. The band holds the middle 80 % of the network’s distribution.' }),
    );
    this.panel = h('section', { class: 'panel review', 'aria-label': 'Review', hidden: true }, this.status, this.input, this.output);
    this.pgn = load<{ pgn: string }>('review').pgn ?? '';
  }

  show(): void {
    this.shown = true;
    this.context.board.onMove = () => undefined;
    this.context.board.onHover = () => undefined;
    if (this.pgn && !this.found) void this.review(this.pgn);
    this.update();
  }

  hide(): void {
    this.shown = false;
  }

  step(to: 'first' | 'previous' | 'next' | 'last'): void {
    this.go(target(to, this.line.ply, this.line.length));
  }

  async review(pgn: string): Promise<void> {
    if (!pgn.trim()) return toast('There is no PGN to review yet.');
    this.area.value = pgn;
    this.status.textContent = 'Reviewing…';
    this.panel.classList.add('waiting');
    try {
      const found = await api.review(pgn, this.context.network);
      this.found = found;
      this.pgn = pgn;
      save('review', { pgn });
      const left = Object.values(found.left_out).reduce((sum, count) => sum + count, 0);
      this.status.textContent = left ? `${left} ${left === 1 ? 'game' : 'games'} left out: ${Object.keys(found.left_out).join('; ')}.` : '';
      this.showFound();
    } catch (error) {
      this.pgn = '';
      this.status.textContent = (error as Error).message;
    }
    this.panel.classList.remove('waiting');
  }

  private reset(): void {
    this.found = this.game = undefined;
    this.pgn = '';
    save('review', {});
    this.line = new Line();
    this.output.hidden = true;
    this.input.hidden = false;
    this.status.textContent = '';
    this.update();
    this.area.focus();
  }

  private showFound(): void {
    const games = this.found!.games;
    this.input.hidden = true;
    this.output.hidden = false;
    this.games.hidden = games.length < 2;
    setOptions(this.games, games.map((game, i) => [String(i), `${i + 1}. ${game.white} – ${game.black}, ${game.result}`]));
    this.games.value = '0';
    this.drawPlayers();
    this.choose(0);
  }

  private choose(index: number): void {
    const game = (this.game = this.found!.games[index]);
    this.line = new Line(game.start_fen, game.moves.map(({ move }) => move));
    this.line.go(game.turning_points[0] ?? this.line.length);
    this.drawSides(game);
    this.drawChart(game);
    this.drawPoints(game);
    const marks = new Map<number, Mark>();
    for (const move of game.moves)
      if (move.judgement) marks.set(move.ply, { sign: SIGNS[move.judgement], class: move.judgement });
    listMoves(this.list, this.line, (ply) => this.go(ply), marks);
    this.update();
  }

  private drawPlayers(): void {
    const { games, players } = this.found!;
    this.players.hidden = games.length < 2;
    const share = (value: number | null, digits = 0) => (value === null ? '' : percent(value, digits));
    const head = ['Player', 'Games', 'Accuracy', 'Given away', '?!', '?', '??'];
    const rows = Object.entries(players).map(([name, one]) => [
      name,
      one.games,
      share(one.accuracy === null ? null : one.accuracy / 100),
      share(one.given_away_a_move, 1),
      one.inaccuracy_count,
      one.mistake_count,
      one.blunder_count,
    ]);
    this.players.replaceChildren(
      h('table', {},
        h('thead', {}, h('tr', {}, ...head.map((text) => h('th', { scope: 'col', text })))),
        h('tbody', {}, ...rows.map((row) => h('tr', {}, ...row.map((text, i) => h(i ? 'td' : 'th', { text: String(text) })))))),
    );
  }

  private drawSides(game: ReviewedGame): void {
    this.sides.replaceChildren(
      ...(['white', 'black'] as const).map((side) => {
        const accuracy = game.accuracy[side];
        return h(
          'div',
          { class: `side ${side}` },
          h('strong', { text: game[side] }),
          h('span', { class: 'accuracy', text: accuracy === null ? '–' : `${Math.round(accuracy)} %` }),
          h('span', { class: 'caption', text: 'accuracy' }),
          ...KINDS.map((kind) => {
            const count = game.judgements[side][kind];
            return h('span', { class: `count ${kind}`, text: `${count} ${count === 1 ? kind : PLURALS[kind]}` });
          }),
        );
      }),
    );
  }

  private drawChart(game: ReviewedGame): void {
    const { width, height, left, right, bottom } = CHART;
    const plies = game.moves.length;
    const at = (ply: number, share: number) => `${chartX(ply, plies).toFixed(1)} ${chartY(share).toFixed(1)}`;
    const curve = [game.start_white_win_prob, ...game.moves.map((move) => move.white_win_prob)];
    const line = curve.map((share, ply) => at(ply, share)).join('L');
    const low = game.moves.map((move) => at(move.ply, move.white_band[0]));
    const high = game.moves.map((move) => at(move.ply, move.white_band[1]));
    const area = `M${at(0, 0)}L${line}L${at(plies, 0)}Z`;
    const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      s('path', { class: share === 0.5 ? 'grid mid' : 'grid', d: `M${left} ${chartY(share)}H${width - right}` }),
      ...(share === 0.25 || share === 0.75 ? [] : [s('text', { x: left - 5, y: chartY(share) + 4, 'text-anchor': 'end', text: percent(share) })]),
    ]);
    const dots = game.moves
      .filter((move) => move.judgement)
      .map((move) => s('circle', { class: move.judgement!, r: 4.5, cx: chartX(move.ply, plies), cy: chartY(move.white_win_prob) }));
    const cursor = s('path', { class: 'cursor' });
    const svg = s(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `White’s win probability after each of ${plies} moves; the list of moves says the same.` },
      s('path', { class: 'area', d: area }),
      ...grid,
      s('path', { class: 'band', d: low.length ? `M${[...low, ...high.reverse()].join('L')}Z` : '' }),
      s('path', { class: 'curve', d: `M${line}` }),
      ...dots,
      cursor,
      s('text', { x: left, y: height - bottom + 16, text: 'White’s win probability' }),
    );
    svg.addEventListener('click', (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event as MouseEvent).clientX - box.left) * (width / box.width);
      this.go(Math.round(((x - left) / (width - left - right)) * plies));
    });
    this.chart.replaceChildren(svg);
  }

  private drawPoints(game: ReviewedGame): void {
    const fens = [game.start_fen, ...game.moves.map(({ fen }) => fen)];
    const points = game.turning_points.map((ply) => game.moves[ply - 1]);
    this.points.replaceChildren(
      ...points.map((move) => {
        const place = h('div', { class: 'mini', 'data-ply': move.ply });
        return h('li', {},
          h('button', { type: 'button', class: 'point', on: { click: () => this.go(move.ply) } },
            place, h('span', {}, h('strong', { class: move.judgement ?? '', text: this.numbered(move) }), h('br'), `${move.best_san} was best: ${percent(move.best_win_prob)} instead of ${percent(move.win_prob)}`)));
      }),
    );
    // A board takes its size from the page, so it must be there already.
    for (const move of points) {
      const place = this.points.querySelector<HTMLElement>(`[data-ply="${move.ply}"]`)!;
      Chessground(place, {
        fen: fens[move.ply - 1],
        orientation: move.color,
        viewOnly: true,
        coordinates: false,
        animation: { enabled: false },
        drawable: { enabled: false, autoShapes: playedAndBest(move) },
      });
    }
    if (!points.length) this.points.append(h('li', { class: 'hint', text: 'None: neither side gave much away at once.' }));
  }

  private numbered(move: ReviewedMove): string {
    const half = this.line.offset + move.ply - 1;
    return `${Math.floor(half / 2) + 1}${half % 2 ? '…' : '.'} ${move.san}${move.judgement ? SIGNS[move.judgement] : ''}`;
  }

  private go(ply: number): void {
    if (!this.game) return;
    this.line.go(ply);
    this.update();
    const move = this.game.moves[this.line.ply - 1];
    if (move) announce(this.said.textContent ?? '');
  }

  private update(): void {
    const { line, game } = this;
    const move = game?.moves[line.ply - 1];
    if (game) {
      markMove(this.list, line.ply);
      const x = chartX(line.ply, game.moves.length).toFixed(1);
      this.chart.querySelector('.cursor')?.setAttribute('d', `M${x} ${CHART.top}V${CHART.height - CHART.bottom}`);
      this.said.textContent = move ? this.sentence(move) : 'Before the first move.';
    }
    if (!this.shown) return;
    this.context.gauge(game ? (move?.white_win_prob ?? game.start_white_win_prob) : undefined);
    this.context.board.show({ position: line.position, lastMove: line.last });
    const shapes: DrawShape[] = [];
    if (move?.judgement) {
      const [from, to] = ends(move.best);
      shapes.push({ orig: from, dest: to, brush: 'green' });
      shapes.push({ orig: ends(move.move)[1], brush: 'red', label: { text: SIGNS[move.judgement], fill: FILLS[move.judgement] } });
    }
    this.context.board.arrows(shapes);
    this.context.board.colour(new Map<Key, string>());
  }

  private sentence(move: ReviewedMove): string {
    const among = Math.round(2 ** move.entropy_bits);
    const choice = move.only_move ? 'an only move was to be found' : `a choice among about ${among} ${among === 1 ? 'move' : 'moves'}`;
    if (!move.judgement) return `${this.numbered(move)}: ${percent(move.win_prob)} expected; ${choice}.`;
    return `${this.numbered(move)}: ${move.judgement}, ${Math.round(100 * move.given_away)} points given away. ${move.best_san} was best (${percent(move.best_win_prob)}); ${choice}.`;
  }

  private async page(): Promise<void> {
    try {
      download('review.html', await api.reviewPage(this.pgn, this.context.network), 'text/html');
    } catch (error) {
      toast((error as Error).message);
    }
  }
}

const FILLS: Record<Judgement, string> = { inaccuracy: '#2f78b7', mistake: '#b85f00', blunder: '#c23030' };

function playedAndBest(move: ReviewedMove): DrawShape[] {
  const [from, to] = ends(move.move);
  const [bestFrom, bestTo] = ends(move.best);
  return [
    { orig: from, dest: to, brush: 'red' },
    { orig: bestFrom, dest: bestTo, brush: 'green' },
  ];
}
