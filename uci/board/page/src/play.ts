// Playing against the network.

import * as api from './api';
import { ends } from './board';
import { Context, Mode, networkChoice, networkOf, target } from './context';
import { announce, button, byId, copy, download, h, toast } from './dom';
import { listMoves } from './moves';
import { INITIAL_FEN, Line, Side, gamesOf, outcomeOf, pgnOf, positionOf, spoken } from './rules';
import { load, save } from './store';

type Outcome = { result: string; reason: string };
type Saved = {
  start: string;
  moves: string[];
  color: Side;
  elo: number | null;
  delay: boolean;
  outcome: Outcome | null;
};

const MOST_DELAY_MS = 1500;

export class Play implements Mode {
  readonly panel: HTMLElement;
  private line = new Line();
  private color: Side = 'white';
  private elo: number | null = null;
  private delay = true;
  private outcome: Outcome | undefined;
  private shown = false;
  private asked: AbortController | undefined;

  private readonly status = h('p', { class: 'status', role: 'status' });
  private readonly list = h('ol', { class: 'moves', 'aria-label': 'Moves', tabindex: '0' });
  private readonly input = h('input', {
    id: 'move-input',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Type a move: Nf3, e2e4',
    'aria-label': 'Type a move',
  });
  private readonly takeBackButton = button('Take back', () => this.takeBack());
  private readonly hintButton = button('Hint', () => void this.hint());
  private readonly resignButton = button('Resign', () => this.resign());
  private readonly dialog = byId<HTMLDialogElement>('new-game');
  private readonly opponent = h('p', { class: 'opponent' });

  constructor(private readonly context: Context) {
    this.panel = h(
      'section',
      { class: 'panel play', 'aria-label': 'Play', hidden: true },
      h('div', { class: 'panel-head' }, this.opponent, button('New game', () => this.openDialog(), { class: 'primary' })),
      this.status,
      this.list,
      h('form', { class: 'move-form', on: { submit: (event: Event) => this.typed(event) } }, this.input, h('button', { text: 'Play' })),
      h('div', { class: 'buttons three' }, this.takeBackButton, this.hintButton, this.resignButton),
      h(
        'div',
        { class: 'buttons three' },
        button('Analyse', () => this.context.analyseLine(new Line(this.line.start, this.line.moves))),
        button('Review', () => this.review()),
        button('Copy PGN', () => void copy(this.pgn(), 'PGN')),
      ),
      this.pgnBox(),
      networkChoice(context, () => this.update()),
    );
    this.setUpDialog();
    this.restore();
  }

  show(): void {
    this.shown = true;
    this.context.board.onMove = (uci) => this.move(uci);
    this.context.board.onHover = () => undefined;
    this.context.board.orientation = this.color;
    this.context.gauge(undefined);
    this.update();
    void this.reply();
  }

  hide(): void {
    this.shown = false;
    this.asked?.abort();
    this.asked = undefined;
  }

  step(to: 'first' | 'previous' | 'next' | 'last'): void {
    this.line.go(target(to, this.line.ply, this.line.length));
    this.update();
  }

  /** Starts over. */
  start(start: string, color: Side, elo: number | null, moves: string[] = []): void {
    this.asked?.abort();
    this.asked = undefined;
    this.line = new Line(start, moves);
    [this.color, this.elo, this.outcome] = [color, elo, undefined];
    if (this.shown) this.context.board.orientation = color;
    this.settle();
    this.update();
    void this.reply();
  }

  private get live(): boolean {
    return this.line.ply === this.line.length && !this.outcome;
  }

  private get engineToMove(): boolean {
    return this.live && this.line.position.turn !== this.color;
  }

  private settle(): void {
    this.outcome ??= outcomeOf(this.line);
    const saved: Saved = {
      start: this.line.start,
      moves: this.line.moves,
      color: this.color,
      elo: this.elo,
      delay: this.delay,
      outcome: this.outcome ?? null,
    };
    save('play', saved);
  }

  private restore(): void {
    const saved = load<Saved>('play');
    try {
      this.line = new Line(saved.start ?? INITIAL_FEN, saved.moves ?? []);
    } catch {
      this.line = new Line();
    }
    this.color = saved.color === 'black' ? 'black' : 'white';
    this.elo = typeof saved.elo === 'number' ? saved.elo : null;
    this.delay = saved.delay ?? true;
    this.outcome = saved.outcome ?? undefined;
    this.settle();
  }

