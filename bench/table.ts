/** Tables for a terminal and for Markdown: columns as wide as their longest cell, numbers on the right. */

/** Lines of a table; cells that look like numbers are set to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)));
  const right = head.map((_, at) => at > 0 && rows.every((row) => /^[-–\d.,%× ±]*(ms|s|\/s|KiB|MiB)?$/.test(row[at] ?? '')));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => (right[at] ? (cells[at] ?? '').padStart(width) : (cells[at] ?? '').padEnd(width))).join(' | ')} |`;
  const rule = `|${widths.map((width, at) => (right[at] ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
