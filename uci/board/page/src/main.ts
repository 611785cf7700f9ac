// The page: three tabs over one board.

import * as api from './api';
import { Analyse } from './analyse';
import { Board } from './board';
import { Context, Mode, Tab, savedNetwork } from './context';
import { byId, iconButton, percent, toast } from './dom';
import { Play } from './play';
import { Review } from './review';

const TABS: Tab[] = ['play', 'analyse', 'review'];
const STEPS = { ArrowLeft: 'previous', ArrowRight: 'next', Home: 'first', End: 'last' } as const;

async function start(): Promise<void> {
  api.onConnection((online) => {
    byId('offline').hidden = online;
    if (online) toast('The server is back.');
  });
  const { networks } = await api.about();
  const board = new Board();
  const modes = {} as Record<Tab, Mode>;
  let now: Tab | undefined;

  const gauge = (share: number | undefined): void => {
    const element = byId('gauge');
    element.classList.toggle('unknown', share === undefined);
    byId('gauge-fill').style.height = `${100 * (share ?? 0.5)}%`;
    byId('gauge-text').textContent = share === undefined ? '' : `White’s win probability ${percent(share)}`;
    element.title = byId('gauge-text').textContent ?? '';
  };

  const open = (tab: Tab): void => {
    if (now !== tab) {
      if (now) modes[now].hide();
      for (const name of TABS) {
        modes[name].panel.hidden = name !== tab;
        const link = byId(`tab-${name}`);
        if (name === tab) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      }
      now = tab;
      document.body.dataset.tab = tab;
      if (location.hash !== `#${tab}`) history.replaceState(null, '', `#${tab}`);
    }
    modes[tab].show();
  };

  const context: Context = {
    board,
    networks,
    network: networks.some(({ name }) => name === savedNetwork()) ? savedNetwork() : undefined,
    open,
    gauge,
    analyseLine: (line) => {
      line.go(line.length);
      (modes.analyse as Analyse).setLine(line);
      open('analyse');
    },
    reviewPgn: (pgn) => {
      open('review');
      void (modes.review as Review).review(pgn);
    },
  };
  modes.play = new Play(context);
  modes.analyse = new Analyse(context);
  modes.review = new Review(context);
  byId('panels').replaceChildren(...TABS.map((tab) => modes[tab].panel));

  const step = (to: 'first' | 'previous' | 'next' | 'last') => now && modes[now].step(to);
  byId('board-controls').append(
    iconButton('flip', 'Flip the board', () => (board.orientation = board.orientation === 'white' ? 'black' : 'white'), { title: 'Flip the board (f)', id: 'flip' }),
    iconButton('first', 'First position', () => step('first'), { title: 'First position (Home)' }),
    iconButton('previous', 'Previous position', () => step('previous'), { title: 'Previous position (←)' }),
    iconButton('next', 'Next position', () => step('next'), { title: 'Next position (→)' }),
    iconButton('last', 'Last position', () => step('last'), { title: 'Last position (End)' }),
  );
  document.addEventListener('keydown', (event) => {
    const at = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (at.closest('input, textarea, select') || at.id === 'board') return;
    const to = STEPS[event.key as keyof typeof STEPS];
    if (to) {
      step(to);
      event.preventDefault();
    } else if (event.key === 'f') byId('flip').click();
  });
  const tabOf = (): Tab => TABS.find((tab) => location.hash === `#${tab}`) ?? 'play';
  window.addEventListener('hashchange', () => open(tabOf()));
  open(tabOf());
  api.startHeartbeat();
  document.body.dataset.ready = 'true';
}

void start();
