import type { Contender } from './contenders/contender.ts';
import {
  benchDatabases,
  dropDatabase,
  makeDatabase,
  openBenchDatabase,
  renameDatabase,
} from './database.ts';
import { type Shape, titleOf } from './shape.ts';

/** Databases that are filled once, and copied for every round. */
export interface Templates {
  /** The template that has this shape, filled if it is not there yet. */
  of(contender: Contender, shape: Shape): Promise<string>;
  /** Drops them, unless they are to be kept. */
  end(): Promise<void>;
}

const prefix = 'graphmdm_bench_template_';

/**
 * @param keep whether what is filled is kept for later runs, and what earlier ones kept is used. A later
 *   version of this server brings a copy up to date when it starts.
 */
export function openTemplates(keep: boolean): Templates {
  const filled = new Set<string>();
  const begin = keep ? prefix : `graphmdm_bench_${process.pid}_template_`;
  return {
    async of(contender, shape) {
      const { enrollments, history, deep } = shape;
      const name = `${begin}${contender.family}_${enrollments}_${history}_${deep ?? 'spread'}`;
      if (filled.has(name) || (await benchDatabases(name)).includes(name)) return name;
      // Under another name until it is whole.
      const unfinished = `graphmdm_bench_${process.pid}_filling_${contender.family}`;
      await makeDatabase(unfinished);
      const database = await openBenchDatabase(unfinished);
      try {
        const began = performance.now();
        await contender.fill(database, shape);
        const seconds = Math.round((performance.now() - began) / 1000);
        process.stderr.write(`${contender.family}: ${titleOf(shape)}, filled in ${seconds} s\n`);
        await database.close();
        await renameDatabase(unfinished, name);
      } catch (error) {
        await database.drop();
        throw error;
      }
      filled.add(name);
      return name;
    },
    async end() {
      if (keep) return;
      for (const name of filled) await dropDatabase(name);
    },
  };
}
