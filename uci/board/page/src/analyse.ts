// Looking inside: every legal move with its distribution, arrows, colours on squares.

import type { DrawShape } from 'chessground/draw';
import type { Key } from 'chessground/types';
import * as api from './api';
import type { AnalysedMove, Analysis, Attention } from './api';
import { ends } from './board';
import { Context, Mode, networkChoice, networkOf, target } from './context';
import { announce, button, copy, download, h, percent, select, setOptions, toast } from './dom';
import { chanceBetter, large, quantile, ridge, spread } from './draw';
import { Editor } from './editor';
import { listMoves } from './moves';
import { INITIAL_FEN, Line, fenOf, gamesOf, makeSquare, outcomeOf, pgnOf, positionOf, spoken } from './rules';
import { load, save } from './store';

type SortBy = 'mean' | 'risk' | 'spread';
type Overlay = 'none' | 'after' | 'targets' | 'squares' | 'moves';
type Saved = { start: string; moves: string[]; ply: number; overlay: Overlay; arrows: boolean };
type Row = AnalysedMove & { quantile: number; spread: number };

const CHOICE_TEMPERATURE = 0.05; // as in the review: how strongly better moves count
const MOST_ARROWS = 5;
const SCALED_BY = 8; // the ridges' scale is that of the best moves; higher peaks are cut off
const KEPT_ANALYSES = 64;
const EXACT = new Set(['checkmate', 'stalemate', 'insufficient material', 'threefold repetition', '50-move rule']);

export class Analyse implements Mode {
  readonly panel: HTMLElement;
  private line = new Line();
  private shown = false;
  private analysis: Analysis | undefined;
  private rows: Row[] = [];
  private attention: Attention | undefined;
  private cache = new Map<string, Analysis>();
  private asked: AbortController | undefined;
  private sortBy: SortBy = 'mean';
  private level = 0.25;
  private overlay: Overlay = 'after';
  private arrows = true;
  private hovered: string | undefined; // a move
  private pinned: string | undefined; // the move on the left of the comparison
  private hoveredSquare: Key | undefined;
  private readonly editor: Editor;

  private readonly head = h('p', { class: 'status', role: 'status' });
  private readonly picture = h('div', { class: 'inspector-picture' });
  private readonly moveA = select('Move', [], (value) => this.pin(value)).select;
  private readonly moveB = select('Compared with', [], () => this.drawInspector()).select;
  private readonly said = h('p', { class: 'inspector-text' });
  private readonly body = h('tbody');
  private readonly headers = {} as Record<SortBy, HTMLTableCellElement>;
  private readonly list = h('ol', { class: 'moves short', 'aria-label': 'Moves', tabindex: '0' });
  private readonly fen = h('input', { 'aria-label': 'Position as FEN', autocomplete: 'off', spellcheck: 'false' });
  private readonly pgnArea = h('textarea', { rows: 4, 'aria-label': 'PGN to load', placeholder: 'Paste a PGN', spellcheck: 'false' });
  private readonly layers = select('Layer', [], () => this.paint());
  private readonly heads = select('Head', [], () => this.paint());
  private readonly legend = h('p', { class: 'legend' });
  private readonly risk = h('input', { type: 'range', min: '5', max: '95', step: '5', value: '25', 'aria-label': 'Quantile in per cent' });

  constructor(private readonly context: Context) {
    const overlay = select(
      'Squares',
      [
        ['none', 'plain'],
        ['after', 'attacks after the move shown'],
        ['targets', 'where good moves go'],
        ['squares', 'attention of squares'],
        ['moves', 'attention of the move shown'],
      ],
      (value) => this.setOverlay(value as Overlay),
      { id: 'overlay' },
    );
    const arrows = h('input', { type: 'checkbox', on: { change: () => { this.arrows = arrows.checked; this.save(); this.paint(); } } });
    this.restore();
    overlay.select.value = this.overlay;
    arrows.checked = this.arrows;
    this.risk.addEventListener('input', () => this.setLevel(Number(this.risk.value) / 100));
    this.panel = h(
      'section',
      { class: 'panel analyse', 'aria-label': 'Analyse', hidden: true },
      this.head,
      h('div', { class: 'inspector' }, this.picture,
        h('div', { class: 'inspector-choice' }, h('label', { class: 'field a' }, h('span', { text: 'Move' }), this.moveA), h('label', { class: 'field b' }, h('span', { text: 'against' }), this.moveB)),
        this.said),
      h('div', { class: 'table-box', tabindex: '0', role: 'region', 'aria-label': 'All legal moves' }, this.table()),
      h('div', { class: 'options' },
        h('label', { class: 'slider' }, h('span', { text: 'Quantile for Risk' }), this.risk),
        h('label', { class: 'check' }, arrows, h('span', { text: 'Arrows of the best moves' }))),
      h('div', { class: 'overlay-row' }, overlay.label, this.layers.label, this.heads.label),
      this.legend,
      this.list,
      this.sources(),
      networkChoice(context, () => { this.cache.clear(); void this.update(); }),
    );
    this.editor = new Editor(context.board, (fen) => this.leaveEditor(fen));
    this.panel.append(this.editor.panel);
  }

