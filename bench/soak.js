/** The mixed load for 30 minutes (or DURATION). Budget besides: the server's memory grows by less than 5 MiB in 10 minutes (told by `bun run bench`). */
export { find, handleSummary, hear, options, read, say } from './mixed.js';
