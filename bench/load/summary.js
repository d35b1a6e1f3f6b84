/** What a script says at its end: the whole data for `bun run bench` in SUMMARY, and one line a metric that matters. */
const SHOWN = /^(checks|delivered|failed|resumed|unfinished|dropped_iterations|messages_|sockets_stayed|.*_ms$|.*_ms\{)/;

export function handleSummary(data) {
  const lines = [];
  for (const [name, { values, thresholds }] of Object.entries(data.metrics).sort()) {
    if (!SHOWN.test(name)) continue;
    const figures = Object.entries(values)
      .filter(([key]) => key !== 'rate')
      .map(([key, value]) => `${key} ${Math.round(value * 100) / 100}`);
    const budgets = Object.entries(thresholds || {}).map(([text, { ok }]) => `${ok ? 'met' : 'NOT MET'}: ${text}`);
    lines.push(`  ${name.padEnd(24)} ${figures.join(' · ')}${budgets.length > 0 ? `   [${budgets.join(', ')}]` : ''}`);
  }
  for (const { name, passes, fails } of checksOf(data.root_group)) if (fails > 0) lines.push(`  FAILED: ${name} (${fails} of ${passes + fails})`);
  const out = { stdout: `${lines.join('\n')}\n` };
  if (__ENV.SUMMARY) out[__ENV.SUMMARY] = JSON.stringify(data);
  return out;
}

/** A list in k6 1.x, named by their names in 2.x. */
const checksOf = (group) => (group?.checks ? Object.values(group.checks) : []);