  show(): void {
    this.shown = true;
    this.context.board.onMove = (uci) => this.play(uci);
    this.context.board.onHover = (key) => this.hoverSquare(key);
    void this.update();
  }

  hide(): void {
    this.shown = false;
    this.asked?.abort();
    this.editor.close();
    this.panel.classList.remove('editing');
  }

  step(to: 'first' | 'previous' | 'next' | 'last'): void {
    if (this.editor.open) return;
    this.line.go(target(to, this.line.ply, this.line.length));
    void this.update();
  }

  /** Takes over a line, at its place. */
  setLine(line: Line): void {
    this.line = line;
    if (this.shown) void this.update();
    else this.save();
  }

  private table(): HTMLElement {
    const header = (by: SortBy, text: string) => {
      const cell = h('th', { scope: 'col', 'aria-sort': by === this.sortBy ? 'descending' : 'none', class: by },
        button(text, () => this.sort(by), { title: `Sort by ${by}`, 'aria-label': `${text}: sort by ${by}` }));
      this.headers[by] = cell;
      return cell;
    };
    return h(
      'table',
      { class: 'all-moves' },
      h('caption', { class: 'sr', text: 'All legal moves with their expected win probability' }),
      h('thead', {}, h('tr', {},
        h('th', { scope: 'col', text: 'Move' }),
        header('mean', 'Mean'),
        h('th', { scope: 'col', class: 'ridge-head' }, h('span', { text: 'lost' }), h('span', { text: 'won' })),
        header('risk', 'Risk'),
        header('spread', '±'))),
      this.body,
    );
  }

  private sources(): HTMLElement {
    const loadFen = (event?: Event) => {
      event?.preventDefault();
      try {
        positionOf(this.fen.value);
        this.setLine(new Line(this.fen.value.trim() === 'startpos' ? INITIAL_FEN : this.fen.value.trim()));
      } catch (error) {
        toast((error as Error).message);
      }
    };
    const loadPgn = (text: string) => {
      try {
        const { line } = gamesOf(text)[0];
        line.go(line.length);
        this.setLine(line);
        this.pgnArea.value = '';
      } catch (error) {
        toast((error as Error).message);
      }
    };
    const headers = { Event: 'Analysis', Site: '?', Date: '????.??.??', Round: '?', White: '?', Black: '?', Result: '*' };
    return h(
      'div',
      { class: 'sources' },
      h('form', { class: 'move-form', on: { submit: loadFen } }, this.fen, h('button', { text: 'Load FEN' })),
      h('details', {}, h('summary', { text: 'Set up, PGN' }),
        h('div', { class: 'buttons three' },
          button('Start position', () => this.setLine(new Line())),
          button('Set up pieces', () => this.openEditor()),
          button('Copy FEN', () => void copy(fenOf(this.line.position), 'FEN'))),
        this.pgnArea,
        h('div', { class: 'buttons three' },
          button('Load PGN', () => loadPgn(this.pgnArea.value)),
          button('Copy PGN', () => void copy(pgnOf(this.line, headers), 'PGN')),
          button('Download PGN', () => download('analysis.pgn', pgnOf(this.line, headers), 'application/x-chess-pgn')))),
    );
  }

  private play(uci: string): void {
    if (this.line.play(uci)) announce(spoken(this.line.sans[this.line.ply - 1]));
    void this.update();
  }

