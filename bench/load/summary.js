/** What a script says at its end: the whole data for `bun run bench` in SUMMARY, and one line a metric that matters. */
const SHOWN = /^(acknowledged|delivered|failed|dropped_iterations|messages_|sockets_closed|.*_ms$|.*_ms\{)/;

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
  const out = { stdout: `${lines.join('\n')}\n` };
  if (__ENV.SUMMARY) out[__ENV.SUMMARY] = JSON.stringify(data);
  return out;
}
