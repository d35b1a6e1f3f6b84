/** Why an aim or a budget is not met, as measured: shown by `bun run bench report` beside those that are not, and only there. Written by hand. */

/** By ratio (its id, or id and title where several share one) or k6 script. */
export const REASONS: Record<string, string> = {
  'R12 search endpoint / in pgbench only the statement that finds the page':
    'no aim of its own: the limit is told the way that ours first has to find (two statements more, for each search), and makes no JSON; the row above is R12',
};
