/** `bun run bench …`: one command for every measurement. It only reads what was asked for; each kind is a file of its own. */
import { parseArgs } from 'node:util';
import { load } from './load.ts';
import { SCRIPTS } from './scripts.ts';

const USAGE = `bun run bench                            all k6 scripts, short
bun run bench send --rate 5000 --duration 30s   one or several of: ${SCRIPTS.map(({ name }) => name).join(' ')}
bun run bench … --url https://…          against a server elsewhere (start it with RATE_LIMITS=false WS_PER_USER=1000)
bun run bench ratio [R1 R4 …] [--pairs 5] [--ms 3000]   ours over the raw limit, in the same run
bun run bench peers                      socket.io, ws, bare Bun and Parlour on the same work
bun run bench scaling                    plots over rooms, subscribers and rates
bun run bench live [storm …]             sends, delivery, storm, fan-out and memory of the live side, in one table
bun run bench guard [--keep]             short ratios against the committed ones; --keep makes these the committed ones
bun run bench report                     rewrites the tables of docs/performance.md from bench/results
bun run bench profile send               one script with a CPU profile of the server

--rate N  --duration 30s  --sockets N  --messages 1000000 (history and search)  --url URL`;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rate: { type: 'string' },
      duration: { type: 'string' },
      sockets: { type: 'string' },
      messages: { type: 'string' },
      url: { type: 'string' },
      pairs: { type: 'string' },
      ms: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [first = '', ...rest] = positionals;
  switch (first) {
    case 'ratio': {
      const { ratios } = await import('./ratio/run.ts');
      return (await ratios(rest, { pairs: Number(values.pairs ?? 5), ms: Number(values.ms ?? 3_000) })) ? 0 : 1;
    }
    case 'peers': {
      const { peers } = await import('./peers/run.ts');
      return (await peers({ ms: Number(values.ms ?? 3_000), rounds: Number(values.pairs ?? 3) })) ? 0 : 1;
    }
    case 'scaling': {
      const { scaling } = await import('./scaling.ts');
      return (await scaling({ ms: Number(values.ms ?? 4_000) })) ? 0 : 1;
    }
    case 'live': {
      const { live } = await import('./live.ts');
      return (await live(rest)) ? 0 : 1;
    }
    case 'guard': {
      const { guard } = await import('./guard.ts');
      return (await guard({ keepThem: values.keep })) ? 0 : 1;
    }
    case 'report': {
      const { report } = await import('./report.ts');
      report();
      return 0;
    }
    case 'profile': {
      const { profile } = await import('./profile.ts');
      return (await profile(rest[0] ?? 'send', values)) ? 0 : 1;
    }
  }
  const names = positionals.length > 0 ? positionals : SCRIPTS.map(({ name }) => name).filter((name) => name !== 'soak');
  const unknown = names.filter((name) => !SCRIPTS.some((script) => script.name === name));
  if (unknown.length > 0) {
    console.error(`There is no bench called ${unknown.join(', ')}.\n\n${USAGE}`);
    return 2;
  }
  return (await load(names, values)) ? 0 : 1;
}

process.exit(
  await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }),
);
