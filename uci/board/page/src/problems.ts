// What chessops says of impossible positions, in words.

const WORDS: Record<string, string> = {
  ERR_EMPTY: 'the board is empty',
  ERR_KINGS: 'each side needs one king',
  ERR_OPPOSITE_CHECK: 'the side that is not to move is in check',
  ERR_PAWNS_ON_BACKRANK: 'there is a pawn on the first or last rank',
  ERR_IMPOSSIBLE_CHECK: 'no move leads to this check',
};

export const positionProblem = (code: string): string => WORDS[code] ?? code;
