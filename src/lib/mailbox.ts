/**
 * The bounded order of one sender's work: shared tasks are started one after the other without waiting, a task that must be
 * alone waits for all before it and holds up all behind it. Bun does not wait for async handlers, so without this two commands
 * of one socket would race. It never drops a task; whoever posts counts them.
 */

export type Task = {
  /** Waits for everything before it, and everything behind waits for it. */
  alone: boolean;
  /** What has to be known before the task is started, e.g. whether a rate allows it; must not reject. */
  gate?: Promise<unknown> | undefined;
  /** Must not reject. Its synchronous part runs in the order of posting. */
  start: () => Promise<unknown>;
};

export class Mailbox {
  private readonly tasks: Task[] = [];
  private running = 0;
  private exclusive = false;
  private gated = false;

  post(task: Task): void {
    this.tasks.push(task);
    this.advance();
  }

  private advance(): void {
    while (!this.gated && this.tasks.length > 0) {
      const task = this.tasks[0]!;
      if (this.exclusive || (task.alone && this.running > 0)) return;
      if (task.gate) {
        this.gated = true;
        const { gate } = task;
        task.gate = undefined;
        void gate.then(() => {
          this.gated = false;
          this.advance();
        });
        return;
      }
      this.tasks.shift();
      this.running++;
      this.exclusive = task.alone;
      void task.start().then(() => {
        this.running--;
        if (task.alone) this.exclusive = false;
        this.advance();
      });
    }
  }
}