  private move(uci: string): void {
    if (!this.live || this.engineToMove || !this.line.play(uci)) return this.update();
    this.settle();
    this.update();
    void this.reply();
  }

  private typed(event: Event): void {
    event.preventDefault();
    const text = this.input.value.trim();
    if (!text) return;
    if (!this.live) return toast('Go to the last move of the game first.');
    if (this.engineToMove) return toast('It is the network’s turn.');
    const before = this.line.length;
    this.move(text);
    if (this.line.length === before) return toast(`“${text.slice(0, 20)}” is not a legal move here.`);
    this.input.value = '';
  }

  /** The engine's move, if it is its turn; asked for again after a reload or an interruption. */
  private async reply(): Promise<void> {
    if (!this.shown || !this.engineToMove || this.asked) return;
    const asked = (this.asked = new AbortController());
    this.update();
    const began = performance.now();
    try {
      const range = networkOf(this.context)?.elo_range;
      const elo = this.elo !== null && range ? Math.max(range[0], Math.min(range[1], this.elo)) : undefined;
      const body = { fen: this.line.start, moves: this.line.moves, network: this.context.network, elo };
      const chosen = await api.chooseMove(body, asked.signal);
      if (this.delay) await pause(believable(chosen.entropy_bits) - (performance.now() - began));
      if (asked.signal.aborted || !this.line.play(chosen.move)) return;
      this.asked = undefined;
      announce(`Argmax plays ${spoken(chosen.san)}.`);
      this.settle();
    } catch (error) {
      if (asked.signal.aborted) return;
      this.asked = undefined;
      toast(String((error as Error).message));
    }
    this.update();
  }

  private takeBack(): void {
    this.asked?.abort();
    this.asked = undefined;
    this.line.go(this.line.length);
    // Back to the player's last decision: over the engine's answer, if it has given one.
    let ply = this.line.length - 1;
    while (ply > 0 && this.line.positions[ply].turn !== this.color) ply -= 1;
    if (ply < 0 || this.line.positions[ply].turn !== this.color) return toast('There is nothing to take back.');
    this.outcome = undefined;
    this.line.cut(ply);
    this.settle();
    this.update();
  }

  private async hint(): Promise<void> {
    if (!this.live || this.engineToMove) return;
    const line = this.line;
    const length = line.length;
    try {
      const body = { fen: line.start, moves: line.moves, network: this.context.network };
      const found = await api.analyse(body);
      if (this.line !== line || line.length !== length || !this.shown) return;
      const [from, to] = ends(found.best);
      this.context.board.arrows([{ orig: from, dest: to, brush: 'green' }]);
      const best = found.moves[0];
      const text = `The network would play ${best.san} and expects ${Math.round(100 * best.win_prob)} % of the points.`;
      this.status.textContent = text;
    } catch (error) {
      toast(String((error as Error).message));
    }
  }

  private resign(): void {
    if (!this.live) return;
    this.asked?.abort();
    this.asked = undefined;
    this.outcome = { result: this.color === 'white' ? '0-1' : '1-0', reason: 'you resigned' };
    this.settle();
    this.update();
  }

  private review(): void {
    if (!this.line.length) return toast('There is no move to review yet.');
    this.context.reviewPgn(this.pgn());
  }

  private pgn(): string {
    const names: Record<Side, string> = { white: 'Argmax', black: 'Argmax', [this.color]: 'You' } as any;
    const today = new Date().toISOString().slice(0, 10).replaceAll('-', '.');
    return pgnOf(this.line, {
      Event: 'Game at the board',
      Site: '?',
      Date: today,
      Round: '?',
      White: names.white,
      Black: names.black,
      Result: this.outcome?.result ?? '*',
      ...(this.elo !== null ? { [this.color === 'white' ? 'BlackElo' : 'WhiteElo']: String(this.elo) } : {}),
      ...(this.outcome ? { Termination: this.outcome.reason } : {}),
    });
  }