  /** Shows the present position, and asks for what the network says of it. */
  private async update(): Promise<void> {
    this.save();
    if (!this.shown || this.editor.open) return;
    const { line } = this;
    const { position } = line;
    this.hovered = this.pinned = this.hoveredSquare = undefined;
    this.context.board.show({ position, lastMove: line.last, movable: 'both' });
    this.fen.value = fenOf(position);
    listMoves(this.list, line, (ply) => { line.go(ply); void this.update(); });
    this.asked?.abort();
    const over = outcomeOf(line);
    if (position.isEnd()) {
      this.take(undefined);
      this.head.textContent = `${over?.result ?? ''}  ${over?.reason ?? 'the game is over'}`;
      this.context.gauge(over ? { '1-0': 1, '0-1': 0 }[over.result] ?? 0.5 : undefined);
      return;
    }
    const body = { fen: line.start, moves: line.played(), network: this.context.network };
    const key = JSON.stringify(body);
    const known = this.cache.get(key);
    if (known) return this.take(known);
    const asked = (this.asked = new AbortController());
    this.panel.classList.add('waiting');
    try {
      const found = await api.analyse(body, asked.signal);
      if (asked.signal.aborted) return;
      if (this.cache.size >= KEPT_ANALYSES) this.cache.delete(this.cache.keys().next().value!);
      this.cache.set(key, found);
      this.take(found);
    } catch (error) {
      if (!asked.signal.aborted) {
        this.take(undefined);
        this.head.textContent = (error as Error).message;
      }
    }
  }

  private take(analysis: Analysis | undefined): void {
    this.panel.classList.remove('waiting');
    this.analysis = analysis;
    this.attention = undefined;
    this.rows = (analysis?.moves ?? []).map((move) => ({
      ...move,
      quantile: this.quantileOf(move),
      spread: isExact(move) ? 0 : spread(move.distribution),
    }));
    const turn = this.line.position.turn;
    const best = analysis?.moves[0];
    if (best) {
      const side = turn === 'white' ? 'White' : 'Black';
      this.head.textContent = `${side} to move, ${this.rows.length} legal ${this.rows.length === 1 ? 'move' : 'moves'}; the best: ${best.san}, ${percent(best.win_prob)}`;
      this.context.gauge(turn === 'white' ? best.win_prob : 1 - best.win_prob);
    }
    const options = this.rows.map(({ move, san }): [string, string] => [move, san]);
    setOptions(this.moveA, options);
    setOptions(this.moveB, [['', 'no other move'], ...options]);
    this.moveA.value = best?.move ?? '';
    this.moveB.value = this.rows[1]?.move ?? '';
    this.drawTable();
    this.drawInspector();
    this.setLayers();
    this.paint();
  }

  private quantileOf(move: AnalysedMove): number {
    return isExact(move) ? move.win_prob : quantile(move.distribution, this.level);
  }

  private setLevel(level: number): void {
    this.level = level;
    for (const row of this.rows) row.quantile = this.quantileOf(row);
    this.drawTable();
  }

  private sort(by: SortBy): void {
    this.sortBy = by;
    for (const [name, cell] of Object.entries(this.headers))
      cell.setAttribute('aria-sort', name === by ? 'descending' : 'none');
    this.drawTable();
    announce(`Sorted by ${by}`);
  }

  private drawTable(): void {
    const sorted = [...this.rows];
    if (this.sortBy === 'risk') sorted.sort((a, b) => b.quantile - a.quantile);
    if (this.sortBy === 'spread') sorted.sort((a, b) => b.spread - a.spread);
    const open = this.rows.filter((row) => !row.verdict);
    const top = Math.max(...(open.length ? open : this.rows).slice(0, SCALED_BY).map((row) => Math.max(...row.distribution)));
    this.headers.risk.querySelector('button')!.textContent = `${Math.round(100 * this.level)} %`;
    this.headers.risk.querySelector('button')!.setAttribute('aria-label', `${Math.round(100 * this.level)} %: sort by this quantile`);
    this.body.replaceChildren(...sorted.map((row) => this.tableRow(row, top)));
  }

  private tableRow(row: Row, top: number): HTMLElement {
    const enter = () => this.hover(row.move);
    const leave = () => this.hover(undefined);
    return h(
      'tr',
      { 'data-move': row.move, on: { mouseenter: enter, mouseleave: leave, focusin: enter, focusout: leave } },
      h('th', { scope: 'row' }, button(row.san, () => this.play(row.move), { 'aria-label': `${row.san}: play ${spoken(row.san)}` })),
      h('td', { class: 'mean', text: percent(row.win_prob, 1) }),
      h('td', { class: 'ridge-cell' }, ridge(row.distribution, row.win_prob, top), row.verdict ? h('span', { class: 'verdict', text: row.verdict }) : ''),
      h('td', { text: percent(row.quantile) }),
      h('td', { text: row.spread ? `±${Math.round(100 * row.spread)}` : '±0' }),
    );
  }

  private hover(move: string | undefined): void {
    if (this.hovered === move) return;
    this.hovered = move;
    this.drawInspector();
    this.paint();
  }

