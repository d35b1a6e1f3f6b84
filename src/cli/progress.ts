/** A progress bar on a terminal, and nothing elsewhere. */

export type Progress = {
  show: (bytes: number, messages: number) => void;
  /** A line that does not disturb the bar. */
  aside: (text: string) => void;
  end: (messages: number) => void;
};

const WIDTH = 30;
const REDRAW_MS = 100;

/** `total` bytes; undefined when nobody knows. */
export function progress(total: number | undefined): Progress {
  const terminal = process.stderr.isTTY === true;
  const from = performance.now();
  let drawn = 0;
  const rate = (messages: number): string =>
    `${messages.toLocaleString('en')} messages, ${Math.round(messages / ((performance.now() - from) / 1_000)).toLocaleString('en')}/s`;
  const draw = (text: string): void => void process.stderr.write(`\r\u001b[K${text}`);
  return {
    show(bytes, messages) {
      if (!terminal || performance.now() - drawn < REDRAW_MS) return;
      drawn = performance.now();
      const share = total ? Math.min(1, bytes / total) : undefined;
      const bar = share === undefined ? '' : `${'█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░')} ${Math.round(share * 100)} %  `;
      draw(bar + rate(messages));
    },
    aside(text) {
      process.stderr.write(`${terminal ? '\r\u001b[K' : ''}${text}\n`);
    },
    end(messages) {
      if (terminal) draw(`${rate(messages)}\n`);
    },
  };
}
