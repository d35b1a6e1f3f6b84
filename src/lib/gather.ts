/**
 * One statement for all who ask at once: what is asked while a statement is on its way goes together with the next. Two thousand
 * sockets that come back together ask some dozen questions instead of thousands, and a lone one waits for nothing.
 */

export type GatherOptions<Question> = {
  /** Weight of one list; a heavier question goes alone. */
  most: number;
  /** Lists on their way at once. */
  inFlight: number;
  /** Looked at when its list is made; 1 when left out. */
  weigh?: (question: Question) => number;
};

/** `ask` answers a list of questions in their order. A failure is everybody's who was in that list. */
export function createGather<Question, Answer>(
  ask: (questions: Question[]) => Promise<readonly Answer[]>,
  { most, inFlight, weigh = () => 1 }: GatherOptions<Question>,
): (question: Question) => Promise<Answer> {
  type Waiting = { question: Question; answer: PromiseWithResolvers<Answer> };
  let waiting: Waiting[] = [];
  let running = 0;

  function next(): Waiting[] {
    let weight = 0;
    let count = 0;
    for (const { question } of waiting) {
      weight += weigh(question);
      if (count > 0 && weight > most) break;
      count++;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  async function run(): Promise<void> {
    running++;
    // Whoever asks in this tick is in the first list already.
    await undefined;
    while (waiting.length > 0) {
      const batch = next();
      // What did not fit need not wait for what did.
      if (waiting.length > 0 && running < inFlight) void run();
      try {
        const answers = await ask(batch.map(({ question }) => question));
        for (const [at, { answer }] of batch.entries()) answer.resolve(answers[at]!);
      } catch (error) {
        for (const { answer } of batch) answer.reject(error);
      }
    }
    running--;
  }

  return (question) => {
    const answer = Promise.withResolvers<Answer>();
    waiting.push({ question, answer });
    if (running === 0) void run();
    return answer.promise;
  };
}
