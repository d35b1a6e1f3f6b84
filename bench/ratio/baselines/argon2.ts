/** R10's limit: verifies one hash over and over for MS milliseconds, as many at once as there are cores; prints how many a second. */
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';

const kept = await hash('parlour-seed', { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
const started = performance.now();
const until = started + Number(process.env.MS ?? 3_000);
let done = 0;
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    while (performance.now() < until) {
      if (!(await verify(kept, 'parlour-seed'))) throw new Error('the right password was refused');
      done++;
    }
  }),
);
console.log(JSON.stringify({ rate: done / ((performance.now() - started) / 1_000) }));
