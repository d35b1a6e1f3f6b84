/** Reads the committed sample of real chat (README.md beside this file has its source and licence). */
import { gunzipSync } from 'node:zlib';

export interface SampleLine {
  room: string;
  at: string;
  nick: string;
  text: string;
}

/** Returns the 33,337 messages of the sample in the order of their rooms and times. */
export async function readSample(): Promise<SampleLine[]> {
  const text = new TextDecoder().decode(gunzipSync(new Uint8Array(await Bun.file(new URL('sample.tsv.gz', import.meta.url)).arrayBuffer())));
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [room = '', at = '', nick = '', ...rest] = line.split('\t');
      return { room, at, nick, text: rest.join('\t') };
    });
}
