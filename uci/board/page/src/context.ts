// What the three tabs share.

import type { Network } from './api';
import type { Board } from './board';
import { select, setOptions } from './dom';
import type { Line } from './rules';
import { load, save } from './store';

export type Tab = 'play' | 'analyse' | 'review';

/** A tab: it owns its panel and, while it is shown, the board. */
export interface Mode {
  readonly panel: HTMLElement;
  show(): void;
  hide(): void;
  step(to: 'first' | 'previous' | 'next' | 'last'): void;
}

export interface Context {
  board: Board;
  networks: Network[];
  network: string | undefined;
  open(tab: Tab): void;
  analyseLine(line: Line): void;
  reviewPgn(pgn: string): void;
  gauge(whiteWinProb: number | undefined): void;
}

export const networkOf = (context: Context): Network | undefined =>
  context.networks.find(({ name }) => name === context.network) ?? context.networks[0];

export const target = (to: string, ply: number, length: number): number =>
  ({ first: 0, previous: ply - 1, next: ply + 1, last: length })[to] ?? ply;

/** A choice among networks, where there are several. */
export function networkChoice(context: Context, onChange: () => void): HTMLElement {
  const { label, select: element } = select('Network', [], (value) => {
    context.network = value;
    save('network', { name: value });
    onChange();
  });
  setOptions(element, context.networks.map(({ name }) => [name, name]));
  element.value = networkOf(context)?.name ?? '';
  label.hidden = context.networks.length < 2;
  return label;
}

export const savedNetwork = (): string | undefined => load<{ name: string }>('network').name;
