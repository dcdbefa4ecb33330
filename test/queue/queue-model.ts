/** What a channel's queue is to do, without a database: the rules in their shortest form. */
export class QueueModel {
  /** First in, first out. */
  readonly queue: string[] = [];
  readonly putOff = new Map<string, number>();
  readonly ended = new Map<string, { readonly ended: string; readonly status: string | null }>();
  readonly strays = new Map<string, string>();
  /** What was told by events, one for each thing that happened. */
  readonly events: string[] = [];

  enqueue(uuid: string): void {
    this.queue.push(uuid);
  }

  /** The first of the queue, whether it was put off or not. */
  idle(): string | null {
    return this.queue[0] ?? null;
  }

  /** Ends a command; a late answer joins how it ended; of a stray the first counts. */
  report(uuid: string, status: string): string | null {
    const known = this.ended.get(uuid);
    if (this.#remove(uuid)) {
      this.ended.set(uuid, { ended: 'ANSWERED', status });
      this.events.push(`CommandAnswered ${uuid}`);
    } else if (known?.status === null) {
      this.ended.set(uuid, { ...known, status });
      this.events.push(`CommandAnswered ${uuid}`);
    } else if (known === undefined) {
      this.#stray(uuid, status);
    }
    return this.idle();
  }

  /** Leaves the command where it is, and passes over all that were ever put off. */
  notNow(uuid: string): string | null {
    if (this.queue.includes(uuid)) {
      this.putOff.set(uuid, (this.putOff.get(uuid) ?? 0) + 1);
      this.events.push(`CommandNotNow ${uuid}`);
    } else if (!this.ended.has(uuid)) {
      this.#stray(uuid, 'NotNow');
    }
    return this.queue.find((each) => !this.putOff.has(each)) ?? null;
  }

  /** Everything that waits ends unanswered. */
  clear(reason: string): void {
    for (const uuid of this.queue.splice(0)) {
      this.ended.set(uuid, { ended: reason, status: null });
      this.events.push(`CommandEnded ${uuid}`);
    }
  }

  #remove(uuid: string): boolean {
    const place = this.queue.indexOf(uuid);
    if (place >= 0) this.queue.splice(place, 1);
    return place >= 0;
  }

  #stray(uuid: string, status: string): void {
    if (this.strays.has(uuid)) return;
    this.strays.set(uuid, status);
    this.events.push('StrayReportReceived');
  }
}
