import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Change, CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

// Says what the graph's SDL changes against the last commit, and ends with status 1 when a change breaks
// clients. Who means it says so with GRAPHMDM_BREAKING_SDL=1; what is dangerous is listed only.

const file = 'schema/schema.graphql';

/** The SDL of the last commit; null without git, without a commit, or before the first SDL. */
function committed(): string | null {
  const { status, stdout } = spawnSync('git', ['show', `HEAD:${file}`], { encoding: 'utf8' });
  return status === 0 ? stdout : null;
}

function list(changes: readonly Change[], heading: string): void {
  if (changes.length === 0) return;
  console.log(`${heading}:`);
  for (const { message } of changes) console.log(`  ${message}`);
}

const before = committed();
if (before === null) {
  console.log(`${file} is new: nothing to compare it with.`);
} else {
  const changes = await diff(buildSchema(before), buildSchema(readFileSync(file, 'utf8')));
  const of = (level: CriticalityLevel) =>
    changes.filter(({ criticality }) => criticality.level === level);
  const breaking = of(CriticalityLevel.Breaking);
  list(of(CriticalityLevel.Dangerous), 'May surprise clients');
  list(breaking, 'Breaks clients');
  if (breaking.length > 0 && process.env['GRAPHMDM_BREAKING_SDL'] !== '1') {
    console.log('Set GRAPHMDM_BREAKING_SDL=1 when that is meant.');
    process.exitCode = 1;
  }
}