  private pgnBox(): HTMLElement {
    const area = h('textarea', { rows: 4, 'aria-label': 'PGN to load', placeholder: 'Paste a PGN to go on from its last move', spellcheck: 'false' });
    const take = (text: string) => {
      try {
        const { line } = gamesOf(text)[0];
        this.start(line.start, line.positions[line.length].turn, this.elo, line.moves);
        area.value = '';
      } catch (error) {
        toast((error as Error).message);
      }
    };
    return h(
      'details',
      {},
      h('summary', { text: 'PGN' }),
      area,
      h(
        'div',
        { class: 'buttons' },
        button('Load PGN', () => take(area.value)),
        button('Download PGN', () => download('game.pgn', this.pgn(), 'application/x-chess-pgn')),
      ),
    );
  }

  private update(): void {
    const { line } = this;
    const range = networkOf(this.context)?.elo_range;
    this.opponent.textContent = `Argmax ${this.elo !== null && range ? `at Elo ${this.elo}` : 'at full strength'}`;
    this.takeBackButton.disabled = line.length === 0;
    this.hintButton.disabled = !this.live || this.engineToMove;
    this.resignButton.disabled = !!this.outcome;
    listMoves(this.list, line, (ply) => {
      line.go(ply);
      this.update();
    });
    const status = this.statusText();
    if (this.status.textContent !== status) this.status.textContent = status;
    if (!this.shown) return;
    this.context.board.arrows([]);
    this.context.board.colour(new Map());
    this.context.board.show({
      position: line.position,
      lastMove: line.last,
      movable: this.live ? this.color : undefined,
    });
  }

  private statusText(): string {
    if (this.outcome) return `${this.outcome.result.replace('1/2-1/2', '½–½').replace('-', '–')}  ${this.outcome.reason}`;
    if (this.line.ply < this.line.length) return 'Looking back; the last move goes on with the game.';
    if (this.engineToMove) return 'Argmax is to move…';
    return `Your move${this.line.position.isCheck() ? ': you are in check' : ''}.`;
  }

  private openDialog(): void {
    const range = networkOf(this.context)?.elo_range;
    byId('elo-row').hidden = !range;
    const slider = byId<HTMLInputElement>('elo');
    if (range) {
      const step = Number(slider.step);
      slider.min = String(step * Math.ceil(range[0] / step));
      slider.max = String(step * Math.floor(range[1] / step));
      slider.value = String(this.elo ?? slider.max);
    }
    byId<HTMLInputElement>('full-strength').checked = this.elo === null || !range;
    byId<HTMLInputElement>('delay').checked = this.delay;
    byId('new-game-error').textContent = '';
    this.showElo();
    this.dialog.showModal();
  }

  private showElo(): void {
    const full = byId<HTMLInputElement>('full-strength').checked;
    const slider = byId<HTMLInputElement>('elo');
    slider.disabled = full;
    byId('elo-value').textContent = full ? 'full strength' : slider.value;
  }

  private setUpDialog(): void {
    byId('elo').addEventListener('input', () => this.showElo());
    byId('full-strength').addEventListener('change', () => this.showElo());
    byId('new-game-cancel').addEventListener('click', () => this.dialog.close());
    byId('new-game-form').addEventListener('submit', (event) => {
      event.preventDefault();
      const form = new FormData(byId<HTMLFormElement>('new-game-form'));
      const fen = String(form.get('fen') ?? '').trim();
      try {
        const position = positionOf(fen || INITIAL_FEN);
        if (position.isEnd()) throw new Error('The game is over in this position.');
        const wish = String(form.get('color'));
        const color = wish === 'random' ? (Math.random() < 0.5 ? 'white' : 'black') : (wish as Side);
        const elo = form.get('full-strength') ? null : Number(byId<HTMLInputElement>('elo').value);
        this.delay = form.get('delay') !== null;
        this.dialog.close();
        this.start(fen && fen !== 'startpos' ? fen : INITIAL_FEN, color, elo);
      } catch (error) {
        byId('new-game-error').textContent = (error as Error).message;
      }
    });
  }
}

/** Longer where the choice among moves is open. */
const believable = (entropyBits: number): number =>
  Math.min(MOST_DELAY_MS, (350 + 220 * entropyBits) * (0.7 + 0.6 * Math.random()));

const pause = (ms: number): Promise<void> => new Promise((done) => window.setTimeout(done, Math.max(0, ms)));