  private pin(move: string): void {
    this.pinned = move;
    this.drawInspector();
    this.paint();
  }

  private hoverSquare(key: Key | undefined): void {
    if (key === this.hoveredSquare) return;
    this.hoveredSquare = key;
    if (this.overlay === 'squares') this.paint();
  }

  /** The move that is shown: under the pointer, chosen, or the best. */
  private get current(): Row | undefined {
    const move = this.hovered ?? this.pinned ?? this.analysis?.best;
    return this.rows.find((row) => row.move === move);
  }

  private drawInspector(): void {
    const a = this.current;
    const against = this.moveB.value && this.moveB.value === a?.move ? this.analysis?.best : this.moveB.value;
    const b = this.rows.find((row) => row.move === against && row.move !== a?.move);
    if (!a) {
      this.picture.replaceChildren(large([{ distribution: new Array(64).fill(0), mean: -1, class: 'a' }]));
      this.said.textContent = '\u00a0';
      return;
    }
    if (document.activeElement !== this.moveA) this.moveA.value = a.move;
    const curves = [{ distribution: a.distribution, mean: a.win_prob, class: 'a' }];
    if (b) curves.unshift({ distribution: b.distribution, mean: b.win_prob, class: 'b' });
    this.picture.replaceChildren(large(curves));
    const chance = b && chanceBetter(a.distribution, b.distribution);
    const [win, draw, loss] = a.wdl.map((share) => Math.round(100 * share));
    const results = `${a.san}: won ${win} %, drawn ${draw} %, lost ${loss} %`;
    this.said.textContent = b ? `${results}. Better than ${b.san}: ${percent(chance!)}.` : `${results}.`;
  }

  private setOverlay(overlay: Overlay): void {
    this.overlay = overlay;
    this.save();
    this.setLayers();
    this.paint();
  }

  private get asksAttention(): boolean {
    return this.overlay === 'squares' || this.overlay === 'moves';
  }

  private setLayers(): void {
    this.layers.label.hidden = this.heads.label.hidden = !this.asksAttention;
    if (!this.asksAttention || !this.analysis) return;
    if (!networkOf(this.context)?.attention) {
      this.legend.textContent = 'This network’s attention cannot be shown.';
      return;
    }
    if (this.attention) {
      const layers = this.overlay === 'squares' ? this.attention.squares : Object.values(this.attention.moves)[0];
      const numbered = (items: unknown[]) => items.map((_, i): [string, string] => [String(i), String(i + 1)]);
      setOptions(this.layers.select, numbered(layers).reverse());
      setOptions(this.heads.select, [['mean', 'mean of all'], ...numbered(layers[0] as unknown[])]);
      return;
    }
    const { line, analysis } = this;
    this.legend.textContent = 'Asking the network…';
    api
      .attention({ fen: line.start, moves: line.played(), network: this.context.network })
      .then((found) => {
        if (this.analysis !== analysis) return;
        this.attention = found;
        this.setLayers();
        this.paint();
      })
      .catch((error) => (this.legend.textContent = (error as Error).message));
  }

  /** Arrows and coloured squares. */
  private paint(): void {
    if (!this.shown || this.editor.open) return;
    const { board } = this.context;
    const shapes: DrawShape[] = this.hovered || this.pinned ? [] : this.bestArrows();
    const current = this.current;
    if ((this.hovered || this.pinned) && current) shapes.push(arrow(current.move, 'blue', 12));
    board.arrows(shapes);
    board.colour(this.colours(current));
  }

  private bestArrows(): DrawShape[] {
    if (!this.arrows || !this.rows.length) return [];
    const shares = choiceShares(this.rows);
    return this.rows
      .slice(0, MOST_ARROWS)
      .map((row, i) => arrow(row.move, i ? 'paleBlue' : 'green', 3 + 11 * (shares[i] / shares[0])))
      .reverse();
  }

  private colours(current: Row | undefined): Map<Key, string> {
    if (!this.analysis) return new Map();
    if (this.overlay === 'after') return this.afterColours(current);
    if (this.overlay === 'targets') {
      const weights = new Map<Key, number>();
      const shares = choiceShares(this.rows);
      this.rows.forEach((row, i) => {
        const to = ends(row.move)[1];
        weights.set(to, (weights.get(to) ?? 0) + shares[i]);
      });
      this.legend.textContent = 'The darker, the more of the choice goes to moves to this square.';
      return heat(weights);
    }
    if (this.asksAttention && this.attention) return this.attentionColours(current);
    if (this.overlay === 'none') this.legend.textContent = '\u00a0';
    return new Map();
  }

