import { describe, expect, test } from 'bun:test';
import { createLog, readableLine } from '../../src/lib/log.ts';

const written = (work: (log: ReturnType<typeof createLog>) => void): string[] => {
  const lines: string[] = [];
  work(createLog({ level: 'info', to: { write: (line) => void lines.push(line) } }));
  return lines;
};

const COLOR = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl';

describe('the log', () => {
  test('writes JSON lines with level, time and message', () => {
    const [line] = written((log) => log.info({ event: 'listening', url: 'http://x' }, 'listening'));
    expect(JSON.parse(line!)).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), event: 'listening', url: 'http://x', message: 'listening' });
  });

  test('keeps no secret, wherever it stands', () => {
    const secrets = {
      headers: { authorization: `Bearer ${JWT}`, Cookie: 'a=b' },
      body: { password: 'hunter2', newPassword: 'hunter2', nested: { deep: { deeper: { refreshToken: 'hunter2' } } } },
      list: [{ ticket: 'hunter2' }],
      url: '/api/v1/ws?ticket=hunter2&room=1',
      note: `it said ${JWT} to me`,
    };
    const [line] = written((log) => log.info(secrets, `a line with ${JWT} in it`));
    expect(line).not.toContain('hunter2');
    expect(line).not.toContain('eyJ');
    expect(line).not.toContain('a=b');
    expect(JSON.parse(line!).url).toBe('/api/v1/ws?ticket=[redacted]&room=1');
  });

  test('keeps numbers under such names, and leaves other lines as they are', () => {
    const [line] = written((log) => log.info({ tokens: 3, room: 'x' }, 'y'));
    expect(JSON.parse(line!)).toMatchObject({ tokens: 3, room: 'x' });
  });

  test('is one line whatever a name holds, and can’t move the cursor of a terminal', () => {
    const name = 'ann\n{"level":"error"}\u001b[2J\u2028x';
    const [line] = written((log) => log.info({ name }, name));
    expect(line!.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(line!).name).toBe(name);
    const readable = readableLine(line!).replaceAll(COLOR, '');
    expect(readable.trimEnd()).not.toContain('\n');
    expect(readable).not.toContain('\u001b');
  });

  test('writes errors with their stack and causes', () => {
    const [line] = written((log) => log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed'));
    expect(JSON.parse(line!).err).toMatchObject({ message: expect.stringContaining('outer'), stack: expect.stringContaining('inner') });
  });
});
