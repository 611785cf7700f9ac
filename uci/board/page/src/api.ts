// The server: requests, and what happens when it is away.

export type After = Record<
  'opponent_attacks' | 'own_attacks' | 'own_loose' | 'opponent_loose' | 'piece_attacks',
  string[]
>;
export type AnalysedMove = {
  move: string;
  san: string;
  win_prob: number;
  score_cp: number;
  wdl: [number, number, number];
  verdict: string | null;
  distribution: number[];
  after: After;
};
export type Analysis = { fen: string; best: string; moves: AnalysedMove[]; network: string };
export type ChosenMove = { move: string; san: string; win_prob: number; entropy_bits: number };
export type Attention = { squares: number[][][][]; moves: Record<string, number[][][]> };
export type Judgement = 'inaccuracy' | 'mistake' | 'blunder';
export type ReviewedMove = {
  ply: number;
  move: string;
  san: string;
  color: 'white' | 'black';
  win_prob: number;
  white_win_prob: number;
  white_band: [number, number];
  given_away: number;
  judgement: Judgement | null;
  accuracy: number;
  best: string;
  best_san: string;
  best_win_prob: number;
  entropy_bits: number;
  only_move: boolean;
  verdict: string | null;
  fen: string;
};
export type Sides<T> = { white: T; black: T };
export type ReviewedGame = {
  white: string;
  black: string;
  result: string;
  event: string;
  date: string;
  start_fen: string;
  start_white_win_prob: number;
  accuracy: Sides<number | null>;
  judgements: Sides<Record<Judgement, number>>;
  turning_points: number[];
  moves: ReviewedMove[];
  pgn: string;
};
export type PlayerSummary = {
  games: number;
  moves: number;
  accuracy: number | null;
  given_away_a_move: number | null;
  best_move_rate: number | null;
  inaccuracy_count: number;
  mistake_count: number;
  blunder_count: number;
};
export type Review = {
  games: ReviewedGame[];
  players: Record<string, PlayerSummary>;
  left_out: Record<string, number>;
};
export type Network = { name: string; elo_range: [number, number] | null; attention: boolean };
export type PositionBody = { fen: string; moves?: string[]; network?: string };

const RETRY_MS = 1000;
const HEARTBEAT_MS = 4000;

/** What the server says of a request that it cannot serve. */
export class ApiError extends Error {}

let online = true;
let back: Promise<void> | undefined;
const listeners: ((online: boolean) => void)[] = [];

export const onConnection = (call: (online: boolean) => void): void => void listeners.push(call);

function setOnline(value: boolean): void {
  if (value === online) return;
  online = value;
  for (const call of listeners) call(online);
}

/** Waits until the server answers; everybody waits for the same promise. */
function untilBack(): Promise<void> {
  setOnline(false);
  back ??= new Promise((resolve) => {
    const ask = async () => {
      try {
        if ((await fetch('/api/about')).ok) {
          back = undefined;
          setOnline(true);
          return resolve();
        }
      } catch {
        // still away
      }
      window.setTimeout(ask, RETRY_MS);
    };
    window.setTimeout(ask, RETRY_MS);
  });
  return back;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  for (;;) {
    try {
      const response = await fetch(path, init);
      setOnline(true);
      if (response.ok) return response;
      const said = await response.json().catch(() => ({}));
      throw new ApiError(said.error ?? `the server answered with status ${response.status}`);
    } catch (error) {
      if (error instanceof ApiError || init.signal?.aborted) throw error;
      await untilBack(); // then ask again
    }
  }
}

const post = (path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
  send(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });

export const about = async (): Promise<{ networks: Network[] }> => (await send('/api/about', {})).json();

export const analyse = async (body: PositionBody, signal?: AbortSignal): Promise<Analysis> =>
  (await post('/api/analyse', { ...body, details: true }, signal)).json();

export const chooseMove = async (
  body: PositionBody & { elo?: number },
  signal?: AbortSignal,
): Promise<ChosenMove> => (await post('/api/move', body, signal)).json();

export const attention = async (body: PositionBody, signal?: AbortSignal): Promise<Attention> =>
  (await post('/api/attention', body, signal)).json();

export const review = async (pgn: string, network?: string): Promise<Review> =>
  (await post('/api/review', { pgn, network })).json();

export const reviewPage = async (pgn: string, network?: string): Promise<string> =>
  (await post('/api/review.html', { pgn, network })).text();

/** Notices that the server went away even while nothing is asked. */
export function startHeartbeat(): void {
  window.setInterval(() => {
    if (online && !document.hidden) void about().catch(() => undefined);
  }, HEARTBEAT_MS);
}
