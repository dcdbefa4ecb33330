import type { Contender } from './contenders/contender.ts';
import type { Figures } from './measure.ts';
import type { Series } from './series.ts';

/** Runs contenders in turn (A B A B …), so that what changes on the machine meets all of them. */
export async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
  once: (contender: Contender, round: number) => Promise<Figures>,
): Promise<readonly Series[]> {
  const series = contenders.map(({ name }) => ({ name, rounds: [] as Figures[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, contender] of contenders.entries()) {
      const figures = await once(contender, round);
      series[at]?.rounds.push(figures);
      const note = figures.problems.length > 0 ? `  INVALID: ${figures.problems.join('; ')}` : '';
      process.stderr.write(
        `${contender.name}, round ${round + 1}: ${figures.requests} requests, ` +
          `${figures.serverMs.toFixed(3)} + ${figures.databaseMs.toFixed(3)} ms each${note}\n`,
      );
    }
  }
  return series;
}
