/** Where a password comes from on the command line: stdin, a person at a terminal, or chance. Never an argument, which every process of the machine could read. */
import { randomInt } from 'node:crypto';

export type GivenPassword = { password: string; generated: boolean };

/** From stdin when told so (one line end is cut), else asked for on a terminal, else generated. */
export async function obtainPassword(fromStdin: boolean): Promise<GivenPassword> {
  if (fromStdin) return { password: (await new Response(Bun.stdin.stream()).text()).replace(/\r?\n$/, ''), generated: false };
  if (process.stdin.isTTY && process.stderr.isTTY) return { password: await ask('Password: '), generated: false };
  return { password: generatePassword(), generated: true };
}

/** 20 characters that are not confused when read aloud: 98 bits. */
export function generatePassword(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  return Array.from({ length: 20 }, (_, at) => (at > 0 && at % 5 === 0 ? '-' : '') + alphabet[randomInt(alphabet.length)]).join('');
}

/** Reads a line without showing it. */
function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise((done) => {
    let text = '';
    const finish = (): void => {
      stdin.setRawMode(false);
      stdin.off('data', hear);
      stdin.pause();
      stderr.write('\n');
    };
    const hear = (chunk: string): void => {
      for (const character of chunk) {
        if (character === '\r' || character === '\n') {
          finish();
          done(text);
          return;
        }
        if (character === '\u0003') {
          finish();
          process.exit(130);
        }
        text = character === '\u007f' || character === '\b' ? [...text].slice(0, -1).join('') : text + character;
      }
    };
    stdin.on('data', hear);
    stdin.resume();
  });
}