  /** The squares that the network is told of after a move, while one is pointed at or chosen. */
  private afterColours(current: Row | undefined): Map<Key, string> {
    const classes = new Map<Key, string>();
    if (!current || !(this.hovered || this.pinned)) {
      this.legend.textContent = 'Point at a move: attacks after it, and loose pieces.';
      return classes;
    }
    const { own_attacks, opponent_attacks, own_loose, opponent_loose } = current.after;
    for (const square of own_attacks) classes.set(square as Key, 'own-attack');
    for (const square of opponent_attacks)
      classes.set(square as Key, classes.has(square as Key) ? 'both-attack' : 'their-attack');
    for (const square of [...own_loose, ...opponent_loose])
      classes.set(square as Key, `${classes.get(square as Key) ?? ''} loose`.trim());
    this.legend.replaceChildren(
      `After ${current.san}, attacked by `,
      h('span', { class: 'key own-attack', text: 'mover' }), ' ',
      h('span', { class: 'key their-attack', text: 'opponent' }), ' ',
      h('span', { class: 'key both-attack', text: 'both' }), '; ',
      h('span', { class: 'key loose', text: 'loose' }),
    );
    return classes;
  }

  private attentionColours(current: Row | undefined): Map<Key, string> {
    const layer = Number(this.layers.select.value);
    const head = this.heads.select.value;
    const mean = (rows: number[][]) => rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
    let weights: number[];
    if (this.overlay === 'moves') {
      const heads = current && this.attention!.moves[current.move]?.[layer];
      if (!heads) return new Map();
      weights = head === 'mean' ? mean(heads) : heads[Number(head)];
      this.legend.textContent = `What ${current!.san} attends to; point at another move in the table.`;
    } else {
      const heads = this.attention!.squares[layer];
      if (!heads) return new Map();
      const chosen = head === 'mean' ? heads : [heads[Number(head)]];
      const from = this.hoveredSquare;
      const index = from ? 'abcdefgh'.indexOf(from[0]) + 8 * (Number(from[1]) - 1) : -1;
      weights = mean(chosen.map((rows) => (from ? rows[index] : mean(rows))));
      this.legend.textContent = from ? `What ${from} attends to.` : 'What all squares attend to on average; point at a square.';
    }
    return heat(new Map(weights.map((weight, i) => [makeSquare(i) as Key, weight])));
  }

  private openEditor(): void {
    this.asked?.abort();
    this.panel.classList.add('editing');
    this.context.board.arrows([]);
    this.context.board.colour(new Map());
    this.context.gauge(undefined);
    this.editor.start(this.line.position);
  }

  private leaveEditor(fen: string | undefined): void {
    this.panel.classList.remove('editing');
    this.context.board.onMove = (uci) => this.play(uci);
    if (fen) this.line = new Line(fen);
    void this.update();
  }

  private save(): void {
    const { start, moves, ply } = this.line;
    const saved: Saved = { start, moves, ply, overlay: this.overlay, arrows: this.arrows };
    save('analyse', saved);
  }

  private restore(): void {
    const saved = load<Saved>('analyse');
    try {
      this.line = new Line(saved.start ?? INITIAL_FEN, saved.moves ?? []);
      this.line.go(saved.ply ?? 0);
    } catch {
      this.line = new Line();
    }
    this.overlay = saved.overlay ?? 'after';
    this.arrows = saved.arrows ?? true;
  }
}

const isExact = (move: AnalysedMove): boolean => move.verdict !== null && EXACT.has(move.verdict);

/** How the choice spreads over the moves: exp(win probability / temperature), summing to 1. */
function choiceShares(rows: Row[]): number[] {
  const best = Math.max(...rows.map((row) => row.win_prob));
  const weights = rows.map((row) => Math.exp((row.win_prob - best) / CHOICE_TEMPERATURE));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function arrow(move: string, brush: string, lineWidth: number): DrawShape {
  const [orig, dest] = ends(move);
  return { orig, dest, brush, modifiers: { lineWidth } };
}

/** Weights by square -> classes heat-1 to heat-10, the largest darkest. */
function heat(weights: Map<Key, number>): Map<Key, string> {
  const top = Math.max(...weights.values()) || 1;
  const classes = new Map<Key, string>();
  for (const [key, weight] of weights) {
    const level = Math.round((10 * weight) / top);
    if (level) classes.set(key, `heat-${level}`);
  }
  return classes;
}

