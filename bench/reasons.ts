/** Why an aim or a budget is not met, as measured: shown by `bun run bench report` beside those that are not, and only there. Written by hand. */

/** By ratio (its id, or id and title where several share one) or k6 script. */
export const REASONS: Record<string, string> = {};
